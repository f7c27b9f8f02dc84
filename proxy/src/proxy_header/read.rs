//! Reading a PROXY header, strictly: it decides who a client is.

use super::{Introduced, SIGNATURE, WORD};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// How many bytes each header has at least.
const MINIMUM: usize = b"PROXY UNKNOWN\r\n".len();

/// The longest header of version 1, with its line end (section 2.1).
const LONGEST_LINE: usize = 107;
/// The fixed part of version 2's header.
const FIXED: usize = 16;

/// How far a header has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// At least so many bytes more belong to it.
    More(usize),
    /// It ends here.
    Whole(Introduced),
}

/// Reads a header as far as it has come, and nothing that follows it. The error is what is wrong with it.
pub(crate) fn read(header: &[u8]) -> Result<Read, &'static str> {
    if header.len() < MINIMUM {
        return Ok(Read::More(MINIMUM - header.len()));
    }
    if header.starts_with(&SIGNATURE) {
        return binary(header);
    }
    match header.starts_with(WORD) {
        true => line(header),
        false => Err("no PROXY header comes first"),
    }
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.2 4711 443`.
fn line(header: &[u8]) -> Result<Read, &'static str> {
    match header.iter().position(|byte| *byte == b'\n') {
        None if header.len() < LONGEST_LINE => return Ok(Read::More(1)),
        Some(end) if end + 1 == header.len() && end < LONGEST_LINE => {}
        _ => return Err("the PROXY header's line has no end"),
    }
    let line = header.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
    let line = line.ok_or("the PROXY header's line does not end in CR LF, or is no text")?;
    let words: Vec<&str> = line.split(' ').collect();
    match *words {
        // Whatever follows is of no matter.
        [_, "UNKNOWN", ..] => Ok(Read::Whole(Introduced::Itself)),
        [_, "TCP4", from, to, from_port, to_port] => addresses::<Ipv4Addr>((from, from_port), (to, to_port)),
        [_, "TCP6", from, to, from_port, to_port] => addresses::<Ipv6Addr>((from, from_port), (to, to_port)),
        _ => Err("the PROXY header is of no kind that is known"),
    }
}

fn addresses<A: FromStr + Into<IpAddr>>(from: (&str, &str), to: (&str, &str)) -> Result<Read, &'static str> {
    let endpoint = |(address, port): (&str, &str)| {
        let address = address.parse::<A>().ok()?;
        let plain = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let plain = plain && (port == "0" || !port.starts_with('0'));
        Some(endpoint(address, port.parse().ok().filter(|_| plain)?))
    };
    match (endpoint(from), endpoint(to)) {
        (Some(client), Some(to)) => Ok(Read::Whole(Introduced::Client { client, to })),
        _ => Err("the PROXY header has an address or a port that is none"),
    }
}

/// Version 2. What stands after the addresses is passed over.
fn binary(header: &[u8]) -> Result<Read, &'static str> {
    let Some(fixed) = header.first_chunk::<FIXED>() else { return Ok(Read::More(FIXED - header.len())) };
    let [.., command, family, high, low] = *fixed;
    let whole = FIXED + usize::from(u16::from_be_bytes([high, low]));
    match command {
        0x20 | 0x21 => {}
        _ => return Err("the PROXY header is of no version or command that is known"),
    }
    if header.len() < whole {
        return Ok(Read::More(whole - header.len()));
    }
    let rest = header.get(FIXED..whole).unwrap_or_default();
    let short = "the PROXY header has no room for its addresses";
    let introduced = match (command, family) {
        (0x20, _) | (_, 0x00) => Introduced::Itself,
        (_, 0x11) => pair::<4, 12>(rest).ok_or(short)?,
        (_, 0x21) => pair::<16, 36>(rest).ok_or(short)?,
        // Of a Unix socket, whose paths are no addresses.
        (_, 0x31) if rest.len() >= 216 => Introduced::Itself,
        (_, 0x31) => return Err(short),
        _ => return Err("the PROXY header is of no address family or protocol that a connection can have"),
    };
    Ok(Read::Whole(introduced))
}

/// Two addresses of `N` bytes, then their ports: `BOTH` bytes.
fn pair<const N: usize, const BOTH: usize>(rest: &[u8]) -> Option<Introduced>
where
    [u8; N]: Into<IpAddr>,
{
    let (both, _) = rest.split_first_chunk::<BOTH>()?;
    let (from, both) = both.split_first_chunk::<N>()?;
    let (to, ports) = both.split_first_chunk::<N>()?;
    let (from_port, ports) = ports.split_first_chunk::<2>()?;
    let (to_port, _) = ports.split_first_chunk::<2>()?;
    Some(Introduced::Client {
        client: endpoint(*from, u16::from_be_bytes(*from_port)),
        to: endpoint(*to, u16::from_be_bytes(*to_port)),
    })
}

/// An IPv4 address in IPv6's clothes is an IPv4 address.
fn endpoint(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into().to_canonical(), port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::write;
    use super::*;

    fn client(client: &str, to: &str) -> Introduced {
        Introduced::Client { client: client.parse().unwrap(), to: to.parse().unwrap() }
    }

    /// A header of version 2.
    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn a_line_tells_the_client() {
        for (line, introduced) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n", client("192.0.2.1:4711", "198.51.100.2:443")),
            (
                "PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n",
                client("[2001:db8::1]:0", "[2001:db8::2]:65535"),
            ),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", client("192.0.2.1:1", "[::1]:2")),
            ("PROXY UNKNOWN\r\n", Introduced::Itself),
            ("PROXY UNKNOWN what ever\r\n", Introduced::Itself),
        ] {
            assert_eq!(read(line.as_bytes()), Ok(Read::Whole(introduced)), "{line}");
        }
    }

    #[test]
    fn a_line_that_could_be_taken_for_another_one_is_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.2 4711 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +4711 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 04711 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
            "PROXY TCP4 192.0.2.256 198.51.100.2 4711 443\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 198.51.100.2 4711 443\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY\tTCP4 192.0.2.1 198.51.100.2 1 2\r\n",
            "GET / HTTP/1.1\r\n",
            "PROXY \n UNKNOWN\r\n",
        ] {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
        assert!(read(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat()).is_err());
        assert!(read(b"PROXY TCP4 \xff").is_ok_and(|read| read == Read::More(MINIMUM - 12)));
        assert!(read(b"PROXY TCP4 \xff 1 2 3\r\n").is_err());
    }

    #[test]
    fn version_2_tells_the_client_whatever_else_it_tells() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x67, 0x01, 0xbb];
        let introduced = client("192.0.2.1:4711", "198.51.100.2:443");
        assert_eq!(read(&version_2(0x21, 0x11, &v4)), Ok(Read::Whole(introduced)));
        let more = [&v4[..], &[0x04, 0, 3, 1, 2, 3], &[0xff; 500]].concat();
        assert_eq!(read(&version_2(0x21, 0x11, &more)), Ok(Read::Whole(introduced)));
        for (command, family, length) in [
            (0x20, 0x00, 0),
            (0x20, 0x11, 12),
            (0x20, 0x11, 0),
            (0x20, 0xff, 3),
            (0x21, 0x00, 0),
            (0x21, 0x00, 9),
            (0x21, 0x31, 216),
        ] {
            let header = version_2(command, family, &vec![0; length]);
            assert_eq!(read(&header), Ok(Read::Whole(Introduced::Itself)), "{command:x} {family:x}");
        }
    }

    #[test]
    fn version_2_of_a_kind_that_cannot_be_is_refused() {
        for (command, family, length) in [
            (0x11, 0x11, 12),
            (0x31, 0x11, 12),
            (0x22, 0x11, 12),
            (0x21, 0x11, 11),
            (0x21, 0x21, 35),
            (0x21, 0x31, 215),
            (0x21, 0x12, 12),
            (0x21, 0x22, 36),
            (0x21, 0x41, 12),
            (0x21, 0x10, 12),
        ] {
            assert!(read(&version_2(command, family, &vec![0; length])).is_err(), "{command:x} {family:x}");
        }
    }

    #[test]
    fn a_header_that_comes_in_pieces_is_read_to_its_last_byte_and_no_further() {
        let introduced = client("[2001:db8::1]:4711", "[2001:db8::2]:443");
        for version in [1, 2] {
            let header = write(version, introduced);
            let mut came = 0;
            let whole = loop {
                match read(&header[..came]).unwrap() {
                    Read::More(more) => came += more,
                    Read::Whole(introduced) => break introduced,
                }
                assert!(came <= header.len(), "never asks for a byte that is not its own");
            };
            assert_eq!((whole, came), (introduced, header.len()));
        }
    }
}
