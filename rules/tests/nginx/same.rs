//! What a file of nginx's comes to, told by the KDL that comes to the same.

use super::{loaded, world};
use vordr_rules::load;
use vordr_rules::table::{ErrorLog, Introduction, LogFormat, LogTarget, Teller};

#[test]
fn the_name_says_which_syntax_a_file_has() {
    let nginx = "server { listen 80; return 204; }";
    assert!(load("/etc/nginx/nginx.conf", nginx, &world()).is_ok());
    assert!(load("site.conf", nginx, &world()).is_ok());
    assert!(load("site.kdl", nginx, &world()).is_err());
    assert!(load("nginx.conf.kdl", nginx, &world()).is_err());
}

#[test]
fn a_file_of_servers_alone_is_read_as_if_it_stood_in_http() {
    let server = "server { listen 80; location / { proxy_pass http://app:8000; } }";
    let alone = loaded("site.conf", &format!("upstream x {{ server a; }}\n{server}"));
    let http = format!("events {{}}\nhttp {{ upstream x {{ server a; }}\n{server} }}");
    let whole = loaded("nginx.conf", &format!("worker_processes auto;\n{http}"));
    assert_eq!(alone.table.without_places(), whole.table.without_places());
}

#[test]
fn a_whole_file_has_one_worker_unless_it_says_otherwise() {
    let workers = |text: &str| loaded("nginx.conf", text).table.process.workers;
    let http = "http { server { listen 80; return 204; } }";
    assert_eq!(workers(http), Some(1));
    assert_eq!(workers(&format!("worker_processes 3; {http}")), Some(3));
    assert_eq!(workers(&format!("worker_processes auto; {http}")), None);
    // What stands around these is in another file.
    assert_eq!(workers("server { listen 80; return 204; }"), None);
}

#[test]
fn name_servers_are_asked_for_what_variables_name() {
    let of = |words: &str| {
        let text = format!("http {{ {words} server {{ listen 80; return 204; }} }}");
        let loaded = loaded("nginx.conf", &text);
        let servers = loaded.table.process.resolver.map(|resolver| {
            assert!(resolver.placeholders_alone);
            resolver.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        });
        (servers.unwrap_or_default(), loaded.warnings.len())
    };
    assert_eq!(of(""), (String::new(), 0));
    assert_eq!(of("resolver 9.9.9.9 [::1]:5353 valid=30s;"), ("9.9.9.9:53 [::1]:5353".to_owned(), 0));
    assert_eq!(of("resolver dns.example;"), (String::new(), 1));
    assert_eq!(of("resolver dns.example 9.9.9.9;"), ("9.9.9.9:53".to_owned(), 1));
    let server = |words: &str| format!("resolver 9.9.9.9; server {{ listen 81; {words} return 204; }}");
    assert_eq!(of(&server("resolver 9.9.9.9;")).1, 0);
    assert_eq!(of(&server("resolver 8.8.8.8;")), ("9.9.9.9:53".to_owned(), 1));
    for wrong in ["valid=x", "ipv4=off ipv6=off", "nice=1"] {
        let text = format!("http {{ resolver 9.9.9.9 {wrong}; server {{ listen 80; return 204; }} }}");
        assert!(load("nginx.conf", &text, &world()).is_err(), "{wrong}");
    }
}

#[test]
fn whether_who_comes_through_a_socket_may_is_asked_only_where_there_is_one() {
    let of = |listen: &str| {
        let words = "set_real_ip_from unix:; location / { allow unix:; deny all; proxy_pass http://app:1; }";
        load("nginx.conf", &format!("http {{ server {{ listen {listen}; {words} }} }}"), &world())
    };
    let table = of("80").unwrap().table;
    assert_eq!(table.servers[0].locations[0].settings.access.rules.len(), 1);
    let table = of("unix:/run/a.sock").unwrap().table;
    assert_eq!(table.servers[0].locations[0].settings.access.rules.len(), 2);
    assert!(table.servers[0].settings.trust.as_ref().unwrap().unix);
}

