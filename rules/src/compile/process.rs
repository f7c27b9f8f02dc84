//! `vordr { … }` with its defaults filled in.

use super::keepalive;
use super::logs::{self, Formats};
use crate::language::process::Process as Written;
use crate::table::{Limits, Process};

pub(super) fn compile(written: &Written, formats: &Formats) -> Process {
    let default = Process::default();
    Process {
        workers: written.workers.flatten().map(|count| count as usize),
        drain: written.drain.map_or(default.drain, |drain| drain.0),
        drain_delay: written.drain_delay.map_or(default.drain_delay, |delay| delay.0.unwrap_or_default()),
        trusted_proxies: written.trusted_proxies.clone(),
        believed: written.believed.clone(),
        resolver: written.resolver.clone(),
        admin: written.admin.as_ref().map(|address| address.value.clone()),
        admin_token: written.admin_token.clone(),
        metrics: written.metrics.as_ref().map(|address| address.value.clone()),
        metrics_compat_nginx: written.metrics_compat_nginx,
        log_formats: formats.all().cloned().collect(),
        access_logs: formats.logs(&written.access_logs).unwrap_or(default.access_logs),
        error_logs: logs::errors(&written.error_logs).unwrap_or(default.error_logs),
        trace: written.trace.as_ref().map(|trace| trace.value.clone()),
        state: written.state.as_ref().map_or(default.state, |folder| folder.value.clone()),
        limits: limits(&written.limits),
        limit_store: written.limit_store.clone(),
        acme: written.acme.as_ref().map(|acme| acme.value.clone()),
        error_detail: written.error_detail.unwrap_or(default.error_detail),
    }
}

pub(super) fn limits(written: &crate::language::limits::Limits) -> Limits {
    let default = Limits::default();
    Limits {
        header_timeout: written.header_timeout.map_or(default.header_timeout, |limit| limit.0),
        header_size: written.header_size.map_or(default.header_size, |size| size.0),
        header_count: written.header_count.unwrap_or(default.header_count),
        request_line: written.request_line.map_or(default.request_line, |size| size.0),
        keepalive: keepalive::compile(std::iter::once(&written.keepalive), default.keepalive),
        connections: written.connections.map_or(default.connections, |limit| limit.0),
        connections_per_client: written
            .connections_per_client
            .map_or(default.connections_per_client, |limit| limit.0),
        min_rate: written.min_rate.map_or(default.min_rate, |limit| limit.0.map(|bytes| bytes.0)),
        lenient_heads: written.lenient_heads.unwrap_or(default.lenient_heads),
    }
}
