//! How fast the bodies of answers go to clients.

use crate::placeholder::Template;
use crate::value::{Bytes, Raw, Value};

/// `send-rate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendRate {
    /// The same for every request.
    Fixed(Pace),
    /// Of each request: two sizes. Where the first comes to none there is no limit, and where the second does, 0.
    Filled(Template, Template),
    /// None but what an upstream says (`steering`), and then so many bytes go as fast as they can before.
    Told(u64),
}

/// How fast a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// In bytes a second; never 0.
    pub bytes: u64,
    /// How many bytes go as fast as they can before.
    pub after: u64,
}

impl Pace {
    /// The pace of two sizes, as they are written; `None` where the first is none, or is 0.
    pub fn read(bytes: &str, after: &str) -> Option<Self> {
        let size = |text: &str| Bytes::read(&Raw::Text(text.trim())).map_or(0, |size| size.0);
        let (bytes, after) = (size(bytes), size(after));
        (bytes > 0).then_some(Self { bytes, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_two_sizes_and_one_of_nothing_is_none() {
        assert_eq!(Pace::read("2k", " 10 "), Some(Pace { bytes: 2048, after: 10 }));
        assert_eq!(Pace::read("100", "soon"), Some(Pace { bytes: 100, after: 0 }));
        for none in ["", "0", "fast", "-1"] {
            assert_eq!(Pace::read(none, "10"), None, "{none}");
        }
    }
}
