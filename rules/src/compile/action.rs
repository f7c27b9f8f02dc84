//! Actions with their names resolved.

use super::names::Names;
use super::upstreams::{Pools, Resolved};
use crate::diagnostic::Diagnostic;
use crate::language::action::Action as Written;
use crate::language::files::Files as WrittenFiles;
use crate::language::proxy::{Proxy as WrittenProxy, Target};
use crate::language::respond::Body as WrittenBody;
use crate::node::Reading;
use crate::source::Spanned;
use crate::table::{
    Action, Body, Files, FilledTarget, HostHeader, HttpVersion, LocationFix, Proxy, Redirect, Respond,
    ServerAddress, TlsVersion, UpstreamTls, handshake_name,
};
use std::sync::Arc;
use std::time::Duration;

/// The longest a resolved address is believed, where nothing is said.
const RESOLVE: Duration = Duration::from_secs(30);

pub(super) fn compile(
    written: &Written,
    (names, pools): (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> Option<Action> {
    Some(match written {
        Written::Proxy(proxy) => Action::Proxy(Box::new(compile_proxy(proxy, pools, reading)?)),
        Written::Redirect(redirect) => Action::Redirect(Redirect {
            status: redirect.status,
            target: redirect.target.value.clone(),
            keeps_query: redirect.keeps_query,
        }),
        Written::Respond(respond) => Action::Respond(Respond {
            status: respond.status,
            content_type: respond.content_type.clone(),
            body: match &respond.body {
                WrittenBody::Fixed(bytes) => Body::Fixed(bytes.clone()),
                WrittenBody::Filled(template) => Body::Filled(template.value.clone()),
            },
            fails: respond.fails,
            by_path: respond.by_path,
        }),
        Written::Files(files) => Action::Files(Arc::new(compile_files(files, (names, pools), reading)?)),
        Written::StubStatus => Action::StubStatus,
        Written::Enter(name) => Action::Enter(names.find(name, reading)?),
        Written::Search(path) => Action::Search(path.value.clone()),
    })
}

fn compile_files(
    written: &WrittenFiles,
    scope: (&Names<'_>, &mut Pools),
    reading: &mut Reading<'_>,
) -> Option<Files> {
    let otherwise = match &written.otherwise {
        Some(action) => Some(Box::new(compile(action, scope, reading)?)),
        None => None,
    };
    Some(Files { otherwise, ..written.table.clone() })
}

fn compile_proxy(written: &WrittenProxy, pools: &mut Pools, reading: &mut Reading<'_>) -> Option<Proxy> {
    let Resolved { id, tls: speaks_tls } = match &written.target {
        Target::Named(name) => {
            check_no_pool_words(written, reading);
            pools.named(name, reading)?
        }
        Target::Inline(endpoints) => pools.inline(endpoints, &written.pool, reading),
        Target::Filled(url) => pools.filled(url, &written.pool, reading),
    };
    let filled = filled(written, pools, reading);
    let default_host = if speaks_tls { HostHeader::Upstream } else { HostHeader::Preserve };
    let host = written.host.as_ref().map_or(default_host, |host| host.value.clone());
    let tls = compile_tls(written, speaks_tls, reading);
    if speaks_tls {
        check_sni(written, &host, tls.as_ref(), pools.addresses(id), reading);
        check_underscore(written, &host, tls.as_ref(), &pools.addresses(id), reading);
    }
    Some(Proxy {
        upstream: id,
        filled,
        host,
        origin_fix: written.origin_fix.unwrap_or(true),
        location_fix: written.fix.location.clone().unwrap_or(LocationFix::Auto),
        cookies: written.fix.cookies.clone(),
        method: written.method.clone(),
        pass_headers: written.pass_headers.unwrap_or(true),
        pass_body: written.pass_body.unwrap_or(true),
        body: written.body.clone(),
        pass_server: written.pass_server.unwrap_or(false),
        ranges: written.ranges.unwrap_or(false),
        read_rate: written.read_rate,
        outlast_client: written.outlast_client.unwrap_or(false),
        strip_prefix: written.strip_prefix.as_ref().map(|prefix| prefix.value.clone()),
        tls,
        http: written.http.as_ref().map_or(HttpVersion::Http1, |http| http.value),
        resolve: written.resolve.unwrap_or(RESOLVE).max(Duration::from_secs(1)),
        bind: written.bind.clone(),
        store: written.store.clone().map(Arc::new),
        proxy_protocol: written.proxy_protocol.as_ref().map(|version| version.value),
    })
}

/// Where each request says where it goes, and the pools that it may name.
fn filled(written: &WrittenProxy, pools: &Pools, reading: &mut Reading<'_>) -> Option<Box<FilledTarget>> {
    let Target::Filled(url) = &written.target else {
        if let Some((host, _)) = written.names.first() {
            let error = Diagnostic::error("conflict", host.span, "`name` is for a URL with placeholders");
            reading.report(error.label("leave it out"));
        }
        return None;
    };
    if let Some(health) = &written.pool.health {
        let message = "which servers a URL with placeholders leads to is not known before there is a request";
        reading.report(Diagnostic::error("conflict", health.span, message).label("leave out `health`"));
    }
    let named = written
        .names
        .iter()
        .filter_map(|(host, name)| Some((host.value.clone(), pools.named(name, reading)?.id)));
    let mut all: Vec<_> = named.collect();
    all.extend(pools.all_named());
    Some(Box::new(FilledTarget { url: url.value.clone(), pools: all }))
}

/// The words of a pool belong to the `upstream` that is named.
fn check_no_pool_words(written: &WrittenProxy, reading: &mut Reading<'_>) {
    let Target::Named(name) = &written.target else { return };
    for (span, word) in &written.pool.words {
        let message = format!("`{word}` belongs into the block of `upstream {}`", name.value);
        reading.report(Diagnostic::error("misplaced-pool-word", *span, message).label("move it there"));
    }
}

fn compile_tls(written: &WrittenProxy, speaks_tls: bool, reading: &mut Reading<'_>) -> Option<UpstreamTls> {
    if let (Some(tls), false) = (&written.tls, speaks_tls) {
        let error = Diagnostic::error("tls-without-https", tls.span, "no TLS is spoken with this upstream");
        reading.report(error.label("write its address as `https://…`, or leave this out"));
    }
    if !speaks_tls {
        return None;
    }
    let own = written.tls.as_ref().map(|tls| &tls.value);
    let tls = UpstreamTls {
        verify: own.and_then(|tls| tls.verify).unwrap_or(true),
        sni: own.and_then(|tls| tls.sni.clone()),
        min: own.and_then(|tls| tls.min).unwrap_or(TlsVersion::Tls12),
        ca: own.and_then(|tls| tls.ca.clone()),
        client: own.and_then(|tls| tls.client.clone()),
        passwords: own.and_then(|tls| tls.passwords.clone()),
    };
    let said = written.tls.as_ref().map(|said| Spanned::new(tls.clone(), said.span));
    reading.upstream_tls.extend(said);
    Some(tls)
}

/// What asks upstreams for names in TLS writes `-` for a `_` where a wildcard may stand.
fn check_underscore(
    written: &WrittenProxy,
    host: &HostHeader,
    tls: Option<&UpstreamTls>,
    addresses: &[&ServerAddress],
    reading: &mut Reading<'_>,
) {
    let Some(tls) = tls.filter(|tls| tls.verify) else { return };
    let names: Vec<&str> = match (&tls.sni, host) {
        (Some(name), _) => name.as_text().into_iter().collect(),
        (None, HostHeader::Fixed(host)) => host.to_str().into_iter().collect(),
        (None, HostHeader::Preserve) => Vec::new(),
        (None, HostHeader::Upstream) => addresses.iter().filter_map(|address| address.name()).collect(),
    };
    let is_replaced = |name: &&&str| {
        let mut labels = handshake_name(name).split('.');
        labels.next().is_some_and(|first| first.contains('_')) && labels.count() > 1
    };
    if let Some(name) = names.iter().find(is_replaced) {
        let message = format!("`{name}` is asked for in TLS, and checked, with `-` in the place of `_`");
        let span = written.tls.as_ref().map_or(written.span, |tls| tls.span);
        let warning = Diagnostic::warning("sni-underscore", span, message);
        reading.report(warning.label("`tls sni=…` names another; no public issuer takes a `_`"));
    }
}

/// A certificate names a host; an address alone does not say which.
fn check_sni(
    written: &WrittenProxy,
    host: &HostHeader,
    tls: Option<&UpstreamTls>,
    addresses: Vec<&ServerAddress>,
    reading: &mut Reading<'_>,
) {
    let named = tls.is_some_and(|tls| tls.sni.is_some()) || matches!(host, HostHeader::Fixed(_));
    let by_address =
        addresses.iter().any(|address| matches!(address, ServerAddress::Ip(..) | ServerAddress::Unix(_)));
    if by_address && !named {
        let span = match &written.target {
            Target::Named(Spanned { span, .. }) => *span,
            Target::Inline(endpoints) => endpoints.first().map_or(written.span, |endpoint| endpoint.span),
            Target::Filled(url) => url.span,
        };
        let message = "TLS to an address needs the name that its certificate bears";
        let error = Diagnostic::error("sni-needed", span, message).label("add `{ tls sni=\"name\"; }`");
        reading.report(error.help("vordr help proxy.tls"));
    }
}
