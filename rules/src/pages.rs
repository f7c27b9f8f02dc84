//! The page of every word, as it stands in `docs/rules/`, built into the program for `vordr help`.

use crate::diagnostic::nearest;
use crate::hint;
use crate::language::TOP;

/// A word's page in Markdown; where it stands at two places, one page tells of both.
pub fn page(word: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == word).map(|(_, page)| *page)
}

/// Every word that has a page, in the order of the alphabet.
pub fn words() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(word, _)| *word)
}

/// What `written`, which is no word, was most likely meant to be.
pub fn meant(written: &str) -> Option<String> {
    hint::for_unknown(TOP, written).or_else(|| nearest(written, words()).map(str::to_owned))
}

macro_rules! pages {
    ($($word:literal,)*) => {
        &[$(($word, include_str!(concat!("../../docs/rules/", $word, ".md"))),)*]
    };
}

/// Kept complete by a test: each word of the language is here, and each page of `docs/rules/`.
#[rustfmt::skip]
const PAGES: &[(&str, &str)] = pages![
    "access-log", "acme", "act-as", "add", "admin", "afterwards", "allow", "auth", "balance", "bind", "bodies", "body",
    "body-limit",
    "break", "buffering", "case", "cert", "charset", "client-ca", "compress", "concurrent", "connections",
    "cookie-domain", "cookie-flags", "cookie-path", "cors", "credentials", "default", "deny", "drain",
    "drain-delay", "early", "else", "enter", "error-detail", "error-log", "expires", "expose", "files", "forwarded",
    "header", "header-count", "header-names", "header-size", "header-timeout", "headers", "heads", "health", "host",
    "hsts", "http", "include", "keepalive", "key", "limit", "limit-store", "limits", "listen", "location",
    "location-fix", "log-format", "map", "match", "max-age", "method", "methods", "metrics", "min-rate", "name",
    "on-error", "origin", "origins", "outlast-client", "pass-body", "pass-headers", "pass-server", "passive", "proxy", "proxy-protocol", "query", "ranges", "read-rate",
    "recode", "redirect", "reject", "remove", "replace", "request", "request-line", "resolve", "resolver", "respond", "response", "retry", "rewrite",
    "satisfy", "search", "send-rate", "server", "sessions", "set", "slow-start", "state", "steering", "steps", "sticky", "store", "strip-prefix",
    "stub-status", "substitute", "template", "timeouts", "tls", "trace", "trailer", "trusted-proxies", "try", "try-for", "type",
    "types", "upstream", "use", "versions", "vordr", "websocket", "when", "workers",
];
