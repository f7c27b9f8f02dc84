//! `map`: a variable that is made of a text, when it is asked for.

use super::find::{Captures, captures};
use super::{PathRegex, Place};
use crate::placeholder::{Part, Placeholder, Template};
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// How many hundredths of a percent are all of it.
const WHOLE: u64 = 10_000;

/// One `map`.
#[derive(Debug, PartialEq)]
pub struct Map {
    /// The text that it looks at.
    pub from: Template,
    /// Who of the addresses that it looks at has forwarded what others asked.
    pub through: Through,
    /// `hostnames=on`: a `*.` before a text, and a `.*` behind it, stand for any labels.
    pub hostnames: bool,
    /// In file order.
    pub cases: Vec<Case>,
    /// What it is where no case fits.
    pub default: Template,
    /// Where the `map` node stands.
    pub place: Place,
    index: Index,
}

/// `proxies`: where the text is the address of one of them, `X-Forwarded-For` has the one that is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Through {
    /// Whose word is believed; nobody's where it is empty.
    pub proxies: Vec<IpNet>,
    /// Whether the header is read past every one of them, or its last address is taken.
    pub recursive: bool,
}

/// One `case`.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Which texts it takes.
    pub key: CaseKey,
    /// What the variable is then.
    pub value: Template,
}

/// Which texts a case takes.
#[derive(Debug, Clone, PartialEq)]
pub enum CaseKey {
    /// This one, in upper or lower case.
    Text(String),
    /// Whatever the regex matches.
    Regex(PathRegex),
    /// Each address of a network.
    Network(IpNet),
    /// Whoever comes through a Unix socket, where it is clients that are looked at.
    Unix,
    /// As many of all texts, in hundredths of a percent; always the same ones.
    Share(u16),
}

/// The cases by what finds them; a number is that of the case.
#[derive(Debug, Default, PartialEq)]
struct Index {
    texts: HashMap<String, usize>,
    /// By what follows the `*`: `.example.org`.
    leading: HashMap<String, usize>,
    /// By what stands before the `*`: `www.`.
    trailing: HashMap<String, usize>,
    regexes: Vec<usize>,
    networks: HashMap<IpNet, usize>,
    unix: Option<usize>,
    /// The lengths of networks that there are.
    lengths: BTreeSet<u8>,
    /// The first hash beyond each share.
    shares: Vec<(u64, usize)>,
}

impl Map {
    /// A map whose cases can be found.
    pub(crate) fn new(
        (from, through): (Template, Through),
        hostnames: bool,
        cases: Vec<Case>,
        default: Template,
        place: Place,
    ) -> Self {
        let index = Index::of(&cases, hostnames);
        Self { from, through, hostnames, cases, default, place, index }
    }

    /// What the variable is for a text, and what the case's regex captured: an equal text, else the longest `*.` before
    /// one, else the longest `.*` behind one, else the first regex, else the narrowest network, else a share.
    pub fn find(&self, text: &[u8]) -> (&Template, Captures) {
        let (number, captured) = match self.index.plain(text, self.hostnames) {
            Some(number) => (Some(number), Captures::default()),
            None => self.by_regex(text).unwrap_or_else(|| (self.index.beyond(text), Captures::default())),
        };
        let case = number.and_then(|number| self.cases.get(number));
        (case.map_or(&self.default, |case| &case.value), captured)
    }

    /// What the variable is for a client that comes through a Unix socket, where that is said.
    pub fn of_unix(&self) -> Option<&Template> {
        let is_of_clients = self.from.parts == [Part::Placeholder(Placeholder::ClientIp)];
        let number = self.index.unix.filter(|_| is_of_clients)?;
        self.cases.get(number).map(|case| &case.value)
    }

    /// As in nginx, no regex is asked about nothing.
    fn by_regex(&self, text: &[u8]) -> Option<(Option<usize>, Captures)> {
        let regexes = self.index.regexes.iter().filter(|_| !text.is_empty());
        for number in regexes {
            if let Some(CaseKey::Regex(regex)) = self.cases.get(*number).map(|case| &case.key)
                && regex.is_match(text)
            {
                return Some((Some(*number), captures(regex, text)));
            }
        }
        None
    }
}

