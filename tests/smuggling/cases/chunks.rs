//! Chunks and what follows them, which some end elsewhere.

use super::Rule::{Cut, Passed};
use super::{Table, chunked, smuggled};

/// Chunks that some read in another way.
pub(super) fn chunks(table: &mut Table) {
    let hidden = smuggled();
    table.kind("chunk size");
    for size in [
        "-3",
        "+3",
        "0x3",
        "0X3",
        "3h",
        "3.",
        "3,",
        "3_",
        "\"3\"",
        "",
        " 3",
        "\t3",
        "\u{b}3",
        "3 ",
        "3\t",
        "3 3",
        "3\u{b}",
        "3\0",
        "\u{663}",
        "10000000000000003",
        "fffffffffffffffff",
        "100000003:",
        "3\r",
        "3\n",
        "0x",
        "x",
        "--",
    ] {
        table.case(Cut, format!("{size:?}"), chunked(&format!("{size}\r\nabc\r\n0\r\n\r\n")));
    }
    for (name, body) in [
        ("one that is too short", format!("2\r\nabc\r\n0\r\n\r\n{hidden}")),
        ("one that is too long", format!("4\r\nabc\r\n0\r\n\r\n{hidden}")),
        ("no size but the end", format!("\r\n\r\n{hidden}")),
        ("a last chunk below zero", format!("3\r\nabc\r\n-0\r\n\r\n{hidden}")),
    ] {
        table.case(Cut, name, chunked(&body));
    }
    for (name, body) in [
        ("with zeros ahead", "0000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("in capitals", "A\r\n0123456789\r\n0\r\n\r\n"),
        ("a last chunk of many zeros", "3\r\nabc\r\n0000\r\n\r\n"),
        ("one byte each", "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"),
    ] {
        let meant = if body.starts_with('A') { "0123456789" } else { "abc" };
        table.case(Passed("POST /meant", meant), name, chunked(body));
    }
    table.kind("chunk terminator");
    for (name, body) in [
        ("LF after a size", format!("3\nabc\r\n0\r\n\r\n{hidden}")),
        ("CR after a size", format!("3\rabc\r\n0\r\n\r\n{hidden}")),
        ("LF after a chunk", format!("3\r\nabc\n0\r\n\r\n{hidden}")),
        ("CR after a chunk", format!("3\r\nabc\r0\r\n\r\n{hidden}")),
        ("any two bytes after a chunk (TERM.SPILL)", format!("3\r\nabcXX0\r\n\r\n{hidden}")),
        ("any byte after a chunk", format!("3\r\nabcX\r\n0\r\n\r\n{hidden}")),
        ("nothing after a chunk", format!("3\r\nabc0\r\n\r\n{hidden}")),
        ("LF LF after a chunk", format!("3\r\nabc\n\n0\r\n\r\n{hidden}")),
        ("LF CR after a chunk", format!("3\r\nabc\n\r0\r\n\r\n{hidden}")),
        ("CR CR LF after a chunk", format!("3\r\nabc\r\r\n0\r\n\r\n{hidden}")),
        (
            "a size that swallows the terminator (SPILL.TERM)",
            format!("5\r\nabc\r\n\r\n0\r\n\r\n{hidden}").replacen("5\r\nabc\r\n\r\n", "5\r\nabc\r\n0\r\n", 1),
        ),
        ("LF after the last size", format!("3\r\nabc\r\n0\n\r\n{hidden}")),
        ("LF at the end", format!("3\r\nabc\r\n0\r\n\n{hidden}")),
        ("CR at the end", format!("3\r\nabc\r\n0\r\n\r{hidden}")),
        ("LF LF at the end", format!("3\r\nabc\r\n0\n\n{hidden}")),
    ] {
        table.case(Cut, name, chunked(&body));
    }
    table.kind("chunk extension");
    for (name, body) in [
        ("LF within (TERM.EXT)", format!("3;a\nabc\r\n0\r\n\r\n{hidden}")),
        ("LF within, a size after it (EXT.TERM)", format!("3;\n62\r\nabc\r\n0\r\n\r\n{hidden}")),
        ("CR within (TERM.EXT)", format!("3;a\rabc\r\n0\r\n\r\n{hidden}")),
        ("CR within, more after it", format!("3;a\rX\r\nabc\r\n0\r\n\r\n{hidden}")),
        ("LF within the last one's", format!("3\r\nabc\r\n0;a\n\r\n{hidden}")),
        ("LF in quotes", format!("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n{hidden}")),
        ("NUL within", "3;a\0b\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("a vertical tab before it", "3\u{b};a\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("a comma instead", "3,a=b\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("an equals sign instead", "3=a\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("a blank instead", "3 a=b\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("of a megabyte", format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(1 << 20))),
    ] {
        table.case(Cut, name, chunked(&body));
    }
    for (name, extension) in [
        ("a name", ";a"),
        ("a value", ";a=b"),
        ("quotes", ";a=\"b c\""),
        ("several", ";a=b;c;d=e"),
        ("blanks, which are bad and allowed", " ; a = b"),
        ("nothing", ";"),
        ("a size that is none", ";62"),
    ] {
        let body = format!("3{extension}\r\nabc\r\n0{extension}\r\n\r\n");
        table.case(Passed("POST /meant", "abc"), name, chunked(&body));
    }
}

/// Fields after a chunked body.
pub(super) fn trailers(table: &mut Table) {
    table.kind("trailers");
    let hidden = smuggled();
    for trailer in [
        "X-Own: yes",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "Host: b.test",
        "X-Forwarded-For: 192.0.2.1",
        "Authorization: Basic YTpi",
        "Connection: close",
    ] {
        let body = format!("3\r\nabc\r\n0\r\n{trailer}\r\n\r\n");
        table.case(Passed("POST /meant", "abc"), trailer, chunked(&body));
    }
    for (name, trailer) in [
        ("LF within", "X: y\nZ: z"),
        ("CR within", "X: y\rZ: z"),
        ("NUL within", "X: y\0"),
        ("folded", "X: y\r\n folded"),
        ("a blank before the colon", "X : y"),
        ("no colon", "nothing"),
        ("a request", "GET /smuggled HTTP/1.1\r\nHost: a.test"),
    ] {
        table.case(Cut, name, chunked(&format!("3\r\nabc\r\n0\r\n{trailer}\r\n\r\n{hidden}")));
    }
    table.case(Cut, "a hundred thousand", chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(100_000))));
}
