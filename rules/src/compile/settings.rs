//! The settings that hold at a place, made of the layers that were written.

use super::Known;
use super::action;
use super::keepalive;
use super::logs;
use super::names::Names;
use super::upstreams::Pools;
use crate::diagnostic::Diagnostic;
use crate::language::afterwards::Afterwards as WrittenAfterwards;
use crate::language::limit::Limit as RateWritten;
use crate::language::on_error::OnError as WrittenOnError;
use crate::language::settings::Settings as Layer;
use crate::node::Reading;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::{
    Access, Afterwards, Auth, Concurrency, Cors, Expires, Level, Lifetime, OnError, Origins, RateLimit,
    Satisfy, Settings, Timeouts, WebSocket,
};
use crate::value::Limit;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::time::Duration;

/// Makes one of `layers`, weakest first.
pub(super) fn compile(
    layers: &[&Layer],
    known: Known<'_, '_>,
    scope: (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> Settings {
    let operations = |of: fn(&Layer) -> &Vec<Spanned<crate::table::HeaderOperation>>| {
        layers.iter().flat_map(|layer| of(layer).iter().map(|operation| operation.value.clone())).collect()
    };
    Settings {
        timeouts: timeouts(layers),
        websocket: websocket(layers),
        keepalive: keepalive::compile(layers.iter().map(|layer| &layer.keepalive), known.keepalive),
        buffering: nearest(layers, |layer| layer.buffering.as_ref()).cloned().flatten(),
        body_limit: nearest(layers, |layer| layer.body_limit.as_ref())
            .and_then(|limit| limit.0)
            .map(|bytes| bytes.0),
        rewrite: nearest(layers, |layer| layer.rewrite.as_ref()).cloned(),
        forwarded: nearest(layers, |layer| layer.forwarded.as_ref()).is_none_or(|on| *on),
        send_rate: nearest(layers, |layer| layer.send_rate.as_ref()).cloned().flatten(),
        afterwards: afterwards(layers, scope.0, reading),
        steering: nearest(layers, |layer| layer.steering.as_ref()).copied().unwrap_or_default(),
        header_names: nearest(layers, |layer| layer.header_names.as_ref()).copied().unwrap_or_default(),
        request: operations(|layer| &layer.request),
        response: operations(|layer| &layer.response),
        cors: cors(layers, reading),
        trust: nearest(layers, |layer| layer.trust.as_ref()).cloned(),
        access: access(layers),
        auth: auth(layers),
        satisfy: nearest(layers, |layer| layer.satisfy.as_ref()).copied().unwrap_or(Satisfy::All),
        limits: limits(layers, reading),
        concurrent: concurrent(layers),
        compress: nearest(layers, |layer| layer.compress.as_ref()).cloned().flatten(),
        substitute: nearest(layers, |layer| layer.substitute.as_ref()).cloned().flatten(),
        types: nearest(layers, |layer| layer.types.as_ref()).cloned(),
        charset: nearest(layers, |layer| layer.charset.as_ref()).cloned().flatten(),
        expires: nearest(layers, |layer| layer.expires.as_ref()).and_then(lasting),
        bodies: nearest(layers, |layer| layer.bodies.as_ref()).copied().unwrap_or_default(),
        access_logs: known.formats.of(layers),
        error_logs: layers.iter().rev().find_map(|layer| logs::errors(&layer.error_logs)),
        on_error: on_error(layers, scope, reading),
        places: places(layers, reading),
    }
}

/// The value of the nearest layer that has one.
fn nearest<'l, T>(layers: &[&'l Layer], of: impl Fn(&'l Layer) -> Option<&'l Spanned<T>>) -> Option<&'l T> {
    layers.iter().rev().find_map(|layer| of(layer)).map(|found| &found.value)
}

fn timeouts(layers: &[&Layer]) -> Timeouts {
    let default = Timeouts::default();
    let limit = |value: Option<&Limit<Duration>>, default| value.map_or(default, |limit| limit.0);
    Timeouts {
        connect: limit(nearest(layers, |layer| layer.timeouts.connect.as_ref()), default.connect),
        send: limit(nearest(layers, |layer| layer.timeouts.send.as_ref()), default.send),
        read: limit(nearest(layers, |layer| layer.timeouts.read.as_ref()), default.read),
        client: limit(nearest(layers, |layer| layer.timeouts.client.as_ref()), default.client),
    }
}