impl Index {
    fn of(cases: &[Case], hostnames: bool) -> Self {
        let mut index = Self::default();
        let mut shared = 0;
        for (number, case) in cases.iter().enumerate() {
            match &case.key {
                CaseKey::Text(text) => index.take_text(text, number, hostnames),
                CaseKey::Regex(_) => index.regexes.push(number),
                CaseKey::Network(network) => {
                    index.lengths.insert(network.prefix_len());
                    index.networks.insert(*network, number);
                }
                CaseKey::Unix => index.unix = Some(number),
                CaseKey::Share(share) => {
                    shared += u64::from(*share) * u64::from(u32::MAX) / WHOLE;
                    index.shares.push((shared, number));
                }
            }
        }
        index
    }

    fn take_text(&mut self, text: &str, number: usize, hostnames: bool) {
        let text = text.to_ascii_lowercase();
        match (text.strip_prefix('*'), text.strip_suffix('*'), text.strip_prefix('.')) {
            (Some(behind), ..) if hostnames => drop(self.leading.insert(behind.to_owned(), number)),
            (_, Some(before), _) if hostnames => drop(self.trailing.insert(before.to_owned(), number)),
            (.., Some(bare)) if hostnames => {
                self.texts.insert(bare.to_owned(), number);
                self.leading.insert(text, number);
            }
            _ => drop(self.texts.insert(text, number)),
        }
    }

    fn plain(&self, text: &[u8], hostnames: bool) -> Option<usize> {
        if self.texts.is_empty() && self.leading.is_empty() && self.trailing.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(text).to_ascii_lowercase();
        let name = text.strip_suffix('.').filter(|_| hostnames).unwrap_or(&text);
        let exact = self.texts.get(name).copied();
        exact.or_else(|| longest_ending(&self.leading, name)).or_else(|| longest_start(&self.trailing, name))
    }

    /// By what a text says rather than by how it is written.
    fn beyond(&self, text: &[u8]) -> Option<usize> {
        self.network(text).or_else(|| {
            let hash = u64::from(murmur_hash2(text));
            self.shares.iter().find(|(end, _)| hash < *end).map(|(_, number)| *number)
        })
    }

    fn network(&self, text: &[u8]) -> Option<usize> {
        if self.networks.is_empty() {
            return None;
        }
        let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
        let address = address.to_canonical();
        let mut narrowest = self.lengths.iter().rev();
        narrowest.find_map(|length| self.networks.get(&IpNet::new(address, *length).ok()?.trunc()).copied())
    }
}

/// The value of the longest ending of a name, each beginning with a dot, that is known.
pub(super) fn longest_ending<T: Copy, K>(known: &HashMap<K, T>, name: &str) -> Option<T>
where
    K: std::borrow::Borrow<str> + std::hash::Hash + Eq,
{
    // Every one is looked up, so a name of thousands of labels must not get there.
    if known.is_empty() || name.len() > super::LONGEST_NAME {
        return None;
    }
    let dots = name.match_indices('.').filter_map(|(dot, _)| name.get(dot..));
    dots.into_iter().find_map(|ending| known.get(ending).copied())
}

/// The value of the longest start of a name, each ending in a dot, that is known.
pub(super) fn longest_start<T: Copy, K>(known: &HashMap<K, T>, name: &str) -> Option<T>
where
    K: std::borrow::Borrow<str> + std::hash::Hash + Eq,
{
    if known.is_empty() || name.len() > super::LONGEST_NAME {
        return None;
    }
    let starts = name.rmatch_indices('.').filter_map(|(dot, _)| name.get(..=dot));
    starts.into_iter().find_map(|start| known.get(start).copied())
}

