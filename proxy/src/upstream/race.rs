//! Addresses of two families tried side by side, IPv6 with a head start (RFC 8305).

use super::patience::Hook;
use crate::exchange::Failure;
use nix::errno::Errno;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// How long the first address is tried alone ("Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to whichever address answers first; the others are let go.
pub(super) async fn first(
    addresses: &[SocketAddr],
    hook: Option<Hook>,
    limit: Option<Duration>,
) -> Result<(usize, TcpStream), Failure> {
    match tokio::time::timeout(limit.unwrap_or(Duration::MAX), race(addresses, hook)).await {
        Ok(Ok(winner)) => Ok(winner),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(Failure::ConnectTimeout),
    }
}

async fn race(addresses: &[SocketAddr], hook: Option<Hook>) -> io::Result<(usize, TcpStream)> {
    let mut attempts = JoinSet::new();
    let mut waiting = addresses.iter().copied().enumerate();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some((index, address)) = waiting.next() {
            let hook = hook.clone();
            attempts.spawn(async move { (index, connect(address, None, hook).await) });
        }
        let head_start = if waiting.len() > 0 { HEAD_START } else { Duration::MAX };
        match tokio::time::timeout(head_start, attempts.join_next()).await {
            Ok(Some(Ok((index, Ok(stream))))) => return Ok((index, stream)),
            Ok(Some(Ok((_, Err(error))))) => failure = error,
            Ok(None) => return Err(failure),
            // Nobody cancels an attempt but the end of the race; or the head start is over.
            Ok(Some(Err(_))) | Err(_) => {}
        }
    }
}

/// What it means that a connection did not come about.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.raw_os_error().map(Errno::from_raw) {
        // Nothing is known of the server.
        Some(Errno::EMFILE | Errno::ENFILE | Errno::EADDRNOTAVAIL | Errno::ENOBUFS | Errno::ENOMEM) => {
            Failure::Internal(format!("no connection can be made: {error}"))
        }
        _ if error.kind() == io::ErrorKind::TimedOut => Failure::ConnectTimeout,
        _ => Failure::Refused,
    }
}

/// Connects to one address, from one of this machine's where that is named.
pub(super) async fn connect(
    address: SocketAddr,
    own: Option<SocketAddr>,
    hook: Option<Hook>,
) -> io::Result<TcpStream> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if let Some(hook) = hook {
        hook(&socket).map_err(|error| io::Error::other(error.to_string()))?;
    }
    if let Some(own) = own {
        // A port that is named was perhaps used a moment ago.
        socket.set_reuseaddr(own.port() != 0)?;
        socket.bind(own)?;
    }
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::net::TcpListener;

    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_to_the_other_at_once() {
        let (_listener, address) = listening().await;
        let refusing: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let began = std::time::Instant::now();
        let (index, stream) = first(&[refusing, address], None, None).await.unwrap();
        assert_eq!((index, stream.peer_addr().unwrap()), (1, address));
        assert!(began.elapsed() < HEAD_START);
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_has_a_head_start_and_no_more() {
        let (_listener, address) = listening().await;
        // TEST-NET-1 (RFC 5737): nobody answers, or there is no way there.
        let silent: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let (index, _) = first(&[silent, address], None, Some(Duration::from_secs(5))).await.unwrap();
        assert_eq!(index, 1);
    }

    #[test]
    fn what_vordr_lacks_is_no_fault_of_the_server() {
        let failure = |error: Errno| failure(&io::Error::from(error));
        assert_eq!(failure(Errno::ECONNREFUSED), Failure::Refused);
        assert_eq!(failure(Errno::EHOSTUNREACH), Failure::Refused);
        assert_eq!(failure(Errno::ETIMEDOUT), Failure::ConnectTimeout);
        let own = failure(Errno::EMFILE);
        assert_eq!((own.status().as_u16(), own.reason()), (500, "internal"));
        assert!(own.detail(None).contains("Too many open files"), "{own:?}");
    }

    #[tokio::test]
    async fn where_none_answers_the_last_reason_is_told() {
        let refusing: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(first(&[refusing, refusing], None, None).await.unwrap_err(), Failure::Refused);
    }
}
