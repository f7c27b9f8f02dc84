//! One client's connection: request after request, from the first byte to a close that loses nothing.

mod alarm;
mod body;
mod chunks;
mod closing;
mod departure;
mod doubt;
mod farewell;
mod head;
mod heads;
mod identity;
mod introduce;
mod link;
mod pace;
mod ping;
mod retarget;
mod secure;
mod serve;
mod silence;
mod spool;
mod stand_in;
mod stay;
mod stream;
mod trailing;
mod transport;

pub(crate) use alarm::Alarm;
pub(crate) use chunks::ChunkScan;
pub(crate) use farewell::{CODE as FAREWELL, Stop};
pub(crate) use head::HeadScan;
pub(crate) use link::{Backlog, Link};
pub(crate) use pace::Passed;
pub(crate) use serve::{Worker, refuse_connection, serve, serve_stream};
pub(crate) use transport::{TLS_HANDSHAKE, Transport};
