//! Which path is answered how.

use super::body::Body;
use super::live::Events;
use super::{Desk, Scope, explain, guard, page, reload, routes};
use crate::observe::{scrape, status};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

/// On every answer: nothing is kept, taken for something else, or shown within another site.
const ALWAYS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

impl Desk {
    /// The answer to a request.
    pub(super) async fn answer(&self, request: Parts) -> Response<Body> {
        let mut response = match self.refusal(&request) {
            Some(refused) => refused.response(),
            None => self.answer_allowed(&request).await,
        };
        for (name, value) in ALWAYS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn refusal(&self, request: &Parts) -> Option<guard::Refusal> {
        // Prometheus comes by any name, and metrics hold nothing of a client's.
        if self.scope == Scope::Metrics {
            return None;
        }
        let current = self.reloader.shared.current();
        guard::refusal(&self.address, current.table.process.admin_token.as_deref(), request)
    }

    async fn answer_allowed(&self, request: &Parts) -> Response<Body> {
        if self.scope == Scope::Admin && (&request.method, request.uri.path()) == (&Method::POST, "/reload") {
            return reload::answer(&self.reloader).await;
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let mut response = object(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({ "error": "GET and HEAD alone are served here, and POST /reload" }),
            );
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let shared = &*self.reloader.shared;
        match (request.uri.path(), self.scope) {
            ("/metrics", _) => text("text/plain; version=0.0.4; charset=utf-8", scrape(shared)),
            ("/", Scope::Admin) => page::response(),
            ("/health", Scope::Admin) => object(StatusCode::OK, &json!({ "status": "healthy" })),
            ("/status", Scope::Admin) => object(StatusCode::OK, &status(shared)),
            ("/routes", Scope::Admin) => object(StatusCode::OK, &routes::all(shared)),
            ("/events", Scope::Admin) => self.events(),
            ("/explain", Scope::Admin) => explain::answer(shared, request.uri.query()),
            ("/config", Scope::Admin) => {
                text("text/plain; charset=utf-8", shared.current().effective_rules())
            }
            _ => object(StatusCode::NOT_FOUND, &json!({ "error": NOTHING_HERE })),
        }
    }

    fn events(&self) -> Response<Body> {
        match self.watchers.clone().try_acquire_owned() {
            Ok(place) => {
                let events = Events::begin(self.reloader.shared.clone(), place);
                of_type("text/event-stream", Body::Events(events.into()))
            }
            Err(_) => {
                let error = json!({ "error": "too many watch already; /status tells the same once" });
                object(StatusCode::SERVICE_UNAVAILABLE, &error)
            }
        }
    }
}

const NOTHING_HERE: &str = "there is a page at /, and /health, /status, /metrics, /routes, /events, /config, \
                            /explain?url=…, and POST /reload";

/// JSON.
pub(super) fn object(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = text("application/json", format!("{body}\n"));
    *response.status_mut() = status;
    response
}

/// Text of a type.
pub(super) fn text(content_type: &'static str, body: String) -> Response<Body> {
    of_type(content_type, Body::Whole(Some(body.into())))
}

fn of_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
