//! Actions and pools, written out.

use super::settings::folder_properties;
use super::text::{Page, duration, limit, number, quoted, switch, template, words};
use super::{fix, version_text};
use crate::placeholder::{Part, Template};
use crate::table::{
    Action, AskedBy, Balance, Body, Check, Files, HostHeader, HttpVersion, Proxy, Respond, Retry, Server,
    ServerAddress, Since, Sticky, Symlinks, Table, Upstream, Ways,
};
use http::HeaderValue;
use std::borrow::Cow;

pub(super) fn write(action: &Action, (table, server): (&Table, &Server), page: &mut Page) {
    match action {
        Action::Proxy(proxy) => write_proxy(proxy, table, page),
        Action::Redirect(redirect) => {
            let query = if redirect.keeps_query { "" } else { " query=off" };
            let (status, target) = (redirect.status.as_u16(), template(&redirect.target));
            page.line(&format!("redirect {status} {target}{query}"), None);
        }
        Action::Respond(respond) => page.line(&respond_line(respond), None),
        Action::Files(files) => write_files(files, (table, server), page),
        Action::StubStatus => page.line("stub-status", None),
        Action::Enter(id) => {
            let called = server.locations.get(id.0).and_then(|location| location.called.as_deref());
            page.line(&format!("enter {}", quoted(called.unwrap_or_default())), None);
        }
        Action::Search(path) => page.line(&format!("search {}", template(path)), None),
    }
}

fn write_files(files: &Files, scope: (&Table, &Server), page: &mut Page) {
    let line = files_line(files);
    if files.tries.is_empty() && files.otherwise.is_none() {
        return page.line(&line, None);
    }
    page.open(&line, None);
    if !files.tries.is_empty() {
        page.line(&format!("try {}", words(&files.tries, template)), None);
    }
    if let Some(otherwise) = &files.otherwise {
        page.open("else", None);
        write(otherwise, scope, page);
        page.close();
    }
    page.close();
}

fn files_line(files: &Files) -> String {
    let mut root = Template { parts: vec![Part::Text(files.root.clone())] };
    if let Some(within) = &files.within {
        root.parts.push(Part::Text("/".to_owned()));
        root.parts.extend(within.parts.clone());
    }
    let mut line =
        format!("files {} index={}", template(&root), quoted(&words(&files.index, ToString::to_string)));
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {name}={value}"));
        }
    };
    add("as", (files.ways == Ways::Nginx).then(|| "nginx".to_owned()));
    add("path", files.path.as_ref().map(template));
    add("fallback", files.fallback.as_deref().map(quoted));
    add("precompressed", Some(switch(files.precompressed).to_owned()));
    add("vary", (!files.vary).then(|| "off".to_owned()));
    add("strip-prefix", files.strip_prefix.as_ref().map(|prefix| quoted(&format!("{prefix}/"))));
    let symlinks = match files.symlinks {
        Symlinks::Off => "off",
        Symlinks::Below => "on",
        Symlinks::Anywhere => "anywhere",
    };
    add("symlinks", Some(symlinks.to_owned()));
    add("listing", files.listing.map(|listing| listing.name().to_owned()));
    add("ranges", files.max_ranges.map(|most| most.to_string()));
    add("etag", (!files.etag).then(|| "off".to_owned()));
    let since = match files.since {
        Since::Exact => "exact",
        Since::Before => "before",
        Since::Off => "off",
    };
    add("since", Some(since.to_owned()));
    add("base", files.base.as_ref().map(template));
    line
}

/// A body that is not text is told of, and not printed.
fn respond_line(respond: &Respond) -> String {
    let status = respond.status.as_u16();
    let content_type =
        respond.content_type.as_ref().map(|value| format!(" type={}", quoted(&text_of(value))));
    let content_type = match respond.by_path {
        true => " type=auto".to_owned(),
        false => content_type.unwrap_or_default(),
    };
    let body = match &respond.body {
        Body::Fixed(_) if respond.fails => return format!("respond {status} failure=on"),
        Body::Fixed(body) => body,
        Body::Filled(body) => return format!("respond {status} template={}{content_type}", template(body)),
    };
    match std::str::from_utf8(body) {
        Ok("") => format!("respond {status}{content_type}"),
        Ok(text) => format!("respond {status} {}{content_type}", quoted(text)),
        Err(_) => {
            format!("respond {status}{content_type}    // {} bytes that are no text", body.len())
        }
    }
}

