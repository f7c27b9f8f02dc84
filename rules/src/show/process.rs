//! `vordr { … }`, written out.

use super::text::{Page, duration, limit, number, quoted, switch, template, words};
use crate::table::{
    AccessLog, Believed, Browsers, ErrorFormat, ErrorLog, Keepalive, Limits, LogFormat, LogTarget, OnFailure,
    Place, Process, Resolver, Trace,
};
use std::time::Duration;

pub(super) fn write(process: &Process, page: &mut Page) {
    page.open("vordr", None);
    page.line(
        &format!("workers {}", process.workers.map_or("auto".to_owned(), |count| count.to_string())),
        None,
    );
    page.line(&format!("drain {}", limit(process.drain)), None);
    let delay = Some(process.drain_delay).filter(|delay| !delay.is_zero());
    page.line(&format!("drain-delay {}", limit(delay)), None);
    if !process.trusted_proxies.is_empty() {
        let networks = words(&process.trusted_proxies, |network| quoted(&network.to_string()));
        let believed = match &process.believed {
            Believed::Forwarded => String::new(),
            Believed::Client { header, recursive } => {
                format!(" header={} recursive={}", quoted(header.as_str()), switch(*recursive))
            }
            Believed::Nothing => " header=off".to_owned(),
        };
        page.line(&format!("trusted-proxies {networks}{believed}"), None);
    }
    if let Some(resolver) = &process.resolver {
        write_resolver(resolver, page);
    }
    if let Some(admin) = &process.admin {
        // A secret wherever it came from.
        let token = process.admin_token.as_ref().map_or("", |_| " token=\"***\"");
        page.line(&format!("admin {}{token}", quoted(&admin.to_string())), None);
    }
    if let Some(metrics) = &process.metrics {
        let compat = if process.metrics_compat_nginx { " compat=nginx" } else { "" };
        page.line(&format!("metrics {}{compat}", quoted(&metrics.to_string())), None);
    }
    write_logs(process, page);
    if let Some(trace) = &process.trace {
        write_trace(trace, page);
    }
    write_state(process, page);
    write_limits(&process.limits, page);
    page.line(&format!("error-detail {}", switch(process.error_detail)), None);
    page.close();
}

fn write_resolver(resolver: &Resolver, page: &mut Page) {
    let servers = words(&resolver.servers, |server| match server.port() {
        53 => quoted(&server.ip().to_string()),
        _ => quoted(&server.to_string()),
    });
    let valid = resolver.valid.map(|valid| format!(" valid={}", duration(valid))).unwrap_or_default();
    let timeout =
        resolver.timeout.map(|timeout| format!(" timeout={}", duration(timeout))).unwrap_or_default();
    let (ipv4, ipv6) = (switch(resolver.ipv4), switch(resolver.ipv6));
    let names = if resolver.placeholders_alone { "placeholders" } else { "all" };
    page.line(&format!("resolver {servers}{valid}{timeout} ipv4={ipv4} ipv6={ipv6} for={names}"), None);
}

fn write_logs(process: &Process, page: &mut Page) {
    for format in &process.log_formats {
        let (name, line) = (quoted(&format.name), template(&format.line));
        page.line(&format!("log-format {name} {line} escape={}", format.escape.name()), None);
    }
    write_access_logs(&process.access_logs, None, page);
    write_error_logs(&process.error_logs, None, page);
}

/// Those of one block, all of them.
pub(super) fn write_error_logs(logs: &[ErrorLog], place: Option<&Place>, page: &mut Page) {
    for log in logs {
        let format = match log.format {
            Some(ErrorFormat::Json) => " format=json",
            Some(ErrorFormat::Nginx) => " format=nginx",
            None => "",
        };
        let (target, level) = (error_target(&log.target), log.level.name());
        page.line(&format!("error-log {target} level={level}{format}"), place);
    }
}

/// Those of one block, all of them.
pub(super) fn write_access_logs(logs: &[AccessLog], place: Option<&Place>, page: &mut Page) {
    if logs.is_empty() {
        page.line("access-log off", place);
    }
    for log in logs {
        let format = match &log.format {
            Some(LogFormat::Json) => " format=json".to_owned(),
            Some(LogFormat::Combined) => " format=combined".to_owned(),
            Some(LogFormat::Own(format)) => format!(" format={}", quoted(&format.name)),
            None => String::new(),
        };
        let query = match &log.format {
            Some(LogFormat::Own(_)) => "",
            _ if log.query => " query=on",
            _ => " query=off",
        };
        let condition = log.condition.as_ref().map(|condition| format!(" if={}", template(condition)));
        let target = target(&log.target);
        page.line(&format!("access-log {target}{format}{query}{}", condition.unwrap_or_default()), place);
    }
}

