//! What a client was answered, and what the upstream saw, as far as it can be compared.

use super::case::Case;
use super::server::{Program, Server};
use crate::harness::{Client, Origin, Request, free_port, within};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Of a connection and no message, or different from second to second.
const LEFT_OUT: [&str; 5] = ["connection", "date", "server", "transfer-encoding", "etag"];

/// How long what comes behind an answer may take.
const BEHIND: Duration = Duration::from_millis(250);

/// What came of each request of a case.
#[derive(Debug)]
pub(super) struct Told {
    exchanged: Vec<Exchanged>,
    /// The lines of each log, without their times.
    logs: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
struct Exchanged {
    asked: String,
    answered: Message,
    /// What the upstream saw of it.
    seen: Vec<Message>,
}

#[derive(Debug, PartialEq, Eq)]
struct Message {
    /// A status, or a method and its target.
    start: String,
    /// In lower case, sorted.
    headers: Vec<String>,
    body: String,
}

impl Told {
    /// Runs a case; what the program says where it refuses the rules.
    pub(super) async fn by(program: Program, case: &Case) -> Result<Self, String> {
        let answers = Arc::new(case.answers());
        let origin = Origin::scripted(move |mut connection| {
            let answers = answers.clone();
            async move {
                while let Some(request) = connection.request().await {
                    connection.send(answers.to(&request)).await;
                }
            }
        })
        .await;
        let port = free_port();
        let (at, here) = (format!("127.0.0.1:{}", origin.port()), port.to_string());
        let filled = |text: &str| text.replace("%%ORIGIN%%", &at).replace("%%PORT%%", &here);
        let server = Server::running(program, &filled(&case.rules), port).await?;
        let mut exchanged = Vec::new();
        for ask in &case.asks {
            let before = origin.requests().len();
            let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into()).await;
            let text = filled(&ask.text());
            client.send([ask.ahead(), text.as_bytes()].concat()).await;
            let answered = Message::answered(&mut client, ask.method() == "HEAD").await;
            if case.waits {
                tokio::time::sleep(BEHIND).await;
            }
            let seen = origin.requests().split_off(before).iter().map(Message::seen).collect();
            let folder = server.folder();
            let names = [(at.as_str(), "ORIGIN"), (&here, "PORT"), (&folder, "FOLDER")];
            let same = |message: Message| message.with_names(&names);
            let seen: Vec<Message> = seen;
            exchanged.push(Exchanged {
                asked: ask.line().to_owned(),
                answered: same(answered),
                seen: seen.into_iter().map(same).collect(),
            });
        }
        let folder = server.folder();
        let named = |line: &str| {
            let line = without_head(line).replace(&at, "ORIGIN").replace(&here, "PORT");
            without_times(&line.replace(&folder, "FOLDER"))
        };
        // Lines of several workers have no order among them.
        let lines = |text: String| {
            let mut lines: Vec<String> = text.lines().map(named).collect();
            lines.sort();
            lines
        };
        let logs = server.logs().into_iter().map(|(name, text)| (name, lines(text)));
        Ok(Self { exchanged, logs: logs.collect() })
    }
}

impl Message {
    async fn answered(client: &mut Client, is_head: bool) -> Self {
        let Some(head) = within(client.head()).await else {
            return Self { start: "no answer".to_owned(), headers: Vec::new(), body: String::new() };
        };
        let (status, mut headers) = (head.status(), sorted(head.fields()));
        let body = if is_head { Vec::new() } else { client.rest_of(head).await.body };
        headers.extend(client.trailers.drain(..).map(|line| format!("behind the body: {line}")));
        // What is packed is the same where it is once it is unpacked.
        let body = match headers.iter().any(|line| line == "content-encoding: gzip") {
            true => unpacked(&body),
            false => body,
        };
        let body = without_request_id(&String::from_utf8_lossy(&body));
        let mut message = Self { start: status.to_string(), headers, body };
        // A page of the server's own making: that there is one is the same, its words are each one's own.
        if status >= 300 && message.body.contains("<center>") {
            message.body = "a page of its own".to_owned();
            message.headers.retain(|line| !line.starts_with("content-length:"));
        }
        // A list of a folder is sent with its length, or in chunks.
        let starts = ["[\r\n{ \"name\":", "/* callback */", "<?xml version=\"1.0\"?>\r\n<list>"];
        let is_list = starts.iter().any(|start| message.body.starts_with(start));
        if is_list || message.body.contains("<title>Index of ") {
            message.headers.retain(|line| !line.starts_with("content-length:"));
        }
        message
    }

