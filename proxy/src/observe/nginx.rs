//! nginx-exporter's names, so that the dashboards people have keep working (`metrics … compat=nginx`).

use super::metrics::Metrics;
use super::record::OTHER;
use crate::exchange::Connections;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What nginx's `stub_status` would say.
#[derive(Debug, Clone, Copy)]
struct Counts {
    accepted: u64,
    handled: u64,
    requests: u64,
    active: u64,
    reading: u64,
    writing: u64,
}

/// How many connections were handled, as told last.
#[derive(Debug, Default)]
pub(super) struct Handled(AtomicU64);

impl Handled {
    /// Those that were accepted and not refused. A counter may not fall, and a connection is refused after it was
    /// counted as accepted.
    fn of(&self, accepted: u64, refused: u64) -> u64 {
        let now = accepted.saturating_sub(refused);
        self.0.fetch_max(now, Relaxed).max(now)
    }
}

impl Metrics {
    /// The families of nginx-exporter, in Prometheus's text format.
    pub(super) fn as_nginx(&self) -> String {
        page(self.counts())
    }

    /// As `stub_status` tells it.
    pub(super) fn stub_status(&self) -> String {
        let counts = self.counts();
        // nginx counts a request when it begins.
        stub_status(Counts { requests: counts.requests + counts.writing, ..counts })
    }

    /// The same for a request that has just come, and is not counted yet.
    pub(super) fn connections(&self) -> Connections {
        let counts = self.counts();
        let counts = Counts { writing: counts.writing + 1, ..counts };
        let Counts { active, reading, writing, .. } = counts;
        Connections { active, reading, writing, waiting: counts.waiting() }
    }

    fn counts(&self) -> Counts {
        let accepted = self.accepted.sum();
        let refused = self.rejected.total(&[OTHER, OTHER, "connection_limit"]).get();
        Counts {
            accepted,
            handled: self.handled.of(accepted, refused),
            requests: self.total(),
            active: self.connections_active.sum().count(),
            reading: self.heads.all().map(|heads| heads.count()).sum(),
            writing: self.routes.in_flight(),
        }
    }
}

impl Counts {
    /// On a connection of HTTP/2 there may be several requests, or none.
    fn waiting(&self) -> u64 {
        self.active.saturating_sub(self.reading + self.writing)
    }
}

fn stub_status(counts: Counts) -> String {
    let Counts { accepted, handled, requests, active, reading, writing } = counts;
    format!(
        "Active connections: {active} \nserver accepts handled requests\n {accepted} {handled} {requests} \n\
         Reading: {reading} Writing: {writing} Waiting: {} \n",
        counts.waiting()
    )
}

fn page(counts: Counts) -> String {
    let Counts { accepted, handled, requests, active, reading, writing } = counts;
    let waiting = counts.waiting();
    let families = [
        ("up", "gauge", "Status of the last metric scrape", 1),
        ("connections_accepted", "counter", "Accepted client connections", accepted),
        ("connections_handled", "counter", "Handled client connections", handled),
        ("connections_active", "gauge", "Active client connections", active),
        ("connections_reading", "gauge", "Connections where the request header is read", reading),
        ("connections_writing", "gauge", "Connections with a request that is being answered", writing),
        ("connections_waiting", "gauge", "Idle client connections", waiting),
        ("http_requests_total", "counter", "Total http requests", requests),
    ];
    families.iter().fold(String::new(), |mut page, (name, kind, help, value)| {
        // Writing to a string does not fail.
        let _ =
            writeln!(page, "# HELP nginx_{name} {help}\n# TYPE nginx_{name} {kind}\nnginx_{name} {value}");
        page
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_reads_a_head_or_writes_an_answer_or_waits() {
        let counts = Counts { accepted: 9, handled: 8, requests: 20, active: 7, reading: 1, writing: 2 };
        let page = page(counts);
        let values: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "nginx_up 1",
                "nginx_connections_accepted 9",
                "nginx_connections_handled 8",
                "nginx_connections_active 7",
                "nginx_connections_reading 1",
                "nginx_connections_writing 2",
                "nginx_connections_waiting 4",
                "nginx_http_requests_total 20",
            ]
        );
    }

    #[test]
    fn the_page_of_counts_has_nginxs_form() {
        let counts = Counts { accepted: 9, handled: 8, requests: 20, active: 7, reading: 1, writing: 2 };
        let expected = "Active connections: 7 \nserver accepts handled requests\n 9 8 20 \n\
                        Reading: 1 Writing: 2 Waiting: 4 \n";
        assert_eq!(stub_status(counts), expected);
    }

    #[test]
    fn more_requests_than_connections_leave_none_waiting() {
        let counts = Counts { accepted: 1, handled: 1, requests: 9, active: 1, reading: 0, writing: 9 };
        assert!(page(counts).contains("\nnginx_connections_waiting 0\n"));
    }

    #[test]
    fn what_was_handled_never_falls() {
        let handled = Handled::default();
        assert_eq!(handled.of(5, 1), 4);
        // A further one is refused, and not yet counted as accepted.
        assert_eq!(handled.of(5, 2), 4);
        assert_eq!(handled.of(7, 2), 5);
    }
}
