//! Any request is given a location of the rules, or none, and never stops the search.
#![no_main]

use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vordr_rules::table::{ListenerId, Outcome, Request, Table};
use vordr_rules::{InMemory, load};

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let text = r##"
        server "a.example" "*.b.example" {
            listen 80
            location exact="/x" { match cookie="plan=pro"; respond 204; }
            location "/a" "/a/b/" { match query=beta; match "header:x-beta=1"; respond 204; }
            location "/a" final=on { respond 204; }
            location "/raw" raw=on { respond 204; }
            location regex=#"^/v(\d+)/(.*)$"# { rewrite "/{1}/{2}"; respond 204; }
            location "/" { respond 204; }
        }
        server "*" { listen 80; location "/only" { respond 204; }; }
    "##;
    load("fuzz.kdl", text, &InMemory::default()).expect("the rules load").table
});

fuzz_target!(|request: (&str, &str, Option<&str>, &[u8], &[u8])| {
    let (host, path, query, cookie, beta) = request;
    let mut headers = HeaderMap::new();
    for (name, value) in [("cookie", cookie), ("x-beta", beta)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let request =
        Request { listener: ListenerId(0), method: &Method::GET, host, path, query, headers: &headers };
    if let Some(Outcome::Found(found)) = TABLE.find(&request) {
        assert!(TABLE.servers[found.server.0].locations.len() > found.location.0);
    }
});
