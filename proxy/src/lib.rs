//! An edge proxy that is embedded in a program or run on its own.
//!
//! [`Vordr`] loads rules, [`Vordr::start`] serves them from threads of its own, and the [`Handle`] stops them.

mod admin;
mod ask;
mod clients;
mod connection;
mod control;
pub mod exchange;
pub mod explain;
mod files;
mod gate;
mod generation;
mod http2;
mod listener;
mod observe;
mod pingora;
mod places;
mod proxy_header;
mod reload;
mod roots;
mod run;
mod server;
mod service;
mod shared;
mod sockets;
mod start_error;
mod storing;
mod surroundings;
mod temporary;
mod tls;
mod trace;
mod upstream;
mod watch;
mod websocket;
mod worker;

pub use run::{run, run_as_nginx};
pub use server::{Handle, Vordr};
pub use start_error::StartError;
pub use surroundings::{NginxCommand, System, check_surroundings};
pub use tls::{RevokeError, revoke};
pub use vordr_rules as rules;
