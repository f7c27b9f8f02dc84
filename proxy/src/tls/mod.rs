//! TLS on listeners: which certificate is shown to whom, and what a handshake comes to.

#[allow(dead_code, unused_imports, reason = "the listener follows")]
mod acme;
mod certificate;
mod certificates;

pub(crate) use acme::Tokens;
pub(crate) use certificate::{Certificate, Flaw};
pub(crate) use certificates::Certificates;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::{Arc, LazyLock};

/// What handshakes are computed with. It is given by hand wherever one is needed: the process's default is for
/// Pingora to choose.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    PROVIDER.clone()
}
