//! `on-error`: what is done in the place of a failure.

use super::admit::Admission;
use super::answer::Answer;
use super::context::{Exchange, Instead};
use super::failure::{Failure, Party, shown};
use super::headers::Headers;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, StatusCode};
use vordr_rules::table::{Action, AnswerStatus, OnError};

/// What tells of a body that is not sent.
const OF_A_BODY: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];

/// Whether an answer ends with its head.
pub(super) fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

impl Exchange {
    /// Whether the upstream's own answer with this status is to be replaced; `is_sendable` where the request can be sent
    /// once more, body and all.
    pub fn replaces(&self, status: StatusCode, is_sendable: bool) -> bool {
        let index = self.on_error_of(&Failure::Status(status));
        index.is_some_and(|index| is_sendable || !self.sends_once_more(index))
    }

    /// Whether what goes on can do so without the request's body: a page is only read. A body of the rules' own would have
    /// to be sent in its place.
    pub fn needs_no_body(&self) -> bool {
        self.asks_anew && self.proxy().is_none_or(|proxy| proxy.body.is_none())
    }

    /// Whether an `on-error` has the request sent to an upstream as it came, as far as that can be told beforehand.
    fn sends_once_more(&self, index: usize) -> bool {
        let action = match self.on_error_action(index) {
            Some(Action::Enter(location)) => {
                self.server().and_then(|server| Some(&server.locations.get(location.0)?.action))
            }
            action => action,
        };
        !self.asks_anew && matches!(action, Some(Action::Proxy(_)))
    }

    /// What comes of it where an `on-error` has another upstream or another location go on in the place of a failure.
    pub fn falls_back(&mut self, failure: &Failure, request: &Parts) -> Option<Admission> {
        if *failure == Failure::Elsewhere {
            return self.follow(request);
        }
        let index = self.on_error_of(failure).filter(|index| self.goes_elsewhere(*index))?;
        self.stand_in(index, failure);
        // Where a file is not there, or an upstream says so, another is mostly meant to be asked.
        let is_fault = failure.party() == Party::Upstream && failure.status().is_server_error();
        let told = is_fault.then(|| self.told_in_full(failure));
        self.note(failure.clone());
        let admission = self.act(request);
        if matches!(admission, Admission::Forward | Admission::Guarded) {
            // It is counted as an attempt that was made again; the log tells of it all the same.
            self.failure = None;
            if let Some(told) = told {
                self.failed_first.get_or_insert_with(|| Box::new((failure.clone(), told)));
            }
        }
        Some(admission)
    }

    fn goes_elsewhere(&self, index: usize) -> bool {
        matches!(self.on_error_action(index), Some(Action::Proxy(_) | Action::Enter(_) | Action::Search(_)))
    }

    /// What is done in the place of a failure that nobody else mends: an `on-error`'s answer or file, or the failure's
    /// page.
    pub fn recover(&mut self, failure: &Failure, request: &Parts) -> Admission {
        self.note(failure.clone());
        match self.on_error_of(failure) {
            Some(index) if !self.goes_elsewhere(index) => {
                self.stand_in(index, failure);
                self.act(request)
            }
            _ => Admission::Answer(Box::new(self.failure_page(failure, request))),
        }
    }

    /// What an `on-error` does in the place of what the rules refuse; `None` where none does anything.
    pub(super) fn replaced(&mut self, failure: &Failure, request: &Parts) -> Option<Admission> {
        let index = self.on_error_of(failure)?;
        self.stand_in(index, failure);
        Some(self.act(request))
    }

    /// What an `on-error` does in the place of a redirect; `None` where none names its status. Where that leads stays said.
    pub(super) fn led_elsewhere(&mut self, redirect: &Answer, request: &Parts) -> Option<Admission> {
        let target = redirect.headers.get(LOCATION).filter(|_| redirect.status.is_redirection())?;
        let failure = Failure::Responded(redirect.status);
        self.on_error_of(&failure)?;
        self.destination = Some(target.clone());
        self.replaced(&failure, request)
    }

