//! Answers of vordr's own making: `respond`, `redirect`, and the pages of failures.

use super::context::Exchange;
use super::fill::{Into, path_and_query};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use vordr_rules::table::{Redirect, Respond};

/// An answer that does not come from an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, `Content-Length` included where there may be a body.
    pub headers: HeaderMap,
    /// Its body; empty for HEAD.
    pub body: Bytes,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// An answer with a body of a type.
    pub fn with_body(
        status: StatusCode,
        content_type: HeaderValue,
        body: impl std::convert::Into<Bytes>,
    ) -> Self {
        let mut answer = Self::empty(status);
        answer.headers.insert(CONTENT_TYPE, content_type);
        answer.body = body.into();
        answer
    }

    /// Frames it for a request: the length stands in the head, and HEAD gets no body (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn framed(mut self, method: &Method) -> Self {
        if !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        if method == Method::HEAD {
            self.body = Bytes::new();
        }
        self
    }
}

pub(super) fn respond(respond: &Respond) -> Answer {
    let mut answer = Answer::empty(respond.status);
    if let Some(content_type) = &respond.content_type {
        answer.headers.insert(CONTENT_TYPE, content_type.clone());
    }
    answer.body = Bytes::copy_from_slice(&respond.body);
    answer
}

impl Exchange {
    /// The query is kept unless the target has one of its own.
    pub(super) fn redirect(&self, redirect: &Redirect, request: &Parts) -> Answer {
        let mut target = self.fill(&redirect.target, request, Into::Url);
        if let (Some(query), false) = (request.uri.query(), target.contains(&b'?')) {
            let at = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
            target.splice(at..at, [b"?", query.as_bytes()].concat());
        }
        moved(redirect.status, &target)
    }

    /// `redirect=https` of a listener: 301 for GET and HEAD, else 308, which keeps method and body.
    pub(super) fn redirect_to_https(&self, request: &Parts) -> Answer {
        let host = vordr_rules::table::without_port(self.public.host.to_str().unwrap_or_default());
        let safe = matches!(request.method, Method::GET | Method::HEAD);
        let status = if safe { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
        moved(status, format!("https://{host}{}", path_and_query(request)).as_bytes())
    }
}

fn moved(status: StatusCode, target: &[u8]) -> Answer {
    let mut answer = Answer::empty(status);
    if let Ok(target) = HeaderValue::from_bytes(target) {
        answer.headers.insert(LOCATION, target);
    }
    answer
}

/// 426 names the protocol that is asked for (RFC 9110, section 15.5.22); here it says that there is none.
pub(super) fn upgrade_required(mut page: Answer) -> Answer {
    page.headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    page
}
