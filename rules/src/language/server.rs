//! `server HOST… { … }`: hosts that share listeners, a certificate and locations.

use super::early;
use super::listen::{self, Listen};
use super::location::{self, Location, compiled};
use super::settings::{self, Settings};
use super::steps::{self, Step};
use super::tls::{self, Tls};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{LONGEST_NAME, PathRegex};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("server", "HOST…", "Hosts that share listeners, a certificate and locations.")
        .properties(&["default", "merge-slashes"])
        .block(&[&[&listen::WORD, &tls::WORD, &early::WORD, &steps::WORD, &location::WORD], settings::WORDS])
        .many();

/// As written.
#[derive(Debug)]
pub(crate) struct Server {
    pub span: Span,
    /// Lowercase, without a dot at the end.
    pub hosts: Vec<Spanned<String>>,
    pub default: Option<Spanned<bool>>,
    pub merge_slashes: Option<bool>,
    pub listens: Vec<Listen>,
    pub tls: Option<Tls>,
    pub steps: Vec<Step>,
    pub locations: Vec<Location>,
    pub settings: Settings,
    /// Besides those, for what is refused before it has a location.
    pub early: Option<Settings>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Server {
    let mut node = Node::open(kdl, &WORD, reading);
    let hosts: Vec<_> =
        node.need_some(reading).into_iter().filter_map(|host| read_host(host, reading)).collect();
    let server = Server {
        span: node.span,
        default: node.property("default", reading),
        merge_slashes: node.property("merge-slashes", reading).map(|merges| merges.value),
        listens: node.children("listen").into_iter().filter_map(|kdl| listen::read(kdl, reading)).collect(),
        tls: node.child("tls").map(|kdl| tls::read(kdl, &hosts, reading)),
        steps: node.child("steps").map(|kdl| steps::read(kdl, reading)).unwrap_or_default(),
        locations: node.children("location").into_iter().map(|kdl| location::read(kdl, reading)).collect(),
        settings: settings::read(&node, reading),
        early: node.child("early").map(|kdl| early::read(kdl, reading)),
        hosts,
    };
    if node.children("listen").is_empty() && !node.lost_children {
        let error = Diagnostic::error("no-listen", node.span, "this server listens nowhere");
        reading.report(error.label("add `listen 80`").help("vordr help listen"));
    }
    let speaks_tls = server.listens.iter().any(|listen| listen.tls.as_ref().is_some_and(|tls| tls.value));
    if let Some(tls) = server.tls.as_ref().filter(|_| !speaks_tls) {
        let warning = Diagnostic::warning("unused-tls", tls.span, "this certificate is never shown");
        reading.report(warning.label("no `listen` of this server has `tls=on`: write `listen 443 tls=on`"));
    }
    node.finish(reading);
    server
}

/// The regex of a host that is written as one.
pub(crate) fn host_regex(host: &str) -> Option<PathRegex> {
    host.strip_prefix('~').and_then(|regex| PathRegex::new(regex).ok())
}

/// A name, `*.` and a name, a name and `.*`, an IP address, `~` and a regex, or `*` for every host.
pub(crate) fn read_host(host: Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<String>> {
    if host.value.is_empty() {
        // Whoever names no host.
        return Some(host);
    }
    if let Some(regex) = host.value.strip_prefix('~') {
        let regex = compiled(Spanned::new(regex.to_owned(), host.span), reading)?;
        reading.made_variables.extend(regex.value.names().iter().map(|(_, name)| name.clone()));
        return Some(host);
    }
    let name = host.value.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let wrong = |message: String, label: &str| Diagnostic::error("bad-host", host.span, message).label(label);
    let labels = name.strip_prefix("*.").or_else(|| name.strip_suffix(".*")).unwrap_or(name);
    let is_ip = labels.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let error = if name == "*" || is_ip {
        None
    } else if host.value.contains("://") || host.value.contains('/') {
        Some(wrong(format!("`{}` is a URL, not a host", host.value), "write the name alone"))
    } else if name.contains(':') {
        Some(wrong(format!("`{}` has a port", host.value), "the port belongs to `listen`"))
    } else if name.is_empty() || labels.contains('*') {
        Some(wrong(
            format!("`{}` is no host", host.value),
            "a `*` stands alone for the first label or the last: `*.example.org`",
        ))
    } else if name.len() > LONGEST_NAME {
        Some(wrong("this is no host: it is too long".to_owned(), "names have 253 letters at most"))
    } else if !labels.is_ascii() {
        Some(wrong(format!("`{}` is no host as it is sent", host.value), "write its ASCII form: `xn--…`"))
    } else if labels.split('.').any(|label| label.is_empty() || !label.chars().all(is_host_char)) {
        Some(wrong(format!("`{}` is no host", host.value), "names have letters, digits, `-` and `.`"))
    } else {
        None
    };
    match error {
        Some(error) => {
            reading.report(error);
            None
        }
        None => Some(Spanned::new(name.to_owned(), host.span)),
    }
}

fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}
