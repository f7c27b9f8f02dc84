//! `proxy`: send the request to an upstream.

use super::fix::{self, Fix};
use super::header::{check_body, template};
use super::pool::{self, Pool};
use super::store;
use super::text::{self, one_of};
use super::tls::version;
use super::upstream::{Endpoint, endpoint};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::{Part, Template};
use crate::source::{Span, Spanned};
use crate::table::{AskedBy, HostHeader, HttpVersion, Store, TlsVersion, own_address};
use crate::value::{Bytes, Limit};
use crate::word::Word;
use http::{HeaderValue, Method};
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word = Word::simple("proxy", "URL… | NAME", "Send the request to an upstream.")
    .block(&[
        &[&HOST, &ORIGIN, &NAME],
        fix::WORDS,
        &[
            &STRIP_PREFIX,
            &METHOD,
            &PASS_HEADERS,
            &PASS_BODY,
            &BODY,
            &PASS_SERVER,
            &RANGES,
            &READ_RATE,
            &OUTLAST_CLIENT,
        ],
        &[&HTTP, &TLS, &RESOLVE, &PROXY_PROTOCOL, &BIND, &store::WORD],
        pool::WORDS,
    ]);

static HOST: Word = Word::simple(
    "host",
    "preserve | upstream | NAME",
    "The Host that the upstream sees. Default: `preserve` for http, `upstream` for https.",
);
static ORIGIN: Word =
    Word::simple("origin", "auto | off", "Whether the public Origin becomes the upstream's where Host does.");
static NAME: Word = Word::simple(
    "name",
    "HOST NAME",
    "The upstream that a host stands for, where the URL has placeholders. Each has its own name anyway.",
)
.many();
static STRIP_PREFIX: Word =
    Word::simple("strip-prefix", "PATH", "A prefix taken off the path that the upstream sees.");
static METHOD: Word =
    Word::simple("method", "METHOD", "The method that the upstream sees. Default: the request's own.");
static PASS_HEADERS: Word = Word::simple(
    "pass-headers",
    "on | off",
    "Whether the request's own headers are sent to the upstream. Default on.",
);
static PASS_BODY: Word =
    Word::simple("pass-body", "on | off", "Whether the request's body is sent to the upstream. Default on.");
static BODY: Word = Word::simple("body", "TEXT", "What is sent in the place of the request's body.");
static PASS_SERVER: Word = Word::simple(
    "pass-server",
    "on | off",
    "Whether the upstream's own Server header reaches the client. Default off.",
);
static RANGES: Word = Word::simple(
    "ranges",
    "on | off",
    "Whether parts of whole answers are sent to clients that ask for parts. Default off.",
);
static READ_RATE: Word = Word::simple(
    "read-rate",
    "SIZE | off",
    "How many bytes of the upstream's answer are read in a second. Default off.",
);
static OUTLAST_CLIENT: Word = Word::simple(
    "outlast-client",
    "on | off",
    "Whether the upstream goes on being waited for when the client is gone. Default off.",
);
static HTTP: Word =
    Word::simple("http", "\"1.1\" | \"2\" | auto", "The HTTP version spoken with the upstream.");
static TLS: Word = Word::simple("tls", "", "How TLS is spoken with the upstream.").properties(&[
    "min",
    "verify",
    "sni",
    "ca",
    "cert",
    "key",
    "passwords",
]);
static RESOLVE: Word =
    Word::simple("resolve", "DURATION", "The longest a resolved address is believed. Default 30 s.");
static PROXY_PROTOCOL: Word =
    Word::simple("proxy-protocol", "v1 | v2", "The client's address is sent ahead in a PROXY header.");
static BIND: Word = Word::simple(
    "bind",
    "ADDRESS",
    "The address of this machine that connections to the upstream come from. Default: what the system chooses.",
);

/// As written.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub span: Span,
    pub target: Target,
    pub host: Option<Spanned<HostHeader>>,
    pub origin_fix: Option<bool>,
    /// Hosts of a URL with placeholders, and the upstreams that they stand for.
    pub names: Vec<(Spanned<String>, Spanned<String>)>,
    pub fix: Fix,
    pub strip_prefix: Option<Spanned<String>>,
    pub method: Option<AskedBy>,
    pub pass_headers: Option<bool>,
    pub pass_body: Option<bool>,
    pub body: Option<Template>,
    pub pass_server: Option<bool>,
    pub ranges: Option<bool>,
    pub read_rate: Option<u64>,
    pub outlast_client: Option<bool>,
    pub http: Option<Spanned<HttpVersion>>,
    pub tls: Option<Spanned<Tls>>,
    pub resolve: Option<Duration>,
    pub proxy_protocol: Option<Spanned<u8>>,
    pub bind: Option<Template>,
    pub store: Option<Store>,
    pub pool: Pool,
}

/// Where to.
#[derive(Debug)]
pub(crate) enum Target {
    /// An `upstream` by name.
    Named(Spanned<String>),
    /// A pool written in place; never empty.
    Inline(Vec<Spanned<Endpoint>>),
    /// A URL with placeholders.
    Filled(Spanned<Template>),
}

