//! `limit-store`: a Redis in which several vordr count together.

use super::text;
use super::upstream::{Problem, host_and_port, problem};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::table::{LimitStore, OnFailure, StoreAddress};
use crate::word::Word;
use percent_encoding::percent_decode_str;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("limit-store", "URL", "Where rate limits are counted together with other vordr.")
        .properties(&["on-failure", "timeout"]);

/// Longer than a Redis nearby ever takes, and shorter than what a person notices.
const TIMEOUT: Duration = Duration::from_millis(250);

pub(super) fn read(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<LimitStore> {
    let url = node.need::<String>(reading);
    let on_failure = node.property::<String>("on-failure", reading);
    let closed = text::one_of(on_failure, &["open", "closed"], "on-failure", reading) == Some(1);
    let timeout = node.property::<Duration>("timeout", reading);
    if let Some(timeout) = timeout.as_ref().filter(|timeout| timeout.value.is_zero()) {
        reading.report(text::wrong("timeout", timeout.span, "no answer comes within no time"));
    }
    let url = url?;
    // Whatever is wrong with it is said without it: it may hold a password.
    let problem = match address(&url.value) {
        Ok(address) => {
            let on_failure = if closed { OnFailure::Closed } else { OnFailure::Open };
            return Some(LimitStore {
                address,
                on_failure,
                timeout: timeout.map_or(TIMEOUT, |found| found.value),
            });
        }
        Err(problem) => problem,
    };
    reading.report(Diagnostic::error(problem.code, url.span, problem.message).label(problem.label));
    None
}

/// `redis://USER:PASSWORD@HOST:PORT/DATABASE`, all but the host may be left out.
fn address(url: &str) -> Result<StoreAddress, Problem> {
    let (tls, rest) = match url.split_once("://") {
        Some(("redis", rest)) => (false, rest),
        Some(("rediss", rest)) => (true, rest),
        _ => {
            return Err(problem(
                "bad-url",
                "a store is a Redis, by its URL",
                "write `\"redis://HOST:6379\"`, or `rediss://` for TLS",
            ));
        }
    };
    // The last `@`: a password may have one too.
    let (credentials, rest) =
        rest.rsplit_once('@').map_or((None, rest), |(before, rest)| (Some(before), rest));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = match database {
        "" => 0,
        number => number.parse().map_err(|_| {
            problem("bad-url", "the path of a store's URL is the number of a database", "write `/0`, or none")
        })?,
    };
    let (user, password) = credentials.map_or(Ok((None, None)), read_credentials)?;
    Ok(StoreAddress { tls, server: host_and_port(authority, Some(6379))?, user, password, database })
}

/// `USER:PASSWORD`, each of which may be empty, `%40` for `@`.
fn read_credentials(text: &str) -> Result<(Option<String>, Option<String>), Problem> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decode = |part: &str| match percent_decode_str(part).decode_utf8() {
        Ok(decoded) => Ok(Some(decoded.into_owned()).filter(|decoded| !decoded.is_empty())),
        Err(_) => Err(problem("bad-url", "the user or the password is no UTF-8", "write `%25` for a `%`")),
    };
    Ok((decode(user)?, decode(password)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(url: &str) -> Option<StoreAddress> {
        address(url).ok()
    }

    #[test]
    fn a_url_may_have_a_user_a_password_and_a_database_and_needs_a_host() {
        for (url, shown) in [
            ("redis://127.0.0.1", Some("redis://127.0.0.1:6379")),
            ("redis://Redis.example:6380/", Some("redis://redis.example:6380")),
            ("rediss://[::1]:6380/7", Some("rediss://[::1]:6380/7")),
            ("redis://:secret@a", Some("redis://:***@a:6379")),
            ("redis://vordr:secret@a", Some("redis://vordr:***@a:6379")),
            ("redis://a%20b@a/0", Some("redis://a%20b@a:6379")),
            ("redis://", None),
            ("redis://a:0", None),
            ("redis://a/x", None),
            ("redis://a/70000", None),
            ("redis://a?db=1", None),
            ("redis://:%ff@a", None),
            ("http://a", None),
            ("127.0.0.1:6379", None),
        ] {
            assert_eq!(read(url).map(|address| address.to_string()).as_deref(), shown, "{url}");
        }
    }

    #[test]
    fn a_password_is_taken_whole_and_shown_nowhere() {
        for (written, password) in [("a%40b", "a@b"), ("a@b", "a@b"), ("a:b", "a:b"), ("a/b?c#d", "a/b?c#d")]
        {
            let found = read(&format!("redis://:{written}@host")).unwrap();
            assert_eq!(found.password.as_deref(), Some(password));
            assert!(!format!("{found:?} {found}").contains(password));
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in ["redis://:secret@", "redis://:secret@a b", "redis://:secret@a/x", "x://:secret@a"] {
            let problem = address(url).unwrap_err();
            assert!(!format!("{} {}", problem.message, problem.label).contains("secret"), "{url}");
        }
    }
}
