//! `send-rate`: how long the rest of an answer's body is to wait.

use super::context::Exchange;
use super::fill::Into;
use http::request::Parts;
use std::ops::Range;
use std::time::Duration;
use vordr_rules::table::{Pace, SendRate};

impl Exchange {
    /// Notes how fast this answer goes, where each request has a pace of its own.
    pub(super) fn find_pace(&mut self, request: &Parts) {
        let filled = self.settings().and_then(|settings| settings.send_rate.as_ref());
        let Some(SendRate::Filled(bytes, after)) = filled else { return };
        let [bytes, after] = [bytes, after].map(|text| self.fill(text, request, Into::Raw));
        let [bytes, after] = [&bytes, &after].map(|text| String::from_utf8_lossy(text));
        self.own_pace = Pace::read(&bytes, &after);
    }

    fn pace(&self) -> Option<Pace> {
        match self.settings()?.send_rate.as_ref()? {
            SendRate::Fixed(pace) => Some(*pace),
            SendRate::Filled(..) => self.own_pace,
        }
    }

    /// How long it is to wait until more is sent; `None` where it need not.
    pub fn pause(&self) -> Option<Duration> {
        let rate = self.pace()?;
        if self.event_stream || self.upgrade {
            return None;
        }
        let sent = self.bytes_out.saturating_sub(rate.after);
        let due = Duration::try_from_secs_f64(sent as f64 / rate.bytes as f64).ok()?;
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
