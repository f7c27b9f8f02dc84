//! Rules that are made to cost much: what is short to write is short to read.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fmt::Write;
use vordr_rules::{InMemory, load, render, show};

/// Lines made of numbers.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

fn codes(text: &str, world: &InMemory) -> Vec<&'static str> {
    let found = load("rules.kdl", text, world).unwrap_err();
    render::human(&found, render::Drawing::Plain);
    found.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn templates_that_double_at_each_step_are_expanded_once() {
    let mut text = "template t0 { response { add X-Seen once; }; }\n".to_owned();
    for step in 1..64 {
        let before = step - 1;
        writeln!(text, "template t{step} {{ use t{before} t{before}; use t{before}; }}").unwrap();
    }
    text += r#"server "a.example" { listen 80; use t63; location "/" { respond 204; }; }"#;
    let loaded = load("rules.kdl", &text, &InMemory::default()).unwrap();
    assert_eq!(loaded.table.servers[0].settings.response.len(), 1);
}

#[test]
fn a_long_chain_of_templates_is_followed_without_descending() {
    let chain = lines(2_000, |step| format!("template t{step} {{ use t{}; }}", step + 1));
    let server = r#"server "a.example" { listen 80; use t0; location "/" { respond 204; }; }"#;
    let whole = format!("{chain}\ntemplate t2000 {{ body-limit 1; }}\n{server}");
    let loaded = load("rules.kdl", &whole, &InMemory::default()).unwrap();
    assert_eq!(loaded.table.servers[0].settings.body_limit, Some(1));
    let round = format!("{chain}\ntemplate t2000 {{ use t0; }}\n{server}");
    assert_eq!(codes(&round, &InMemory::default()), ["template-cycle"]);
}

#[test]
fn a_template_used_twice_counts_where_it_is_strongest() {
    let text = r#"
        template one { body-limit 1; }
        template two { body-limit 2; }
        server "a.example" { listen 80; use one two one; location "/" { respond 204; }; }
    "#;
    let loaded = load("rules.kdl", text, &InMemory::default()).unwrap();
    assert_eq!(loaded.table.servers[0].settings.body_limit, Some(1));
}

#[test]
fn a_template_of_a_server_and_of_its_location_counts_in_the_location() {
    let text = r#"
        template one { response { add X-Via vordr; }; use two; body-limit 1; }
        template two { response { add X-Two two; }; }
        server "a.example" { listen 80; use one; body-limit 2; location "/" { use one; respond 204; }; }
    "#;
    let loaded = load("rules.kdl", text, &InMemory::default()).unwrap();
    let settings = &loaded.table.servers[0].locations[0].settings;
    assert_eq!((settings.response.len(), settings.body_limit), (2, Some(1)));
    assert_eq!(loaded.table.servers[0].settings.response.len(), 2);
}

#[test]
fn files_that_include_the_next_one_twice_are_read_once() {
    let mut world = InMemory::default();
    for number in 0..40 {
        let next = number + 1;
        let text = format!("include \"f{next}.kdl\"\ninclude \"f{next}.kdl\"");
        world = world.with_file(&format!("f{number}.kdl"), text);
    }
    let codes = codes("include \"f0.kdl\"", &world);
    assert!(codes.contains(&"duplicate-include") && codes.len() < 40, "{codes:?}");
}

#[test]
fn a_file_that_includes_itself_by_another_name_is_found_out() {
    let world = InMemory::default().with_file("a.kdl", "include \"././a.kdl\"");
    assert_eq!(codes("include \"./a.kdl\"", &world), ["include-cycle"]);
    let deep = InMemory::default();
    let deep = (0..60).fold(deep, |world, depth| {
        world.with_file(&format!("{}a.kdl", "b/../".repeat(depth)), "include \"b/../a.kdl\"")
    });
    assert_eq!(codes("include \"a.kdl\"", &deep), ["too-deep"]);
}

#[test]
fn pools_that_want_one_name_are_numbered_without_a_search() {
    let locations = lines(1_000, |number| {
        format!("location \"/{number}\" {{ proxy \"http://a\" {{ keepalive {}; }}; }}", number / 2)
    });
    let text = format!("server \"a.example\" {{ listen 80\n{locations}\n}}");
    let loaded = load("rules.kdl", &text, &InMemory::default()).unwrap();
    let names: Vec<_> = loaded.table.upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[1], names[499]), (500, "a", "a#2", "a#500"));
    show::show(&loaded);
}

#[test]
fn what_is_no_kdl_at_all_is_refused_without_a_deep_stack() {
    for piece in ["= \n", "\"", "/-", "(a)", "a= ", "} \n", ";", "#\"", "{\n", "[", "\u{7}", "\\"] {
        let found = codes(&format!("a {}", piece.repeat(20_000)), &InMemory::default());
        assert!(!found.is_empty(), "{piece}");
    }
}
