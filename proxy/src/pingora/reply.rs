//! Answers of vordr's own making, written through Pingora.

use crate::exchange::{Answer, Exchange, Headers};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// Writes a whole answer, and counts its body.
pub(super) async fn write(session: &mut Session, exchange: &mut Exchange, answer: Answer) -> Result<()> {
    let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len() + 2))?;
    for (name, value) in &answer.headers {
        head.add(name, value.clone());
    }
    let empty = answer.body.is_empty();
    session.write_response_header(Box::new(head), empty).await?;
    if !empty {
        exchange.bytes_out += answer.body.len() as u64;
        session.write_response_body(Some(answer.body), true).await?;
    }
    Ok(())
}
