//! A name server on loopback whose answers a test changes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// A name server; each question is answered by what the test says of its name and kind.
pub(crate) struct NameServer {
    address: SocketAddr,
    knowledge: Arc<Mutex<Knowledge>>,
    serving: [JoinHandle<()>; 2],
}

/// What is answered to a question.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These addresses, of the kind that is asked for.
    Addresses(Vec<IpAddr>),
    /// Priority, weight, port and host of each server of a service.
    Services(Vec<(u16, u16, u16, &'static str)>),
    /// There is no such name.
    NoName,
    /// The server has failed.
    Failure,
    /// Nothing at all.
    Silence,
}

/// The kinds of question that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    A,
    Aaaa,
    Srv,
    Other,
}

type Answers = Box<dyn Fn(&str, Kind) -> Reply + Send>;

struct Knowledge {
    answers: Answers,
    questions: usize,
}

/// How long an answer may be kept, in seconds.
const TTL: u32 = 1;
/// A longer reply is asked for again over TCP.
const LONGEST: usize = 1200;

impl NameServer {
    /// Knows one IPv4 address for every name; `None` says that there is no such name.
    pub(crate) async fn answering(address: Option<Ipv4Addr>) -> Self {
        Self::telling(known(address)).await
    }

    /// Answers each question by its name and kind.
    pub(crate) async fn telling(answers: impl Fn(&str, Kind) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the name server");
        let address = listener.local_addr().expect("its address");
        let socket = UdpSocket::bind(address).await.expect("the same port of UDP");
        let knowledge = Arc::new(Mutex::new(Knowledge { answers: Box::new(answers), questions: 0 }));
        let serving = [
            tokio::spawn(serve(socket, knowledge.clone())),
            tokio::spawn(serve_tcp(listener, knowledge.clone())),
        ];
        Self { address, knowledge, serving }
    }

    /// Where it is asked.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers otherwise from now on.
    pub(crate) fn change(&self, address: Option<Ipv4Addr>) {
        self.tell(known(address));
    }

    /// Answers otherwise from now on.
    pub(crate) fn tell(&self, answers: impl Fn(&str, Kind) -> Reply + Send + 'static) {
        self.knowledge.lock().unwrap().answers = Box::new(answers);
    }

    /// How many questions have come.
    pub(crate) fn questions(&self) -> usize {
        self.knowledge.lock().unwrap().questions
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

fn known(address: Option<Ipv4Addr>) -> impl Fn(&str, Kind) -> Reply {
    move |_, _| address.map_or(Reply::NoName, |address| Reply::Addresses(vec![address.into()]))
}

async fn serve(socket: UdpSocket, knowledge: Arc<Mutex<Knowledge>>) {
    let mut buffer = [0; 512];
    while let Ok((length, asker)) = socket.recv_from(&mut buffer).await {
        let Some(mut reply) = reply(&buffer[..length], &knowledge) else { continue };
        if reply.len() > LONGEST {
            // Truncated: the header and the question alone, with the bit that says so.
            let question = question_end(&buffer[..length]);
            reply.truncate(question);
            reply[2] |= 2;
            reply[6..12].fill(0);
        }
        let _ = socket.send_to(&reply, asker).await;
    }
}

async fn serve_tcp(listener: TcpListener, knowledge: Arc<Mutex<Knowledge>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let knowledge = knowledge.clone();
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut query = vec![0; usize::from(length)];
                if stream.read_exact(&mut query).await.is_err() {
                    return;
                }
                let Some(reply) = reply(&query, &knowledge) else { continue };
                let length = u16::try_from(reply.len()).expect("a reply of some length");
                let _ = stream.write_all(&[&length.to_be_bytes(), reply.as_slice()].concat()).await;
            }
        });
    }
}

/// The reply to a query (RFC 1035, section 4): its question again, and what the test knows.
fn reply(query: &[u8], knowledge: &Mutex<Knowledge>) -> Option<Vec<u8>> {
    let end = question_end(query);
    let (name, kind) = (name_of(&query[12..]), kind_of(&query[end - 4..end - 2]));
    let answer = {
        let mut knowledge = knowledge.lock().unwrap();
        knowledge.questions += 1;
        (knowledge.answers)(&name, kind)
    };
    let (code, records): (u8, Vec<Vec<u8>>) = match answer {
        Reply::Silence => return None,
        Reply::Failure => (2, Vec::new()),
        Reply::NoName => (3, Vec::new()),
        Reply::Addresses(addresses) => {
            (0, addresses.iter().filter_map(|ip| address_record(ip, kind)).collect())
        }
        Reply::Services(services) if kind == Kind::Srv => (0, services.iter().map(service_record).collect()),
        Reply::Services(_) => (0, Vec::new()),
    };
    let count = u16::try_from(records.len()).expect("so many records");
    let head = [&query[..2], &[0x81, 0x80 | code, 0, 1], &count.to_be_bytes(), &[0; 4]].concat();
    Some([head.as_slice(), &query[12..end], &records.concat()].concat())
}

/// Where the question ends.
fn question_end(query: &[u8]) -> usize {
    12 + query[12..].iter().position(|byte| *byte == 0).expect("a name's end") + 5
}

fn name_of(mut labels: &[u8]) -> String {
    let mut name = Vec::new();
    while let [length @ 1..=63, rest @ ..] = labels {
        let (label, behind) = rest.split_at(usize::from(*length));
        name.push(String::from_utf8_lossy(label).into_owned());
        labels = behind;
    }
    name.join(".")
}

fn kind_of(kind: &[u8]) -> Kind {
    match kind {
        [0, 1] => Kind::A,
        [0, 28] => Kind::Aaaa,
        [0, 33] => Kind::Srv,
        _ => Kind::Other,
    }
}

fn address_record(address: &IpAddr, asked: Kind) -> Option<Vec<u8>> {
    match (address, asked) {
        (IpAddr::V4(address), Kind::A) => Some(record(1, &address.octets())),
        (IpAddr::V6(address), Kind::Aaaa) => Some(record(28, &address.octets())),
        _ => None,
    }
}

fn service_record((priority, weight, port, host): &(u16, u16, u16, &str)) -> Vec<u8> {
    let mut data = [priority.to_be_bytes(), weight.to_be_bytes(), port.to_be_bytes()].concat();
    for label in host.split('.') {
        data.push(u8::try_from(label.len()).expect("a short label"));
        data.extend_from_slice(label.as_bytes());
    }
    data.push(0);
    record(33, &data)
}

/// A record about the name of the question.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short data");
    let head =
        [&[0xc0, 12], &kind.to_be_bytes()[..], &[0, 1], &TTL.to_be_bytes(), &length.to_be_bytes()].concat();
    [head.as_slice(), data].concat()
}
