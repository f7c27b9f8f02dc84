//! `tls { … }` of a server: its certificate, and whom it asks for one.

use super::acme;
use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{Hsts, ServerTls, TlsVersion};
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
]]);

static CERT: Word = Word::simple("cert", "FILE", "The certificate chain, PEM.");
static KEY: Word = Word::simple("key", "FILE", "The certificate's key, PEM.");
static VERSIONS: Word =
    Word::simple("versions", "\"1.2\" \"1.3\"", "The TLS versions offered. Default both.");
static CLIENT_CA: Word =
    Word::simple("client-ca", "FILE", "Client certificates are asked for, and checked against this CA.")
        .properties(&["require"]);
static HSTS: Word = Word::simple("hsts", "DURATION", "`Strict-Transport-Security` on every answer over TLS.")
    .properties(&["subdomains"]);

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
            "key" => key = child.need::<String>(reading),
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
    tls.certificate = pair(node.span, cert, key, tls.acme.is_some(), reading);
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

fn read_client_ca(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<(String, bool)>> {
    let ca = node.need::<String>(reading)?;
    let require = node.property("require", reading).is_none_or(|require| require.value);
    Some(Spanned::new((ca.value, require), ca.span))
}

fn read_hsts(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Hsts> {
    let age = node.need::<Duration>(reading)?;
    let subdomains = node.property("subdomains", reading).is_some_and(|subdomains| subdomains.value);
    Some(Hsts::new(age.value, subdomains))
}
