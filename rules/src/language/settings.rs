//! The settings of a server, a location or a template, and how the nearer one wins.

use super::afterwards::{self, Afterwards};
use super::cors::{self, Cors};
use super::keepalive::{self, Keepalive};
use super::limit::{self, Concurrent, Limit as RateLimit};
use super::log::{self, AccessLog};
use super::on_error::{self, OnError};
use super::text::one_of;
use super::timeouts::{self, Timeouts};
use super::websocket::{self, WebSocket};
use super::{access, auth, buffering, compress, header, media, send_rate, substitute, trust};
use crate::node::{Node, Reading};
use crate::placeholder::Template as Text;
use crate::source::{Span, Spanned};
use crate::table::{
    AccessRule, Auth, Bodies, Buffering, Charset, Compress, ErrorLog, Expires, HeaderNames, HeaderOperation,
    Satisfy, SendRate, Steering, Substitute, Trust, Types,
};
use crate::value::{Bytes, Limit};
use crate::word::Word;
use kdl::KdlNode;
use std::sync::Arc;

/// The words that are settings.
pub(super) const WORDS: &[&Word] = &[
    &USE,
    &timeouts::WORD,
    &websocket::WORD,
    &keepalive::WORD,
    &buffering::WORD,
    &BODY_LIMIT,
    &REWRITE,
    &FORWARDED,
    &send_rate::WORD,
    &STEERING,
    &afterwards::WORD,
    &HEADER_NAMES,
    &header::REQUEST,
    &header::RESPONSE,
    &cors::WORD,
    &trust::WORD,
    &access::ALLOW,
    &access::DENY,
    &access::SATISFY,
    &limit::WORD,
    &limit::CONCURRENT,
    &auth::WORD,
    &compress::WORD,
    &substitute::WORD,
    &media::TYPES,
    &media::CHARSET,
    &media::EXPIRES,
    &media::BODIES,
    &log::ACCESS,
    &log::ERROR,
    &on_error::WORD,
];

pub(super) static TEMPLATE: Word =
    Word::simple("template", "NAME", "Settings to be pulled in by `use NAME`.").block(&[WORDS]).many();

static USE: Word = Word::simple("use", "NAME…", "Settings of a template; local ones win.").many();
static BODY_LIMIT: Word =
    Word::simple("body-limit", "SIZE | off", "The largest request body; more is answered 413. Default off.");
static FORWARDED: Word = Word::simple(
    "forwarded",
    "on | off",
    "Whether vordr adds X-Forwarded-*, X-Real-IP and X-Request-Id. Default on.",
);
static STEERING: Word = Word::simple(
    "steering",
    "on | off | redirect | rate",
    "Whether an upstream's X-Accel-Redirect and X-Accel-Limit-Rate are followed. Default off.",
);
static HEADER_NAMES: Word = Word::simple(
    "header-names",
    "any | underscores | plain",
    "Which request headers are passed on, by the letters of their names. Default any.",
);
static REWRITE: Word =
    Word::simple("rewrite", "TEXT", "The path, and perhaps query, that the upstream sees.");

