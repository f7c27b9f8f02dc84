//! `send-rate` and `read-rate`: how fast an answer goes.

use super::context::Exchange;
use super::fill::Into;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use vordr_rules::table::{Pace, SendRate};

/// How fast an answer goes, by its upstream: in bytes a second, where 0 is as fast as it can.
const RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");

impl Exchange {
    /// Notes how fast this answer goes, where each request has a pace of its own.
    pub(super) fn find_pace(&mut self, request: &Parts) {
        let filled = self.settings().and_then(|settings| settings.send_rate.as_ref());
        let Some(SendRate::Filled(bytes, after)) = filled else { return };
        let [bytes, after] = [bytes, after].map(|text| self.fill(text, request, Into::Raw));
        let [bytes, after] = [&bytes, &after].map(|text| String::from_utf8_lossy(text));
        self.own_pace = Pace::read(&bytes, &after);
    }

    /// Notes how fast the upstream says that the answer goes, where that counts. As in nginx, what is no number is nothing.
    pub fn heed_rate(&mut self, answer: &HeaderMap) {
        if !self.settings().is_some_and(|settings| settings.steering.rate) {
            return;
        }
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let rates = answer.get_all(&RATE).iter().filter_map(|rate| rate.to_str().ok().filter(is_number));
        self.told_rate = rates.filter_map(|rate| rate.parse().ok()).next_back().or(self.told_rate);
    }

    fn pace(&self) -> Option<Pace> {
        let (said, after) = match self.settings()?.send_rate.as_ref() {
            Some(SendRate::Fixed(pace)) => (Some(*pace), pace.after),
            Some(SendRate::Filled(..)) => (self.own_pace, self.own_pace.map_or(0, |pace| pace.after)),
            Some(SendRate::Told(after)) => (None, *after),
            None => (None, 0),
        };
        match self.told_rate {
            Some(0) => None,
            Some(bytes) => Some(Pace { bytes, after }),
            None => said,
        }
    }

    /// How fast it goes: each of these holds.
    pub fn paces(&self) -> Vec<Pace> {
        if self.event_stream || self.upgrade {
            return Vec::new();
        }
        let reading = self.proxy().and_then(|proxy| proxy.read_rate).map(|bytes| Pace { bytes, after: 0 });
        self.pace().into_iter().chain(reading).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;

    type Paces = Vec<(u64, u64)>;

    fn paces(words: &str) -> Paces {
        asked(words, "GET /")
    }

    fn asked(words: &str, request: &str) -> Paces {
        let mut scene = Scene::of(&format!("{words}\n proxy \"http://app.example\""), request);
        scene.delivered(&[]);
        said(&scene)
    }

    fn said(scene: &Scene) -> Paces {
        scene.exchange.paces().iter().map(|pace| (pace.bytes, pace.after)).collect()
    }

    #[test]
    fn the_rules_say_how_fast_an_answer_goes() {
        assert_eq!(paces(""), []);
        assert_eq!(paces("send-rate off"), []);
        assert_eq!(paces("send-rate 1000"), [(1000, 0)]);
        assert_eq!(paces("send-rate 1000 after=3000"), [(1000, 3000)]);
    }

    /// How fast an answer goes whose upstream says this.
    fn told_paces(words: &str, told: &str) -> Paces {
        let mut scene = Scene::of(words, "GET /");
        scene.admit();
        scene.reach();
        let head = [("x-accel-limit-rate".parse().unwrap(), told.parse().unwrap())].into_iter().collect();
        scene.exchange.heed_rate(&head);
        said(&scene)
    }

    #[test]
    fn an_upstream_says_how_fast_its_answer_goes_where_it_may() {
        let told = |words: &str, told| told_paces(&format!("{words}; proxy \"http://app.example\""), told);
        assert_eq!(told("steering on", "1000"), [(1000, 0)]);
        assert_eq!(told("steering rate; send-rate 10 after=3000", "1000"), [(1000, 3000)]);
        assert_eq!(told("steering rate; send-rate off after=3000", "1000"), [(1000, 3000)]);
        assert_eq!(told("steering rate; send-rate off after=3000", "fast"), []);
        assert_eq!(told("steering on; send-rate 1000", "0"), []);
        for none in ["fast", "1k", "-1", "", "99999999999999999999"] {
            assert_eq!(told("steering on; send-rate 1000", none), [(1000, 0)], "{none}");
        }
        for off in ["steering off", "steering redirect"] {
            assert_eq!(told(off, "1000"), [], "{off}");
        }
    }

    #[test]
    fn reading_and_sending_both_count() {
        let told = |words: &str| {
            told_paces(&format!("{words}; proxy \"http://app.example\" {{ read-rate 1000; }}"), "0")
        };
        assert_eq!(told("send-rate off"), [(1000, 0)]);
        assert_eq!(told("send-rate 2000 after=10"), [(2000, 10), (1000, 0)]);
    }

    #[test]
    fn a_request_may_have_a_pace_of_its_own() {
        let words = r#"send-rate "{arg.rate}" after="{arg.after}""#;
        assert_eq!(asked(words, "GET /?rate=1000"), [(1000, 0)]);
        assert_eq!(asked(words, "GET /?rate=1000&after=3000"), [(1000, 3000)]);
        assert_eq!(asked(words, "GET /?rate=1k&after=much"), [(1024, 0)]);
        for none in ["/", "/?rate=0", "/?rate=fast", "/?after=1"] {
            assert_eq!(asked(words, &format!("GET {none}")), [], "{none}");
        }
    }
}
