//! `impl ProxyHttp`: the phases of an exchange, in the order Pingora calls them.

use super::reaching;
use super::under_way::{Passage, UnderWay};
use super::{
    afterwards, answering, body, failing, files, guarding, reply, storing, stream, target, trailing, weight,
};
use crate::connection::Link;
use crate::exchange::{Admission, Arrival, Client, Exchange, Sent};
use crate::shared::Shared;
use crate::websocket::Side;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vordr_rules::table::{ListenerId, Table};

/// Carries the decisions of an exchange out through Pingora.
pub(crate) struct Gateway {
    pub(super) shared: Arc<Shared>,
}

impl Gateway {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn begin(table: Arc<Table>, link: &Link) -> Exchange {
        let at = table.listeners.iter().position(|listener| listener.address == link.listener);
        let tls = link.handshake();
        // Newer rules may speak TLS where a connection that is kept came in the clear.
        let speaks_tls = at.and_then(|at| table.listeners.get(at)).is_some_and(|listener| listener.tls);
        let arrival = Arrival {
            listener: ListenerId(at.unwrap_or(usize::MAX)),
            connection: link.number,
            peer: link.client.clone().unwrap_or_else(Client::local),
            ends: link.peer.zip(link.local),
            introduced: link.introduced(),
            local_port: link.local_port,
            lacks_tls: link.lacks_tls() || (speaks_tls && tls.is_none()),
            tls,
            http2: link.http2,
            started: link.head_since().into_std(),
            opened: link.opened().into_std(),
            requests: link.requests(),
            head: link.head_bytes(),
            pipelined: link.is_pipelined(),
        };
        Exchange::begin(table, arrival)
    }

