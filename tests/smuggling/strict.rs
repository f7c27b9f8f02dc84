//! A reading of HTTP/1.1 that allows nothing which RFC 9112 does not, and names what it stumbles over.
//!
//! It shares no code with vordr, so that the two can disagree.

/// A request or an answer.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// Method, target and version, or version, status and reason.
    pub(super) start: [String; 3],
    fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What one direction of a connection carried.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) messages: Vec<Message>,
    /// Something began after them and is not whole.
    pub(super) is_cut: bool,
}

/// Why reading ends.
enum Stop {
    /// With the bytes.
    Cut,
    /// At something that is not HTTP/1.1, or could be taken for something else.
    Wrong(String),
}

type Read<T> = Result<T, Stop>;

/// Where a body ends.
#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
    ToEnd,
}

impl Message {
    pub(super) fn method(&self) -> &str {
        &self.start[0]
    }

    pub(super) fn target(&self) -> &str {
        &self.start[1]
    }

    pub(super) fn status(&self) -> u16 {
        self.start[1].parse().unwrap_or(0)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn values<'m>(&'m self, name: &str) -> Vec<&'m str> {
        self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Reads requests, one after the other.
pub(super) fn requests(bytes: &[u8]) -> Result<Reading, String> {
    read_all(bytes, |reader| reader.request())
}

/// Reads the answers to requests with these methods, on a connection that has `ended` or is still open.
pub(super) fn answers(bytes: &[u8], methods: &[&str], ended: bool) -> Result<Reading, String> {
    let mut finals = 0;
    read_all(bytes, |reader| {
        let Some(method) = methods.get(finals) else { return wrong("an answer that nobody asked for") };
        let answer = reader.answer(method, ended)?;
        finals += usize::from(answer.status() >= 200);
        Ok(answer)
    })
}

fn read_all(bytes: &[u8], mut next: impl FnMut(&mut Reader<'_>) -> Read<Message>) -> Result<Reading, String> {
    let mut reader = Reader { rest: bytes };
    let mut reading = Reading::default();
    while !reader.rest.is_empty() {
        match next(&mut reader) {
            Ok(message) => reading.messages.push(message),
            Err(Stop::Cut) => {
                reading.is_cut = true;
                break;
            }
            Err(Stop::Wrong(why)) => return Err(why),
        }
    }
    Ok(reading)
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl Reader<'_> {
    fn request(&mut self) -> Read<Message> {
        let line = self.line()?;
        let mut words = line.split(' ');
        let start =
            [words.next(), words.next(), words.next()].map(|word| word.unwrap_or_default().to_owned());
        let [method, target, version] = &start;
        if !is_token(method) || words.next().is_some() || !matches!(&**version, "HTTP/1.1" | "HTTP/1.0") {
            return wrong(format!("no request line: {line:?}"));
        }
        let is_path =
            target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let is_asterisk = method == "OPTIONS" && target == "*";
        if !is_path && !is_asterisk {
            return wrong(format!("no target: {target:?}"));
        }
        let mut message = Message { fields: self.fields()?, body: Vec::new(), start };
        match *message.values("host") {
            [host] if is_host(host) => {}
            ref hosts => return wrong(format!("no one Host: {hosts:?}")),
        }
        for (name, value) in &message.fields {
            is_harmless(name, value)?;
        }
        let framing = framing_of(&message)?.unwrap_or(Framing::Length(0));
        if framing != Framing::Length(0) && !message.values("upgrade").is_empty() {
            return wrong("an upgrade with a body");
        }
        if framing == Framing::Chunked && message.start[2] == "HTTP/1.0" {
            return wrong("chunks in HTTP/1.0");
        }
        message.body = self.body(framing, false)?;
        Ok(message)
    }

    fn answer(&mut self, method: &str, ended: bool) -> Read<Message> {
        let line = self.line()?;
        let mut words = line.splitn(3, ' ');
        let start =
            [words.next(), words.next(), words.next()].map(|word| word.unwrap_or_default().to_owned());
        let [version, status, _] = &start;
        if version != "HTTP/1.1" || status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong(format!("no status line: {line:?}"));
        }
        let mut message = Message { fields: self.fields()?, body: Vec::new(), start };
        let framing = framing_of(&message)?;
        let status = message.status();
        if framing.is_some() && (status < 200 || status == 204) {
            return wrong(format!("a {status} with a length or chunks"));
        }
        if status >= 200 && status != 204 && status != 304 && method != "HEAD" {
            message.body = self.body(framing.unwrap_or(Framing::ToEnd), ended)?;
        }
        Ok(message)
    }

    /// The next line, without its end; there is no CR, LF or NUL within.
    fn line(&mut self) -> Read<String> {
        let odd = self.rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0));
        let Some(end) = odd else { return Err(Stop::Cut) };
        let (line, rest) = self.rest.split_at(end);
        self.rest = match rest {
            [b'\r', b'\n', after @ ..] => after,
            [b'\r'] => return Err(Stop::Cut),
            _ => return wrong(format!("a bare CR, LF or NUL after {:?}", String::from_utf8_lossy(line))),
        };
        // Bytes beyond ASCII are opaque.
        Ok(line.iter().map(|byte| char::from(*byte)).collect())
    }

    fn fields(&mut self) -> Read<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_token(name)) else {
                return wrong(format!("no field: {line:?}"));
            };
            if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                return wrong(format!("a control character in {line:?}"));
            }
            fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    fn body(&mut self, framing: Framing, ended: bool) -> Read<Vec<u8>> {
        match framing {
            Framing::Length(length) => self.take(length),
            Framing::Chunked => self.chunks(),
            Framing::ToEnd if ended => Ok(std::mem::take(&mut self.rest).to_vec()),
            Framing::ToEnd => wrong("a body without an end on a connection that stays open"),
        }
    }

    fn chunks(&mut self) -> Read<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let (size, extension) = line.split_once(';').unwrap_or((&line, ""));
            let is_number =
                (1..=8).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
            let size = usize::from_str_radix(size, 16).ok().filter(|_| is_number);
            let Some(size) = size.filter(|_| !extension.bytes().any(|byte| byte.is_ascii_control())) else {
                return wrong(format!("no chunk: {line:?}"));
            };
            if size == 0 {
                let trailers = self.fields()?;
                let framing = ["content-length", "transfer-encoding", "host"];
                return match trailers.iter().find(|(name, _)| framing.contains(&&**name)) {
                    Some((name, _)) => wrong(format!("{name} in a trailer")),
                    None => Ok(body),
                };
            }
            body.extend(self.take(size)?);
            if !self.line()?.is_empty() {
                return wrong("a chunk that does not end where its size says");
            }
        }
    }

    fn take(&mut self, length: usize) -> Read<Vec<u8>> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else { return Err(Stop::Cut) };
        self.rest = rest;
        Ok(taken.to_vec())
    }
}

