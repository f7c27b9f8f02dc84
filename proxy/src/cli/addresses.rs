//! The addresses that rules name, of rules that do not load: vordr may run by those that stood there before.

use vordr::System;
use vordr::rules::{Loaded, load};

/// Rules of nothing but the first `admin` of a text, or else of its first `listen`, as far as either can be read.
pub(super) fn load_addresses(path: &str, text: &str) -> Option<Loaded> {
    let listen = |line: &str| line.split_whitespace().nth(1).map(|address| listening(path, address));
    let admins = statements(text, "admin").map(|line| format!("vordr {{ {line}; }}\n{}", server("80")));
    let listens = statements(text, "listen").filter_map(listen);
    admins.chain(listens).find_map(|rules| load(path, &rules, &System).ok())
}

fn listening(path: &str, address: &str) -> String {
    match path.ends_with(".conf") {
        true => format!("events {{}}\nhttp {{ server {{ listen {address}; }} }}\n"),
        false => server(address),
    }
}

fn server(address: &str) -> String {
    format!("server health.invalid {{ listen {address}; location \"/\" {{ respond 204; }}; }}\n")
}

/// What begins with a word, to the end of its line or what ends it there.
fn statements<'t>(text: &'t str, word: &str) -> impl Iterator<Item = &'t str> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let before = before.trim_end_matches([' ', '\t']);
        let begins = before.is_empty() || before.ends_with(['\n', '{', ';']);
        let is_whole = rest.get(word.len()..)?.starts_with([' ', '\t']);
        let mut quoted = false;
        let end = rest.find(|letter| {
            quoted ^= letter == '"';
            letter == '\n' || !quoted && matches!(letter, ';' | '}')
        });
        rest.get(..end.unwrap_or(rest.len())).filter(|_| begins && is_whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_however_broken_the_rest_is() {
        let admin = |text| load_addresses("a.kdl", text)?.table.process.admin.map(|admin| admin.to_string());
        assert_eq!(admin("vordr { admin 127.0.0.1:9000; }\nserver a.test {").as_deref(), None);
        for text in [
            "vordr { workers x; admin \"127.0.0.1:9000\"; }\nserver a.test {",
            "// admin \"127.0.0.1:1\"\nvordr {\n    admin \"${NO_ADMIN:-127.0.0.1:9000}\"\n",
        ] {
            assert_eq!(admin(text).as_deref(), Some("127.0.0.1:9000"), "{text}");
        }
        assert!(load_addresses("a.kdl", "administer {").is_none());
        let listener = |path, text| {
            load_addresses(path, text)?.table.listeners.first().map(|one| one.address.to_string())
        };
        assert_eq!(listener("a.kdl", "server a { listen 8080 tls=no; ").as_deref(), Some(":8080"));
        assert_eq!(listener("a.conf", "http { server { listen 8080 ssl; foo").as_deref(), Some(":8080"));
    }
}
