//! Pingora's messages, edited by the same hands as any other.

use crate::exchange::Headers;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::{RequestHeader, ResponseHeader};
use vordr_rules::table::{FieldName, usual_spelling};

macro_rules! headers_of {
    ($message:ty) => {
        impl Headers for $message {
            fn headers(&self) -> &HeaderMap {
                &self.headers
            }

            // An edit fails only where a name or a value is not valid, and both are of their types.
            fn set(&mut self, name: &HeaderName, value: HeaderValue) {
                let _ = match spelt(name) {
                    Some(spelt) => self.insert_header(spelt, value),
                    None => self.insert_header(usual_spelling(name), value),
                };
            }

            fn add(&mut self, name: &HeaderName, value: HeaderValue) {
                let _ = match spelt(name) {
                    Some(spelt) => self.append_header(spelt, value),
                    None => self.append_header(usual_spelling(name), value),
                };
            }

            fn set_as(&mut self, name: &FieldName, value: HeaderValue) {
                let _ = self.insert_header(name.spelling().to_owned(), value);
            }

            fn add_as(&mut self, name: &FieldName, value: HeaderValue) {
                let _ = self.append_header(name.spelling().to_owned(), value);
            }

            fn remove(&mut self, name: &HeaderName) {
                self.remove_header(name);
            }
        }
    };
}

/// The names that are written most often, so that none of them has to be copied.
fn spelt(name: &HeaderName) -> Option<&'static str> {
    Some(match name.as_str() {
        "accept-ranges" => "Accept-Ranges",
        "cache-control" => "Cache-Control",
        "connection" => "Connection",
        "content-length" => "Content-Length",
        "content-type" => "Content-Type",
        "date" => "Date",
        "etag" => "ETag",
        "host" => "Host",
        "last-modified" => "Last-Modified",
        "location" => "Location",
        "server" => "Server",
        "transfer-encoding" => "Transfer-Encoding",
        "vary" => "Vary",
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
