//! How Pingora is told where a request goes.

use super::Upstreams;
use super::announce;
use super::authority::Secured;
use super::bind;
use super::dial::Handed;
use super::hash;
use super::member::{Destination, Member};
use super::pool::{Pool, Target};
use super::race;
use super::standing::Standing;
use crate::exchange::{Exchange, Failure};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use pingora_core::connectors::l4::Connect;
use pingora_core::upstreams::peer::{ALPN, HttpPeer};
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpStream;
use vordr_rules::table::{HostHeader, HttpVersion, Proxy, Settings, UpstreamTls, handshake_name};

/// How many streams one connection of HTTP/2 to an upstream carries at once, if the upstream lets it.
const STREAMS: usize = 100;
/// What a request has said that no certificate is made out to.
const NO_NAME: &str = "the name that the upstream is to be asked for in TLS is none";

/// The longest body that fits into a connection, whether or not its server takes it.
const FITTING: u64 = 32 * 1024;
/// Tells connections that serve one request from those that are kept.
const BOTH_WAYS: u64 = 1;

impl Upstreams {
    /// The peer as Pingora wants it. Where a server has addresses of two families and it is not known which of
    /// them works, that is found out first.
    pub(crate) async fn peer(
        &self,
        target: &Target,
        exchange: &Exchange,
        request: &Parts,
    ) -> Result<HttpPeer, Failure> {
        let unexpected = || Failure::Internal("the exchange has no upstream".to_owned());
        let (Some(proxy), Some(settings)) = (exchange.proxy(), exchange.settings()) else {
            return Err(unexpected());
        };
        let (pool, speaks_tls) = self.pool_of(exchange).ok_or_else(unexpected)?;
        let tls = proxy.tls.as_ref().filter(|_| speaks_tls);
        let name = |tls| match exchange.upstream_name(tls, request) {
            Some(name) => name,
            None => host_name(&exchange.upstream_host(proxy, request)),
        };
        let sni = tls.map(name).unwrap_or_default();
        if tls.is_some_and(|tls| is_of_request(proxy, tls)) && ServerName::try_from(sni.as_str()).is_err() {
            return Err(Failure::BadRequest(NO_NAME));
        }
        let own = exchange.own_address(proxy, request);
        let (mut peer, handed) = match &target.member.destination {
            Destination::Unix(path) => {
                let peer = HttpPeer::new_uds(path, tls.is_some(), sni);
                (peer.map_err(|_| Failure::Refused)?, None)
            }
            Destination::Tcp(addresses) => {
                let (address, handed) = match own {
                    Some(own) => (bind::reachable(own, addresses)?, None),
                    None => self.address(target, addresses, settings).await?,
                };
                (HttpPeer::new(address, tls.is_some(), sni), handed)
            }
        };
        let is_of_http_1 = exchange.is_of_http_1(proxy, request);
        self.set_options(&mut peer, (proxy, tls), is_of_http_1, (pool, target), settings);
        let dialer = target.member.dialers.of(settings.timeouts.send);
        let both_ways = peer.options.alpn == ALPN::H1 && may_be_answered_early(exchange, request);
        let dialer = if both_ways { dialer.map(|dialer| dialer.both_ways()) } else { dialer.cloned() };
        if both_ways {
            peer.group_key = hash::both(peer.group_key, BOTH_WAYS);
        }
        let dialer: Arc<dyn Connect + Send + Sync> = match (handed, own, dialer) {
            (Some(stream), _, Some(dialer)) => Handed::new(stream, &dialer),
            (None, Some(own), Some(dialer)) => bind::bound(&mut peer, own, &dialer),
            (None, None, Some(dialer)) => dialer,
            (.., None) => return Err(Failure::Internal("the server has no dialer".to_owned())),
        };
        peer.options.custom_l4 = Some(match proxy.proxy_protocol {
            None => dialer,
            Some(version) => announce::announcing(&mut peer, announce::header(version, exchange), dialer),
        });
        Ok(peer)
    }

    /// The address of a server that works, and the connection by which that was found out.
    async fn address(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
        settings: &Settings,
    ) -> Result<(SocketAddr, Option<TcpStream>), Failure> {
        let standing = &target.member.standing;
        let known = standing.reached().and_then(|index| addresses.get(index));
        match (addresses, known) {
            ([only], _) | (_, Some(only)) => Ok((*only, None)),
            _ => {
                let hook = self.patience.of(settings.timeouts.send);
                let (index, stream) = race::first(addresses, hook, settings.timeouts.connect).await?;
                standing.set_reached(Some(index));
                let address = addresses.get(index).copied().ok_or(Failure::Refused)?;
                Ok((address, Some(stream)))
            }
        }
    }

