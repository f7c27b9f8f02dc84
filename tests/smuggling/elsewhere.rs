//! Other proxies on the same cases: Debian's nginx and haproxy, set up as their manuals do.

use crate::harness::{Foreign, free_port};
use std::net::SocketAddr;

/// Which proxy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
}

/// A proxy in front of an upstream.
pub(super) struct Other {
    /// Where it speaks HTTP/1.
    pub(super) http1: SocketAddr,
    /// Where it speaks HTTP/2 by prior knowledge.
    pub(super) http2: SocketAddr,
    _process: Foreign,
}

impl Other {
    pub(super) fn start(kind: Kind, upstream: SocketAddr) -> Self {
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let (http1, http2) = (local(free_port()), local(free_port()));
        let process = match kind {
            Kind::Nginx => Foreign::nginx(&nginx(http1, http2, upstream), &[http1, http2]),
            Kind::Haproxy => Foreign::haproxy(&haproxy(http1, http2, upstream), &[http1, http2]),
        };
        Self { http1, http2, _process: process }
    }
}

fn nginx(http1: SocketAddr, http2: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        r#"upstream app {{ server {upstream} max_fails=0; keepalive 4; }}
        server {{
            listen {http1}; listen {http2} http2;
            location = /own {{ return 200 own; }}
            location / {{
                proxy_pass http://app; proxy_http_version 1.1;
                proxy_set_header Connection ""; proxy_set_header Host $http_host;
            }}
        }}"#
    )
}

fn haproxy(http1: SocketAddr, http2: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "frontend public\n bind {http1}\n bind {http2} proto h2\n\
         \x20http-request return status 200 content-type text/plain string own if {{ path /own }}\n\
         \x20default_backend app\n\
         backend app\n server app {upstream}\n"
    )
}