    /// The status of what is answered in the place of a failure; `None` where that is its own. `is_file` where a file
    /// is what is answered.
    pub fn status_instead(&self, is_file: bool) -> Option<StatusCode> {
        let Instead { status, answer, .. } = self.instead_of?;
        match answer {
            AnswerStatus::Usual => is_file.then_some(status),
            AnswerStatus::Failure => Some(status),
            AnswerStatus::Own => None,
            AnswerStatus::Fixed(status) => Some(status),
        }
    }

    /// The status of an upstream's answer in the place of a failure. One that says that nothing has changed keeps its own:
    /// it brings no body for another.
    pub fn answered_instead(&self, own: StatusCode) -> StatusCode {
        match own {
            StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS => own,
            _ => self.status_instead(false).unwrap_or(own),
        }
    }

    /// Takes the body of an upstream's answer away, where it has come by a status that has none (RFC 9110, section 6.4.1).
    pub fn leave_body_out(&mut self, status: StatusCode, message: &mut impl Headers) {
        if is_bodiless(status) {
            OF_A_BODY.iter().for_each(|name| message.remove(name));
            self.portion = Some(Box::default());
        }
    }

    fn stand_in(&mut self, index: usize, failure: &Failure) {
        let Some(on_error) = self.settings().and_then(|settings| settings.on_error.get(index)) else {
            return;
        };
        let (answer, again) = (on_error.status, on_error.again);
        let is_search = matches!(on_error.action, Action::Search(_));
        self.instead_of = Some(Instead { status: shown(self.known_status(failure)), answer, again });
        // Who asks for a page where something was to be done only reads it.
        self.asks_anew |= is_search;
        if let Failure::Auth { challenges, .. } = failure {
            self.challenges.clone_from(challenges);
        }
        self.recovering = Some(index);
        self.does_otherwise = false;
    }

    /// An `on-error`'s own action has none of its own, unless that is said.
    fn on_error_of(&self, failure: &Failure) -> Option<usize> {
        let is_over = self.recovered && !self.instead_of.is_some_and(|instead| instead.again);
        if self.recovering.is_some() || is_over {
            return None;
        }
        let takes = |on_error: &OnError| match failure {
            Failure::Status(_) => on_error.from.takes_answers(),
            failure => failure.is_replaceable() || on_error.from.takes_refusals(),
        };
        let status = self.known_status(failure);
        let on_errors = &self.settings()?.on_error;
        on_errors.iter().position(|on_error| on_error.statuses.contains(&status) && takes(on_error))
    }

    /// The status by which the rules know a failure.
    fn known_status(&self, failure: &Failure) -> StatusCode {
        if self.has_nginxs_bodies() { failure.status_to_nginx() } else { failure.status() }
    }