#[test]
fn whose_word_counts_is_said_by_each_server_and_location() {
    let text = "http { set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;\n\
        server { listen 80 proxy_protocol; location / { set_real_ip_from unix:; return 204; } location /x { return 204; } }\n\
        server { listen 81; real_ip_header X-A; return 204; } }";
    let table = loaded("nginx.conf", text).table;
    let told = [0, 1].map(|at| table.listeners[at].proxy_protocol);
    assert_eq!(told, [Some(Introduction::Told), None]);
    let [first, second] = [0, 1].map(|at| table.servers[at].settings.trust.clone().unwrap());
    assert_eq!(first.teller, Teller::ProxyProtocol);
    assert_eq!(second.teller, Teller::Header { name: "x-a".parse().unwrap(), recursive: false });
    assert_eq!((first.proxies.len(), second.proxies.len()), (1, 1));
    let of_locations = [0, 1].map(|at| table.servers[0].locations[at].settings.trust.clone().unwrap());
    let [inner, inherited] = of_locations;
    assert!(inner.unix && inner.proxies.is_empty() && inherited == first);
    assert!(table.process.trusted_proxies.is_empty());
}

#[test]
fn a_host_that_is_trusted_is_its_addresses_of_when_it_is_loaded() {
    let world = world().with_host("front.test", "192.0.2.7".parse().unwrap());
    let of = |place: &str, host: &str| {
        let text = format!("http {{ server {{ listen 80; location / {{ return 204; {place} {host}; }} }} }}");
        load("nginx.conf", &text, &world)
    };
    let table = of("set_real_ip_from", "front.test").unwrap().table;
    let trust = table.servers[0].locations[0].settings.trust.clone().unwrap();
    assert_eq!(trust.proxies, ["192.0.2.7/32".parse().unwrap()]);
    assert!(of("set_real_ip_from", "nowhere.test").is_err());
}

#[test]
fn how_an_address_is_spoken_with_holds_for_all_servers_on_it() {
    let certificate = "ssl_certificate a; ssl_certificate_key k;";
    let of = |first: &str, second: &str| {
        let text = format!(
            "http {{ server {{ {first} server_name a; return 204; }} server {{ {second} server_name b; return 204; }} }}"
        );
        load("nginx.conf", &text, &world())
    };
    for (first, second) in [("listen 443 ssl;", "listen 443;"), ("listen 443;", "listen [::]:443 ssl;")] {
        let verify = "ssl_client_certificate c; ssl_verify_client on;";
        let table = of(&format!("{first} {certificate} {verify}"), second).unwrap().table;
        assert!(table.listeners.iter().all(|listener| listener.tls));
        let tls = table.servers.iter().map(|server| server.tls.clone().unwrap()).collect::<Vec<_>>();
        assert_eq!(tls[0].certificates, tls[1].certificates);
        assert!(tls[0].client_ca.is_some() && tls[1].client_ca.is_none());
        assert!(of(first, &format!("{second} {certificate}")).is_err());
        let second = second.replace(';', " default_server;");
        assert!(of(first, &format!("{second} {certificate}")).is_ok());
    }
}

#[test]
fn what_a_server_says_once_holds_in_its_locations() {
    let of = |outer: &str, inner: &str| {
        let text = format!(
            "http {{ {outer} server {{ listen 80; location / {{ {inner} proxy_pass http://app:8000; }} }} }}"
        );
        loaded("nginx.conf", &text).table.servers.remove(0).locations.remove(0)
    };
    let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
    assert_eq!(of("", "").settings.timeouts.read, seconds(60));
    assert_eq!(of("proxy_read_timeout 5m;", "").settings.timeouts.read, seconds(300));
    assert_eq!(of("proxy_read_timeout 5m;", "proxy_read_timeout 7;").settings.timeouts.read, seconds(7));
    assert_eq!(of("", "").settings.body_limit, Some(1 << 20));
    assert_eq!(of("client_max_body_size 0;", "").settings.body_limit, None);
    assert_eq!(of("proxy_set_header A a; proxy_set_header B b;", "").settings.request.len(), 2);
    assert_eq!(
        of("proxy_set_header A a; proxy_set_header B b;", "proxy_set_header C c;").settings.request.len(),
        1
    );
    // `X-Accel-*` is hidden besides.
    assert_eq!(of("add_header A a;", "add_header B b always;").settings.response.len(), 2);
}

