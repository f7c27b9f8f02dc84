//! `traceparent`.

use super::parent::{Parent, TRACEPARENT, state, traceparent};
use http::HeaderMap;

/// Whoever a request says it belongs to is told on in the same words.
pub(crate) fn parents(headers: &HeaderMap) {
    let _ = state(headers);
    if let Some(parent) = Parent::of(headers) {
        let mut told = HeaderMap::new();
        told.insert(TRACEPARENT, traceparent(parent.trace, parent.span));
        assert_eq!(Parent::of(&told), Some(Parent { sampled: true, ..parent }));
    }
}
