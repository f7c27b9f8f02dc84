//! Writing a PROXY header.

use super::{Introduced, SIGNATURE, WORD};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The header of a version, 1 or 2.
pub(crate) fn write(version: u8, introduced: Introduced) -> Vec<u8> {
    match (version, introduced) {
        (1, introduced) => line(introduced),
        (_, Introduced::Itself) => [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat(),
        (_, Introduced::Client { client, to }) => binary(client, to),
    }
}

fn line(introduced: Introduced) -> Vec<u8> {
    let words = match introduced {
        Introduced::Itself => "UNKNOWN".to_owned(),
        Introduced::Client { client, to } => {
            let (from, at) = of_one_family(client.ip(), to.ip());
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("{family} {from} {at} {} {}", client.port(), to.port())
        }
    };
    [WORD, words.as_bytes(), b"\r\n"].concat()
}

fn binary(client: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let ports = [client.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let (family, addresses) = match of_one_family(client.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(at)) => (0x11, [from.octets(), at.octets()].concat()),
        (from, at) => (0x21, [in_v6(from).octets(), in_v6(at).octets()].concat()),
    };
    let length = u16::try_from(addresses.len() + ports.len()).unwrap_or_default().to_be_bytes();
    [&SIGNATURE[..], &[0x21, family], &length, &addresses, &ports].concat()
}

/// Both as IPv4, or both as IPv6: a header has one family.
fn of_one_family(one: IpAddr, other: IpAddr) -> (IpAddr, IpAddr) {
    match (one, other) {
        (IpAddr::V4(_), IpAddr::V4(_)) => (one, other),
        _ => (in_v6(one).into(), in_v6(other).into()),
    }
}

fn in_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Read, read};
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        for (client, to) in [
            ("192.0.2.1:4711", "198.51.100.2:443"),
            ("[2001:db8::1]:4711", "[2001:db8::2]:443"),
            ("192.0.2.1:0", "[2001:db8::2]:443"),
        ] {
            let introduced = Introduced::Client { client: client.parse().unwrap(), to: to.parse().unwrap() };
            for version in [1, 2] {
                let header = write(version, introduced);
                assert_eq!(read(&header), Ok(Read::Whole(introduced)), "{}", header.escape_ascii());
            }
        }
        for version in [1, 2] {
            assert_eq!(read(&write(version, Introduced::Itself)), Ok(Read::Whole(Introduced::Itself)));
        }
    }

    #[test]
    fn a_line_is_as_the_protocol_has_it() {
        let introduced = Introduced::Client {
            client: "192.0.2.1:4711".parse().unwrap(),
            to: "10.0.0.1:80".parse().unwrap(),
        };
        assert_eq!(write(1, introduced), b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n");
        assert_eq!(write(1, Introduced::Itself), b"PROXY UNKNOWN\r\n");
    }
}
