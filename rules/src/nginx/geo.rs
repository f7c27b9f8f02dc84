//! `geo`: values by addresses.

use super::Nginx;
use super::map::Gathered;
use super::settings::network;
use super::tree::Directive;
use super::variable::literal;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{Case, CaseKey};
use ipnet::{IpNet, Ipv4Subnets};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

/// What a variable is for addresses from one to another.
type Value = Spanned<Template>;

/// Networks as they are written. Of what is said of one twice the later holds.
#[derive(Default)]
struct Networks {
    /// In the order in which they were written.
    all: Vec<Option<(IpNet, Value)>>,
    by_network: HashMap<IpNet, usize>,
}

/// Ranges that do not overlap: by where they begin, where they end and what the variable is for them.
#[derive(Default)]
struct Ranges(BTreeMap<u32, (u32, Value)>);

/// What a block names addresses by.
enum Named {
    Networks(Networks),
    Ranges(Ranges),
}

impl Nginx<'_, '_> {
    /// What a block says.
    pub(super) fn read_geo(&mut self, directive: &Directive) -> Gathered {
        let mut gathered = Gathered::default();
        let says = |word: &str| directive.inside().iter().any(|entry| entry.name.value == word);
        gathered.through.recursive = says("proxy_recursive");
        let mut named = match says("ranges") {
            true => Named::Ranges(Ranges::default()),
            false => Named::Networks(Networks::default()),
        };
        for entry in directive.inside() {
            let (word, span) = (entry.name.value.as_str(), entry.name.span);
            let Some(value) = entry.arguments.first() else { continue };
            let known = match word {
                "default" => {
                    gathered.default = Some(Spanned::new(literal(&value.value), span));
                    true
                }
                "proxy" => network(&value.value).map(|one| gathered.through.proxies.push(one)).is_some(),
                "delete" => named.put(&value.value, None),
                _ => named.put(word, Some(Spanned::new(literal(&value.value), span))),
            };
            if !known {
                let at = if matches!(word, "proxy" | "delete") { value } else { &entry.name };
                self.fault(at.span, format!("invalid network \"{}\"", at.value));
            }
        }
        gathered.cases = named.cases();
        gathered
    }
}

impl Named {
    /// Takes down what is said of a network or a range; nothing is said of what is deleted. Whether it is one.
    fn put(&mut self, written: &str, value: Option<Value>) -> bool {
        match self {
            Self::Ranges(ranges) => range(written).map(|(from, to)| ranges.put(from, to, value)).is_some(),
            Self::Networks(networks) => network(written).map(|one| networks.put(one, value)).is_some(),
        }
    }

    fn cases(self) -> Vec<Spanned<Case>> {
        let case = |network: IpNet, value: Value| {
            Spanned::new(Case { key: CaseKey::Network(network), value: value.value }, value.span)
        };
        match self {
            Self::Networks(networks) => {
                networks.all.into_iter().flatten().map(|(network, value)| case(network, value)).collect()
            }
            Self::Ranges(ranges) => {
                let of_each = |(from, (to, value)): (u32, (u32, Value))| {
                    Ipv4Subnets::new(from.into(), to.into(), 0)
                        .map(move |network| case(network.into(), value.clone()))
                };
                ranges.0.into_iter().flat_map(of_each).collect()
            }
        }
    }
}

impl Networks {
    fn put(&mut self, network: IpNet, value: Option<Value>) {
        let earlier = match &value {
            Some(_) => self.by_network.insert(network, self.all.len()),
            None => self.by_network.remove(&network),
        };
        if let Some(earlier) = earlier.and_then(|earlier| self.all.get_mut(earlier)) {
            *earlier = None;
        }
        self.all.extend(value.map(|value| Some((network, value))));
    }
}

impl Ranges {
    /// Of what is said of an address twice the later holds.
    fn put(&mut self, from: u32, to: u32, value: Option<Value>) {
        let before = self.0.range(..from).next_back().filter(|(_, (end, _))| *end >= from);
        let within = self.0.range(from..=to);
        let touched: Vec<u32> = before.into_iter().chain(within).map(|(start, _)| *start).collect();
        for start in touched {
            let Some((end, value)) = self.0.remove(&start) else { continue };
            if let Some(behind) = to.checked_add(1).filter(|behind| *behind <= end) {
                self.0.insert(behind, (end, value.clone()));
            }
            if let Some(last) = from.checked_sub(1).filter(|last| start <= *last) {
                self.0.insert(start, (last, value));
            }
        }
        self.0.extend(value.map(|value| (from, (to, value))));
    }
}