    /// Does what was decided, and what that leads to: one location may hand a request to the next. Whether it is answered.
    async fn carry_out(
        &self,
        session: &mut Session,
        under_way: &mut UnderWay,
        mut admission: Admission,
    ) -> Result<bool> {
        loop {
            if let Some(page) = under_way.exchange.refused_plainly(&admission, session.req_header()) {
                admission = Admission::Answer(Box::new(page));
            }
            admission = match admission {
                Admission::Guarded => guarding::decide(&self.shared, session, under_way).await,
                Admission::Files => match files::serve(&self.shared, session, under_way).await? {
                    Some(left) => left,
                    None => break,
                },
                Admission::StubStatus => {
                    let counts = self.shared.observer.stub_status();
                    under_way.exchange.counts_page(counts, session.req_header())
                }
                Admission::Answer(answer) => {
                    reply::write(session, under_way, *answer).await?;
                    break;
                }
                Admission::Forward => {
                    body::make_ready(session, under_way).await?;
                    return Ok(false);
                }
            }
        }
        reply::read_away(session, &mut under_way.exchange).await;
        Ok(true)
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Passage;

    fn new_ctx(&self) -> Passage {
        Passage::default()
    }

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {
        // None: Pingora's compression holds parts of a stream back; `body::pack` does not.
    }

    async fn early_request_filter(&self, session: &mut Session, passage: &mut Passage) -> Result<()> {
        let Some(link) = Link::of(session.digest()) else {
            return Error::e_explain(ErrorType::InternalError, "the connection has no link");
        };
        link.admit();
        let generation = self.shared.generation();
        let mut exchange = Self::begin(generation.table.clone(), &link);
        if exchange.table.counts_connections {
            exchange.connections = Some(self.shared.observer.connections());
        }
        let under_way = UnderWay::begin(link, generation, exchange);
        passage.under_way = Some(Box::new(under_way));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, passage: &mut Passage) -> Result<bool> {
        let under_way = passage.get()?;
        let request = session.req_header();
        let proof = self.shared.tokens.answer(request.uri.path());
        let admission = match (under_way.link.refusal(), proof) {
            (Some(head), _) => under_way.exchange.refused(head.clone(), request),
            (None, Some(proof)) if under_way.exchange.arrival.tls.is_none() => {
                under_way.exchange.prove(proof, request)
            }
            _ => under_way.exchange.admit(request),
        };
        if !under_way.exchange.is_refused() {
            if let Some(tracer) = &under_way.generation.tracer {
                under_way.exchange.trace = tracer.begin(&under_way.exchange, &request.headers);
            }
            under_way.in_flight = Some(self.shared.observer.exchange_started(&under_way.exchange));
        }
        let settings = under_way.exchange.settings();
        let client = settings.and_then(|settings| settings.timeouts.client);
        // The connection itself watches how the client keeps up. Pingora's limits are for the whole of a read or a write,
        // which a slow client may take a minute for and never be silent.
        session.set_read_timeout(None);
        session.set_write_timeout(None);
        // A client of HTTP/1.0 knows no interim answers (RFC 9110, section 15.2).
        let is_old = session.req_header().version == Version::HTTP_10;
        session.as_mut().set_ignore_info_resp(is_old);
        under_way.link.patience.begin(client, under_way.exchange.table.process.limits.min_rate);
        self.carry_out(session, under_way, admission).await
    }

    async fn upstream_peer(&self, session: &mut Session, passage: &mut Passage) -> Result<Box<HttpPeer>> {
        reaching::peer(&self.shared, session, passage.get()?).await
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        _fd: RawFd,
        digest: Option<&Digest>,
        passage: &mut Passage,
    ) -> Result<()> {
        reaching::connected(&self.shared, passage.get()?, peer, digest, reused)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        let UnderWay { exchange, link, .. } = passage.get()?;
        let original = session.req_header();
        exchange.fill_own(original);
        // What an attempt before took of the body passes once more.
        if !exchange.body_is_gone {
            exchange.bytes_in = 0;
        }
        exchange.forward(original, request);
        if exchange.method(original) != original.method {
            request.set_method(exchange.method(original).clone());
        }
        if let Some(path) = target::upstream_path(exchange, original) {
            request.set_raw_path(&path)?;
        }
        if let Some(method) = exchange.own_method.clone() {
            request.set_method(method);
        }
        weight::note_request(exchange, request);
        exchange.attempt_asks(|| String::from_utf8_lossy(request.raw_path()).into_owned());
        if session.as_mut().is_body_done() {
            // Over HTTP/2 Pingora does not say that a body ends which never began.
            link.watch(exchange.silence_limit(false));
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        part: &mut Option<Bytes>,
        end: bool,
        passage: &mut Passage,
    ) -> Result<()> {
        let under_way = passage.get()?;
        under_way.link.progress();
        body::count_request(under_way, part.as_ref(), end)?;
        under_way.exchange.keep_body(part.as_deref().unwrap_or_default());
        if let Some(own) = &under_way.exchange.own_body {
            *part = Some(if end { own.clone() } else { Bytes::new() });
        } else if under_way.tunnel.is_none()
            && under_way.exchange.proxy().is_some_and(|proxy| !proxy.pass_body)
        {
            // It is read all the same: what comes next on the connection is behind it.
            *part = Some(Bytes::new());
        }
        if end && under_way.tunnel.is_none() {
            under_way.link.watch(under_way.exchange.silence_limit(false));
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        let under_way = passage.get()?;
        answering::taken(&self.shared, session, response, under_way)?;
        storing::begin(&self.shared, session, response, under_way);
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        answering::passed_on(&self.shared, session, response, passage.get()?)
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        part: &mut Option<Bytes>,
        end: bool,
        passage: &mut Passage,
    ) -> Result<Option<Duration>> {
        let under_way = passage.get()?;
        under_way.exchange.bytes_of_upstream += part.as_ref().map_or(0, Bytes::len) as u64;
        match end {
            true => {
                under_way.link.answer_has_come();
                if let Some(reached) = under_way.exchange.reached.as_mut() {
                    reached.over = Some(Instant::now());
                }
                reaching::rest(under_way);
            }
            false => under_way.link.progress(),
        }
        Ok(storing::pass(under_way, part.as_ref(), end))
    }

    async fn response_trailer_filter(
        &self,
        session: &mut Session,
        trailers: &mut HeaderMap,
        passage: &mut Passage,
    ) -> Result<Option<Bytes>> {
        // Pingora drops them, as it takes every client for one of HTTP/1.1; the stream may not.
        let under_way = passage.get()?;
        answering::passed_whole(session, under_way);
        storing::pass(under_way, None, true);
        let UnderWay { exchange, packer, link, .. } = under_way;
        if link.http2 {
            link.set_trailers(trailers.clone());
        }
        let mut rest = None;
        body::substitute(&mut exchange.substitution, &mut rest, true);
        body::pack(packer, &mut rest, true)?;
        exchange.bytes_out = exchange.bytes_out.saturating_add(rest.as_ref().map_or(0, Bytes::len) as u64);
        trailing::leave(session.req_header(), exchange, link, trailers);
        Ok(rest)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        part: &mut Option<Bytes>,
        end: bool,
        passage: &mut Passage,
    ) -> Result<Option<Duration>> {
        let under_way = passage.get()?;
        if end {
            answering::passed_whole(session, under_way);
        }
        let UnderWay { exchange, tunnel, link, packer, .. } = under_way;
        if session.req_header().method == Method::HEAD {
            // The upstream was asked by another method, and nobody is sent what it says.
            *part = part.as_ref().map(|_| Bytes::new());
        }
        body::substitute(&mut exchange.substitution, part, end);
        exchange.bytes_unpacked += part.as_ref().map_or(0, Bytes::len) as u64;
        body::pack(packer, part, end)?;
        body::portion(&mut exchange.portion, part, end);
        exchange.bytes_out = exchange.bytes_out.saturating_add(part.as_ref().map_or(0, Bytes::len) as u64);
        if end {
            trailing::leave(session.req_header(), exchange, link, &HeaderMap::new());
        }
        if let Some(tunnel) = tunnel {
            stream::passed(tunnel, Side::Upstream, part.as_ref(), end);
            link.note_frames(tunnel.is_between_frames());
        }
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        passage: &mut Passage,
        error: Box<Error>,
    ) -> Box<Error> {
        failing::failed_to_connect(&self.shared, session, passage, error)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        passage: &mut Passage,
        reused: bool,
    ) -> Box<Error> {
        failing::failed_while_proxying(&self.shared, session, passage, error, reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        passage: &mut Passage,
    ) -> FailToProxy {
        let error_code = failing::answer(&self.shared, session, error, passage).await;
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, passage: &mut Passage) {
        let Some(under_way) = passage.under_way.as_mut() else { return };
        let error = error.filter(|error| !failing::is_behind_the_answer(error, under_way));
        if error.is_none() {
            under_way.link.end_well();
        }
        under_way.link.watch(None);
        stream::end_tunnel(under_way);
        let answered = session.response_written().map(|response| response.status.as_u16());
        let failed = under_way.exchange.failure.as_ref().map(|failure| failure.status().as_u16());
        let silent = under_way.exchange.silence_as().map(|status| status.as_u16());
        let status = answered.or(failed).or(silent).unwrap_or(0);
        // Where it failed and a page says so, that was sent.
        let whole = error.is_none() || (answered.is_some() && answered == failed);
        let head = session.response_written().map_or(0, weight::of_answer);
        under_way.exchange.over(status, Sent { bytes: under_way.link.answered(), whole }, head);
        // Whoever reads of its end finds its places free.
        under_way.exchange.places.clear();
        let ended = Instant::now();
        let record = under_way.record(session, status, ended);
        if under_way.exchange.is_refused() {
            return self.shared.observer.head_refused(&record);
        }
        let in_flight = match &under_way.in_flight {
            Some(in_flight) => in_flight,
            // It was not even looked at.
            None => &self.shared.observer.exchange_started(&under_way.exchange),
        };
        self.shared.observer.exchange_finished(&record, in_flight, under_way.in_use.as_ref());
        if let Some(tracer) = &under_way.generation.tracer {
            tracer.finish(&record);
        }
        if under_way.exchange.goes_on_afterwards() {
            if error.is_none() {
                // What is left of the answer leaves first. One that broke off is not to look whole.
                let _ = session.as_mut().finish_body().await;
            }
            afterwards::go_on(&self.shared, session.req_header(), under_way).await;
        }
        self.shared.observer.exchange_over(&under_way.record(session, status, ended));
    }

    fn suppress_error_log(&self, _session: &Session, _passage: &Passage, _error: &Error) -> bool {
        // vordr has a line of its own for every exchange.
        true
    }
}
