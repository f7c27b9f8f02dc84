//! `keepalive` in a pool: how many idle connections to a server are kept, over all workers.
//!
//! Pingora keeps the connections of one worker together, with one bound for all servers. So vordr counts those that are
//! idle by itself, and makes one that is too many unfit for being kept.

use crate::connection::Backlog;
use nix::sys::socket::{Shutdown, shutdown};
use pingora_core::protocols::Digest;
use pingora_core::protocols::raw_connect::ProxyDigest;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// How many connections to one server are idle.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    idle: AtomicUsize,
}

/// A connection to a server, for as long as it is open.
#[derive(Debug)]
pub(crate) struct Line {
    reserve: Arc<Reserve>,
    socket: RawFd,
    /// It is one of the reserve.
    idle: AtomicBool,
    /// How far its server is behind, where that may be; it serves one request alone then.
    backlog: Option<Arc<Backlog>>,
    /// It is one too many, and closes as soon as Pingora looks at it.
    surplus: AtomicBool,
}

impl Line {
    /// A connection that has just been made.
    pub(super) fn new(reserve: &Arc<Reserve>, socket: RawFd, backlog: Option<Arc<Backlog>>) -> Self {
        Self {
            reserve: reserve.clone(),
            socket,
            backlog,
            idle: AtomicBool::new(false),
            surplus: AtomicBool::new(false),
        }
    }

    /// How far its server is behind with a request, where that may be.
    pub(crate) fn backlog(&self) -> Option<Arc<Backlog>> {
        self.backlog.clone()
    }

    /// The digest that carries it along, from the connection to the hooks.
    pub(super) fn digest(self) -> ProxyDigest {
        let (unused, ()) = http::Response::new(()).into_parts();
        ProxyDigest::new(Box::new(unused.into()), Some(Box::new(Arc::new(self))))
    }

    /// The connection that a Pingora session is on.
    pub(crate) fn of(digest: Option<&Digest>) -> Option<Arc<Self>> {
        digest?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref::<Arc<Self>>().cloned()
    }

    /// Takes a request up, unless it is about to be closed.
    pub(crate) fn take_up(&self) -> bool {
        if self.idle.swap(false, Relaxed) {
            self.reserve.idle.fetch_sub(1, Relaxed);
        }
        !self.surplus.load(Relaxed)
    }

    /// The answer has come to its end: it joins the reserve, or is closed where that has `most` already.
    ///
    /// To be called while Pingora's session of HTTP/1 still has the connection, since its socket is another's once
    /// it is closed.
    pub(crate) fn rest(&self, most: usize) {
        if self.idle.load(Relaxed) || self.surplus.load(Relaxed) {
            return;
        }
        let most = match &self.backlog {
            Some(backlog) => {
                backlog.end_of_answer();
                0
            }
            None => most,
        };
        if self.reserve.idle.fetch_add(1, Relaxed) < most {
            self.idle.store(true, Relaxed);
            return;
        }
        self.reserve.idle.fetch_sub(1, Relaxed);
        self.surplus.store(true, Relaxed);
        // Pingora reads from what it keeps, and lets go of what has ended. A request that is still being sent goes on.
        // A failure means that it has ended already.
        let _ = shutdown(self.socket, Shutdown::Read);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if *self.idle.get_mut() {
            self.reserve.idle.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn so_many_rest_and_one_more_is_closed() {
        let reserve = Arc::new(Reserve::default());
        let sockets: Vec<UnixStream> = (0..3).map(|_| UnixStream::pair().unwrap().0).collect();
        let mut lines: Vec<Line> =
            sockets.iter().map(|socket| Line::new(&reserve, socket.as_raw_fd(), None)).collect();
        lines.iter().for_each(|line| line.rest(2));
        assert_eq!(reserve.idle.load(Relaxed), 2);
        assert!(lines[0].take_up() && lines[1].take_up() && !lines[2].take_up());
        assert_eq!(reserve.idle.load(Relaxed), 0);
        assert_eq!((&sockets[2]).read(&mut [0]).unwrap(), 0, "it reads as ended");
        lines[0].rest(2);
        lines[0].rest(2);
        assert_eq!(reserve.idle.load(Relaxed), 1, "counted once");
        lines.remove(0);
        assert_eq!(reserve.idle.load(Relaxed), 0, "one that was closed makes room");
    }

    #[test]
    fn off_keeps_none() {
        let reserve = Arc::new(Reserve::default());
        let (socket, _other) = UnixStream::pair().unwrap();
        let line = Line::new(&reserve, socket.as_raw_fd(), None);
        line.rest(0);
        assert!(!line.take_up());
    }
}
