//! TLS on listeners: which certificate is shown to whom, and what a handshake comes to.

mod certificate;
mod certificates;

#[allow(unused_imports, reason = "ACME follows")]
pub(crate) use certificate::{Certificate, Flaw};
#[allow(unused_imports, reason = "ACME follows")]
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
