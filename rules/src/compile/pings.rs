//! Warns of pings that are never sent, since the stream has ended by then.

use crate::diagnostic::Diagnostic;
use crate::language::settings::Settings as Layer;
use crate::node::Reading;
use crate::table::WebSocket;

/// `holds` is what `layers`, weakest first, come to.
pub(super) fn warn(layers: &[&Layer], holds: &WebSocket, reading: &mut Reading<'_>) {
    let (Some(idle), Some(ping), true) = (holds.idle, holds.ping, holds.allowed) else { return };
    // The nearest that says anything of it is the one to be mended.
    let written = layers.iter().rev().find_map(|layer| {
        let websocket = &layer.websocket;
        let ping = websocket.ping.as_ref().map(|ping| ping.span);
        ping.or(websocket.idle.as_ref().map(|idle| idle.span))
    });
    let Some(span) = written.filter(|_| ping >= idle && !idle.is_zero()) else { return };
    let message =
        format!("no ping is ever sent after {ping:?} of silence: the stream ends after {idle:?} of it");
    let warning =
        Diagnostic::warning("late-ping", span, message).label("`ping` has to be shorter than `idle`");
    // Many locations may have it of one place.
    if !reading.found.contains(&warning) {
        reading.report(warning);
    }
}
