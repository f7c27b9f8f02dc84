//! A path is forwarded as it came, unless the rules change it.

use crate::harness::{Origin, Vordr};

async fn forwarded(settings: &str, block: &str, target: &str) -> String {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running(&format!(
        r##"server a.test {{
            listen 0
            location regex=#"^/v(\d+)/(.*)$"# {{ {settings}; proxy "{url}" {{ {block}; }} }}
            location "/" {{ {settings}; proxy "{url}" {{ {block}; }} }}
        }}"##,
        url = origin.url(),
        settings = if settings.is_empty() { "buffering off" } else { settings },
        block = if block.is_empty() { "host preserve" } else { block },
    ))
    .await;
    assert_eq!(vordr.connect().await.get("a.test", target).await.status, 200);
    origin.only_request().target().to_owned()
}

#[tokio::test]
async fn encoded_bytes_and_odd_segments_are_forwarded_as_they_came() {
    for target in ["/a%2Fb/c%20d?x=%41&y=a+b", "/a//b/./c/../d", "/?", "/%7Euser/~", "/a;b=c,d:@!$&'()*+="] {
        assert_eq!(forwarded("", "", target).await, target);
    }
}

#[tokio::test]
async fn strip_prefix_takes_whole_segments_and_leaves_a_slash() {
    let strip = r#"strip-prefix "/x""#;
    for (target, expected) in
        [("/x/a%2Fb?q=1", "/a%2Fb?q=1"), ("/x", "/"), ("/x?q=1", "/?q=1"), ("/xy", "/xy"), ("/x/", "/")]
    {
        assert_eq!(forwarded("", strip, target).await, expected, "{target}");
    }
}

#[tokio::test]
async fn strip_prefix_goes_by_the_normal_path_as_the_location_does() {
    let strip = r#"strip-prefix "/x""#;
    for (target, expected) in [
        ("/%78/y", "/y"),
        ("/./x/y", "/y"),
        ("/a/../x/y?q=1", "/y?q=1"),
        ("/%78/a%20b%3fc", "/a%20b%3Fc"),
        ("/x/../x/y", "/y"),
        ("/x/../y", "/x/../y"),
        ("/x%3Fy", "/x%3Fy"),
        ("/x/./y", "/./y"),
    ] {
        assert_eq!(forwarded("", strip, target).await, expected, "{target}");
    }
}

#[tokio::test]
async fn rewrite_fills_captures_in_and_keeps_the_query_unless_it_has_one() {
    let rewrite = r#"rewrite "/api/{1}/{2}""#;
    let vordr_sees = |rewrite: &'static str, target: &'static str| async move {
        let origin = Origin::answering("ok").await;
        let vordr = Vordr::running(&format!(
            r##"server a.test {{ listen 0; location regex=#"^/v(\d+)/(.*)$"# {{ {rewrite}; proxy "{}"; }} }}"##,
            origin.url()
        ))
        .await;
        assert_eq!(vordr.connect().await.get("a.test", target).await.status, 200);
        origin.only_request().target().to_owned()
    };
    assert_eq!(vordr_sees(rewrite, "/v2/items/a%20b?x=1").await, "/api/2/items/a%20b?x=1");
    assert_eq!(vordr_sees(r#"rewrite "/api/{1}?own=1""#, "/v2/items?x=1").await, "/api/2?own=1");
}

#[tokio::test]
async fn a_target_that_names_a_scheme_and_a_host_is_forwarded_without_them() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let response = vordr.send("GET http://a.test/x?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(response.status, 200);
    assert_eq!(origin.only_request().target(), "/x?y=1");
}

#[tokio::test]
async fn options_of_the_whole_server_is_answered_and_does_not_break_anything() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let status = client.response().await.status;
    assert!(matches!(status, 200 | 400 | 404), "{status}");
}
