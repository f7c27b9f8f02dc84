//! `vordr show`: what it prints is the same table again, whatever was written.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use proptest::prelude::*;
use vordr_rules::{InMemory, load, render, show};

/// Loads a text, shows it, loads that, and compares the tables.
fn survives(text: &str) -> String {
    let world = InMemory::default().with_file("page.html", "a\u{2028}b\u{feff}\"\\${X}");
    let load = |name: &str, text: &str| {
        load(name, text, &world)
            .unwrap_or_else(|found| panic!("{text}\n{}", render::human(&found, render::Drawing::Plain)))
    };
    let written = load("rules.kdl", text);
    let shown = show::show(&written);
    let again = load("shown.kdl", &shown);
    assert_eq!(written.table.without_places(), again.table.without_places(), "{text}\n{shown}");
    shown
}

/// A server with settings, and a location with others.
fn nested(outer: &str, inner: &str) -> String {
    format!(
        "template none {{ cors off; limit off; }}\n\
         server a.example {{\nlisten 80\n{outer}\nlocation \"/\" {{\n{inner}\nrespond 204\n}}\n}}"
    )
}

#[test]
fn a_location_that_ends_a_setting_of_its_server_is_shown_so() {
    let shown = survives(&nested("websocket ping=\"30s\"", "websocket ping=off"));
    assert!(shown.contains("websocket on idle=\"3600s\" ping=off"), "{shown}");
    let shown = survives(&nested("cors { origins \"*\"; credentials off; }", "cors off"));
    assert!(shown.contains("cors off"), "{shown}");
    survives(&nested("limit rate=\"1/s\"", "limit off"));
    survives(&nested("compress gzip", "compress off"));
    survives(&nested("auth bearer file=t", "auth off"));
    survives(&nested("satisfy any", "satisfy all"));
    survives(&nested("timeouts read=\"1s\"", "timeouts read=off"));
    survives(&nested("body-limit 1", "body-limit off"));
    survives(&nested("buffering on", "buffering off"));
    for (outer, inner) in [("on", "off"), ("off", "rate"), ("rate", "redirect"), ("redirect", "on")] {
        let shown = survives(&nested(&format!("steering {outer}"), &format!("steering {inner}")));
        assert!(shown.contains(&format!("steering {inner}")), "{shown}");
    }
}

#[test]
fn what_is_said_of_an_answers_body_is_shown() {
    let trailers = r#"response { trailer X-Took "{duration}"; trailer X-Ok yes errors=off; }"#;
    let shown = survives(&nested(trailers, "response { trailer X-Own own; }"));
    assert_eq!(shown.matches("trailer \"X-Ok\" \"yes\" errors=off").count(), 1, "{shown}");
    let shown = survives(&nested("send-rate \"1k\"", "send-rate off after=\"1k\""));
    assert!(shown.contains("send-rate off after=1024"), "{shown}");
    survives(&nested("send-rate off after=\"1k\"", "send-rate off"));
    let proxy = "proxy \"http://a:1\" { ranges on; read-rate \"2k\"; }";
    let shown = survives(&format!("server a.example {{\nlisten 80\nlocation \"/\" {{ {proxy}; }}\n}}"));
    assert!(shown.contains("ranges on") && shown.contains("read-rate 2048"), "{shown}");
}

