//! `afterwards`: another location that a request goes on in once it has been answered.

use super::admit::Admission;
use super::context::Exchange;
use super::failure::Failure;
use super::fill::Into;
use super::search::Phase;
use http::StatusCode;
use http::request::Parts;
use std::time::Instant;
use vordr_rules::table::{Action, Afterwards};

impl Exchange {
    /// Whether the rules have it go on behind its answer. It does so once.
    pub fn goes_on_afterwards(&self) -> bool {
        !self.is_afterwards && self.settings().is_some_and(|settings| settings.afterwards.is_some())
    }

    /// Goes on behind the answer, where the rules say so: what is to be done there.
    pub fn go_on_afterwards(&mut self, request: &Parts) -> Option<Admission> {
        if self.is_afterwards {
            return None;
        }
        let next = self.settings()?.afterwards.clone()?;
        self.is_afterwards = true;
        if let Some(reached) = self.reached.as_mut() {
            reached.status = reached.status.or(self.status.map(|status| status.as_u16()));
        }
        self.leave_attempt(&Failure::Elsewhere);
        self.leaves_the_pool();
        self.filled = None;
        let walked = self.take_turn().and_then(|()| match next {
            Afterwards::Search(path) => {
                let target = self.fill(&path, request, Into::Target);
                let (path, query) = self.taken_apart(&target, request)?;
                self.go_to(&path, query.as_deref())?;
                self.walk(Phase::First, request)
            }
            Afterwards::Enter(location) => {
                self.go_into(location);
                self.walk(Phase::Own, request)
            }
        });
        Some(self.decided(walked, request))
    }

    /// What is asked by, and with which body, is filled in; what has gone of the request's own is remembered all the same.
    pub(crate) fn fill_afterwards(&mut self, request: &Parts) {
        let kept = self.kept_body.take();
        self.fill_own(request);
        self.kept_body = kept;
    }

    /// The status that nginx's logs tell whatever comes behind it: of a failure, or a redirect, of this server's making.
    pub(crate) fn status_that_stays(&self) -> Option<StatusCode> {
        let is_own = match self.action() {
            Some(Action::Respond(respond)) => respond.fails,
            Some(Action::Redirect(_)) => true,
            _ => false,
        };
        self.status.filter(|_| is_own || self.failure.is_some() || self.instead_of.is_some())
    }

    /// What it came to behind its answer, whose status `stays` unless this failed too.
    pub(crate) fn ended_afterwards(&mut self, status: StatusCode, stays: Option<StatusCode>) {
        self.status = stays.filter(|_| status.is_success()).or(Some(status));
        let Some(reached) = self.reached.as_mut().filter(|reached| reached.attempt.is_some()) else { return };
        reached.status = Some(status.as_u16());
        (reached.answered, reached.over) = (Some(Instant::now()), Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{STRANGER, Scene};
    use super::*;

    const RULES: &str = r#"server a.test {
        listen 8080
        location "/by-path" { afterwards "/done?from={path}"; respond 202; }
        location "/by-name" { afterwards enter=done; respond 202; }
        location "/never" { respond 202; }
        location "/done" internal=on { afterwards "/by-path"; respond 200 template="{path}?{query} {status}"; }
        location name=done { deny all; respond 200; }
    }"#;

    fn afterwards(target: &str) -> Option<(u16, String)> {
        let mut scene = Scene::under(RULES, STRANGER, &format!("GET {target}"));
        scene.exchange.status = Some(scene.answer().status);
        let admission = scene.exchange.go_on_afterwards(&scene.request)?;
        assert_eq!(scene.exchange.go_on_afterwards(&scene.request), None, "once");
        let Admission::Answer(answer) = admission else { panic!("it is answered") };
        Some((answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
    }

    #[test]
    fn a_request_goes_on_once_in_another_location() {
        assert_eq!(afterwards("/by-path?a=b").unwrap(), (200, "/done?from=/by-path 200".to_owned()));
        assert_eq!(afterwards("/never"), None);
    }

    #[test]
    fn what_keeps_a_request_out_of_a_location_keeps_it_out_then_too() {
        assert_eq!(afterwards("/by-name").unwrap().0, 403);
    }
}
