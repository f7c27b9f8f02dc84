//! TLS on listeners: which certificate is shown to whom, and what a handshake comes to.

mod accept;
mod acme;
mod certificate;
mod certificates;
mod client;
mod door;
mod files;
mod inspect;
mod listed;
mod locked;
mod profile;
mod revoked;
mod signed;
mod watch;

pub(crate) use accept::{Failed, NoHandshake, accept};
pub(crate) use acme::{Acme, Tokens, unusable_ca};
pub use acme::{RevokeError, revoke};
pub(crate) use certificate::Certificate;
pub(crate) use certificates::Certificates;
pub(crate) use door::{Door, Doors};
pub(crate) use files::{Stamp, read_key};
pub(crate) use inspect::{FromFiles, Inspected, inspect};
pub(crate) use watch::Watch;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::{Arc, LazyLock};

/// What handshakes are computed with. It is given by hand wherever one is needed: the process's default is for
/// Pingora to choose.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    PROVIDER.clone()
}
