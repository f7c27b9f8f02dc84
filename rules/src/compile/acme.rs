//! Certificates from ACME that no listener can prove a name for.

use crate::diagnostic::Diagnostic;
use crate::language::server::Server;
use crate::node::Reading;
use crate::table::{AcmeChallenge, Listener};

pub(super) fn check(servers: &[Server], listeners: &[Listener], reading: &mut Reading<'_>) {
    let plain = listeners.iter().any(|listener| !listener.tls);
    for server in servers {
        let Some(tls) = &server.tls else { continue };
        let only = tls.runs.acme.as_ref().and_then(|acme| acme.challenge);
        if only == Some(AcmeChallenge::Http01) && !plain {
            let message = "http-01 is asked for over plain HTTP, and no listener speaks it";
            reading.report(
                Diagnostic::error("acme-challenge", tls.acme.unwrap_or(tls.span), message)
                    .label("add `listen 80`, or leave out `challenge=http-01`"),
            );
        }
    }
}
