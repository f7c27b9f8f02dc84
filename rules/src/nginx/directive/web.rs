//! What is about answers, access and logs.

use super::{ANY, Context, Definition, Support, flag, honoured, needless, refused};

const HTTP: Context = Context::HTTP;
const SERVER: Context = Context::SERVER;
const HTTP_SERVER: Context = HTTP.or(SERVER);
const LOCATION: Context = Context::LOCATION;
const SITE: Context = Context::SITE;
const WITH_IF: Context = SITE.or(Context::LOCATION_IF);
const WITH_LIMIT: Context = SITE.or(Context::LIMIT_EXCEPT);

const OWN_ROOM: &str = "vordr gives what is read and written the room that it needs";
const TLS_LIBRARY: &str = "TLS is done by another library, with safe defaults";
const BODIES: &str = "vordr does not change bodies; let the app write what is wanted";

#[rustfmt::skip]
pub(super) const ALL: &[Definition] = &[
    // Headers.
    honoured("add_header", WITH_IF, 2, 3).many(),
    honoured("add_header_inherit", SITE, 1, 1),
    honoured("add_trailer", WITH_IF, 2, 3).many(),
    honoured("add_trailer_inherit", SITE, 1, 1),
    honoured("expires", WITH_IF, 1, 2),
    honoured("etag", SITE, 1, 1),
    honoured("if_modified_since", SITE, 1, 1),
    needless("chunked_transfer_encoding", SITE, 1, 1, "an answer without a length is framed as its client's HTTP asks"),
    honoured("default_type", SITE, 1, 1),
    honoured("types", SITE, 0, 0).block(Context::FREE).many(),
    honoured("charset", WITH_IF, 1, 1),
    honoured("charset_types", SITE, 1, ANY),
    honoured("charset_map", Context::HTTP, 2, 2).block(Context::FREE).many(),
    honoured("override_charset", WITH_IF, 1, 1),
    honoured("source_charset", WITH_IF, 1, 1),
    // Files.
    honoured("root", WITH_IF, 1, 1),
    honoured("alias", LOCATION, 1, 1),
    honoured("index", SITE, 1, ANY).many(),
    honoured("try_files", SERVER.or(LOCATION), 2, ANY),
    honoured("autoindex", SITE, 1, 1),
    honoured("autoindex_exact_size", SITE, 1, 1),
    honoured("autoindex_format", SITE, 1, 1),
    needless("autoindex_localtime", SITE, 1, 1, "times are in UTC"),
    honoured("disable_symlinks", SITE, 1, 2),
    // Errors.
    honoured("error_page", WITH_IF, 2, ANY).many(),
    // Access.
    honoured("allow", WITH_LIMIT, 1, 1).many(),
    honoured("deny", WITH_LIMIT, 1, 1).many(),
    honoured("satisfy", SITE, 1, 1),
    honoured("auth_basic", WITH_LIMIT, 1, 1),
    honoured("auth_basic_user_file", WITH_LIMIT, 1, 1),
    honoured("auth_request", SITE, 1, 1),
    honoured("auth_request_set", SITE, 2, 2).many(),
    honoured("auth_delay", SITE, 1, 1),
    refused("auth_jwt", SITE, 1, 2, "write `auth jwt jwks=\"…\"` in KDL"),
    refused("secure_link", SITE, 1, 1, "let the app check its links"),
    honoured("valid_referers", SERVER.or(LOCATION), 1, ANY).many(),
    needless("referer_hash_max_size", SERVER.or(LOCATION), 1, 1, OWN_ROOM),
    needless("referer_hash_bucket_size", SERVER.or(LOCATION), 1, 1, OWN_ROOM),
    // Limits.
    honoured("limit_req_zone", HTTP, 3, 4).many(),
    honoured("limit_req", SITE, 1, 3).many(),
    honoured("limit_req_status", SITE, 1, 1),
    honoured("limit_req_log_level", SITE, 1, 1),
    flag("limit_req_dry_run", SITE, Support::Honoured),
    honoured("limit_conn_zone", HTTP, 2, 2).many(),
    honoured("limit_conn", SITE, 2, 2).many(),
    honoured("limit_conn_status", SITE, 1, 1),
    honoured("limit_conn_log_level", SITE, 1, 1),
    flag("limit_conn_dry_run", SITE, Support::Honoured),
    // TLS towards clients.
    honoured("ssl_certificate", HTTP_SERVER, 1, 1).many(),
    honoured("ssl_certificate_key", HTTP_SERVER, 1, 1).many(),
    honoured("ssl_protocols", HTTP_SERVER, 1, ANY),
    honoured("ssl_client_certificate", HTTP_SERVER, 1, 1),
    honoured("ssl_verify_client", HTTP_SERVER, 1, 1),
    honoured("ssl_verify_depth", HTTP_SERVER, 1, 1),
    honoured("ssl_trusted_certificate", HTTP_SERVER, 1, 1),
    honoured("ssl_crl", HTTP_SERVER, 1, 1),
    honoured("ssl_password_file", HTTP_SERVER, 1, 1),
    flag("ssl_reject_handshake", HTTP_SERVER, Support::Honoured),
    honoured("ssl_session_cache", HTTP_SERVER, 1, 2),
    flag("ssl_session_tickets", HTTP_SERVER, Support::Honoured),
    needless("ssl_ciphers", HTTP_SERVER, 1, 1, TLS_LIBRARY),
    needless("ssl_prefer_server_ciphers", HTTP_SERVER, 1, 1, TLS_LIBRARY),
    needless("ssl_ecdh_curve", HTTP_SERVER, 1, 1, TLS_LIBRARY),
    needless("ssl_dhparam", HTTP_SERVER, 1, 1, TLS_LIBRARY),
    needless("ssl_session_timeout", HTTP_SERVER, 1, 1, TLS_LIBRARY),
    needless("ssl_session_ticket_key", HTTP_SERVER, 1, 1, TLS_LIBRARY).many(),
    needless("ssl_buffer_size", HTTP_SERVER, 1, 1, OWN_ROOM),
    needless("ssl_stapling", HTTP_SERVER, 1, 1, "nothing is stapled; browsers do not ask for it any more"),
    needless("ssl_stapling_verify", HTTP_SERVER, 1, 1, "nothing is stapled"),
    needless("ssl_stapling_file", HTTP_SERVER, 1, 1, "nothing is stapled"),
    needless("ssl_stapling_responder", HTTP_SERVER, 1, 1, "nothing is stapled"),
    needless("ssl_early_data", HTTP_SERVER, 1, 1, "early data is not taken"),
    needless("ssl_conf_command", HTTP_SERVER, 2, 2, TLS_LIBRARY).many(),
    refused("ssl", HTTP_SERVER, 1, 1, "write `listen 443 ssl;`"),
    // Logs.
    honoured("access_log", WITH_IF.or(Context::LIMIT_EXCEPT), 1, ANY).many(),
    honoured("log_format", HTTP, 2, ANY).many(),
    needless("open_log_file_cache", SITE, 1, 4, "logs are kept open"),
    honoured("stub_status", SERVER.or(LOCATION), 0, 1),
    // Whose addresses are believed.
    honoured("set_real_ip_from", SITE, 1, 1).many(),
    honoured("real_ip_header", SITE, 1, 1),
    flag("real_ip_recursive", SITE, Support::Honoured),
    // Packing.
    flag("gzip", WITH_IF, Support::Honoured),
    honoured("gzip_types", SITE, 1, ANY),
    needless("gzip_comp_level", SITE, 1, 1, "the level that packs well for its time is taken"),
    honoured("gzip_min_length", SITE, 1, 1),
    honoured("gzip_proxied", SITE, 1, ANY),
    flag("gzip_vary", SITE, Support::Honoured),
    needless("gzip_buffers", SITE, 2, 2, OWN_ROOM),
    honoured("gzip_disable", SITE, 1, ANY),
    honoured("gzip_http_version", SITE, 1, 1),
    honoured("gzip_static", SITE, 1, 1),
    refused("gunzip", SITE, 1, 1, "an upstream packs for clients that take it alone; leave it out"),
    needless("gunzip_buffers", SITE, 2, 2, "what an upstream packs goes to the client packed"),
    // Values from other values.
    honoured("geo", HTTP, 1, 2).block(Context::FREE).many(),
    honoured("split_clients", HTTP, 2, 2).block(Context::FREE).many(),
    refused("geoip_country", HTTP, 1, 2, "no address book is read; leave it out"),
    refused("geoip_city", HTTP, 1, 2, "no address book is read; leave it out"),
    // Bodies.
    honoured("sub_filter", SITE, 2, 2).many(),
    flag("sub_filter_once", SITE, Support::Honoured),
    honoured("sub_filter_types", SITE, 1, ANY),
    flag("sub_filter_last_modified", SITE, Support::Honoured),
    refused("addition_types", SITE, 1, ANY, BODIES),
    refused("add_before_body", SITE, 1, 1, BODIES),
    refused("add_after_body", SITE, 1, 1, BODIES),
    refused("ssi", WITH_IF, 1, 1, BODIES),
    refused("image_filter", LOCATION, 1, 3, BODIES),
    refused("xslt_stylesheet", LOCATION, 1, ANY, BODIES),
    refused("dav_methods", SITE, 1, ANY, "let an app take uploads"),
    refused("mp4", LOCATION, 0, 0, "let an app serve films"),
    refused("flv", LOCATION, 0, 0, "let an app serve films"),
    refused("perl", LOCATION.or(Context::LIMIT_EXCEPT), 1, 1, "let an app answer"),
    refused("js_content", LOCATION.or(Context::LIMIT_EXCEPT), 1, 1, "let an app answer"),
    refused("slice", SITE, 1, 1, "it is about a cache; leave it out"),
    refused("userid", SITE, 1, 1, "let the app set its cookies"),
];
