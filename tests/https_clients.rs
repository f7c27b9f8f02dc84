//! `client-ca`: who is let in, by whose name the upstream knows them, and that no Host leads past it.

use crate::harness::{Authority, Origin, Secured, TlsClient, Vordr};
use tempfile::TempDir;

/// The server's authority, the clients', and a folder for what the server shows.
pub(crate) struct Gate {
    pub(crate) servers: Authority,
    pub(crate) clients: Authority,
    pub(crate) folder: TempDir,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (servers, clients) = (Authority::new(), Authority::named("the clients' authority"));
        Self { servers, clients, folder: tempfile::tempdir().unwrap() }
    }

    /// The words of `tls` for a host that asks for certificates.
    fn tls(&self, host: &str, require: &str) -> String {
        let pair = self.servers.pair(&[host]).write(self.folder.path(), host);
        format!("{pair}; client-ca {:?} require={require}", self.clients.file())
    }

    /// A server in front of an origin, which is told the client's name.
    async fn guarding(&self, origin: &Origin, require: &str) -> Vordr {
        let tls = self.tls("a.test", require);
        Vordr::running(&format!(
            r#"server a.test {{
                listen 0 tls=on
                tls {{ {tls}; }}
                request {{ set X-Client "{{client_subject}}"; }}
                location "/" {{ proxy "{}"; }}
            }}"#,
            origin.url()
        ))
        .await
    }

    pub(crate) fn stranger(&self) -> TlsClient {
        TlsClient::trusting(&self.servers)
    }
}

/// What a client is answered, if it is let in: in TLS 1.3 it learns only after its handshake that it is not.
async fn answer(client: &TlsClient, vordr: &Vordr) -> Option<u16> {
    let Secured { mut client, .. } = client.connect(vordr.address(), "a.test").await.ok()?;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Client: CN=root\r\n\r\n").await;
    Some(client.head().await?.status())
}

#[tokio::test]
async fn whoever_shows_the_right_certificate_is_let_in_and_known_by_its_name() {
    let (gate, origin) = (Gate::new(), Origin::answering("in").await);
    let vordr = gate.guarding(&origin, "on").await;
    let alice = gate.stranger().showing(&gate.clients.client("alice, ops"));
    assert_eq!(answer(&alice, &vordr).await, Some(200));
    assert_eq!(origin.only_request().header("X-Client"), Some(r"CN=alice\, ops"));
    let mut resumed = alice.connect(vordr.address(), "a.test").await.unwrap();
    resumed.client.get("a.test", "/").await;
    assert_eq!(origin.requests()[1].header("X-Client"), Some(r"CN=alice\, ops"), "a resumed session too");
}

#[tokio::test]
async fn whoever_shows_none_or_a_foreign_one_is_turned_away() {
    let (gate, origin) = (Gate::new(), Origin::answering("in").await);
    let vordr = gate.guarding(&origin, "on").await;
    let foreign = Authority::named("somebody else's authority").client("alice");
    for (versions, client) in [("1.3", gate.stranger()), ("1.2", TlsClient::of_tls12(&gate.servers))] {
        assert_eq!(answer(&client, &vordr).await, None, "{versions}");
        assert_eq!(answer(&client.showing(&foreign), &vordr).await, None, "{versions}");
    }
    assert_eq!(origin.requests().len(), 0);
    let failed =
        |reason: &str| format!(r#"vordr_tls_handshake_failures_total{{listener=":0",reason="{reason}"}}"#);
    vordr.metric_becomes(&failed("no_client_certificate"), 2.0).await;
    vordr.metric_becomes(&failed("client_certificate"), 2.0).await;
}

#[tokio::test]
async fn where_none_is_required_a_stranger_has_no_name_and_a_foreign_one_is_still_turned_away() {
    let (gate, origin) = (Gate::new(), Origin::answering("in").await);
    let vordr = gate.guarding(&origin, "off").await;
    assert_eq!(answer(&gate.stranger(), &vordr).await, Some(200));
    assert_eq!(origin.only_request().header("X-Client"), None, "what a client claims is not believed");
    let foreign = Authority::named("somebody else's authority").client("alice");
    assert_eq!(answer(&gate.stranger().showing(&foreign), &vordr).await, None);
}

#[tokio::test]
async fn a_host_leads_nobody_past_the_certificate_that_its_server_asks_for() {
    let gate = Gate::new();
    let guarded = gate.tls("guarded.test", "on");
    let [open, other] =
        ["open.test", "other.test"].map(|host| gate.servers.pair(&[host]).write(gate.folder.path(), host));
    let vordr = Vordr::running(&format!(
        r#"
        server guarded.test {{ listen 0 tls=on; tls {{ {guarded}; }}; location "/" {{ respond 200 secret; }} }}
        server open.test {{ listen 0 tls=on; tls {{ {open}; }}; location "/" {{ respond 200 open; }} }}
        server other.test {{ listen 0 tls=on; tls {{ {other}; }}; location "/" {{ respond 200 other; }} }}
        "#
    ))
    .await;
    let mut client = gate.stranger().connect(vordr.address(), "open.test").await.unwrap().client;
    assert_eq!(client.get("open.test", "/").await.text(), "open");
    assert_eq!(
        client.get("other.test", "/").await.text(),
        "other",
        "where nothing is asked for, all is well"
    );
    let refused = client.get("guarded.test", "/").await;
    assert_eq!(refused.status, 421);
    assert!(!refused.text().contains("secret"));
    vordr.log_error("misdirected").await;
    let alice = gate.stranger().showing(&gate.clients.client("alice"));
    let mut client = alice.connect(vordr.address(), "guarded.test").await.unwrap().client;
    assert_eq!(client.get("guarded.test", "/").await.text(), "secret");
    assert_eq!(client.get("open.test", "/").await.status, 421, "nor the other way round");
}

#[tokio::test]
async fn a_ticket_of_one_server_opens_no_other() {
    let gate = Gate::new();
    let guarded = gate.tls("a.test", "on");
    let open = gate.servers.pair(&["a.test"]).write(gate.folder.path(), "open");
    // The same name on two listeners, one of which asks for nothing.
    let vordr = Vordr::running(&format!(
        r#"
        server a.test {{ listen 0 tls=on; tls {{ {open}; }}; location "/" {{ respond 200 open; }} }}
        server a.test {{ listen "127.0.0.1:0" tls=on; tls {{ {guarded}; }}; location "/" {{ respond 200 secret; }} }}
        "#
    ))
    .await;
    let client = gate.stranger();
    for _ in 0..2 {
        let mut secured = client.connect(vordr.address(), "a.test").await.unwrap();
        assert_eq!(secured.client.get("a.test", "/").await.text(), "open");
    }
    let let_in = match client.connect(vordr.address_at(1), "a.test").await {
        Err(_) => false,
        Ok(mut secured) => {
            secured.client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
            secured.client.head().await.is_some()
        }
    };
    assert!(!let_in);
}
