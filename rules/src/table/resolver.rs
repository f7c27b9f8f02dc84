//! `resolver`: the name servers that are asked in the place of the system's.

use std::net::SocketAddr;
use std::time::Duration;

/// The port of name servers.
const PORT: u16 = 53;

/// Name servers, and how they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    /// Where they are; never empty.
    pub servers: Vec<SocketAddr>,
    /// How long an answer is believed, whatever it says itself; `None` is as long as it says.
    pub valid: Option<Duration>,
    /// How long a request that names a host waits for its addresses; `None` is as long as for a connection.
    pub timeout: Option<Duration>,
    /// Whether IPv4 addresses are asked for.
    pub ipv4: bool,
    /// Whether IPv6 addresses are asked for.
    pub ipv6: bool,
    /// Whether they are asked for the hosts of URLs with placeholders alone.
    pub placeholders_alone: bool,
}

impl Resolver {
    /// `9.9.9.9`, `9.9.9.9:5353`, `2620:fe::fe`, `[2620:fe::fe]`, `[2620:fe::fe]:53`; `None` where it is no address.
    pub(crate) fn server(written: &str) -> Option<SocketAddr> {
        let ip = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(written);
        let with_port = || written.parse().ok().filter(|address: &SocketAddr| address.port() > 0);
        ip.parse().ok().map(|ip| SocketAddr::new(ip, PORT)).or_else(with_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_is_an_address_with_or_without_a_port() {
        let text = |written| Resolver::server(written).map(|address| address.to_string());
        assert_eq!(text("9.9.9.9").as_deref(), Some("9.9.9.9:53"));
        assert_eq!(text("9.9.9.9:5353").as_deref(), Some("9.9.9.9:5353"));
        assert_eq!(text("2620:fe::fe").as_deref(), Some("[2620:fe::fe]:53"));
        assert_eq!(text("[2620:fe::fe]").as_deref(), Some("[2620:fe::fe]:53"));
        assert_eq!(text("[::1]:5353").as_deref(), Some("[::1]:5353"));
        for wrong in ["", "dns.example", "9.9.9.9:0", "9.9.9.9:", "localhost:53"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
