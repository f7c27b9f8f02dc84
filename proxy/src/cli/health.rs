//! `vordr health`: is the vordr that these rules belong to well?

use super::rules;
use super::say::{complain, say};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;
use vordr::rules::table::Address;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the rules' `admin` address; without one, whether the first listener takes connections.
pub(super) fn run(path: &str) -> ExitCode {
    let Some(loaded) = rules::load_file(path) else { return ExitCode::FAILURE };
    let listener = loaded.table.listeners.first().map(|listener| &listener.address);
    let asked = match (&loaded.table.process.admin, listener) {
        (Some(admin), _) => connect(admin).and_then(ask),
        (None, Some(listener)) => connect(listener).map(drop),
        (None, None) => Err(Error::other("the rules name no address to ask")),
    };
    match asked {
        Ok(()) => say("healthy
"),
        Err(error) => {
            complain(&format!("vordr: not healthy: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Either kind of socket.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

fn connect(address: &Address) -> std::io::Result<Box<dyn Stream>> {
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
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            return Ok(Box::new(stream));
        }
    };
    let stream = TcpStream::connect_timeout(&tcp, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Box::new(stream))
}

/// A 200 is all that counts; whoever else listens there may keep the connection open.
fn ask(mut stream: Box<dyn Stream>) -> std::io::Result<()> {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream.take(1024)).read_line(&mut line).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::other(format!("no answer within {PATIENCE:?}")),
        _ => error,
    })?;
    match line.starts_with("HTTP/1.1 200 ") {
        true => Ok(()),
        false if line.is_empty() => Err(Error::other("answered nothing")),
        false => Err(Error::other(format!("answered {}", line.trim_end()))),
    }
}
