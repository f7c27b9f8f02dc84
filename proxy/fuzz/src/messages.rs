//! Requests made of any bytes.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Version};

/// A request as a head of HTTP/1 has it; `None` where it is none.
pub(crate) fn parsed(bytes: &[u8]) -> Option<Parts> {
    let mut headers = [httparse::EMPTY_HEADER; 256];
    let mut head = httparse::Request::new(&mut headers);
    head.parse(bytes).ok().filter(|parsed| parsed.is_complete())?;
    let version = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let fields = head.headers.iter().map(|field| (field.name.as_bytes(), field.value));
    parts(head.method?.as_bytes(), head.path?, version, fields)
}

/// A request that nobody has judged: `METHOD TARGET`, then a field a line, as far as the types allow it.
pub(crate) fn request(bytes: &[u8]) -> Option<Parts> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (method, target) = split(lines.next()?, b' ')?;
    let fields = lines.filter_map(|line| split(line, b':'));
    parts(method, std::str::from_utf8(target).ok()?, Version::HTTP_11, fields)
}

fn parts<'b>(
    method: &[u8],
    target: &str,
    version: Version,
    fields: impl Iterator<Item = (&'b [u8], &'b [u8])>,
) -> Option<Parts> {
    let request = Request::builder().method(method).uri(target).version(version).body(()).ok()?;
    let (mut request, ()) = request.into_parts();
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            request.headers.append(name, value);
        }
    }
    Some(request)
}

fn split(line: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = line.iter().position(|byte| *byte == at)?;
    Some((&line[..place], &line[place + 1..]))
}
