//! `retry`: whether a request that failed at a server may be tried again, and where.

use super::context::Exchange;
use super::failure::Failure;
use http::Method;
use vordr_rules::table::Retry;

/// What is known of an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// No connection came about, so nothing was sent.
    NotSent,
    /// A kept connection turned out to be closed before a byte of an answer came.
    ReusedAndClosed,
    /// The request was sent, as far as can be told, and the server may have acted on it.
    Sent,
}

impl Exchange {
    /// Whether `retry` lets the request be tried again after `failure`.
    pub fn may_retry(&self, retry: &Retry, attempt: Attempt, failure: &Failure, method: &Method) -> bool {
        let in_time = self.first_tried.is_none_or(|first| first.elapsed() < retry.within);
        if self.retried >= retry.times || !in_time {
            return false;
        }
        match attempt {
            Attempt::NotSent => retry.connect && is_of_connecting(failure),
            Attempt::ReusedAndClosed if retry.reused => true,
            Attempt::ReusedAndClosed | Attempt::Sent => {
                (method.is_idempotent() || retry.non_idempotent)
                    && (self.is_closed(failure) && retry.closed || is_named(retry, failure))
            }
        }
    }

    /// Whether the server broke the connection before it answered.
    fn is_closed(&self, failure: &Failure) -> bool {
        matches!(failure, Failure::EarlyClose | Failure::Reset)
            && self.reached.as_ref().is_none_or(|reached| reached.status.is_none())
    }
}

fn is_of_connecting(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused | Failure::ConnectTimeout | Failure::Tls(_))
}

/// `timeout`, `protocol`, or the status that the client would be answered.
fn is_named(retry: &Retry, failure: &Failure) -> bool {
    let timeout = matches!(failure, Failure::ReadTimeout | Failure::WriteTimeout);
    let failed =
        matches!(failure, Failure::Reset | Failure::EarlyClose | Failure::Protocol(_) | Failure::Status(_));
    let foreign = matches!(failure, Failure::Protocol(_));
    (timeout && retry.timeout)
        || (foreign && retry.protocol)
        || ((timeout || failed) && retry.statuses.contains(&failure.status()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;
    use super::*;
    use std::time::{Duration, Instant};
    use vordr_rules::table::Action;

    fn may(retry: &str, attempt: Attempt, failure: &Failure, method: &Method) -> bool {
        let rules = format!("proxy \"http://app.example\" {{ keepalive 128; {retry}\n }}");
        let scene = Scene::of(&rules, "GET /");
        judged(&scene.exchange, attempt, failure, method)
    }

    fn judged(exchange: &Exchange, attempt: Attempt, failure: &Failure, method: &Method) -> bool {
        let Action::Proxy(proxy) = &exchange.table.servers[0].locations[0].action else { panic!("no proxy") };
        let retry = &exchange.table.upstreams[proxy.upstream.0].retry;
        exchange.may_retry(retry, attempt, failure, method)
    }

    #[test]
    fn by_default_only_a_kept_connection_that_was_closed_is_tried_again_whatever_the_method() {
        for method in [Method::GET, Method::POST] {
            assert!(may("", Attempt::ReusedAndClosed, &Failure::EarlyClose, &method));
            assert!(!may("", Attempt::NotSent, &Failure::Refused, &method));
            assert!(!may("", Attempt::Sent, &Failure::EarlyClose, &method));
            assert!(!may("retry off", Attempt::ReusedAndClosed, &Failure::EarlyClose, &method));
        }
    }

    #[test]
    fn what_was_not_sent_may_be_sent_again_whatever_the_method() {
        for failure in [Failure::Refused, Failure::ConnectTimeout, Failure::Tls("x".into())] {
            assert!(may(r#"retry 1 on="connect""#, Attempt::NotSent, &failure, &Method::POST));
        }
        assert!(!may(r#"retry 1 on="reused""#, Attempt::NotSent, &Failure::Refused, &Method::GET));
    }

    #[test]
    fn what_may_have_been_acted_on_is_sent_again_where_it_is_idempotent_or_the_rules_say_so() {
        let rules = r#"retry 1 on="timeout 502 503""#;
        let busy = Failure::Status(http::StatusCode::SERVICE_UNAVAILABLE);
        for failure in [Failure::ReadTimeout, Failure::Reset, busy.clone()] {
            assert!(may(rules, Attempt::Sent, &failure, &Method::PUT), "{failure:?}");
            assert!(!may(rules, Attempt::Sent, &failure, &Method::POST), "{failure:?}");
            let told = r#"retry 1 on="timeout 502 503 non-idempotent""#;
            assert!(may(told, Attempt::Sent, &failure, &Method::POST), "{failure:?}");
        }
        assert!(!may(r#"retry 1 on="502""#, Attempt::Sent, &busy, &Method::GET));
        assert!(!may(r#"retry 1 on="502""#, Attempt::Sent, &Failure::ReadTimeout, &Method::GET));
        assert!(may(r#"retry 1 on="504""#, Attempt::Sent, &Failure::ReadTimeout, &Method::GET));
    }

    #[test]
    fn a_connection_that_breaks_before_an_answer_is_tried_again_where_that_is_said() {
        let closed = r#"retry 1 on="closed""#;
        for (failure, attempt) in
            [(Failure::EarlyClose, Attempt::Sent), (Failure::Reset, Attempt::ReusedAndClosed)]
        {
            assert!(may(closed, attempt, &failure, &Method::GET), "{failure:?}");
            assert!(!may(closed, attempt, &failure, &Method::POST), "{failure:?}");
            assert!(may(r#"retry 1 on="closed non-idempotent""#, attempt, &failure, &Method::POST));
        }
        assert!(!may(closed, Attempt::Sent, &Failure::ReadTimeout, &Method::GET));
    }

    #[test]
    fn an_answer_that_is_no_http_is_tried_again_where_that_is_said() {
        let babble = Failure::Protocol("x".into());
        assert!(may(r#"retry 1 on="protocol""#, Attempt::Sent, &babble, &Method::GET));
        assert!(!may(r#"retry 1 on="protocol""#, Attempt::Sent, &babble, &Method::POST));
        assert!(!may(r#"retry 1 on="protocol""#, Attempt::Sent, &Failure::Reset, &Method::GET));
        assert!(!may(r#"retry 1 on="closed timeout""#, Attempt::Sent, &babble, &Method::GET));
    }

    #[test]
    fn there_are_so_many_attempts_within_so_much_time() {
        let mut scene =
            Scene::of(r#"proxy "http://app.example" { retry 2 on="connect" within="10s"; }"#, "GET /");
        let may = |exchange: &Exchange| judged(exchange, Attempt::NotSent, &Failure::Refused, &Method::GET);
        scene.exchange.retried = 1;
        assert!(may(&scene.exchange));
        scene.exchange.first_tried = Instant::now().checked_sub(Duration::from_secs(11));
        assert!(!may(&scene.exchange));
        (scene.exchange.first_tried, scene.exchange.retried) = (None, 2);
        assert!(!may(&scene.exchange));
    }
}