/// What the fields say of the body's end; `None` where they say nothing.
fn framing_of(message: &Message) -> Read<Option<Framing>> {
    match (&*message.values("transfer-encoding"), &*message.values("content-length")) {
        ([], []) => Ok(None),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Some(Framing::Chunked)),
        ([], [length]) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let length = length.parse().map_err(|_| Stop::Wrong(format!("a length of {length}")))?;
            Ok(Some(Framing::Length(length)))
        }
        (codings, lengths) => wrong(format!("framed by {codings:?} and {lengths:?}")),
    }
}

/// Whether a field of a request says the same to everybody.
fn is_harmless(name: &str, value: &str) -> Read<()> {
    let lists = |word: &str| value.split(',').any(|found| found.trim().eq_ignore_ascii_case(word));
    let harmless = match name {
        // What takes names as variables (RFC 3875, section 4.1.18) cannot tell them from those with hyphens.
        "content_length" | "transfer_encoding" | "x_forwarded_for" => false,
        // What follows might be read as another protocol.
        "upgrade" => value.eq_ignore_ascii_case("websocket"),
        "http2-settings" => false,
        "expect" => value.eq_ignore_ascii_case("100-continue"),
        // The next one would delete what frames or addresses the message.
        "connection" => !["content-length", "transfer-encoding", "host"].iter().any(|word| lists(word)),
        _ => true,
    };
    if harmless { Ok(()) } else { wrong(format!("{name}: {value}")) }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A name or an address, and perhaps a port of digits.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    };
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    let is_address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_name = !name.is_empty() && name.bytes().all(fine);
    (is_name || is_address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()))
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn wrong<T>(why: impl Into<String>) -> Read<T> {
    Err(Stop::Wrong(why.into()))
}
