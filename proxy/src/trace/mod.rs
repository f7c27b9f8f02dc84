//! Traces, as OpenTelemetry has them: which exchanges have spans, what those tell, and their way to a collector.

mod collector;
mod export;
mod parent;
mod recording;
mod semantic;
mod tracer;

pub(crate) use export::Exports;
pub(crate) use recording::Part;
pub(crate) use tracer::Tracer;
