//! How many bytes a head has as it goes over the wire (RFC 9112, section 2.1).

use crate::exchange::Exchange;
use http::HeaderMap;
use pingora_http::{RequestHeader, ResponseHeader};

/// What stands in a request's first line besides method and target: ` `, ` HTTP/1.1` and its end.
const REQUEST_LINE: usize = 12;
/// What stands in an answer's first line besides its reason: `HTTP/1.1 200 ` and its end.
const STATUS_LINE: usize = 15;

/// Notes that of a request that is about to be sent, where the rules ask for it.
pub(super) fn note_request(exchange: &mut Exchange, head: &RequestHeader) {
    if let Some(reached) = exchange.reached.as_mut().filter(|_| exchange.table.weighs_heads) {
        reached.heads.0 = of_request(head);
    }
}

/// Notes that of an answer that has come, where the rules ask for it.
pub(super) fn note_answer(exchange: &mut Exchange, head: &ResponseHeader) {
    if let Some(reached) = exchange.reached.as_mut().filter(|_| exchange.table.weighs_heads) {
        reached.heads.1 = of_answer(head);
    }
}

/// Of a request as it is sent.
fn of_request(head: &RequestHeader) -> u64 {
    let line = head.method.as_str().len() + head.raw_path().len() + REQUEST_LINE;
    (line + of_fields(&head.headers)) as u64
}

/// Of an answer as it comes or goes.
pub(super) fn of_answer(head: &ResponseHeader) -> u64 {
    (head.get_reason_phrase().map_or(0, str::len) + STATUS_LINE + of_fields(&head.headers)) as u64
}

/// The fields, each with `: ` and its end, and the empty line behind them.
fn of_fields(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_head_has_the_bytes_that_go_over_the_wire() {
        let mut request = RequestHeader::build("GET", b"/a?b", None).unwrap();
        request.insert_header("Host", "a.test").unwrap();
        assert_eq!(of_request(&request), "GET /a?b HTTP/1.1\r\nHost: a.test\r\n\r\n".len() as u64);
        let mut answer = ResponseHeader::build(404, None).unwrap();
        answer.insert_header("Server", "x").unwrap();
        assert_eq!(of_answer(&answer), "HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n".len() as u64);
    }
}
