//! What is said of each directive holds.

use super::{loaded, world};
use std::path::Path;
use vordr_rules::{KnownDirective, Support, import, known_directives, load};

/// A file with a directive in one of the places where it may stand, and the same without it.
fn around(known: &KnownDirective, words: &str) -> (String, String) {
    let of = |place: &str, words: &str| {
        let within = |wanted: &str| if place == wanted { words } else { "" };
        let [main, events, http, server, location, upstream] =
            ["main", "events", "http", "server", "location", "upstream"].map(within);
        format!(
            "{main} events {{ {events} }}\nhttp {{ {http} upstream u {{ server 127.0.0.1:1; {upstream} }}\n\
             server {{ listen 80; {server} location / {{ proxy_pass http://u; {location} }} }} }}"
        )
    };
    let place = known.contexts.first().expect("a place");
    (of(place, words), of(place, ""))
}

#[test]
fn what_needs_no_counterpart_is_accepted_and_changes_nothing() {
    let mut count = 0;
    for known in known_directives().filter(|known| matches!(known.support, Support::Needless(_))) {
        let end = if known.has_block { "{ }" } else { ";" };
        let words = format!("{}{}{end}", known.name, " on".repeat(known.least));
        let (with, without) = around(&known, &words);
        let (with, without) = (loaded("nginx.conf", &with), loaded("nginx.conf", &without));
        assert_eq!(with.table.without_places(), without.table.without_places(), "{words}");
        count += 1;
    }
    assert!(count > 150, "only {count}");
}

#[test]
fn what_is_refused_stops_the_start_and_is_left_out_on_import() {
    let mut count = 0;
    for known in known_directives().filter(|known| matches!(known.support, Support::Refused(_))) {
        let end = if known.has_block { "{ }" } else { ";" };
        let words = format!("{}{}{end}", known.name, " on".repeat(known.least));
        let (with, without) = around(&known, &words);
        let found = load("nginx.conf", &with, &world()).expect_err(&words);
        let said: Vec<_> = found.iter().map(|found| (found.code, found.label.is_some())).collect();
        assert_eq!(said, [("not-honoured", true)], "{words}");
        let imported = import("nginx.conf", &with, &world()).expect(&words).loaded;
        assert_eq!(imported.warnings.len(), 1, "{words}");
        let without = loaded("nginx.conf", &without);
        assert_eq!(imported.table.without_places(), without.table.without_places(), "{words}");
        count += 1;
    }
    assert!(count > 30, "only {count}");
}

#[test]
fn whatever_is_honoured_stands_in_a_file_that_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nginx/read");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "conf"));
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let words: Vec<&str> = texts.iter().flat_map(|text| text.split([' ', '\n', ';', '{'])).collect();
    let lacking: Vec<_> = known_directives()
        .filter(|known| known.support == Support::Honoured && !words.contains(&known.name))
        .map(|known| known.name)
        .collect();
    assert_eq!(lacking, Vec::<&str>::new());
}

#[test]
fn a_file_is_imported_whatever_its_name_and_its_kdl_comes_to_the_same() {
    let text =
        "server { listen 80; gzip on; proxy_ssl_crl a.crl; location / { proxy_pass http://app:8000; } }";
    let imported = import("sites-enabled/default", text, &world()).expect("it is read").loaded;
    assert_eq!(imported.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["not-honoured"]);
    let again = loaded("imported.kdl", &vordr_rules::show::show(&imported));
    assert_eq!(imported.table.without_places(), again.table.without_places());
}
