//! What one HTTP/2 connection may take up.

use h2::server::Builder;
use vordr_rules::table::Limits;

/// Requests at once. Each costs what a connection of HTTP/1.1 does.
const STREAMS: u32 = 128;
/// What a client may send ahead on one stream until somebody takes it.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all streams may hold: a few uploads whose upstreams take nothing must not stop the others. nginx lets a connection
/// hold as much, 128 times 64 KiB.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// What waits for one stream's client to take it, beside what is written at once.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that the client may make vordr reset by faults of its own.
const FAULTS: usize = 256;

/// The library's settings. What is not named here is left as it comes: above all, how many streams may be reset before
/// they were looked at (20), and how many bytes of framing may stand around few bytes of DATA.
pub(super) fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_local_error_reset_streams(Some(FAULTS))
        .max_header_list_size(header_list(limits.header_size))
        .enable_connect_protocol();
    builder
}

/// Beyond this, the library refuses a head before anybody else sees it; so it is more than `header-size`, which is
/// answered and logged.
fn header_list(header_size: u64) -> u32 {
    u32::try_from(header_size.saturating_mul(4)).unwrap_or(u32::MAX).max(64 * 1024)
}
