//! Answers of vordr's own making: `respond`, `redirect`, and the pages of failures.

use super::admit::Admission;
use super::context::Exchange;
use super::failure::Failure;
use super::files::content_type;
use super::fill::{Into, path_and_query};
use super::nginx_page;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, UPGRADE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use vordr_rules::placeholder::{Part, Placeholder, Template};
use vordr_rules::table::{Bodies, Body, Redirect, Respond, Server, without_port};

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

impl Exchange {
    pub(super) fn respond(&self, respond: &Respond, request: &Parts) -> Answer {
        let mut answer = Answer::empty(self.status_instead(false).unwrap_or(respond.status));
        if respond.by_path {
            let path = self.current_path(request);
            let types = self.settings().and_then(|settings| settings.types.as_ref());
            let content_type = types.map_or_else(|| content_type(&path), |types| types.of(&path).clone());
            answer.headers.insert(CONTENT_TYPE, content_type);
        } else if let Some(content_type) = &respond.content_type {
            answer.headers.insert(CONTENT_TYPE, content_type.clone());
        }
        answer.body = match &respond.body {
            Body::Fixed(body) => Bytes::copy_from_slice(body),
            Body::Filled(body) => self.fill(body, request, Into::Raw).into(),
        };
        answer
    }

    /// nginx's page of counts.
    pub fn counts_page(&mut self, counts: String, request: &Parts) -> Admission {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return self.refuse(Failure::Method, request);
        }
        let text = HeaderValue::from_static("text/plain");
        let answer = Answer::with_body(StatusCode::OK, text, counts);
        Admission::Answer(Box::new(self.finish_answer(answer, request)))
    }

    /// `bodies nginx`.
    pub(crate) fn has_nginxs_bodies(&self) -> bool {
        self.settings().is_some_and(|settings| settings.bodies == Bodies::Nginx)
    }

    /// What the status line of an answer of vordr's own says (RFC 9112, section 4), where that is not the usual.
    pub fn reason(&self, status: StatusCode) -> Option<&'static str> {
        if self.has_nginxs_bodies() { nginx_page::reason(status) } else { None }
    }

    /// An answer that leads elsewhere.
    pub(super) fn moved(&self, status: StatusCode, target: &[u8]) -> Answer {
        let mut answer = match self.has_nginxs_bodies() {
            true => nginx_page::page(status),
            false => Answer::empty(status),
        };
        if let Ok(target) = HeaderValue::from_bytes(target) {
            answer.headers.insert(LOCATION, target);
        }
        answer
    }

    /// The query is kept unless the target has one of its own.
    pub(super) fn redirect(&self, redirect: &Redirect, request: &Parts) -> Answer {
        let mut target = self.fill(&redirect.target, request, Into::Url);
        stay_here(&redirect.target, &mut target);
        let query = self.current_query(request).filter(|_| redirect.keeps_query);
        if let (Some(query), false) = (query, target.contains(&b'?')) {
            let at = target.iter().position(|byte| *byte == b'#').unwrap_or(target.len());
            target.splice(at..at, [b"?", query.as_bytes()].concat());
        }
        self.moved(redirect.status, &target)
    }

    /// `redirect=https` of a listener: 301 for GET and HEAD, else 308, which keeps method and body.
    pub(super) fn redirect_to_https(&self, request: &Parts) -> Result<Answer, Failure> {
        let safe = matches!(request.method, Method::GET | Method::HEAD);
        let status = if safe { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
        let host = match without_port(self.public.host.to_str().unwrap_or_default()) {
            // A client of HTTP/1.0 that names no host is sent to the server's own.
            "" => self.server().map(Server::name).filter(|name| !name.starts_with('*')),
            host => Some(host),
        };
        let host = host.ok_or(Failure::BadRequest("there is no Host to redirect to"))?;
        Ok(self.moved(status, format!("https://{host}{}", path_and_query(request)).as_bytes()))
    }
}

/// A target that is written as a path of this server stays one: `//evil.example` would lead elsewhere, and a client
/// chooses what is filled in after the first `/`.
pub(super) fn stay_here(written: &Template, target: &mut Vec<u8>) {
    let is_path = match written.parts.first() {
        Some(Part::Text(text)) => text.starts_with('/') && !text.starts_with("//"),
        Some(Part::Placeholder(placeholder)) => {
            matches!(
                placeholder,
                Placeholder::Uri
                    | Placeholder::Path
                    | Placeholder::NormalPath
                    | Placeholder::Rest
                    | Placeholder::Capture(_)
                    | Placeholder::Variable(_)
            )
        }
        None => false,
    };
    // To browsers `\` is `/` (URL standard, section 4.4).
    let slashes = target.iter().take_while(|byte| b"/\\".contains(byte)).count();
    if is_path && slashes > 1 {
        target.splice(..slashes, *b"/");
    }
}

