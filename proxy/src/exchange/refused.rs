//! What is answered to a head that is refused, so that there is no request: what the server says of failures holds, and
//! nothing of the head ever leaves vordr.

use super::admit::Admission;
use super::answer::Answer;
use super::context::Exchange;
use super::failure::Failure;
use super::request_id::request_id;
use http::request::Parts;
use vordr_rules::placeholder::Placeholder;
use vordr_rules::table::ServerId;

/// A head that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedHead {
    /// Why.
    pub failure: Failure,
    /// Its first line, where that came whole.
    pub line: Option<Box<[u8]>>,
    /// Whether that has one reading, so that there are a method, a path and a version.
    pub is_read: bool,
}

impl Exchange {
    /// Decides what is answered to a head that is refused; `request` is what of it has one reading.
    pub fn refused(&mut self, head: RefusedHead, request: &Parts) -> Admission {
        self.request_id = request_id(&request.headers);
        self.public = self.public_of(request);
        let failure = head.failure.clone();
        self.refused = Some(Box::new(head));
        self.seek_server_of_refused(request);
        self.meet_client(request);
        self.own_request_id(request);
        self.refuse(failure, request)
    }

    /// The server that was asked for, as far as that is known; else the one that the connection is for.
    fn seek_server_of_refused(&mut self, request: &Parts) {
        self.server = self.first_server();
        let Ok(host) = self.public_host(request) else { return };
        if host.is_empty() {
            return;
        }
        let own = self.server;
        let asked = self.table.binding_of_request(self.arrival.listener, &host);
        self.server = asked.map(|binding| binding.server);
        match self.check_handshake() {
            // What another server says is not for this connection.
            Err(Failure::Misdirected) => self.server = own,
            _ => self.capture_of_host(&host),
        }
    }

    /// The server that holds before a Host is known: the one that the handshake named, else the default one.
    pub(super) fn first_server(&self) -> Option<ServerId> {
        let name = self.arrival.tls.as_ref().map_or("", |handshake| &handshake.name);
        self.table.binding(self.arrival.listener, name).map(|binding| binding.server)
    }

    /// Whether its head is refused.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether its head is refused and has no method, path and version that are one.
    pub(crate) fn is_unread(&self) -> bool {
        self.refused.as_ref().is_some_and(|head| !head.is_read)
    }

    /// The first line of a head that is refused.
    pub(crate) fn refused_line(&self) -> Option<&[u8]> {
        self.refused.as_ref()?.line.as_deref()
    }

    /// The failure's page, where a refused head leads to an upstream, or to who asks for credentials.
    pub fn refused_plainly(&mut self, admission: &Admission, request: &Parts) -> Option<Answer> {
        let leads_out = match admission {
            Admission::Forward => true,
            Admission::Guarded => !self.auths().is_empty(),
            _ => false,
        };
        let failure = self.refused.as_ref().filter(|_| leads_out)?.failure.clone();
        (self.location, self.current, self.recovering, self.instead_of) = (None, None, None, None);
        self.asks_anew = false;
        Some(self.failure_page(&failure, request))
    }

    /// Whether a placeholder is about the line of a head whose line is none. Where a page leads has a path all the same.
    pub(super) fn lacks(&self, placeholder: &Placeholder) -> bool {
        if !self.is_unread() {
            return false;
        }
        match placeholder {
            Placeholder::Uri | Placeholder::Protocol => true,
            Placeholder::Path | Placeholder::NormalPath | Placeholder::Rest | Placeholder::Query => {
                self.current.is_none()
            }
            Placeholder::Method => !self.asks_anew,
            Placeholder::RequestLine => self.refused_line().is_none(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{STRANGER, Scene, values};
    use super::*;

    const RULES: &str = r#"
        server a.test { listen 8080; response { set X-Server a; }; location "/" { respond 204; } }
        server b.test {
            listen 8080
            response { set X-Server b; }
            early { response { set X-Line "{method} {uri} {protocol} {normal_path}"; }; }
            on-error 400 from=rules { proxy "http://app.example"; }
            on-error 431 from=rules as=own { search "/said"; }
            on-error 505 from=rules { search "/kept"; }
            location "/said" { respond 400 template="{method}|{uri}|{path}|{request_line}"; }
            location "/kept" { auth key header=X-Key file="keys"; respond 204; }
        }"#;

    fn head(failure: Failure, line: &str, is_read: bool) -> RefusedHead {
        RefusedHead { failure, line: Some(line.as_bytes().into()), is_read }
    }

    /// The answer, once nothing leads out.
    fn answered(request: &str, head: RefusedHead) -> Answer {
        let mut scene = Scene::under(RULES, STRANGER, request);
        let admission = scene.exchange.refused(head, &scene.request);
        match scene.exchange.refused_plainly(&admission, &scene.request) {
            Some(page) => page,
            None => match admission {
                Admission::Answer(answer) => *answer,
                other => panic!("it is answered: {other:?}"),
            },
        }
    }

    #[test]
    fn an_upstream_and_whoever_asks_for_credentials_give_way_to_the_page() {
        for (failure, status) in [(Failure::BadRequest("x"), 400), (Failure::Version, 505)] {
            let answer = answered("GET /x\nHost: b.test", head(failure, "GET /x HTTP/1.1", true));
            assert_eq!((answer.status.as_u16(), values(&answer.headers, "x-server")), (status, vec!["b"]));
            assert_eq!(values(&answer.headers, "x-line"), ["GET /x HTTP/1.1 /x"]);
        }
    }

    #[test]
    fn the_server_is_the_default_one_where_no_host_is_known() {
        let answer = answered("GET / HTTP/1.0", head(Failure::BadRequest("x"), "nonsense", false));
        assert_eq!(values(&answer.headers, "x-server"), ["a"]);
    }

    #[test]
    fn nothing_is_told_of_a_line_that_has_no_one_reading_but_the_line() {
        let unread = head(Failure::Coding, "get  / HTTP/1.1", false);
        let answer = answered("GET /\nHost: b.test", unread.clone());
        assert_eq!(values(&answer.headers, "x-line"), ["   "]);
        let led = answered("POST /\nHost: b.test", RefusedHead { failure: Failure::HeaderSize, ..unread });
        assert_eq!((led.status.as_u16(), &*led.body), (400, b"GET||/said|get  / HTTP/1.1".as_slice()));
    }
}
