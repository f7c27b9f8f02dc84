//! A name server on loopback whose answers a test changes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A name server that knows one answer to every question for an IPv4 address.
pub(crate) struct NameServer {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    serving: JoinHandle<()>,
}

struct Answer {
    address: Option<Ipv4Addr>,
    questions: usize,
}

/// How long an answer may be kept, in seconds.
const TTL: u32 = 1;

impl NameServer {
    /// Starts one; `None` says that there is no such name.
    pub(crate) async fn answering(address: Option<Ipv4Addr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port for the name server");
        let answer = Arc::new(Mutex::new(Answer { address, questions: 0 }));
        let bound = socket.local_addr().expect("its address");
        Self { address: bound, serving: tokio::spawn(serve(socket, answer.clone())), answer }
    }

    /// Where it is asked.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers otherwise from now on.
    pub(crate) fn change(&self, address: Option<Ipv4Addr>) {
        self.answer.lock().unwrap().address = address;
    }

    /// How many questions have come.
    pub(crate) fn questions(&self) -> usize {
        self.answer.lock().unwrap().questions
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(socket: UdpSocket, answer: Arc<Mutex<Answer>>) {
    let mut buffer = [0; 512];
    while let Ok((length, asker)) = socket.recv_from(&mut buffer).await {
        let address = {
            let mut answer = answer.lock().unwrap();
            answer.questions += 1;
            answer.address
        };
        let _ = socket.send_to(&reply(&buffer[..length], address), asker).await;
    }
}

/// The reply to a query (RFC 1035, section 4): its question again, and the address if that is what was asked for.
fn reply(query: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
    let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name's end");
    let question = &query[12..name_end + 5];
    let asks_for_ipv4 = query[name_end + 1..name_end + 3] == [0, 1];
    let found = address.filter(|_| asks_for_ipv4);
    // A response, recursion available; no error, or NXDOMAIN where there is no name at all.
    let flags = if address.is_some() { [0x81, 0x80] } else { [0x81, 0x83] };
    let mut reply =
        [&query[..2], &flags, &[0, 1], &[0, u8::from(found.is_some())], &[0; 4], question].concat();
    if let Some(address) = found {
        reply.extend([0xc0, 12, 0, 1, 0, 1]);
        reply.extend(TTL.to_be_bytes());
        reply.extend([0, 4]);
        reply.extend(address.octets());
    }
    reply
}
