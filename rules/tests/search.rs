//! The search against a plain model of the order that the language promises, and what it allocates.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use vordr_rules::table::{ListenerId, LocationId, Outcome, Request, Table};
use vordr_rules::{InMemory, load};

/// Counts what a thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// Sound because it only counts, and hands everything to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A location as the model knows it.
#[derive(Debug, Clone)]
struct Rule {
    kind: Kind,
    path: String,
    is_final: bool,
    needs_header: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Raw,
    Regex,
}

impl Rule {
    fn takes(&self, path: &str) -> bool {
        match self.kind {
            Kind::Exact => path == self.path,
            Kind::Prefix => {
                path == self.path
                    || path.starts_with(&format!("{}/", self.path))
                    || (self.path.ends_with('/') && path.starts_with(&self.path))
            }
            Kind::Raw => path.starts_with(&self.path),
            Kind::Regex => path.contains(self.path.trim_start_matches('/')),
        }
    }

    fn kdl(&self) -> String {
        let path = match self.kind {
            Kind::Exact => format!("exact=\"{}\"", self.path),
            Kind::Prefix => format!("\"{}\"", self.path),
            Kind::Raw => format!("\"{}\" raw=on", self.path),
            Kind::Regex => format!("regex=\"{}\"", self.path.trim_start_matches('/')),
        };
        let is_prefix = matches!(self.kind, Kind::Prefix | Kind::Raw);
        let is_final = if self.is_final && is_prefix { " final=on" } else { "" };
        let condition = if self.needs_header { "match header=\"X-Beta\"\n" } else { "" };
        format!("location {path}{is_final} {{\n{condition}respond 204\n}}\n")
    }
}

/// The order of the language, in the plainest words.
fn model(rules: &[Rule], path: &str, beta: bool) -> Option<usize> {
    let candidates = |kind: fn(Kind) -> bool| {
        let mut found: Vec<usize> =
            (0..rules.len()).filter(|i| kind(rules[*i].kind) && rules[*i].takes(path)).collect();
        found.retain(|i| beta || !rules[*i].needs_header);
        // Those with a condition come before those without.
        found.sort_by_key(|i| !rules[*i].needs_header);
        found
    };
    if let Some(exact) = candidates(|kind| kind == Kind::Exact).first() {
        return Some(*exact);
    }
    let mut prefixes = candidates(|kind| matches!(kind, Kind::Prefix | Kind::Raw));
    prefixes.sort_by_key(|i| (std::cmp::Reverse(rules[*i].path.len()), rules[*i].kind != Kind::Raw));
    let longest = prefixes.first().copied();
    if longest.is_some_and(|i| rules[i].is_final) {
        return longest;
    }
    let mut regexes = candidates(|kind| kind == Kind::Regex);
    regexes.sort_unstable();
    regexes.first().copied().or(longest)
}

fn table(rules: &[Rule]) -> Option<Table> {
    let locations: String = rules.iter().map(Rule::kdl).collect();
    let text = format!("server \"a.example\" {{\nlisten 80\n{locations}}}");
    load("rules.kdl", &text, &InMemory::default()).ok().map(|loaded| loaded.table)
}

fn found(table: &Table, path: &str, headers: &HeaderMap) -> Option<usize> {
    let method = Method::GET;
    let request =
        Request { listener: ListenerId(0), method: &method, host: "a.example", path, query: None, headers };
    match table.find(&request).expect("a listener") {
        Outcome::Found(found) => Some(found.location.0),
        _ => None,
    }
}

fn a_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", ""]), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let kind = prop::sample::select(vec![Kind::Exact, Kind::Prefix, Kind::Prefix, Kind::Raw, Kind::Regex]);
    (kind, a_path(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(kind, path, slash, is_final, needs_header)| {
            let path = match (kind, slash) {
                (Kind::Regex, _) => {
                    format!("/{}", path.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or("a"))
                }
                (_, true) if path != "/" => format!("{path}/"),
                _ => path,
            };
            Rule { kind, path, is_final, needs_header }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_follows_the_order_of_the_language(
        mut rules in prop::collection::vec(a_rule(), 1..8),
        paths in prop::collection::vec(a_path(), 1..12),
        beta in any::<bool>(),
    ) {
        // Two locations may share a path only where `match` tells them apart.
        let mut seen = Vec::new();
        rules.retain(|rule| {
            let key = format!("{:?} {} {}", rule.kind, rule.path, rule.needs_header);
            let fresh = !seen.contains(&key);
            seen.push(key);
            fresh
        });
        let table = table(&rules).expect("the rules load");
        let mut headers = HeaderMap::new();
        if beta {
            headers.insert("x-beta", HeaderValue::from_static("1"));
        }
        for path in &paths {
            prop_assert_eq!(found(&table, path, &headers), model(&rules, path, beta), "{} in {:#?}", path, rules);
        }
    }

    #[test]
    fn any_path_and_host_is_answered(path in ".{0,40}", host in ".{0,20}") {
        let rules = table(&[Rule { kind: Kind::Prefix, path: "/".into(), is_final: false, needs_header: false }]).unwrap();
        let headers = HeaderMap::new();
        let method = Method::GET;
        rules.find(&Request { listener: ListenerId(0), method: &method, host: &host, path: &path, query: None, headers: &headers });
    }

    #[test]
    fn any_text_loads_or_is_explained(text in "[ -~\\n]{0,200}") {
        if let Err(found) = load("rules.kdl", &text, &InMemory::default()) {
            prop_assert!(!found.is_empty());
            vordr_rules::render::human(&found, vordr_rules::render::Drawing::Plain);
        }
    }
}

#[test]
fn exact_and_prefix_matches_allocate_nothing() {
    let rule = |kind, path: &str| Rule { kind, path: path.into(), is_final: false, needs_header: false };
    let table = table(&[
        rule(Kind::Exact, "/a"),
        rule(Kind::Prefix, "/b"),
        rule(Kind::Prefix, "/"),
        rule(Kind::Raw, "/r"),
    ])
    .unwrap();
    let headers = HeaderMap::new();
    for (path, expected) in [("/a", 0), ("/b/c/d", 1), ("/x/y", 2), ("/rest", 3)] {
        let before = ALLOCATIONS.with(Cell::get);
        let location = found(&table, path, &headers);
        let allocated = ALLOCATIONS.with(Cell::get) - before;
        assert_eq!((location, allocated), (Some(expected), 0), "{path}");
    }
}

#[test]
fn a_regex_gives_its_captures_decoded() {
    let loaded = load(
        "rules.kdl",
        r##"server "a.example" { listen 80; location regex=#"^/v(\d+)/(.*)$"# { rewrite "/api/{1}/{2}"; respond 204; }; }"##,
        &InMemory::default(),
    )
    .unwrap();
    let headers = HeaderMap::new();
    let request = Request {
        listener: ListenerId(0),
        method: &Method::GET,
        host: "a.example",
        path: "/v12/a%20b",
        query: None,
        headers: &headers,
    };
    let Outcome::Found(found) = loaded.table.find(&request).expect("a listener") else {
        panic!("no location")
    };
    assert_eq!(found.location, LocationId(0));
    assert_eq!((found.captures.group(1), found.captures.group(2)), (Some(&b"12"[..]), Some(&b"a b"[..])));
    assert_eq!(found.captures.group(3), None);
}
