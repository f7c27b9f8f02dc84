//! Steps, and what they come to.
#![allow(clippy::unwrap_used)]

use super::super::scene::{STRANGER, Scene};
use super::*;
use http::StatusCode;
use http::header::LOCATION;

/// A server with these words.
fn scene(words: &str, request: &str) -> Scene {
    Scene::under(&format!("server a.test {{ listen 8080\n {words}\n }}"), STRANGER, request)
}

/// What the upstream is asked for under these words.
fn asked(words: &str, target: &str) -> String {
    let mut scene = scene(words, &format!("GET {target}"));
    assert_eq!(scene.admit(), crate::exchange::Admission::Forward, "{words}");
    scene.reach();
    match scene.exchange.upstream_path(&scene.request) {
        Some(path) => String::from_utf8(path).unwrap(),
        None => target.to_owned(),
    }
}

/// Status, `Location` or body of an answer under these words.
fn told(words: &str, request: &str) -> (u16, String) {
    let answer = scene(words, request).answer();
    let location = answer.headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
    (answer.status.as_u16(), location.unwrap_or_else(|| String::from_utf8(answer.body.to_vec()).unwrap()))
}

#[test]
fn a_new_path_is_searched_for_or_stays_as_the_rules_say() {
    let words = |then: &str| {
        format!(
            r##"location "/a" {{ steps {{ rewrite #"^/a/(.*)$"# "/b/{{1}}" then={then}; set x 1; }}; proxy "http://app"; }}
                location "/b" {{ proxy "http://other"; request {{ set X-B yes; }}; }}"##
        )
    };
    for (then, location) in [("next", "/b"), ("search", "/b"), ("stay", "/a")] {
        let mut scene = scene(&words(then), "GET /a/x%20y?q");
        assert_eq!(scene.admit(), crate::exchange::Admission::Forward);
        assert_eq!(scene.exchange.location().unwrap().name, location, "{then}");
        assert_eq!(scene.exchange.route().unwrap().name, "/a", "{then}");
        assert_eq!(asked(&words(then), "/a/x%20y?q"), "/b/x%20y?q");
    }
    assert_eq!(asked(&words("next"), "/a?q"), "/a?q", "no location fits, and no step");
}

#[test]
fn the_query_stays_or_goes_as_the_question_marks_say() {
    for (written, target, seen) in [
        ("/new/{1}", "/x?q=1", "/new/x?q=1"),
        ("/new/{1}?", "/x?q=1", "/new/x"),
        ("/new?p={1}", "/x?q=1", "/new?p=x&q=1"),
        ("/new?p={1}?", "/x?q=1", "/new?p=x"),
        ("/new?p={1}", "/a%26b%20c", "/new?p=a%26b%20c"),
        ("/new?p={1}", "/x", "/new?p=x"),
        ("/{1}?{query}&r", "/x?q=1", "/x?q=1&r&q=1"),
        ("/new%20/{1}", "/x", "/new%2520/x"),
    ] {
        let words = format!(
            r##"location "/" {{ steps {{ rewrite "^/(.*)$" "{written}" then=stay; }}; proxy "http://app"; }}"##
        );
        assert_eq!(asked(&words, target), seen, "{written} for {target}");
    }
}

#[test]
fn a_client_is_sent_where_a_rewriting_leads() {
    for (written, then, target, answer) in [
        ("/n/{1}", "redirect", "/x?q=1", (302, "/n/x?q=1")),
        ("/n/{1}?", "permanent", "/x?q=1", (301, "/n/x")),
        ("https://b.test/{1}", "permanent", "/a%20b", (301, "https://b.test/a%20b")),
        ("/n/{1}", "redirect", "/a%26b%3Fc", (302, "/n/a&b?c")),
        ("/{1}", "redirect", "//evil.test", (302, "/evil.test")),
        ("/n?p={1}", "redirect", "/x?q=1", (302, "/n?p=x&q=1")),
    ] {
        let words = format!(
            r##"location "/" {{ steps {{ rewrite "^/(.*)$" "{written}" then={then}; }}; respond 204; }}"##
        );
        let told = told(&words, &format!("GET {target}"));
        assert_eq!((told.0, told.1.as_str()), answer, "{written} for {target}");
    }
}

