//! What a location asks of a request before its action: a rate that it keeps to, and credentials.

use super::admit::Admission;
use super::answer::Answer;
use super::context::Exchange;
use super::failure::Failure;
use super::headers::{Headers, reads_as};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use vordr_rules::placeholder::Template;
use vordr_rules::table::{Auth, Concurrency, Location, RateLimit, Satisfy, Server, Settings};

// draft-ietf-httpapi-ratelimit-headers-10
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What something is counted for: each limit has buckets of its own, unless a zone puts several together.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub struct CountedFor<'e> {
    /// The server; of a zone there is only one.
    pub server: &'e str,
    /// The location that has it for itself, or the zone.
    pub route: &'e str,
    /// Which of several in one block it is; of a zone, always the first.
    pub number: usize,
}

/// What credentials told of whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learnt {
    /// The name, for the log.
    pub user: Option<String>,
    /// What `copy` makes of it, for the upstream.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The headers of the answer by which somebody else let the request in.
    pub answer: HeaderMap,
}

impl Learnt {
    /// Takes what `copy` names, as far as `known` tells of it.
    pub fn copy(&mut self, auth: &Auth, known: impl Fn(&str) -> Option<String>) {
        for (from, header) in &auth.copy {
            if let Some(value) = known(from).and_then(|value| HeaderValue::try_from(value).ok()) {
                self.headers.push((header.clone(), value));
            }
        }
    }
}

impl Exchange {
    /// Whether there is anything to look at before the action.
    pub(super) fn is_guarded(&self) -> bool {
        let limited = |settings: &Settings| !settings.limits.is_empty() || !settings.concurrent.is_empty();
        self.settings().is_some_and(limited) || !self.auths().is_empty()
    }

    /// The credentials that are still to be shown.
    pub fn auths(&self) -> &[Auth] {
        let Some(settings) = self.settings() else { return &[] };
        match settings.satisfy != Satisfy::All && self.is_address_allowed() == Some(true) {
            true => &[],
            false => &settings.auth,
        }
    }

    /// Whether any one of the credentials is enough.
    pub fn one_is_enough(&self) -> bool {
        self.settings().is_some_and(|settings| settings.satisfy == Satisfy::One)
    }

    /// Whether a wrong address may be made up for.
    pub(super) fn settles_for_credentials(&self) -> bool {
        self.settings().is_some_and(|settings| settings.satisfy != Satisfy::All && !settings.auth.is_empty())
    }

    /// The limits that hold, each with what it is counted for. What a location has from its server is counted over all of
    /// that server.
    pub fn limits(&self) -> impl Iterator<Item = (&RateLimit, CountedFor<'_>)> {
        let all = self.settings().map_or(&[][..], |settings| &settings.limits);
        let route = self.location().filter(|location| !location.shared.limits);
        all.iter()
            .enumerate()
            .map(move |(number, limit)| (limit, self.counted_for(limit.zone.as_deref(), route, number)))
    }

    /// How many may be under way, each with what it is counted for.
    pub fn concurrencies(&self) -> impl Iterator<Item = (&Concurrency, CountedFor<'_>)> {
        let all = self.settings().map_or(&[][..], |settings| &settings.concurrent);
        let route = self.location().filter(|location| !location.shared.concurrent);
        all.iter()
            .enumerate()
            .map(move |(number, limit)| (limit, self.counted_for(limit.zone.as_deref(), route, number)))
    }

