//! `traceparent` and `tracestate` (W3C Trace Context): which trace a request belongs to.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanId, TraceId, TraceState};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The last flag: whether the sender keeps its part of the trace.
const SAMPLED: u128 = 1;

/// The span that a request was sent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub trace: TraceId,
    pub span: SpanId,
    pub sampled: bool,
}

impl Parent {
    /// Where there is none, several, or one that cannot be read, the request has no parent (section 3.2).
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        match (lines.next(), lines.next()) {
            (Some(only), None) => Self::read(only.to_str().ok()?),
            _ => None,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let (version, trace) = (hex(fields.next()?, 2)?, hex(fields.next()?, 32)?);
        let (span, flags) = (hex(fields.next()?, 16)?, hex(fields.next()?, 2)?);
        // Later versions may add fields; the first has none to add.
        let more = fields.next().is_some();
        let is_version = version != 0xff && !(version == 0 && more);
        let parent = Self {
            trace: TraceId::from(trace),
            span: SpanId::from(u64::try_from(span).ok()?),
            sampled: flags & SAMPLED != 0,
        };
        (is_version && trace != 0 && span != 0).then_some(parent)
    }
}

/// Lower case, and of this length: anything else is none.
fn hex(digits: &str, length: usize) -> Option<u128> {
    let fits = digits.len() == length && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { u128::from_str_radix(digits, 16).ok() } else { None }
}

/// What the next one is told: this span is its parent, and is kept.
pub(super) fn traceparent(trace: TraceId, span: SpanId) -> HeaderValue {
    let text = format!("00-{trace}-{span}-01");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// What other systems keep with the trace; lines count as one (RFC 9110, section 5.3). What cannot be read is passed on
/// all the same, and is not told to the collector.
pub(super) fn state(headers: &HeaderMap) -> TraceState {
    let lines = headers.get_all(TRACESTATE).iter().filter_map(|line| line.to_str().ok());
    lines.collect::<Vec<_>>().join(",").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parent(lines: &[&str]) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_str(line).unwrap());
        }
        Parent::of(&headers)
    }

    #[test]
    fn a_parent_is_read_with_its_choice() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true)] {
            let found = parent(&[&format!("00-{TRACE}-{SPAN}-{flags}")]).unwrap();
            assert_eq!((found.trace.to_string(), found.span.to_string()), (TRACE.into(), SPAN.into()));
            assert_eq!(found.sampled, sampled, "{flags}");
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        for later in [format!("01-{TRACE}-{SPAN}-01"), format!("fe-{TRACE}-{SPAN}-01-more-of-it")] {
            assert!(parent(&[&later]).is_some(), "{later}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_parent() {
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-+{}-{SPAN}-01", "1".repeat(31)),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}0-01"),
            format!("00_{TRACE}_{SPAN}_01"),
        ] {
            assert_eq!(parent(&[&wrong]), None, "{wrong}");
        }
        let fine = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(parent(&[&fine, &fine]), None, "two of them");
        assert_eq!(parent(&[]), None);
    }

    #[test]
    fn what_is_sent_on_can_be_read_again() {
        let sent = traceparent(TraceId::from(7), SpanId::from(9));
        assert_eq!(sent, "00-00000000000000000000000000000007-0000000000000009-01");
        let found = parent(&[sent.to_str().unwrap()]).unwrap();
        assert_eq!((found.trace, found.span, found.sampled), (TraceId::from(7), SpanId::from(9), true));
    }

    #[test]
    fn states_of_several_lines_are_one() {
        let mut headers = HeaderMap::new();
        headers.append(TRACESTATE, HeaderValue::from_static("a=1, b=2"));
        headers.append(TRACESTATE, HeaderValue::from_static("c=3"));
        assert_eq!(state(&headers).header(), "a=1,b=2,c=3");
        headers.append(TRACESTATE, HeaderValue::from_static("=;="));
        assert_eq!(state(&headers).header(), "");
    }
}
