//! `on-error`: what is done in the place of a failure.

use super::admit::Admission;
use super::context::Exchange;
use super::failure::{Failure, Party};
use http::StatusCode;
use http::request::Parts;
use vordr_rules::table::Action;

impl Exchange {
    /// Whether the upstream's own answer with this status is to be replaced.
    pub fn replaces(&self, status: StatusCode) -> bool {
        self.recovering.is_none() && self.on_error_for(status, true).is_some()
    }

    /// Whether there is an upstream to fall back to.
    pub fn falls_back(&mut self, failure: &Failure) -> bool {
        let fallback = self
            .on_error_of(failure)
            .filter(|index| matches!(self.on_error_action(*index), Some(Action::Proxy(_))));
        if fallback.is_some() {
            self.recovering = fallback;
        }
        fallback.is_some()
    }

    /// The answer to a failure: an `on-error`'s, or the failure's page.
    pub fn recover(&mut self, failure: &Failure, request: &Parts) -> Box<super::Answer> {
        self.note(failure.clone());
        match self.on_error_of(failure) {
            Some(index) if !matches!(self.on_error_action(index), Some(Action::Proxy(_))) => {
                self.recovering = Some(index);
                match self.act(request) {
                    Admission::Answer(answer) => answer,
                    Admission::Forward => Box::new(self.failure_page(failure, request)),
                }
            }
            _ => Box::new(self.failure_page(failure, request)),
        }
    }

    /// An `on-error`'s own action has none of its own.
    fn on_error_of(&self, failure: &Failure) -> Option<usize> {
        if self.recovering.is_some() || failure.party() != Party::Upstream {
            return None;
        }
        self.on_error_for(failure.status(), matches!(failure, Failure::Status(_)))
    }

    fn on_error_for(&self, status: StatusCode, from_upstream: bool) -> Option<usize> {
        let settings = self.settings()?;
        settings.on_error.iter().position(|on_error| {
            on_error.statuses.contains(&status) && (on_error.from_upstream || !from_upstream)
        })
    }

    fn on_error_action(&self, index: usize) -> Option<&Action> {
        self.settings()?.on_error.get(index).map(|on_error| &on_error.action)
    }
}
