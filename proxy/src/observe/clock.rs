//! The time as logs write it.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long `2026-11-21T10:00:00.000Z` is.
const LENGTH: usize = 24;
/// Where its milliseconds stand.
const MILLIS: std::ops::Range<usize> = 20..23;

thread_local! {
    /// The text of the present second: a thread writes many lines in one.
    static SECOND: RefCell<(u64, [u8; LENGTH])> = const { RefCell::new((u64::MAX, [b'0'; LENGTH])) };
}

/// A time, in UTC, to the millisecond (RFC 3339).
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp([u8; LENGTH]);

impl Stamp {
    pub(super) fn now() -> Self {
        Self::at(SystemTime::now())
    }

    fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut text = SECOND.with_borrow_mut(|(second, text)| {
            if *second != since.as_secs() {
                (*second, *text) = (since.as_secs(), whole_second(since.as_secs()));
            }
            *text
        });
        let millis = since.subsec_millis();
        if let Some(digits) = text.get_mut(MILLIS) {
            digits.copy_from_slice(&[100, 10, 1].map(|unit| b'0' + (millis / unit % 10) as u8));
        }
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A time to the second, for people: `2026-11-21T10:00:00Z`.
pub(crate) fn in_words(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn whole_second(second: u64) -> [u8; LENGTH] {
    let time = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let text = time.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    text.as_bytes().try_into().unwrap_or([b'0'; LENGTH])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stamp_is_the_same_whether_its_second_was_written_before_or_not() {
        let at = |millis| Stamp::at(UNIX_EPOCH + Duration::from_millis(millis)).as_str().to_owned();
        assert_eq!(at(1_795_255_200_007), "2026-11-21T10:00:00.007Z");
        assert_eq!(at(1_795_255_200_999), "2026-11-21T10:00:00.999Z");
        assert_eq!(at(1_795_255_201_000), "2026-11-21T10:00:01.000Z");
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
    }
}