/// `from-to`.
fn range(written: &str) -> Option<(u32, u32)> {
    let (from, to) = written.split_once('-')?;
    let (from, to): (Ipv4Addr, Ipv4Addr) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then(|| (from.into(), to.into()))
}

impl Gathered {
    /// To nginx whoever comes through a Unix socket has an address that is nobody's.
    pub(super) fn take_sockets(&mut self, from: &Template, span: Span) {
        if from.parts != [Part::Placeholder(Placeholder::ClientIp)] {
            return;
        }
        let network = |case: &Spanned<Case>| match &case.value.key {
            CaseKey::Network(network) => Some(*network),
            _ => None,
        };
        let holds = |network: IpNet| network.contains(&IpAddr::V4(Ipv4Addr::BROADCAST));
        let fitting = self.cases.iter().filter(|case| network(case).is_some_and(holds));
        let narrowest = fitting.max_by_key(|case| network(case).map(|network| network.prefix_len()));
        let value = match narrowest {
            Some(case) => case.value.value.clone(),
            None => self.default.as_ref().map_or_else(|| literal(""), |default| default.value.clone()),
        };
        self.cases.push(Spanned::new(Case { key: CaseKey::Unix, value }, span));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::source::SourceId;

    /// What a block comes to; nothing is said of what has no value.
    fn made(mut named: Named, written: &[(&str, Option<&str>)]) -> String {
        let span = Span { source: SourceId::default(), start: 0, length: 0 };
        for (text, value) in written {
            assert!(named.put(text, value.map(|value| Spanned::new(literal(value), span))), "{text}");
        }
        let text = |case: Spanned<Case>| match case.value.key {
            CaseKey::Network(network) => format!("{network}={}", case.value.value.as_text().unwrap()),
            other => format!("{other:?}"),
        };
        named.cases().into_iter().map(text).collect::<Vec<_>>().join(" ")
    }

    fn ranges(written: &[(&str, Option<&str>)]) -> String {
        made(Named::Ranges(Ranges::default()), written)
    }

    #[test]
    fn of_a_network_that_is_written_twice_the_later_holds() {
        let networks = |written: &[_]| made(Named::Networks(Networks::default()), written);
        let (a, b) = (("10.0.0.0/8", Some("a")), ("10.1.0.0/16", Some("b")));
        assert_eq!(networks(&[a, b]), "10.0.0.0/8=a 10.1.0.0/16=b");
        assert_eq!(networks(&[a, b, ("10.0.0.0/8", Some("c"))]), "10.1.0.0/16=b 10.0.0.0/8=c");
        assert_eq!(networks(&[a, b, ("10.0.0.0/8", None), ("10.2.0.0/16", None)]), "10.1.0.0/16=b");
        assert_eq!(networks(&[a, ("10.0.0.0/8", None), a]), "10.0.0.0/8=a");
    }

    #[test]
    fn a_hundred_thousand_ranges_are_read_in_any_order() {
        let mut all = Ranges::default();
        let span = Span { source: SourceId::default(), start: 0, length: 0 };
        for from in (0..100_000_u32).rev().map(|number| number * 8) {
            all.put(from, from + 3, Some(Spanned::new(literal("a"), span)));
        }
        assert_eq!(all.0.len(), 100_000);
        all.put(2, 799_990, None);
        let left: Vec<_> = all.0.into_iter().map(|(from, (to, _))| (from, to)).collect();
        assert_eq!(left, [(0, 1), (799_992, 799_995)]);
    }

    #[test]
    fn a_range_is_made_of_networks() {
        let of = |text| ranges(&[(text, Some("a"))]);
        assert_eq!(of("10.0.0.1-10.0.0.4"), "10.0.0.1/32=a 10.0.0.2/31=a 10.0.0.4/32=a");
        assert_eq!(of("0.0.0.0-255.255.255.255"), "0.0.0.0/0=a");
        for wrong in ["10.0.0.4-10.0.0.1", "10.0.0.1", "a", ""] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn of_ranges_that_overlap_the_later_holds() {
        let whole = ("10.0.0.0-10.0.0.3", Some("a"));
        assert_eq!(
            ranges(&[whole, ("10.0.0.2-10.0.0.9", Some("b"))]),
            "10.0.0.0/31=a 10.0.0.2/31=b 10.0.0.4/30=b 10.0.0.8/31=b"
        );
        assert_eq!(ranges(&[("10.0.0.1-10.0.0.1", Some("b")), whole]), "10.0.0.0/30=a");
        assert_eq!(ranges(&[whole, ("10.0.0.0-10.0.0.2", None)]), "10.0.0.3/32=a");
        assert_eq!(ranges(&[whole, ("0.0.0.0-255.255.255.255", None)]), "");
    }
}
