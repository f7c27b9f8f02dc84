//! How a body is framed: lengths and codings that some read in another way.

use super::Rule::{Passed, Refused};
use super::{Table, chunked, get, post, smuggled};

/// A length and chunks at once.
pub(super) fn lengths_and_chunks(table: &mut Table) {
    for (kind, sent) in contradictions("Transfer-Encoding: chunked") {
        table.kind(kind).case(Refused, "a length, then chunks", sent.clone());
        let lines: Vec<&str> = sent.splitn(5, "\r\n").collect();
        let [request, host, length, coding, rest] = lines[..] else { unreachable!("five parts") };
        let turned = [request, host, coding, length, rest].join("\r\n");
        table.case(Refused, "chunks, then a length", turned);
        table.case(Refused, "in HTTP/1.0", sent.replacen("HTTP/1.1", "HTTP/1.0", 1));
    }
    let zero = post("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n");
    table.kind("CL.TE").case(Refused, "a length of 0 and chunks", zero);
}

/// Ways to write `Transfer-Encoding` that some read as chunks and some do not.
pub(super) fn codings(table: &mut Table) {
    table.kind("TE.TE");
    let spellings = [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunk",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chunked;",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding:\u{c}chunked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: \u{a0}chunked",
        "Transfer-Encoding: chunk\ted",
        "Transfer-Encoding\u{b}: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding",
        "Transfer-Encoding chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "\u{b}Transfer-Encoding: chunked",
        ": chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding:\r\n\tchunked",
        "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding: chunked\r\n , identity",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\0Transfer-Encoding: chunked",
        "X: y\r\n\rTransfer-Encoding: chunked",
        "X: y\r\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\rX: y",
        "Transfer_Encoding: chunked",
        "Transfer-\u{117}ncoding: chunked",
    ];
    for spelling in spellings {
        for (kind, sent) in contradictions(spelling) {
            table.case(Refused, format!("{spelling:?} with a length ({kind})"), sent);
        }
        if !matches!(spelling, "Transfer_Encoding: chunked") {
            let alone = post(spelling, &format!("0\r\n\r\n{}", smuggled()));
            table.case(Refused, format!("{spelling:?} without one"), alone);
        }
    }
    let three = "3\r\nabc\r\n0\r\n\r\n";
    for spelling in ["Chunked", "CHUNKED", "\tchunked", "chunked ", "chunked\t \t"] {
        let sent = post(&format!("Transfer-Encoding:{spelling}"), three);
        table.case(Passed("POST /meant", "abc"), format!("{spelling:?}, which is chunked to all"), sent);
    }
    table.case(
        Passed("POST /meant", "abc"),
        "TRANSFER-encoding, which is chunked to all",
        post("TRANSFER-encoding: chunked", three),
    );
    table.kind("TE in HTTP/1.0");
    table.case(Refused, "chunks", chunked(three).replacen("HTTP/1.1", "HTTP/1.0", 1));
    let kept = chunked(three).replacen("HTTP/1.1\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n", 1);
    table.case(Refused, "chunks on a connection that is kept", kept);
}

/// Lengths that are none, or several.
pub(super) fn lengths(table: &mut Table) {
    table.kind("Content-Length");
    let hidden = smuggled();
    let length = hidden.len();
    for value in [
        "+{}",
        "-{}",
        "{} ,",
        "{}, {}",
        "{},{}",
        "{},",
        ",{}",
        "{};",
        "\"{}\"",
        "0x{}",
        "{}.0",
        "{}e0",
        "{}_0",
        "{} {}",
        "{}\t{}",
        "{}a",
        "a{}",
        "{}\u{b}",
        "\u{b}{}",
        "{}\0",
        "\u{a0}{}",
        "\u{665}",
        "",
        "99999999999999999999",
        "18446744073709551616",
        "-1",
        "340282366920938463463374607431768211456",
        "1e3",
        "{}\r\n {}",
    ] {
        let value = value.replace("{}", &length.to_string());
        table.case(Refused, format!("{value:?}"), post(&format!("Content-Length: {value}"), &hidden));
    }
    for (name, fields) in [
        ("two that disagree", format!("Content-Length: {length}\r\nContent-Length: 0")),
        ("two that disagree, the other way", format!("Content-Length: 0\r\nContent-Length: {length}")),
        ("two that agree", format!("Content-Length: {length}\r\nContent-Length: {length}")),
        ("two that agree but for zeros", format!("Content-Length: {length}\r\nContent-Length: 0{length}")),
        ("one and one that is empty", format!("Content-Length: {length}\r\nContent-Length:")),
    ] {
        table.case(Refused, name, post(&fields, &hidden));
    }
    table.case(
        Refused,
        "two that disagree, in a GET",
        get(&format!("Content-Length: 0\r\nContent-Length: {length}")) + &hidden,
    );
    table.case(Passed("POST /meant", "abc"), "with zeros ahead", post("Content-Length: 0000000003", "abc"));
    table.case(Passed("POST /meant", "abc"), "with blanks around", post("Content-Length: \t 3 \t", "abc"));
    table.case(Passed("POST /meant", "abc"), "without a blank", post("content-LENGTH:3", "abc"));

    table.kind("0.CL");
    for spelling in [
        "Content-Length : {}",
        "Content-Length\t: {}",
        " Content-Length: {}",
        "\tContent-Length: {}",
        "Content-Length\u{b}: {}",
        "Content-Length:\r\n {}",
        "Content-Length\r\n : {}",
        "X: y\nContent-Length: {}",
        "X: y\rContent-Length: {}",
        "X: y\0Content-Length: {}",
        "Content_Length: {}",
        "Content Length: {}",
        "\u{b}Content-Length: {}",
        "X: y\r\n\rContent-Length: {}",
        "Content-Length {}",
        "Content-Length= {}",
        "\"Content-Length\": {}",
        "(Content-Length): {}",
        "Content-Length:{}\rX: y",
    ] {
        let fields = spelling.replace("{}", &length.to_string());
        table.case(Refused, format!("{spelling:?} in a POST"), post(&fields, &hidden));
        table.case(Refused, format!("{spelling:?} in a GET"), get(&fields) + &hidden);
    }
}

/// A POST that ends elsewhere for who believes this `Transfer-Encoding` than for who believes the length: a body that
/// chunks end early, and one that the length ends early.
fn contradictions(coding: &str) -> [(&'static str, String); 2] {
    let hidden = smuggled();
    let early_chunks = format!("0\r\n\r\n{hidden}");
    let (size, length) = (format!("{:x}\r\n", hidden.len()), early_chunks.len());
    let early_length = format!("{size}{hidden}\r\n0\r\n\r\n");
    [
        ("CL.TE", post(&format!("Content-Length: {length}\r\n{coding}"), &early_chunks)),
        ("TE.CL", post(&format!("Content-Length: {}\r\n{coding}", size.len()), &early_length)),
    ]
}
