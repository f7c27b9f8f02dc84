//! What bodies are said to be: types by the endings of names, and the charset of what is text.

use crate::placeholder::Template;
use http::HeaderValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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
    /// Its name, as it stands in a `Content-Type`; where it comes to nothing, nothing is said.
    pub name: Template,
    /// The types that it is said of; `*` is every type.
    pub types: Vec<String>,
    /// What those are in that name none.
    pub source: Option<String>,
    /// Whether it takes the place of one that is named.
    pub replaces: bool,
    /// How bodies in other charsets become bodies in this one.
    pub recodes: Vec<Recode>,
}

/// `recode`: what becomes of each byte of a body.
#[derive(Clone, PartialEq, Eq)]
pub struct Recode {
    /// The charset that the body is in.
    pub from: String,
    /// By byte.
    pub bytes: Arc<[u8; 256]>,
}

/// A charset that is to be said.
#[derive(Debug, PartialEq, Eq)]
pub struct Said<'c> {
    /// The `Content-Type` that says so.
    pub content_type: HeaderValue,
    /// What becomes of the body, where anything does.
    pub recode: Option<&'c Recode>,
}

impl Charset {
    /// What is said of a body of this type, where the charset has this name; `None` where nothing is.
    pub fn said_of(&self, content_type: &HeaderValue, name: &str) -> Option<Said<'_>> {
        let text = content_type.to_str().ok()?;
        let essence = text.split(';').next().unwrap_or(text);
        let (bare, own) = split_charset(text);
        let fits = |known: &String| known == "*" || known.eq_ignore_ascii_case(essence.trim());
        let is_for = if own.is_some() { self.replaces } else { self.types.iter().any(fits) };
        if !is_for || name.is_empty() {
            return None;
        }
        let source = own.or(self.source.as_deref()).filter(|source| !source.eq_ignore_ascii_case(name));
        let recode = match source {
            Some(source) => Some(self.recodes.iter().find(|one| one.from.eq_ignore_ascii_case(source))?),
            None => None,
        };
        let content_type = HeaderValue::try_from(format!("{bare}; charset={name}")).ok()?;
        Some(Said { content_type, recode })
    }
}

/// A type without its charset, and that.
fn split_charset(text: &str) -> (&str, Option<&str>) {
    let Some(at) = text.to_ascii_lowercase().find("charset=") else { return (text, None) };
    let (before, behind) = text.split_at_checked(at).unwrap_or((text, ""));
    let name = behind.split_once('=').map_or("", |(_, name)| name);
    let name = name.split(';').next().unwrap_or(name).trim().trim_matches('"');
    match before.trim_end().strip_suffix(';') {
        Some(bare) => (bare, Some(name)),
        None => (text, None),
    }
}

impl Recode {
    /// Nothing becomes of ASCII, and a `?` of all else, but for these pairs.
    pub fn new(from: String, pairs: impl IntoIterator<Item = (u8, u8)>) -> Self {
        let mut bytes = usual();
        for (byte, becomes) in pairs {
            if let Some(place) = bytes.get_mut(usize::from(byte)) {
                *place = becomes;
            }
        }
        Self { from, bytes: Arc::new(bytes) }
    }

    /// Those of which something else becomes than would without a pair.
    pub fn pairs(&self) -> impl Iterator<Item = (u8, u8)> {
        let usual = usual();
        (0..=u8::MAX).filter_map(move |byte| {
            let becomes = *self.bytes.get(usize::from(byte))?;
            (usual.get(usize::from(byte)) != Some(&becomes)).then_some((byte, becomes))
        })
    }
}

impl fmt::Debug for Recode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Recode from {}", self.from)
    }
}

fn usual() -> [u8; 256] {
    std::array::from_fn(|byte| u8::try_from(byte).ok().filter(u8::is_ascii).unwrap_or(b'?'))
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

    fn charset(types: &str, replaces: bool) -> Charset {
        let types = types.split(' ').map(str::to_owned).collect();
        let recodes = vec![Recode::new("B".to_owned(), [(b'X', b'Y'), (0xe0, 0xf0)])];
        Charset { name: Template::compile("A").unwrap(), types, source: None, replaces, recodes }
    }

    #[test]
    fn a_charset_is_said_once_and_of_its_types_alone() {
        let said = |types: &str, content_type: &'static str| {
            let charset = charset(types, false);
            let said = charset.said_of(&HeaderValue::from_static(content_type), "utf-8");
            said.map(|said| said.content_type.to_str().unwrap().to_owned())
        };
        assert_eq!(said("text/html", "text/html").as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(said("text/html", "Text/HTML; a=b").as_deref(), Some("Text/HTML; a=b; charset=utf-8"));
        assert_eq!(said("text/html", "text/html; charset=latin1"), None);
        assert_eq!(said("text/html", "text/css"), None);
        assert_eq!(said("*", "text/css").as_deref(), Some("text/css; charset=utf-8"));
    }

    #[test]
    fn a_body_in_another_charset_becomes_one_in_this_where_it_is_known_how() {
        let mut charset = charset("text/html", true);
        let mut said = |content_type: &'static str, source: Option<&str>| {
            charset.source = source.map(str::to_owned);
            let said = charset.said_of(&HeaderValue::from_static(content_type), "A")?;
            Some((said.content_type.to_str().unwrap().to_owned(), said.recode.is_some()))
        };
        let html = |recoded| Some(("text/html; charset=A".to_owned(), recoded));
        assert_eq!(said("text/html", None), html(false));
        assert_eq!(said("text/html", Some("a")), html(false));
        assert_eq!(said("text/html", Some("b")), html(true));
        assert_eq!(said("text/html; charset=B", Some("a")), html(true));
        assert_eq!(said("text/html; charset=A", Some("b")), html(false));
        assert_eq!(said("text/html", Some("c")), None);
        let recode = &charset.recodes[0];
        assert_eq!(
            [b'X', b'Z', 0xe0, 0xe1].map(|byte| recode.bytes[usize::from(byte)]),
            [b'Y', b'Z', 0xf0, b'?']
        );
        assert_eq!(recode.pairs().collect::<Vec<_>>(), [(b'X', b'Y'), (0xe0, 0xf0)]);
    }
}
