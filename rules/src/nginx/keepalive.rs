//! `keepalive_timeout` and its kin: how long clients' connections are kept.

use super::Nginx;
use super::scope::Scope;
use super::tree::Directive;
use crate::language::keepalive::Keepalive;
use crate::source::{Span, Spanned};
use crate::table::Browsers;
use crate::value::Limit;
use std::time::Duration;

impl Nginx<'_, '_> {
    /// What the blocks of `scope` say themselves.
    pub(super) fn read_keepalive(&mut self, scope: &Scope<'_>) -> Keepalive {
        let timeout = scope.find("keepalive_timeout");
        // Where the nearer one has no second time, that of the outer one goes on being told.
        let told = scope.every("keepalive_timeout").filter(|timeout| timeout.arguments.len() > 1).last();
        let requests = scope.find("keepalive_requests");
        Keepalive {
            idle: timeout.and_then(|timeout| self.span_of_time(timeout, 0)),
            told: told.and_then(|told| self.told_time(told)),
            age: scope.find("keepalive_time").and_then(|time| self.span_of_time(time, 0)),
            requests: requests.and_then(|requests| self.number_of_requests(requests)),
            except: self.read_browsers(scope),
        }
    }

    /// The connections of MSIE 6 are closed where nothing is said, too.
    pub(super) fn usual_browsers(&self) -> Spanned<Browsers> {
        let nowhere = Span { source: self.reading.source, start: 0, length: 0 };
        Spanned::new(Browsers { msie6: true, safari: false }, nowhere)
    }

    /// `keepalive_disable`: several of a block add up, and `none` takes nothing away from what stands beside it.
    fn read_browsers(&mut self, scope: &Scope<'_>) -> Option<Spanned<Browsers>> {
        let directives = scope.all("keepalive_disable");
        let mut browsers = Browsers::default();
        for directive in &directives {
            for name in directive.arguments.iter().filter(|name| name.value != "none") {
                match browsers.with(&name.value) {
                    Some(more) => browsers = more,
                    None => self.fault(name.span, format!("invalid value \"{}\"", name.value)),
                }
            }
        }
        directives.first().map(|directive| Spanned::new(browsers, directive.name.span))
    }

    /// In seconds, as it is told.
    fn told_time(&mut self, directive: &Directive) -> Option<Spanned<Limit<Duration>>> {
        let told = self.span_of_time(directive, 1)?;
        if told.value.0.is_some_and(|told| told < Duration::from_secs(1)) {
            self.invalid(directive, 1);
            return None;
        }
        Some(told)
    }

    /// 0 is none at all.
    fn span_of_time(&mut self, directive: &Directive, number: usize) -> Option<Spanned<Limit<Duration>>> {
        let time = self.time(directive, number)?;
        Some(Spanned::new(Limit(Some(time.value).filter(|time| !time.is_zero())), time.span))
    }

    /// 0 closes after each answer, as 1 does.
    fn number_of_requests(&mut self, directive: &Directive) -> Option<Spanned<Limit<u64>>> {
        match directive.first().parse::<u64>() {
            Ok(number) => Some(Spanned::new(Limit(Some(number.max(1))), directive.span_of(0))),
            Err(_) => {
                self.invalid(directive, 0);
                None
            }
        }
    }
}