/// A header's value as it was written: any text without control characters.
pub(super) fn text_of(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn write_proxy(proxy: &Proxy, table: &Table, page: &mut Page) {
    let Some(upstream) = table.upstreams.get(proxy.upstream.0) else { return };
    let scheme = if proxy.tls.is_some() { "https" } else { "http" };
    let target = match (&proxy.filled, upstream.named) {
        (Some(filled), _) => template(&filled.url),
        (None, true) => quoted(&upstream.name),
        (None, false) => words(&upstream.servers, |server| url(&server.address, scheme)),
    };
    page.open(&format!("proxy {target}"), None);
    let host = match &proxy.host {
        HostHeader::Preserve => "preserve".to_owned(),
        HostHeader::Upstream => "upstream".to_owned(),
        HostHeader::Fixed(name) => quoted(&text_of(name)),
    };
    let auto = |on: bool| if on { "auto" } else { "off" };
    page.line(&format!("host {host}"), None);
    page.line(&format!("origin {}", auto(proxy.origin_fix)), None);
    for (host, id) in proxy.filled.iter().flat_map(|filled| &filled.pools) {
        let name = table.upstreams.get(id.0).map_or("", |upstream| upstream.name.as_str());
        if name != host {
            page.line(&format!("name {} {}", quoted(host), quoted(name)), None);
        }
    }
    fix::write(proxy, page);
    if let Some(prefix) = &proxy.strip_prefix {
        page.line(&format!("strip-prefix {}", quoted(&format!("{prefix}/"))), None);
    }
    match &proxy.method {
        Some(AskedBy::Fixed(method)) => page.line(&format!("method {}", quoted(method.as_str())), None),
        Some(AskedBy::Filled(method)) => page.line(&format!("method {}", template(method)), None),
        None => {}
    }
    for (word, on, default) in [
        ("pass-headers", proxy.pass_headers, true),
        ("pass-body", proxy.pass_body, true),
        ("pass-server", proxy.pass_server, false),
        ("ranges", proxy.ranges, false),
        ("outlast-client", proxy.outlast_client, false),
    ] {
        if on != default {
            page.line(&format!("{word} {}", switch(on)), None);
        }
    }
    if let Some(rate) = proxy.read_rate {
        page.line(&format!("read-rate {rate}"), None);
    }
    if let Some(body) = &proxy.body {
        page.line(&format!("body {}", template(body)), None);
    }
    if let Some(tls) = &proxy.tls {
        let sni = tls.sni.as_ref().map(|sni| format!(" sni={}", template(sni))).unwrap_or_default();
        let ca = tls.ca.as_ref().map(|ca| format!(" ca={}", quoted(ca))).unwrap_or_default();
        let client =
            tls.client.as_ref().map(|(cert, key)| format!(" cert={} key={}", quoted(cert), quoted(key)));
        let client = client.unwrap_or_default();
        let passwords = tls.passwords.as_ref().map(|file| format!(" passwords={}", quoted(file)));
        let passwords = passwords.unwrap_or_default();
        let (min, verify) = (version_text(tls.min), switch(tls.verify));
        page.line(&format!("tls min={min} verify={verify}{sni}{ca}{client}{passwords}"), None);
    }
    let http = match proxy.http {
        HttpVersion::Http1 => "\"1.1\"",
        HttpVersion::Http2 => "\"2\"",
        HttpVersion::Auto => "auto",
    };
    page.line(&format!("http {http}"), None);
    page.line(&format!("resolve {}", duration(proxy.resolve)), None);
    if let Some(bind) = &proxy.bind {
        page.line(&format!("bind {}", template(bind)), None);
    }
    if let Some(store) = &proxy.store {
        let access = Some(store.mode_text()).filter(|_| store.mode != 0o600);
        let access = access.map(|access| format!(" access={}", quoted(&access))).unwrap_or_default();
        let folder = folder_properties(&store.folder);
        page.line(&format!("store {}{access}{folder}", template(&store.path)), None);
    }
    if let Some(version) = proxy.proxy_protocol {
        page.line(&format!("proxy-protocol v{version}"), None);
    }
    if !upstream.named {
        write_pool(upstream, page);
    }
    page.close();
}

fn url(address: &ServerAddress, scheme: &str) -> String {
    match address {
        ServerAddress::Unix(_) | ServerAddress::Srv(_) => quoted(&address.to_string()),
        _ => quoted(&format!("{scheme}://{address}")),
    }
}

pub(super) fn write_upstream(upstream: &Upstream, page: &mut Page) {
    page.open(&format!("upstream {}", quoted(&upstream.name)), Some(&upstream.place));
    for server in &upstream.servers {
        let scheme = if upstream.tls { "https" } else { "http" };
        let backup = if server.backup { " backup=on" } else { "" };
        let down = if server.down { " down=on" } else { "" };
        let address = url(&server.address, scheme);
        let connections = match server.connections == upstream.connections {
            true => String::new(),
            false => format!(" connections={}", number(server.connections)),
        };
        page.line(&format!("server {address} weight={}{backup}{down}{connections}", server.weight), None);
    }
    write_pool(upstream, page);
    page.close();
}

fn write_pool(upstream: &Upstream, page: &mut Page) {
    // A default that is written out would count as a word of the pool's own.
    match &upstream.balance {
        Balance::RoundRobin => {}
        Balance::LeastConn => page.line("balance least-conn", None),
        Balance::Random => page.line("balance random", None),
        Balance::IpHash => page.line("balance ip-hash", None),
        Balance::Hash(key) => page.line(&format!("balance hash key={}", template(key)), None),
    }
    match &upstream.sticky {
        None => {}
        Some(Sticky::Cookie { name, secret }) => {
            // A secret wherever it came from.
            let secret = secret.as_ref().map_or("", |_| " secret=\"***\"");
            page.line(&format!("sticky cookie={}{secret}", quoted(name)), None);
        }
        Some(Sticky::Header(name)) => page.line(&format!("sticky header={}", quoted(name)), None),
        Some(Sticky::Query(name)) => page.line(&format!("sticky query={}", quoted(name)), None),
    }
    if let Some(health) = &upstream.health {
        let line = format!(
            "health {} every={} timeout={} fall={} rise={}",
            check_text(&health.check),
            duration(health.every),
            duration(health.timeout),
            health.fall,
            health.rise,
        );
        page.line(&line, None);
    }
    if let Some(passive) = &upstream.passive {
        let (within, pause) = (duration(passive.within), duration(passive.pause));
        page.line(&format!("passive fails={} within={within} for={pause}", passive.fails), None);
    }
    if let Some(slow_start) = upstream.slow_start {
        page.line(&format!("slow-start {}", duration(slow_start)), None);
    }
    if upstream.retry != Retry::default() {
        page.line(&retry_line(&upstream.retry), None);
    }
    if let Some(try_for) = upstream.try_for {
        page.line(&format!("try-for {}", duration(try_for)), None);
    }
    match upstream.keepalive {
        0 => page.line("keepalive off", None),
        number => page.line(&format!("keepalive {number} idle={}", limit(upstream.keepalive_idle)), None),
    }
    if upstream.connections.is_some() {
        page.line(&format!("connections {}", number(upstream.connections)), None);
    }
}

fn check_text(check: &Check) -> String {
    let http = match check {
        Check::Tcp => return "tcp".to_owned(),
        Check::Grpc(service) => return format!("grpc service={}", quoted(service)),
        Check::Http(http) => http,
    };
    let contains =
        http.contains.as_ref().map(|text| format!(" contains={}", quoted(text))).unwrap_or_default();
    let host = http.host.as_ref().and_then(|host| host.to_str().ok());
    let host = host.map(|host| format!(" host={}", quoted(host))).unwrap_or_default();
    let (path, status) = (quoted(&http.path), http.status.as_u16());
    format!("{path} method={} status={status}{contains}{host}", http.method)
}

fn retry_line(retry: &Retry) -> String {
    if retry.times == 0 {
        return "retry off".to_owned();
    }
    let mut on: Vec<String> = Vec::new();
    on.extend(retry.connect.then(|| "connect".to_owned()));
    on.extend(retry.reused.then(|| "reused".to_owned()));
    on.extend(retry.closed.then(|| "closed".to_owned()));
    on.extend(retry.timeout.then(|| "timeout".to_owned()));
    on.extend(retry.protocol.then(|| "protocol".to_owned()));
    on.extend(retry.statuses.iter().map(|status| status.as_str().to_owned()));
    on.extend(retry.non_idempotent.then(|| "non-idempotent".to_owned()));
    format!("retry {} on={} within={}", retry.times, quoted(&on.join(" ")), duration(retry.within))
}
