//! Regexes that look around or refer back: tried step by step, for as long as a text of that length may take.

use fancy_regex::{BytesMode, RegexBuilder};

/// How many steps back are taken, times the bytes of the text: one step may run over all of it. That is two steps for each
/// byte of the longest path that is usual, 8 KiB, and a tenth of a second for the worst of regexes.
const MOST_WORK: usize = 1 << 27;

/// The most steps, however short the text is. A path of some hundred bytes takes a few thousand.
const MOST_STEPS: usize = 100_000;

/// Up to which lengths a text has a number of steps of its own; a longer one is given up at once.
const LENGTHS: [usize; 5] = [1 << 9, 1 << 11, 1 << 13, 1 << 15, 1 << 17];

/// The same regex for each of [`LENGTHS`]: how many steps it takes cannot be said any later.
#[derive(Clone)]
pub(super) struct Fancy(Vec<(usize, fancy_regex::Regex)>);

impl Fancy {
    /// `None` where it is no regex.
    pub(super) fn new(written: &str) -> Option<Self> {
        let built = LENGTHS.into_iter().map(|longest| {
            let steps = (MOST_WORK / longest).min(MOST_STEPS);
            let mut builder = RegexBuilder::new(written);
            let regex = builder.bytes_mode(BytesMode::Ascii).backtrack_limit(steps).build().ok()?;
            Some((longest, regex))
        });
        built.collect::<Option<_>>().map(Self)
    }

    /// The one for a text; `None` where that is too long for any.
    pub(super) fn for_text(&self, text: &[u8]) -> Option<&fancy_regex::Regex> {
        self.0.iter().find(|(longest, _)| text.len() <= *longest).map(|(_, regex)| regex)
    }

    /// Any of them: all have the same groups.
    pub(super) fn any(&self) -> Option<&fancy_regex::Regex> {
        self.0.first().map(|(_, regex)| regex)
    }
}