/// As written; what is absent is inherited.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// In the order written.
    pub uses: Vec<Spanned<String>>,
    pub timeouts: Timeouts,
    pub websocket: WebSocket,
    pub keepalive: Keepalive,
    /// `None` within is `buffering off`.
    pub buffering: Option<Spanned<Option<Arc<Buffering>>>>,
    pub body_limit: Option<Spanned<Limit<Bytes>>>,
    pub rewrite: Option<Spanned<Text>>,
    pub forwarded: Option<Spanned<bool>>,
    /// `None` within is `send-rate off`.
    pub send_rate: Option<Spanned<Option<SendRate>>>,
    pub steering: Option<Spanned<Steering>>,
    /// `None` within is `afterwards off`.
    pub afterwards: Option<Spanned<Option<Afterwards>>>,
    pub header_names: Option<Spanned<HeaderNames>>,
    pub request: Vec<Spanned<HeaderOperation>>,
    pub response: Vec<Spanned<HeaderOperation>>,
    pub cors: Cors,
    pub trust: Option<Spanned<Trust>>,
    /// `allow` and `deny` as one list.
    pub access: Vec<Spanned<AccessRule>>,
    pub satisfy: Option<Spanned<Satisfy>>,
    pub limits: Vec<RateLimit>,
    pub concurrent: Vec<Concurrent>,
    /// `None` in the list is `auth off`.
    pub auth: Vec<Spanned<Option<Auth>>>,
    pub compress: Option<Spanned<Option<Compress>>>,
    /// `None` within is `substitute off`.
    pub substitute: Option<Spanned<Option<Substitute>>>,
    pub types: Option<Spanned<Arc<Types>>>,
    /// `None` within is `charset off`.
    pub charset: Option<Spanned<Option<Charset>>>,
    pub expires: Option<Spanned<Expires>>,
    pub bodies: Option<Spanned<Bodies>>,
    /// `None` within is `access-log off`.
    pub access_logs: Vec<Spanned<Option<AccessLog>>>,
    pub error_logs: Vec<Spanned<ErrorLog>>,
    pub on_error: Vec<OnError>,
}

/// `template NAME { … }`.
#[derive(Debug)]
pub(crate) struct Template {
    pub name: Spanned<String>,
    pub settings: Settings,
}

