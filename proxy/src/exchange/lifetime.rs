//! `expires` and `charset`: what is said of an answer besides what it says itself.

use super::context::Exchange;
use super::fill::{Into, Known};
use super::headers::Headers;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, EXPIRES, LAST_MODIFIED};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vordr_rules::table::{Charset, Expires, Lifetime, Recode, Settings};

/// In seconds.
const DAY: i64 = 24 * 3600;

impl Exchange {
    /// Says for how long an answer may be used again, and in which charset its text is; what becomes of its bytes then.
    pub(super) fn say_of_body(
        &self,
        settings: &Settings,
        request: &Parts,
        status: StatusCode,
        message: &mut impl Headers,
    ) -> Option<Recode> {
        let recode =
            settings.charset.as_ref().and_then(|charset| self.say_charset(charset, request, message));
        if let Some(expires) = settings.expires.as_ref().filter(|_| is_usable_again(status))
            && let Some(lifetime) = self.lifetime(expires, request, message.headers())
        {
            say_lifetime(lifetime, seconds(SystemTime::now()), message);
        }
        recode
    }

    fn say_charset(&self, charset: &Charset, request: &Parts, message: &mut impl Headers) -> Option<Recode> {
        let content_type = message.headers().get(CONTENT_TYPE)?;
        if message.headers().contains_key(CONTENT_ENCODING) {
            return None;
        }
        let filled;
        let name = match charset.name.as_text() {
            Some(name) => name,
            None => {
                filled = self.fill_known(&charset.name, self.known(request, message.headers()), Into::Header);
                std::str::from_utf8(&filled).ok()?
            }
        };
        let said = charset.said_of(content_type, name)?;
        message.set(&CONTENT_TYPE, said.content_type);
        said.recode.cloned()
    }

    /// What an answer is known by whose headers are these.
    fn known<'k>(&'k self, request: &'k Parts, answer: &'k HeaderMap) -> Known<'k> {
        Known { request, captures: &self.captures, answer: Some(answer) }
    }

    /// `None` where what was filled in is no lifetime, which nginx takes for nothing said.
    fn lifetime(&self, expires: &Expires, request: &Parts, answer: &HeaderMap) -> Option<Lifetime> {
        match expires {
            Expires::Always(lifetime) => Some(*lifetime),
            Expires::Filled(template) => {
                let text = self.fill_known(template, self.known(request, answer), Into::Header);
                std::str::from_utf8(&text).ok()?.parse().ok()
            }
        }
    }
}

/// Those that nginx says it of.
fn is_usable_again(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 201 | 204 | 206 | 301..=304 | 307 | 308)
}

fn say_lifetime(lifetime: Lifetime, now: i64, message: &mut impl Headers) {
    let (until, control) = match lifetime {
        Lifetime::Off => return,
        Lifetime::Epoch => (1, "no-cache".to_owned()),
        Lifetime::Max => (MAX, "max-age=315360000".to_owned()),
        Lifetime::After(after) => (now.saturating_add(after), max_age(after)),
        Lifetime::AfterChange(after) => {
            let changed = message.headers().get(LAST_MODIFIED).and_then(|time| time.to_str().ok());
            let changed = changed.and_then(|time| httpdate::parse_http_date(time).ok()).map_or(now, seconds);
            let until = changed.saturating_add(after);
            let left = if after < 0 { after } else { until.saturating_sub(now) };
            (until, max_age(left))
        }
        Lifetime::Until(of_day) => {
            let today = now - now.rem_euclid(DAY) + of_day;
            let next = if today > now { today } else { today + DAY };
            (next, max_age(next - now))
        }
    };
    let until = UNIX_EPOCH + Duration::from_secs(u64::try_from(until).unwrap_or_default().min(LATEST));
    for (name, value) in [(EXPIRES, httpdate::fmt_http_date(until)), (CACHE_CONTROL, control)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            message.set(&name, value);
        }
    }
}

/// Thu, 31 Dec 2037 23:55:55 GMT, as nginx has it for `max`.
const MAX: i64 = 2_145_916_555;
/// The end of the year 9999, beyond which no date of HTTP is.
const LATEST: u64 = 253_402_300_799;

fn max_age(seconds: i64) -> String {
    if seconds < 0 { "no-cache".to_owned() } else { format!("max-age={seconds}") }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderMap;

    const NOON: i64 = 1_700_000_000 - 1_700_000_000 % DAY + DAY / 2;

    fn said(lifetime: &str, changed: Option<&'static str>) -> (String, String) {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(changed) = changed {
            headers.insert(LAST_MODIFIED, HeaderValue::from_static(changed));
        }
        say_lifetime(lifetime.parse().unwrap(), NOON, &mut headers);
        assert_eq!(headers.get_all(CACHE_CONTROL).iter().count(), 1, "it takes the place of what was there");
        let text = |name| headers[name].to_str().unwrap().to_owned();
        (text(EXPIRES), text(CACHE_CONTROL))
    }

    #[test]
    fn each_form_of_a_lifetime_says_when_it_ends_and_how_long_that_is() {
        let changed = Some("Tue, 14 Nov 2023 00:00:00 GMT");
        for (lifetime, changed, until, control) in [
            ("1h", None, "Tue, 14 Nov 2023 13:00:00 GMT", "max-age=3600"),
            ("0", None, "Tue, 14 Nov 2023 12:00:00 GMT", "max-age=0"),
            ("-1", None, "Tue, 14 Nov 2023 11:59:59 GMT", "no-cache"),
            ("epoch", None, "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"),
            ("max", None, "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"),
            ("@15h30m", None, "Tue, 14 Nov 2023 15:30:00 GMT", "max-age=12600"),
            ("@9h", None, "Wed, 15 Nov 2023 09:00:00 GMT", "max-age=75600"),
            ("modified 24h", changed, "Wed, 15 Nov 2023 00:00:00 GMT", "max-age=43200"),
            ("modified 1h", changed, "Tue, 14 Nov 2023 01:00:00 GMT", "no-cache"),
            ("modified 1h", None, "Tue, 14 Nov 2023 13:00:00 GMT", "max-age=3600"),
        ] {
            assert_eq!(said(lifetime, changed), (until.to_owned(), control.to_owned()), "{lifetime}");
        }
    }
}
