//! Files of nginx's as KDL: it comes to the same, keeps every comment, and says nothing twice.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::Path;
use vordr_rules::{Fate, Imported, InMemory, import, load, render, show};

fn world() -> InMemory {
    InMemory::default().with_file(
        "/etc/nginx/conf.d/a.conf",
        "# of a\nserver { listen 8081; server_name a.example; return 204; }\n",
    )
}

fn imported(text: &str) -> Imported {
    import("/etc/nginx/nginx.conf", text, &world())
        .unwrap_or_else(|found| panic!("{text}\n{}", render::human(&found, render::Drawing::Plain)))
}

/// The rules that hold, without where they come from.
fn in_force(loaded: &vordr_rules::Loaded) -> String {
    let shown = show::show(loaded);
    let without_place = |line: &str| line.split("    // ").next().unwrap_or_default().to_owned() + "\n";
    shown.lines().map(without_place).collect()
}

#[test]
fn a_comment_ends_where_it_ended_whatever_kdl_takes_for_the_end_of_a_line() {
    let kdl = imported("# one\u{5}\u{c}location\u{2028}two\nserver { listen 80; return 204; }").kdl;
    assert!(kdl.contains("\n// one  location two\nserver "), "{kdl}");
    assert!(load("again.kdl", &kdl, &world()).is_ok(), "{kdl}");
}

#[test]
fn a_credential_that_is_not_shown_is_written_as_it_is() {
    let text = "server { listen 80; location / { proxy_set_header Authorization \"Basic czNjcmV0\"; \
                proxy_set_header Cookie sid=s3cret; proxy_pass http://127.0.0.1:8000; } }";
    let imported = imported(text);
    assert!(imported.kdl.contains("\"Authorization\" \"Basic czNjcmV0\"\n"), "{}", imported.kdl);
    assert!(imported.kdl.contains("\"Cookie\" \"sid=s3cret\"\n"), "{}", imported.kdl);
    let shown = show::show(&imported.loaded);
    assert!(
        shown.contains("\"Authorization\" \"Basic ***\"\n") && shown.contains("\"Cookie\" \"sid=***\"\n"),
        "{shown}"
    );
}

/// A site as people write it.
const SITE: &str = r#"# All of it.
worker_processes auto;    # one a core
events { worker_connections 1024; }

http {
    # Streams.
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }

    # Two of them,
    # side by side.
    upstream app {
        least_conn;
        server 10.0.0.1:8000; # the old one
        server 10.0.0.2:8000 backup;
    }

    server {
        listen 80;
        server_name example.org; # and nothing else
        client_max_body_size 20m;

        location / {
            # As the client wrote it.
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_read_timeout 5m;
            proxy_pass http://app;
        }

        location /ws {
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 24h; # for days
            proxy_pass http://app;
        }

        location /api/ {
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_read_timeout 5m;
            proxy_pass http://10.0.0.3:9000/;
            # nothing more
        }

        add_header X-One 1;
        location /old { add_header X-Two 2; return 301 /new; }
    }

    include conf.d/*.conf;
    # the end
}
"#;

#[test]
fn a_site_becomes_what_a_person_would_have_written() {
    let imported = imported(SITE);
    let report: String = imported
        .report
        .iter()
        .map(|note| format!("{}:{}: {}: {}\n", note.place.file, note.place.line, note.fate.name(), note.said))
        .collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "import" }, {
        insta::assert_snapshot!("site", format!("{}\n{report}", imported.kdl).trim_end());
    });
}

#[test]
fn every_comment_is_there_once() {
    let kdl = imported(SITE).kdl;
    for comment in [
        "All of it.",
        "one a core",
        "Streams.",
        "Two of them,",
        "side by side.",
        "the old one",
        "and nothing else",
        "As the client wrote it.",
        "for days",
        "nothing more",
        "of a",
        "the end",
    ] {
        assert_eq!(kdl.matches(&format!("// {comment}\n")).count(), 1, "{comment}\n{kdl}");
    }
}

#[test]
fn what_several_locations_say_is_a_template() {
    let kdl = imported(SITE).kdl;
    assert_eq!(kdl.matches("set \"X-Real-IP\"").count(), 1, "{kdl}");
    assert_eq!(kdl.matches("use websocket-and-request-headers\n").count(), 2, "{kdl}");
}

#[test]
fn whatever_is_read_comes_to_the_same_in_kdl() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [folder.join("tests/nginx/read"), folder.join("../tests/beside_nginx/cases")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let (mut count, mut lines, mut full) = (0, 0, 0);
    for path in files.filter(|path| path.extension().is_some_and(|ending| ending == "conf")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("%%PORT%%", "80").replace("%%ORIGIN%%", "10.0.0.1:8000");
        let text = match text.contains("http {") || text.contains("server {") {
            true => text,
            false => format!("server {{ listen 80;\n{text}\n}}"),
        };
        // Some speak of files that are not here.
        let Ok(imported) = import("/srv/site.conf", &text, &InMemory::default()) else { continue };
        let again = load("/srv/site.kdl", &imported.kdl, &InMemory::default()).unwrap_or_else(|found| {
            panic!("{}\n{}\n{}", path.display(), imported.kdl, render::human(&found, render::Drawing::Plain))
        });
        assert_eq!(in_force(&imported.loaded), in_force(&again), "{}\n{}", path.display(), imported.kdl);
        count += 1;
        // The requests of a case are its comments.
        lines += imported.kdl.lines().filter(|line| !line.trim_start().starts_with("//")).count();
        full += show::show(&imported.loaded).lines().count();
    }
    assert!(count >= 100, "only {count}");
    // It is shorter by a third than what holds.
    assert!(lines * 3 < full * 2, "{lines} of {full}");
}

#[test]
fn the_report_tells_of_what_is_dropped_changed_impossible_and_a_trap() {
    let text = "http {\n sendfile on;\n add_header X-One 1;\n server {\n listen 80 default_server;\n proxy_ssl_crl a.crl;\n \
                location / { add_header X-Two 2; return 204; }\n }\n}\n";
    let report = imported(text).report;
    let told: Vec<_> = report.iter().map(|note| (note.place.line, note.fate)).collect();
    for note in [(2, Fate::Dropped), (5, Fate::Changed), (6, Fate::Impossible), (7, Fate::Trap)] {
        assert!(told.contains(&note), "{note:?} {report:#?}");
    }
    assert!(report.iter().all(|note| note.said.len() > 20), "{report:#?}");
}
