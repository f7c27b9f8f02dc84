//! `tls { … }` of a server: its certificate, and whom it asks for one.

use super::acme;
use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{ServerTls, TlsVersion};
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

pub(super) fn read(
    kdl: &KdlNode,
    hosts: &[Spanned<String>],
    reading: &mut Reading<'_>,
) -> Spanned<ServerTls> {
    let node = Node::open(kdl, &WORD, reading);
    let mut tls = ServerTls {
        certificate: None,
        acme: None,
        versions: vec![TlsVersion::Tls12, TlsVersion::Tls13],
        client_ca: None,
        hsts: None,
    };
    let (mut cert, mut key) = (None, None);
    for (word, child) in node.block() {
        let mut child = Node::open(child, word, reading);
        match word.name {
            "cert" => cert = child.need::<String>(reading),
            "key" => key = child.need::<String>(reading),
            "versions" => tls.versions = read_versions(&mut child, reading),
            "acme" => tls.acme = Some(acme::read_server(&mut child, hosts, reading)),
            "client-ca" => tls.client_ca = read_client_ca(&mut child, reading),
            _ => tls.hsts = read_hsts(&mut child, reading),
        }
        child.finish(reading);
    }
    tls.certificate = pair(node.span, cert, key, tls.acme.is_some(), reading);
    let span = node.span;
    node.finish(reading);
    Spanned::new(tls, span)
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

fn read_client_ca(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<(String, bool)> {
    let ca = node.need::<String>(reading)?;
    let require = node.property("require", reading).is_none_or(|require| require.value);
    Some((ca.value, require))
}

fn read_hsts(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<(Duration, bool)> {
    let age = node.need::<Duration>(reading)?;
    let subdomains = node.property("subdomains", reading).is_some_and(|subdomains| subdomains.value);
    Some((age.value, subdomains))
}
