//! Files that do not load: one snapshot of what is said for each of `broken/*.conf`.

use super::world;
use std::path::Path;
use vordr_rules::{load, render};

#[test]
fn every_broken_file_is_explained_with_its_place_and_a_remedy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nginx/broken");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "conf"));
    files.sort();
    assert!(files.len() >= 20, "only {} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let found = load("nginx.conf", &text, &world()).expect_err(&name);
        let said = render::human(&found, render::Drawing::Plain);
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "broken" }, {
            insta::assert_snapshot!(name, said);
        });
    }
}

#[test]
fn what_cannot_be_honoured_is_a_warning_where_that_is_asked_for() {
    let text = "http { proxy_ssl_crl a.crl; server { listen 80; fastcgi_pass app:9000; return 204; } }";
    assert!(load("nginx.conf", text, &world()).is_err());
    let lenient = world().with_variable("VORDR_NGINX_COMPAT", "warn");
    let text = "http { proxy_ssl_crl a.crl; server { listen 80; location / { fastcgi_pass app:9000; } } }";
    let loaded = load("nginx.conf", text, &lenient).expect("it loads");
    let codes: Vec<_> = loaded.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["not-honoured", "not-honoured"]);
    // What nginx itself refuses stays an error.
    assert!(load("nginx.conf", "http { server { listn 80; } }", &lenient).is_err());
}

#[test]
fn what_keeps_strangers_out_does_so_though_it_is_not_honoured() {
    let lenient = world().with_variable("VORDR_NGINX_COMPAT", "warn");
    let shown = |locations: &str| {
        let text =
            format!("http {{ server {{ listen 80; root /srv; location / {{ return 404; }} {locations} }} }}");
        let loaded = load("nginx.conf", &text, &lenient);
        let loaded =
            loaded.unwrap_or_else(|found| panic!("{}", render::human(&found, render::Drawing::Plain)));
        vordr_rules::show::show(&loaded)
    };
    let php = shown("location ~ \\.php$ { try_files $uri =404; deny 192.0.2.1; fastcgi_pass app:9000; }");
    assert!(php.contains("502") && php.contains("deny") && !php.contains("files "), "{php}");
    let within = shown("location /a { if ($arg_x) { expires 1h; } fastcgi_pass app:9000; }");
    assert!(within.contains("502") && !within.contains("files "), "{within}");
    let secure = shown("location /a { secure_link $arg_s; if ($secure_link = \"\") { return 403; } }");
    assert!(secure.contains("403"), "{secure}");
    let answer = shown("location /a { return 499; }");
    assert!(answer.contains("502") && !answer.contains("files "), "{answer}");
}
