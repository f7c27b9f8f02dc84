//! `upstream NAME { … }`: a named pool; and the addresses of its servers.

use super::pool::{self, Pool};
use super::text;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::ServerAddress;
use crate::value::Limit;
use crate::word::Word;
use kdl::KdlNode;
use std::net::IpAddr;

pub(super) static WORD: Word =
    Word::simple("upstream", "NAME", "A named pool of servers.").block(&[&[&SERVER], pool::WORDS]).many();

static SERVER: Word =
    Word::simple("server", "\"HOST:PORT\" | URL | \"unix:PATH\" | \"srv://NAME\"", "A server of the pool.")
        .properties(&["weight", "backup", "down", "connections"])
        .many();

/// As written.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub name: Spanned<String>,
    pub servers: Vec<Server>,
    pub pool: Pool,
}

/// One server of a pool, as written.
#[derive(Debug)]
pub(crate) struct Server {
    pub endpoint: Spanned<Endpoint>,
    pub weight: u32,
    pub backup: Option<Spanned<bool>>,
    pub down: bool,
    /// What holds in the place of the pool's own.
    pub connections: Option<Spanned<Limit<u64>>>,
}

/// Where a server is, and whether TLS is spoken with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub tls: bool,
    pub address: ServerAddress,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Upstream> {
    let mut node = Node::open(kdl, &WORD, reading);
    let name = node.need::<String>(reading);
    let servers: Vec<_> =
        node.children("server").into_iter().filter_map(|kdl| read_server(kdl, reading)).collect();
    let pool = pool::read(&node, reading);
    if node.children("server").is_empty() {
        let error = Diagnostic::error("no-server", node.span, "this upstream has no server");
        reading.report(error.label("add `server \"127.0.0.1:8000\"`"));
    }
    node.finish(reading);
    Some(Upstream { name: name?, servers, pool })
}

fn read_server(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Server> {
    let mut node = Node::open(kdl, &SERVER, reading);
    let written = node.need::<String>(reading);
    let weight = node.property::<u32>("weight", reading);
    let backup = node.property("backup", reading);
    let down = node.property::<bool>("down", reading).is_some_and(|down| down.value);
    let connections = node.property("connections", reading);
    node.finish(reading);
    if let Some(weight) = weight.as_ref().filter(|weight| !(1..=1000).contains(&weight.value)) {
        reading.report(text::out_of_range("weight", weight.span, "1 to 1000"));
    }
    let endpoint = endpoint(&written?, reading)?;
    let weight = weight.map_or(1, |weight| weight.value);
    Some(Server { endpoint, weight, backup, down, connections })
}

/// An address with or without a scheme; what is wrong with it is reported.
pub(crate) fn endpoint(written: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<Endpoint>> {
    match parse(&written.value) {
        Ok(endpoint) => Some(Spanned::new(endpoint, written.span)),
        Err(problem) => {
            let error = Diagnostic::error(problem.code, written.span, problem.message).label(problem.label);
            reading.report(match problem.help {
                Some(help) => error.help(help),
                None => error,
            });
            None
        }
    }
}

/// What is wrong with an address.
#[derive(Debug)]
pub(crate) struct Problem {
    pub code: &'static str,
    pub message: String,
    pub label: String,
    help: Option<&'static str>,
}

pub(super) fn problem(code: &'static str, message: impl Into<String>, label: impl Into<String>) -> Problem {
    Problem { code, message: message.into(), label: label.into(), help: None }
}

fn parse(written: &str) -> Result<Endpoint, Problem> {
    if let Some(path) = written.strip_prefix("unix:") {
        return match path.starts_with('/') {
            true => Ok(Endpoint { tls: false, address: ServerAddress::Unix(path.to_owned()) }),
            false => Err(problem("bad-url", "a Unix socket's path starts with `/`", "write `\"unix:/…\"`")),
        };
    }
    let Some((scheme, rest)) = written.split_once("://") else {
        return Ok(Endpoint { tls: false, address: host_and_port(written, None)? });
    };
    match scheme {
        "http" | "https" => {
            let tls = scheme == "https";
            let authority = authority_alone(written, rest)?;
            Ok(Endpoint { tls, address: host_and_port(authority, Some(if tls { 443 } else { 80 }))? })
        }
        "srv" => Ok(Endpoint { tls: false, address: ServerAddress::Srv(host_name(rest)?) }),
        "ws" | "wss" => {
            let http = scheme.replacen("ws", "http", 1);
            let label = format!("write `\"{http}://{rest}\"`");
            Err(problem(
                "bad-url",
                "WebSockets need no scheme of their own: upgrades are forwarded by themselves",
                label,
            ))
        }
        _ => Err(problem(
            "bad-url",
            format!("`{scheme}` is no scheme that vordr speaks"),
            "write `http://` or `https://`",
        )),
    }
}

/// A path in an upstream's URL means two things to two people, so it is neither.
fn authority_alone<'a>(written: &str, rest: &'a str) -> Result<&'a str, Problem> {
    let Some(end) = rest.find(['/', '?', '#']) else { return Ok(rest) };
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(problem("bad-url", "the URL has no host", "write `\"http://HOST\"`"));
    }
    let without = written.strip_suffix(path).unwrap_or(written);
    Err(Problem {
        help: Some(
            "`strip-prefix \"/x\"` takes a prefix off the path, `rewrite \"/y{path}\"` makes a new one",
        ),
        ..problem("path-in-url", "an upstream's URL has no path", format!("write `\"{without}\"`"))
    })
}

/// A host, by its name or address, and its port.
pub(crate) fn host_and_port(text: &str, default: Option<u16>) -> Result<ServerAddress, Problem> {
    if text.contains('@') {
        return Err(problem(
            "bad-url",
            "credentials have no place in an upstream's address",
            "set a header instead",
        ));
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match (port, default) {
        (Some(port), _) => port.parse().ok().filter(|port| *port > 0),
        (None, default) => default,
    };
    let Some(port) = port else {
        return Err(problem(
            "bad-url",
            format!("`{text}` lacks a port between 1 and 65535"),
            "write `\"HOST:PORT\"`",
        ));
    };
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(ServerAddress::Ip(ip, port)),
        Err(_) => Ok(ServerAddress::Name(host_name(host)?, port)),
    }
}

fn host_name(host: &str) -> Result<String, Problem> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if host.is_empty() || host.len() > 253 || !host.chars().all(fine) || host.contains("..") {
        return Err(problem(
            "bad-url",
            format!("`{host}` is no host name"),
            "names have letters, digits, `-` and `.`",
        ));
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(written: &str) -> Option<String> {
        parse(written).ok().map(|endpoint| endpoint.address.to_string())
    }

    #[test]
    fn a_scheme_gives_the_port_and_an_address_alone_names_it() {
        assert_eq!(address("http://a.example").as_deref(), Some("a.example:80"));
        assert_eq!(address("https://A.example:8443").as_deref(), Some("a.example:8443"));
        assert_eq!(address("https://[::1]").as_deref(), Some("[::1]:443"));
        assert_eq!(address("127.0.0.1:8000").as_deref(), Some("127.0.0.1:8000"));
        assert_eq!(address("unix:/run/a.sock").as_deref(), Some("unix:/run/a.sock"));
        assert_eq!(address("srv://_http._tcp.a.example").as_deref(), Some("srv://_http._tcp.a.example"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for written in [
            "a.example",
            "http://",
            "http://a/b",
            "ftp://a",
            "a:0",
            "a:99999",
            "http://u:p@a",
            "http://a b",
            "unix:x",
        ] {
            assert_eq!(address(written), None, "{written}");
        }
    }
}
