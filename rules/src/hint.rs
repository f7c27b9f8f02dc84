//! What people who come from nginx, or from another version, most likely meant.

use crate::language::TOP;
use crate::word::Word;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Where most words stand; the top of a file has no name.
const USUAL_BLOCKS: [&str; 4] = ["", "vordr", "server", "location"];
/// In so many blocks a word stands at most for them to be told.
const MOST_BLOCKS: usize = 4;

/// Words of nginx, and what stands for them here.
const FROM_NGINX: [(&str, &str); 62] = [
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
    ("proxy_ssl_verify", "proxy \"https://…\" { tls verify=off; }"),
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
    ("gzip", "compress gzip"),
    ("gzip_types", "compress gzip types=\"…\""),
    ("gzip_min_length", "compress gzip min-size=\"1k\""),
    ("gzip_static", "files \"/srv\" precompressed=on"),
    ("limit_req", "limit rate=\"10/s\" burst=20"),
    ("limit_req_zone", "limit rate=\"10/s\" key=\"{client_ip}\""),
    ("limit_req_status", "limit rate=\"10/s\" status=429"),
    ("limit_conn", "concurrent 10"),
    ("limit_conn_zone", "concurrent 10 key=\"{client_ip}\""),
    ("limit_rate", "send-rate"),
    ("auth_basic", "auth basic file=\"…\" realm=\"…\""),
    ("auth_basic_user_file", "auth basic file=\"…\""),
    ("auth_request", "auth location=\"/…\""),
    ("ssl_certificate_key", "tls { cert \"…\"; key \"…\"; }"),
    ("ssl_protocols", "tls { versions \"1.2\" \"1.3\"; }"),
    ("ssl_client_certificate", "tls { client-ca \"…\"; }"),
    ("proxy_redirect", "location-fix"),
    ("proxy_cookie_path", "cookie-path"),
    ("proxy_cookie_domain", "cookie-domain"),
    ("proxy_next_upstream", "retry"),
    ("proxy_bind", "proxy \"…\" { bind \"…\"; }"),
    ("proxy_ssl_trusted_certificate", "proxy \"https://…\" { tls ca=\"…\"; }"),
    ("least_conn", "balance least-conn"),
    ("ip_hash", "balance ip-hash"),
    ("max_fails", "passive fails=3 for=\"30s\""),
    ("set_real_ip_from", "vordr { trusted-proxies \"…\"; }"),
    ("sub_filter", "substitute"),
    ("internal", "location \"/…\" internal=on { … }"),
    ("error_log", "error-log"),
    ("access_log", "access-log"),
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

/// The blocks in which `name` stands, where it is a word: the usual ones first.
pub(crate) fn blocks_of(name: &str) -> &'static [&'static str] {
    static BLOCKS: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(blocks);
    BLOCKS.get(name).map_or(&[], Vec::as_slice)
}

/// The blocks of every word.
fn blocks() -> HashMap<&'static str, Vec<&'static str>> {
    let mut blocks: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut seen: Vec<&'static Word> = vec![TOP];
    let mut at = 0;
    while let Some(word) = seen.get(at).copied() {
        at += 1;
        for child in word.words() {
            let of_child = blocks.entry(child.name).or_default();
            // A template's block is a location's, and that is where a word is looked for.
            if word.name != "template" && !of_child.contains(&word.name) {
                of_child.push(word.name);
            }
            if !seen.iter().any(|known| std::ptr::eq(*known, child)) {
                seen.push(child);
            }
        }
    }
    let rank =
        |name: &&str| USUAL_BLOCKS.iter().position(|usual| usual == name).unwrap_or(USUAL_BLOCKS.len());
    for of_word in blocks.values_mut() {
        of_word.sort_by_key(rank);
        of_word.truncate(MOST_BLOCKS);
    }
    blocks
}
