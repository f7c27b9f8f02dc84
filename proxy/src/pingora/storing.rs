//! `store`: an upstream's answer is kept as a file while it passes.

use super::reaching;
use super::under_way::UnderWay;
use crate::shared::Shared;
use crate::storing::{Plan, Storing};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Duration;

/// Begins with an answer that is to be kept. One that has no end is not.
pub(super) fn begin(
    shared: &Arc<Shared>,
    session: &Session,
    response: &ResponseHeader,
    under_way: &mut UnderWay,
) {
    let exchange = &under_way.exchange;
    under_way.storing = None;
    let Some(store) = exchange.proxy().and_then(|proxy| proxy.store.clone()) else { return };
    let request = session.req_header();
    let method = exchange.own_method.as_ref().unwrap_or_else(|| exchange.method(request));
    let is_endless = text_of(&response.headers, CONTENT_TYPE).starts_with("text/event-stream");
    if response.status != StatusCode::OK || *method == Method::HEAD || is_endless {
        return;
    }
    let Some(path) = exchange.place_of_copy(&store.path, request) else {
        let why = "what a request fills in leads nowhere else";
        return shared.observer.not_stored(exchange, request, why);
    };
    let plan = Plan {
        path,
        store,
        modified: httpdate::parse_http_date(text_of(&response.headers, LAST_MODIFIED)).ok(),
        length: text_of(&response.headers, CONTENT_LENGTH).parse().ok(),
    };
    let teller = shared.clone();
    let storing = Storing::begin(plan, move |path, why| {
        let path = path.display().to_string();
        let fields = [("path", path.as_str()), ("reason", why)];
        teller.observer.log().error("an answer is not stored", &fields);
    });
    match reaching::is_whole(method, response) {
        true => storing.end(),
        false => under_way.storing = Some(storing),
    }
}

/// A part of the upstream's answer passes; for how long the next one is to wait.
pub(super) fn pass(under_way: &mut UnderWay, part: Option<&Bytes>, end: bool) -> Option<Duration> {
    let pause = under_way.storing.as_mut()?.pass(part.unwrap_or(&Bytes::new()));
    if end {
        under_way.storing.take()?.end();
        return None;
    }
    pause
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
