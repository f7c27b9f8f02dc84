//! Parts of a file that a request asks for (RFC 9110, section 14).

use std::ops::Range;

/// How many parts one answer has at most where nothing is said; who asks for more gets the whole.
const MOST: usize = 16;

/// What a `Range` header comes to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Wanted {
    /// Everything: what was asked for is no range of bytes, or more trouble than the whole.
    Whole,
    /// These, at least one, none of them empty.
    Parts(Vec<Range<u64>>),
    /// None of what was asked for is there.
    Nothing,
}

/// Which parts of a file of this length a `Range` header asks for; `most` is how many it may.
pub(in crate::exchange) fn wanted(header: &str, length: u64, most: Option<u32>) -> Wanted {
    let asked = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((_, list)) = asked else { return Wanted::Whole };
    let most = most.map_or(MOST, |most| most as usize);
    let mut parts = Vec::new();
    let mut asks = 0;
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        asks += 1;
        match part(item, length) {
            None => return Wanted::Whole,
            Some(range) if range.is_empty() => {}
            Some(range) => parts.push(range),
        }
    }
    // Nothing can be a part of nothing, and some ask every file for `bytes=0-`.
    if asks == 0 || length == 0 || most == 0 {
        return Wanted::Whole;
    }
    let sum = parts.iter().fold(0_u64, |sum, range| sum.saturating_add(range.end - range.start));
    match (parts.is_empty(), sum > length || parts.len() > most) {
        (true, _) => Wanted::Nothing,
        // They overlap, or are too many.
        (false, true) => Wanted::Whole,
        (false, false) => Wanted::Parts(parts),
    }
}

/// One part, cut to what there is; empty where nothing of it is there, `None` where it is none.
fn part(item: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = item.split_once('-')?;
    match (number(first)?, number(last)?) {
        (None, None) => None,
        (None, Some(suffix)) => Some(length.saturating_sub(suffix)..length),
        (Some(first), None) => Some(first.min(length)..length),
        (Some(first), Some(last)) if first > last => None,
        (Some(first), Some(last)) => Some(first.min(length)..last.saturating_add(1).min(length)),
    }
}

/// A number; `Some(None)` where there is none, `None` where it is something else. One that is too large is as large as
/// can be.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_to_what_there_is() {
        for (header, parts) in [
            ("bytes=0-0", &[(0, 1)][..]),
            ("bytes=0-", &[(0, 100)]),
            ("bytes=90-", &[(90, 100)]),
            ("bytes=-10", &[(90, 100)]),
            ("bytes=-1000", &[(0, 100)]),
            ("bytes=90-1000", &[(90, 100)]),
            ("bytes=90-99999999999999999999999", &[(90, 100)]),
            ("Bytes = 1-2", &[(1, 3)]),
            ("bytes=0-1, 5-6,-1", &[(0, 2), (5, 7), (99, 100)]),
            ("bytes=5-6,0-1", &[(5, 7), (0, 2)]),
            ("bytes=0-1,200-300", &[(0, 2)]),
            ("bytes=,0-1,,", &[(0, 2)]),
        ] {
            assert_eq!(
                wanted(header, 100, None),
                Wanted::Parts(parts.iter().map(|(from, to)| *from..*to).collect()),
                "{header}"
            );
        }
    }

    #[test]
    fn what_is_no_range_or_not_worth_it_is_answered_with_everything() {
        let many = format!("bytes={}", ["0-0"; MOST + 1].join(","));
        let each_once =
            format!("bytes={}", (0..=MOST).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(","));
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=1",
            "lines=1-2",
            "bytes=0-1,x",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=--1",
            "bytes=0-60,50-99",
            "bytes=0-,0-",
            &many,
            &each_once,
        ] {
            assert_eq!(wanted(header, 100, None), Wanted::Whole, "{header}");
        }
        assert_eq!(wanted("bytes=0-", 0, None), Wanted::Whole);
        // A sparse file can be as long as numbers go.
        assert_eq!(wanted("bytes=0-,0-,0-", i64::MAX as u64, None), Wanted::Whole);
    }

    #[test]
    fn what_is_not_there_is_none_of_the_parts_that_are_counted() {
        let most = |header: &str| wanted(header, 100, Some(2));
        assert_eq!(most("bytes=0-1,200-,-1"), Wanted::Parts(vec![0..2, 99..100]));
        assert_eq!(most("bytes=0-1,5-6,-1"), Wanted::Whole);
        assert_eq!(wanted("bytes=0-1", 100, Some(0)), Wanted::Whole);
        assert_eq!(wanted("bytes=200-", 100, Some(0)), Wanted::Whole);
    }

    #[test]
    fn what_lies_behind_the_end_is_not_there() {
        for header in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(wanted(header, 100, None), Wanted::Nothing, "{header}");
        }
    }
}