/// 426 names the protocol that is asked for (RFC 9110, section 15.5.22); here it says that there is none.
pub(super) fn upgrade_required(mut page: Answer) -> Answer {
    page.headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    page
}

/// Says which methods there are (RFC 9110, section 15.5.6).
pub(super) fn method_not_allowed(mut page: Answer) -> Answer {
    page.headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    page
}

/// Says which credentials are asked for (RFC 9110, section 11.6.1).
pub(super) fn unauthorized(mut answer: Answer, challenges: &[HeaderValue]) -> Answer {
    for challenge in challenges {
        answer.headers.append(WWW_AUTHENTICATE, challenge.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;
    use super::*;

    fn location_of(action: &str, request: &str) -> String {
        let rules = format!("server a.test {{ listen 8080; {action} }}");
        let answer = Scene::under(&rules, super::super::scene::STRANGER, request).answer();
        answer.headers.get(LOCATION).unwrap().to_str().unwrap().to_owned()
    }

    fn redirected(target: &str, request: &str) -> String {
        location_of(&format!("location \"/\" {{ redirect \"{target}\"; }}"), request)
    }

    #[test]
    fn the_query_is_kept_unless_the_target_has_one() {
        for (target, request, location) in [
            ("/new", "GET /old", "/new"),
            ("/new", "GET /old?a=1&b=2", "/new?a=1&b=2"),
            ("/new?own=1", "GET /old?a=1", "/new?own=1"),
            ("/new?", "GET /old?a=1", "/new?"),
            ("/new#part", "GET /old?a=1", "/new?a=1#part"),
            ("{uri}", "GET /old?a=1", "/old?a=1"),
            ("{path}", "GET /old?a=1", "/old?a=1"),
            ("/find?q={query}", "GET /old?a=1", "/find?q=a=1"),
            ("https://{host}{uri}", "GET /old?a=1\nHost: a.test:8080", "https://a.test/old?a=1"),
        ] {
            assert_eq!(redirected(target, request), location, "{target} for {request}");
        }
    }

    #[test]
    fn what_a_client_chooses_cannot_break_out_of_its_place() {
        for (target, request, location) in [
            ("/x/{header.X-To}", "GET /\nX-To: a?b#c d\\e", "/x/a%3Fb%23c%20d%5Ce"),
            ("/x/{cookie.to}", "GET /\nCookie: to=a?b", "/x/a%3Fb"),
        ] {
            assert_eq!(redirected(target, request), location, "{target} for {request}");
        }
        let captured = |path: &str| {
            location_of(
                r##"location regex=#"(?s)^/old/(.*)$"# { redirect "/new/{1}"; }"##,
                &format!("GET /old/{path}"),
            )
        };
        assert_eq!(captured("a%0d%0aX-Evil:%20yes"), "/new/a%0D%0AX-Evil:%20yes");
        assert_eq!(captured("%3Fa%23b"), "/new/%3Fa%23b");
    }

    #[test]
    fn a_path_of_this_server_never_becomes_another_servers_address() {
        for (action, request, location) in [
            (
                r##"location regex=#"^/(.*)$"# { redirect "/{1}"; }"##,
                "GET //evil.example/x",
                "/evil.example/x",
            ),
            (
                r##"location regex=#"^/out(.*)$"# { redirect "{1}"; }"##,
                "GET /out//evil.example",
                "/evil.example",
            ),
            (r#"location "/" { redirect "{uri}"; }"#, "GET ///evil.example?a=1", "/evil.example?a=1"),
            (
                r##"location "/" { steps { rewrite #"^/(.*)/$"# "/{1}" then=permanent; }; respond 200; }"##,
                "GET /%5Cevil.example/",
                "/evil.example",
            ),
            (
                r##"location "/" { steps { set to "{path}"; }; redirect "{var.to}"; }"##,
                "GET //evil.example/x",
                "/evil.example/x",
            ),
            (r#"location "/" { redirect "//other.test{path}"; }"#, "GET /x", "//other.test/x"),
        ] {
            assert_eq!(location_of(action, request), location, "{action} for {request}");
        }
    }

    #[test]
    fn head_gets_the_length_and_not_the_body_and_204_has_neither() {
        let answer = |method, status| {
            Answer::with_body(status, HeaderValue::from_static("text/plain"), "four").framed(&method)
        };
        let get = answer(Method::GET, StatusCode::OK);
        assert_eq!((get.headers[CONTENT_LENGTH].to_str().unwrap(), get.body.len()), ("4", 4));
        let head = answer(Method::HEAD, StatusCode::OK);
        assert_eq!((head.headers[CONTENT_LENGTH].to_str().unwrap(), head.body.len()), ("4", 0));
        let none = Answer::empty(StatusCode::NO_CONTENT).framed(&Method::GET);
        assert!(!none.headers.contains_key(CONTENT_LENGTH));
    }
}
