//! Answers of an upstream that somebody once read in two ways, and what is to become of each.

/// One case: what the upstream answers to the first of two requests.
pub(super) struct Case {
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) answer: String,
    pub(super) rule: Rule,
}

/// What is to become of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// 502, or an answer that is visibly cut; the upstream's connection is closed.
    Refused,
    /// The client is answered with this status and this body.
    Passed(u16, &'static str),
}

use Rule::{Passed, Refused};

/// An answer that belongs to nobody.
const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// The whole table.
pub(super) fn all() -> Vec<Case> {
    let mut table = Table { kind: "", cases: Vec::new() };
    lengths(&mut table);
    codings(&mut table);
    heads(&mut table);
    chunks(&mut table);
    interim(&mut table);
    without_a_body(&mut table);
    more_than_one(&mut table);
    table.cases
}

struct Table {
    kind: &'static str,
    cases: Vec<Case>,
}

impl Table {
    fn kind(&mut self, kind: &'static str) -> &mut Self {
        self.kind = kind;
        self
    }

    /// An answer to a GET.
    fn get(&mut self, rule: Rule, name: &'static str, answer: impl Into<String>) -> &mut Self {
        self.asked("GET", rule, name, answer)
    }

    fn asked(
        &mut self,
        method: &'static str,
        rule: Rule,
        name: &'static str,
        answer: impl Into<String>,
    ) -> &mut Self {
        self.cases.push(Case { kind: self.kind, name, method, answer: answer.into(), rule });
        self
    }
}

/// A 200 with these fields and this body.
fn ok(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}")
}

fn lengths(table: &mut Table) {
    table.kind("lengths");
    for (name, value) in [
        ("with a plus", "+3"),
        ("below zero", "-3"),
        ("in a list that disagrees", "3, 0"),
        ("in hexadecimal", "0x3"),
        ("with a blank within", "3 3"),
        ("of letters", "three"),
        ("empty", ""),
        ("in quotes", "\"3\""),
        ("larger than a number", "99999999999999999999"),
    ] {
        table.get(Refused, name, ok(&format!("Content-Length: {value}"), "abc"));
    }
    table.get(Passed(200, "abc"), "in a list that agrees", ok("Content-Length: 3, 3", "abc"));
    table.get(Refused, "two that disagree", ok("Content-Length: 3\r\nContent-Length: 0", "abc"));
    table.get(
        Refused,
        "two that disagree, the other way",
        ok("Content-Length: 0\r\nContent-Length: 3", "abc"),
    );
    table.get(Passed(200, "abc"), "two that agree", ok("Content-Length: 3\r\nContent-Length: 3", "abc"));
    table.get(Passed(200, "abc"), "with zeros ahead", ok("Content-Length: 003", "abc"));
}

fn codings(table: &mut Table) {
    table.kind("codings");
    let early = format!("0\r\n\r\n{POISON}");
    let both = format!("Content-Length: {}\r\nTransfer-Encoding: chunked", early.len());
    table.get(Passed(200, ""), "a length and chunks", ok(&both, &early));
    table.get(
        Passed(200, "abc"),
        "a length of 3 and chunks",
        ok("Transfer-Encoding: chunked\r\nContent-Length: 3", "3\r\nabc\r\n0\r\n\r\n"),
    );
    for (name, value) in [
        ("xchunked", "xchunked"),
        ("chunked, identity", "chunked, identity"),
        ("identity", "identity"),
        ("gzip, chunked", "gzip, chunked"),
        ("chunked, chunked", "chunked, chunked"),
        ("chunked;q=1", "chunked;q=1"),
        ("empty", ""),
    ] {
        table.get(Refused, name, ok(&format!("Transfer-Encoding: {value}"), &early));
    }
    table.get(
        Refused,
        "twice",
        ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"),
    );
    let old = ok("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n").replacen("1.1", "1.0", 1);
    table.get(Refused, "chunks in HTTP/1.0", old);
    table.get(Passed(200, "abc"), "chunks", ok("Transfer-Encoding: Chunked", "3\r\nabc\r\n0\r\n\r\n"));
}

