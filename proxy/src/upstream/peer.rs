//! Which address a request goes to, and how Pingora is told.

use super::Upstreams;
use crate::exchange::{Endpoint, Exchange, Failure, Reached};
use http::HeaderValue;
use http::request::Parts;
use pingora_core::upstreams::peer::{ALPN, HttpPeer};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vordr_rules::table::{Proxy, ServerAddress, Settings, Table, Upstream, UpstreamServer, UpstreamTls};

/// A server that was chosen.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its addresses, in the order they are tried.
    pub addresses: Vec<SocketAddr>,
}

impl Upstreams {
    /// Chooses a server of the pool that `proxy` names, and notes which pool it is about.
    pub(crate) fn choose(
        &self,
        table: &Table,
        proxy: &Proxy,
        noted: &mut Option<Reached>,
    ) -> Result<Target, Failure> {
        let server = first_server(table, proxy).ok_or(Failure::NoneUp)?;
        let pool = self.endpoints.get(proxy.upstream.0).map(Vec::as_slice).unwrap_or_default();
        *noted = pool.first().cloned().map(|endpoint| reached(endpoint, proxy));
        Ok(Target { addresses: self.addresses(&server.address)? })
    }

    /// Waits, right after the start, until the pool's first server has been looked up once, but no longer than a
    /// connection may take.
    pub(crate) async fn looked_up(&self, exchange: &Exchange) {
        let first = exchange.proxy().and_then(|proxy| first_server(&exchange.table, proxy));
        let Some(UpstreamServer { address: ServerAddress::Name(name, _), .. }) = first else { return };
        let limit = exchange.settings().and_then(|settings| settings.timeouts.connect);
        // Whether it was answered in time is seen when the address is asked for again.
        let _ = tokio::time::timeout(limit.unwrap_or(Duration::MAX), self.names.asked(name)).await;
    }

    fn addresses(&self, address: &ServerAddress) -> Result<Vec<SocketAddr>, Failure> {
        match address {
            ServerAddress::Ip(ip, port) => Ok(vec![SocketAddr::new(*ip, *port)]),
            ServerAddress::Name(name, port) => {
                let with_port =
                    |ips: Vec<IpAddr>| ips.into_iter().map(|ip| SocketAddr::new(ip, *port)).collect();
                self.names
                    .addresses(name)
                    .map(with_port)
                    .map_err(|reason| Failure::Dns(format!("{name}: {reason}")))
            }
            ServerAddress::Srv(_) | ServerAddress::Unix(_) => Err(Failure::NoneUp),
        }
    }

    /// The peer as Pingora wants it. `host` is what the upstream will be called in the request.
    pub(crate) fn peer(&self, address: SocketAddr, exchange: &Exchange, request: &Parts) -> Option<HttpPeer> {
        let proxy = exchange.proxy()?;
        let sni = proxy
            .tls
            .as_ref()
            .map(|tls| sni(tls, &exchange.upstream_host(proxy, request)))
            .unwrap_or_default();
        let mut peer = HttpPeer::new(address, proxy.tls.is_some(), sni);
        let upstream = exchange.table.upstreams.get(proxy.upstream.0)?;
        let settings = exchange.settings()?;
        set_options(&mut peer, upstream, settings);
        peer.options.upstream_tcp_sock_tweak_hook = self.patience.of(settings.timeouts.send);
        // Pingora's own key for kept connections leaves out what they were set up with.
        peer.group_key = hash(&settings.timeouts.send);
        if let Some(tls) = &proxy.tls {
            peer.options.verify_cert = tls.verify;
            peer.options.verify_hostname = tls.verify;
            peer.options.ca = self.authorities.of(tls);
            peer.group_key = hash(&(&upstream.name, &tls.ca, tls.verify, tls.min, settings.timeouts.send));
        }
        Some(peer)
    }
}

fn set_options(peer: &mut HttpPeer, upstream: &Upstream, settings: &Settings) {
    let options = &mut peer.options;
    options.total_connection_timeout = settings.timeouts.connect;
    // `read` is watched by the client's connection, as it changes when an answer turns out to be a stream.
    options.read_timeout = None;
    options.write_timeout = settings.timeouts.send;
    options.idle_timeout = upstream.keepalive_idle;
    options.alpn = ALPN::H1;
}

fn first_server<'t>(table: &'t Table, proxy: &Proxy) -> Option<&'t UpstreamServer> {
    table.upstreams.get(proxy.upstream.0)?.servers.first()
}

fn reached(endpoint: Arc<Endpoint>, proxy: &Proxy) -> Reached {
    Reached {
        endpoint,
        tls: proxy.tls.is_some(),
        chosen: Instant::now(),
        connect: None,
        reused: false,
        status: None,
        answered: None,
    }
}

/// The name asked for in the handshake: the rules', or that of the host which is sent.
fn sni(tls: &UpstreamTls, host: &HeaderValue) -> String {
    match &tls.sni {
        Some(sni) => sni.clone(),
        None => vordr_rules::table::without_port(host.to_str().unwrap_or_default()).to_owned(),
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
