//! An answer in HTTP/1.1's form, as Pingora writes it, read back for HTTP/2 (RFC 9113, section 8.1).

use crate::connection::{ChunkScan, HeadScan};
use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};
use std::mem::MaybeUninit;

/// Pingora lets 256 through, and the rules may add some.
const MAX_HEADERS: usize = 512;

/// What is not an answer in HTTP/1.1's form; it cannot come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAnAnswer;

/// What asked for the answer, which decides what it can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// HEAD: there is never a body.
    Head,
    /// A WebSocket: a 101 becomes a 200, and anything else must not look like one (RFC 8441, section 5).
    WebSocket,
    /// Anything else.
    Usual,
}

/// Gathers a head's bytes, and reads it.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    bytes: BytesMut,
    scan: HeadScan,
}

/// A head that was read.
#[derive(Debug)]
pub(super) enum Read {
    /// 1xx: the answer is still to come.
    Interim(Response<()>),
    /// The answer's head, and what follows it.
    Final(Response<()>, Body),
}

/// How an answer's body ends.
#[derive(Debug)]
pub(super) enum Body {
    /// After so many bytes; 0 is no body at all.
    Length(u64),
    /// With the last chunk.
    Chunks(ChunkScan),
    /// When the exchange ends well.
    ToEnd,
    /// Never by itself: a tunnel.
    Tunnel,
}

impl HeadReader {
    /// Takes bytes up to the end of the head. How many were taken, and the head where it is whole.
    pub(super) fn read(&mut self, bytes: &[u8], asked: Asked) -> Result<(usize, Option<Read>), NotAnAnswer> {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let Some(end) = self.scan.end(&self.bytes).map_err(|_| NotAnAnswer)? else {
            return Ok((bytes.len(), None));
        };
        let head = self.bytes.split_to(end);
        *self = Self::default();
        Ok((end.saturating_sub(before), Some(read(&head, asked)?)))
    }
}

fn read(head: &[u8], asked: Asked) -> Result<Read, NotAnAnswer> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut []);
    httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut answer, head, &mut fields)
        .map_err(|_| NotAnAnswer)?;
    let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(NotAnAnswer)?;
    let mut response = Response::new(());
    let mut chunked = false;
    for field in answer.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| NotAnAnswer)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| NotAnAnswer)?;
        chunked |= name == TRANSFER_ENCODING;
        if !belongs_to_connection(&name) {
            response.headers_mut().append(name, value);
        }
    }
    *response.status_mut() = status;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return switched(response, asked);
    }
    if status.is_informational() {
        return Ok(Read::Interim(response));
    }
    if asked == Asked::WebSocket && status.is_success() {
        // To this client it would be an open WebSocket.
        *response.status_mut() = StatusCode::BAD_GATEWAY;
    }
    let body = body_of(&response, chunked, asked);
    Ok(Read::Final(response, body))
}

/// A 101 in HTTP/2's words.
fn switched(mut response: Response<()>, asked: Asked) -> Result<Read, NotAnAnswer> {
    if asked != Asked::WebSocket {
        return Err(NotAnAnswer);
    }
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    Ok(Read::Final(response, Body::Tunnel))
}

fn body_of(response: &Response<()>, chunked: bool, asked: Asked) -> Body {
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    match (bodiless || asked == Asked::Head, chunked, length(response.headers())) {
        (true, ..) => Body::Length(0),
        (false, true, _) => Body::Chunks(ChunkScan::new()),
        (false, false, Some(length)) => Body::Length(length),
        (false, false, None) => Body::ToEnd,
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Fields that HTTP/2 must not have (section 8.2.2).
fn belongs_to_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "transfer-encoding" | "upgrade" | "keep-alive" | "proxy-connection"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn whole(head: &str, asked: Asked) -> Read {
        let (taken, read) = HeadReader::default().read(head.as_bytes(), asked).unwrap();
        assert_eq!(taken, head.len());
        read.unwrap()
    }

    fn last(head: &str, asked: Asked) -> (Response<()>, Body) {
        match whole(head, asked) {
            Read::Final(response, body) => (response, body),
            Read::Interim(response) => panic!("{response:?}"),
        }
    }

    #[test]
    fn a_head_may_come_in_pieces_and_what_follows_is_left() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        for cut in 1..bytes.len() - 6 {
            let mut reader = HeadReader::default();
            let (first, second) = bytes.split_at(cut);
            assert!(matches!(reader.read(first, Asked::Usual), Ok((taken, None)) if taken == cut));
            let (taken, read) = reader.read(second, Asked::Usual).unwrap();
            assert_eq!(cut + taken, bytes.len() - 5);
            assert!(matches!(read, Some(Read::Final(_, Body::Length(5)))));
        }
    }

    #[test]
    fn fields_of_the_connection_stay_behind() {
        let (response, body) = last(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nKeep-Alive: 5\r\nUpgrade: h2\r\nSet-Cookie: a\r\n\
             Set-Cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n",
            Asked::Usual,
        );
        assert_eq!(response.headers().len(), 2);
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert!(matches!(body, Body::Chunks(_)));
    }

    #[test]
    fn what_has_no_body_has_none_whatever_its_length_says() {
        let head = |status| format!("HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n");
        assert!(matches!(last(&head(200), Asked::Head).1, Body::Length(0)));
        assert!(matches!(last(&head(204), Asked::Usual).1, Body::Length(0)));
        assert!(matches!(last(&head(304), Asked::Usual).1, Body::Length(0)));
        assert!(matches!(last(&head(404), Asked::Usual).1, Body::Length(9)));
        assert!(matches!(last("HTTP/1.1 200 OK\r\n\r\n", Asked::Usual).1, Body::ToEnd));
    }

    #[test]
    fn an_interim_answer_is_told_from_the_answer() {
        assert!(matches!(whole("HTTP/1.1 100 Continue\r\n\r\n", Asked::Usual), Read::Interim(_)));
        assert!(matches!(
            whole("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", Asked::Usual),
            Read::Interim(_)
        ));
    }

    #[test]
    fn a_101_becomes_a_200_where_a_websocket_was_asked_for() {
        let switched = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
        let (response, body) = last(switched, Asked::WebSocket);
        assert_eq!((response.status(), response.headers().len()), (StatusCode::OK, 1));
        assert!(matches!(body, Body::Tunnel));
        assert!(HeadReader::default().read(switched.as_bytes(), Asked::Usual).is_err());
    }

    #[test]
    fn an_answer_that_is_no_101_never_looks_like_an_open_websocket() {
        let (response, _) = last("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Asked::WebSocket);
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let (response, _) = last("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n", Asked::WebSocket);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
}
