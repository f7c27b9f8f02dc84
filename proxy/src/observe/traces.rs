//! The families of traces.

use super::family::{Counters, Families};

/// What becomes of spans.
#[derive(Debug)]
pub(crate) struct Traces {
    exported: Counters,
    dropped: Counters,
}

impl Traces {
    pub(super) fn new(make: &mut Families) -> Self {
        let exported =
            make.counters("vordr_trace_spans_exported_total", "Spans that the collector has taken.", &[]);
        let dropped = make.counters(
            "vordr_trace_spans_dropped_total",
            "Spans that never came to the collector.",
            &["reason"],
        );
        // From nothing on, so that the first one is a rise.
        exported.with_label_values(&[]);
        for reason in ["queue_full", "export_failed"] {
            dropped.with_label_values(&[reason]);
        }
        Self { exported, dropped }
    }

    /// The collector has taken so many.
    pub(crate) fn exported(&self, spans: usize) {
        self.exported.with_label_values(&[]).inc_by(spans as u64);
    }

    /// So many are lost, for this reason.
    pub(crate) fn dropped(&self, reason: &'static str, spans: usize) {
        self.dropped.with_label_values(&[reason]).inc_by(spans as u64);
    }
}
