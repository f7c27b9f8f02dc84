//! The families of TLS on listeners.

use super::family::{Counters, Families, Fractions};
use super::metrics::seconds;
use prometheus::Error;
use std::time::SystemTime;
use vordr_rules::table::Address;

/// Certificates and handshakes.
#[derive(Debug)]
pub(crate) struct Tls {
    not_after: NotAfter,
    failures: Counters,
}

impl Tls {
    pub(super) fn new(make: &Families) -> Result<Self, Error> {
        Ok(Self {
            not_after: NotAfter(make.fractions(
                "vordr_tls_certificate_not_after_seconds",
                "When the certificate that a server shows runs out.",
                &["server"],
            )?),
            failures: make.counters(
                "vordr_tls_handshake_failures_total",
                "Clients that came to a listener with TLS and did not get as far as a request.",
                &["listener", "reason"],
            )?,
        })
    }

    /// When certificates run out.
    pub(crate) fn not_after(&self) -> NotAfter {
        self.not_after.clone()
    }

    /// A handshake failed.
    pub(crate) fn failed(&self, listener: &Address, reason: &'static str) {
        self.failures.with_label_values(&[listener.to_string().as_str(), reason]).inc();
    }
}

/// When each server's certificate runs out.
#[derive(Debug, Clone)]
pub(crate) struct NotAfter(Fractions);

impl NotAfter {
    /// A server, by its first host, shows a certificate that runs out then.
    pub(crate) fn set(&self, server: &str, time: SystemTime) {
        self.0.with_label_values(&[server]).set(seconds(time));
    }
}
