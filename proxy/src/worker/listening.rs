//! The sockets that one worker accepts from, from their opening to their end.

use crate::connection::{Link, Stop, Worker, refuse_connection, serve};
use crate::listener::{Accepted, Acceptor, BoundSocket};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vordr_rules::table::Address;

/// How long clients that have begun to connect have to finish, once nobody else may begin.
const HALF_OPEN: Duration = Duration::from_millis(300);

/// What one worker accepts from, and the connections that came of it.
pub(super) struct Listening {
    worker: Arc<Worker>,
    connections: TaskTracker,
    stop: Stop,
    open: HashMap<Address, Open>,
}

/// One socket.
struct Open {
    ends: Ends,
    accepting: JoinHandle<()>,
}

/// The ends of a listener, in the order in which they come.
#[derive(Clone, Default)]
struct Ends {
    /// Its connections are told to be the last ones: `Connection: close`, GOAWAY.
    leaving: CancellationToken,
    /// Nobody may begin to connect any more, as another process listens on the same port.
    handed_over: CancellationToken,
    /// The socket is closed.
    shut: CancellationToken,
    /// Connections are closed as soon as nothing is under way on them.
    closing: CancellationToken,
}

impl Listening {
    pub(super) fn new(worker: Arc<Worker>, stop: Stop) -> Self {
        Self { worker, connections: TaskTracker::new(), stop, open: HashMap::new() }
    }

    /// Accepts from this socket too.
    pub(super) fn open(&mut self, socket: BoundSocket) {
        match socket.accepting() {
            Ok(acceptor) => {
                let (address, ends) = (acceptor.address.clone(), Ends::default());
                let door = Door {
                    address: address.clone(),
                    port: acceptor.local_port,
                    worker: self.worker.clone(),
                    connections: self.connections.clone(),
                    stop: self.stop.clone(),
                    ends: ends.clone(),
                };
                self.open.insert(address, Open { ends, accepting: tokio::spawn(door.accept(acceptor)) });
            }
            Err(error) => {
                let log = self.worker.shared.observer.log();
                log.error("cannot listen", &[("reason", &error.to_string())]);
            }
        }
    }

    /// Accepts no more from this address; returns when the socket is closed.
    pub(super) async fn close(&mut self, address: &Address) {
        if let Some(open) = self.open.remove(address) {
            open.close().await;
        }
    }

    /// Goes on for so long, and says with each answer that the connection ends with it. Where another process takes
    /// over, it is the one that accepts from now on.
    pub(super) async fn leave(&self, delay: Duration, hands_over: bool) {
        if delay.is_zero() {
            return;
        }
        for open in self.open.values() {
            open.ends.leaving.cancel();
            if hands_over {
                open.ends.handed_over.cancel();
            }
        }
        tokio::time::sleep(delay).await;
    }

    /// Closes every socket; what is left are the connections.
    pub(super) async fn end(self) -> TaskTracker {
        for (_, open) in self.open {
            open.close().await;
        }
        self.connections.close();
        self.connections
    }
}

impl Open {
    async fn close(self) {
        self.ends.leaving.cancel();
        self.ends.shut.cancel();
        // A task that accepts has nothing to panic at; if it did, its socket is closed all the same.
        let _ = self.accepting.await;
        self.ends.closing.cancel();
    }
}

/// Where connections come in.
struct Door {
    address: Address,
    port: u16,
    worker: Arc<Worker>,
    connections: TaskTracker,
    stop: Stop,
    ends: Ends,
}

impl Door {
    /// Accepts until the socket is to be closed.
    async fn accept(self, acceptor: Acceptor) {
        tokio::select! {
            biased;
            () = self.ends.shut.cancelled() => {}
            () = self.hand_over(&acceptor) => {}
            () = self.accept_on(&acceptor) => {}
        }
        // What the kernel holds for us would be reset with the socket.
        for accepted in acceptor.rest() {
            self.begin(accepted);
        }
    }

    async fn accept_on(&self, acceptor: &Acceptor) {
        let failed = |error: &std::io::Error| {
            self.worker.shared.observer.log().error(
                "cannot accept",
                &[("address", &self.address.to_string()), ("reason", &error.to_string())],
            );
        };
        loop {
            self.begin(acceptor.accept(failed).await);
            // Who is there already comes before the next: many who connect at once would keep it waiting.
            tokio::task::yield_now().await;
        }
    }

    /// Ends when another process has taken over, and nobody is left between the two.
    async fn hand_over(&self, acceptor: &Acceptor) {
        self.ends.handed_over.cancelled().await;
        if let Err(error) = acceptor.turn_away() {
            let reason = error.to_string();
            self.worker.shared.observer.log().warn("cannot turn connections away", &[("reason", &reason)]);
        }
        tokio::time::sleep(HALF_OPEN).await;
    }

    fn begin(&self, (transport, peer): Accepted) {
        let address = self.address.clone();
        let ends = (self.ends.leaving.clone(), self.ends.closing.clone());
        let link = Link::new(address, (peer, transport.local()), self.port, ends, self.stop.clone());
        let mut counted = self.worker.shared.observer.connection(&link.listener);
        let client = peer.map(|peer| peer.ip());
        let (place, worker) = (self.worker.shared.admit_connection(client), self.worker.clone());
        self.connections.spawn(async move {
            match place {
                Ok(place) => serve(worker, transport, link, place, &mut counted).await,
                Err(failure) => Box::pin(refuse_connection(worker, transport, link, failure)).await,
            }
            drop(counted);
        });
    }
}