#[test]
fn a_websocket_gets_through_where_both_headers_are_passed_on() {
    let allowed = |headers: &str| {
        let text = format!(
            "map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
             server {{ listen 80; location / {{ {headers} proxy_pass http://app:8000; }} }}"
        );
        let table = loaded("site.conf", &text).table;
        table.servers[0].locations[0].settings.websocket.allowed
    };
    assert!(!allowed(""));
    assert!(!allowed("proxy_set_header Upgrade $http_upgrade;"));
    assert!(!allowed("proxy_set_header Connection upgrade;"));
    assert!(!allowed("proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection '';"));
    assert!(allowed("proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection 'Upgrade';"));
    assert!(allowed(
        "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;"
    ));
}

#[test]
fn the_logs_of_a_block_take_the_place_of_those_around_it() {
    let of = |http: &str, server: &str, location: &str| {
        let text = format!(
            "http {{ log_format mine '$remote_addr'; {http}\n\
             server {{ listen 80; {server}\n location / {{ {location} return 204; }} }} }}"
        );
        let table = loaded("nginx.conf", &text).table;
        let settings = &table.servers[0].locations[0].settings;
        let logs = settings.access_logs.as_ref().unwrap_or(&table.process.access_logs);
        let told = logs.iter().map(|log| match &log.target {
            LogTarget::File(path) => format!("{path}{}", log.condition.as_ref().map_or("", |_| "?")),
            other => format!("{other:?}"),
        });
        told.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("", "", ""), "Stdout");
    assert_eq!(of("access_log a;", "", ""), "a");
    assert_eq!(of("access_log a; access_log b mine;", "", ""), "a b");
    assert_eq!(of("access_log a;", "access_log b mine;", ""), "b");
    assert_eq!(of("access_log a;", "access_log b; access_log c combined if=$http_x;", ""), "b c?");
    assert_eq!(of("access_log a;", "access_log b;", "access_log off;"), "");
    assert_eq!(of("access_log off;", "", "access_log c; access_log d;"), "c d");
    assert_eq!(of("access_log a;", "", "access_log b; access_log off;"), "");
}

#[test]
fn the_error_logs_of_a_block_take_the_place_of_those_around_it() {
    let of = |main: &str, http: &str, server: &str, location: &str| {
        let text = format!(
            "{main} http {{ {http}\n server {{ listen 80; {server}\n\
             location / {{ location /in {{ {location} return 204; }} }} }} }}"
        );
        let table = loaded("nginx.conf", &text).table;
        let told = |logs: &[ErrorLog]| {
            let told = logs.iter().map(|log| match &log.target {
                LogTarget::File(path) => format!("{path}:{}", log.level.name()),
                other => format!("{other:?}:{}", log.level.name()),
            });
            told.collect::<Vec<_>>().join(" ")
        };
        let within = table.servers[0].locations.iter().find(|location| location.name.contains("/in"));
        let settings = &within.unwrap().settings;
        let logs = settings.error_logs.as_ref().unwrap_or(&table.process.error_logs);
        (told(&table.process.error_logs), told(logs))
    };
    let both = |text: &str| (text.to_owned(), text.to_owned());
    let parted = |process: &str, location: &str| (process.to_owned(), location.to_owned());
    assert_eq!(of("", "", "", ""), both("Stderr:notice"));
    assert_eq!(of("error_log m;", "", "", ""), both("m:error"));
    assert_eq!(of("error_log m; error_log n debug;", "", "", ""), both("m:error n:debug"));
    assert_eq!(of("", "error_log h warn;", "", ""), parted("Stderr:notice", "h:warn"));
    assert_eq!(of("error_log m;", "error_log h;", "error_log s alert;", ""), parted("m:error", "s:alert"));
    let nearest =
        of("error_log m;", "error_log h;", "error_log s;", "error_log l info; error_log stderr emerg;");
    assert_eq!(nearest, parted("m:error", "l:info Stderr:emerg"));
    assert_eq!(of("", "", "", "error_log l debug_http debug_core;"), parted("Stderr:notice", "l:debug"));
}

#[test]
fn a_log_is_opened_once_however_often_it_is_named() {
    let text = "http { access_log a; server { listen 80; access_log b; location / { access_log a; return 204; }\n\
                location /x { access_log b; access_log c; return 204; } } }";
    let table = loaded("nginx.conf", text).table;
    let files = ["a", "b", "c"].map(|name| LogTarget::File(name.to_owned()));
    let mut targets = table.log_targets;
    targets.retain(|target| *target != LogTarget::Stderr);
    targets.sort_by_key(|target| format!("{target:?}"));
    assert_eq!(targets, files);
}

#[test]
fn a_format_without_a_line_that_is_escaped_as_json_is_vordrs_own() {
    let of = |format: &str| {
        let text = format!("http {{ {format}; access_log a json; server {{ listen 80; return 204; }} }}");
        let mut logs = loaded("nginx.conf", &text).table.process.access_logs;
        match logs.remove(0).format.unwrap() {
            LogFormat::Own(format) => format.name.clone(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(of("log_format json escape=json ''"), "Json");
    assert_eq!(of("log_format json escape=json '{' '}'"), "nginx-json");
}

#[test]
fn what_concerns_the_process_is_read_wherever_it_stands() {
    let text = "worker_processes 3; error_log stderr warn;\n\
        http { keepalive_timeout 65;\n\
        server { listen 80; large_client_header_buffers 4 16k; return 204; }\n\
        server { listen 81; keepalive_timeout 5; return 204; } }";
    let loaded = loaded("nginx.conf", text);
    let process = &loaded.table.process;
    assert_eq!(process.workers, Some(3));
    assert_eq!(process.error_logs[0].level, vordr_rules::table::Level::Warn);
    let idle = [process.limits.keepalive.idle, loaded.table.servers[1].settings.keepalive.idle];
    assert_eq!(idle, [65, 5].map(|time| Some(std::time::Duration::from_secs(time))));
    assert_eq!(process.limits.header_timeout, Some(std::time::Duration::from_secs(60)));
    assert_eq!(process.limits.header_size, 64 << 10);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn where_the_links_of_a_root_lead_is_looked_up_for_each_request() {
    let of = |root: &str| {
        let words = format!("{root}; location / {{ add_header X-Root $realpath_root; return 200 x; }}");
        load("nginx.conf", &format!("http {{ server {{ listen 80; {words} }} }}"), &world())
    };
    for (root, real) in [("root /srv/current/", "/srv/current"), ("root /srv/a", "/srv/a")] {
        let shown = vordr_rules::show::show(&of(root).unwrap());
        assert!(shown.contains(&format!("add \"X-Root\" \"{{real_path.{real}}}\"")), "{shown}");
    }
    let found = of("root /srv/$host").unwrap_err();
    let said: Vec<_> = found.iter().map(|found| (found.code, found.message.as_str())).collect();
    assert_eq!(said, [("not-honoured", "\"$realpath_root\" is not known here")]);
}

#[test]
fn what_goes_ahead_of_a_rate_is_kept_for_one_that_an_upstream_says() {
    let shown = |words: &str| {
        let server = format!("server {{ listen 80; {words} location / {{ proxy_pass http://app:1; }} }}");
        vordr_rules::show::show(&loaded("nginx.conf", &format!("http {{ {server} }}")))
    };
    assert!(shown("limit_rate_after 1k;").contains("send-rate off after=1024"));
    assert!(shown("limit_rate 2k; limit_rate_after 1k;").contains("send-rate 2048 after=1024"));
    assert!(!shown("limit_rate 0;").contains("send-rate"));
}
