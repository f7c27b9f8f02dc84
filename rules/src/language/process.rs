//! `vordr { … }`: what concerns the process as a whole.

use super::acme;
use super::limit_store;
use super::limits::{self, Limits};
use super::log::{self, AccessLog, LineFormat};
use super::resolver;
use super::text;
use super::trace;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{Address, Believed, ErrorLog, LimitStore, Resolver, Trace};
use crate::value::Limit;
use crate::word::Word;
use http::HeaderName;
use ipnet::IpNet;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("vordr", "", "What concerns the process as a whole.").block(&[&[
        &WORKERS,
        &DRAIN,
        &DRAIN_DELAY,
        &TRUSTED_PROXIES,
        &resolver::WORD,
        &ADMIN,
        &METRICS,
        &log::FORMAT,
        &log::ACCESS,
        &log::ERROR,
        &trace::WORD,
        &STATE,
        &limits::WORD,
        &limit_store::WORD,
        &acme::OF_PROCESS,
        &ERROR_DETAIL,
    ]]);

static WORKERS: Word = Word::simple("workers", "auto | NUMBER", "Worker threads; one per core by default.");
static DRAIN: Word = Word::simple(
    "drain",
    "DURATION | off",
    "How long open streams may live after a stop is asked for. Default 8 s.",
);
static DRAIN_DELAY: Word = Word::simple(
    "drain-delay",
    "DURATION | off",
    "How long to go on accepting after a stop is asked for, before `drain` begins. Default off.",
);
static TRUSTED_PROXIES: Word =
    Word::simple("trusted-proxies", "NETWORK…", "Whose X-Forwarded-* and PROXY headers are believed.")
        .properties(&["header", "recursive"]);
static ADMIN: Word =
    Word::simple("admin", "ADDRESS", "Where /health, /status, /routes and the page of what runs are served.")
        .properties(&["token"]);
static METRICS: Word =
    Word::simple("metrics", "ADDRESS", "Where /metrics is served for Prometheus.").properties(&["compat"]);
static STATE: Word = Word::simple("state", "FOLDER", "Where certificates and accounts are kept.");
static ERROR_DETAIL: Word =
    Word::simple("error-detail", "on | off", "Whether error pages name addresses. Default off.");

/// Whoever guesses must be at it for ever.
const SHORTEST_TOKEN: usize = 16;

/// As written; what is absent has its default.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub workers: Option<Option<u32>>,
    pub drain: Option<Limit<Duration>>,
    pub drain_delay: Option<Limit<Duration>>,
    pub trusted_proxies: Vec<IpNet>,
    pub believed: Believed,
    pub resolver: Option<Resolver>,
    pub admin: Option<Spanned<Address>>,
    pub admin_token: Option<String>,
    pub metrics: Option<Spanned<Address>>,
    pub metrics_compat_nginx: bool,
    pub log_formats: Vec<LineFormat>,
    /// `None` within is `access-log off`.
    pub access_logs: Vec<Spanned<Option<AccessLog>>>,
    pub error_logs: Vec<Spanned<ErrorLog>>,
    pub trace: Option<Spanned<Trace>>,
    pub state: Option<Spanned<String>>,
    pub limits: Limits,
    pub limit_store: Option<LimitStore>,
    pub acme: Option<Spanned<crate::table::AcmeAccount>>,
    pub error_detail: Option<bool>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Spanned<Process> {
    let node = Node::open(kdl, &WORD, reading);
    let mut process = Process::default();
    for (word, child) in node.block() {
        read_word(&mut process, word, child, reading);
    }
    let span = node.span;
    node.finish(reading);
    Spanned::new(process, span)
}

