//! A case: a file of nginx with requests in its comments.
//!
//! ```text
//! #> GET /a?b=c            a request; `Host: a.test` where it names none
//! #> X-Name: value
//! #> !Host                 goes without a Host
//! #> < its body           in a chunk, where it says `Transfer-Encoding: chunked`
//!
//! #> PROXY TCP4 192.0.2.1 198.51.100.2 4711 443
//! #> GET /a                a request behind a PROXY header, or one of version 2:
//! #> PROXY2 21 11 c0000201c6336402126701bb      its command, its family and the rest
//!
//! #< /a 404                what the upstream answers to this path, in the place of 200
//! #< X-Name: value
//! #< < its body
//!
//! #! a title               is meant to differ; docs/from-nginx.md says why under this title
//! #? not yet               is to be the same one day
//!
//! location / { proxy_pass http://%%ORIGIN%%; }
//! ```
//!
//! #~ waits                after each answer, as something comes of it behind that
//!
//! What is written into `%%FOLDER%%/NAME.log` is compared too, without its times.
//!
//! What has no `server` is wrapped in one, and what has no `http` in that.

use crate::harness::Request;
use std::path::Path;

/// A file of nginx, and what it is asked.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) rules: String,
    pub(super) asks: Vec<Ask>,
    answers: Answers,
    /// The title under which the docs say why it differs.
    pub(super) meant: Option<String>,
    /// Whether something comes of an answer behind it, which the next request is to find.
    pub(super) waits: bool,
    /// Whether it is to be the same one day, and is not yet.
    pub(super) not_yet: bool,
}

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    /// A PROXY header, or nothing.
    ahead: Vec<u8>,
    line: String,
    headers: Vec<String>,
    body: String,
}

/// What the upstream answers, by path.
#[derive(Debug, Clone)]
pub(super) struct Answers(Vec<Answer>);

#[derive(Debug, Clone, Default)]
struct Answer {
    path: String,
    status: u16,
    headers: Vec<String>,
    body: String,
}

/// Every case there is.
pub(super) fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/beside_nginx/cases");
    let files = std::fs::read_dir(folder).expect("the cases").map(|file| file.expect("a file").path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|word| word == "conf")).collect();
    files.sort();
    files.iter().map(|path| Case::read(path)).collect()
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a case");
        let blocks = |mark: &str| blocks(&text, mark);
        let asks: Vec<_> = blocks("#>").iter().map(|lines| Ask::read(lines)).collect();
        assert!(!asks.is_empty(), "{} asks nothing", path.display());
        Self {
            name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
            rules: wrapped(&text),
            asks,
            answers: Answers(blocks("#<").iter().map(|lines| Answer::read(lines)).collect()),
            meant: text.lines().find_map(|line| line.strip_prefix("#! ")).map(str::to_owned),
            waits: text.lines().any(|line| line == "#~ waits"),
            not_yet: text.lines().any(|line| line == "#? not yet"),
        }
    }

    /// What the upstream answers.
    pub(super) fn answers(&self) -> Answers {
        self.answers.clone()
    }
}

impl Answers {
    /// The answer to a request.
    pub(super) fn to(&self, request: &Request) -> String {
        let path = request.target().split('?').next().unwrap_or_default();
        let is_head = request.head.method() == "HEAD";
        match self.0.iter().find(|answer| answer.path == path) {
            Some(answer) => answer.text(is_head),
            None => Answer { status: 200, body: "from the upstream".to_owned(), ..Answer::default() }
                .text(is_head),
        }
    }
}

impl Ask {
    fn read(lines: &[&str]) -> Self {
        let (ahead, lines) = match lines[0].split_once(' ') {
            Some(("PROXY", _)) => (format!("{}\r\n", lines[0]).into_bytes(), &lines[1..]),
            Some(("PROXY2", words)) => (proxy_header(words), &lines[1..]),
            _ => (Vec::new(), lines),
        };
        let (first, (headers, body)) = (lines[0], headers_and_body(&lines[1..]));
        let line = if first.contains(" HTTP/") { first.to_owned() } else { format!("{first} HTTP/1.1") };
        Self { ahead, line, headers, body }
    }

    /// What goes ahead of it.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Its method.
    pub(super) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// Its first line.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// It, as it goes over the wire.
    pub(super) fn text(&self) -> String {
        let mut headers = self.headers.clone();
        let has = |name: &str| self.headers.iter().any(|line| line.to_ascii_lowercase().starts_with(name));
        if has("!host") {
            headers.retain(|line| line != "!Host");
        } else if !has("host:") && self.line.ends_with("/1.1") {
            headers.insert(0, "Host: a.test".to_owned());
        }
        if !self.body.is_empty() && !has("transfer-encoding:") {
            headers.push(format!("Content-Length: {}", self.body.len()));
        }
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let body = match has("transfer-encoding: chunked") && !self.body.is_empty() {
            true => format!("{:x}\r\n{}\r\n0\r\n\r\n", self.body.len(), self.body),
            false => self.body.clone(),
        };
        format!("{}\r\n{headers}\r\n{body}", self.line)
    }
}

impl Answer {
    fn read(lines: &[&str]) -> Self {
        let (path, status) = lines[0].split_once(' ').unwrap_or((lines[0], "200"));
        let (headers, body) = headers_and_body(&lines[1..]);
        Self { path: path.to_owned(), status: status.parse().expect("a status"), headers, body }
    }

    fn text(&self, is_head: bool) -> String {
        let mut headers = self.headers.clone();
        if !matches!(self.status, 204 | 304) {
            headers.push(format!("Content-Length: {}", self.body.len()));
        }
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let body = if is_head { "" } else { &self.body };
        format!("HTTP/1.1 {} Some\r\n{headers}\r\n{body}", self.status)
    }
}

/// A PROXY header of version 2, of its command, its family and the rest in hexadecimal digits.
fn proxy_header(words: &str) -> Vec<u8> {
    let digits: Vec<char> = words.split(' ').flat_map(str::chars).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).expect("two digits");
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    let (kind, rest) = bytes.split_at(2);
    let length = u16::try_from(rest.len()).expect("a length").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", kind, &length, rest].concat()
}

/// The lines with a mark, without it, as groups that an empty one ends.
fn blocks<'t>(text: &'t str, mark: &str) -> Vec<Vec<&'t str>> {
    let mut blocks = vec![Vec::new()];
    for line in text.lines() {
        match line.strip_prefix(mark).map(str::trim) {
            Some(line) if !line.is_empty() => blocks.last_mut().expect("a block").push(line),
            _ => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|lines| !lines.is_empty());
    blocks
}

fn headers_and_body(lines: &[&str]) -> (Vec<String>, String) {
    let body = lines.iter().filter_map(|line| line.strip_prefix("< ")).collect::<Vec<_>>().join("\n");
    (lines.iter().filter(|line| !line.starts_with("< ")).map(|line| (*line).to_owned()).collect(), body)
}

fn wrapped(text: &str) -> String {
    let rules: String =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let has = |word: &str| rules.lines().any(|line| line.trim_start().starts_with(word));
    let served = match has("server {") || has("http {") {
        true => rules,
        false => format!("server {{\nlisten 127.0.0.1:%%PORT%%;\nserver_name a.test;\n{rules}}}\n"),
    };
    let temporary =
        ["client_body", "proxy"].map(|name| format!("{name}_temp_path %%FOLDER%%/{name};\n")).concat();
    match served.contains("http {") {
        true => served,
        false => format!("events {{}}\nhttp {{\naccess_log off;\n{temporary}{served}}}\n"),
    }
}