    fn seen(request: &Request) -> Self {
        Self {
            start: format!("{} {}", request.head.method(), request.target()),
            headers: sorted(request.head.fields()),
            body: String::from_utf8_lossy(&request.body).into_owned(),
        }
    }

    /// With ports that differ from run to run named alike.
    fn with_names(self, names: &[(&str, &str)]) -> Self {
        let named = |text: String| names.iter().fold(text, |text, (from, to)| text.replace(from, to));
        Self {
            start: named(self.start),
            headers: self.headers.into_iter().map(named).collect(),
            body: named(self.body),
        }
    }
}

/// What a body in gzip says. A range of one, or none after HEAD, stays as it came.
fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match flate2::read::GzDecoder::new(body).read_to_end(&mut plain) {
        Ok(_) => plain,
        Err(_) => body.to_vec(),
    }
}

fn sorted<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let named = fields.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let kept = named.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    let mut lines: Vec<_> = kept.map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    lines
}

/// A page of vordr's own names the request, each time another one.
fn without_request_id(body: &str) -> String {
    let is_id = |line: &str| {
        let id = line.strip_prefix("request ").map(str::trim_end);
        id.is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    body.split_inclusive('\n').filter(|line| !is_id(line)).collect()
}

/// A line of an error log without its time, process and connection, which differ from run to run.
fn without_head(line: &str) -> String {
    let is_time = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit() || b"/:".contains(&byte));
    let mut words = line.splitn(6, ' ');
    let head: Vec<&str> = words.by_ref().take(5).collect();
    match (head.as_slice(), words.next()) {
        ([day, time, level, process, connection], Some(rest))
            if is_time(day) && is_time(time) && process.contains('#') && connection.starts_with('*') =>
        {
            format!("{level} {rest}")
        }
        _ => line.to_owned(),
    }
}

/// Seconds to the millisecond differ from run to run.
fn without_times(line: &str) -> String {
    let is_time = |word: &str| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        word.split_once('.').is_some_and(|(whole, part)| digits(whole) && digits(part) && part.len() == 3)
    };
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let inside = |c: char| c.is_ascii_digit() || c == '.';
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out += if is_time(word) { "SECONDS" } else { word };
        let next = after.find(inside).unwrap_or(after.len());
        let (other, after) = after.split_at(next);
        out += other;
        rest = after;
    }
    out
}

/// Where the two part.
pub(super) fn difference(nginx: &Told, vordr: &Told) -> Option<String> {
    let mut text = String::new();
    for (nginx, vordr) in nginx.exchanged.iter().zip(&vordr.exchanged) {
        let same = (&nginx.answered, &nginx.seen) == (&vordr.answered, &vordr.seen);
        if !same {
            let _ = writeln!(text, "  {}", nginx.asked);
            let _ = writeln!(text, "    nginx {:?} {:?}", nginx.answered, nginx.seen);
            let _ = writeln!(text, "    vordr {:?} {:?}", vordr.answered, vordr.seen);
        }
    }
    if nginx.logs != vordr.logs {
        let _ = writeln!(text, "  logs\n    nginx {:#?}\n    vordr {:#?}", nginx.logs, vordr.logs);
    }
    (!text.is_empty()).then_some(text)
}
