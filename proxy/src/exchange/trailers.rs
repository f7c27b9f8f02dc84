//! What follows the body of an answer: its trailers (RFC 9110, section 6.5).

use super::context::Exchange;
use super::headers::Headers;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use vordr_rules::placeholder::Template;
use vordr_rules::table::{FieldName, HeaderOperation};

/// What is remembered of an answer's head for its trailers.
#[derive(Debug)]
pub(super) struct Awaited {
    success: bool,
    headers: HeaderMap,
}

impl Exchange {
    /// Decides whether trailers follow the answer with this head, and frames it so that they can: HTTP/1.1 has a place for
    /// them behind chunks alone.
    pub(super) fn await_trailers(&mut self, request: &Parts, status: StatusCode, message: &mut impl Headers) {
        self.trailers = None;
        let success = status.is_success() || status.is_redirection();
        let Some(settings) = self.settings() else { return };
        let has_some = settings.response.iter().any(|operation| trailer(operation, success).is_some());
        if !has_some || !has_body(&request.method, status) || request.version == Version::HTTP_10 {
            return;
        }
        if !self.arrival.http2 {
            message.remove(&CONTENT_LENGTH);
            message.set(&TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        self.trailers = Some(Box::new(Awaited { success, headers: message.headers().clone() }));
    }

    /// The trailers of the present answer, as far as what they are made of is known; `None` where there are to be none.
    pub fn trailers(&self, request: &Parts) -> Option<Vec<(&FieldName, HeaderValue)>> {
        let Awaited { success, headers } = self.trailers.as_deref()?;
        let written = self.settings()?.response.iter().filter_map(|operation| trailer(operation, *success));
        let filled = written
            .filter_map(|(name, value)| Some((name, self.header_value(value, request, Some(headers))?)));
        Some(filled.collect())
    }
}

/// What an operation puts behind the body of an answer.
fn trailer(operation: &HeaderOperation, success: bool) -> Option<(&FieldName, &Template)> {
    match operation {
        HeaderOperation::Trailer(name, value) => Some((name, value)),
        HeaderOperation::OnSuccess(operation) if success => trailer(operation, success),
        _ => None,
    }
}

fn has_body(method: &Method, status: StatusCode) -> bool {
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    method != Method::HEAD && !status.is_informational() && !bodiless
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;
    use super::*;

    const RULES: &str = "response { trailer X-Done \"{status}\" errors=off; trailer X-Always yes; trailer X-None \"{header.x}\"; }";

    /// How the head is framed then, and the trailers.
    fn told(status: u16, request: &str) -> (String, Vec<String>) {
        let body = if status == 204 { "" } else { "four" };
        let mut scene = Scene::of(&format!("{RULES}\n respond {status} {body}"), request);
        let answer = scene.answer();
        let framing = [CONTENT_LENGTH, TRANSFER_ENCODING].map(|name| answer.headers.get(name).cloned());
        let framing = framing.iter().flatten().map(|value| value.to_str().unwrap().to_owned()).collect();
        let trailers = scene.exchange.trailers(&scene.request).unwrap_or_default();
        let line = |(name, value): &(&FieldName, HeaderValue)| {
            format!("{}: {}", name.spelling(), value.to_str().unwrap())
        };
        (framing, trailers.iter().map(line).collect())
    }

    #[test]
    fn they_follow_whatever_has_a_body_and_take_its_length() {
        for (status, request, framing, trailers) in [
            (200, "GET /", "chunked", &["X-Done: 200", "X-Always: yes"][..]),
            (404, "GET /", "chunked", &["X-Always: yes"]),
            (200, "HEAD /", "4", &[]),
            (204, "GET /", "", &[]),
        ] {
            let (framed, lines) = told(status, request);
            assert_eq!(
                (framed.as_str(), lines.iter().map(String::as_str).collect::<Vec<_>>()),
                (framing, trailers.to_vec())
            );
        }
    }

    #[test]
    fn a_client_of_http_1_0_gets_none() {
        let mut scene = Scene::of(&format!("{RULES}\n respond 200 four"), "GET /");
        scene.request.version = Version::HTTP_10;
        assert_eq!(scene.answer().headers[CONTENT_LENGTH], "4");
        assert!(scene.exchange.trailers(&scene.request).is_none());
    }
}
