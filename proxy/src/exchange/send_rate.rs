//! `send-rate` and `read-rate`: how long the rest of an answer's body is to wait.

use super::context::Exchange;
use super::fill::Into;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use std::ops::Range;
use std::time::Duration;
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

    /// How long it is to wait until more is sent; `None` where it need not.
    pub fn pause(&self) -> Option<Duration> {
        if self.event_stream || self.upgrade {
            return None;
        }
        let sending = self.pace().map(|pace| (self.bytes_out.saturating_sub(pace.after), pace.bytes));
        let reading =
            self.proxy().and_then(|proxy| proxy.read_rate).map(|rate| (self.bytes_of_upstream, rate));
        let times = [sending, reading].into_iter().flatten().map(|(bytes, rate)| bytes as f64 / rate as f64);
        let due = times.filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok()).max()?;
        // As in nginx, what may go in a second goes at once, and then the second is waited for.
        due.checked_sub(self.first_byte?.elapsed()).filter(|pause| !pause.is_zero())
    }

    /// What of a part of a file may be sent at once.
    pub fn share(&self, part: Range<u64>) -> Range<u64> {
        match self.pace() {
            Some(rate) => part.start..part.end.min(part.start.saturating_add(rate.bytes)),
            None => part,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;
    use std::time::Instant;

    fn pause(words: &str, sent: u64) -> Option<u64> {
        asked_pause(words, "GET /", sent)
    }

    fn asked_pause(words: &str, request: &str, sent: u64) -> Option<u64> {
        let mut scene = Scene::of(&format!("{words}\n proxy \"http://app.example\""), request);
        scene.delivered(&[]);
        scene.exchange.first_byte = Some(Instant::now());
        scene.exchange.bytes_out = sent;
        scene.exchange.pause().map(|pause| pause.as_secs_f64().ceil() as u64)
    }

    #[test]
    fn what_is_sent_beyond_the_rate_waits_until_it_is_due() {
        assert_eq!(pause("", u64::MAX), None);
        assert_eq!(pause("send-rate off", u64::MAX), None);
        assert_eq!(pause("send-rate 1000", 0), None);
        assert_eq!(pause("send-rate 1000", 1000), Some(1));
        assert_eq!(pause("send-rate 1000", 5000), Some(5));
        assert_eq!(pause("send-rate 1000 after=3000", 3000), None);
        assert_eq!(pause("send-rate 1000 after=3000", 5000), Some(2));
    }

    /// How long an answer waits whose upstream says this, after so many bytes of it were read and sent.
    fn told_pause(words: &str, told: &str, sent: u64) -> Option<u64> {
        let mut scene = Scene::of(words, "GET /");
        scene.admit();
        scene.reach();
        let head = [("x-accel-limit-rate".parse().unwrap(), told.parse().unwrap())].into_iter().collect();
        scene.exchange.heed_rate(&head);
        scene.exchange.first_byte = Some(Instant::now());
        (scene.exchange.bytes_out, scene.exchange.bytes_of_upstream) = (sent, sent);
        scene.exchange.pause().map(|pause| pause.as_secs_f64().ceil() as u64)
    }

    #[test]
    fn an_upstream_says_how_fast_its_answer_goes_where_it_may() {
        let told =
            |words: &str, told| told_pause(&format!("{words}; proxy \"http://app.example\""), told, 5000);
        assert_eq!(told("steering on", "1000"), Some(5));
        assert_eq!(told("steering rate; send-rate 10 after=3000", "1000"), Some(2));
        assert_eq!(told("steering rate; send-rate off after=3000", "1000"), Some(2));
        assert_eq!(told("steering rate; send-rate off after=3000", "fast"), None);
        assert_eq!(told("steering on; send-rate 1000", "0"), None);
        for none in ["fast", "1k", "-1", "", "99999999999999999999"] {
            assert_eq!(told("steering on; send-rate 1000", none), Some(5), "{none}");
        }
        for off in ["steering off", "steering redirect"] {
            assert_eq!(told(off, "1000"), None, "{off}");
        }
    }

    #[test]
    fn the_slower_of_reading_and_sending_counts() {
        let told = |words: &str| {
            told_pause(&format!("{words}; proxy \"http://app.example\" {{ read-rate 1000; }}"), "0", 5000)
        };
        assert_eq!(told("send-rate off"), Some(5));
        assert_eq!(told("send-rate 2000"), Some(5));
        assert_eq!(told("send-rate 500"), Some(10));
    }

    #[test]
    fn a_request_may_have_a_pace_of_its_own() {
        let words = r#"send-rate "{arg.rate}" after="{arg.after}""#;
        assert_eq!(asked_pause(words, "GET /?rate=1000", 5000), Some(5));
        assert_eq!(asked_pause(words, "GET /?rate=1000&after=3000", 5000), Some(2));
        assert_eq!(asked_pause(words, "GET /?rate=1k&after=much", 5120), Some(5));
        for none in ["/", "/?rate=0", "/?rate=fast", "/?after=1"] {
            assert_eq!(asked_pause(words, &format!("GET {none}"), u64::MAX), None, "{none}");
        }
    }
}