fn websocket(layers: &[&Layer]) -> WebSocket {
    let default = WebSocket::default();
    let limit = |value: Option<&Limit<Duration>>, default| value.map_or(default, |limit| limit.0);
    WebSocket {
        allowed: nearest(layers, |layer| layer.websocket.allowed.as_ref())
            .copied()
            .unwrap_or(default.allowed),
        idle: limit(nearest(layers, |layer| layer.websocket.idle.as_ref()), default.idle),
        ping: limit(nearest(layers, |layer| layer.websocket.ping.as_ref()), default.ping),
    }
}

/// `allow` and `deny` are one list, which the nearer one replaces as a whole.
fn access(layers: &[&Layer]) -> Access {
    let list = layers.iter().rev().map(|layer| &layer.access).find(|list| !list.is_empty());
    Access { rules: list.into_iter().flatten().map(|rule| rule.value.clone()).collect() }
}

/// The nearest layer that says anything; an `auth off` in it drops what stands before.
fn auth(layers: &[&Layer]) -> Vec<Auth> {
    let list = layers.iter().rev().map(|layer| &layer.auth).find(|list| !list.is_empty());
    let mut auths = Vec::new();
    for auth in list.into_iter().flatten() {
        match &auth.value {
            Some(auth) => auths.push(auth.clone()),
            None => auths.clear(),
        }
    }
    auths
}

/// The layers after the last one that says `off`.
fn since_off<'a, 'l>(layers: &'a [&'l Layer], is_off: impl Fn(&Layer) -> bool) -> &'a [&'l Layer] {
    let start = layers.iter().rposition(|layer| is_off(layer)).map_or(0, |off| off + 1);
    layers.get(start..).unwrap_or_default()
}

/// Those of the nearest layer that has any. One that stands alone there has from the outer layers what it does not say.
/// An `off` drops what stands before it, in its layer and around it.
fn limits(layers: &[&Layer], reading: &mut Reading<'_>) -> Vec<RateLimit> {
    let mut written: Vec<&[RateWritten]> = Vec::new();
    for layer in layers.iter().rev() {
        let off = layer.limits.iter().rposition(|limit| limit.off);
        written.push(layer.limits.get(off.map_or(0, |off| off + 1)..).unwrap_or_default());
        if off.is_some() {
            break;
        }
    }
    let Some(nearest) = written.iter().find(|limits| !limits.is_empty()) else { return Vec::new() };
    match nearest {
        [_] => {
            let chain: Vec<_> = written.iter().filter_map(|limits| limits.first()).collect();
            limit(&chain, reading).into_iter().collect()
        }
        several => several.iter().filter_map(|one| limit(&[one], reading)).collect(),
    }
}

/// One limit, the nearest that says something first. What else it asks goes with its rate.
fn limit(chain: &[&RateWritten], reading: &mut Reading<'_>) -> Option<RateLimit> {
    let first = chain.first()?;
    let Some((requests, per)) = chain.iter().find_map(|limit| limit.rate) else {
        if !chain.iter().any(|limit| limit.has_rate) {
            let error = Diagnostic::error("missing-property", first.span, "`limit` lacks `rate`");
            reading.report(error.label("add `rate=\"20/s\"`"));
        }
        return None;
    };
    let rated = chain.iter().position(|limit| limit.has_rate).unwrap_or(0);
    let own = chain.get(..=rated).unwrap_or_default();
    Some(RateLimit {
        requests,
        per,
        burst: chain.iter().find_map(|limit| limit.burst).unwrap_or(0),
        at_once: own.iter().find_map(|limit| limit.at_once),
        spaced: own.iter().find_map(|limit| limit.spaced).unwrap_or(false),
        key: chain.iter().find_map(|limit| limit.key.clone()).unwrap_or_else(by_client),
        zone: own.iter().find_map(|limit| limit.zone.clone()),
        status: own.iter().find_map(|limit| limit.status).unwrap_or(StatusCode::TOO_MANY_REQUESTS),
        dry: own.iter().find_map(|limit| limit.dry).unwrap_or(false),
        level: own.iter().find_map(|limit| limit.level).unwrap_or(Level::Error),
    })
}

/// Of IPv6 by its network: within that a client may choose an address for each request.
fn by_client() -> Template {
    Template { parts: vec![Part::Placeholder(Placeholder::ClientNetwork)] }
}

