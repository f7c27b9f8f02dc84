//! What follows the body of the present answer.

use super::Link;
use http::{HeaderMap, HeaderValue};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use vordr_rules::table::FieldName;

/// Set by the exchange until the answer's body is over.
#[derive(Debug, Default)]
pub(super) struct Trailers {
    awaited: AtomicBool,
    /// For a client of HTTP/2.
    fields: Mutex<Option<HeaderMap>>,
    /// For one of HTTP/1.1, as they go over the wire.
    lines: Mutex<Vec<u8>>,
}

impl Link {
    /// Whether trailers of the rules' own follow the answer that is to come; which, is not said yet.
    pub(crate) fn await_trailers(&self, on: bool) {
        self.trailers.awaited.store(on, Relaxed);
    }

    /// Whether trailers of the rules' own follow the present answer.
    pub(crate) fn awaits_trailers(&self) -> bool {
        self.trailers.awaited.load(Relaxed)
    }

    /// What follows the answer's body, for a client of HTTP/2.
    pub(crate) fn set_trailers(&self, trailers: HeaderMap) {
        *self.trailers.fields.lock().unwrap_or_else(PoisonError::into_inner) = Some(trailers);
    }

    /// What follows the answer's body, for a client of HTTP/2.
    pub(crate) fn take_trailers(&self) -> Option<HeaderMap> {
        let trailers = self.trailers.fields.lock().unwrap_or_else(PoisonError::into_inner).take();
        trailers.filter(|trailers| !trailers.is_empty())
    }

    /// What follows the answer's body, for a client of HTTP/1.1.
    pub(crate) fn set_trailer_lines(&self, trailers: &[(&FieldName, HeaderValue)]) {
        let mut lines = Vec::new();
        for (name, value) in trailers {
            lines.extend([name.spelling().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        *self.trailers.lines.lock().unwrap_or_else(PoisonError::into_inner) = lines;
    }

    /// What follows the answer's body, for a client of HTTP/1.1.
    pub(crate) fn take_trailer_lines(&self) -> Vec<u8> {
        std::mem::take(&mut *self.trailers.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