/// `tls` in the block of a `proxy`.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    pub min: Option<TlsVersion>,
    pub verify: Option<bool>,
    pub sni: Option<Template>,
    pub ca: Option<String>,
    pub client: Option<(String, String)>,
    pub passwords: Option<String>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Proxy> {
    let mut node = Node::open(kdl, &WORD, reading);
    let written = node.need_some::<String>(reading);
    let target = read_target(&written, reading);
    let mut proxy = Proxy {
        span: node.span,
        target: Target::Inline(Vec::new()),
        host: None,
        origin_fix: None,
        names: Vec::new(),
        fix: Fix::default(),
        strip_prefix: None,
        method: None,
        pass_headers: None,
        pass_body: None,
        body: None,
        pass_server: None,
        ranges: None,
        read_rate: None,
        outlast_client: None,
        http: None,
        tls: None,
        resolve: None,
        proxy_protocol: None,
        bind: None,
        store: None,
        pool: pool::read(&node, reading),
    };
    for (word, child) in node.block() {
        if !pool::WORDS.iter().any(|known| known.name == word.name) {
            let mut child = Node::open(child, word, reading);
            match fix::WORDS.iter().any(|known| known.name == word.name) {
                true => fix::read_word(&mut proxy.fix, &mut child, reading),
                false => read_word(&mut proxy, &mut child, reading),
            }
            child.finish(reading);
        }
    }
    node.finish(reading);
    Some(Proxy { target: target?, ..proxy })
}

fn read_word(proxy: &mut Proxy, node: &mut Node<'_>, reading: &mut Reading<'_>) {
    let span = node.span;
    let auto = |node: &mut Node<'_>, reading: &mut Reading<'_>| {
        let word = node.need::<String>(reading);
        one_of(word, &["auto", "off"], node.word.name, reading).map(|at| at == 0)
    };
    match node.word.name {
        "host" => proxy.host = node.need(reading).and_then(|host| read_host(&host, reading)),
        "origin" => proxy.origin_fix = auto(node, reading),
        "name" => proxy.names.extend(node.need(reading).zip(node.need(reading))),
        "strip-prefix" => {
            proxy.strip_prefix = node.need(reading).and_then(|prefix| read_prefix(prefix, reading))
        }
        "method" => proxy.method = read_method(node, reading),
        "pass-headers" => proxy.pass_headers = node.need(reading).map(|on| on.value),
        "pass-body" => proxy.pass_body = node.need(reading).map(|on| on.value),
        "body" => {
            let text = node.need::<String>(reading);
            let body = text.and_then(|text| template(text, "body", reading));
            body.iter().for_each(|body| check_body(body, reading));
            proxy.body = body.map(|body| body.value);
        }
        "pass-server" => proxy.pass_server = node.need(reading).map(|on| on.value),
        "ranges" => proxy.ranges = node.need(reading).map(|on| on.value),
        "read-rate" => proxy.read_rate = read_rate(node, reading),
        "outlast-client" => proxy.outlast_client = node.need(reading).map(|on| on.value),
        "http" => {
            let word = node.need::<String>(reading);
            let at = one_of(word, &["1.1", "2", "auto"], "http", reading);
            let versions = [HttpVersion::Http1, HttpVersion::Http2, HttpVersion::Auto];
            proxy.http =
                at.and_then(|at| versions.get(at).copied()).map(|version| Spanned::new(version, span));
        }
        "tls" => proxy.tls = Some(Spanned::new(read_tls(node, reading), span)),
        "bind" => proxy.bind = node.need(reading).and_then(|address| read_bind(address, reading)),
        "store" => proxy.store = store::read(node, reading),
        "resolve" => proxy.resolve = node.need(reading).map(|resolve| resolve.value),
        _ => {
            let word = node.need::<String>(reading);
            let at = one_of(word, &["v1", "v2"], "proxy-protocol", reading);
            proxy.proxy_protocol = at.map(|at| Spanned::new(if at == 0 { 1 } else { 2 }, span));
        }
    }
}

/// An address, or what makes one of each request.
fn read_bind(address: Spanned<String>, reading: &mut Reading<'_>) -> Option<Template> {
    let made = template(address, "bind", reading)?;
    if let Some(text) = made.value.as_text().filter(|text| own_address(text).is_none()) {
        let error = text::wrong("bind", made.span, format!("`{text}` is no address"));
        reading.report(error.label("write `\"192.0.2.1\"`, or with a port `\"192.0.2.1:4000\"`"));
        return None;
    }
    Some(made.value)
}