#[test]
fn what_holds_of_a_request_is_told_as_nginx_tells_it() {
    let held = |test: &str, request: &str| {
        let words =
            format!(r##"location "/" {{ steps {{ when {test} {{ respond 200; }}; }}; respond 204; }}"##);
        told(&words, request).0 == StatusCode::OK.as_u16()
    };
    for (test, request, holds) in [
        (r#""{arg.debug}""#, "GET /?debug=1", true),
        (r#""{arg.debug}""#, "GET /?debug=0", false),
        (r#""{arg.debug}""#, "GET /?debug=", false),
        (r#""{arg.debug}""#, "GET /", false),
        (r#""{method}" is=POST"#, "POST /", true),
        (r#""{method}" is-not=POST"#, "POST /", false),
        (r#""{header.x}" is="""#, "GET /", true),
        (r#""{header.x}" is="{header.y}""#, "GET /\nX: a\nY: a", true),
        (r#""{header.user-agent}" matches="(?i)bot""#, "GET /\nUser-Agent: BadBot/1", true),
        (r#""{header.user-agent}" not-matches="(?i)bot""#, "GET /\nUser-Agent: BadBot/1", false),
        (r#""{path}" matches="^/a b$""#, "GET /a%20b", true),
        (r#""/usr{path}" exists=folder"#, "GET /bin", true),
        (r#""/usr{path}" exists=file"#, "GET /bin", false),
        (r#""/usr{path}" exists=any"#, "GET /none/such", false),
        (r#""/usr{path}" not-exists=any"#, "GET /none/such", true),
        (r#""/usr/bin{path}" exists=executable"#, "GET /env", true),
        (r#""/etc{path}" exists=executable"#, "GET /passwd", false),
    ] {
        assert_eq!(held(test, request), holds, "{test} for {request}");
    }
}

#[test]
fn a_variable_is_what_it_was_set_to_last_and_what_a_group_with_a_name_captured() {
    let words = r##"
        steps { set kind desktop; set unset "{var.late}"; when "{header.user-agent}" matches="(?i)iphone" { set kind mobile; } }
        location regex=#"^/(?<lang>en|de)/(.*)$"# {
            steps { set late "{2}"; when "{host}" matches="^(?<sub>[a-z]+)\\." { set host "{1}"; }; }
            redirect "/{var.kind}/{var.lang}/{var.sub}/{var.host}/{var.late}/{1}-{var.unset}"
        }
        location "/" { redirect "/{var.kind}{var.lang}"; }"##;
    assert_eq!(told(words, "GET /de/x").1, "/desktop/de/a/a/x/a-");
    assert_eq!(told(words, "GET /other\nUser-Agent: iPhone").1, "/mobile");
}

#[test]
fn another_location_may_lend_its_action_and_settings_while_the_steps_go_on() {
    let words = r##"
        location "/" {
            steps {
                when "{arg.v}" is=two { act-as second; set seen two; }
                when "{arg.v}" is=break { act-as second; break; }
                when "{arg.x}" { respond 403 "{var.seen}"; }
            }
            respond 200 first
        }
        location name=second { steps { respond 500; }; respond 200 second; }"##;
    assert_eq!(told(words, "GET /").1, "first");
    assert_eq!(told(words, "GET /?v=two"), (200, "second".to_owned()));
    assert_eq!(told(words, "GET /?v=two&x=1").0, 403, "its own steps are not taken, and the others are");
    assert_eq!(told(words, "GET /?v=break&x=1"), (200, "second".to_owned()));
}

#[test]
fn steps_of_a_server_come_before_its_locations_and_those_of_a_location_before_its_guards() {
    let words = r##"
        steps {
            when "{host}" matches="^www\\.(.*)$" { redirect 301 "{scheme}://{1}{uri}"; }
            rewrite "^/old/(.*)$" "/new/{1}"
            when "{path}" is="/gone" { enter gone; }
            when "{path}" is="/seek" { search "/new/sought"; }
        }
        location "/new" { respond 200 new; }
        location "/guarded" { deny all; steps { when "{arg.key}" is=k { respond 200 in; }; }; respond 204; }
        location "/" { respond 200 root; }
        location name=gone { respond 410; }"##;
    assert_eq!(told(words, "GET /x?y\nHost: www.b.test"), (301, "http://b.test/x?y".to_owned()));
    assert_eq!(told(words, "GET /old/a").1, "new");
    assert_eq!(told(words, "GET /gone").0, 410);
    assert_eq!(told(words, "GET /seek").1, "new");
    assert_eq!(told(words, "GET /guarded?key=k"), (200, "in".to_owned()));
    assert_eq!(told(words, "GET /guarded").0, 403);
}

#[test]
fn steps_that_lead_in_a_circle_are_ended() {
    let words = r##"location "/" { steps { rewrite "^/(.*)$" "/x{1}"; }; respond 204; }"##;
    let mut scene = scene(words, "GET /a");
    assert_eq!(scene.answer().status, 500);
    assert_eq!(scene.exchange.failure, Some(Failure::RewriteLoop));
}

#[test]
fn a_path_that_climbs_out_after_a_rewriting_is_refused() {
    let words =
        r##"location "/" { steps { rewrite "^/" "/files/{arg.name}" then=stay; }; proxy "http://app"; }"##;
    assert_eq!(asked(words, "/?name=a/../b"), "/files/b?name=a/../b");
    assert_eq!(scene(words, "GET /?name=../../etc").answer().status, 400);
}

#[test]
fn what_stands_behind_a_prefix_means_nothing_once_the_path_is_another() {
    let words = |step: &str| {
        format!(r##"location "/a/" {{ steps {{ {step}; }}; rewrite "/in/{{rest}}"; proxy "http://app"; }}"##)
    };
    assert_eq!(asked(&words("set x 1"), "/a/b?c"), "/in/b?c");
    assert_eq!(asked(&words(r#"rewrite "^/a/(.*)$" "/new/{1}" then=stay"#), "/a/b?c"), "/new/b?c");
    assert_eq!(asked(&words(r#"rewrite "^/a/(.*)$" "/new/{1}"; break"#), "/a/b?c"), "/new/b?c");
}

#[test]
fn a_regex_within_a_location_is_asked_before_those_around_it() {
    let words = r##"
        location "/a/" raw=on { respond 200 outer; }
        location "/a/b" raw=on within="/a/" { respond 200 inner; }
        location regex="\\.txt$" within="/a/" { respond 200 text; }
        location "/a/static/" raw=on { respond 200 static; }
        location "/a/last/" raw=on final=on { respond 200 last; }
        location regex="c\\.txt$" { respond 200 around; }
        location "/" { respond 200 root; }"##;
    for (path, body) in [
        ("/a/x", "outer"),
        ("/a/b/x", "inner"),
        ("/a/b/c.txt", "text"),
        ("/a/static/x.txt", "static"),
        ("/a/static/c.txt", "around"),
        ("/a/last/c.txt", "last"),
        ("/c.txt", "around"),
        ("/x.txt", "root"),
    ] {
        assert_eq!(told(words, &format!("GET {path}")).1, body, "{path}");
    }
}

#[test]
fn a_redirect_is_unescaped_where_that_changes_nothing() {
    for (from, to) in [
        ("/a%26b%2Bc", "/a&b+c"),
        ("/a%20b%0Ac%25d", "/a%20b%0Ac%25d"),
        ("/a%3Fb%26c", "/a?b%26c"),
        ("/a?b%26c", "/a?b%26c"),
        ("/a%", "/a%"),
        ("/a%4", "/a%4"),
        ("/a%zz", "/a%zz"),
    ] {
        assert_eq!(String::from_utf8(unescaped(from.as_bytes())).unwrap(), to, "{from}");
    }
}

#[test]
fn what_was_captured_stands_in_a_url_as_what_it_was_captured_of_does() {
    let redirected = |subject: &str, request: &str| {
        let words = format!(
            r##"location "/" {{ steps {{ when "{subject}" matches="^/?(.*)$" {{ redirect "https://b.test/n/{{1}}" query=off; }}; }}; respond 204; }}"##
        );
        told(&words, request).1
    };
    for (subject, request, seen) in [
        ("{uri}", "GET /a%2Fb%20c?d=%31&e", "a%2Fb%20c?d=%31&e"),
        ("{normal_path}", "GET /a%20b%3Fc%25?d", "a%20b%3Fc%25"),
        ("{uri}{normal_path}", "GET /a%20b?c", "a%2520b%3Fc/a%20b"),
        ("{arg.p}", "GET /?p=a%2Fb?c#d", "a%2Fb%3Fc"),
        ("{header.x-p}", "GET /\nX-P: a%2Fb?c#d<", "a%2Fb%3Fc%23d%3C"),
    ] {
        assert_eq!(redirected(subject, request), format!("https://b.test/n/{seen}"), "{subject}");
    }
}

#[test]
fn a_path_that_was_made_of_what_came_is_told_as_that() {
    let words = |path: &str| {
        format!(
            r##"location "/a" raw=on {{ rewrite "/x/{{normal_path}}?"
                steps {{ rewrite "^" "{path}" then=next; rewrite "^/a/(.*)" "{{1}}" then=stay; respond 400; }}
                proxy "http://app"; }}"##
        )
    };
    assert_eq!(asked(&words("{uri}"), "/a/b%2Fc%20d?e=%31"), "/x/b%2Fc%20d?e=%31");
    assert_eq!(asked(&words("{normal_path}"), "/a/b%25c%20d?e"), "/x/b%25c%20d");
}

#[test]
fn what_a_client_says_beside_other_text_breaks_out_of_no_url_that_begins_with_it() {
    let words = r##"location "/me" {
        steps { rewrite "^/me$" "/users/{arg.uid}" then=stay; }
        rewrite "{normal_path}"; proxy "http://app"; }"##;
    assert_eq!(asked(words, "/me?uid=7?role%20b#c"), "/users/7%3Frole%20b?uid=7?role%20b");
    let words = r##"location "/" { steps { when "/users/{header.x-p}" matches="^(.*)$" { redirect "{1}" query=off; }; }; respond 204; }"##;
    assert_eq!(told(words, "GET /\nX-P: 7?role=a#b%2F").1, "/users/7%3Frole=a%23b%2F");
    // One that is all that was said may be a whole URL.
    let words = r##"location "/" { steps { when "{header.x-p}" matches="^(.*)$" { redirect "{1}" query=off; }; }; respond 204; }"##;
    assert_eq!(told(words, "GET /\nX-P: https://b.test/a?b#c").1, "https://b.test/a?b#c");
}

#[test]
fn a_new_query_leaves_the_path_what_it_was_made_of() {
    let words = r##"location "/a" { rewrite "{normal_path}"
        steps { rewrite "^" "{uri}" then=next; query "f=2"; break; }
        proxy "http://app"; }"##;
    assert_eq!(asked(words, "/a%2Fb%20c?d=%31"), "/a%2Fb%20c?d=%31");
    let words = r##"location "/a" { rewrite "/x{normal_path}"
        steps { rewrite "^/a/(.*)" "{1}" then=stay; }
        proxy "http://app"; }"##;
    assert_eq!(asked(words, "/a/b"), "/xb");
}

#[test]
fn a_path_without_its_slash_is_no_part_of_a_host() {
    let words = |url: &str| {
        format!(
            r##"location "/old/" raw=on {{ steps {{ rewrite "^/old/(.*)$" "{{1}}" then=stay; }}; proxy "{url}"; }}"##
        )
    };
    let reached = |url: &str, target: &str| {
        let mut scene = scene(&words(url), &format!("GET {target}"));
        assert_eq!(scene.admit(), crate::exchange::Admission::Forward, "{url}");
        scene.exchange.goal(&scene.request).unwrap().map(|goal| (goal.authority, goal.path)).ok()
    };
    let at = |host: &str, path: &str| Some((host.to_owned(), Some(path.as_bytes().to_vec())));
    for target in ["/old/.evil.test/x", "/old/:8080/x", "/old/@evil.test/x"] {
        let path = format!("/{}", target.strip_prefix("/old/").unwrap());
        assert_eq!(reached("http://app{normal_path}", target), at("app", &path), "{target}");
    }
    // A host of the client's choice is what these rules ask for.
    assert_eq!(reached("http://{normal_path}", "/old/b.test/x"), at("b.test", "/x"));
}
