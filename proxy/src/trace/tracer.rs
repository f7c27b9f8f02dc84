//! Which exchanges have spans, and what becomes of those.

use super::export::Exporter;
use super::parent::{Parent, state};
use super::recording::{Part, Recording};
use super::semantic;
use crate::exchange::Exchange;
use crate::observe::{Observer, Record};
use crate::start_error::StartError;
use http::HeaderMap;
use opentelemetry::trace::{TraceId, TraceState};
use std::sync::Arc;
use vordr_rules::table::{Process, Trace, TraceParent};

/// `trace` while it is in force.
#[derive(Debug)]
pub(crate) struct Tracer {
    rules: Trace,
    exporter: Arc<Exporter>,
}

impl Tracer {
    /// Opens the way to the collector, or keeps the one there was to the same.
    pub(crate) fn open(
        process: &Process,
        observer: &Arc<Observer>,
        before: Option<&Self>,
    ) -> Result<Option<Self>, StartError> {
        let Some(rules) = &process.trace else { return Ok(None) };
        let kept = before.filter(|before| Exporter::is_for(&before.rules, rules));
        let exporter = match kept {
            Some(before) => before.exporter.clone(),
            None => Arc::new(Exporter::start(rules, observer)?),
        };
        Ok(Some(Self { rules: rules.clone(), exporter }))
    }

    /// Decides on an exchange, as soon as it is known who asks.
    pub(crate) fn begin(&self, exchange: &Exchange, headers: &HeaderMap) -> Part {
        let is_believed = self.rules.parent == TraceParent::Any || exchange.public.through_trusted;
        match Parent::of(headers).filter(|_| is_believed) {
            Some(parent) if parent.sampled => {
                recorded(Recording::begin(parent.trace, Some(parent.span), state(headers)))
            }
            Some(_) => Part::None,
            None => {
                let trace = fastrand::u128(1..);
                // Its last bytes, as every SDK of OpenTelemetry does (`TraceIdRatioBased`): they agree about a trace.
                match self.rules.ratio.takes(trace as u64 >> 1) {
                    true => recorded(Recording::begin(TraceId::from(trace), None, TraceState::NONE)),
                    false if is_believed => Part::None,
                    false => Part::Hidden,
                }
            }
        }
    }

    /// Sends the spans of an exchange that has ended.
    pub(crate) fn finish(&self, record: &Record<'_>) {
        if let Some(recording) = record.exchange.trace.recording() {
            self.exporter.take(semantic::spans(record, recording));
        }
    }
}

fn recorded(recording: Recording) -> Part {
    Part::Recorded(Box::new(recording))
}
