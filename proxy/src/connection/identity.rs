//! What Pingora asks of a client's connection beside its bytes.

use super::link::Link;
use super::stream::ClientStream;
use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::future::poll_fn;
use std::sync::Arc;

/// The one way from a Pingora session back to its connection: a digest that it carries along.
pub(super) fn digest_of(link: &Arc<Link>) -> Arc<ProxyDigest> {
    let (unused, ()) = http::Response::new(()).into_parts();
    Arc::new(ProxyDigest::new(Box::new(unused.into()), Some(Box::new(link.clone()))))
}

#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        // As in `poll_shutdown`: a failure here means that the client is gone already.
        let _ = poll_fn(|cx| self.poll_flush_in_time(cx)).await;
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> UniqueIDType {
        // Asked for upstream connections only, which are told apart by it in Pingora's pool.
        0
    }
}

impl Ssl for ClientStream {}

impl Peek for ClientStream {}

impl GetTimingDigest for ClientStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digest.clone())
    }
}

impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