    fn counted_for<'e>(
        &'e self,
        zone: Option<&'e str>,
        route: Option<&'e Location>,
        number: usize,
    ) -> CountedFor<'e> {
        let own = || {
            let route = route.map_or("", |route| route.name.as_str());
            CountedFor { server: self.server().map_or("", Server::name), route, number }
        };
        zone.map_or_else(own, |zone| CountedFor { server: "", route: zone, number: 0 })
    }

    /// What is counted together with others: its key under a limit. `None` where a zone counts it not at all.
    pub fn counted_key(&self, key: &Template, zone: Option<&str>, request: &Parts) -> Option<Vec<u8>> {
        Some(self.key(key, request)).filter(|key| zone.is_none() || !key.is_empty())
    }

    /// Goes on with a request that has passed everything.
    pub fn pass(&mut self, request: &Parts) -> Admission {
        self.act(request)
    }

    /// Refuses a request that has not.
    pub fn turn_away(&mut self, failure: Failure, request: &Parts) -> Admission {
        self.refuse(failure, request)
    }

    /// Refuses it with somebody else's words.
    pub fn turn_away_with(&mut self, failure: Failure, answer: Answer, request: &Parts) -> Admission {
        if let Some(replaced) = self.replaced(&failure, request) {
            self.note(failure);
            return replaced;
        }
        self.note(failure);
        Admission::Answer(Box::new(self.finish_answer(answer, request)))
    }

    /// Tells the upstream what was learnt. What a client sent by these names never reaches it, not from a location without
    /// `auth` either, and however it is spelt: to many an app `X_User` is `X-User`.
    pub(super) fn forward_learnt(&self, message: &mut impl Headers) {
        let vouched_for = self.server().map_or(&[][..], |server| &server.vouched_for);
        let is_ours =
            |name: &HeaderName| vouched_for.iter().any(|header| reads_as(name.as_str(), header.as_str()));
        if !vouched_for.is_empty() {
            let forged: Vec<_> = message.headers().keys().filter(|name| is_ours(name)).cloned().collect();
            forged.iter().for_each(|name| message.remove(name));
        }
        self.learnt.headers.iter().for_each(|(name, value)| message.set(name, value.clone()));
    }

    /// Tells which limit it was, and that nothing is left of it. A status of the operator's own says all by itself.
    pub(super) fn rate_limited(&self, mut page: Answer) -> Answer {
        let Some((limit, _)) = self.limits().nth(self.refused_by) else { return page };
        if page.status != StatusCode::TOO_MANY_REQUESTS {
            return page;
        }
        let mut tell = |name, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                page.headers.insert(name, value);
            }
        };
        let policy = format!("\"default\";q={};w={}", limit.requests, limit.per.as_secs());
        tell(RATELIMIT_POLICY, policy);
        tell(RATELIMIT, format!("\"default\";r=0;t={}", self.retry_after.unwrap_or(1)));
        page
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{STRANGER, Scene, values};
    use super::*;

    const RULES: &str = r#"server a.test {
        listen 8080
        limit rate="20/s" burst=40
        location "/" { proxy "http://app.example"; }
        location "/inherits" { respond 200; }
        location "/own" { limit rate="100/m" key="{header.X-API-Key}"; respond 200; }
        location "/free" { limit off; respond 200; }
    }"#;

    fn counted_for(target: &str) -> Option<(u32, String)> {
        let mut scene = Scene::under(RULES, STRANGER, &format!("GET {target}"));
        assert_eq!(scene.admit() == Admission::Guarded, target != "/free");
        let (limit, counted) = scene.exchange.limits().next()?;
        Some((limit.requests, format!("{}{}", counted.server, counted.route)))
    }

    #[test]
    fn what_is_inherited_is_counted_for_the_server_and_what_is_its_own_for_the_location() {
        assert_eq!(counted_for("/"), Some((20, "a.test".to_owned())));
        assert_eq!(counted_for("/inherits"), Some((20, "a.test".to_owned())));
        assert_eq!(counted_for("/own"), Some((100, "a.test/own".to_owned())));
        assert_eq!(counted_for("/free"), None);
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_what_the_limit_is() {
        let mut scene = Scene::under(RULES, STRANGER, "GET /own");
        scene.admit();
        scene.exchange.retry_after = Some(7);
        let Admission::Answer(answer) =
            scene.exchange.turn_away(Failure::RateLimit(StatusCode::TOO_MANY_REQUESTS), &scene.request)
        else {
            panic!("it is answered");
        };
        assert_eq!(answer.status, 429);
        assert_eq!(values(&answer.headers, "retry-after"), ["7"]);
        assert_eq!(values(&answer.headers, "ratelimit-policy"), ["\"default\";q=100;w=60"]);
        assert_eq!(values(&answer.headers, "ratelimit"), ["\"default\";r=0;t=7"]);
    }

    #[test]
    fn who_has_passed_is_forwarded_or_answered() {
        for (target, forwards) in [("/", true), ("/inherits", false)] {
            let mut scene = Scene::under(RULES, STRANGER, &format!("GET {target}"));
            scene.admit();
            assert_eq!(scene.exchange.pass(&scene.request) == Admission::Forward, forwards);
        }
    }
}