/// The hash by which nginx's `split_clients` tells texts apart: MurmurHash2 with the seed 0.
fn murmur_hash2(text: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let mut hash = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut words = text.chunks_exact(4);
    for word in &mut words {
        let word = word.iter().rev().fold(0, |word: u32, byte| (word << 8) | u32::from(*byte));
        let word = word.wrapping_mul(FACTOR);
        hash = hash.wrapping_mul(FACTOR) ^ (word ^ (word >> 24)).wrapping_mul(FACTOR);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |word: u32, byte| (word << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(text: &str) -> Template {
        Template::compile(text).unwrap()
    }

    fn map(hostnames: bool, cases: &[(CaseKey, &str)]) -> Map {
        let cases = cases.iter().map(|(key, value)| Case { key: key.clone(), value: text(value) }).collect();
        let place = Place { file: "".into(), line: 0, column: 0 };
        Map::new((text("{host}"), Through::default()), hostnames, cases, text("none"), place)
    }

    fn found(map: &Map, text: &str) -> String {
        map.find(text.as_bytes()).0.to_string()
    }

    fn key(text: &str) -> CaseKey {
        CaseKey::Text(text.to_owned())
    }

    fn regex(written: &str) -> CaseKey {
        CaseKey::Regex(PathRegex::new(written).unwrap())
    }

    #[test]
    fn an_equal_text_wins_over_wildcards_over_regexes_over_the_default() {
        let map = map(
            true,
            &[
                (regex("^x"), "regex"),
                (regex("."), "any"),
                (key("*.example"), "leading"),
                (key("*.b.example"), "longer"),
                (key("www.*"), "trailing"),
                (key("www.a.*"), "longer trailing"),
                (key("x.b.example"), "exact"),
                (key(".both"), "both"),
            ],
        );
        for (name, value) in [
            ("X.B.Example.", "exact"),
            ("y.b.example", "longer"),
            ("a.b.example", "longer"),
            ("b.example", "leading"),
            ("www.c", "trailing"),
            ("www.a.c", "longer trailing"),
            ("both", "both"),
            ("a.both", "both"),
            ("xyz", "regex"),
            ("z", "any"),
            ("", "none"),
        ] {
            assert_eq!(found(&map, name), value, "{name}");
        }
    }

    #[test]
    fn without_hostnames_a_star_is_a_star() {
        let map = map(false, &[(key("*.example"), "star"), (key("a."), "dot")]);
        assert_eq!(found(&map, "x.example"), "none");
        assert_eq!(found(&map, "*.EXAMPLE"), "star");
        assert_eq!(found(&map, "a."), "dot");
        assert_eq!(found(&map, "a"), "none");
    }

    #[test]
    fn the_narrowest_network_is_found_for_an_address_and_for_nothing_else() {
        let network = |text: &str| CaseKey::Network(text.parse().unwrap());
        let map = map(
            false,
            &[
                (network("10.0.0.0/8"), "wide"),
                (network("10.1.0.0/16"), "narrow"),
                (network("10.1.2.3/32"), "one"),
                (network("2001:db8::/32"), "six"),
            ],
        );
        for (address, value) in [
            ("10.9.9.9", "wide"),
            ("10.1.9.9", "narrow"),
            ("10.1.2.3", "one"),
            ("::ffff:10.1.2.3", "one"),
            ("2001:db8::1", "six"),
            ("192.0.2.1", "none"),
            ("app.example", "none"),
        ] {
            assert_eq!(found(&map, address), value, "{address}");
        }
    }

    #[test]
    fn a_text_is_hashed_as_nginx_does_it() {
        // Computed with the reference implementation of MurmurHash2, seed 0.
        for (text, hash) in [("", 0), ("a", 0x9268_5f5e), ("abcd", 0x2687_3021), ("hello", 0xe561_29cb)] {
            assert_eq!(murmur_hash2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn shares_split_all_texts_in_their_proportion() {
        let map = map(false, &[(CaseKey::Share(2000), "a"), (CaseKey::Share(50), "b")]);
        let count = |value| (0..20_000).filter(|number| found(&map, &format!("k{number}")) == value).count();
        let (a, b, none) = (count("a"), count("b"), count("none"));
        assert!((3_700..4_300).contains(&a) && (60..140).contains(&b), "{a} {b} {none}");
    }
}
