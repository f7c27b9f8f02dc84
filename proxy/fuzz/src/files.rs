//! Requests for files, as far as they go without a folder.

use crate::connection::head::judge;
use crate::exchange::{Admission, Arrival, Client, Exchange, FileAnswer, Piece, Representation};
use crate::messages;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};
use vordr_rules::table::{ListenerId, Table};
use vordr_rules::{InMemory, load};

const RULES: &str = r##"
server "*" {
    listen 80
    location "/static" { files "/srv" strip-prefix="/static" precompressed=on; }
    location regex=#"^/v\d+/(.*)$"# { rewrite "/docs/{1}"; files "/srv"; }
    location "/tried" { files "/srv" as=nginx { try "{path}" "{path}/" "/a{query}"; else { respond 404; }; }; }
    location "/" { files "/srv" fallback="/index.html"; }
}
"##;

static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let loaded = load("fuzz.kdl", RULES, &InMemory::default());
    Arc::new(loaded.unwrap_or_else(|found| panic!("{found}")).table)
});

/// A path that is looked for stays below its folder, and an answer is as long as it says, of what the file has.
pub fn files(bytes: &[u8]) {
    if judge(bytes, 128).is_err() {
        return;
    }
    let Some(request) = messages::parsed(bytes) else { return };
    let arrival = Arrival {
        listener: ListenerId(0),
        connection: 1,
        peer: Client::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ends: None,
        introduced: None,
        local_port: 80,
        tls: None,
        lacks_tls: false,
        http2: false,
        started: Instant::now(),
        opened: Instant::now(),
        requests: 1,
        head: 0,
        pipelined: false,
    };
    let mut exchange = Exchange::begin(TABLE.clone(), arrival);
    if exchange.admit(&request) != Admission::Files {
        return;
    }
    if let Ok(sought) = exchange.seek(&request) {
        for spot in &sought.spots {
            is_below(&spot.path);
            let _ = exchange.to_folder(&spot.uri, &request);
        }
    }
    for length in [0, 1, 1000, i64::MAX as u64] {
        let file = Representation {
            length,
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)),
            tag: 1,
            content_type: HeaderValue::from_static("text/plain"),
            coding: None,
            varies: false,
        };
        is_whole(&exchange.answer_with(&file, &request), length, &request.method);
    }
}

fn is_below(path: &[u8]) {
    let mut names = path.split(|byte| *byte == b'/');
    let fine = |name: &[u8]| !name.is_empty() && name != b"." && name != b".." && !name.contains(&0);
    assert!(path.is_empty() || names.all(fine), "{}", path.escape_ascii());
}

fn is_whole(answer: &FileAnswer, length: u64, method: &Method) {
    let sizes = answer.body.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => bytes.len() as u64,
        Piece::File(part) => {
            assert!(part.start <= part.end && part.end <= length, "{part:?} of {length}");
            part.end - part.start
        }
    });
    let sum: u64 = sizes.sum();
    if let (Some(said), true) = (answer.head.headers.get(CONTENT_LENGTH), method != Method::HEAD) {
        assert_eq!(said.to_str().ok(), Some(&*sum.to_string()));
    }
}