/// How many bytes a second; `None` is `off`.
fn read_rate(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<u64> {
    let size = node.need::<Limit<Bytes>>(reading)?;
    let rate = size.value.0.map(|size| size.0);
    if rate == Some(0) {
        reading.report(text::out_of_range("read-rate", size.span, "a size such as `\"100k\"`, or `off`"));
    }
    rate.filter(|rate| *rate > 0)
}

fn read_method(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<AskedBy> {
    let text = node.need::<String>(reading)?;
    if text.value.contains('{') {
        return template(text, "method", reading).map(|method| AskedBy::Filled(method.value));
    }
    let method = reading.value::<Method>(&text, node.word.name)?;
    if !AskedBy::may_be(&method.value) {
        let message = format!("`{}` takes no part in another request's place", method.value);
        reading.report(text::wrong("method", method.span, message).label("write another method"));
        return None;
    }
    Some(AskedBy::Fixed(method.value))
}

fn read_target(written: &[Spanned<String>], reading: &mut Reading<'_>) -> Option<Target> {
    let is_name = |word: &str| !word.contains([':', '/', '.']) && !word.is_empty();
    match written {
        [one] if is_name(&one.value) && !one.value.contains('{') => Some(Target::Named(one.clone())),
        [one] if one.value.contains('{') => read_filled(one, reading),
        _ => {
            let endpoints: Vec<_> = written.iter().filter_map(|url| read_url(url, reading)).collect();
            (endpoints.len() == written.len() && !endpoints.is_empty()).then_some(Target::Inline(endpoints))
        }
    }
}

/// A URL with placeholders. Its scheme may be one of them; what follows its host is the business of `rewrite`.
fn read_filled(written: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Target> {
    let url = template(written.clone(), "proxy", reading)?;
    let start = match url.value.parts.first() {
        Some(Part::Text(text)) => text.as_str(),
        _ => "",
    };
    let (scheme, _) = start.split_once("://").unwrap_or(("", start));
    if !start.is_empty() && !["http", "https"].contains(&scheme) {
        let error =
            Diagnostic::error("bad-url", written.span, "the URL of an upstream begins with its scheme");
        reading.report(error.label("write `\"http://…\"` or `\"https://…\"`"));
        return None;
    }
    let has_path =
        |part: &Part| matches!(part, Part::Text(text) if text.replacen("://", "", 1).contains('/'));
    if url.value.parts.iter().any(has_path) {
        let error = Diagnostic::error("path-in-url", written.span, "an upstream's URL has no path");
        reading.report(error.label("`rewrite \"/y{path}\"` makes a new one"));
        return None;
    }
    Some(Target::Filled(url))
}

/// A URL, whose scheme says whether TLS is spoken.
fn read_url(written: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<Endpoint>> {
    if !written.value.contains("://") && !written.value.starts_with("unix:") {
        let message = format!("`{}` has no scheme, so it is not clear whether TLS is spoken", written.value);
        let error = Diagnostic::error("bad-url", written.span, message);
        reading.report(error.label(format!("write `\"http://{0}\"` or `\"https://{0}\"`", written.value)));
        return None;
    }
    endpoint(written, reading)
}

fn read_host(host: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<HostHeader>> {
    let header = match host.value.as_str() {
        "preserve" => HostHeader::Preserve,
        "upstream" => HostHeader::Upstream,
        name => {
            let fine = !name.is_empty() && name.is_ascii() && !name.contains(['/', '@', ' ']);
            match HeaderValue::from_str(name).ok().filter(|_| fine) {
                Some(value) => HostHeader::Fixed(value),
                None => {
                    reading.report(text::wrong("host", host.span, format!("`{name}` is no host")));
                    return None;
                }
            }
        }
    };
    Some(Spanned::new(header, host.span))
}

fn read_prefix(prefix: Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<String>> {
    let span = prefix.span;
    text::path_prefix("strip-prefix", prefix, reading).map(|prefix| Spanned::new(prefix, span))
}

fn read_tls(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Tls {
    let min = node.property::<String>("min", reading);
    Tls {
        min: version(min, "min", reading),
        verify: node.property("verify", reading).map(|verify| verify.value),
        sni: node
            .property::<String>("sni", reading)
            .and_then(|sni| template(sni, "sni", reading))
            .map(|sni| sni.value),
        ca: node.property("ca", reading).map(|ca| ca.value),
        passwords: read_passwords(node, reading),
        client: read_client(node, reading),
    }
}

/// Passwords open a key, and nothing else.
fn read_passwords(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let passwords = node.property::<String>("passwords", reading)?;
    if !node.has_property("key") {
        let error =
            Diagnostic::error("incomplete-tls", passwords.span, "`passwords` without `key` opens nothing");
        reading.report(error.label("add `cert` and `key`, or leave this out"));
    }
    Some(passwords.value)
}

/// A certificate is nothing without its key.
fn read_client(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<(String, String)> {
    let (cert, key) = (node.property::<String>("cert", reading), node.property::<String>("key", reading));
    let (lone, lacks) = match (cert, key) {
        (Some(cert), Some(key)) => return Some((cert.value, key.value)),
        (Some(cert), None) => (cert.span, "key"),
        (None, Some(key)) => (key.span, "cert"),
        (None, None) => return None,
    };
    let error = Diagnostic::error("incomplete-tls", lone, format!("`tls` lacks `{lacks}`"));
    reading.report(error.label(format!("add `{lacks}=\"/path\"`")));
    None
}
