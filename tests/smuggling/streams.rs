//! Requests of HTTP/2 that are something else once they are written as HTTP/1, and what is to become of each.

use super::cases::{Rule, smuggled};
use Rule::{Cut, Passed, Refused};

/// One case: what a client sends on a stream.
pub(super) struct Case {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) fields: Vec<(String, String)>,
    /// The body, and the fields after it; `None` where the head ends the stream.
    pub(super) body: Option<(String, Vec<(String, String)>)>,
    pub(super) rule: Rule,
}

type Fields<'f> = &'f [(&'f str, &'f str)];

const GET: Fields<'static> =
    &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/meant")];
const POST: Fields<'static> =
    &[(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/meant")];

/// The whole table.
pub(super) fn all() -> Vec<Case> {
    let mut table = Table { kind: "", cases: Vec::new() };
    lengths(&mut table);
    codings(&mut table);
    injections(&mut table);
    paths(&mut table);
    pseudo_fields(&mut table);
    connections(&mut table);
    trailers(&mut table);
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

    /// A request that is all head.
    fn head(&mut self, rule: Rule, name: &str, fields: Fields<'_>) -> &mut Self {
        self.case(rule, name, fields, None)
    }

    /// A POST with these fields and a body.
    fn post(&mut self, rule: Rule, name: &str, more: Fields<'_>, body: &str) -> &mut Self {
        self.case(rule, name, &[POST, more].concat(), Some((body, &[])))
    }

    fn case(
        &mut self,
        rule: Rule,
        name: &str,
        fields: Fields<'_>,
        body: Option<(&str, Fields<'_>)>,
    ) -> &mut Self {
        self.cases.push(Case {
            kind: self.kind,
            name: name.to_owned(),
            fields: owned(fields),
            body: body.map(|(body, trailers)| (body.to_owned(), owned(trailers))),
            rule,
        });
        self
    }
}

fn owned(fields: Fields<'_>) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A GET with one of its fields replaced.
fn replaced<'f>(name: &str, value: &'f str) -> Vec<(&'f str, &'f str)> {
    GET.iter().map(|field| if field.0 == name { (field.0, value) } else { *field }).collect()
}

/// Lengths that DATA does not keep to.
fn lengths(table: &mut Table) {
    let hidden = smuggled();
    table.kind("H2.CL");
    // The request is over before the first byte of DATA, which ends the stream and goes nowhere.
    table.post(Passed("POST /meant", ""), "0 for 40 bytes", &[("content-length", "0")], &hidden);
    for length in ["3", "39", "41", "1000"] {
        table.post(Cut, &format!("{length} for 40 bytes"), &[("content-length", length)], &hidden);
    }
    for length in
        ["+40", "-40", "40, 40", "40,40", "0x28", "40 0", "", " ", "4 0", "99999999999999999999", "40;"]
    {
        table.post(Refused, &format!("{length:?}"), &[("content-length", length)], &hidden);
    }
    for (name, lengths) in [
        ("two that disagree", [("content-length", "0"), ("content-length", "40")]),
        ("two that agree", [("content-length", "40"), ("content-length", "40")]),
    ] {
        table.post(Refused, name, &lengths, &hidden);
    }
    table.head(Refused, "a length and no body", &[GET, &[("content-length", "40")]].concat());
    table.post(Refused, "a name that is like it", &[("content_length", "0")], &hidden);
    const BODY: &str = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    table.post(Passed("POST /meant", BODY), "one that is right", &[("content-length", "40")], &hidden);
    table.post(Passed("POST /meant", BODY), "none", &[], &hidden);
    table.case(Passed("GET /meant", BODY), "none in a GET", GET, Some((&hidden, &[])));
}

/// `Transfer-Encoding`, which HTTP/2 does not know.
fn codings(table: &mut Table) {
    let hidden = format!("0\r\n\r\n{}", smuggled());
    table.kind("H2.TE");
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", "xchunked"),
        ("transfer-encoding", ""),
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding ", "chunked"),
        (" transfer-encoding", "chunked"),
        ("transfer-encoding:", "chunked"),
        ("transfer-encoding\t", "chunked"),
        ("transfer-encoding\u{b}", "chunked"),
        ("transfer-encoding\0", "chunked"),
        ("transfer_encoding", "chunked"),
        ("te", "chunked"),
        ("te", "trailers, chunked"),
    ] {
        // The library below answers only what concerns a connection; the rest of `te` is dropped.
        table.post(Refused, &format!("{name:?} {value:?}"), &[(name, value)], &hidden);
    }
    let length = hidden.len().to_string();
    let both = [("content-length", &*length), ("transfer-encoding", "chunked")];
    table.post(Refused, "with a length", &both, &hidden);
}

/// Line ends within fields.
fn injections(table: &mut Table) {
    table.kind("header injection");
    let request = format!("y\r\n\r\n{}", smuggled());
    for value in [
        "y\r\ntransfer-encoding: chunked",
        "y\r\ncontent-length: 0",
        "y\r\nhost: b.test",
        "y\r\n",
        "y\n",
        "y\r",
        "y\nz",
        "y\rz",
        "y\0z",
        "y\r\n z",
        "\r\ny",
        "\u{1}",
        "y\u{7f}z",
        &request,
    ] {
        table.head(Refused, &format!("value {value:?}"), &[GET, &[("x", value)]].concat());
    }
    for name in [
        "x\r\ntransfer-encoding",
        "x\r\n",
        "x\ny",
        "x\ry",
        "x\0y",
        "x:y",
        "x: y\r\nz",
        "x y",
        "X",
        "xY",
        "",
        ":",
        "x\u{7f}",
        "é",
        "x(y)",
        "x\r\n\r\nget /smuggled http/1.1\r\nhost",
    ] {
        table.head(Refused, &format!("name {name:?}"), &[GET, &[(name, "z")]].concat());
    }
}

/// `:path` and `:method`, which make the request line.
fn paths(table: &mut Table) {
    table.kind(":path");
    let request = "/meant HTTP/1.1\r\nHost: a.test\r\n\r\nGET /smuggled HTTP/1.1\r\nX:";
    for path in [
        request,
        "/me ant",
        "/meant HTTP/1.1",
        "/me\tant",
        "/me\r\nant",
        "/me\nant",
        "/me\rant",
        "/me\0ant",
        "/me\u{7f}ant",
        "",
        "meant",
        "?meant",
        "*",
        "http://a.test/meant",
        "//a.test /x",
        " /meant",
        "/meant ",
    ] {
        table.head(Refused, &format!("{path:?}"), &replaced(":path", path));
    }
    // The library that reads HTTP/2 takes it off.
    table.head(Passed("GET /meant", ""), "a fragment, which nobody sees", &replaced(":path", "/meant#part"));
    table.head(Refused, "none", &[GET[0], GET[1], GET[2]]);
    table.head(Refused, "two", &[GET, &[(":path", "/smuggled")]].concat());
    table.head(
        Passed("GET /meant/%C3%A9", ""),
        "bytes beyond ASCII, escaped",
        &replaced(":path", "/meant/é"),
    );
    table.kind(":method");
    let request = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\nGET";
    for method in
        [request, "GET /smuggled HTTP/1.1", "G ET", "GET\r\n", "GET\0", "", "GE\tT", "G@T", "CONNECT"]
    {
        table.head(Refused, &format!("{method:?}"), &replaced(":method", method));
    }
    table.head(Refused, "none", &[GET[1], GET[2], GET[3]]);
    table.head(Refused, "two", &[GET, &[(":method", "POST")]].concat());
}

/// `:authority`, `:scheme`, and those that are out of place.
fn pseudo_fields(table: &mut Table) {
    table.kind(":authority");
    for authority in [
        "a.test b.test",
        "a.test\r\nx: y",
        "a.test\0",
        "user@a.test",
        "user:word@a.test",
        "a.test/",
        "a.test/x",
        "a.test,b.test",
        "a.test:x",
        "a.test:80:80",
        "a.test?x",
        "a.test#x",
        "http://a.test",
        "[::1",
        "%61.test",
        "é.test",
        "\\",
    ] {
        table.head(Refused, &format!("{authority:?}"), &replaced(":authority", authority));
    }
    for (name, host) in
        [("and another Host", "b.test"), ("and an empty Host", ""), ("and a Host with a port", "a.test:81")]
    {
        table.head(Refused, name, &[GET, &[("host", host)]].concat());
    }
    table.head(Refused, "and two Hosts", &[GET, &[("host", "a.test"), ("host", "a.test")]].concat());
    table.head(Refused, "two", &[GET, &[(":authority", "b.test")]].concat());
    table.head(Refused, "neither it nor a Host", &[GET[0], GET[1], GET[3]]);
    table.head(Passed("GET /meant", ""), "and the same Host", &[GET, &[("host", "a.test")]].concat());
    table.head(Passed("GET /meant", ""), "a Host alone", &[GET[0], GET[1], GET[3], ("host", "a.test")]);
    table.kind(":scheme");
    for scheme in ["http://b.test/?", "http\r\nx: y", "ht tp", "", "http\0", "ftp", "javascript"] {
        table.head(Refused, &format!("{scheme:?}"), &replaced(":scheme", scheme));
    }
    table.head(Refused, "two", &[GET, &[(":scheme", "https")]].concat());
    table.head(Refused, "none", &[GET[0], GET[2], GET[3]]);
    table.kind("pseudo fields");
    table.head(Refused, "unknown", &[GET, &[(":own", "x")]].concat());
    table.head(Refused, "of an answer", &[GET, &[(":status", "200")]].concat());
    table.head(Refused, "of an extended CONNECT without one", &[GET, &[(":protocol", "websocket")]].concat());
    table.head(Refused, "after others", &[GET[0], GET[1], GET[2], ("x", "y"), GET[3]]);
    table.head(Refused, "in capitals", &[GET, &[(":PATH", "/smuggled")]].concat());
}

/// Fields of HTTP/1's connections, and those that mean more than they say.
fn connections(table: &mut Table) {
    table.kind("connection fields");
    for field in [
        ("connection", "close"),
        ("connection", "x"),
        ("connection", "transfer-encoding"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "websocket"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("expect", "y 100-continue"),
        ("expect", "100-continue, y"),
        ("x_forwarded_for", "192.0.2.1"),
        ("http2_settings", "AAMAAABkAAQAAP__"),
    ] {
        let rule = if field.0 == "http2_settings" { Passed("GET /meant", "") } else { Refused };
        table.head(rule, &format!("{}: {}", field.0, field.1), &[GET, &[field]].concat());
    }
    for field in
        [("te", "trailers"), ("http2-settings", "AAMAAABkAAQAAP__"), ("x", "é"), ("x", "a\tb"), ("x", "")]
    {
        table.head(
            Passed("GET /meant", ""),
            &format!("{}: {:?}", field.0, field.1),
            &[GET, &[field]].concat(),
        );
    }
    let crumbs = [GET, &[("cookie", "a=1"), ("cookie", "b=2")]].concat();
    table.head(Passed("GET /meant", ""), "cookies one by one", &crumbs);
}

/// Fields after a body.
fn trailers(table: &mut Table) {
    table.kind("H2 trailers");
    for trailer in
        [("x-own", "yes"), ("content-length", "0"), ("host", "b.test"), ("x-forwarded-for", "192.0.2.1")]
    {
        let name = format!("{}: {}", trailer.0, trailer.1);
        table.case(Passed("POST /meant", "abc"), &name, POST, Some(("abc", &[trailer])));
    }
    for trailer in
        [("x", "y\r\nz: x"), ("x\r\ny", "z"), ("transfer-encoding", "chunked"), ("connection", "close")]
    {
        let name = format!("{:?}: {:?}", trailer.0, trailer.1);
        table.case(Cut, &name, POST, Some(("abc", &[trailer])));
    }
}
