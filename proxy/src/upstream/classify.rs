//! Pingora's errors as failures with a name.

use crate::exchange::Failure;
use pingora_core::{Error, ErrorSource, ErrorType};

/// What an error means, given who was at the other end.
pub(crate) fn classify(error: &Error) -> Failure {
    match error.esource() {
        ErrorSource::Downstream => of_client(error),
        ErrorSource::Upstream => of_upstream(error),
        ErrorSource::Internal | ErrorSource::Unset => Failure::Internal(words(error)),
    }
}

fn of_upstream(error: &Error) -> Failure {
    match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Failure::ConnectTimeout,
        ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => Failure::Refused,
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError => {
            Failure::Tls(innermost(error))
        }
        ErrorType::ReadTimedout => Failure::ReadTimeout,
        ErrorType::WriteTimedout => Failure::WriteTimeout,
        ErrorType::ConnectionClosed => Failure::EarlyClose,
        ErrorType::ReadError | ErrorType::WriteError => Failure::Reset,
        ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::H2Error | ErrorType::InvalidH2 => {
            Failure::Protocol(words(error))
        }
        _ => Failure::Protocol(words(error)),
    }
}

fn of_client(error: &Error) -> Failure {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Failure::ClientTimeout,
        ErrorType::InvalidHTTPHeader => Failure::BadRequest("the head or the body cannot be read"),
        _ => Failure::ClientGone,
    }
}

/// Pingora's own words, without the chain of causes and the bytes that they may quote.
fn words(error: &Error) -> String {
    let context = error.context.as_ref().map(|context| context.as_str()).unwrap_or_default();
    let kind = error.etype().as_str();
    let line = context.lines().next().unwrap_or_default();
    match line.is_empty() || line.contains("buf:") {
        true => kind.to_owned(),
        false => format!("{kind}: {line}"),
    }
}

/// The cause at the bottom: rustls's words.
fn innermost(error: &Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> =
        error.cause.as_deref().map(|cause| cause as _);
    let mut text = words(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        if let Some(error) = inner.downcast_ref::<Box<Error>>() {
            return innermost(error);
        }
        cause = inner.source();
    }
    text
}
