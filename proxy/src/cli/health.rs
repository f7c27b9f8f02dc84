//! `vordr health`: is the vordr that these rules belong to well?

use super::rules;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
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
        (Some(admin), _) => socket(admin).map(ask),
        (None, Some(listener)) => socket(listener).map(|address| connect(address).map(|_| ())),
        (None, None) => None,
    };
    match asked {
        Some(Ok(())) => {
            println!("healthy");
            ExitCode::SUCCESS
        }
        Some(Err(error)) => {
            eprintln!("vordr: not healthy: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!(
                "vordr: the rules name no TCP address to ask; add `vordr {{ admin \"127.0.0.1:9180\"; }}`"
            );
            ExitCode::FAILURE
        }
    }
}

fn socket(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Port(port) => Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *port)),
        Address::Ip(ip, port) if ip.is_unspecified() => {
            let local: IpAddr =
                if ip.is_ipv6() { std::net::Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
            Some(SocketAddr::new(local, *port))
        }
        Address::Ip(ip, port) => Some(SocketAddr::new(*ip, *port)),
        Address::Unix(_) => None,
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200 ") {
        true => Ok(()),
        false => {
            Err(std::io::Error::other(format!("answered {}", answer.lines().next().unwrap_or("nothing"))))
        }
    }
}