fn read_word(process: &mut Process, word: &'static Word, kdl: &KdlNode, reading: &mut Reading<'_>) {
    match word.name {
        "log-format" => process.log_formats.extend(log::read_format(kdl, reading)),
        "access-log" => process.access_logs.extend(log::read_access(kdl, reading)),
        "error-log" => process.error_logs.extend(log::read_error(kdl, reading)),
        "trace" => process.trace = trace::read(kdl, reading),
        "limits" => process.limits = limits::read(kdl, reading),
        _ => {
            let mut node = Node::open(kdl, word, reading);
            read_simple(process, &mut node, reading);
            node.finish(reading);
        }
    }
}

/// `header=off`, `header="X-Real-IP"`, `recursive=off`.
fn read_believed(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Believed {
    let Some(header) = node.property::<String>("header", reading) else { return Believed::Forwarded };
    if header.value == "off" {
        return Believed::Nothing;
    }
    let recursive = node.property("recursive", reading).is_none_or(|recursive| recursive.value);
    match reading.value::<HeaderName>(&header, "trusted-proxies") {
        Some(header) => Believed::Client { header: header.value, recursive },
        None => Believed::Nothing,
    }
}

fn read_simple(process: &mut Process, node: &mut Node<'_>, reading: &mut Reading<'_>) {
    match node.word.name {
        "workers" => process.workers = read_workers(node, reading),
        "drain" => process.drain = node.need(reading).map(|found| found.value),
        "drain-delay" => process.drain_delay = node.need(reading).map(|found| found.value),
        "trusted-proxies" => {
            process.trusted_proxies =
                node.need_some::<IpNet>(reading).into_iter().map(|found| found.value).collect();
            process.believed = read_believed(node, reading);
        }
        "resolver" => process.resolver = resolver::read(node, reading),
        "admin" => {
            process.admin = node.need(reading);
            process.admin_token = read_admin_token(process.admin.as_ref(), node, reading);
        }
        "metrics" => {
            process.metrics = node.need(reading);
            let compat = node.property::<String>("compat", reading);
            process.metrics_compat_nginx = text::one_of(compat, &["nginx"], "compat", reading).is_some();
        }
        "state" => process.state = node.need(reading),
        "limit-store" => process.limit_store = limit_store::read(node, reading),
        "acme" => process.acme = Some(Spanned::new(acme::read_account(node, reading), node.span)),
        _ => process.error_detail = node.need(reading).map(|found| found.value),
    }
}

/// Where others than this machine may ask, they must not read the rules for the asking.
fn read_admin_token(
    admin: Option<&Spanned<Address>>,
    node: &mut Node<'_>,
    reading: &mut Reading<'_>,
) -> Option<String> {
    let token = node.property::<String>("token", reading);
    match (admin, &token) {
        (_, Some(token)) if token.value.chars().count() < SHORTEST_TOKEN => reading.report(
            Diagnostic::error("weak-token", token.span, "the token of `admin` is too short to be a secret")
                .label(format!("expected {SHORTEST_TOKEN} characters or more"))
                .help("`openssl rand -hex 32` makes one"),
        ),
        (Some(admin), None) if !is_private(&admin.value) => reading.report(
            Diagnostic::error(
                "admin-without-token",
                admin.span,
                "`admin` is open to others than this machine",
            )
            .label("anybody who reaches it could read the rules and reload them")
            .help(
                "`admin \"127.0.0.1:9180\"` keeps it here; else add a token: \
                     `admin \"0.0.0.0:9180\" token=\"${file:/run/secrets/admin}\"`",
            ),
        ),
        _ => {}
    }
    token.map(|token| token.value)
}

/// Whether only this machine gets there.
pub(crate) fn is_private(address: &Address) -> bool {
    match address {
        Address::Ip(ip, _) => ip.is_loopback(),
        Address::Port(_) => false,
        Address::Unix(_) => true,
    }
}

fn read_workers(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Option<u32>> {
    if node.take_word("auto").is_some() {
        return Some(None);
    }
    let count = node.need::<u32>(reading)?;
    if !(1..=1024).contains(&count.value) {
        reading.report(text::out_of_range("workers", count.span, "1 to 1024, or `auto`"));
    }
    Some(Some(count.value))
}
