//! A running vordr's admin address, asked from the command line.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use vordr::rules::table::{Address, Process};

/// The longest answer that is read; nobody has more to say here.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Either kind of socket.
pub(super) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// Connects; an address that stands for all of the machine's is reached by loopback.
pub(super) fn connect(address: &Address, patience: Duration) -> Result<Box<dyn Stream>> {
    let tcp = match address {
        Address::Port(port) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *port),
        Address::Ip(IpAddr::V4(ip), port) if ip.is_unspecified() => {
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *port)
        }
        Address::Ip(IpAddr::V6(ip), port) if ip.is_unspecified() => {
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), *port)
        }
        Address::Ip(ip, port) => SocketAddr::new(*ip, *port),
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(patience))?;
            return Ok(Box::new(stream));
        }
    };
    let stream = TcpStream::connect_timeout(&tcp, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(Box::new(stream))
}

/// The admin address that rules name, and what it asks for.
#[derive(Debug)]
pub(super) struct Admin {
    /// Where it is.
    pub address: Address,
    /// What it may ask for.
    pub token: Option<String>,
}

impl Admin {
    /// That of these rules, if they name one.
    pub(super) fn of(process: &Process) -> Option<Self> {
        let (address, token) = (process.admin.clone()?, process.admin_token.clone());
        Some(Self { address, token })
    }

    /// An answer's status and body.
    pub(super) fn ask(&self, what: &str, patience: Duration) -> Result<(u16, String)> {
        let mut stream = connect(&self.address, patience)?;
        stream.write_all(self.request(what, "HTTP/1.1").as_bytes())?;
        answer(&mut BufReader::new(stream.take(LONGEST))).map_err(|error| in_time(error, patience))
    }

    /// An answer's body, line by line as it comes, for as long as no pause is longer than `patience`.
    pub(super) fn watch(&self, what: &str, patience: Duration) -> Result<impl BufRead + Send + use<>> {
        let mut stream = connect(&self.address, patience)?;
        // To HTTP/1.0 a body is sent without chunks, to the connection's end.
        stream.write_all(self.request(what, "HTTP/1.0").as_bytes())?;
        let mut stream = BufReader::new(stream);
        match head(&mut stream).map_err(|error| in_time(error, patience))? {
            (200, _) => Ok(stream),
            (status, _) => Err(Error::other(format!("answered {status}"))),
        }
    }

    fn request(&self, what: &str, version: &str) -> String {
        let token = self.token.iter().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let token: String = token.collect();
        format!(
            "{what} {version}\r\nHost: localhost\r\n{token}Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }
}

impl std::fmt::Display for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

fn in_time(error: Error, patience: Duration) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::other(format!("no answer within {patience:?}")),
        _ => error,
    }
}

/// Whoever listens there may keep the connection open, so no more is read than the answer's length.
fn answer(stream: &mut impl BufRead) -> Result<(u16, String)> {
    let (status, length) = head(stream)?;
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// An answer's status, and how long its body says it is.
fn head(stream: &mut impl BufRead) -> Result<(u16, u64)> {
    let start = line(stream)?;
    let rest = start.strip_prefix("HTTP/1.1 ").or_else(|| start.strip_prefix("HTTP/1.0 "));
    let status = rest.and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| match start.as_str() {
        "" => Error::other("answered nothing"),
        other => Error::other(format!("answered {other}")),
    })?;
    let mut length = 0;
    loop {
        let field = line(stream)?;
        match field.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            Some(_) => {}
            None => return Ok((status, length)),
        }
    }
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