    fn on_error_action(&self, index: usize) -> Option<&Action> {
        self.settings()?.on_error.get(index).map(|on_error| &on_error.action)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;

    fn answered(admission: Admission) -> Answer {
        match admission {
            Admission::Answer(answer) => *answer,
            other => panic!("it is answered: {other:?}"),
        }
    }

    fn recovered(on_error: &str, failure: &Failure) -> (u16, Scene) {
        let mut scene = Scene::of(&format!("{on_error}\n proxy \"http://app.example\""), "GET /x");
        scene.admit();
        scene.reach();
        let answer = answered(scene.exchange.recover(failure, &scene.request));
        (answer.status.as_u16(), scene)
    }

    #[test]
    fn the_first_on_error_that_names_the_status_is_taken() {
        let on_error = "on-error 502 { respond 200; }; on-error 502 504 { respond 201; }";
        for (failure, status) in [
            (Failure::Refused, 200),
            (Failure::Reset, 200),
            (Failure::Tls("x".into()), 200),
            (Failure::ReadTimeout, 201),
            (Failure::ConnectTimeout, 201),
            (Failure::Dns("x".into()), 503),
            (Failure::NoneUp, 503),
        ] {
            let (found, scene) = recovered(on_error, &failure);
            assert_eq!(found, status, "{failure:?}");
            assert_eq!(scene.exchange.failure, Some(failure), "the log tells of it all the same");
        }
    }

    #[test]
    fn what_is_the_clients_doing_or_vordrs_own_is_no_error_of_the_upstream() {
        let on_error = "on-error 408 413 500 { respond 200; }";
        for failure in [Failure::BodyLimit, Failure::ClientTimeout, Failure::Internal("x".into())] {
            assert_eq!(recovered(on_error, &failure).0, failure.status().as_u16(), "{failure:?}");
        }
    }

    #[test]
    fn the_upstreams_own_status_counts_only_where_from_upstream_is_said() {
        let own = StatusCode::SERVICE_UNAVAILABLE;
        for (on_error, replaced) in [
            ("on-error 503 { respond 200; }", false),
            ("on-error 503 from=upstream { respond 200; }", true),
            ("on-error 500 from=upstream { respond 200; }", false),
        ] {
            let mut scene = Scene::of(&format!("{on_error}\n proxy \"http://app.example\""), "GET /");
            scene.admit();
            assert_eq!(scene.exchange.replaces(own, true), replaced, "{on_error}");
        }
    }

    #[test]
    fn a_fallback_is_taken_once_and_its_failure_has_its_own_page() {
        let on_error = "on-error 502 { proxy \"http://b.example\"; }";
        let mut scene = Scene::of(&format!("{on_error}\n proxy \"http://app.example\""), "GET /");
        scene.admit();
        let mut falls_back = |failure: &Failure| scene.exchange.falls_back(failure, &scene.request);
        assert_eq!(falls_back(&Failure::ReadTimeout), None);
        assert_eq!(falls_back(&Failure::Refused), Some(Admission::Forward));
        assert_eq!(falls_back(&Failure::Refused), None);
        assert!(!scene.exchange.replaces(StatusCode::BAD_GATEWAY, true));
        scene.reach();
        let answer = answered(scene.exchange.recover(&Failure::Refused, &scene.request));
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    }

    #[test]
    fn a_body_in_the_place_of_a_failure_tells_of_the_status_it_has() {
        let on_error = "on-error 502 as=404 { respond 200 template=\"{status}\"; }";
        let mut scene = Scene::of(&format!("{on_error}\n proxy \"http://app.example\""), "GET /x");
        scene.admit();
        let answer = answered(scene.exchange.recover(&Failure::Refused, &scene.request));
        assert_eq!((answer.status.as_u16(), &*answer.body), (404, b"404".as_slice()));
    }

    #[test]
    fn what_stands_in_for_a_redirect_says_where_it_led() {
        for (action, on_error, status) in [
            ("redirect 302 \"/new\"", "on-error 302 { respond 200 \"moved\"; }", 200),
            ("redirect 302 \"/new\"", "on-error 302 as=failure { respond 200 \"moved\"; }", 302),
            ("redirect 301 \"/new\"", "on-error 302 { respond 200 \"moved\"; }", 301),
        ] {
            let answer = Scene::of(&format!("{on_error}\n {action}"), "GET /x").answer();
            assert_eq!(
                (answer.status.as_u16(), answer.headers[LOCATION].as_bytes()),
                (status, b"/new".as_slice())
            );
            assert_eq!(answer.body.is_empty(), status == 301, "{on_error}");
        }
    }

    #[test]
    fn a_redirect_in_the_place_of_a_failure_is_filled_in() {
        let mut scene = Scene::of(
            "on-error 502 { redirect \"/error?from={path}\"; }\n proxy \"http://app.example\"",
            "GET /x",
        );
        scene.admit();
        let answer = answered(scene.exchange.recover(&Failure::Refused, &scene.request));
        assert_eq!(answer.headers[LOCATION], "/error?from=/x");
    }
}
