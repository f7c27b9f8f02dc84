//! The families of TLS on listeners.

use super::family::{Counters, Families, Readings};
use super::metrics::seconds;
use std::sync::Arc;
use std::time::SystemTime;
use vordr_rules::table::Address;

/// Certificates and handshakes.
#[derive(Debug)]
pub(crate) struct Tls {
    not_after: Arc<Readings>,
    failures: Counters,
}

impl Tls {
    pub(super) fn new(make: &mut Families) -> Self {
        Self {
            not_after: make.readings(
                "vordr_tls_certificate_not_after_seconds",
                "When the certificate that a server shows runs out, of several the first.",
                &["server"],
            ),
            failures: make.counters(
                "vordr_tls_handshake_failures_total",
                "Clients that came to a listener with TLS and did not get as far as a request.",
                &["listener", "reason"],
            ),
        }
    }

    /// Tells when the certificates of these servers, by their first hosts, run out, and of no others.
    pub(super) fn shown<'s>(&self, certificates: impl IntoIterator<Item = (&'s str, SystemTime)>) {
        let readings = certificates.into_iter().map(|(server, not_after)| ([server], seconds(not_after)));
        // Several servers may have one name, and their certificates are told as one.
        self.not_after.set_merged(readings, f64::min);
    }

    /// A handshake failed.
    pub(crate) fn failed(&self, listener: &Address, reason: &'static str) {
        self.failures.with_label_values(&[listener.to_string().as_str(), reason]).inc();
    }
}
