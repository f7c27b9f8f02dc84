//! Whether a request that makes conditions gets what it asks for (RFC 9110, section 13).

use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, StatusCode};
use std::time::{Duration, SystemTime};
use vordr_rules::table::Since;

/// What a file is told from its other contents by.
#[derive(Debug, Clone, Copy)]
pub(in crate::exchange) struct Validators<'v> {
    /// Its entity tag, a strong one, in its quotes; `None` where it has none.
    pub etag: Option<&'v str>,
    /// When it was changed, in whole seconds.
    pub modified: Option<SystemTime>,
    /// What `If-Modified-Since` is held against.
    pub since: Since,
    /// Whether a time has to agree with a tag, as nginx wants it.
    pub both: bool,
}

/// What the conditions come to where they do not hold, in the order of section 13.2.2; for GET and HEAD.
pub(super) fn refused(request: &HeaderMap, file: Validators<'_>) -> Option<StatusCode> {
    if request.contains_key(IF_MATCH) {
        if !lists(request, IF_MATCH, |tag| Some(tag) == file.etag) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
    } else if let (Some(since), Some(modified)) = (time(request, IF_UNMODIFIED_SINCE), file.modified)
        && modified > since
    {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    if request.contains_key(IF_NONE_MATCH) {
        let weakly = |tag: &str| Some(tag.strip_prefix("W/").unwrap_or(tag)) == file.etag;
        let is_held = lists(request, IF_NONE_MATCH, weakly);
        if !is_held || !file.both || !request.contains_key(IF_MODIFIED_SINCE) {
            return is_held.then_some(StatusCode::NOT_MODIFIED);
        }
    }
    let (since, modified) = time(request, IF_MODIFIED_SINCE).zip(file.modified)?;
    let is_spared = match file.since {
        Since::Exact => modified == since,
        Since::Before => modified <= since,
        Since::Off => false,
    };
    is_spared.then_some(StatusCode::NOT_MODIFIED)
}

/// Whether a range may be sent: the client holds a part of this very content (section 13.1.5).
pub(in crate::exchange) fn ranges_hold(request: &HeaderMap, file: Validators<'_>) -> bool {
    let Some(condition) = request.get(IF_RANGE) else { return true };
    let Ok(condition) = condition.to_str() else { return false };
    let condition = condition.trim();
    if condition.starts_with(['"', 'W']) && condition.contains('"') {
        return Some(condition) == file.etag;
    }
    // A time is as good as a strong tag only where nothing can have happened within that second any more.
    let settled =
        |modified: &SystemTime| modified.elapsed().is_ok_and(|elapsed| elapsed > Duration::from_secs(2));
    let exactly = httpdate::parse_http_date(condition).ok();
    exactly.is_some() && exactly == file.modified.filter(settled)
}

/// Whether a list of tags has one that fits; `*` always does, as there is a file.
fn lists(request: &HeaderMap, name: HeaderName, fits: impl Fn(&str) -> bool) -> bool {
    let lines = request.get_all(name);
    let mut lines = lines.iter().filter_map(|line| line.to_str().ok());
    lines.any(|line| line.trim() == "*" || tags(line).any(&fits))
}

/// The tags of a list. A tag may hold commas.
fn tags(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let open = rest.find('"').filter(|open| matches!(rest.get(..*open), Some("" | "W/")))?;
        let close = rest.get(open + 1..)?.find('"')? + open + 2;
        let (tag, after) = rest.split_at_checked(close)?;
        rest = after;
        Some(tag)
    })
}

