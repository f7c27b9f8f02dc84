//! Warns of a `cors` whose word a `response` takes back.

use crate::diagnostic::Diagnostic;
use crate::language::settings::Settings as Layer;
use crate::node::Reading;
use crate::table::{Cors, HeaderOperation};

/// What `cors` says it says by such headers.
const SAID: &str = "access-control-";

/// `holds` is what `layers` come to.
pub(super) fn warn(layers: &[&Layer], holds: Option<&Cors>, reading: &mut Reading<'_>) {
    if holds.is_none() {
        return;
    }
    for operation in layers.iter().flat_map(|layer| &layer.response) {
        let Some(name) = written(&operation.value).filter(|name| name.starts_with(SAID)) else { continue };
        let message = format!("`{name}` is what `cors` says, and this has the last word");
        let warning = Diagnostic::warning("cors-overruled", operation.span, message)
            .label("leave it out, or write `cors off`");
        // Many locations may have it of one place.
        if !reading.found.contains(&warning) {
            reading.report(warning);
        }
    }
}

/// The header that an answer has by this.
fn written(operation: &HeaderOperation) -> Option<&str> {
    match operation {
        HeaderOperation::Set(name, _) | HeaderOperation::Add(name, _) => Some(name.as_str()),
        HeaderOperation::OnSuccess(inner) => written(inner),
        _ => None,
    }
}
