//! Pingora's hooks, each a call of `exchange/` and little more.

mod afterwards;
mod answering;
mod body;
mod failing;
mod files;
mod gateway;
mod guarding;
mod headers;
mod reaching;
mod reply;
mod storing;
mod stream;
mod target;
mod trailing;
mod unchunked;
mod under_way;
mod weight;

pub(crate) use gateway::Gateway;

use crate::roots::Trust;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use std::io;
use std::sync::Arc;

/// Idle upstream connections kept by one worker, over all upstreams.
const IDLE_CONNECTIONS: usize = 4096;

/// Pingora's proxy around the gateway, with a pool of upstream connections of its own.
pub(crate) fn http_proxy(gateway: Gateway, trust: Trust) -> io::Result<Arc<HttpProxy<Gateway>>> {
    trust.made(|ca_file| {
        let conf = ServerConf {
            upstream_keepalive_pool_size: IDLE_CONNECTIONS,
            // How often is for the rules to say.
            max_retries: usize::MAX,
            ca_file,
            ..ServerConf::default()
        };
        Arc::new(pingora_proxy::http_proxy(&Arc::new(conf), gateway))
    })
}
