//! Credentials that stand in a header's value.

use super::text::template;
use crate::placeholder::{Part, Template};
use crate::table::FieldName;

/// How credentials are shown by name; whatever else stands before them may be one itself.
const SCHEMES: [&str; 3] = ["basic", "bearer", "token"];

/// A header's value as it is shown: with `***` in the place of a fixed credential.
pub(super) fn masked(name: &FieldName, value: &Template) -> String {
    let hide = match name.as_str().to_ascii_lowercase().as_str() {
        "authorization" | "proxy-authorization" => without_credential,
        "cookie" => without_values,
        _ => return template(value),
    };
    match value.as_text() {
        Some(text) if !text.is_empty() => template(&Template { parts: vec![Part::Text(hide(text))] }),
        _ => template(value),
    }
}

/// `Bearer ***`
fn without_credential(text: &str) -> String {
    match text.split_once(' ') {
        Some((scheme, _)) if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            format!("{scheme} ***")
        }
        _ => "***".to_owned(),
    }
}

/// `sid=***; lang=***`
fn without_values(text: &str) -> String {
    let hidden = text.split(';').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    });
    hidden.collect::<Vec<_>>().join(";")
}
