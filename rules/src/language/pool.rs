//! The words of a pool: how a server is chosen, checked, tried again and waited for.

use super::header::template;
use super::text::{self, one_of};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{Balance, Check, Health, HttpCheck, Passive, Retry, Sticky};
use crate::value::Limit;
use crate::word::Word;
use http::{HeaderValue, Method, StatusCode};
use std::time::Duration;

/// The words of a pool.
pub(super) const WORDS: &[&Word] =
    &[&BALANCE, &STICKY, &HEALTH, &PASSIVE, &SLOW_START, &RETRY, &TRY_FOR, &KEEPALIVE, &CONNECTIONS];

static BALANCE: Word =
    Word::simple("balance", "round-robin | least-conn | random | ip-hash | hash", "How a server is chosen.")
        .properties(&["key"]);
static STICKY: Word = Word::simple("sticky", "", "How a client stays with one server.")
    .properties(&["cookie", "header", "query", "secret"]);
static HEALTH: Word = Word::simple("health", "PATH | tcp | grpc", "Active checks.")
    .properties(&["every", "timeout", "fall", "rise", "status", "contains", "method", "host", "service"]);
static PASSIVE: Word =
    Word::simple("passive", "", "What is learnt from live requests.").properties(&["fails", "within", "for"]);
static RETRY: Word = Word::simple(
    "retry",
    "NUMBER | off",
    "When a request is tried again. Default: once, on a reused connection.",
)
.properties(&["on", "within"]);
static SLOW_START: Word = Word::simple(
    "slow-start",
    "DURATION",
    "How long a server that is back takes to have its whole share of requests again.",
);
static TRY_FOR: Word =
    Word::simple("try-for", "DURATION", "How long a request waits while no server is up yet.");
static KEEPALIVE: Word =
    Word::simple("keepalive", "NUMBER | off", "Idle connections kept to each server. Default 128, for 60 s.")
        .properties(&["idle"]);
static CONNECTIONS: Word =
    Word::simple("connections", "NUMBER | off", "Connections to each server at once; more wait, then 503.");

/// A shorter one can be guessed.
const SHORTEST_SECRET: usize = 16;

/// As written.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub balance: Option<Spanned<Balance>>,
    pub sticky: Option<Spanned<Sticky>>,
    pub health: Option<Spanned<Health>>,
    pub passive: Option<Spanned<Passive>>,
    pub slow_start: Option<Spanned<Duration>>,
    pub retry: Option<Spanned<Retry>>,
    pub try_for: Option<Spanned<Duration>>,
    pub keepalive: Option<Spanned<u32>>,
    pub keepalive_idle: Option<Spanned<Limit<Duration>>>,
    pub connections: Option<Spanned<Limit<u64>>>,
    /// The words of a pool that are written, and where.
    pub words: Vec<(Span, &'static str)>,
}

/// Reads the words of a pool among those of a block.
pub(super) fn read(parent: &Node<'_>, reading: &mut Reading<'_>) -> Pool {
    let mut pool = Pool::default();
    for (word, kdl) in parent.block() {
        if WORDS.iter().any(|known| known.name == word.name) {
            let mut node = Node::open(kdl, word, reading);
            pool.words.push((node.span, word.name));
            read_word(&mut pool, &mut node, reading);
            node.finish(reading);
        }
    }
    pool
}

fn read_word(pool: &mut Pool, node: &mut Node<'_>, reading: &mut Reading<'_>) {
    let span = node.span;
    match node.word.name {
        "balance" => pool.balance = read_balance(node, reading).map(|balance| Spanned::new(balance, span)),
        "sticky" => pool.sticky = read_sticky(node, reading).map(|sticky| Spanned::new(sticky, span)),
        "health" => pool.health = read_health(node, reading).map(|health| Spanned::new(health, span)),
        "passive" => pool.passive = Some(Spanned::new(read_passive(node, reading), span)),
        "slow-start" => pool.slow_start = node.need(reading),
        "retry" => pool.retry = read_retry(node, reading).map(|retry| Spanned::new(retry, span)),
        "try-for" => pool.try_for = node.need(reading),
        "keepalive" => {
            pool.keepalive = match node.take_word("off") {
                Some(span) => Some(Spanned::new(0, span)),
                None => node.need(reading),
            };
            if pool.keepalive.as_ref().is_some_and(|number| number.value > 0) {
                pool.keepalive_idle = node.property("idle", reading);
            }
        }
        _ => {
            pool.connections = node.need(reading);
            text::check_not_none("connections", pool.connections.as_ref(), reading);
        }
    }
}

