//! `/events`: once a second what `/status` and `/routes` tell, with what happened since a moment ago.

use super::routes;
use crate::observe::{RouteLook, status};
use crate::shared::Shared;
use bytes::Bytes;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// From one event to the next.
const EVERY: Duration = Duration::from_secs(1);
/// A route's rate and latency are those of so many seconds: in one alone there may be a single request.
const WINDOW: usize = 10;
/// How many routes are told, the busiest first; `/routes` tells all.
const MOST: usize = 200;

/// Events for one who watches.
#[derive(Debug)]
pub(super) struct Events {
    shared: Arc<Shared>,
    ticks: Interval,
    /// The last looks, the earliest first.
    looks: VecDeque<Look>,
    /// Counted among those who watch until this is dropped.
    _place: OwnedSemaphorePermit,
}

/// What was counted at one moment.
#[derive(Debug)]
struct Look {
    at: Instant,
    requests: u64,
    errors: u64,
    /// By server and location, as the table has them; what never was asked for is left out.
    routes: HashMap<(String, String), RouteLook>,
}

impl Events {
    pub(super) fn begin(shared: Arc<Shared>, place: OwnedSemaphorePermit) -> Self {
        let mut ticks = interval(EVERY);
        // Whoever reads slowly gets fewer events, not old ones.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { shared, ticks, looks: VecDeque::with_capacity(WINDOW + 1), _place: place }
    }

    /// The next event, when it is time.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Bytes> {
        self.ticks.poll_tick(context).map(|_| format!("data: {}\n\n", self.event()).into())
    }

    fn event(&mut self) -> Value {
        let look = Look::now(&self.shared);
        let mut event = status(&self.shared);
        let (told, left_out) = self.routes(&look);
        event["rates"] = self.looks.back().map_or(Value::Null, |before| look.rates_since(before));
        event["routes"] = told;
        event["routes_left_out"] = left_out.into();
        self.looks.push_back(look);
        if self.looks.len() > WINDOW {
            self.looks.pop_front();
        }
        event
    }

    /// The busiest routes, and how many others there are.
    fn routes(&self, look: &Look) -> (Value, usize) {
        let table = &self.shared.current().table;
        let nothing = RouteLook::default();
        let mut all: Vec<_> = table
            .servers
            .iter()
            .flat_map(|server| server.locations.iter().map(move |location| (server, location)))
            .map(|(server, location)| {
                let key = (server.name().to_owned(), location.name.clone());
                (server, location, look.routes.get(&key).unwrap_or(&nothing), key)
            })
            .collect();
        let left_out = all.len().saturating_sub(MOST);
        if left_out > 0 {
            all.sort_by_key(|(_, _, look, _)| Reverse(look.requests));
        }
        let told = all.iter().take(MOST).map(|(server, location, now, key)| {
            let mut route = routes::one(&self.shared, table, server, location, now);
            route["live"] = self.looks.front().map_or(Value::Null, |earliest| {
                let before = earliest.routes.get(key).unwrap_or(&nothing);
                happened(before, now, look.at - earliest.at)
            });
            route
        });
        (told.collect(), left_out)
    }
}

impl Look {
    fn now(shared: &Shared) -> Self {
        let metrics = &shared.observer.metrics;
        let table = &shared.current().table;
        let mut routes = HashMap::new();
        for server in &table.servers {
            for location in &server.locations {
                if let Some(look) = metrics.routes.look(server.name(), &location.name) {
                    routes.insert((server.name().to_owned(), location.name.clone()), look);
                }
            }
        }
        Self { at: Instant::now(), requests: metrics.total(), errors: metrics.errors(), routes }
    }

    fn rates_since(&self, before: &Self) -> Value {
        let time = self.at - before.at;
        json!({
            "requests": per_second(before.requests, self.requests, time),
            "errors": per_second(before.errors, self.errors, time),
        })
    }
}

/// Rates a second, and seconds that requests took.
fn happened(before: &RouteLook, now: &RouteLook, time: Duration) -> Value {
    let durations = now.durations.since(&before.durations);
    json!({
        "requests": per_second(before.requests, now.requests, time),
        "errors": per_second(before.errors, now.errors, time),
        "mean": durations.mean(),
        "p95": durations.quantile(0.95),
    })
}

/// To the hundredth.
fn per_second(before: u64, now: u64, time: Duration) -> f64 {
    let rate = now.saturating_sub(before) as f64 / time.as_secs_f64().max(0.001);
    (rate * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_came_by_the_time_it_took() {
        assert_eq!(per_second(10, 25, Duration::from_secs(2)), 7.5);
        assert_eq!(per_second(10, 10, Duration::ZERO), 0.0);
    }
}
