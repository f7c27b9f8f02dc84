//! A `proxy` whose URL has placeholders: each request says where it goes.

use crate::harness::{Authority, NameReply, NameServer, Origin, Vordr};
use std::net::Ipv4Addr;

const HERE: Option<Ipv4Addr> = Some(Ipv4Addr::LOCALHOST);

fn rules(words: &str) -> String {
    format!("server a.test {{ listen 0; location \"/\" {{ {words}; }} }}")
}

fn asking(to: &str) -> String {
    format!("GET /x?y HTTP/1.1\r\nHost: a.test\r\nX-To: {to}\r\n\r\n")
}

#[tokio::test]
async fn a_host_that_a_request_names_is_resolved_when_it_is_needed() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(HERE).await;
    let rules = rules(r#"proxy "http://{header.x-to}" { host upstream; }"#);
    let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
    assert_eq!(names.questions(), 0);
    let to = format!("chat.test:{}", origin.port());
    let response = vordr.send(&asking(&to)).await;
    assert_eq!((response.status, response.text().as_str()), (200, "found"));
    let seen = origin.only_request();
    assert_eq!((seen.target(), seen.header("host")), ("/x?y", Some(to.as_str())));
}

#[tokio::test]
async fn name_servers_of_the_rules_are_asked_and_may_be_for_what_requests_name_alone() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(HERE).await;
    let to = format!("chat.test:{}", origin.port());
    let resolver = |more: &str| format!("resolver \"{}\" {more}", names.address());
    let filled = rules(r#"proxy "http://{header.x-to}""#);
    for more in ["", "for=placeholders", "for=placeholders ipv6=off valid=\"1h\""] {
        let vordr = Vordr::running_with(&resolver(more), &filled).await;
        let asked = names.questions();
        for _ in 0..2 {
            assert_eq!(vordr.send(&asking(&to)).await.status, 200, "{more}");
        }
        assert_eq!(names.questions() - asked, if more.contains("ipv6") { 1 } else { 2 }, "{more}");
    }
    let asked = names.questions();
    let plain = rules(&format!("proxy \"http://{to}\""));
    let vordr = Vordr::running_with(&resolver("for=placeholders"), &plain).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 503);
    assert_eq!(names.questions(), asked);
    let vordr = Vordr::running_with(&resolver(""), &plain).await;
    vordr.resolved().await;
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
}

