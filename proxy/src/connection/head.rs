//! A request's head as bytes: where it ends, and whether it may be believed.
//!
//! Pingora reads heads too, but it accepts a bare LF and a missing Host, has no deadline for a whole head, and
//! answers what it refuses without a word in any log. So vordr judges first, and Pingora sees only heads that
//! have one reading.

use super::doubt;
use crate::exchange::Failure;
use memchr::memchr;
use vordr_rules::table::Limits;

/// The most that `limits header-count` can be; Pingora reads no more.
const MAX_HEADERS: usize = 256;

/// What a head may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadBounds {
    /// The whole head, in bytes.
    pub size: usize,
    /// Its first line, in bytes.
    pub request_line: usize,
    /// How many fields there may be.
    pub fields: usize,
    /// `heads lenient`.
    pub lenient: bool,
}

impl HeadBounds {
    /// Whether a head that is `length` bytes long, as far as it has come, can still be within them.
    pub(crate) fn hold(&self, scan: &HeadScan, length: usize) -> Result<(), Failure> {
        if scan.first_line() > self.request_line {
            return Err(Failure::RequestLine);
        }
        if length > self.size {
            return Err(Failure::HeaderSize);
        }
        Ok(())
    }
}

impl From<&Limits> for HeadBounds {
    fn from(limits: &Limits) -> Self {
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        Self {
            size: bytes(limits.header_size),
            request_line: bytes(limits.request_line),
            fields: limits.header_count as usize,
            lenient: limits.lenient_heads,
        }
    }
}

/// How much of a request follows its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes (RFC 9112, section 6.2); 0 where there is no body.
    Length(u64),
    /// Chunks (RFC 9112, section 7.1).
    Chunked,
}

/// Finds the end of a head that arrives in pieces; looks at each byte once.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    line_start: usize,
    scanned: usize,
    /// How long the first line is that is not empty, once it has come whole.
    first_line: Option<usize>,
    lenient: bool,
}

impl HeadScan {
    /// Of a head that has these bounds.
    pub(crate) fn within(bounds: HeadBounds) -> Self {
        Self { lenient: bounds.lenient, ..Self::default() }
    }

    /// The head's length with its last empty line, once `bytes` hold it whole.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        self.look_at_start(bytes)?;
        while let Some(found) = bytes.get(self.scanned..).and_then(|rest| memchr(b'\n', rest)) {
            let newline = self.scanned + found;
            let line = bytes.get(self.line_start..newline).unwrap_or_default();
            let line = match line.split_last() {
                Some((b'\r', line)) => line,
                _ if self.lenient => line,
                _ => return Err(Failure::BadRequest("a line of the head ends in LF without CR")),
            };
            self.scanned = newline + 1;
            self.line_start = self.scanned;
            // RFC 9112, section 2.2: empty lines before the request line are skipped.
            match (line.is_empty(), self.first_line) {
                (true, Some(_)) => return Ok(Some(self.scanned)),
                (false, None) => self.first_line = Some(line.len()),
                _ => {}
            }
            self.look_at_start(bytes)?;
        }
        self.scanned = bytes.len();
        Ok(None)
    }

    /// Refuses what begins with no method before its line has ended: such as a TLS handshake, whose client would wait for an
    /// answer that is no HTTP.
    fn look_at_start(&self, bytes: &[u8]) -> Result<(), Failure> {
        match bytes.get(self.line_start).filter(|_| self.first_line.is_none()) {
            None | Some(b'\r' | b'\n' | b'!'..=b'~') => Ok(()),
            Some(_) => Err(Failure::BadRequest("it does not begin with a method")),
        }
    }

    /// How long the first line is, as far as it has come; in bytes.
    pub(crate) fn first_line(&self) -> usize {
        self.first_line.unwrap_or(self.scanned - self.line_start)
    }
}

/// Reads a whole head strictly: anything that two parsers could read in two ways is refused, and so is more than `most`
/// fields.
pub(crate) fn judge(head: &[u8], most: usize) -> Result<Framing, Failure> {
    let mut headers = [const { std::mem::MaybeUninit::uninit() }; MAX_HEADERS];
    let headers = headers.get_mut(..most.min(MAX_HEADERS)).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, headers) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Failure::BadRequest("the head ends early")),
        Err(httparse::Error::TooManyHeaders) => return Err(Failure::HeaderCount),
        Err(httparse::Error::Version) if is_later(head) => return Err(Failure::Version),
        Err(error) => return Err(Failure::BadRequest(in_words(error))),
    }
    if request.method == Some("CONNECT") {
        return Err(Failure::Barred("CONNECT"));
    }
    doubt::target(request.method.unwrap_or_default(), request.path.unwrap_or_default())?;
    let http11 = request.version == Some(1);
    let mut framing = Fields::default();
    for header in request.headers.iter() {
        framing.read(header)?;
    }
    framing.conclude(http11)
}

