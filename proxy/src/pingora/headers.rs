//! Pingora's messages, edited by the same hands as any other.

use crate::exchange::Headers;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::{RequestHeader, ResponseHeader};

macro_rules! headers_of {
    ($message:ty) => {
        impl Headers for $message {
            fn headers(&self) -> &HeaderMap {
                &self.headers
            }

            fn set(&mut self, name: &HeaderName, value: HeaderValue) {
                // Fails only where a name or a value is not valid, and both are of their types.
                let _ = match spelt(name) {
                    Some(spelt) => self.insert_header(spelt, value),
                    None => self.insert_header(name, value),
                };
            }

            fn add(&mut self, name: &HeaderName, value: HeaderValue) {
                let _ = match spelt(name) {
                    Some(spelt) => self.append_header(spelt, value),
                    None => self.append_header(name, value),
                };
            }

            fn remove(&mut self, name: &HeaderName) {
                self.remove_header(name);
            }
        }
    };
}

/// How vordr spells the names that it writes itself; none of them has to be copied.
fn spelt(name: &HeaderName) -> Option<&'static str> {
    Some(match name.as_str() {
        "x-forwarded-for" => "X-Forwarded-For",
        "x-forwarded-host" => "X-Forwarded-Host",
        "x-forwarded-port" => "X-Forwarded-Port",
        "x-forwarded-proto" => "X-Forwarded-Proto",
        "x-real-ip" => "X-Real-IP",
        "x-request-id" => "X-Request-Id",
        _ => return None,
    })
}

headers_of!(RequestHeader);
headers_of!(ResponseHeader);
