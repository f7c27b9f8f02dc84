//! What of vordr reads the bytes of strangers, without the rest of it: its own files, so that a fuzzer is built in
//! minutes. Each function takes any bytes, and panics where a promise is broken.
#![allow(dead_code, unused_imports)]

#[path = "../../src/exchange/mod.rs"]
pub mod exchange;
#[path = "../../src/proxy_header/mod.rs"]
mod proxy_header;
#[path = "../../src/temporary.rs"]
mod temporary;

#[path = "../../src/connection"]
mod connection {
    pub(crate) mod chunks;
    mod doubt;
    pub(crate) mod head;
    pub(crate) mod retarget;
    pub(crate) mod stand_in;
}

#[path = "../../src/files"]
mod files {
    mod entries;
    #[path = "../../fuzz/src/files.rs"]
    pub(crate) mod promises;
    mod real_path;
    pub(crate) use entries::Entry;
    pub(crate) use real_path::real_path;
}

#[path = "../../src/gate"]
mod gate {
    mod authorization;
    mod concurrent;
    #[path = "../../fuzz/src/tokens.rs"]
    pub(crate) mod promises;
    mod token;
    pub(crate) use authorization::claimed_user;
    pub(crate) use concurrent::Place;
}

#[path = "../../src/http2"]
mod http2 {
    mod faults;
    mod frames;
    #[path = "../../fuzz/src/http2.rs"]
    pub(crate) mod promises;
    mod request;
}

#[path = "../../src/trace"]
mod trace {
    mod parent;
    #[path = "../../fuzz/src/parents.rs"]
    pub(crate) mod promises;
    mod recording;
    pub(crate) use recording::Part;
}

/// An exchange only carries them.
mod upstream {
    #[derive(Debug)]
    pub(crate) struct Pool;
}

#[path = "../../src/websocket"]
mod websocket {
    pub(crate) mod frames;
}

mod admission;
mod heads;
mod messages;
mod proxy_headers;
mod websockets;

pub use admission::admission;
pub use files::promises::files;
pub use gate::promises::tokens;
pub use heads::{chunks, heads};
pub use http2::promises::{frames as http2_frames, heads as http2_heads};
pub use proxy_headers::proxy_headers;
pub use websockets::websocket_frames;
