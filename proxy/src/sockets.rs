//! Where listening sockets come from: they are handed over by whoever started vordr, or bound.

use crate::listener::{BoundSocket, clean_up};
use crate::start_error::StartError;
use listenfd::ListenFd;
use socket2::Socket;
use std::net::SocketAddr;
use std::path::Path;
use vordr_rules::table::{Address, Table};

/// The source of all listening sockets of one vordr.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Kept for as long as vordr runs, as whoever handed them over does: an address that goes by a reload and comes
    /// back by another is to be had from nowhere else.
    handed: Vec<Handed>,
    /// What was handed over and is of no use, in words.
    useless: Vec<String>,
    /// Whether another process may listen on the same ports.
    pub shares_ports: bool,
}

/// A socket that listens already.
#[derive(Debug)]
struct Handed {
    name: String,
    socket: Socket,
}

impl Sockets {
    /// With those that systemd hands over (`sd_listen_fds(3)`). To be called before there are threads.
    pub(crate) fn of_process(shares_ports: bool) -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|name| !name.is_empty());
        let mut sockets = Self { shares_ports, ..Self::default() };
        let mut found = ListenFd::from_env();
        for number in 0..found.len() {
            let name = names.next().map_or_else(|| format!("the one at place {number}"), str::to_owned);
            let socket = match found.take_tcp_listener(number) {
                Ok(tcp) => Ok(tcp.map(Socket::from)),
                Err(_) => found.take_unix_listener(number).map(|unix| unix.map(Socket::from)),
            };
            match socket {
                Ok(Some(socket)) if socket.is_listener().unwrap_or_default() => {
                    sockets.handed.push(Handed { name, socket });
                }
                _ => sockets.useless.push(format!("{name}: no listening TCP or Unix socket")),
            }
        }
        sockets
    }

    /// A socket that listens at an address.
    pub(crate) fn open(&self, address: &Address) -> Result<BoundSocket, StartError> {
        match self.handed.iter().find(|handed| handed.is_at(address)) {
            Some(handed) => BoundSocket::handed(address, &handed.socket),
            None => BoundSocket::bind(address, self.shares_ports),
        }
    }

    /// Takes away what is left of addresses that nobody listens on any more. What was handed over is left to whoever did
    /// so: systemd listens on, and a connection to find that out would have it start vordr again.
    pub(crate) fn clean_up<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) {
        let own = |address: &&Address| !self.handed.iter().any(|handed| handed.is_at(address));
        addresses.into_iter().filter(own).for_each(clean_up);
    }

    /// What was handed over in vain, in words.
    pub(crate) fn in_vain<'s>(&'s self, table: &'s Table) -> impl Iterator<Item = String> + 's {
        let wanted: Vec<&Address> = addresses(table).collect();
        let unwanted = self.handed.iter().filter(move |handed| !wanted.iter().any(|at| handed.is_at(at)));
        let unwanted =
            unwanted.map(|handed| format!("{} at {}: no `listen` names it", handed.name, handed.place()));
        self.useless.iter().cloned().chain(unwanted)
    }
}

/// Every address that is listened on, for whatever.
pub(crate) fn addresses(table: &Table) -> impl Iterator<Item = &Address> {
    let control = [&table.process.admin, &table.process.metrics].into_iter().flatten();
    table.listeners.iter().map(|listener| &listener.address).chain(control)
}

/// Whether one socket cannot be bound while there is the other: at the same place, or at all addresses of its port.
pub(crate) fn overlap(one: &Address, other: &Address) -> bool {
    let place = |address: &Address| match address {
        Address::Port(port) => Some((true, *port)),
        Address::Ip(ip, port) => Some((ip.is_unspecified(), *port)),
        Address::Unix(_) => None,
    };
    let at_all = |((one_is, one), (other_is, other))| one == other && (one_is || other_is);
    one == other || place(one).zip(place(other)).is_some_and(at_all)
}

impl Handed {
    fn is_at(&self, address: &Address) -> bool {
        let Ok(local) = self.socket.local_addr() else { return false };
        match address {
            Address::Port(port) => {
                local.as_socket().is_some_and(|at| at.ip().is_unspecified() && at.port() == *port)
            }
            Address::Ip(ip, port) => local.as_socket() == Some(SocketAddr::new(*ip, *port)),
            Address::Unix(path) => local.as_pathname() == Some(Path::new(path)),
        }
    }

    fn place(&self) -> String {
        let Ok(local) = self.socket.local_addr() else { return "an unknown address".to_owned() };
        match (local.as_socket(), local.as_pathname()) {
            (Some(at), _) => at.to_string(),
            (None, Some(path)) => format!("unix:{}", path.display()),
            (None, None) => "an address without a name".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn handed(socket: impl Into<Socket>) -> Sockets {
        let handed = vec![Handed { name: "web".to_owned(), socket: socket.into() }];
        Sockets { handed, ..Sockets::default() }
    }

    #[test]
    fn a_socket_that_was_handed_over_is_used_where_its_address_is_listened_on() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let sockets = handed(socket);
        for _ in 0..2 {
            let opened = sockets.open(&Address::Ip(at.ip(), at.port())).unwrap();
            assert_eq!(opened.local, Some(at));
        }
        // The same port at another address is another one.
        let other = sockets.open(&Address::Ip("127.0.0.2".parse().unwrap(), at.port())).unwrap();
        assert_ne!(other.local, Some(at));
    }

    #[test]
    fn a_bare_port_is_one_on_every_address() {
        let socket = std::net::TcpListener::bind("[::]:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let sockets = handed(socket);
        assert!(sockets.handed[0].is_at(&Address::Port(port)));
        assert!(!sockets.handed[0].is_at(&Address::Ip("127.0.0.1".parse().unwrap(), port)));
    }

    #[test]
    fn a_port_on_every_address_overlaps_with_it_on_one() {
        let [one, other] = ["127.0.0.1", "127.0.0.2"].map(|ip| Address::Ip(ip.parse().unwrap(), 80));
        let any = Address::Ip("0.0.0.0".parse().unwrap(), 80);
        let all = Address::Port(80);
        assert!(overlap(&one, &one) && overlap(&one, &any) && overlap(&all, &one) && overlap(&all, &any));
        assert!(!overlap(&one, &other) && !overlap(&one, &Address::Port(81)));
        assert!(!overlap(&all, &Address::Unix("80".to_owned())));
    }

    #[test]
    fn a_path_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.sock");
        let sockets = handed(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let address = Address::Unix(path.display().to_string());
        assert!(sockets.open(&address).is_ok());
        assert!(!sockets.handed[0].is_at(&Address::Unix("/other".to_owned())));
    }
}
