//! `send-rate`: how long the rest of an answer's body is to wait.

use super::context::Exchange;
use std::ops::Range;
use std::time::Duration;

impl Exchange {
    /// How long it is to wait until more is sent; `None` where it need not.
    pub fn pause(&self) -> Option<Duration> {
        let rate = self.settings()?.send_rate?;
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
        let rate = self.settings().and_then(|settings| settings.send_rate);
        match rate {
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
        let mut scene = Scene::of(&format!("{words}\n proxy \"http://app.example\""), "GET /");
        scene.admit();
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
}