fn read_balance(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Balance> {
    let name = node.need::<String>(reading)?;
    let span = name.span;
    let at =
        one_of(Some(name), &["round-robin", "least-conn", "random", "ip-hash", "hash"], "balance", reading)?;
    Some(match at {
        0 => Balance::RoundRobin,
        1 => Balance::LeastConn,
        2 => Balance::Random,
        3 => Balance::IpHash,
        _ => match node.property::<String>("key", reading) {
            Some(key) => Balance::Hash(template(key, "balance", reading)?.value),
            None => {
                let error = Diagnostic::error("missing-property", span, "`balance hash` lacks `key`");
                node.lacks(error.label("add `key=\"{header.X-User}\"`"), reading);
                return None;
            }
        },
    })
}

fn read_sticky(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Sticky> {
    let mut found = None;
    for kind in ["cookie", "header", "query"] {
        let Some(value) = node.property::<String>(kind, reading) else { continue };
        if found.is_some() {
            let error = Diagnostic::error("conflict", value.span, "`sticky` goes by one thing alone");
            reading.report(error.label("keep one of them"));
        }
        found = Some(match kind {
            "cookie" => Sticky::Cookie { name: value.value, secret: read_sticky_secret(node, reading) },
            "header" => Sticky::Header(value.value),
            _ => Sticky::Query(value.value),
        });
    }
    if found.is_none() {
        let error = Diagnostic::error("missing-property", node.span, "`sticky` lacks what it goes by");
        node.lacks(error.label("add `cookie=NAME`, `header=NAME` or `query=NAME`"), reading);
    }
    found
}

/// What the cookie's value is made with.
fn read_sticky_secret(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let secret = node.property::<String>("secret", reading)?;
    if secret.value.chars().count() < SHORTEST_SECRET {
        let error =
            Diagnostic::error("weak-secret", secret.span, "the secret of `sticky` is too short to be one");
        reading.report(
            error
                .label(format!("expected {SHORTEST_SECRET} characters or more"))
                .help("`openssl rand -hex 16` makes one"),
        );
    }
    Some(secret.value)
}

fn read_health(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Health> {
    let path = node.need::<String>(reading);
    let mut duration = |name: &str, default: u64| {
        let found = node.property::<Duration>(name, reading);
        if let Some(none) = found.as_ref().filter(|found| found.value.is_zero()) {
            reading.report(text::out_of_range(name, none.span, "more than `\"0s\"`"));
        }
        found.map_or(Duration::from_secs(default), |found| found.value)
    };
    let (every, timeout) = (duration("every", 10), duration("timeout", 2));
    let mut number = |name: &'static str, default: u32| at_least_one(name, node, reading).unwrap_or(default);
    let (fall, rise) = (number("fall", 3), number("rise", 2));
    let check = read_check(path?, node, reading)?;
    Some(Health { check, every, timeout, fall, rise })
}

/// A count of which none would mean that it happens never, or at once.
fn at_least_one(name: &'static str, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<u32> {
    let count = node.property::<u32>(name, reading)?;
    if count.value == 0 {
        reading.report(text::out_of_range(name, count.span, "1 or more"));
    }
    Some(count.value)
}

fn read_check(asked: Spanned<String>, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Check> {
    match asked.value.as_str() {
        "tcp" => return Some(Check::Tcp),
        "grpc" => {
            let service = node.property::<String>("service", reading);
            return Some(Check::Grpc(service.map(|service| service.value).unwrap_or_default()));
        }
        path if path.starts_with('/') => {}
        _ => {
            reading.report(text::wrong(
                "health",
                asked.span,
                "a path starts with `/`; else it is `tcp` or `grpc`",
            ));
            return None;
        }
    }
    let status = node.property::<StatusCode>("status", reading).map_or(StatusCode::OK, |status| status.value);
    let contains = node.property::<String>("contains", reading).map(|contains| contains.value);
    Some(Check::Http(HttpCheck {
        method: read_method(node, reading)?,
        host: read_check_host(node, reading)?,
        path: asked.value,
        status,
        contains,
    }))
}

fn read_method(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Method> {
    let written = node.property::<String>("method", reading);
    let methods = [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST];
    if written.is_none() {
        return Some(Method::GET);
    }
    let at = one_of(written, &["GET", "HEAD", "OPTIONS", "POST"], "method", reading)?;
    methods.get(at).cloned()
}

fn read_check_host(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Option<HeaderValue>> {
    let Some(written) = node.property::<String>("host", reading) else { return Some(None) };
    let host =
        HeaderValue::from_str(&written.value).ok().filter(|_| !written.value.contains(['/', '@', ' ']));
    if host.is_none() {
        reading.report(text::wrong("health", written.span, format!("`{}` is no host", written.value)));
    }
    host.map(Some)
}

fn read_passive(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Passive {
    let fails = at_least_one("fails", node, reading).unwrap_or(3);
    let mut duration = |name: &str| {
        node.property::<Duration>(name, reading).map_or(Duration::from_secs(30), |found| found.value)
    };
    Passive { fails, within: duration("within"), pause: duration("for") }
}

fn read_retry(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Retry> {
    let mut retry = Retry::default();
    if node.take_word("off").is_some() {
        return Some(Retry { times: 0, ..retry });
    }
    retry.times = node.need::<u32>(reading)?.value;
    if let Some(within) = node.property::<Duration>("within", reading) {
        retry.within = within.value;
    }
    if let Some(on) = node.property::<String>("on", reading) {
        retry.reused = false;
        if on.value.trim().is_empty() {
            let error = text::wrong("retry", on.span, "`on` names nothing to try again on");
            reading.report(error.label("write `retry off`, or what it is tried again on"));
        }
        for word in on.value.split_whitespace() {
            match (word, word.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok())) {
                ("connect", _) => retry.connect = true,
                ("reused", _) => retry.reused = true,
                ("closed", _) => retry.closed = true,
                ("timeout", _) => retry.timeout = true,
                ("protocol", _) => retry.protocol = true,
                ("non-idempotent", _) => retry.non_idempotent = true,
                (_, Some(status)) if status.is_server_error() || status.is_client_error() => {
                    retry.statuses.push(status)
                }
                _ => reading.report(text::wrong(
                    "retry",
                    on.span,
                    format!("`{word}` is nothing to try again on"),
                )),
            }
        }
    }
    Some(retry)
}