/// A time; one that is none is as if it were not there (section 13.1.3).
fn time(request: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(request.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TAG: &str = "\"a,b\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn request(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn file() -> Validators<'static> {
        let modified = Some(httpdate::parse_http_date(THEN).unwrap());
        Validators { etag: Some(TAG), modified, since: Since::Before, both: false }
    }

    #[test]
    fn conditions_are_looked_at_in_the_order_of_the_standard() {
        for (lines, status) in [
            (&[][..], 0),
            (&[("if-match", TAG)], 0),
            (&[("if-match", "*")], 0),
            (&[("if-match", "\"x\", \"a,b\"")], 0),
            (&[("if-match", "W/\"a,b\"")], 412),
            (&[("if-match", "\"x\"")], 412),
            (&[("if-match", "nonsense")], 412),
            (&[("if-unmodified-since", THEN)], 0),
            (&[("if-unmodified-since", BEFORE)], 412),
            (&[("if-unmodified-since", "yesterday")], 0),
            (&[("if-match", TAG), ("if-unmodified-since", BEFORE)], 0),
            (&[("if-none-match", TAG)], 304),
            (&[("if-none-match", "W/\"a,b\"")], 304),
            (&[("if-none-match", "\"x\" , W/\"a,b\"")], 304),
            (&[("if-none-match", "\"x\"\t,\"y\"")], 0),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "a,b")], 0),
            (&[("if-none-match", "\"x\""), ("if-modified-since", AFTER)], 0),
            (&[("if-none-match", TAG), ("if-modified-since", BEFORE)], 304),
            (&[("if-modified-since", BEFORE)], 0),
            (&[("if-modified-since", THEN)], 304),
            (&[("if-modified-since", AFTER)], 304),
            (&[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")], 304),
            (&[("if-modified-since", "soon")], 0),
            (&[("if-match", "\"x\""), ("if-none-match", TAG)], 412),
            (&[("if-match", TAG), ("if-none-match", TAG)], 304),
        ] {
            let found = refused(&request(lines), file()).map_or(0, |status| status.as_u16());
            assert_eq!(found, status, "{lines:?}");
        }
    }

    #[test]
    fn nginx_wants_a_time_and_a_tag_to_agree_and_the_time_to_be_the_very_one() {
        let file = Validators { since: Since::Exact, both: true, ..file() };
        for (lines, status) in [
            (&[("if-none-match", TAG)][..], 304),
            (&[("if-none-match", TAG), ("if-modified-since", THEN)], 304),
            (&[("if-none-match", TAG), ("if-modified-since", AFTER)], 0),
            (&[("if-none-match", "\"x\""), ("if-modified-since", THEN)], 0),
            (&[("if-modified-since", AFTER)], 0),
        ] {
            let found = refused(&request(lines), file).map_or(0, |status| status.as_u16());
            assert_eq!(found, status, "{lines:?}");
        }
        let never = Validators { since: Since::Off, ..file };
        assert_eq!(refused(&request(&[("if-modified-since", THEN)]), never), None);
        let untagged = Validators { etag: None, ..file };
        assert_eq!(refused(&request(&[("if-none-match", TAG)]), untagged), None);
    }

    #[test]
    fn a_file_that_no_time_is_known_of_is_judged_by_its_tag_alone() {
        let file = Validators { modified: None, ..file() };
        assert_eq!(refused(&request(&[("if-modified-since", AFTER)]), file), None);
        assert_eq!(refused(&request(&[("if-unmodified-since", BEFORE)]), file), None);
        assert!(!ranges_hold(&request(&[("if-range", THEN)]), file));
    }

    #[test]
    fn a_range_is_sent_to_who_has_the_rest_of_the_same_content() {
        for (condition, holds) in [
            (TAG, true),
            ("W/\"a,b\"", false),
            ("\"x\"", false),
            (THEN, true),
            (AFTER, false),
            (BEFORE, false),
            ("Wed", false),
            ("", false),
        ] {
            assert_eq!(ranges_hold(&request(&[("if-range", condition)]), file()), holds, "{condition}");
        }
        assert!(ranges_hold(&HeaderMap::new(), file()));
        let now = SystemTime::now();
        let fresh = Validators { modified: Some(now), ..file() };
        assert!(!ranges_hold(&request(&[("if-range", &httpdate::fmt_http_date(now))]), fresh));
    }
}
