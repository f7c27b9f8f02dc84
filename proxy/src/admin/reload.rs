//! `POST /reload`: the rules are loaded again.

use super::answer::object;
use super::body::Body;
use crate::reload::Reloader;
use crate::start_error::StartError;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use vordr_rules::render;

pub(super) async fn answer(reloader: &Arc<Reloader>) -> Response<Body> {
    let reloader = reloader.clone();
    // It reads files, so it is not done between two health checks.
    match tokio::task::spawn_blocking(move || reloader.reload()).await {
        Ok(Ok(generation)) => object(StatusCode::OK, &json!({ "generation": generation })),
        Ok(Err(error)) => object(StatusCode::UNPROCESSABLE_ENTITY, &refused(&error)),
        Err(error) => object(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error.to_string() })),
    }
}

fn refused(error: &StartError) -> Value {
    match error {
        StartError::Rules(diagnostics) => {
            json!({ "error": error.to_string(), "diagnostics": render::json(diagnostics) })
        }
        other => json!({ "error": other.to_string() }),
    }
}
