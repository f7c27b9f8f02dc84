//! What of a head is well-formed and still read in two ways by those behind (docs/decisions, 6).

use crate::exchange::{Failure, reads_as};

/// Names that end a message or say whom it is for and from; some servers take `_` for `-` in them.
const VOUCHED_FOR: [&str; 12] = [
    "content-length",
    "forwarded",
    "host",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-real-ip",
    "x-request-id",
];

/// Refuses a target that is neither a path, nor `*` of OPTIONS, nor a URL of HTTP (RFC 9112, section 3.2). A fragment
/// has no place in one, and some cut it off where others match it.
pub(super) fn target(method: &str, target: &str) -> Result<(), Failure> {
    match (target.as_bytes(), taken_apart(target.as_bytes())) {
        _ if target.contains('#') => Err(Failure::BadRequest("the target has a fragment")),
        ([b'/', ..], _) => Ok(()),
        (b"*", _) if method == "OPTIONS" => Ok(()),
        (_, Some((host, _))) if host.is_empty() || host.iter().any(|byte| matches!(byte, b'@' | b'\\')) => {
            Err(Failure::BadRequest("the target's host has more than one reading"))
        }
        (_, Some(_)) => Ok(()),
        _ => Err(Failure::BadRequest("the target is neither a path nor a URL")),
    }
}

/// The host of a target that is a URL, with its port, and what follows it.
pub(super) fn taken_apart(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = [&b"http://"[..], b"https://"].iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

/// Refuses a name that some would take for one of those that they rely on.
pub(super) fn name(name: &str) -> Result<(), Failure> {
    if !name.contains('_') {
        return Ok(());
    }
    match VOUCHED_FOR.iter().any(|known| reads_as(name, known)) {
        true => Err(Failure::BadRequest("a header's name has `_` where another one has `-`")),
        false => Ok(()),
    }
}

/// Refuses an expectation other than the one there is (RFC 9110, section 10.1.1): whoever looks for the word within
/// others waits for a body where nobody else does.
pub(super) fn expectation(value: &[u8]) -> Result<(), Failure> {
    match value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
        true => Ok(()),
        false => Err(Failure::BadRequest("Expect is not just `100-continue`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_a_url() {
        for (method, fine) in [
            ("GET", "/"),
            ("GET", "/a?b"),
            ("GET", "//a"),
            ("GET", "http://a/b"),
            ("GET", "HTTPS://a"),
            ("GET", "http://a?b@c"),
            ("OPTIONS", "*"),
        ] {
            assert_eq!(target(method, fine), Ok(()), "{fine}");
        }
        for wrong in [
            "",
            "*",
            "a",
            "?a",
            "a:80",
            "ftp://a/",
            "/a#b",
            "http://a/#b",
            "http:/a",
            "httpé://a",
            "http://b@a/",
            "http:///a",
            "http://b\\a",
        ] {
            assert!(target("GET", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_some_take_for_another_one_is_refused() {
        for wrong in
            ["Content_Length", "x_forwarded_for", "X-Forwarded_For", "X_Forwarded_Uri", "TRANSFER_ENCODING"]
        {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        for fine in ["Content-Length", "X_Own", "_", "x_forwarded_for_", "Host"] {
            assert_eq!(name(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn one_expectation_is_known() {
        assert_eq!(expectation(b" 100-Continue "), Ok(()));
        for wrong in [&b""[..], b"100", b"100-continue, x", b"x 100-continue"] {
            assert!(expectation(wrong).is_err());
        }
    }
}
