//! What `nginx -v`, `-V` and `-?` print.

use super::super::say::complain;
use super::arguments::Arguments;
use vordr::rules::nginx::NGINX;
use vordr::rules::{Support, known_directives};

/// What nginx has where it is built with it, and a directive by which that is known: scripts look for it in `-V`.
const WITH: [(&str, &str); 18] = [
    ("http_ssl_module", "ssl_certificate"),
    ("http_v2_module", "http2"),
    ("http_v3_module", "http3"),
    ("http_realip_module", "set_real_ip_from"),
    ("http_addition_module", "add_before_body"),
    ("http_sub_module", "sub_filter"),
    ("http_dav_module", "dav_methods"),
    ("http_flv_module", "flv"),
    ("http_mp4_module", "mp4"),
    ("http_gunzip_module", "gunzip"),
    ("http_gzip_static_module", "gzip_static"),
    ("http_auth_request_module", "auth_request"),
    ("http_random_index_module", "random_index"),
    ("http_secure_link_module", "secure_link"),
    ("http_slice_module", "slice"),
    ("http_stub_status_module", "stub_status"),
    ("stream", "stream"),
    ("mail", "mail"),
];

/// What nginx has unless it is built without it.
const WITHOUT: [(&str, &str); 30] = [
    ("http_charset_module", "charset"),
    ("http_gzip_module", "gzip"),
    ("http_ssi_module", "ssi"),
    ("http_userid_module", "userid"),
    ("http_access_module", "allow"),
    ("http_auth_basic_module", "auth_basic"),
    ("http_mirror_module", "mirror"),
    ("http_autoindex_module", "autoindex"),
    ("http_geo_module", "geo"),
    ("http_map_module", "map"),
    ("http_split_clients_module", "split_clients"),
    ("http_referer_module", "valid_referers"),
    ("http_rewrite_module", "rewrite"),
    ("http_proxy_module", "proxy_pass"),
    ("http_fastcgi_module", "fastcgi_pass"),
    ("http_uwsgi_module", "uwsgi_pass"),
    ("http_scgi_module", "scgi_pass"),
    ("http_grpc_module", "grpc_pass"),
    ("http_memcached_module", "memcached_pass"),
    ("http_limit_conn_module", "limit_conn"),
    ("http_limit_req_module", "limit_req"),
    ("http_empty_gif_module", "empty_gif"),
    ("http_browser_module", "ancient_browser"),
    ("http_upstream_hash_module", "hash"),
    ("http_upstream_ip_hash_module", "ip_hash"),
    ("http_upstream_least_conn_module", "least_conn"),
    ("http_upstream_random_module", "random"),
    ("http_upstream_keepalive_module", "keepalive"),
    ("http_upstream_zone_module", "zone"),
    ("http-cache", "proxy_cache"),
];

const USAGE: &str = "\
Usage: nginx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: /etc/nginx/)
  -e filename   : set error log file (default: stderr)
  -c filename   : set configuration file (default: /etc/nginx/nginx.conf)
  -g directives : set global directives out of configuration file
";

/// Prints what was asked for.
pub(super) fn tell(arguments: &Arguments) {
    complain(&format!("nginx version: nginx/{NGINX} (vordr {})", env!("CARGO_PKG_VERSION")));
    if arguments.help {
        complain(USAGE);
    } else if arguments.features {
        let modules = modules().join(" ");
        complain(&format!("built with rustls\nTLS SNI support enabled\nconfigure arguments: {modules}"));
    }
}

/// As an nginx that can do as much would have been configured.
fn modules() -> Vec<String> {
    let is_served = |name: &str| {
        known_directives().any(|known| known.name == name && !matches!(known.support, Support::Refused(_)))
    };
    let with = WITH.iter().filter(|(_, directive)| is_served(directive));
    let without = WITHOUT.iter().filter(|(_, directive)| !is_served(directive));
    let with = with.map(|(module, _)| format!("--with-{module}"));
    with.chain(without.map(|(module, _)| format!("--without-{module}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_nginx_with_tls_and_without_fastcgi() {
        let modules = modules();
        let has = |word: &str| modules.iter().any(|module| module == word);
        assert!(has("--with-http_ssl_module") && !has("--without-http_proxy_module"), "{modules:?}");
        assert!(has("--without-http_fastcgi_module") && !has("--with-stream"), "{modules:?}");
    }
}
