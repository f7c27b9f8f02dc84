//! The `Authorization` header (RFC 9110, section 11.6.2), as a client wrote it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// `Authorization: Basic dXNlcjpwYXNzd29yZA==`
pub(super) fn credentials(request: &Parts) -> Option<(String, String)> {
    let encoded = of_scheme(request, "basic")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Who a request says that it comes from, which nobody has checked.
pub(crate) fn claimed_user(request: &Parts) -> Option<String> {
    credentials(request).map(|(user, _)| user)
}

/// What follows the scheme in the one `Authorization` header; of two, nobody knows which is meant.
pub(super) fn of_scheme<'r>(request: &'r Parts, scheme: &str) -> Option<&'r str> {
    let mut values = request.headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (found, rest) = value.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(in crate::gate) fn request(values: &[&str]) -> Parts {
        let mut request = http::Request::new(()).into_parts().0;
        for value in values {
            request.headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        request
    }

    pub(in crate::gate) fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_name_ends_at_the_first_colon() {
        for (pair, expected) in [
            ("ann:secret", Some(("ann", "secret"))),
            ("ann:a:b", Some(("ann", "a:b"))),
            ("ann:", Some(("ann", ""))),
            ("ann", None),
        ] {
            let found = credentials(&request(&[&basic(pair)]));
            let found = found.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
            assert_eq!(found, expected, "{pair}");
        }
    }

    #[test]
    fn the_scheme_is_matched_whatever_its_case_and_stands_once() {
        let ann = basic("ann:secret");
        assert!(credentials(&request(&[&ann.replace("Basic", "bASIC")])).is_some());
        for values in [&[][..], &["Basic"], &["Basic !"], &["Bearer YTpi"], &[&ann, &ann]] {
            assert_eq!(credentials(&request(values)), None, "{values:?}");
        }
    }
}
