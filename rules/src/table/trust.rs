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
    /// What of theirs tells the address.
    pub teller: Teller,
}

/// What tells whose address is the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teller {
    /// A header of the request.
    Header {
        /// Its name.
        name: HeaderName,
        /// Whether it is read past every one of the proxies, or its last address is taken.
        recursive: bool,
    },
    /// The PROXY header that the connection began with.
    ProxyProtocol,
}
