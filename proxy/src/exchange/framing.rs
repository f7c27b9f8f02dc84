//! How an upstream's answer says where it ends: in one way, or it is no answer (RFC 9112, section 6).

use super::failure::Failure;
use super::headers::Headers;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{StatusCode, Version};

/// Refuses an answer that others could end elsewhere, and leaves at most one field that says it.
pub(crate) fn settle(
    version: Version,
    status: StatusCode,
    message: &mut impl Headers,
) -> Result<(), Failure> {
    let is_chunked = message.headers().contains_key(TRANSFER_ENCODING);
    if is_chunked && (version == Version::HTTP_10 || !is_just_chunked(message)) {
        return Err(Failure::Protocol("Transfer-Encoding is not just `chunked`, or in HTTP/1.0".to_owned()));
    }
    let is_framed = is_chunked || message.headers().contains_key(CONTENT_LENGTH);
    match status {
        StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT if is_framed => {
            message.remove(&CONTENT_LENGTH);
            message.remove(&TRANSFER_ENCODING);
        }
        _ if status.is_informational() && is_framed => {
            return Err(Failure::Protocol("an interim answer with a length or chunks".to_owned()));
        }
        _ => one_length(message),
    }
    Ok(())
}

fn is_just_chunked(message: &impl Headers) -> bool {
    let mut codings = message.headers().get_all(TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes);
    let first = codings.next().unwrap_or_default();
    first.trim_ascii().eq_ignore_ascii_case(b"chunked") && codings.next().is_none()
}

/// Several lengths, which Pingora lets pass where all are the same, become one (RFC 9110, section 8.6).
fn one_length(message: &mut impl Headers) {
    let mut lengths = message.headers().get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next().map(HeaderValue::as_bytes) else { return };
    let list = first.split(|byte| *byte == b',').next().filter(|one| one.len() < first.len());
    if list.is_none() && lengths.next().is_none() {
        return;
    }
    if let Ok(one) = HeaderValue::from_bytes(list.unwrap_or(first).trim_ascii()) {
        message.set(&CONTENT_LENGTH, one);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderMap;

    /// What is left of these fields: lengths, then codings.
    fn settled(version: Version, status: u16, fields: &[(&str, &str)]) -> Result<Vec<String>, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        settle(version, StatusCode::from_u16(status).unwrap(), &mut headers)?;
        let left = [CONTENT_LENGTH, TRANSFER_ENCODING];
        let left = left.iter().flat_map(|name| headers.get_all(name));
        Ok(left.map(|value| value.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn one_field_at_most_says_where_an_answer_ends() {
        for (status, fields, left) in [
            (200, &[("content-length", "3")][..], &["3"][..]),
            (200, &[("content-length", "3"), ("content-length", "3")], &["3"]),
            (200, &[("content-length", "3 ,3")], &["3"]),
            (200, &[("transfer-encoding", "Chunked")], &["Chunked"]),
            (304, &[("content-length", "3")], &["3"]),
            (204, &[("content-length", "0")], &[]),
            (204, &[("transfer-encoding", "chunked")], &[]),
            (101, &[("content-length", "0")], &[]),
            (103, &[], &[]),
        ] {
            assert_eq!(settled(Version::HTTP_11, status, fields).unwrap(), left, "{status} {fields:?}");
        }
    }

    #[test]
    fn what_others_could_end_elsewhere_is_no_answer() {
        for (version, status, fields) in [
            (Version::HTTP_11, 200, &[("transfer-encoding", "gzip, chunked")][..]),
            (Version::HTTP_11, 200, &[("transfer-encoding", "identity")]),
            (Version::HTTP_11, 200, &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]),
            (Version::HTTP_10, 200, &[("transfer-encoding", "chunked")]),
            (Version::HTTP_11, 100, &[("content-length", "3")]),
            (Version::HTTP_11, 103, &[("transfer-encoding", "chunked")]),
        ] {
            assert!(settled(version, status, fields).is_err(), "{status} {fields:?}");
        }
    }
}
