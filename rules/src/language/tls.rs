//! `tls { … }` of a server: its certificate, and whom it asks for one.

use super::acme;
use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{ClientCa, ClientFailure, Hsts, ServerTls, Sessions, TlsVersion};
use crate::word::Word;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word = Word::simple("tls", "", "The server's certificate.").block(&[&[
    &CERT,
    &KEY,
    &VERSIONS,
    &acme::OF_SERVER,
    &CLIENT_CA,
    &HSTS,
    &SESSIONS,
    &REJECT,
]]);

static CERT: Word = Word::simple("cert", "FILE", "The certificate chain, PEM.");
static KEY: Word = Word::simple("key", "FILE", "The certificate's key, PEM.").properties(&["passwords"]);
static VERSIONS: Word =
    Word::simple("versions", "\"1.2\" \"1.3\"", "The TLS versions offered. Default both.");
static CLIENT_CA: Word =
    Word::simple("client-ca", "[FILE]", "Client certificates are asked for, and checked against this CA.")
        .properties(&["require", "on-failure", "more", "crl", "depth"]);
static HSTS: Word = Word::simple("hsts", "DURATION", "`Strict-Transport-Security` on every answer over TLS.")
    .properties(&["subdomains"]);

static SESSIONS: Word = Word::simple(
    "sessions",
    "tickets | kept | off",
    "How clients take up an earlier session. Default tickets.",
);
static REJECT: Word = Word::simple("reject", "", "Whoever asks for a host of this server is refused.");

/// As it runs, with where its files are named.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub span: Span,
    pub runs: ServerTls,
    pub cert: Option<Span>,
    pub key: Option<Span>,
    pub client_ca: Option<Span>,
    pub acme: Option<Span>,
}

pub(super) fn read(kdl: &KdlNode, hosts: &[Spanned<String>], reading: &mut Reading<'_>) -> Tls {
    let node = Node::open(kdl, &WORD, reading);
    let mut tls = ServerTls {
        certificate: None,
        passwords: None,
        rejects: false,
        sessions: Sessions::default(),
        acme: None,
        versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
        client_ca: None,
        hsts: None,
    };
    let (mut cert, mut key) = (None, None);
    let (mut client_ca, mut acme) = (None, None);
    for (word, child) in node.block() {
        let mut child = Node::open(child, word, reading);
        match word.name {
            "cert" => cert = child.need::<String>(reading),
            "key" => {
                key = child.need::<String>(reading);
                tls.passwords = child.property("passwords", reading).map(|file| file.value);
            }
            "sessions" => tls.sessions = read_sessions(&mut child, reading),
            "reject" => tls.rejects = true,
            "versions" => tls.versions = read_versions(&mut child, reading),
            "acme" => {
                acme = Some(child.span);
                tls.acme = Some(acme::read_server(&mut child, hosts, reading));
            }
            "client-ca" => client_ca = read_client_ca(&mut child, reading),
            _ => tls.hsts = read_hsts(&mut child, reading),
        }
        child.finish(reading);
    }
    let places = (cert.as_ref().map(|cert| cert.span), key.as_ref().map(|key| key.span));
    tls.certificate = match tls.rejects && cert.is_none() && key.is_none() {
        true => None,
        false => pair(node.span, cert, key, tls.acme.is_some(), reading),
    };
    let (client_ca, place) = client_ca.map(|ca| (ca.value, ca.span)).unzip();
    tls.client_ca = client_ca;
    let span = node.span;
    node.finish(reading);
    Tls { span, runs: tls, cert: places.0, key: places.1, client_ca: place, acme }
}

/// `cert` and `key` belong together, and neither beside `acme`.
fn pair(
    tls: Span,
    cert: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    acme: bool,
    reading: &mut Reading<'_>,
) -> Option<(String, String)> {
    let lacking = |span, word| {
        Diagnostic::error("incomplete-tls", span, format!("`tls` lacks `{word}`"))
            .help("a certificate is `cert` and `key`, or `acme`")
    };
    match (cert, key) {
        (Some(cert), Some(_)) if acme => {
            let message = "`acme` takes the place of `cert` and `key`";
            reading.report(
                Diagnostic::error("conflict", cert.span, message).label("leave out one or the other"),
            );
            None
        }
        (Some(cert), Some(key)) => Some((cert.value, key.value)),
        (Some(cert), None) => {
            reading.report(lacking(cert.span, "key"));
            None
        }
        (None, Some(key)) => {
            reading.report(lacking(key.span, "cert"));
            None
        }
        (None, None) if acme => None,
        (None, None) => {
            reading.report(lacking(tls, "cert"));
            None
        }
    }
}

fn read_versions(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Vec<TlsVersion> {
    let mut versions: Vec<_> = node
        .need_some::<String>(reading)
        .into_iter()
        .filter_map(|word| version(Some(word), "versions", reading))
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// `"1.2"` or `"1.3"`.
pub(super) fn version(
    word: Option<Spanned<String>>,
    name: &str,
    reading: &mut Reading<'_>,
) -> Option<TlsVersion> {
    Some(match one_of(word, &["1.2", "1.3"], name, reading)? {
        0 => TlsVersion::Tls12,
        _ => TlsVersion::Tls13,
    })
}

fn read_sessions(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Sessions {
    let names = Sessions::NAMES.map(|(_, name)| name);
    let word = node.need::<String>(reading);
    let at = one_of(word, &names, "sessions", reading);
    at.and_then(|at| Sessions::NAMES.get(at)).map_or_else(Sessions::default, |(sessions, _)| *sessions)
}

fn read_client_ca(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<ClientCa>> {
    let file = node.take::<String>(reading);
    let require = node.property("require", reading).is_none_or(|require| require.value);
    let names = ClientFailure::NAMES.map(|(_, name)| name);
    let on_failure = one_of(node.property("on-failure", reading), &names, "on-failure", reading);
    let on_failure = on_failure.and_then(|at| ClientFailure::NAMES.get(at));
    let on_failure = on_failure.map_or(ClientFailure::Close, |(failure, _)| *failure);
    if file.is_none() && on_failure != ClientFailure::Admit {
        let message = "`client-ca` lacks the file of the authorities";
        let error = Diagnostic::error("missing-argument", node.span, message);
        reading.report(error.help("only with `on-failure=admit` none is needed"));
        return None;
    }
    let span = file.as_ref().map_or(node.span, |file| file.span);
    let mut path = |name| node.property::<String>(name, reading).map(|path| path.value);
    let (more, crl) = (path("more"), path("crl"));
    let depth = node.property::<usize>("depth", reading).map(|depth| depth.value);
    let file = file.map(|file| file.value);
    Some(Spanned::new(ClientCa { file, more, crl, depth, require, on_failure }, span))
}

fn read_hsts(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Hsts> {
    let age = node.need::<Duration>(reading)?;
    let subdomains = node.property("subdomains", reading).is_some_and(|subdomains| subdomains.value);
    Some(Hsts::new(age.value, subdomains))
}
