//! An exchange under rules and a request, without a socket, for the tests of this folder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Admission, Answer, Arrival, Endpoint, Exchange, Reached};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use vordr_rules::InMemory;
use vordr_rules::table::{Action, ListenerId};

/// The client's own address, unless a test says otherwise.
pub(super) const STRANGER: &str = "192.0.2.1";

/// An exchange, and the request that it is about.
pub(super) struct Scene {
    pub(super) exchange: Exchange,
    pub(super) request: Parts,
}

impl Scene {
    /// A request from a stranger to one server, `a.test` on port 8080, whose one location has these words. The
    /// request is its line, and perhaps header lines; Host is `a.test` where none is given.
    pub(super) fn of(location: &str, request: &str) -> Self {
        let rules = format!("server a.test {{ listen 8080; location \"/\" {{ {location}; }} }}");
        Self::under(&rules, STRANGER, request)
    }

    /// A request from an address, under whole rules.
    pub(super) fn under(rules: &str, from: &str, request: &str) -> Self {
        let loaded = vordr_rules::load("test.kdl", rules, &InMemory::default());
        let table = loaded.unwrap_or_else(|error| panic!("{error:#?}")).table;
        let arrival = Arrival {
            listener: ListenerId(0),
            connection: 1,
            peer: from.parse::<IpAddr>().unwrap().into(),
            ends: None,
            introduced: None,
            local_port: 8080,
            tls: None,
            lacks_tls: false,
            http2: false,
            started: Instant::now(),
            opened: Instant::now(),
            requests: 1,
            head: 0,
            pipelined: false,
        };
        Self { exchange: Exchange::begin(Arc::new(table), arrival), request: parse(request) }
    }

    /// What is decided at first.
    pub(super) fn admit(&mut self) -> Admission {
        self.exchange.admit(&self.request)
    }

    /// The answer where the request is not forwarded.
    pub(super) fn answer(&mut self) -> Answer {
        match self.admit() {
            Admission::Answer(answer) => *answer,
            other => panic!("it is not answered here: {other:?}"),
        }
    }

    /// The request's headers as the upstream sees them.
    pub(super) fn forwarded(&mut self) -> HeaderMap {
        assert_eq!(self.admit(), Admission::Forward);
        self.reach();
        let mut headers = self.request.headers.clone();
        self.exchange.forward(&self.request, &mut headers);
        headers
    }

    /// The response's headers as the client sees them, where the upstream answers 200 with these.
    pub(super) fn delivered(&mut self, fields: &[(&'static str, &str)]) -> HeaderMap {
        self.delivered_as(StatusCode::OK, fields)
    }

    /// The response's headers as the client sees them, where the upstream answers with a status and these.
    pub(super) fn delivered_as(&mut self, status: StatusCode, fields: &[(&'static str, &str)]) -> HeaderMap {
        assert_eq!(self.admit(), Admission::Forward);
        self.reach();
        let mut headers: HeaderMap =
            fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        self.exchange.deliver(&self.request, status, &mut headers);
        headers
    }

    /// The first server of the upstream in force is chosen.
    pub(super) fn reach(&mut self) {
        let Some(Action::Proxy(proxy)) = self.exchange.action() else { panic!("no upstream") };
        let upstream = &self.exchange.table.upstreams[proxy.upstream.0];
        let reached = Reached {
            heads: (0, 0),
            endpoint: Arc::new(Endpoint::new(&upstream.name, &upstream.servers[0].address)),
            tls: proxy.tls.is_some(),
            cookie: None,
            chosen: Instant::now(),
            connect: None,
            reused: false,
            status: None,
            answered: None,
            over: None,
            attempt: None,
        };
        self.exchange.reached = Some(reached);
    }
}

/// A header's values, one after another.
pub(super) fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

fn parse(text: &str) -> Parts {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut words = lines.next().unwrap().split(' ');
    let mut request = http::Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
    if words.next() == Some("HTTP/1.0") {
        request = request.version(Version::HTTP_10);
    }
    let mut parts = request.body(()).unwrap().into_parts().0;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).unwrap();
        parts.headers.append(name.parse::<http::HeaderName>().unwrap(), value);
    }
    if parts.version == Version::HTTP_11 && !parts.headers.contains_key("host") {
        parts.headers.insert("host", HeaderValue::from_static("a.test"));
    }
    parts
}
