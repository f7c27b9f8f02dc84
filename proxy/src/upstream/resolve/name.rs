//! One name, and what is known of it.

use super::ask::{self, Answer, Asker, Host};
use super::{LONGEST_PAUSE, LONGEST_WAIT, SHORTEST};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// One name, and what is known of it.
#[derive(Debug)]
pub(super) struct Name {
    name: String,
    kind: Kind,
    /// The longest an answer is believed.
    pub(super) longest: Duration,
    state: ArcSwap<State>,
    /// Whether the first question has been answered, in whichever way.
    asked: watch::Sender<bool>,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Kind {
    /// A host, which has addresses.
    Host,
    /// A service of this name (RFC 2782), which has hosts.
    Service(String),
}

/// What is known of a name.
#[derive(Debug, Clone, Default)]
struct State {
    hosts: Arc<Vec<Host>>,
    /// Why there is no newer answer.
    problem: Option<String>,
    last_success: Option<SystemTime>,
}

impl State {
    /// Whether other servers are found than before, or none for another reason.
    fn differs_from(&self, before: &Self) -> bool {
        self.hosts != before.hosts || self.hosts.is_empty() && self.problem != before.problem
    }
}

impl Name {
    /// A name with what was known of it before.
    pub(super) fn new(name: String, kind: Kind, longest: Duration, before: Option<&Self>) -> Self {
        let unknown = || State { problem: Some("not asked yet".to_owned()), ..State::default() };
        let state = before.map_or_else(unknown, |before| (**before.state.load()).clone());
        let asked = before.is_some_and(|before| *before.asked.borrow());
        Self { name, kind, longest, state: ArcSwap::from_pointee(state), asked: watch::Sender::new(asked) }
    }

    /// The hosts behind it, or why there are none.
    pub(super) fn answer(&self) -> Result<Arc<Vec<Host>>, String> {
        let state = self.state.load();
        match state.hosts.is_empty() {
            false => Ok(state.hosts.clone()),
            true => Err(state.problem.clone().unwrap_or_else(|| "it has no address".to_owned())),
        }
    }

    /// Why there is no newer answer.
    pub(super) fn problem(&self) -> Option<String> {
        self.state.load().problem.clone()
    }

    /// Waits until the first question about it has been answered, in whichever way.
    pub(super) async fn asked(&self) {
        // Cannot fail while this is there to hold the sender.
        let _ = self.asked.subscribe().wait_for(|asked| *asked).await;
    }

    /// When it was resolved last.
    pub(super) fn last_success(&self) -> Option<SystemTime> {
        self.state.load().last_success
    }

    pub(super) async fn keep_resolved(self: Arc<Self>, asker: Asker, changed: Arc<dyn Fn() + Send + Sync>) {
        let mut pause = SHORTEST;
        loop {
            let answer = self.ask(&asker).await;
            let before = self.state.load_full();
            let sleep = match answer {
                Ok(answer) => {
                    pause = SHORTEST;
                    self.succeeded(answer)
                }
                Err(reason) => {
                    self.failed(&reason);
                    let sleep = pause;
                    pause = longer(pause, !before.hosts.is_empty());
                    sleep
                }
            };
            if self.state.load().differs_from(&before) {
                changed();
            }
            self.asked.send_replace(true);
            tokio::time::sleep(sleep).await;
        }
    }

    async fn ask(&self, asker: &Asker) -> Result<Answer, String> {
        let before = self.state.load().hosts.clone();
        match &self.kind {
            Kind::Host => ask::host(asker, &self.name, &before).await,
            Kind::Service(name) => ask::service(asker, name, &before).await,
        }
    }

    /// Asks once, and notes the answer; how long it is believed.
    pub(super) async fn ask_once(&self, asker: &Asker) -> Result<Duration, String> {
        self.ask(asker).await.map(|answer| self.succeeded(answer))
    }

    /// Notes an answer; how long it is believed.
    fn succeeded(&self, answer: Answer) -> Duration {
        let state =
            State { hosts: Arc::new(answer.hosts), problem: None, last_success: Some(SystemTime::now()) };
        self.state.store(Arc::new(state));
        answer.time_to_live.clamp(SHORTEST, self.longest.max(SHORTEST))
    }

    /// The last good answer is kept: an old address that works is better than none.
    pub(super) fn failed(&self, reason: &str) {
        let state = State { problem: Some(reason.to_owned()), ..(**self.state.load()).clone() };
        self.state.store(Arc::new(state));
    }
}

/// How long it takes until a name is asked for again that could not be resolved again.
fn longer(pause: Duration, is_known: bool) -> Duration {
    (pause * 2).min(if is_known { LONGEST_PAUSE } else { LONGEST_WAIT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_requests_wait_for_is_asked_for_more_often_than_one_that_was_known() {
        let pauses = |is_known| {
            let first = (SHORTEST, Duration::ZERO);
            let all = std::iter::successors(Some(first), move |(pause, at)| {
                Some((longer(*pause, is_known), *at + *pause))
            });
            all.map(|(_, at)| at.as_secs()).take(7).collect::<Vec<_>>()
        };
        assert_eq!(pauses(false), [0, 1, 3, 7, 12, 17, 22]);
        assert_eq!(pauses(true), [0, 1, 3, 7, 15, 31, 61]);
    }

    #[test]
    fn a_name_that_still_leads_nowhere_is_nothing_new() {
        let lost = |reason: &str| State { problem: Some(reason.to_owned()), ..State::default() };
        assert!(lost("there is no such name").differs_from(&lost("not asked yet")));
        assert!(!lost("there is no such name").differs_from(&lost("there is no such name")));
        let (name, addresses) = ("chat.test".to_owned(), vec![[127, 0, 0, 1].into()]);
        let host = Host { name, addresses, port: 0, priority: 0, weight: 1 };
        let known = State { hosts: Arc::new(vec![host]), ..State::default() };
        assert!(known.differs_from(&State::default()));
        assert!(!State { problem: Some("no answer".to_owned()), ..known.clone() }.differs_from(&known));
    }
}