/// Whether the first line names a version of HTTP that came after the first.
fn is_later(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let version =
        lines.find(|line| !line.is_empty()).and_then(|line| line.rsplit(|byte| *byte == b' ').next());
    version.is_some_and(|version| matches!(version, [b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', ..]))
}

/// The fields that decide where a request ends and whom it is for.
#[derive(Default)]
pub(super) struct Fields {
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    /// There is a transfer coding other than chunks.
    coded: bool,
    expects: bool,
    /// Which of [`SINGLE`] there are.
    single: [bool; SINGLE.len()],
}

/// What means one thing alone, so that of two nobody knows which is meant (RFC 9110, section 5.3).
const SINGLE: [&str; 5] =
    ["authorization", "if-modified-since", "if-unmodified-since", "if-range", "content-range"];

impl Fields {
    /// Takes one of them in, or any other; an error is that it cannot be believed.
    pub(super) fn read(&mut self, header: &httparse::Header<'_>) -> Result<(), Failure> {
        let name = header.name;
        if name.eq_ignore_ascii_case("host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case("content-length") {
            if self.length.replace(parse_length(header.value)?).is_some() {
                return Err(Failure::BadRequest("more than one Content-Length header"));
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if self.chunked || self.coded {
                return Err(Failure::BadRequest("more than one Transfer-Encoding header"));
            }
            self.chunked = header.value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            self.coded = !self.chunked;
        } else if name.eq_ignore_ascii_case("expect") {
            doubt::expectation(header.value)?;
            if std::mem::replace(&mut self.expects, true) {
                return Err(Failure::BadRequest("more than one Expect header"));
            }
        } else if self.repeats(name) {
            return Err(Failure::BadRequest("more than one header of a kind that there can be one of"));
        }
        doubt::name(name)
    }

    /// Whether it is the second one of those that stand alone.
    fn repeats(&mut self, name: &str) -> bool {
        let place = SINGLE.iter().position(|single| single.eq_ignore_ascii_case(name));
        let seen = place.and_then(|place| self.single.get_mut(place));
        seen.is_some_and(|seen| std::mem::replace(seen, true))
    }

    fn conclude(self, http11: bool) -> Result<Framing, Failure> {
        match self.hosts {
            0 if http11 => return Err(Failure::BadRequest("HTTP/1.1 without a Host header")),
            0 | 1 => {}
            _ => return Err(Failure::BadRequest("more than one Host header")),
        }
        match (self.chunked, self.length) {
            _ if self.coded && http11 => Err(Failure::Coding),
            _ if self.coded => Err(Failure::BadRequest("Transfer-Encoding in an HTTP/1.0 request")),
            (true, Some(_)) => Err(Failure::BadRequest("both Content-Length and Transfer-Encoding")),
            (true, None) if !http11 => Err(Failure::BadRequest("Transfer-Encoding in an HTTP/1.0 request")),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Digits alone: no sign, no list, no space within (RFC 9110, section 8.6).
fn parse_length(value: &[u8]) -> Result<u64, Failure> {
    let value = value.trim_ascii();
    std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(Failure::BadRequest("Content-Length is not a number"))
}

fn in_words(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a header's name has a character that no name may have",
        httparse::Error::HeaderValue => "a header's value has a control character",
        httparse::Error::NewLine => "a line of the head does not end in CR LF",
        httparse::Error::Version => "the HTTP version is neither 1.0 nor 1.1",
        httparse::Error::Token => "the request line is not `METHOD TARGET VERSION`",
        _ => "the head cannot be read",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(head: &str) -> &'static str {
        match judge(head.as_bytes(), MAX_HEADERS) {
            Err(Failure::BadRequest(why)) => why,
            other => panic!("{head:?} gave {other:?}"),
        }
    }

    #[test]
    fn what_can_be_said_once_is_not_said_twice() {
        let once = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n\r\n";
        assert_eq!(judge(once.as_bytes(), MAX_HEADERS).unwrap(), Framing::Length(0));
        for name in ["Authorization", "if-modified-since", "IF-RANGE"] {
            let twice = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: a\r\n{name}: a\r\n\r\n");
            assert_eq!(refused(&twice), "more than one header of a kind that there can be one of");
        }
    }

    #[test]
    fn what_begins_with_no_method_is_refused_at_once() {
        for bytes in [&b"\x16\x03\x01\x02\x00"[..], b" GET /"] {
            assert!(HeadScan::default().end(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(HeadScan::default().end(b"\r\n\r\nG"), Ok(None));
        // In whichever pieces it comes.
        let bytes = b"\r\n\r\n \n";
        let mut scan = HeadScan::default();
        let in_pieces = (1..=bytes.len()).map(|count| scan.end(&bytes[..count])).find(Result::is_err);
        assert_eq!(Some(HeadScan::default().end(bytes)), in_pieces);
    }

    #[test]
    fn a_head_is_found_in_pieces() {
        let whole = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        let mut scan = HeadScan::default();
        for cut in 0..whole.len() - 4 {
            assert_eq!(scan.end(&whole[..cut]), Ok(None), "at {cut}");
        }
        assert_eq!(scan.end(whole), Ok(Some(whole.len() - 4)));
    }

    #[test]
    fn a_bare_line_feed_is_refused_as_soon_as_it_is_seen() {
        assert!(HeadScan::default().end(b"GET / HTTP/1.1\nHost").is_err());
        assert!(HeadScan::default().end(b"GET / HTTP/1.1\r\nHost: a\n\r\n").is_err());
        assert!(HeadScan::default().end(b"\n").is_err());
    }

    #[test]
    fn a_bare_line_feed_ends_a_line_where_the_rules_say_so() {
        let head = b"GET / HTTP/1.0\nHost: a\r\n\nGET";
        let mut scan = HeadScan { lenient: true, ..HeadScan::default() };
        assert_eq!(scan.end(head), Ok(Some(head.len() - 3)));
        assert_eq!(judge(&head[..head.len() - 3], MAX_HEADERS), Ok(Framing::Length(0)));
        assert!(judge(b"GET / HTTP/1.0\nHost: a\rX: b\n\n", MAX_HEADERS).is_err());
    }

    #[test]
    fn a_body_is_framed_by_its_length_or_its_chunks() {
        let judge = |head: &[u8]| judge(head, MAX_HEADERS);
        assert_eq!(judge(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Framing::Length(0)));
        assert_eq!(
            judge(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n"),
            Ok(Framing::Length(12))
        );
        assert_eq!(
            judge(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            Ok(Framing::Chunked)
        );
    }

    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length: ",
            "Content-Length: 99999999999999999999",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding : chunked",
            "X: a\r\n folded",
            "Host: b",
            "Content_Length: 1",
            "Expect: 100-continue\r\nExpect: 100-continue",
        ] {
            refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"));
        }
        refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        refused("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n");
    }

    #[test]
    fn a_coding_that_is_not_known_is_told_so() {
        for coding in ["gzip, chunked", "xchunked", "chunked, gzip", "", "gzip\r\nContent-Length: 3"] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n");
            assert_eq!(judge(head.as_bytes(), MAX_HEADERS), Err(Failure::Coding), "{coding}");
        }
    }

    #[test]
    fn a_host_is_needed_from_http_1_1_on() {
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 without a Host header");
        assert_eq!(judge(b"GET / HTTP/1.0\r\n\r\n", MAX_HEADERS), Ok(Framing::Length(0)));
    }

    #[test]
    fn connect_and_other_versions_are_refused() {
        let connect = judge(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", MAX_HEADERS);
        assert_eq!(connect, Err(Failure::Barred("CONNECT")));
        for line in ["GET / HTTP/2.0", "GET / HTTP/3", "\r\nGET / HTTP/9.1"] {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(judge(head.as_bytes(), MAX_HEADERS), Err(Failure::Version), "{line}");
        }
        for line in ["GET  / HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/x", "GET / HTP/2.0"] {
            refused(&format!("{line}\r\nHost: a\r\n\r\n"));
        }
    }

    #[test]
    fn no_more_fields_are_taken_than_there_may_be() {
        for most in [16, 128, MAX_HEADERS] {
            let head = |more| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(more));
            assert_eq!(judge(head(most - 1).as_bytes(), most), Ok(Framing::Length(0)));
            assert_eq!(judge(head(most).as_bytes(), most), Err(Failure::HeaderCount));
        }
    }

    #[test]
    fn the_first_line_is_measured_while_it_comes() {
        let mut scan = HeadScan::default();
        for (bytes, length) in [
            (&b"\r\n"[..], 0),
            (b"\r\nGET /a", 6),
            (b"\r\nGET /a HTTP/1.1\r\n", 15),
            (b"\r\nGET /a HTTP/1.1\r\nHost: a.test\r\n\r\n", 15),
        ] {
            scan.end(bytes).unwrap();
            assert_eq!(scan.first_line(), length);
        }
    }
}
