//! A header's name: compared without regard to case (RFC 9110, section 5.1), sent as it was written.

use http::HeaderName;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

/// A header's name, and how the operator spells it.
#[derive(Debug, Clone)]
pub struct FieldName {
    name: HeaderName,
    spelling: Arc<str>,
}

impl FieldName {
    /// As it is sent over HTTP/1.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }
}

impl Deref for FieldName {
    type Target = HeaderName;

    fn deref(&self) -> &HeaderName {
        &self.name
    }
}

impl FromStr for FieldName {
    type Err = http::header::InvalidHeaderName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { name: text.parse()?, spelling: text.into() })
    }
}

impl From<HeaderName> for FieldName {
    fn from(name: HeaderName) -> Self {
        Self { spelling: usual_spelling(&name).into(), name }
    }
}

impl From<FieldName> for HeaderName {
    fn from(field: FieldName) -> Self {
        field.name
    }
}

impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for FieldName {}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

/// How a name is spelt that nobody has written: each of its words with a capital, but for those that are spelt otherwise.
pub fn usual_spelling(name: &HeaderName) -> String {
    match name.as_str() {
        "etag" => "ETag".to_owned(),
        "te" => "TE".to_owned(),
        "www-authenticate" => "WWW-Authenticate".to_owned(),
        "x-real-ip" => "X-Real-IP".to_owned(),
        name if name.starts_with("sec-websocket-") => {
            format!("Sec-WebSocket-{}", capitals(name.trim_start_matches("sec-websocket-")))
        }
        name => capitals(name),
    }
}

fn capitals(name: &str) -> String {
    let mut spelling = name.to_owned();
    let mut begins = true;
    for at in 0..spelling.len() {
        if let Some(letter) = spelling.get_mut(at..=at).filter(|_| begins) {
            letter.make_ascii_uppercase();
        }
        begins = spelling.as_bytes().get(at) == Some(&b'-');
    }
    spelling
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_compared_in_any_case_and_sent_as_written() {
        let [one, other]: [FieldName; 2] = ["X-URI", "x-uri"].map(|name| name.parse().unwrap());
        assert_eq!(one, other);
        assert_eq!((one.spelling(), one.as_str()), ("X-URI", "x-uri"));
        assert!("a b".parse::<FieldName>().is_err());
    }

    #[test]
    fn a_name_that_nobody_wrote_is_spelt_as_it_usually_is() {
        for spelling in ["ETag", "Last-Modified", "WWW-Authenticate", "X-A", "Sec-WebSocket-Key", "-A--B"] {
            assert_eq!(usual_spelling(&spelling.parse().unwrap()), spelling);
        }
    }
}
