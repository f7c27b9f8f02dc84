//! The families of TLS on listeners.

use super::family::{Counters, Families, Fractions};
use super::metrics::seconds;
use prometheus::Error;
use std::time::SystemTime;
use vordr_rules::table::Address;

/// Certificates and handshakes.
#[derive(Debug)]
pub(crate) struct Tls {
    not_after: Fractions,
    failures: Counters,
}

impl Tls {
    pub(super) fn new(make: &Families) -> Result<Self, Error> {
        Ok(Self {
            not_after: make.fractions(
                "vordr_tls_certificate_not_after_seconds",
                "When the certificate that a server shows runs out.",
                &["server"],
            )?,
            failures: make.counters(
                "vordr_tls_handshake_failures_total",
                "Clients that came to a listener with TLS and did not get as far as a request.",
                &["listener", "reason"],
            )?,
        })
    }

    /// Tells when the certificates run out that these servers, by their first hosts, show, and of no others.
    pub(super) fn shown<'s>(&self, certificates: impl IntoIterator<Item = (&'s str, SystemTime)>) {
        self.not_after.clear();
        for (server, not_after) in certificates {
            self.not_after.with_label_values(&[server]).set(seconds(not_after));
        }
    }

    /// A handshake failed.
    pub(crate) fn failed(&self, listener: &Address, reason: &'static str) {
        self.failures.with_label_values(&[listener.to_string().as_str(), reason]).inc();
    }
}
