//! `acme`: certificates from an issuer; in `vordr` the account, in `tls` the server that wants one.

use super::text::{one_of, wrong};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{Acme, AcmeAccount, AcmeChallenge, ExternalAccount};
use crate::word::Word;
use std::net::IpAddr;

pub(super) static OF_PROCESS: Word =
    Word::simple("acme", "", "The account for every server whose certificate comes from ACME.")
        .properties(&["directory", "ca", "email", "eab-kid", "eab-key"]);

pub(super) static OF_SERVER: Word =
    Word::simple("acme", "[EMAIL]", "The certificate comes from ACME; the address is the contact.")
        .properties(&["challenge"]);

pub(super) fn read_account(node: &mut Node<'_>, reading: &mut Reading<'_>) -> AcmeAccount {
    let directory = node.property::<String>("directory", reading);
    if let Some(directory) = directory.as_ref().filter(|url| !url.value.starts_with("https://")) {
        reading.report(wrong("acme", directory.span, "the directory is an `https://` URL"));
    }
    let kid = node.property::<String>("eab-kid", reading);
    let key = node.property::<String>("eab-key", reading);
    let mut property = |name: &str| node.property::<String>(name, reading);
    let (ca, email) = (property("ca"), property("email"));
    reading.acme_ca.clone_from(&ca);
    AcmeAccount {
        directory: directory.map(|url| url.value),
        ca: ca.map(|file| file.value),
        email: email.map(|address| address.value),
        external: external(node.span, kid, key, reading),
    }
}

/// `eab-kid` and `eab-key` belong together.
fn external(
    acme: Span,
    kid: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    reading: &mut Reading<'_>,
) -> Option<ExternalAccount> {
    if let Some(key) = &key {
        reading.secrets.push(key.value.clone());
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
        if key.value.is_empty() || !key.value.bytes().all(is_base64url) {
            reading.report(wrong(
                "eab-key",
                key.span,
                "the key is written in base64url, as the issuer gives it",
            ));
        }
    }
    let lacking = |span, word| {
        Diagnostic::error("incomplete-acme", span, format!("`acme` lacks `{word}`"))
            .label("`eab-kid` and `eab-key` belong together")
    };
    match (kid, key) {
        (Some(kid), Some(key)) => Some(ExternalAccount { key_id: kid.value, key: key.value }),
        (Some(_), None) => {
            reading.report(lacking(acme, "eab-key"));
            None
        }
        (None, Some(_)) => {
            reading.report(lacking(acme, "eab-kid"));
            None
        }
        (None, None) => None,
    }
}

pub(super) fn read_server(node: &mut Node<'_>, hosts: &[Spanned<String>], reading: &mut Reading<'_>) -> Acme {
    hosts.iter().filter_map(cannot_be_issued).for_each(|error| reading.report(error));
    let email = node.take::<String>(reading).map(|email| email.value);
    let challenge = node.property::<String>("challenge", reading);
    let known = [AcmeChallenge::Http01, AcmeChallenge::TlsAlpn01];
    let challenge = one_of(challenge, &known.map(AcmeChallenge::name), "challenge", reading);
    Acme { email, challenge: challenge.and_then(|at| known.get(at).copied()) }
}

/// Neither challenge that is answered here proves a wildcard or an address.
fn cannot_be_issued(host: &Spanned<String>) -> Option<Diagnostic> {
    let name = &host.value;
    if name.contains('*') || name.starts_with('~') {
        let message =
            format!("ACME issues no certificate for `{name}` here: a wildcard needs a challenge by DNS");
        let error = Diagnostic::error("acme-wildcard", host.span, message);
        return Some(error.label("name the hosts one by one, or give `cert` and `key`"));
    }
    if name.is_empty() {
        let message = "ACME issues no certificate for who names no host";
        let error = Diagnostic::error("acme-address", host.span, message);
        return Some(error.label("leave it out, or give `cert` and `key`"));
    }
    let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    is_address.then(|| {
        let message = format!("ACME issues no certificate for `{name}` here: it is an address");
        Diagnostic::error("acme-address", host.span, message).label("give it a name, or `cert` and `key`")
    })
}
