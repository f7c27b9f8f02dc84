//! `/metrics`: what was counted, and what is only told when somebody asks.

use super::named::Named;
use crate::shared::Shared;
use vordr_rules::table::Server;

/// The whole of `/metrics`, in Prometheus's text format.
pub(crate) fn scrape(shared: &Shared) -> String {
    let metrics = &shared.observer.metrics;
    let current = shared.current();
    metrics.upstreams.stand(&current.upstreams.report());
    let not_after = |server: &Server| shared.certificates.not_after(server);
    let servers = current.table.servers.iter();
    metrics.tls.shown(servers.filter_map(|server| Some((server.name(), not_after(server)?))));
    metrics.limit_store.stands(current.limit_store.as_ref().map(|store| store.state()));
    metrics.generations.set(shared.live_generations().try_into().unwrap_or(i64::MAX));
    shared.with_live(|generations| metrics.forget(&Named::by(generations)));
    let mut page = metrics.render();
    if current.table.process.metrics_compat_nginx {
        page.push_str(&metrics.as_nginx());
    }
    page
}
