//! Clients whose certificate does not hold, where they are answered and not left without a handshake.

use crate::harness::{Authority, Http2, Response, TlsClient, Vordr};
use crate::https_clients::Gate;

impl Gate {
    /// nginx's words for a server that asks for certificates, and says what came of it.
    async fn nginx(&self, verify: &str, more: &str) -> Vordr {
        let folder = self.folder.path();
        self.servers.pair(&["a.test"]).write(folder, "a");
        let files = ["a.pem", "a.key"].map(|name| folder.join(name).display().to_string());
        Vordr::reading_nginx(&format!(
            "server {{
                listen 127.0.0.1:0 ssl;
                server_name a.test;
                ssl_certificate {}; ssl_certificate_key {};
                ssl_verify_client {verify};
                ssl_client_certificate {};
                {more}
                location / {{ return 200 '$ssl_client_verify|$ssl_client_s_dn|$ssl_client_serial'; }}
            }}",
            files[0],
            files[1],
            self.clients.file().display()
        ))
        .await
    }

    fn showing_one_of(&self, authority: &Authority) -> TlsClient {
        self.stranger().showing(&authority.client("alice"))
    }
}

async fn answer(client: &TlsClient, vordr: &Vordr) -> Response {
    client.connect(vordr.address(), "a.test").await.unwrap().client.get("a.test", "/").await
}

#[tokio::test]
async fn who_shows_no_certificate_or_a_foreign_one_is_answered_400_in_nginxs_words() {
    let gate = Gate::new();
    let vordr = gate.nginx("on", "add_header X-Server a always; add_header X-Success a;").await;
    let none = answer(&gate.stranger(), &vordr).await;
    assert_eq!((none.status, none.header("X-Server"), none.header("X-Success")), (400, Some("a"), None));
    assert!(none.text().contains("<center>No required SSL certificate was sent</center>"));
    assert_eq!(none.header("Connection"), Some("close"));
    let foreign = gate.showing_one_of(&Authority::named("somebody else's authority"));
    for _ in 0..2 {
        let refused = answer(&foreign, &vordr).await;
        assert_eq!(refused.status, 400, "and when the session is taken up again");
        assert!(refused.text().contains("<center>The SSL certificate error</center>"));
    }
    let known = answer(&gate.showing_one_of(&gate.clients), &vordr).await;
    assert!(known.text().starts_with("SUCCESS|CN=alice|"), "{}", known.text());
}

#[tokio::test]
async fn error_page_tells_a_missing_certificate_from_a_bad_one() {
    let gate = Gate::new();
    let pages = "error_page 495 =403 /bad; error_page 496 /none;
        location /bad { return 200 'bad: $ssl_client_verify'; } location /none { return 200 'none'; }";
    let vordr = gate.nginx("on", pages).await;
    let none = answer(&gate.stranger(), &vordr).await;
    assert_eq!((none.status, none.text().as_str()), (400, "none"));
    let foreign = answer(&gate.showing_one_of(&Authority::named("somebody else's authority")), &vordr).await;
    assert_eq!(foreign.status, 403);
    assert_eq!(foreign.text(), "bad: FAILED:unable to verify the first certificate");
}

#[tokio::test]
async fn optional_asks_for_nothing_and_optional_no_ca_lets_in_whom_nobody_knows() {
    let gate = Gate::new();
    let foreign = gate.showing_one_of(&Authority::named("somebody else's authority"));
    let vordr = gate.nginx("optional", "").await;
    assert_eq!(answer(&gate.stranger(), &vordr).await.text(), "NONE||");
    assert_eq!(answer(&foreign, &vordr).await.status, 400);
    let vordr = gate.nginx("optional_no_ca", "").await;
    let let_in = answer(&foreign, &vordr).await.text();
    assert!(let_in.starts_with("FAILED:unable to verify the first certificate|CN=alice|"), "{let_in}");
    let expired = gate.clients.pair_with(&[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert_eq!(answer(&gate.stranger().showing(&expired), &vordr).await.status, 400);
}

#[tokio::test]
async fn http_in_the_clear_leads_where_error_page_says() {
    let gate = Gate::new();
    let vordr = gate.nginx("off", "error_page 497 =301 https://$host$request_uri;").await;
    let answer = vordr.connect().await.get("a.test", "/x?y").await;
    assert_eq!((answer.status, answer.header("Location")), (301, Some("https://a.test/x?y")));
    let vordr = gate.nginx("off", "").await;
    let answer = vordr.connect().await.get("a.test", "/x").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("<center>The plain HTTP request was sent to HTTPS port</center>"));
    // Prior knowledge of HTTP/2 leads past it no more than HTTP/1.1 does.
    assert_eq!(Http2::connect(vordr.address()).await.get("/x").await.status, 400);
}

#[tokio::test]
async fn a_name_that_is_rejected_gets_no_handshake_and_another_does() {
    let gate = Gate::new();
    let folder = gate.folder.path();
    gate.servers.pair(&["a.test"]).write(folder, "a");
    let files = ["a.pem", "a.key"].map(|name| folder.join(name).display().to_string());
    let vordr = Vordr::reading_nginx(&format!(
        "server {{ listen 127.0.0.1:0 ssl; server_name _; ssl_reject_handshake on; }}
         server {{ listen 127.0.0.1:0 ssl; server_name a.test; ssl_certificate {}; ssl_certificate_key {};
                   ssl_session_tickets off; return 200 $ssl_session_reused; }}",
        files[0], files[1]
    ))
    .await;
    let client = gate.stranger();
    let refused = client.connect(vordr.address(), "b.test").await.err().unwrap().to_string();
    assert!(refused.contains("UnrecognisedName"), "{refused}");
    for _ in 0..2 {
        assert_eq!(answer(&client, &vordr).await.text(), ".", "no session is to be taken up");
    }
}
