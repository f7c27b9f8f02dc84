//! Requests of strangers, decided on.

use crate::connection::head::judge;
use crate::exchange::{Admission, Answer, Arrival, Client, Exchange, Failure};
use crate::messages;
use crate::trace::promises::parents;
use http::header::LOCATION;
use http::request::Parts;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use vordr_rules::table::{ListenerId, Table, cookie};
use vordr_rules::{InMemory, load};

const RULES: &str = r##"
vordr { trusted-proxies "10.0.0.0/8"; }
server a.test {
    listen 80
    cors { origins "https://*.b.test"; credentials on; }
    location "/old" { redirect "https://a.test{path}?{query}"; }
    location regex=#"^/out(.*)$"# { redirect "{1}"; }
    location "/here" { redirect "{rest}"; }
    location "/member" { match cookie="plan=pro"; respond 204; }
    location "/ws" { proxy "https://app.test" { strip-prefix "/ws"; }; }
    location "/" {
        request { set X-Client "{client_ip} {host} {cookie.plan}"; }
        rewrite "/x{path}"
        proxy "http://app.test:8000"
    }
}
server "*.a.test" { listen 80; location "/" { limit rate="1/s" key="{header.X-Key}{arg.key}"; respond 200 "hello"; }; }
"##;

static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let loaded = load("fuzz.kdl", RULES, &InMemory::default());
    Arc::new(loaded.unwrap_or_else(|found| panic!("{found}")).table)
});

const STRANGER: &str = "192.0.2.1";
const TRUSTED: &str = "10.0.0.1";

/// Any head that is believed is admitted or refused: nobody is led astray, and what an upstream is told of a client is
/// vordr's word.
pub fn admission(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    if judge(bytes, 128).is_err() {
        return;
    }
    let Some(request) = messages::parsed(bytes) else { return };
    parents(&request.headers);
    let peer = if choice & 1 == 0 { STRANGER } else { TRUSTED };
    let mut exchange = arrived(peer);
    match exchange.admit(&request) {
        Admission::Forward => forwarded(&exchange, &request, peer),
        Admission::Answer(answer) => answered(&answer, &exchange, &request),
        Admission::Guarded => {
            let (limit, _) = exchange.limits().next().expect("that is what guards it");
            let _ = exchange.key(&limit.key, &request);
            assert!(matches!(exchange.pass(&request), Admission::Answer(_)));
        }
        Admission::Files | Admission::StubStatus => unreachable!("there are none"),
    }
    let _ = exchange.failure_page(&Failure::NoRoute, &request);
}

fn arrived(peer: &str) -> Exchange {
    let arrival = Arrival {
        listener: ListenerId(0),
        connection: 1,
        peer: Client::from(peer.parse::<IpAddr>().expect("an address")),
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
    Exchange::begin(TABLE.clone(), arrival)
}

fn forwarded(exchange: &Exchange, request: &Parts, peer: &str) {
    let mut told = request.headers.clone();
    exchange.forward(request, &mut told);
    let one = |name: &str| {
        assert_eq!(told.get_all(name).iter().count(), 1, "{name}");
        // What a trusted proxy has said before may be no text.
        String::from_utf8_lossy(told[name].as_bytes()).into_owned()
    };
    let (client, chain) = (one("x-real-ip"), one("x-forwarded-for"));
    assert!(client.parse::<IpAddr>().is_ok(), "{client}");
    assert!(chain.ends_with(peer), "{chain}");
    if peer == STRANGER {
        assert_eq!((&*client, &*chain, &*one("x-forwarded-proto")), (STRANGER, STRANGER, "http"));
    }
    one("host");
    one("x-request-id");
    let path = exchange.upstream_path(request);
    let path = path.as_deref().unwrap_or_else(|| request.uri.path().as_bytes());
    assert!(path.iter().all(|byte| *byte > b' ' && *byte != 0x7f), "{path:?}");
}

fn answered(answer: &Answer, exchange: &Exchange, request: &Parts) {
    let route = exchange.location().map_or("", |location| &*location.name);
    if let Some(to) = answer.headers.get(LOCATION) {
        let to = to.as_bytes();
        match route {
            "/old" => assert!(to.starts_with(b"https://a.test/"), "{to:?}"),
            _ => assert!(!to.starts_with(b"//"), "another server's: {to:?}"),
        }
    }
    if answer.status == 204 && route == "/member" && exchange.preflight.is_none() {
        assert_eq!(cookie(&request.headers, "plan"), Some("pro"));
    }
}
