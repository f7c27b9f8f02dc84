//! One client's connection: request after request, from the first byte to a close that loses nothing.

mod alarm;
mod body;
mod chunks;
mod closing;
mod head;
mod link;
mod serve;
mod spool;
mod stream;
mod transport;

pub(crate) use link::Link;
pub(crate) use serve::{Worker, refuse_connection, serve};
pub(crate) use transport::Transport;
