//! A path as it is compared: decoded, without dot segments.
//!
//! What is forwarded is the path as it came; this form only chooses the location.

use std::borrow::Cow;

/// The path decoded and without dot segments (RFC 3986, sections 2.1 and 5.2.4). `None` where it is no path: it
/// does not start with `/`, climbs above it, has a NUL, or a `%` without two hexadecimal digits.
///
/// `*`, as in `OPTIONS *`, is compared as `/`.
pub fn normal_path(path: &str) -> Option<Cow<'_, [u8]>> {
    normal(path, false)
}

/// The same, with one `/` in the place of several that stand side by side.
pub(super) fn merged_path(path: &str) -> Option<Cow<'_, [u8]>> {
    normal(path, true)
}

fn normal(path: &str, merges_slashes: bool) -> Option<Cow<'_, [u8]>> {
    if path == "*" {
        return Some(Cow::Borrowed(b"/"));
    }
    if !path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let decoded = decode(path.as_bytes())?;
    let decoded = if merges_slashes { merged(decoded) } else { decoded };
    match decoded {
        Cow::Borrowed(path) => normal_of_decoded(path),
        Cow::Owned(path) if has_dot_segment(&path) => without_dots(&path).map(Cow::Owned),
        Cow::Owned(path) => Some(Cow::Owned(path)),
    }
}

/// The same for a path that is decoded already.
pub fn normal_of_decoded(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !path.starts_with(b"/") || path.contains(&0) {
        return None;
    }
    match has_dot_segment(path) {
        true => without_dots(path).map(Cow::Owned),
        false => Some(Cow::Borrowed(path)),
    }
}

fn decode(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(first) = memchr(b'%', path) else { return Some(Cow::Borrowed(path)) };
    let (plain, mut rest) = path.split_at(first);
    let mut decoded = Vec::with_capacity(path.len());
    decoded.extend_from_slice(plain);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let ([high, low], after) = rest.split_first_chunk::<2>()?;
        let value = hex(*high)? << 4 | hex(*low)?;
        if value == 0 {
            return None;
        }
        decoded.push(value);
        rest = after;
    }
    Some(Cow::Owned(decoded))
}

fn merged(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !path.windows(2).any(|pair| pair == b"//") {
        return path;
    }
    let mut merged = path.into_owned();
    merged.dedup_by(|byte, before| (*byte, *before) == (b'/', b'/'));
    Cow::Owned(merged)
}

fn memchr(needle: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == needle)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn has_dot_segment(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"/.")
        && path.split(|byte| *byte == b'/').any(|part| part == b"." || part == b"..")
}

fn without_dots(path: &[u8]) -> Option<Vec<u8>> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut parts = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            b"." => {}
            b".." => drop(segments.pop()?),
            _ => segments.push(part),
        }
        // `/a/.` and `/a/..` name folders.
        if is_last && (part == b"." || part == b"..") {
            segments.push(b"");
        }
    }
    let mut normal = Vec::with_capacity(path.len());
    for segment in segments {
        normal.push(b'/');
        normal.extend_from_slice(segment);
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(path: &str) -> Option<String> {
        normal_path(path).map(|path| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn escapes_are_decoded_and_dot_segments_are_removed() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/%61", "/a"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%2f..%2fb", "/b"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a//b", "/a//b"),
            ("/.hidden/..x", "/.hidden/..x"),
            ("*", "/"),
            ("/ä", "/ä"),
        ] {
            assert_eq!(compared(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_path_that_climbs_out_or_is_none_is_refused() {
        for path in
            ["", "a", "/..", "/a/../..", "/%2e%2e/x", "/%00", "/%", "/%2", "/%zz", "/a\0", "http://a/"]
        {
            assert_eq!(compared(path), None, "{path:?}");
        }
    }

    #[test]
    fn slashes_are_merged_before_dot_segments_are_removed() {
        for (path, expected) in
            [("//", "/"), ("/a//b", "/a/b"), ("/a%2f/b", "/a/b"), ("/a//../b", "/b"), ("/a/.//b", "/a/b")]
        {
            let merged = merged_path(path).map(|path| String::from_utf8_lossy(&path).into_owned());
            assert_eq!(merged.as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_plain_path_is_not_copied() {
        assert!(matches!(normal_path("/a/b.c/..d"), Some(Cow::Borrowed(_))));
        assert!(matches!(merged_path("/a/b.c/..d"), Some(Cow::Borrowed(_))));
    }
}
