//! WebSockets as they pass: frames counted, and the end told from a cut. Nothing is held back, copied or changed.

mod frames;
mod tunnel;

pub(crate) use frames::{Frame, Opcode};
pub(crate) use tunnel::{Side, Tunnel};