/// In the path of an error log nothing is filled in, and a brace is a brace.
fn error_target(log: &LogTarget) -> String {
    match log {
        LogTarget::File(path) => quoted(path),
        other => target(other),
    }
}

fn target(target: &LogTarget) -> String {
    match target {
        LogTarget::Stdout => "stdout".to_owned(),
        LogTarget::Stderr => "stderr".to_owned(),
        LogTarget::File(path) => quoted(&path.replace('{', "{{").replace('}', "}}")),
        LogTarget::Packed(path, level) => {
            let path = quoted(&path.replace('{', "{{").replace('}', "}}"));
            format!("{path} gzip={level}")
        }
        LogTarget::Filled(path) => template(path),
        LogTarget::Syslog(syslog) => format!(
            "{} facility={}{} tag={} hostname={}",
            quoted(&format!("syslog:{}", syslog.address)),
            syslog.facility(),
            syslog.severity().map(|severity| format!(" severity={severity}")).unwrap_or_default(),
            quoted(&syslog.tag),
            switch(syslog.hostname)
        ),
    }
}

fn write_trace(trace: &Trace, page: &mut Page) {
    let service = trace.service.as_ref().map(|service| format!(" service={}", quoted(service)));
    let head = format!(
        "trace {} protocol={} ratio={} parent={}{}",
        quoted(&trace.endpoint),
        trace.protocol.name(),
        trace.ratio,
        trace.parent.name(),
        service.unwrap_or_default(),
    );
    if trace.headers.is_empty() {
        return page.line(&head, None);
    }
    page.open(&head, None);
    for (name, _) in &trace.headers {
        // A secret wherever it came from.
        page.line(&format!("header {} \"***\"", quoted(name.as_str())), None);
    }
    page.close();
}

fn write_state(process: &Process, page: &mut Page) {
    page.line(&format!("state {}", quoted(&process.state)), None);
    if let Some(store) = &process.limit_store {
        let on_failure = match store.on_failure {
            OnFailure::Open => "open",
            OnFailure::Closed => "closed",
        };
        let (url, timeout) = (quoted(&store.address.to_string()), duration(store.timeout));
        page.line(&format!("limit-store {url} on-failure={on_failure} timeout={timeout}"), None);
    }
    if let Some(acme) = &process.acme {
        let property = |(name, value): (&str, Option<&String>)| {
            value.map(|value| format!(" {name}={}", quoted(value))).unwrap_or_default()
        };
        let properties = [
            ("directory", acme.directory.as_ref()),
            ("ca", acme.ca.as_ref()),
            ("email", acme.email.as_ref()),
            ("eab-kid", acme.external.as_ref().map(|external| &external.key_id)),
            ("eab-key", acme.external.as_ref().map(|external| &external.key)),
        ];
        let properties: String = properties.into_iter().map(property).collect();
        page.line(&format!("acme{properties}"), None);
    }
}

/// What is told and asked beyond the time and the number of requests is left out where `outer` has neither.
pub(super) fn keepalive_line(keepalive: &Keepalive, outer: &Keepalive) -> String {
    let more = |name: &str, own: Option<Duration>, outer: Option<Duration>| match own.or(outer) {
        Some(_) => format!(" {name}={}", limit(own)),
        None => String::new(),
    };
    let nobody = Browsers::default();
    let except = match (keepalive.except, outer.except) {
        (own, outer) if own == nobody && outer == nobody => String::new(),
        (own, _) if own.msie6 && own.safari => format!(" except={}", quoted(own.names())),
        (own, _) => format!(" except={}", own.names()),
    };
    format!(
        "keepalive {} requests={}{}{}{except}",
        limit(keepalive.idle),
        number(keepalive.requests),
        more("age", keepalive.age, outer.age),
        more("told", keepalive.told, outer.told)
    )
}

fn write_limits(limits: &Limits, page: &mut Page) {
    page.open("limits", None);
    page.line(&format!("header-timeout {}", limit(limits.header_timeout)), None);
    page.line(&format!("header-size {}", limits.header_size), None);
    page.line(&format!("header-count {}", limits.header_count), None);
    page.line(&format!("request-line {}", limits.request_line), None);
    page.line(&keepalive_line(&limits.keepalive, &Keepalive::default()), None);
    let each = number(limits.connections_per_client);
    page.line(&format!("connections {} per-client={each}", number(limits.connections)), None);
    page.line(&format!("min-rate {}", number(limits.min_rate)), None);
    page.line(if limits.lenient_heads { "heads lenient" } else { "heads strict" }, None);
    page.close();
}
