//! `tls { … }` of a server: its certificates, and whom it asks for one.

use super::acme;
use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{CertificateFiles, ClientCa, ClientFailure, Hsts, ServerTls, Sessions, TlsVersion};
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

static CERT: Word = Word::simple("cert", "FILE", "A certificate chain, PEM.").many();
static KEY: Word =
    Word::simple("key", "FILE", "The certificate's key, PEM.").properties(&["passwords"]).many();
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
    /// Of each certificate's chain and key.
    pub certificates: Vec<(Span, Span)>,
    /// Whether a later certificate takes the place of one whose key is of the same kind.
    pub later_replaces: bool,
    pub client_ca: Option<Span>,
    pub acme: Option<Span>,
}

pub(super) fn read(kdl: &KdlNode, hosts: &[Spanned<String>], reading: &mut Reading<'_>) -> Tls {
    let node = Node::open(kdl, &WORD, reading);
    let mut tls = ServerTls {
        certificates: Vec::new(),
        rejects: false,
        sessions: Sessions::default(),
        acme: None,
        versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
        client_ca: None,
        hsts: None,
    };
    let (mut certs, mut keys) = (Vec::new(), Vec::new());
    let (mut client_ca, mut acme) = (None, None);
    for (word, child) in node.block() {
        let mut child = Node::open(child, word, reading);
        match word.name {
            "cert" => certs.extend(child.need::<String>(reading)),
            "key" => keys.extend(read_key(&mut child, reading)),
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
    if certs.is_empty() && keys.is_empty() && tls.acme.is_none() && !tls.rejects {
        reading.report(lacking(node.span, "cert"));
    }
    let places;
    (tls.certificates, places) = pairs(certs, keys, tls.acme.is_some(), reading).into_iter().unzip();
    let (client_ca, place) = client_ca.map(|ca| (ca.value, ca.span)).unzip();
    tls.client_ca = client_ca;
    let span = node.span;
    node.finish(reading);
    Tls { span, runs: tls, certificates: places, later_replaces: false, client_ca: place, acme }
}

/// A key's file, and that of its passwords.
type Key = (Spanned<String>, Option<String>);

fn read_key(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Key> {
    let key = node.need::<String>(reading);
    let passwords = node.property("passwords", reading).map(|file| file.value);
    Some((key?, passwords))
}

/// `cert` and `key` belong together, the first to the first and so on, and neither beside `acme`.
fn pairs(
    certs: Vec<Spanned<String>>,
    keys: Vec<Key>,
    acme: bool,
    reading: &mut Reading<'_>,
) -> Vec<(CertificateFiles, (Span, Span))> {
    if let Some(cert) = certs.get(keys.len()) {
        reading.report(lacking(cert.span, "key"));
    } else if let Some((key, _)) = keys.get(certs.len()) {
        reading.report(lacking(key.span, "cert"));
    } else if let (Some(cert), true) = (certs.first(), acme) {
        let message = "`acme` takes the place of `cert` and `key`";
        reading.report(Diagnostic::error("conflict", cert.span, message).label("leave out one or the other"));
    }
    let pair = |(cert, (key, passwords)): (Spanned<String>, Key)| {
        let files = CertificateFiles { chain: cert.value, key: key.value, passwords };
        (files, (cert.span, key.span))
    };
    certs.into_iter().zip(keys).map(pair).collect()
}

fn lacking(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error("incomplete-tls", span, format!("`tls` lacks `{word}`"))
        .help("a certificate is `cert` and `key`, or `acme`")
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
        node.lacks(error.help("only with `on-failure=admit` none is needed"), reading);
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