#[test]
fn a_cors_that_takes_the_place_of_the_servers_does_not_get_its_words() {
    let outer =
        r#"cors { origins "https://a.example"; headers X-A; expose X-B; max-age "1d"; credentials on; }"#;
    let shown = survives(&nested(outer, r#"use none; cors { origins "https://b.example"; }"#));
    assert!(shown.contains("headers \"*\"\n            expose off"), "{shown}");
    let shown = survives(&nested(outer, r#"cors { headers "*"; expose off; max-age off; }"#));
    assert!(shown.contains("max-age off"), "{shown}");
}

#[test]
fn types_that_nginx_has_are_shown_in_a_word_and_others_in_full() {
    let shown = survives(&nested("types like=nginx", "types like=nginx { type \"text/x-css\" css; }"));
    assert_eq!(shown.matches("types like=nginx default=\"application/octet-stream\"").count(), 2, "{shown}");
    assert_eq!(shown.matches(" type ").count(), 1, "{shown}");
    assert!(shown.contains("type \"text/x-css\" \"css\""), "{shown}");
    let without = survives(&nested("types { type \"text/html\" html; }", ""));
    assert!(!without.contains("like="), "{without}");
}

#[test]
fn the_types_of_the_image_in_nginxs_place_are_nginxs_and_some_more() {
    let world =
        InMemory::default().with_file("mime.types", include_str!("../../deploy/nginx/etc/mime.types"));
    let file = "events {} http { include mime.types; server { listen 80; location / { return 204; } } }";
    let rules = load("nginx.conf", file, &world)
        .unwrap_or_else(|found| panic!("{}", render::human(&found, render::Drawing::Plain)));
    let shown = show::show(&rules);
    assert!(shown.contains("types like=nginx ") && shown.contains("text/markdown"), "{shown}");
    assert!(!shown.contains("image/png"), "{shown}");
}

#[test]
fn a_brace_in_the_path_of_an_error_log_is_shown_as_it_is_written() {
    let text =
        r#"vordr { error-log "/var/log/{a}.log"; }; server a { listen 80; location "/" { respond 204; }; }"#;
    let shown = survives(text);
    assert!(shown.contains("error-log \"/var/log/{a}.log\""), "{shown}");
}

#[test]
fn the_error_logs_of_a_place_are_shown_where_they_are_others_than_those_around_it() {
    let text = r#"
        template told { error-log "syslog:10.0.0.1" level=alert tag=a hostname=off; }
        server a {
            listen 80
            error-log "/var/log/a.log" format=nginx
            error-log stderr level=warn
            location "/" { respond 204; }
            location "/b" { use told; respond 204; }
        }"#;
    let shown = survives(text);
    let syslog = "error-log \"syslog:10.0.0.1:514\" facility=local7 tag=\"a\" hostname=off level=alert";
    assert!(shown.contains(syslog), "{shown}");
    assert_eq!(shown.matches("error-log \"/var/log/a.log\" level=info format=nginx").count(), 1, "{shown}");
}

#[test]
fn a_server_for_every_host_is_shown_with_its_listeners() {
    let server = |head: &str, port: u16| {
        format!("server {head} {{ listen {port}; location \"/\" {{ respond 204; }}; }}\n")
    };
    let text = server("a", 80) + &server("b default=on", 80) + &server("\"*\"", 80);
    let shown = survives(&text);
    assert_eq!(shown.matches("listen \":80\"").count(), 3, "{shown}");
    survives(&(server("a", 80) + &server("\"*\"", 80)));
    survives(&(server("\"*\" default=on", 80) + &server("a", 80)));
    // The same server takes every host of one address by its `*`, and not of the other.
    let both = "server \"*\" { listen 80; listen 81; location \"/\" { respond 204; }; }\n";
    survives(&(server("a", 80) + both + &server("c default=on", 81)));
}

#[test]
fn what_kdl_refuses_as_it_stands_is_shown_escaped() {
    survives(&nested("", "on-error 500 { respond 500 file=\"page.html\"; }"));
    survives(&nested("", "on-error 500 { respond 500 text type=\"text/é\"; }"));
    survives(&nested("response { set X-A \"{{{host}}} $${{A}}\"; }", "response { add X-A b; }"));
}

#[test]
fn pools_are_shown_with_all_their_words() {
    survives(
        r#"
        upstream app {
            server "127.0.0.1:8000" weight=2
            server "app.example:8001" backup=on
            server "unix:/run/app.sock"
            balance hash key="{header.X-User}"
            sticky cookie=sid
            health "/healthz" every="1500ms" status=204
            passive fails=1
            retry off
            try-for "3s"
            keepalive 7 idle=off
            connections 9
        }
        server a.example {
            listen 80
            on-error 502 { proxy "http://b:1" { keepalive 3; retry 2 on="connect timeout 503"; }; }
            location "/a" { proxy "https://c" "https://d" { host "x"; tls sni="y" verify=off; balance random; }; }
            location "/b" { proxy app { strip-prefix "/"; proxy-protocol v2; }; }
            location "/c" { proxy "http://b:1" { keepalive 3; }; }
            location "/d" { files "/srv/d"; }
            location "/e" { files "srv \"e\"" index=i fallback="/f/g" precompressed=on strip-prefix="/e/" symlinks=on; }
        }
    "#,
    );
}

#[test]
fn variables_are_shown_with_their_cases_in_order() {
    survives(
        r##"
        map b from="{host}:{var.a}" hostnames=on { case "*.x" "{path}"; case ".y" ""; case "z.*" "{{\"}}"; }
        map a from="{client_ip}" {
            case "" empty
            case regex=#"^(?<n>\d+)\.(.)"# "{var.n}-{2}"
            case network="10.1.2.3/8" ten
            case network="2001:db8::/32" six
            case share="0.5%" few
            case share="99.5%" many
            default "{uri}"
        }
        server a { listen 80; location "/" { redirect "/{var.a}{var.b}"; }; }
    "##,
    );
}

#[test]
fn which_header_of_a_trusted_proxy_is_believed_is_shown() {
    for (written, line) in [
        ("", "trusted-proxies \"10.0.0.0/8\"\n"),
        (" header=off", "trusted-proxies \"10.0.0.0/8\" header=off\n"),
        (" header=X-A recursive=off", "trusted-proxies \"10.0.0.0/8\" header=\"x-a\" recursive=off\n"),
    ] {
        let text = format!("vordr {{ trusted-proxies \"10.0.0.0/8\"{written}; }}");
        assert!(survives(&text).contains(line), "{written}");
    }
}

#[test]
fn who_is_believed_by_a_proxy_header_is_shown() {
    let words = "trusted-proxies unix \"10.0.0.0/8\" by=proxy-protocol";
    for how in ["on", "told"] {
        let text = format!(
            "vordr {{ trusted-proxies \"10.0.0.0/8\"; }}\nserver a {{ listen 80 proxy-protocol={how}; {words}\n\
             location \"/\" {{ respond 204; }}; }}"
        );
        let shown = survives(&text);
        assert!(shown.contains(&format!("listen \":80\" proxy-protocol={how}\n")), "{shown}");
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn what_of_an_answer_is_put_right_is_shown_as_it_was_written() {
    let shown = survives(
        r##"server a { listen 80
            location "/" { proxy "http://app" {
                location-fix "http://a/{host}" "/b"; location-fix regex=#"^(\w+)$"# "{1}"
                cookie-domain "a" "b"; cookie-path regex="^/" "/"; cookie-path "/a" "/b"
                cookie-flags "a" secure=on httponly=off samesite=none; cookie-flags regex="" samesite=off
                method PURGE; pass-headers off; pass-body off; pass-server on; outlast-client on
            }; } }"##,
    );
    for line in [
        "location-fix \"http://a/{host}\" \"/b\"\n",
        "cookie-flags \"a\" secure=on httponly=off samesite=none\n",
        "cookie-flags regex=\"\" samesite=off\n",
        "method \"PURGE\"\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn where_spans_go_is_shown_without_the_secrets_of_the_way() {
    let with = |trace: &str| {
        format!("vordr {{ {trace}; }}\nserver a {{ listen 80; location \"/\" {{ respond 204; }}; }}")
    };
    let shown = survives(&with("trace \"http://c:4318\""));
    assert!(
        shown.contains("trace \"http://c:4318/v1/traces\" protocol=http ratio=1 parent=any\n"),
        "{shown}"
    );
    let shown = survives(&with(
        "trace \"https://c\" protocol=grpc ratio=\"0.000001\" parent=trusted service=\"a b\"",
    ));
    assert!(shown.contains("ratio=0.000001 parent=trusted service=\"a b\"\n"), "{shown}");
    // The value itself is no longer known, and what is shown still loads.
    let world = InMemory::default();
    let secret =
        with("trace \"https://c/x?y=1\" { header \"Authorization\" \"s3cret\"; header X-A s3cret; }");
    let shown = show::show(&load("rules.kdl", &secret, &world).unwrap());
    assert!(shown.contains("trace \"https://c/x?y=1\"") && !shown.contains("s3cret"), "{shown}");
    let again = load("shown.kdl", &shown, &world).unwrap().table.process.trace.unwrap();
    let names: Vec<_> = again.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["authorization", "x-a"]);
}

#[test]
fn a_limit_behind_an_off_holds_and_one_before_it_does_not() {
    let limits = |outer: &str, inner: &str| {
        let text = format!("server a {{ listen 80; {outer}; location \"/\" {{ {inner}; respond 204; }}; }}");
        let mut loaded = load("rules.kdl", &text, &InMemory::default()).unwrap();
        std::mem::take(&mut loaded.table.servers[0].locations[0].settings.limits)
    };
    let outer = "limit rate=\"1/s\" burst=9";
    let alone = limits("body-limit 1", "limit rate=\"5/s\"");
    assert_eq!(alone.len(), 1);
    assert_eq!(limits(outer, "limit off; limit rate=\"5/s\""), alone);
    assert_eq!(limits(outer, "limit rate=\"2/s\"; limit off; limit rate=\"5/s\""), alone);
    assert_eq!(limits(outer, "limit rate=\"5/s\"; limit off"), []);
}

#[test]
fn what_comes_from_outside_is_text_and_a_secret_with_braces_is_not_shown() {
    let world =
        InMemory::default().with_variable("APP", "v-{client_ip}").with_file("/s", "ab{{cd}Top{Secret}9\n");
    let text = r#"server a.example { listen 80; location "/" {
        request { set X-A "${file:/s} {host}"; set X-B "${APP}{host}"; set X-C "${NONE:-{{}"; }
        proxy "http://app"
    }; }"#;
    let shown = show::show(&load("rules.kdl", text, &world).unwrap());
    for line in [r#""X-A" "*** {host}""#, r#""X-B" "v-{{client_ip}}{host}""#, r#""X-C" "{{""#] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains("ab{") && !shown.contains("Secret"), "{shown}");
}

#[test]
fn credentials_in_headers_are_not_shown_and_nothing_else_is_hidden_with_them() {
    let rules = r#"
        server on {
            listen 80
            request {
                set Authorization "Bearer s3cret"; add Proxy-Authorization "Basic s3cret"; default authorization "s3cret on"
                set Cookie "sid=s3cret; a; lang=s3cret"; set X-Zone "s3cret-free"
            }
            location "/" {
                request { set Authorization "on"; set Cookie "sid={cookie.sid}"; set Proxy-Authorization ""; }
                websocket on
                respond 204
            }
        }"#;
    let world = InMemory::default();
    let shown = show::show(&load("rules.kdl", rules, &world).unwrap());
    for line in [
        "server \"on\" {",
        "set \"Authorization\" \"Bearer ***\"",
        "add \"Proxy-Authorization\" \"Basic ***\"",
        "default \"authorization\" \"***\"",
        "set \"Cookie\" \"sid=***;***; lang=***\"",
        "set \"X-Zone\" \"s3cret-free\"",
        "set \"Authorization\" \"***\"",
        "set \"Cookie\" \"sid={cookie.sid}\"",
        "set \"Proxy-Authorization\" \"\"",
        "websocket on",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert_eq!(shown.matches("s3cret").count(), 1, "{shown}");
    load("shown.kdl", &shown, &world).unwrap();
}

/// Words of which any may stand in a server, a location or a template.
fn a_setting() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "timeouts read=\"7s\"",
        "timeouts connect=off",
        "websocket off",
        "forwarded off",
        "forwarded on",
        "response { add X-G g errors=off; set X-H \"{arg.a}{?}\" errors=on; }",
        "websocket idle=\"2h\"",
        "websocket ping=\"20s\"",
        "websocket on ping=off",
        "buffering on",
        "body-limit \"3m\"",
        "body-limit off",
        "request { set X-A \"{client_ip}\"; remove \"X-B*\"; }",
        "response { add X-C c; default X-D d; }",
        "cors { origins \"*\"; credentials off; }",
        "cors { origins \"https://*.b.example\"; methods GET; headers X-E; max-age \"5m\"; }",
        "cors { origins \"https://c.example\"; expose X-F; credentials on; }",
        "cors off",
        "allow \"10.0.0.0/8\"",
        "deny all",
        "satisfy any",
        "limit rate=\"5/m\" key=\"{host}\"",
        "limit off",
        "limit rate=\"5/s\" burst=9 at-once=3 spaced=on zone=z status=503; limit rate=\"7/h\"",
        "limit rate=\"9/d\" status=429",
        "concurrent 3",
        "concurrent 4 key=\"{host}\" zone=z status=429; concurrent 5",
        "concurrent off",
        "header-names plain",
        "header-names any",
        "auth basic file=f realm=r",
        "auth jwt jwks=j copy=\"sub:X-User\"",
        "auth off",
        "compress br gzip",
        "compress off",
        "compress gzip types=\"text/html *\" min-size=20 vary=off proxied=off",
        "on-error 502 { respond 503 busy; }",
        "on-error 404 from=upstream { proxy \"http://spare\" { keepalive 1; }; }",
        "use one",
        "use two one",
    ])
}

/// A few settings, each word at most once unless it may stand often.
fn settings() -> impl Strategy<Value = String> {
    prop::collection::vec(a_setting(), 0..5).prop_map(|mut settings| {
        let mut seen: Vec<&str> = Vec::new();
        settings.retain(|setting| {
            let word = setting.split(' ').next().unwrap();
            let often = ["allow", "deny", "auth", "on-error", "use"].contains(&word);
            let fresh = often || !seen.contains(&word);
            seen.push(word);
            fresh
        });
        settings.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_shown_as_the_same_table(
        templates in [settings(), settings()],
        outer in settings(),
        inner in [settings(), settings()],
        hosts in prop::sample::subsequence(vec!["a", "*", "*.b", "c default=on"], 1..=4).prop_shuffle(),
    ) {
        let [one, two] = templates.map(|words| words.replace("use two one", "").replace("use one", ""));
        let mut text = format!("template one {{\n{one}\n}}\ntemplate two {{\nuse one\n{two}\n}}\n");
        for (number, host) in hosts.iter().enumerate() {
            let host = host.split_once(' ').map_or(format!("\"{host}\""), |(host, rest)| format!("\"{host}\" {rest}"));
            let [first, second] = &inner;
            text += &format!(
                "server {host} {{\nlisten 80{}\nlisten \"127.0.0.1:{}\"\n{outer}\n\
                 location \"/\" {{\n{first}\nproxy \"http://app\"\n}}\n\
                 location exact=\"/x\" \"/y/\" {{\nmatch query=a \"header:x-b=c\"\n{second}\nredirect \"/z{{rest}}\" query=off\n}}\n}}\n",
                number % 2, 81 + number % 2,
            );
        }
        survives(&text);
    }
}

#[test]
fn every_certificate_of_a_server_is_shown_with_its_own_key() {
    let shown = survives(
        "server a.example {\nlisten 443 tls=on\n\
         tls {\ncert a.pem\ncert b.pem\nkey a.key\nkey b.key passwords=words\n}\n\
         location \"/\" { respond 204; }\n}",
    );
    let lines: Vec<_> =
        shown.lines().map(str::trim).filter(|line| line.contains("cert") || line.contains("key")).collect();
    assert_eq!(
        lines,
        ["cert \"a.pem\"", "key \"a.key\"", "cert \"b.pem\"", "key \"b.key\" passwords=\"words\""]
    );
}
