//! A request that reached no server, in a form of the rules' own: little is known of it.

use super::access_log::common_time;
use super::record::Rejection;
use crate::exchange::put;
use vordr_rules::placeholder::{Part, Placeholder};
use vordr_rules::table::LineFormat;

/// Appends its line.
pub(super) fn line(format: &LineFormat, rejection: &Rejection, bytes: &mut Vec<u8>) {
    for part in &format.line.parts {
        match part {
            Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Part::Placeholder(placeholder) => {
                put(known(placeholder, rejection).as_ref(), format.escape, bytes);
            }
        }
    }
    bytes.push(b'\n');
}

fn known(placeholder: &Placeholder, rejection: &Rejection) -> Option<Vec<u8>> {
    match placeholder {
        Placeholder::RequestLine => rejection.line.as_deref().map(<[u8]>::to_vec),
        other => told(other, rejection).map(String::into_bytes),
    }
}

fn told(placeholder: &Placeholder, rejection: &Rejection) -> Option<String> {
    let bytes_out = rejection.answered.unwrap_or(0);
    Some(match placeholder {
        Placeholder::ClientIp => rejection.client(),
        Placeholder::ClientPort => rejection.peer?.port().to_string(),
        Placeholder::Status => rejection.failure.status().as_u16().to_string(),
        Placeholder::BytesOut | Placeholder::BytesSent => bytes_out.to_string(),
        Placeholder::Duration => format!("{:.3}", rejection.since.elapsed().as_secs_f64()),
        Placeholder::TimeLocal => common_time(),
        Placeholder::Time => jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        Placeholder::TimeUnix => format!("{:.3}", jiff::Timestamp::now().as_millisecond() as f64 / 1000.0),
        Placeholder::Connection => rejection.connection.to_string(),
        Placeholder::Pid => std::process::id().to_string(),
        Placeholder::Pipelined => ".".to_owned(),
        _ => return None,
    })
}
