//! Whom a request is for.

use super::Rule::{Passed, Refused};
use super::Table;

/// Whom a request is for.
pub(super) fn hosts(table: &mut Table) {
    table.kind("Host");
    for host in [
        "",
        " ",
        "a.test b.test",
        "a.test, b.test",
        "a.test,b.test",
        "a.test@b.test",
        "user@a.test",
        "user:word@a.test",
        "a.test/",
        "a.test/x",
        "a.test?x",
        "a.test#x",
        "a.test\\b.test",
        "http://a.test",
        "a.test:",
        "a.test:80:80",
        "a.test:x",
        "a.test:-1",
        "a.test:+80",
        "a.test:80 ",
        ":80",
        "a.test:99999",
        "a.test:0x50",
        "[::1",
        "::1]",
        "[::1]x",
        "[a.test]",
        "[::1]:80:80",
        "a.test\tb",
        "a.test\u{b}",
        "a.test\0",
        "a.test\r\n b.test",
        "a\"b",
        "a<b>",
        "a;b",
        "a'b",
        "(a)",
        "a|b",
        "a{b}",
        "a=b",
        "a&b",
        "é.test",
        "%61.test%00",
        "a.test%0d%0a",
        "a.test%40b.test",
    ] {
        // Blanks around a value are no part of it.
        let rule = match host {
            "a.test:80 " | "a.test:" => Passed("GET /meant", ""),
            _ => Refused,
        };
        table.case(rule, format!("{host:?}"), format!("GET /meant HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
    for (name, fields) in [
        ("none", "X: y"),
        ("two", "Host: a.test\r\nHost: b.test"),
        ("two that agree", "Host: a.test\r\nHost: a.test"),
        ("two, one of them empty", "Host: a.test\r\nHost:"),
        ("two, differently spelt", "Host: a.test\r\nhOSt: b.test"),
        ("a blank before the colon", "Host : a.test"),
        ("one, and one with a blank before the colon", "Host: a.test\r\nHost : b.test"),
        ("one, and one folded", "Host: a.test\r\n Host: b.test"),
        ("one, and one after a blank", " Host: b.test\r\nHost: a.test"),
    ] {
        table.case(Refused, name, format!("GET /meant HTTP/1.1\r\n{fields}\r\n\r\n"));
    }
    let two = "GET /meant HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n";
    table.case(Refused, "two in HTTP/1.0", two);
    for host in
        ["a.test:80", "A.Test", "a.test.", "[::1]", "[::1]:80", "127.0.0.1", "a_b.test", "xn--nxasmq6b"]
    {
        table.case(Passed("GET /meant", ""), host, format!("GET /meant HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
    table.kind("absolute URI");
    for (target, host) in [
        ("http://b.test/meant", "a.test"),
        ("http://a.test/meant", "b.test"),
        ("http://a.test:81/meant", "a.test"),
        ("http://a.test/meant", ""),
        ("http://user@a.test/meant", "a.test"),
        ("http://a.test@b.test/meant", "b.test"),
        ("http://a.test\\@b.test/meant", "b.test"),
        ("http://a.test#@b.test/meant", "b.test"),
        ("http://a.test,b.test/meant", "a.test"),
        ("ftp://a.test/meant", "a.test"),
        ("file:///meant", "a.test"),
        ("javascript://a.test/meant", "a.test"),
    ] {
        table.case(
            Refused,
            format!("{target} for {host:?}"),
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        );
    }
    let same = "GET http://a.test/meant HTTP/1.1\r\nHost: a.test\r\n\r\n";
    table.case(Passed("GET /meant", ""), "the same as Host", same);
    let bare = "GET http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n";
    table.case(Passed("GET /", ""), "without a path", bare);
}
