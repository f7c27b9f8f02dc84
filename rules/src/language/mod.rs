//! What the author wrote: one file a word, its type and its reading together.

pub(crate) mod access;
pub(crate) mod acme;
pub(crate) mod action;
pub(crate) mod afterwards;
pub(crate) mod auth;
mod buffering;
pub(crate) mod compress;
pub(crate) mod cors;
mod early;
pub(crate) mod enter;
pub(crate) mod file;
pub(crate) mod files;
pub(crate) mod fix;
pub(crate) mod header;
pub(crate) mod keepalive;
pub(crate) mod limit;
pub(crate) mod limit_store;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod location;
pub(crate) mod log;
pub(crate) mod map;
pub(crate) mod matcher;
pub(crate) mod media;
pub(crate) mod on_error;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod redirect;
mod resolver;
pub(crate) mod respond;
pub(crate) mod rewrite_step;
pub(crate) mod search;
mod send_rate;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod steps;
mod store;
mod substitute;
pub(crate) mod text;
pub(crate) mod timeouts;
pub(crate) mod tls;
pub(crate) mod trace;
mod trust;
pub(crate) mod upstream;
pub(crate) mod websocket;
pub(crate) mod when;

pub(crate) use file::File;

/// The top of a file, as a word: its block is what may stand there.
pub static TOP: &crate::word::Word = &file::WORD;
