//! The admin and metrics addresses: health, status, metrics, routes and rules over HTTP.

use crate::listener::Acceptor;
use crate::observe::{scrape, status};
use crate::reload::Reloader;
use crate::shared::Shared;
use crate::start_error::StartError;
use bytes::Bytes;
use http::header::ORIGIN;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use vordr_rules::render;

/// How many connections are served at once; more wait.
const CONNECTIONS: usize = 64;
/// A head must come within this, and so must the next request on a connection.
const HEAD: Duration = Duration::from_secs(5);

/// What an address serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Admin,
    /// `/metrics` alone.
    Metrics,
}

/// Serves one address, for ever.
pub(crate) async fn serve(acceptor: Acceptor, scope: Scope, reloader: Arc<Reloader>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so a place is always to be had in the end.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        // What cannot be accepted is tried again; the proxy's own listeners say so in the log.
        let (stream, _) = acceptor.accept(|_| {}).await;
        let reloader = reloader.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let reloader = reloader.clone();
                async move { Ok::<_, Infallible>(answer(scope, reloader, &request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is its own affair.
            let _ = connection.await;
            drop(place);
        });
    }
}

async fn answer(scope: Scope, reloader: Arc<Reloader>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let shared = &*reloader.shared;
    if scope == Scope::Admin && (request.method(), request.uri().path()) == (&Method::POST, "/reload") {
        return reload(&reloader, request.headers()).await;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return object(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({ "error": "GET and HEAD alone are served here, and POST /reload" }),
        );
    }
    match (request.uri().path(), scope) {
        ("/metrics", _) => text("text/plain; version=0.0.4; charset=utf-8", scrape(shared)),
        ("/health", Scope::Admin) => object(StatusCode::OK, &json!({ "status": "healthy" })),
        ("/status", Scope::Admin) => object(StatusCode::OK, &status(shared)),
        ("/routes", Scope::Admin) => object(StatusCode::OK, &routes(shared)),
        ("/config", Scope::Admin) => {
            text("text/plain; charset=utf-8", shared.current().effective_rules.clone())
        }
        _ => object(
            StatusCode::NOT_FOUND,
            &json!({ "error": "there is /health, /status, /metrics, /routes and /config, and POST /reload" }),
        ),
    }
}

/// Loads the rules again. A browser names the page that asks, and no page has a reason to.
async fn reload(reloader: &Arc<Reloader>, headers: &HeaderMap) -> Response<Full<Bytes>> {
    if headers.contains_key(ORIGIN) {
        return object(StatusCode::FORBIDDEN, &json!({ "error": "no web page may reload the rules" }));
    }
    let reloader = reloader.clone();
    // It reads files, so it is not done between two health checks.
    match tokio::task::spawn_blocking(move || reloader.reload()).await {
        Ok(Ok(generation)) => object(StatusCode::OK, &json!({ "generation": generation })),
        Ok(Err(error)) => object(StatusCode::UNPROCESSABLE_ENTITY, &refused(&error)),
        Err(error) => object(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error.to_string() })),
    }
}

fn refused(error: &StartError) -> serde_json::Value {
    match error {
        StartError::Rules(diagnostics) => {
            json!({ "error": error.to_string(), "diagnostics": render::json(diagnostics) })
        }
        other => json!({ "error": other.to_string() }),
    }
}

fn routes(shared: &Shared) -> serde_json::Value {
    let table = &shared.current().table;
    let routes = table.servers.iter().flat_map(|server| {
        let table = &table;
        server.locations.iter().map(move |location| {
            json!({
                "server": server.name(),
                "route": location.name,
                "action": crate::server::summary(&location.action, table),
                "place": format!("{}:{}", location.place.file, location.place.line),
            })
        })
    });
    routes.collect()
}

fn object(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = text("application/json", format!("{body}\n"));
    *response.status_mut() = status;
    response
}

fn text(content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
