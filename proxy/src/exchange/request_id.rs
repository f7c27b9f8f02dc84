//! What the log, the upstream and an error's page call a request.

use super::admit::X_REQUEST_ID;
use super::context::Exchange;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

/// The longest request id that is taken over from a client.
pub(super) const LONGEST_ID: usize = 128;

impl Exchange {
    /// Where no `X-Request-Id` is sent on, none is taken over.
    pub(super) fn own_request_id(&mut self, request: &Parts) {
        let is_theirs = request.headers.contains_key(&X_REQUEST_ID);
        if is_theirs && self.server().is_some_and(|server| !server.settings.forwarded) {
            self.request_id = new_id();
        }
    }
}

/// An inbound id if it is a plain word, else a new one.
pub(super) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let fine = |id: &&HeaderValue| {
        let id = id.as_bytes();
        (1..=LONGEST_ID).contains(&id.len())
            && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte))
    };
    match headers.get(&X_REQUEST_ID).filter(fine) {
        Some(id) => id.clone(),
        None => new_id(),
    }
}

fn new_id() -> HeaderValue {
    HeaderValue::from_bytes(&hex(fastrand::u128(..))).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// Thirty-two digits.
fn hex(number: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    digits
}
