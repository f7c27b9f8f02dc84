//! Whatever a file holds, it is read or explained.

use super::world;
use proptest::prelude::*;
use vordr_rules::{load, show};

/// Pieces of which most texts come close to something that is read.
fn a_piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "http {",
        "server {",
        "location / {",
        "location ~ ^/(a|b)/ {",
        "location = /x {",
        "upstream u {",
        "if ($http_a = b) {",
        "map $http_upgrade $c {",
        "}",
        ";",
        "\n",
        " ",
        "listen 80 ssl default_server;",
        "server_name a.example *.b;",
        "proxy_pass http://u/x/;",
        "proxy_pass https://$host$uri;",
        "server 127.0.0.1:1 weight=2 backup;",
        "return 301 /x$args;",
        "return 200 'a';",
        "add_header A \"b $http_c\" always;",
        "proxy_set_header Host $http_host;",
        "set $a b$1;",
        "include conf.d/*.conf;",
        "include snippets/loop.conf;",
        "client_max_body_size 1m;",
        "proxy_read_timeout 1h;",
        "${",
        "$",
        "\\",
        "'",
        "\"",
        "#",
        "é",
        "default",
        "allow 10.0.0.0/8;",
        "deny all;",
        "rewrite a b;",
        "ssl_certificate a;",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<String>(), 1 => "[ -~]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_stops_the_reader(pieces in prop::collection::vec(a_piece(), 0..40), lenient in any::<bool>()) {
        let text = pieces.concat();
        let world = if lenient { world().with_variable("VORDR_NGINX_COMPAT", "warn") } else { world() };
        if let Ok(first) = load("nginx.conf", &text, &world) {
            let shown = show::show(&first);
            let again = load("shown.kdl", &shown, &world);
            let again = again.unwrap_or_else(|found| panic!("{text}\n{shown}\n{found}"));
            prop_assert_eq!(first.table.without_places(), again.table.without_places(), "{}\n{}", text, shown);
        }
    }
}