/// Those of the nearest layer that has any, without what stands before an `off`.
fn concurrent(layers: &[&Layer]) -> Vec<Concurrency> {
    let nearest = layers.iter().rev().map(|layer| &layer.concurrent).find(|list| !list.is_empty());
    let mut all = Vec::new();
    for written in nearest.into_iter().flatten() {
        match written.most {
            None => all.clear(),
            Some(most) => all.push(Concurrency {
                most,
                key: written.key.clone().unwrap_or_else(by_client),
                zone: written.zone.clone(),
                status: written.status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
                dry: written.dry.unwrap_or(false),
                level: written.level.unwrap_or(Level::Error),
            }),
        }
    }
    all
}

fn cors(layers: &[&Layer], reading: &mut Reading<'_>) -> Option<Cors> {
    let layers = since_off(layers, |layer| layer.cors.off);
    let span = layers.iter().rev().find_map(|layer| layer.cors.span)?;
    let Some(origins) = layers.iter().rev().find_map(|layer| layer.cors.origins.as_ref()) else {
        if !layers.iter().any(|layer| layer.cors.has_origins) {
            let error = Diagnostic::error("missing-node", span, "`cors` lacks `origins`");
            reading.report(error.label("add `origins \"https://app.example\"`, or `origins \"*\"`"));
        }
        return None;
    };
    let credentials = nearest(layers, |layer| layer.cors.credentials.as_ref()).is_some_and(|on| *on);
    if credentials && origins.value == Origins::Any {
        let message = "browsers refuse `origins \"*\"` with `credentials on`";
        let error = Diagnostic::error("cors-credentials", origins.span, message);
        reading.report(error.label("list the origins").help("vordr help cors"));
    }
    let methods =
        layers.iter().rev().find_map(|layer| layer.cors.methods.clone()).unwrap_or_else(usual_methods);
    let headers: Vec<HeaderName> =
        layers.iter().rev().find_map(|layer| layer.cors.headers.clone()).unwrap_or_default();
    let expose: Vec<HeaderName> =
        layers.iter().rev().find_map(|layer| layer.cors.expose.clone()).unwrap_or_default();
    let rendered = [
        joined(methods.iter().map(Method::as_str)),
        joined(headers.iter().map(HeaderName::as_str)),
        joined(expose.iter().map(HeaderName::as_str)),
    ];
    let max_age = layers.iter().rev().find_map(|layer| layer.cors.max_age).and_then(|age| age.0);
    Some(Cors { origins: origins.value.clone(), methods, headers, expose, credentials, max_age, rendered })
}

fn usual_methods() -> Vec<Method> {
    vec![Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let list = words.collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(list).ok().filter(|list| !list.is_empty())
}

/// `off` is as if nothing were said.
fn lasting(expires: &Expires) -> Option<Expires> {
    Some(expires.clone()).filter(|expires| *expires != Expires::Always(Lifetime::Off))
}

fn afterwards(layers: &[&Layer], names: &Names<'_>, reading: &mut Reading<'_>) -> Option<Afterwards> {
    match nearest(layers, |layer| layer.afterwards.as_ref())?.as_ref()? {
        WrittenAfterwards::Search(path) => Some(Afterwards::Search(path.clone())),
        WrittenAfterwards::Enter(name) => names.find(name, reading).map(Afterwards::Enter),
    }
}

/// The nearest first, so that it decides.
fn on_error(
    layers: &[&Layer],
    (names, pools): (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> Vec<OnError> {
    let written: Vec<&WrittenOnError> = layers.iter().rev().flat_map(|layer| &layer.on_error).collect();
    let mut compiled = Vec::new();
    for on_error in written {
        if let Some(action) =
            on_error.action.as_ref().and_then(|action| action::compile(action, (names, &mut *pools), reading))
        {
            let (statuses, status) = (on_error.statuses.clone(), on_error.status);
            compiled.push(OnError { statuses, from: on_error.from, status, again: on_error.again, action });
        }
    }
    compiled
}

/// Where each word that holds was written; the nearest place last.
fn places(layers: &[&Layer], reading: &Reading<'_>) -> Vec<(&'static str, crate::table::Place)> {
    let mut places: Vec<(&'static str, crate::table::Place)> = Vec::new();
    for (word, span) in layers.iter().flat_map(|layer| layer.spans()) {
        places.retain(|(known, _)| *known != word);
        places.push((word, reading.sources.place(span)));
    }
    places
}
