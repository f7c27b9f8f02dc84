//! Who waits for whom: expectations, upgrades, and bodies where few look for one.

use super::Rule::{Answered, Passed, Refused};
use super::{Table, get, post, smuggled};

/// `Expect`, and who waits for whom.
pub(super) fn expectations(table: &mut Table) {
    table.kind("Expect");
    for value in [
        "y 100-continue",
        "100-continue, y",
        "y, 100-continue",
        "100-continue, 100-continue",
        "100-continue;q=1",
        "100-continued",
        "100",
        "200-ok",
        "nonsense",
        "",
        "\u{b}100-continue",
        "100-continue\0",
    ] {
        table.case(
            Refused,
            format!("{value:?}"),
            post(&format!("Expect: {value}\r\nContent-Length: 3"), "abc"),
        );
        table.case(Refused, format!("{value:?} in a GET"), get(&format!("Expect: {value}")));
    }
    let folded = post("Expect:\r\n 100-continue\r\nContent-Length: 3", "abc");
    table.case(Refused, "folded", folded);
    let twice = "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3";
    table.case(Refused, "twice", post(twice, "abc"));
    let meant = Passed("POST /meant", "abc");
    table.case(meant, "with a body at once", post("Expect: 100-continue\r\nContent-Length: 3", "abc"));
    table.case(meant, "in capitals", post("Expect: 100-CONTINUE\r\nContent-Length: 3", "abc"));
    let chunks = post("Expect: 100-continue\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    table.case(meant, "with chunks at once", chunks);
    table.case(Passed("GET /meant", ""), "without a body", get("Expect: 100-continue"));
    table.case(Passed("HEAD /meant", ""), "of HEAD", get("Expect: 100-continue").replacen("GET", "HEAD", 1));
    let contradiction = "Expect: 100-continue\r\nContent-Length: 3\r\nTransfer-Encoding: chunked";
    table.case(Refused, "with a length and chunks", post(contradiction, "0\r\n\r\n"));
    let old = post("Expect: 100-continue\r\nContent-Length: 3", "abc").replacen("1.1", "1.0", 1);
    table.case(meant, "in HTTP/1.0", old);
}

/// Upgrades, and what is sent after them.
pub(super) fn upgrades(table: &mut Table) {
    table.kind("Upgrade");
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    table.case(Passed("GET /meant", ""), "to WebSocket, which the upstream declines", get(websocket));
    for (name, more, body) in [
        ("with a length", "Content-Length: 3", "abc".to_owned()),
        ("with chunks", "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n".to_owned()),
    ] {
        table.case(Refused, format!("to WebSocket {name}"), get(&format!("{websocket}\r\n{more}")) + &body);
    }
    let length = smuggled().len();
    let hidden = get(&format!("{websocket}\r\nContent-Length: {length}")) + &smuggled();
    table.case(Refused, "to WebSocket with a request as its body", hidden);
    let empty = get(&format!("{websocket}\r\nContent-Length: 0"));
    table.case(Passed("GET /meant", ""), "to WebSocket with a length of 0", empty);
    for (name, fields) in [
        ("to h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
        ("to h2c, unnamed", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
        ("to TLS", "Connection: Upgrade\r\nUpgrade: TLS/1.2"),
        ("to nothing known", "Connection: Upgrade\r\nUpgrade: nothing"),
        ("unnamed by Connection", "Upgrade: websocket"),
    ] {
        table.case(Passed("GET /meant", ""), name, get(fields));
    }
    let sent = post("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3", "abc");
    table.case(Passed("POST /meant", "abc"), "to WebSocket by a POST", sent);
    table.kind("Connection");
    for fields in [
        "Connection: Content-Length\r\nContent-Length: 3",
        "Connection: close, Content-Length\r\nContent-Length: 3",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    ] {
        let body = if fields.contains("chunked") { "3\r\nabc\r\n0\r\n\r\n" } else { "abc" };
        // It is not for the client to have them deleted.
        table.case(Passed("POST /meant", "abc"), fields, post(fields, body));
    }
    for fields in ["Connection: Host", "Connection: close, hOST", "Connection: X-Forwarded-For"] {
        table.case(Refused, fields, get(fields));
    }
}

/// Bodies where few expect one, and answers that do not read them.
pub(super) fn bodies(table: &mut Table) {
    let hidden = smuggled();
    let framed = |line: &str| {
        format!("{line} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len())
    };
    let chunks = |line: &str| {
        let size = hidden.len();
        format!(
            "{line} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{hidden}\r\n0\r\n\r\n"
        )
    };
    const BODY: &str = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    table.kind("CL.0");
    for (line, rule) in [
        ("GET /meant", Passed("GET /meant", BODY)),
        ("HEAD /meant", Passed("HEAD /meant", BODY)),
        ("DELETE /meant", Passed("DELETE /meant", BODY)),
        ("OPTIONS /meant", Passed("OPTIONS /meant", BODY)),
        ("TRACE /meant", Passed("TRACE /meant", BODY)),
        ("PUT /meant", Passed("PUT /meant", BODY)),
        ("POST /own", Answered),
        ("GET /own", Answered),
    ] {
        table.case(rule, format!("{line} with a request as its body"), framed(line));
        table.case(rule, format!("{line} with a request in a chunk"), chunks(line));
    }
    let old =
        format!("POST /meant HTTP/1.0\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len());
    table.case(Passed("POST /meant", BODY), "in HTTP/1.0", old.clone());
    let kept = old.replacen("\r\n", "\r\nConnection: keep-alive\r\n", 1);
    table.case(Passed("POST /meant", BODY), "in HTTP/1.0, kept", kept);
    table.kind("no length");
    table.case(Passed("POST /meant", ""), "a POST without one", post("X: y", ""));
    table.case(Passed("GET /meant", ""), "a GET of HTTP/1.0", "GET /meant HTTP/1.0\r\nHost: a.test\r\n\r\n");
}