    /// The peer of an active check.
    pub(super) fn check_peer(
        &self,
        pool: &Pool,
        member: &Member,
        address: Option<SocketAddr>,
        host: &HeaderValue,
        alpn: Option<ALPN>,
    ) -> Option<HttpPeer> {
        let tls = pool.speech.tls.as_ref();
        // A check is no request that anything could be filled in of.
        let fixed = |tls: &UpstreamTls| Some(handshake_name(tls.sni.as_ref()?.as_text()?).to_owned());
        let sni = tls.map(|tls| fixed(tls).unwrap_or_else(|| host_name(host))).unwrap_or_default();
        let mut peer = match (&member.destination, address) {
            (Destination::Unix(path), _) => HttpPeer::new_uds(path, tls.is_some(), sni).ok()?,
            (Destination::Tcp(_), address) => HttpPeer::new(address?, tls.is_some(), sni),
        };
        peer.options.custom_l4 =
            pool.speech.proxy_protocol.zip(member.dialers.of(None)).map(|(version, dialer)| {
                announce::announcing(&mut peer, announce::of_a_check(version), dialer.clone())
            });
        peer.options.alpn = alpn.unwrap_or_else(|| version(pool.speech.http, tls.is_some(), false));
        if let Some(secured) = tls.and_then(|tls| self.authorities.of(tls)) {
            set_tls(&mut peer, secured, &member.standing);
        }
        Some(peer)
    }

    fn set_options(
        &self,
        peer: &mut HttpPeer,
        (proxy, tls): (&Proxy, Option<&UpstreamTls>),
        is_of_http_1: bool,
        (pool, target): (&Pool, &Target),
        settings: &Settings,
    ) {
        let options = &mut peer.options;
        options.total_connection_timeout = settings.timeouts.connect;
        // `read` is watched by the client's connection, as it changes when an answer turns out to be a stream.
        options.read_timeout = None;
        options.idle_timeout = match pool.rules.keepalive {
            0 => Some(Duration::ZERO),
            _ => pool.rules.keepalive_idle,
        };
        options.alpn = version(proxy.http, tls.is_some(), is_of_http_1);
        // Over HTTP/1 the connection itself watches `send`; Pingora would go on reading, for ever.
        options.write_timeout = settings.timeouts.send.filter(|_| options.alpn != ALPN::H1);
        options.max_h2_streams = STREAMS;
        // Pingora's own key for kept connections leaves out what they were set up with.
        peer.group_key = hash::both(pool.key, manner(proxy.http, is_of_http_1, settings.timeouts.send));
        if let Some(secured) = tls.and_then(|tls| self.authorities.of(tls)) {
            peer.group_key = hash::both(peer.group_key, secured.key);
            set_tls(peer, secured, &target.member.standing);
        }
    }
}

fn set_tls(peer: &mut HttpPeer, secured: &Secured, standing: &Standing) {
    let verify = secured.is_checked_by_pingora(standing, &peer.sni);
    if !verify && secured.verify {
        // Pingora keeps a connection of HTTP/2 whatever came of its requests.
        peer.group_key = hash::both(peer.group_key, standing.disbelieved.load(Relaxed));
    }
    peer.options.verify_cert = verify;
    peer.options.verify_hostname = verify;
    peer.options.ca.clone_from(&secured.ca);
    peer.client_cert_key.clone_from(&secured.client);
}

/// Whether an answer may have to be read before all of the request can be written.
fn may_be_answered_early(exchange: &Exchange, request: &Parts) -> bool {
    let length = || request.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok();
    let is_chunked = request.headers.contains_key(TRANSFER_ENCODING);
    exchange.upgrade || is_chunked || length().is_some_and(|length| length > FITTING)
}

/// How a connection is spoken on, as a number of its own.
fn manner(http: HttpVersion, is_of_http_1: bool, send: Option<Duration>) -> u64 {
    let send = send.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) | 1 << 63);
    hash::both(send, u64::from(is_of_http_1) << 8 | http as u64)
}

impl Target {
    /// Which of the server's addresses works is to be found out again.
    pub(crate) fn forget_address(&self) {
        self.member.standing.set_reached(None);
    }

    /// Whether another address of the same server may do, now that one did not.
    pub(crate) fn has_other_family(&self) -> bool {
        let two = matches!(&self.member.destination, Destination::Tcp(addresses) if addresses.len() > 1);
        two && self.member.standing.reached().is_some()
    }
}

/// The version that is offered, or spoken without asking: some requests are of HTTP/1.1 alone.
fn version(http: HttpVersion, tls: bool, is_of_http_1: bool) -> ALPN {
    match http {
        HttpVersion::Http2 if !is_of_http_1 => ALPN::H2,
        // Without TLS nothing is agreed on, and HTTP/1.1 is what any server speaks.
        HttpVersion::Auto if tls && !is_of_http_1 => ALPN::H2H1,
        HttpVersion::Http1 | HttpVersion::Http2 | HttpVersion::Auto => ALPN::H1,
    }
}

/// Whether the name that is asked for in TLS is the request's to say. What comes of it then tells nothing of the server.
pub(super) fn is_of_request(proxy: &Proxy, tls: &UpstreamTls) -> bool {
    match &tls.sni {
        Some(name) => name.as_text().is_none(),
        None => proxy.host == HostHeader::Preserve,
    }
}

/// A host as it is named in a handshake.
fn host_name(host: &HeaderValue) -> String {
    handshake_name(host.to_str().unwrap_or_default()).to_owned()
}
