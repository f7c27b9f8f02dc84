//! One request and its answer, in order of time. It decides, over `http` types, and knows neither Pingora
//! nor a socket.

mod admit;
mod answer;
mod arrival;
mod attempts;
mod coding;
mod compress;
mod context;
mod cors;
mod deliver;
mod failure;
mod files;
mod fill;
mod forward;
mod framing;
mod guarded;
mod handshake;
mod headers;
mod host;
mod lifetime;
mod line;
mod nginx_page;
mod operation;
mod packer;
mod page;
mod reached;
mod recover;
mod replace;
mod request_id;
mod retry;
#[cfg(test)]
mod scene;
mod search;
mod steer;
mod steps;
mod told;
mod variable;

pub use admit::Admission;
pub use answer::Answer;
pub use arrival::{Arrival, Client, Public};
pub use coding::Coding;
pub use context::{Exchange, Sent};
pub use failure::{Failure, Party};
pub(crate) use files::content_type;
pub use files::{Asks, FileAnswer, Piece, Representation, Sought, Spot};
pub(crate) use framing::settle;
pub use guarded::Learnt;
pub use handshake::{Handshake, Protocol};
pub use headers::Headers;
pub(crate) use headers::stripped;
pub(crate) use line::{put, visible};
pub(crate) use packer::Packer;
pub use page::refusal;
pub use reached::{Endpoint, Reached};
pub use retry::Attempt;
pub use search::Current;
