//! Values that are more than text and less than a word of their own: networks, one of several words, URLs.

use crate::diagnostic::{Diagnostic, nearest};
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{FieldName, RegexError, Ways};
use crate::value::{Limit, Raw, Value};
use http::{HeaderName, Method};
use ipnet::IpNet;
use std::net::IpAddr;

impl Value for IpNet {
    const EXPECTED: &'static str = "a network such as `\"10.0.0.0/8\"`, or an address";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let Raw::Text(text) = raw else { return Err(None) };
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        text.parse::<IpNet>()
            .map(|network| network.trunc())
            .map_err(|_| Some(format!("`{text}` is no network")))
    }
}

impl Value for HeaderName {
    const EXPECTED: &'static str = "a header's name";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let Raw::Text(text) = raw else { return Err(None) };
        text.parse().map_err(|_| Some(format!("`{text}` is no header's name")))
    }
}

impl Value for FieldName {
    const EXPECTED: &'static str = HeaderName::EXPECTED;
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        HeaderName::read(raw)?;
        let Raw::Text(text) = raw else { return Err(None) };
        text.parse().map_err(|_| None)
    }
}

impl Value for Method {
    const EXPECTED: &'static str = "a method such as `GET`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let Raw::Text(text) = raw else { return Err(None) };
        let method = text.parse::<Method>().map_err(|_| Some(format!("`{text}` is no method")))?;
        match text.chars().any(|c| c.is_ascii_lowercase()) {
            true => Err(Some(format!("methods are written in capitals: `{}`", text.to_uppercase()))),
            false => Ok(method),
        }
    }
}

/// Which of `known` a word is.
pub(super) fn one_of(
    word: Option<Spanned<String>>,
    known: &[&str],
    name: &str,
    reading: &mut Reading<'_>,
) -> Option<usize> {
    let word = word?;
    let at = known.iter().position(|known| *known == word.value);
    if at.is_none() {
        let error =
            Diagnostic::error("unknown-word", word.span, format!("`{name}` cannot be `{}`", word.value));
        reading.report(match nearest(&word.value, known.iter().copied()) {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None => error.label(format!("expected `{}`", known.join("`, `"))),
        });
    }
    at
}

/// `as=nginx`.
pub(super) fn ways(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Ways {
    let ways = one_of(node.property("as", reading), &["nginx"], "as", reading);
    ways.map_or(Ways::Own, |_| Ways::Nginx)
}

/// A prefix of whole segments, without a `/` at its end.
pub(super) fn path_prefix(word: &str, prefix: Spanned<String>, reading: &mut Reading<'_>) -> Option<String> {
    if !prefix.value.starts_with('/') {
        reading.report(wrong(word, prefix.span, "the prefix starts with `/`"));
        return None;
    }
    Some(prefix.value.trim_end_matches('/').to_owned())
}

/// A number that is not within its bounds.
pub(super) fn out_of_range(word: &str, span: Span, bounds: &str) -> Diagnostic {
    Diagnostic::error("wrong-value", span, format!("`{word}` is out of bounds"))
        .label(format!("expected {bounds}"))
}

/// A limit of nothing at all is never meant: what has no limit is `off`.
pub(super) fn check_not_none<T: PartialEq + Default>(
    word: &str,
    limit: Option<&Spanned<Limit<T>>>,
    reading: &mut Reading<'_>,
) {
    if let Some(limit) = limit.filter(|limit| limit.value.0 == Some(T::default())) {
        let error = wrong(word, limit.span, "0 lets nothing through");
        reading.report(error.label("write `off` for no limit"));
    }
}

/// What is wrong with a regex.
pub(super) fn bad_regex(span: Span, error: &RegexError) -> Diagnostic {
    Diagnostic::error("bad-regex", span, "this regex cannot be compiled").label(error.to_string())
}

/// Reports what is wrong with a value.
pub(super) fn wrong(word: &str, span: Span, message: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error("wrong-value", span, format!("`{word}`: {message}"))
}
