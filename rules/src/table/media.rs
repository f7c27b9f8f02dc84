//! What bodies are said to be: types by the endings of names, and the charset of what is text.

use http::HeaderValue;
use std::collections::BTreeMap;

/// `types`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    /// The type of what has another ending, or none.
    pub default: HeaderValue,
    /// By ending, in lower case and without the dot.
    pub by_ending: BTreeMap<String, HeaderValue>,
}

impl Types {
    /// The type of what has this path.
    pub fn of(&self, path: &[u8]) -> &HeaderValue {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let dot = name.iter().rposition(|byte| *byte == b'.');
        let ending = dot.and_then(|dot| std::str::from_utf8(name.get(dot + 1..)?).ok());
        let known = ending.and_then(|ending| self.by_ending.get(&ending.to_ascii_lowercase()));
        known.unwrap_or(&self.default)
    }
}

/// `charset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charset {
    /// Its name, as it stands in a `Content-Type`.
    pub name: String,
    /// The types that it is said of; `*` is every type.
    pub types: Vec<String>,
}

impl Charset {
    /// A type with the charset said; `None` where it has one, or is none that it is said of.
    pub fn said_of(&self, content_type: &HeaderValue) -> Option<HeaderValue> {
        let text = content_type.to_str().ok()?;
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let has_one = parameters.to_ascii_lowercase().contains("charset=");
        let fits = |known: &String| known == "*" || known.eq_ignore_ascii_case(essence.trim());
        if has_one || !self.types.iter().any(fits) {
            return None;
        }
        HeaderValue::try_from(format!("{text}; charset={}", self.name)).ok()
    }
}

/// `bodies`: how redirects, and failures of vordr's own, look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bodies {
    /// A redirect has none; a failure is a page, an object or a line of text, as the request asks.
    #[default]
    Own,
    /// Pages of HTML, as nginx has them.
    Nginx,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_ending_counts_in_any_case() {
        let html = HeaderValue::from_static("text/html");
        let types = Types {
            default: HeaderValue::from_static("text/plain"),
            by_ending: BTreeMap::from([("html".to_owned(), html.clone())]),
        };
        for path in ["/a.html", "/b.c/a.HTML", "/a.txt.html", "/.html"] {
            assert_eq!(types.of(path.as_bytes()), &html, "{path}");
        }
        for path in ["/", "/html", "/a.html/b", "/a.", "/a.html.gz"] {
            assert_eq!(types.of(path.as_bytes()), "text/plain", "{path}");
        }
    }

    #[test]
    fn a_charset_is_said_once_and_of_its_types_alone() {
        let said = |types: &str, content_type: &'static str| {
            let types = types.split(' ').map(str::to_owned).collect();
            let charset = Charset { name: "utf-8".to_owned(), types };
            let said = charset.said_of(&HeaderValue::from_static(content_type));
            said.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(said("text/html", "text/html").as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(said("text/html", "Text/HTML; a=b").as_deref(), Some("Text/HTML; a=b; charset=utf-8"));
        assert_eq!(said("text/html", "text/html; charset=latin1"), None);
        assert_eq!(said("text/html", "text/css"), None);
        assert_eq!(said("*", "text/css").as_deref(), Some("text/css; charset=utf-8"));
    }
}
