//! Lines, names and first lines that some read in another way.

use super::Rule::{Passed, Refused};
use super::{Table, get, post, smuggled};

/// Line ends and what comes before them.
pub(super) fn lines(table: &mut Table) {
    let hidden = smuggled();
    table.kind("bare LF");
    for (name, sent) in [
        ("after the request line", "GET /meant HTTP/1.1\nHost: a.test\r\n\r\n".to_owned()),
        ("after Host", "GET /meant HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n".to_owned()),
        ("after the last field", "GET /meant HTTP/1.1\r\nHost: a.test\n\r\n".to_owned()),
        ("for the empty line", "GET /meant HTTP/1.1\r\nHost: a.test\r\n\n".to_owned()),
        ("everywhere", "GET /meant HTTP/1.1\nHost: a.test\n\n".to_owned()),
        ("twice within a value", get(&format!("X: y\n\n{hidden}"))),
        ("ahead of the request", "\nGET /meant HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned()),
        ("in the target", "GET /meant\n HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned()),
        ("in a name", get("X\nY: z")),
    ] {
        table.case(Refused, name, sent);
    }
    table.kind("bare CR");
    for (name, sent) in [
        ("after the request line", "GET /meant HTTP/1.1\rHost: a.test\r\n\r\n".to_owned()),
        ("in a value", get("X: y\rZ: z")),
        ("before a value", get("X:\ry")),
        ("before the line's end", get("X: y\r")),
        ("alone on a line", get("X: y\r\n\r")),
        ("twice within a value", get(&format!("X: y\r\r{hidden}"))),
        ("in a name", get("X\rY: z")),
        ("ahead of the request", "\rGET /meant HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned()),
        ("in the target", "GET /me\rant HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned()),
        ("in the method", "G\rET /meant HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned()),
        ("after the version", "GET /meant HTTP/1.1\r\r\nHost: a.test\r\n\r\n".to_owned()),
    ] {
        table.case(Refused, name, sent);
    }
    table.kind("obs-fold");
    for (name, fields) in [
        ("a value", "X: y\r\n z"),
        ("a value, by a tab", "X: y\r\n\tz"),
        ("a blank line that is none", "X: y\r\n \r\nZ: z"),
        ("the last field", "X: y\r\n "),
        ("Host", "X: y\r\n Host: b.test"),
    ] {
        table.case(Refused, name, get(fields));
    }
    table.case(Refused, "the first field", "GET /meant HTTP/1.1\r\n X: y\r\nHost: a.test\r\n\r\n");
    table.case(Refused, "the request line", "GET /meant HTTP/1.1\r\n Host: a.test\r\nHost: a.test\r\n\r\n");
    table.kind("empty lines");
    let sent = "\r\n\r\nGET /meant HTTP/1.1\r\nHost: a.test\r\n\r\n";
    table.case(Passed("GET /meant", ""), "ahead of the request, which all skip", sent);
    table.case(Passed("POST /meant", "abc"), "after a body", post("Content-Length: 3", "abc\r\n"));
}

/// Methods, targets and versions.
pub(super) fn request_lines(table: &mut Table) {
    let line = |line: &str| format!("{line}\r\nHost: a.test\r\n\r\n");
    table.kind("method");
    for method in
        ["G@T", "GET\0", "G ET", "\u{b}GET", "GÉT", "", "GET:", "\"GET\"", " GET", "\tGET", "CONNECT"]
    {
        table.case(Refused, format!("{method:?}"), line(&format!("{method} /meant HTTP/1.1")));
    }
    table.case(
        Passed("get /meant", ""),
        "in small letters, which is another method",
        line("get /meant HTTP/1.1"),
    );
    table.case(Passed("M-SEARCH /meant", ""), "an unknown one", line("M-SEARCH /meant HTTP/1.1"));

    table.kind("target");
    for target in [
        "/me ant",
        "/me\tant",
        "/me\0ant",
        "/me\u{b}ant",
        "/me\u{7f}ant",
        "/meant#part",
        "#",
        "meant",
        "?meant",
        "",
        "*",
        "//a.test\\@b.test/ /",
        "/meant HTTP/1.1",
        "a.test:80",
        "http://",
        "http:///meant",
        "http://a.test:80:80/meant",
    ] {
        table.case(Refused, format!("{target:?}"), line(&format!("GET {target} HTTP/1.1")));
    }
    table.case(
        Refused,
        "bytes beyond ASCII",
        [b"GET /me\xffant".as_slice(), b" HTTP/1.1\r\nHost: a.test\r\n\r\n"].concat(),
    );
    table.case(Passed("GET /meant/%C3%A9", ""), "é, which is escaped", line("GET /meant/é HTTP/1.1"));
    let encoded = "/meant%0d%0aX:%20y%00";
    table.case(Refused, "NUL, encoded", line(&format!("GET {encoded} HTTP/1.1")));
    let encoded = "GET /meant%0d%0aX:%20y%20HTTP/1.1%0d%0a%0d%0aGET%20/smuggled";
    table.case(
        Passed("GET /meant%0d%0aX:%20y%20HTTP/1.1%0d%0a%0d%0aGET%20/smuggled", ""),
        "lines, encoded",
        line(&format!("{encoded} HTTP/1.1")),
    );
    table.case(Passed("GET //meant", ""), "two slashes", line("GET //meant HTTP/1.1"));
    table.case(Passed("OPTIONS *", ""), "the asterisk of OPTIONS", line("OPTIONS * HTTP/1.1"));

    table.kind("version");
    for version in [
        "HTTP/1.1 ",
        "HTTP/1.1\t",
        " HTTP/1.1",
        "http/1.1",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/3",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/1.10",
        "HTTP/1,1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP1.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/+1.1",
        "HTTP/0.9",
        "HTTPS/1.1",
        "HTTP/1.1 x",
        "HTTP/1.1\u{b}",
        "XHTTP/1.1",
    ] {
        table.case(Refused, format!("{version:?}"), line(&format!("GET /meant {version}")));
    }
    table.case(Refused, "none (HTTP/0.9)", "GET /meant\r\n");
    table.case(Refused, "none, and fields", line("GET /meant"));
    table.case(
        Refused,
        "HTTP/2's preface after a request",
        get("X: y").replace("GET /meant", "PRI *").replace("HTTP/1.1", "HTTP/2.0"),
    );
    table.kind("separators");
    for request in [
        "GET\t/meant\tHTTP/1.1",
        "GET  /meant HTTP/1.1",
        "GET /meant  HTTP/1.1",
        "GET\u{b}/meant HTTP/1.1",
        "GET\u{a0}/meant HTTP/1.1",
    ] {
        table.case(Refused, format!("{request:?}"), line(request));
    }
}

/// Names of fields.
pub(super) fn names(table: &mut Table) {
    table.kind("field name");
    for field in [
        "X Y: z",
        "X\tY: z",
        "X(Y): z",
        "X\"Y\": z",
        "X/Y: z",
        "X@Y: z",
        "X[Y]: z",
        "X{Y}: z",
        "X,Y: z",
        "X;Y: z",
        "X=Y: z",
        "X?Y: z",
        "X\\Y: z",
        "X\0Y: z",
        "X\u{7f}Y: z",
        "É: z",
        ": z",
        " : z",
        "X",
        "X: a\0b",
        "X: a\u{1}b",
        "X: a\u{7f}b",
        "X: \u{8}",
    ] {
        table.case(Refused, format!("{field:?}"), get(field));
    }
    for field in [
        "X_Forwarded_For: 192.0.2.1",
        "x-forwarded_for: 192.0.2.1",
        "Content_Length: 3",
        "Transfer_Encoding: chunked",
        "HOST_: x",
    ] {
        let rule = if field == "HOST_: x" { Passed("GET /meant", "") } else { Refused };
        table.case(rule, field, get(field));
    }
    for field in ["X: é", "X: a\tb", "X:", "x!#$%&'*+-.^_`|~: y", "X: :"] {
        table.case(Passed("GET /meant", ""), format!("{field:?}, which has one reading"), get(field));
    }
}