fn heads(table: &mut Table) {
    table.kind("heads");
    for (name, line) in [
        ("two digits", "HTTP/1.1 20 OK"),
        ("four digits", "HTTP/1.1 2000 OK"),
        ("no digits", "HTTP/1.1 OK"),
        ("a sign", "HTTP/1.1 +20 OK"),
        ("zeros", "HTTP/1.1 000 OK"),
        ("another version", "HTTP/2.0 200 OK"),
        ("no version", "200 OK"),
        ("another protocol", "ICY 200 OK"),
        ("a NUL", "HTTP/1.1 200 O\0K"),
        ("a CR in the reason", "HTTP/1.1 200 O\rK"),
        ("a version of two digits", "HTTP/1.10 200 OK"),
    ] {
        table.get(Refused, name, format!("{line}\r\nContent-Length: 3\r\n\r\nabc"));
    }
    for (name, fields) in [
        ("a folded coding", "Content-Length: 3\r\nTransfer-Encoding:\r\n chunked"),
        ("a first line that is folded", " X: y\r\nContent-Length: 3"),
        ("a blank before the colon", "Content-Length : 0\r\nContent-Length: 3"),
        ("a blank before a coding's colon", "Transfer-Encoding : chunked\r\nContent-Length: 3"),
        ("no colon", "nothing\r\nContent-Length: 3"),
        ("a CR in a value", "X: y\rZ: z\r\nContent-Length: 3"),
        ("a NUL in a value", "X: y\0z\r\nContent-Length: 3"),
        ("a NUL in a name", "X\0Y: z\r\nContent-Length: 3"),
        ("no name", ": y\r\nContent-Length: 3"),
        ("a control character in a value", "X: y\u{1}z\r\nContent-Length: 3"),
    ] {
        table.get(Refused, name, ok(fields, "abc"));
    }
    table.get(Refused, "HTTP/0.9", "abc\r\n\r\n");
    // A server is taken at its lines, bare or folded (RFC 9112, sections 2.2 and 5.2): the client gets none of them.
    for (name, answer) in [
        ("folded", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 3\r\n\r\nabc"),
        ("bare LF everywhere", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
        ("a bare LF after the status", "HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\nabc"),
        ("a bare LF after a field", "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 3\r\n\r\nabc"),
        ("a bare LF at the end", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\nabc"),
        ("an empty line first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ] {
        table.get(Passed(200, "abc"), name, answer);
    }
    table.get(Passed(200, "abc"), "no reason", "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc");
}

fn chunks(table: &mut Table) {
    table.kind("chunks");
    for (name, body) in [
        ("below zero", "-3\r\nabc\r\n0\r\n\r\n"),
        ("0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("LF after a size", "3\nabc\r\n0\r\n\r\n"),
        ("LF after a chunk", "3\r\nabc\n0\r\n\r\n"),
        ("nothing after a chunk", "3\r\nabc0\r\n\r\n"),
        ("any bytes after a chunk", "3\r\nabcXX0\r\n\r\n"),
        ("LF in an extension", "3;a\nabc\r\n0\r\n\r\n"),
        ("CR in an extension", "3;a\rX\r\nabc\r\n0\r\n\r\n"),
        ("larger than a number", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("a blank before a size", " 3\r\nabc\r\n0\r\n\r\n"),
        ("LF at the end", "3\r\nabc\r\n0\n\n"),
    ] {
        table.get(Refused, name, ok("Transfer-Encoding: chunked", body));
    }
    table.get(
        Passed(200, "abc"),
        "an extension",
        ok("Transfer-Encoding: chunked", "3;a=b\r\nabc\r\n0\r\n\r\n"),
    );
    table.get(
        Passed(200, "abc"),
        "a trailer",
        ok("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\nX: y\r\n\r\n"),
    );
    let framing = "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n";
    table.get(Passed(200, "abc"), "a length in a trailer", ok("Transfer-Encoding: chunked", framing));
}

fn interim(table: &mut Table) {
    table.kind("1xx");
    let last = ok("Content-Length: 3", "abc");
    let with = |first: &str| format!("{first}{last}");
    table.get(Passed(200, "abc"), "100 that nobody asked for", with("HTTP/1.1 100 Continue\r\n\r\n"));
    table.get(Passed(200, "abc"), "103", with("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"));
    table.get(Passed(200, "abc"), "one that nobody knows", with("HTTP/1.1 199 Odd\r\n\r\n"));
    table.get(Refused, "100 with a length", with("HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n"));
    table.get(
        Refused,
        "103 with chunks",
        with("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    );
    table.get(
        Refused,
        "103 with a body",
        format!("HTTP/1.1 103 Early Hints\r\nContent-Length: {}\r\n\r\n{POISON}{last}", POISON.len()),
    );
    table.get(
        Refused,
        "101 that nobody asked for",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    );
    table.get(
        Passed(200, "abc"),
        "100 after the answer",
        ok("Content-Length: 3", "abcHTTP/1.1 100 Continue\r\n\r\n"),
    );
    table.asked(
        "HEAD",
        Passed(200, ""),
        "100 to a HEAD",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
    );
}

fn without_a_body(table: &mut Table) {
    table.kind("no body");
    let length = POISON.len();
    for (status, name) in [(204, "204 with a length"), (304, "304 with a length")] {
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n\r\n{POISON}");
        table.get(Passed(status, ""), name, answer);
    }
    for (status, name) in [(204, "204 with chunks"), (304, "304 with chunks")] {
        let body = format!("{length:x}\r\n{POISON}\r\n0\r\n\r\n");
        let answer = format!("HTTP/1.1 {status} x\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        table.get(Passed(status, ""), name, answer);
    }
    let head = ok(&format!("Content-Length: {length}"), POISON);
    table.asked("HEAD", Passed(200, ""), "HEAD with a body", head);
    let chunks = ok("Transfer-Encoding: chunked", &format!("{length:x}\r\n{POISON}\r\n0\r\n\r\n"));
    table.asked("HEAD", Passed(200, ""), "HEAD with chunks", chunks);
}

fn more_than_one(table: &mut Table) {
    table.kind("more than asked");
    table.get(Passed(200, "abc"), "a second answer", ok("Content-Length: 3", &format!("abc{POISON}")));
    table.get(Passed(200, "abc"), "a byte", ok("Content-Length: 3", "abcd"));
    table.get(Passed(200, "abc"), "a line", ok("Content-Length: 3", "abc\r\n"));
    table.get(Passed(200, ""), "a second one after an empty one", ok("Content-Length: 0", POISON));
    table.get(
        Passed(200, "abc"),
        "a second one after chunks",
        ok("Transfer-Encoding: chunked", &format!("3\r\nabc\r\n0\r\n\r\n{POISON}")),
    );
}
