//! What went wrong in an exchange: the first failure is what the log tells of.

use super::context::Exchange;
use super::failure::{Failure, Party};

/// How many addresses that could not be reached the log tells of.
const MOST_TOLD: usize = 8;

impl Exchange {
    /// Takes back an upstream's answer that turned out not to be one.
    pub(crate) fn failure_seen(&mut self, failure: &Failure) {
        if matches!(failure, Failure::Status(_)) {
            self.first_byte = None;
        }
    }

    /// Notes a failure; the first one is what the log tells of.
    pub fn note(&mut self, failure: Failure) {
        if self.failure.is_none() {
            self.failure = Some(failure);
            self.failed_in = self.location;
        }
    }

    /// Whether anything went wrong, though something else went on in its place.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some() || self.failed_first.is_some()
    }

    /// What went wrong first, and in full: with what failed in its place, where something did.
    pub fn fault(&self) -> Option<(&Failure, String)> {
        let last = self.failure.as_ref().map(|failure| (failure, self.told_in_full(failure)));
        let Some((first, told)) = self.failed_first.as_deref() else { return last };
        let told = last.map_or_else(|| told.clone(), |(_, last)| format!("{told}; and in its place: {last}"));
        Some((first, told))
    }

    /// A failure in words for the log: with each address that was tried, as one alone may mislead.
    pub fn told_in_full(&self, failure: &Failure) -> String {
        let detail = failure.detail(self.reached.as_ref().map(|reached| reached.upstream()));
        match failure {
            Failure::Undecided(reason) | Failure::Decided(_, reason) | Failure::Unreadable(reason) => {
                return format!("{detail}: {reason}");
            }
            Failure::NoFile(reason) => return format!("{detail}: {reason}"),
            Failure::InternalLocation => return format!("{detail}: its location is `internal=on`"),
            _ => {}
        }
        if self.unreached.is_empty() || failure.party() != Party::Upstream {
            return detail;
        }
        let tried = self.unreached.iter().map(|(address, reason)| format!("{address} {reason}"));
        format!("{detail} ({})", tried.collect::<Vec<_>>().join(", "))
    }

    /// Notes that an address could not be reached; each is told of once, and of no more than a few.
    pub(crate) fn could_not_reach(&mut self, address: &str, reason: impl Into<String>) {
        if let Some((_, earlier)) = self.unreached.iter_mut().find(|(known, _)| known == address) {
            *earlier = reason.into();
        } else if self.unreached.len() < MOST_TOLD {
            self.unreached.push((address.to_owned(), reason.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;
    use super::*;

    fn exchange() -> Exchange {
        let mut scene = Scene::of("proxy \"http://app.example\"", "GET /");
        scene.admit();
        scene.reach();
        scene.exchange
    }

    #[test]
    fn each_address_that_was_tried_is_told_with_its_reason() {
        let mut exchange = exchange();
        let upstream = format!("upstream {}", exchange.reached.as_ref().unwrap().upstream());
        assert_eq!(exchange.told_in_full(&Failure::Refused), format!("{upstream}: connection refused"));
        for reason in ["refused", "connect_timeout"] {
            exchange.could_not_reach("192.0.2.1:80", reason);
        }
        exchange.could_not_reach("[2001:db8::1]:80", "refused");
        assert_eq!(
            exchange.told_in_full(&Failure::Refused),
            format!(
                "{upstream}: connection refused (192.0.2.1:80 connect_timeout, [2001:db8::1]:80 refused)"
            )
        );
        assert_eq!(exchange.told_in_full(&Failure::NoRoute), Failure::NoRoute.detail(None));
    }

    #[test]
    fn the_first_failure_is_what_the_log_tells_of() {
        let mut exchange = exchange();
        exchange.note(Failure::Refused);
        exchange.note(Failure::ReadTimeout);
        assert_eq!(exchange.failure, Some(Failure::Refused));
    }
}
