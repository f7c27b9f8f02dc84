//! A request of HTTP/2 as a head of HTTP/1.1 (RFC 9113, section 8.3), strictly: what cannot be said in both is refused.

use crate::exchange::Failure;
use bytes::{BufMut, BytesMut};
use h2::ext::Protocol;
use http::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderName, SEC_WEBSOCKET_KEY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

/// How a body is to be framed for HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// As it is: its length stands in the head, or it is a tunnel's stream.
    Plain,
    /// In chunks.
    Chunked,
}

/// A head in HTTP/1.1's form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub bytes: BytesMut,
    pub framing: Framing,
}

/// Whether a request asks for a WebSocket (RFC 8441, section 4).
pub(super) fn is_websocket(request: &Parts) -> bool {
    request.extensions.get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Writes the head of `request`, whose body has `ended` with it or not.
pub(super) fn head_of(request: &Parts, ended: bool) -> Result<Head, Failure> {
    let websocket = is_websocket(request);
    if request.method == Method::CONNECT && !websocket {
        return Err(Failure::BadRequest("CONNECT is served for WebSockets alone"));
    }
    if request.uri.scheme_str().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
        return Err(Failure::BadRequest("`:scheme` is neither http nor https"));
    }
    let mut bytes = BytesMut::with_capacity(512);
    let method = if websocket { &Method::GET } else { &request.method };
    write(&mut bytes, &[method.as_str().as_bytes(), b" ", target(request)?, b" HTTP/1.1\r\nhost: "]);
    write(&mut bytes, &[authority(request)?, b"\r\n"]);
    for (name, value) in &request.headers {
        if passes(name)? {
            field(&mut bytes, name, value);
        }
    }
    cookies(&mut bytes, &request.headers);
    let framing = if websocket {
        handshake(&mut bytes);
        Framing::Plain
    } else {
        frame(&mut bytes, request, ended)?
    };
    bytes.put_slice(b"\r\n");
    Ok(Head { bytes, framing })
}

/// The target, which must be able to stand in a request line.
fn target(request: &Parts) -> Result<&[u8], Failure> {
    let target = request.uri.path_and_query().map_or("", |both| both.as_str()).as_bytes();
    let asterisk = request.method == Method::OPTIONS && target == b"*";
    let fine = |byte: &u8| *byte > b' ' && *byte != 0x7f;
    match target.first() {
        Some(b'/') if target.iter().all(fine) => Ok(target),
        Some(_) if asterisk => Ok(target),
        _ => Err(Failure::BadRequest("`:path` is not a path")),
    }
}

/// `:authority`, or the one Host that there is; where there are both, they must agree (section 8.3.1).
fn authority(request: &Parts) -> Result<&[u8], Failure> {
    let mut hosts = request.headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
    let authority = request.uri.authority().map(|authority| authority.as_str().as_bytes());
    match (authority, hosts.next(), hosts.next()) {
        (_, _, Some(_)) => Err(Failure::BadRequest("more than one Host header")),
        (None, None, None) => Err(Failure::BadRequest("neither `:authority` nor a Host header")),
        (Some(authority), Some(host), None) if !authority.eq_ignore_ascii_case(host) => {
            Err(Failure::BadRequest("`:authority` and the Host header disagree"))
        }
        (Some(host), _, None) | (None, Some(host), None) => Ok(host),
    }
}

/// Whether a field passes as it is. Those that belong to a connection have no place in HTTP/2 (section 8.2.2).
fn passes(name: &HeaderName) -> Result<bool, Failure> {
    match name.as_str() {
        "connection" | "transfer-encoding" | "upgrade" | "keep-alive" | "proxy-connection" => {
            Err(Failure::BadRequest("a header of HTTP/1's connections in an HTTP/2 request"))
        }
        // Written by those who know: `head_of`, `cookies`, `frame` and `handshake`.
        "host" | "cookie" | "content-length" | "sec-websocket-key" => Ok(false),
        // `te` can only be `trailers`, which no HTTP/1.1 carries from here; the other one is of an upgrade to HTTP/2.
        "te" | "http2-settings" => Ok(false),
        _ => Ok(true),
    }
}

/// A client may send its cookies one by one; HTTP/1.1 knows one line of them (section 8.2.3).
fn cookies(bytes: &mut BytesMut, headers: &HeaderMap) {
    let mut separator: &[u8] = b"cookie: ";
    for cookie in headers.get_all(COOKIE) {
        write(bytes, &[separator, cookie.as_bytes()]);
        separator = b"; ";
    }
    if separator == b"; " {
        bytes.put_slice(b"\r\n");
    }
}

/// What makes it a WebSocket's handshake in HTTP/1.1; the key proves something to HTTP/1.1's clients only.
fn handshake(bytes: &mut BytesMut) {
    bytes.put_slice(b"connection: Upgrade\r\nupgrade: websocket\r\n");
    field(
        bytes,
        &SEC_WEBSOCKET_KEY,
        &HeaderValue::from_bytes(&key()).unwrap_or(HeaderValue::from_static("")),
    );
}

/// The fields that say where the body ends. The library holds DATA against `content-length` (section 8.1.1).
fn frame(bytes: &mut BytesMut, request: &Parts, ended: bool) -> Result<Framing, Failure> {
    let mut lengths = request.headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (_, Some(_)) => return Err(Failure::BadRequest("more than one Content-Length header")),
        (Some(length), None) => field(bytes, &CONTENT_LENGTH, length),
        (None, None) if !ended => {
            bytes.put_slice(b"transfer-encoding: chunked\r\n");
            return Ok(Framing::Chunked);
        }
        (None, None) if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) => {
            bytes.put_slice(b"content-length: 0\r\n");
        }
        (None, None) => {}
    }
    Ok(Framing::Plain)
}

fn field(bytes: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    // Neither a name nor a value can hold CR or LF: their types see to it.
    write(bytes, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
}

fn write(bytes: &mut BytesMut, parts: &[&[u8]]) {
    for part in parts {
        bytes.put_slice(part);
    }
}

/// Sixteen random bytes in Base64 (RFC 6455, section 4.1).
fn key() -> [u8; 24] {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u128| DIGITS.get((bits & 63) as usize).copied().unwrap_or(b'A');
    let mut key = *b"AAAAAAAAAAAAAAAAAAAAAA==";
    let mut random = fastrand::u128(..);
    for place in key.iter_mut().take(21) {
        *place = digit(random);
        random >>= 6;
    }
    // The last digit has two bits of the sixteen bytes.
    if let Some(last) = key.get_mut(21) {
        *last = digit(random << 4 & 48);
    }
    key
}

#[cfg(test)]
mod tests;
