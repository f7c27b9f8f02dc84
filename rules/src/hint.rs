//! What people who come from nginx, or from another version, most likely meant.

use crate::word::Word;

/// Words of nginx, and what stands for them here.
const FROM_NGINX: [(&str, &str); 32] = [
    ("proxy_pass", "proxy"),
    ("server_name", "server \"example.org\" { … }"),
    ("add_header", "response { set NAME VALUE; }"),
    ("add_trailer", "response { trailer NAME VALUE; }"),
    ("proxy_set_header", "request { set NAME VALUE; }"),
    ("proxy_hide_header", "response { remove NAME; }"),
    ("proxy_read_timeout", "timeouts read=\"60s\""),
    ("proxy_send_timeout", "timeouts send=\"60s\""),
    ("proxy_connect_timeout", "timeouts connect=\"5s\""),
    ("send_timeout", "timeouts client=\"60s\""),
    ("client_body_timeout", "timeouts client=\"60s\""),
    ("client_header_timeout", "vordr { limits { header-timeout \"30s\"; } }"),
    ("client_max_body_size", "body-limit"),
    ("proxy_buffering", "buffering off"),
    ("proxy_request_buffering", "buffering on"),
    ("client_body_in_file_only", "buffering on file=kept"),
    ("post_action", "afterwards"),
    ("proxy_store", "proxy \"…\" { store \"/srv/copies{path}\"; }"),
    ("proxy_http_version", "proxy \"…\" { http \"1.1\"; }"),
    ("proxy_ssl_server_name", "proxy \"https://…\" { tls sni=\"…\"; }"),
    ("proxy_ssl_verify", "proxy \"https://…\" { tls verify=on; }"),
    ("return", "redirect or respond"),
    ("root", "files"),
    ("try_files", "files \"/srv\" { try \"{path}\" \"/index.html\"; }"),
    ("alias", "files \"/srv\" strip-prefix=\"/prefix\""),
    ("autoindex", "files \"/srv\" listing=on"),
    ("default_type", "types default=\"…\" { … }"),
    ("stub_status", "stub-status"),
    ("error_page", "on-error 502 { … }"),
    ("ssl_certificate", "tls { cert \"…\"; key \"…\"; }"),
    ("keepalive_timeout", "vordr { limits { keepalive \"75s\"; } }"),
    ("real_ip_header", "vordr { trusted-proxies \"…\"; }"),
];

/// What `name` most likely stands for, where spelling alone does not tell.
pub(crate) fn for_unknown(parent: &Word, name: &str) -> Option<String> {
    if let Some((_, ours)) = FROM_NGINX.iter().find(|(theirs, _)| *theirs == name) {
        return Some((*ours).to_owned());
    }
    // `websocket_idle` for `websocket idle=…`: a word and its property in one.
    let plain = name.replace('_', "-");
    parent.words().find_map(|word| {
        let property = plain.strip_prefix(word.name)?.strip_prefix('-')?;
        let known = word.properties.iter().find(|known| **known == property)?;
        Some(format!("{} {known}=\"…\"", word.name))
    })
}
