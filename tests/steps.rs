//! `steps`: what is done with a request before its location is looked for, and before its action.

use crate::harness::{Origin, Vordr};

/// vordr with one server, `a.test`, that has these words.
async fn serving(words: &str) -> Vordr {
    Vordr::running(&format!("server a.test {{ listen 0\n {words}\n }}")).await
}

#[tokio::test]
async fn a_rewritten_path_is_what_the_upstream_is_asked_for() {
    let app = Origin::answering("app").await;
    let vordr = serving(&format!(
        r##"steps {{ rewrite #"^/old/(.*)$"# "/new/{{1}}"; when "{{arg.lang}}" {{ set lang "{{arg.lang}}"; }} }}
            location "/new" {{
                steps {{ rewrite #"^/new/(?<name>.*)$"# "/app?name={{1}}" then=stay; }}
                request {{ set X-Lang "{{var.lang}}"; set X-Name "{{var.name}}"; }}
                proxy "{}"
            }}"##,
        app.url()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/old/a%26b?lang=de").await.text(), "app");
    let seen = app.only_request();
    assert_eq!(seen.target(), "/app?name=a%26b&lang=de");
    assert_eq!((seen.header("X-Lang"), seen.header("X-Name")), (Some("de"), Some("a&b")));
    assert_eq!(vordr.log_line(|_| true).await["path"], "/old/a%26b", "the log tells of what came");
}

#[tokio::test]
async fn a_circle_of_rewritings_is_answered_500_and_named_in_log_and_metrics() {
    let vordr = serving(r##"location "/" { steps { rewrite "^/(.*)$" "/x{1}"; }; respond 200; }"##).await;
    assert_eq!(vordr.get("http://a.test/a").await.status, 500);
    let line = vordr.log_error("rewrite_loop").await;
    assert_eq!((&line["status"], &line["route"]), (&500.into(), &"/".into()));
    let counted = "vordr_http_requests_total{code=\"500\",method=\"GET\",route=\"/\",server=\"a.test\"}";
    vordr.metric_becomes(counted, 1.0).await;
}

#[tokio::test]
async fn a_regex_that_takes_too_long_lets_nobody_past_and_the_log_tells_of_it() {
    let vordr = serving(
        r##"location regex="(?i)/(a|b|ab)*(?>c)" { deny all; respond 200 "fits"; }
            location "/when" { steps { when "{arg.x}" matches="(?i)/(a|b|ab)*(?>c)" { respond 403; }; }; respond 200; }
            location "/" { respond 200 "root"; }"##,
    )
    .await;
    assert_eq!(vordr.get("http://a.test/ababc").await.status, 403);
    assert_eq!(vordr.get("http://a.test/x").await.text(), "root");
    let long = "ab".repeat(28);
    assert_eq!(vordr.get(&format!("http://a.test/{long}")).await.status, 500);
    let line = vordr.log_error("regex_too_long").await;
    assert_eq!(&line["status"], &500);
    assert_eq!(vordr.get(&format!("http://a.test/when?x=/{long}")).await.status, 500);
}

#[tokio::test]
async fn a_step_that_answers_does_so_before_credentials_are_asked_for() {
    let vordr = serving(
        r##"location "/" {
                steps { when "{path}" is="/robots.txt" { respond 200 "open"; }; }
                deny all
                respond 200 "shut"
            }"##,
    )
    .await;
    assert_eq!(vordr.get("http://a.test/robots.txt").await.text(), "open");
    assert_eq!(vordr.get("http://a.test/x").await.status, 403);
}
