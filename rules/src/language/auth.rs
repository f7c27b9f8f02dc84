//! `auth`: who may come, by credentials.

use super::header::template;
use super::text;
use crate::diagnostic::{Diagnostic, nearest};
use crate::node::{Node, Reading};
use crate::placeholder::{Part, Template};
use crate::source::{Span, Spanned};
use crate::table::{Auth, AuthKind};
use crate::value::Value;
use crate::word::Word;
use http::HeaderName;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word = Word::simple(
    "auth",
    "basic | key | bearer | jwt | forward | location | off",
    "Who may come, by credentials.",
)
.properties(&[
    "file", "realm", "header", "jwks", "issuer", "audience", "forward", "location", "copy", "as", "delay",
])
.many();

/// As written; `None` is `auth off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<Auth>>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    let auth =
        if node.take_word("off").is_some() { Some(None) } else { read_kind(&mut node, reading).map(Some) };
    node.finish(reading);
    Some(Spanned::new(auth?, span))
}

fn read_kind(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Auth> {
    let copy =
        node.property::<String>("copy", reading).map(|copy| read_copy(&copy, reading)).unwrap_or_default();
    let delay = node.property::<Duration>("delay", reading).map(|delay| delay.value);
    let location = node.property::<String>("location", reading);
    let kind = match (node.property::<String>("forward", reading), location) {
        (Some(url), None) => AuthKind::Forward { url: read_url(url, reading)? },
        (None, Some(path)) => AuthKind::Location { path: read_path(path, reading)? },
        (Some(_), Some(path)) => {
            let error = Diagnostic::error("conflict", path.span, "`auth` asks a server, or a location");
            reading.report(error.label("keep one of them"));
            return None;
        }
        (None, None) => {
            let Some(kind) = node.need::<String>(reading) else {
                node.forget_rest();
                return None;
            };
            read_named(&kind, node, reading)?
        }
    };
    Some(Auth { kind, delay, copy })
}

/// A URL, or the path of a file. Whoever may see the rules would see a password in it.
fn read_url(url: Spanned<String>, reading: &mut Reading<'_>) -> Option<String> {
    let behind_scheme = url.value.split_once("://").map_or("", |(_, rest)| rest);
    let authority = behind_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let error = Diagnostic::error("bad-url", url.span, "credentials have no place in this URL");
        reading.report(error.label("leave out what stands before the `@`"));
        return None;
    }
    Some(url.value)
}

fn read_path(path: Spanned<String>, reading: &mut Reading<'_>) -> Option<String> {
    if !path.value.starts_with('/') || path.value.contains(['?', '#']) {
        reading.report(text::wrong(
            "auth",
            path.span,
            "a location is asked for by its path, such as `\"/auth\"`",
        ));
        return None;
    }
    Some(path.value)
}

fn read_named(kind: &Spanned<String>, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<AuthKind> {
    let span = kind.span;
    // All is read before any of it is asked for, so that what one lacks does not make another one surplus.
    Some(match kind.value.as_str() {
        "basic" => {
            let file = needed("file", node, span, reading);
            let (realm, ways) = (read_realm(node, reading), text::ways(node, reading));
            AuthKind::Basic { file: template(file?, "auth", reading)?.value, realm: realm?, ways }
        }
        "key" => {
            let header = needed::<HeaderName>("header", node, span, reading);
            let file = needed::<String>("file", node, span, reading);
            AuthKind::Key { header: header?.value, file: file?.value }
        }
        "bearer" => AuthKind::Bearer { file: needed::<String>("file", node, span, reading)?.value },
        "jwt" => {
            let jwks = needed("jwks", node, span, reading);
            let (issuer, audience) = (optional("issuer", node, reading), optional("audience", node, reading));
            AuthKind::Jwt { jwks: read_url(jwks?, reading)?, issuer, audience }
        }
        other => {
            node.forget_rest();
            reading.report(unknown(other, span));
            return None;
        }
    })
}

fn unknown(kind: &str, span: Span) -> Diagnostic {
    let error = Diagnostic::error("unknown-word", span, format!("there is no `auth {kind}`"));
    match nearest(kind, ["basic", "key", "bearer", "jwt", "forward", "off"]) {
        Some(meant) => error.label(format!("did you mean `{meant}`?")),
        None => error.label("expected `basic`, `key`, `bearer`, `jwt`, `forward=…` or `location=…`"),
    }
}

fn read_realm(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Template> {
    match node.property::<String>("realm", reading) {
        Some(realm) => template(realm, "auth", reading).map(|realm| realm.value),
        None => Some(Template { parts: vec![Part::Text("restricted".to_owned())] }),
    }
}

fn optional(name: &str, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<String> {
    node.property::<String>(name, reading).map(|found| found.value)
}

fn needed<T: Value>(
    name: &str,
    node: &mut Node<'_>,
    span: Span,
    reading: &mut Reading<'_>,
) -> Option<Spanned<T>> {
    if !node.has_property(name) {
        let error =
            Diagnostic::error("missing-property", span, format!("this kind of `auth` lacks `{name}`"));
        node.lacks(error.label(format!("add `{name}=…`")), reading);
    }
    node.property(name, reading)
}

/// `"sub:X-User email:X-Email"`, or `"X-User X-Groups"` where both names are the same.
fn read_copy(copy: &Spanned<String>, reading: &mut Reading<'_>) -> Vec<(String, HeaderName)> {
    let mut pairs = Vec::new();
    for pair in copy.value.split_whitespace() {
        let (from, to) = pair.split_once(':').unwrap_or((pair, pair));
        match to.parse() {
            Ok(header) => pairs.push((from.to_owned(), header)),
            Err(_) => reading.report(text::wrong("auth", copy.span, format!("`{to}` is no header's name"))),
        }
    }
    pairs
}