pub(super) fn read_template(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Template> {
    let mut node = Node::open(kdl, &TEMPLATE, reading);
    let name = node.need::<String>(reading);
    let settings = read(&node, reading);
    node.finish(reading);
    Some(Template { name: name?, settings })
}

/// Reads the settings among the words of a block.
pub(super) fn read(parent: &Node<'_>, reading: &mut Reading<'_>) -> Settings {
    let mut settings = Settings::default();
    for (word, kdl) in parent.block() {
        if WORDS.iter().any(|known| known.name == word.name) {
            settings.read_word(word, kdl, reading);
        }
    }
    settings
}

impl Settings {
    fn read_word(&mut self, word: &'static Word, kdl: &KdlNode, reading: &mut Reading<'_>) {
        match word.name {
            "timeouts" => self.timeouts = timeouts::read(kdl, reading),
            "keepalive" => self.keepalive = keepalive::read(kdl, reading),
            "websocket" => self.websocket = websocket::read(kdl, reading),
            "request" => self.request = header::read(kdl, word, reading),
            "response" => self.response = header::read(kdl, word, reading),
            "cors" => self.cors = cors::read(kdl, reading),
            "trusted-proxies" => self.trust = trust::read(kdl, reading),
            "allow" | "deny" => self.access.extend(access::read(kdl, word, reading)),
            "satisfy" => self.satisfy = access::read_satisfy(kdl, reading),
            "limit" => self.limits.push(limit::read(kdl, reading)),
            "concurrent" => self.concurrent.extend(limit::read_concurrent(kdl, reading)),
            "auth" => self.auth.extend(auth::read(kdl, reading)),
            "buffering" => self.buffering = buffering::read(kdl, reading),
            "afterwards" => self.afterwards = afterwards::read(kdl, reading),
            "send-rate" => self.send_rate = send_rate::read(kdl, reading),
            "compress" => self.compress = Some(compress::read(kdl, reading)),
            "substitute" => self.substitute = substitute::read(kdl, reading),
            "types" => self.types = media::read_types(kdl, reading),
            "charset" => self.charset = media::read_charset(kdl, reading),
            "access-log" => self.access_logs.extend(log::read_access(kdl, reading)),
            "error-log" => self.error_logs.extend(log::read_error(kdl, reading)),
            "on-error" => self.on_error.push(on_error::read(kdl, reading)),
            _ => {
                let mut node = Node::open(kdl, word, reading);
                self.read_simple(&mut node, reading);
                node.finish(reading);
            }
        }
    }

    fn read_simple(&mut self, node: &mut Node<'_>, reading: &mut Reading<'_>) {
        match node.word.name {
            "use" => self.uses.extend(node.need_some(reading)),
            "body-limit" => self.body_limit = node.need(reading),
            "forwarded" => self.forwarded = node.need(reading),
            "steering" => self.steering = read_named(node, &Steering::NAMES, reading),
            "expires" => self.expires = media::read_expires(node, reading),
            "bodies" => self.bodies = media::read_bodies(node, reading),
            "header-names" => self.header_names = read_named(node, &HeaderNames::NAMES, reading),
            _ => self.rewrite = node.need(reading).and_then(|text| read_rewrite(text, reading)),
        }
    }

    /// Where each setting was written: its word, and the place.
    pub(crate) fn spans(&self) -> Vec<(&'static str, Span)> {
        let mut spans = Vec::new();
        let mut note = |word, span: Option<Span>| spans.extend(span.map(|span| (word, span)));
        let (timeouts, websocket) = (&self.timeouts, &self.websocket);
        for (name, value) in [
            ("timeouts connect", &timeouts.connect),
            ("timeouts send", &timeouts.send),
            ("timeouts read", &timeouts.read),
            ("timeouts client", &timeouts.client),
            ("websocket idle", &websocket.idle),
            ("websocket ping", &websocket.ping),
        ] {
            note(name, value.as_ref().map(|value| value.span));
        }
        note("websocket", websocket.allowed.as_ref().map(|value| value.span));
        note("keepalive", self.keepalive.span());
        note("buffering", self.buffering.as_ref().map(|value| value.span));
        note("body-limit", self.body_limit.as_ref().map(|value| value.span));
        note("rewrite", self.rewrite.as_ref().map(|value| value.span));
        note("forwarded", self.forwarded.as_ref().map(|value| value.span));
        note("send-rate", self.send_rate.as_ref().map(|value| value.span));
        note("afterwards", self.afterwards.as_ref().map(|value| value.span));
        note("steering", self.steering.as_ref().map(|value| value.span));
        note("header-names", self.header_names.as_ref().map(|value| value.span));
        note("request", self.request.first().map(|value| value.span));
        note("response", self.response.first().map(|value| value.span));
        note("cors", self.cors.span);
        note("trusted-proxies", self.trust.as_ref().map(|value| value.span));
        note("allow", self.access.first().map(|value| value.span));
        note("satisfy", self.satisfy.as_ref().map(|value| value.span));
        note("limit", self.limits.first().map(|limit| limit.span));
        note("concurrent", self.concurrent.first().map(|limit| limit.span));
        note("auth", self.auth.first().map(|value| value.span));
        note("compress", self.compress.as_ref().map(|value| value.span));
        note("substitute", self.substitute.as_ref().map(|value| value.span));
        note("types", self.types.as_ref().map(|value| value.span));
        note("charset", self.charset.as_ref().map(|value| value.span));
        note("expires", self.expires.as_ref().map(|value| value.span));
        note("bodies", self.bodies.as_ref().map(|value| value.span));
        note("access-log", self.access_logs.first().map(|value| value.span));
        note("error-log", self.error_logs.first().map(|value| value.span));
        note("on-error", self.on_error.first().map(|value| value.span));
        spans
    }
}

/// What one of some words stands for.
fn read_named<T: Copy, const N: usize>(
    node: &mut Node<'_>,
    names: &[(&'static str, T); N],
    reading: &mut Reading<'_>,
) -> Option<Spanned<T>> {
    let word = node.need::<String>(reading)?;
    let span = word.span;
    let at = one_of(Some(word), &names.map(|(name, _)| name), node.word.name, reading)?;
    names.get(at).map(|(_, named)| Spanned::new(*named, span))
}

fn read_rewrite(text: Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<Text>> {
    if !text.value.starts_with(['/', '{']) {
        reading.report(super::text::wrong("rewrite", text.span, "the new path starts with `/`"));
        return None;
    }
    header::template(text, "rewrite", reading)
}
