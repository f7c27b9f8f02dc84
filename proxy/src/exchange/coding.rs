//! Codings that answers are packed in, and which of them a client takes (RFC 9110, section 12.5.3).

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderValue};

/// A coding of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `zstd` (RFC 8878).
    Zstd,
    /// `br` (RFC 7932).
    Br,
}

impl Coding {
    /// Every coding, the one that packs files best first.
    pub const ALL: [Self; 3] = [Self::Br, Self::Zstd, Self::Gzip];

    /// The one that is called so in the rules.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coding| coding.name() == name)
    }

    /// As it stands in `Content-Encoding`, and in the rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Br => "br",
        }
    }

    /// How the name of a file ends that is packed so.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
            Self::Br => "br",
        }
    }

    /// The header's value.
    pub(super) fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }
}

/// Those of the offered codings that a request takes, the most wanted first; what it wants equally, in the order
/// offered.
pub(super) fn accepted(request: &HeaderMap, offered: impl Iterator<Item = Coding>) -> Vec<Coding> {
    if !request.contains_key(ACCEPT_ENCODING) {
        return Vec::new();
    }
    let wishes = wishes(request);
    let plain = wishes.iter().find(|(name, _)| *name == "identity").map_or(0, |(_, weight)| *weight);
    let weight = |coding: Coding| {
        let is_named = |name: &str| name == coding.name() || (coding == Coding::Gzip && name == "x-gzip");
        let named = wishes.iter().find(|(name, _)| is_named(name));
        let any = || wishes.iter().find(|(name, _)| *name == "*");
        named.or_else(any).map_or(0, |(_, weight)| *weight)
    };
    let mut taken: Vec<(Coding, u16)> = offered
        .map(|coding| (coding, weight(coding)))
        .filter(|(_, weight)| *weight > 0 && *weight >= plain)
        .collect();
    // Stable: equals stay in the order offered.
    taken.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    taken.into_iter().map(|(coding, _)| coding).collect()
}

/// Each coding that is named, in lower case, with its weight in thousandths.
fn wishes(request: &HeaderMap) -> Vec<(String, u16)> {
    let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let wish = |text: &str| {
        let (name, rest) = text.split_once(';').unwrap_or((text, ""));
        (name.trim().to_ascii_lowercase(), weight(rest))
    };
    lines.flat_map(|line| line.split(',')).map(wish).filter(|(name, _)| !name.is_empty()).collect()
}

/// `q=0.5` in thousandths (RFC 9110, section 12.4.2). What is no weight takes nothing.
fn weight(parameters: &str) -> u16 {
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    match parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) {
        None => 1000,
        Some((_, value)) => match value.trim().parse::<f32>() {
            Ok(value) if (0.0..=1.0).contains(&value) => (value * 1000.0) as u16,
            _ => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(accept: &str, offered: &[Coding]) -> String {
        let value = HeaderValue::from_str(accept).unwrap_or(HeaderValue::from_static(""));
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
        let names = accepted(&request, offered.iter().copied());
        names.into_iter().map(Coding::name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_most_wanted_comes_first_and_what_is_not_wanted_does_not_come() {
        for (accept, names) in [
            ("gzip, deflate, br, zstd", "br zstd gzip"),
            ("gzip", "gzip"),
            ("GZip", "gzip"),
            ("x-gzip", "gzip"),
            ("gzip;q=1, br;q=0.5", "gzip br"),
            ("gzip; q=0.5, zstd ; Q=0.501", "zstd gzip"),
            ("br;q=0, *", "zstd gzip"),
            ("*;q=0.1, gzip;q=0", "br zstd"),
            ("*", "br zstd gzip"),
            ("identity", ""),
            ("", ""),
            ("br;q=0", ""),
            ("br;q=0.4, identity;q=0.5, gzip;q=0.5", "gzip"),
            ("identity;q=0, gzip", "gzip"),
            ("gzip;q=2, br;q=x, zstd;q=-1", ""),
            ("gzip;level=1;q=0.2", "gzip"),
            (",,gzip,", "gzip"),
            ("deflate, compress", ""),
        ] {
            assert_eq!(taken(accept, &Coding::ALL), names, "{accept}");
        }
    }

    #[test]
    fn what_is_wanted_equally_comes_as_offered() {
        assert_eq!(taken("br, gzip, zstd", &[Coding::Gzip, Coding::Br]), "gzip br");
        assert_eq!(taken("br, gzip", &[Coding::Zstd]), "");
    }

    #[test]
    fn a_request_that_says_nothing_takes_nothing() {
        assert!(accepted(&HeaderMap::new(), Coding::ALL.into_iter()).is_empty());
    }
}
