//! Who may say whose address is the client's.

use http::HeaderName;
use ipnet::IpNet;

/// `trusted-proxies` of a server or a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Who is believed, by address.
    pub proxies: Vec<IpNet>,
    /// Whether whoever comes through a Unix socket is.
    pub unix: bool,
    /// The header that tells the address.
    pub header: HeaderName,
    /// Whether it is read past every one of `proxies`, or its last address is taken.
    pub recursive: bool,
}