#[tokio::test]
async fn a_host_is_waited_for_no_longer_than_the_rules_say() {
    let names = NameServer::telling(|_, _| NameReply::Silence).await;
    let resolver = format!("resolver \"{}\" timeout=\"200ms\"", names.address());
    let vordr = Vordr::running_with(&resolver, &rules(r#"proxy "http://{header.x-to}""#)).await;
    assert_eq!(vordr.send(&asking("chat.test")).await.status, 502);
    let line = vordr.log_error("no_upstream").await;
    let detail = line["error_detail"].as_str().unwrap_or_default();
    assert!(detail.ends_with("chat.test: no name server answered in time"), "{line}");
}

#[tokio::test]
async fn the_last_good_answer_is_kept_when_the_name_servers_fall_silent() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(HERE).await;
    let resolver = format!("resolver \"{}\" timeout=\"200ms\"", names.address());
    let vordr = Vordr::running_with(&resolver, &rules(r#"proxy "http://{header.x-to}""#)).await;
    let request = asking(&format!("chat.test:{}", origin.port()));
    assert_eq!(vordr.send(&request).await.status, 200);
    names.tell(|_, _| NameReply::Silence);
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(vordr.send(&request).await.status, 200);
    }
}

#[tokio::test]
async fn no_label_of_a_metric_is_a_host_that_a_request_names() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(HERE).await;
    let vordr =
        Vordr::running_with_nameserver(names.address(), &rules(r#"proxy "http://{header.x-to}""#)).await;
    for name in ["one", "two"] {
        assert_eq!(vordr.send(&asking(&format!("{name}.test:{}", origin.port()))).await.status, 200);
    }
    let name = "{header.x-to}";
    let series =
        format!(r#"vordr_upstream_requests_total{{code_class="2xx",peer="{name}",upstream="{name}"}}"#);
    vordr.metric_becomes(&series, 2.0).await;
    assert!(!vordr.admin("/metrics").await.text().contains("one.test"));
}

#[tokio::test]
async fn what_names_nobody_is_a_502_that_says_so() {
    let names = NameServer::answering(None).await;
    let vordr =
        Vordr::running_with_nameserver(names.address(), &rules(r#"proxy "http://{header.x-to}""#)).await;
    for to in ["nobody.test", "", "a b", "a@b", "127.0.0.1:99999", "unix:/run/a.sock", "[::1", "a%0d%0ab"] {
        let response = vordr.send(&asking(to)).await;
        assert_eq!(response.status, 502, "{to}");
    }
    let line = vordr.log_error("no_upstream").await;
    assert!(line["error_detail"].as_str().is_some_and(|detail| detail.contains("nobody.test")), "{line}");
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_asked_for_again_a_second_later() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(None).await;
    let vordr =
        Vordr::running_with_nameserver(names.address(), &rules(r#"proxy "http://{header.x-to}""#)).await;
    let request = asking(&format!("chat.test:{}", origin.port()));
    assert_eq!(vordr.send(&request).await.status, 502);
    let asked = names.questions();
    assert_eq!(vordr.send(&request).await.status, 502);
    assert_eq!(names.questions(), asked);
    names.change(HERE);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(vordr.send(&request).await.status, 200);
}

#[tokio::test]
async fn an_upstream_is_named_by_its_own_name_or_by_another() {
    let (one, two) = (Origin::answering("one").await, Origin::answering("two").await);
    let vordr = Vordr::running(&format!(
        r#"upstream one {{ server "127.0.0.1:{}"; }}
        upstream two {{ server "127.0.0.1:{}"; }}
        {}"#,
        one.port(),
        two.port(),
        rules(r#"proxy "http://{header.x-to}" { name "two.internal" two; }"#)
    ))
    .await;
    for (to, answer) in [("one", "one"), ("two", "two"), ("two.internal", "two")] {
        assert_eq!(vordr.send(&asking(to)).await.text(), answer, "{to}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_named_by_requests_alone_has_its_names_resolved() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(HERE).await;
    let rules = format!(
        "upstream app {{ server \"chat.test:{}\"; }}\n{}",
        origin.port(),
        rules(r#"proxy "http://{header.x-to}""#)
    );
    let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
    assert_eq!(vordr.send(&asking("app")).await.text(), "found");
}

#[tokio::test]
async fn the_checks_of_an_upstream_that_is_named_by_requests_alone_speak_as_requests_do() {
    let authority = Authority::new();
    let secure = Origin::answering_tls(&authority.identity("localhost"), "secure").await;
    let plain = Origin::answering("plain").await;
    let vordr = Vordr::running(&format!(
        r#"upstream secure {{ server "https://localhost:{}"; health "/healthz" every="100ms"; }}
        upstream plain {{ server "{}"; health "/healthz" every="100ms"; }}
        {}"#,
        secure.port(),
        plain.url(),
        rules(&format!(r#"proxy "{{header.x-to}}" {{ tls ca={:?} sni="localhost"; }}"#, authority.file()))
    ))
    .await;
    for origin in [&secure, &plain] {
        assert_eq!(origin.first_request().await.target(), "/healthz");
    }
    assert_eq!(vordr.send(&asking("https://secure")).await.text(), "secure");
    assert_eq!(vordr.send(&asking("http://plain")).await.text(), "plain");
}

#[tokio::test]
async fn a_failure_of_it_falls_back_as_any_other_does() {
    let origin = Origin::answering("spare").await;
    let words = format!(r#"on-error 502 {{ proxy "{}"; }}; proxy "http://{{header.x-to}}""#, origin.url());
    let vordr = Vordr::running(&rules(&words)).await;
    for to in ["a b", "127.0.0.1:1"] {
        assert_eq!(vordr.send(&asking(to)).await.text(), "spare", "{to}");
    }
}

#[tokio::test]
async fn a_path_in_it_takes_the_place_of_the_requests_with_its_query() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running(&rules(r#"proxy "{header.x-to}""#)).await;
    let to = format!("{}/in/here?z", origin.url());
    assert_eq!(vordr.send(&asking(&to)).await.status, 200);
    assert_eq!(origin.only_request().target(), "/in/here?z");
}

#[tokio::test]
async fn a_pool_that_names_no_server_itself_is_not_down() {
    let vordr = Vordr::running(&rules(r#"proxy "http://{header.x-to}""#)).await;
    let status: serde_json::Value = serde_json::from_str(&vordr.admin("/status").await.text()).unwrap();
    assert_eq!(status["status"], "healthy", "{status}");
}
