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
            Failure::Tls(tls_words(error))
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

/// What rustls said. Pingora puts it into the words of an inner error: `TLS connect() failed: …, SNI: …`.
fn tls_words(error: &Error) -> String {
    let whole = error.to_string();
    let said = whole.split_once("TLS connect() failed: ").map(|(_, said)| said);
    match said.map(|said| said.split(", SNI:").next().unwrap_or(said)) {
        Some(said) => said.to_owned(),
        None => words(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(source: ErrorSource, kind: ErrorType, context: &'static str) -> Failure {
        let mut error = Error::explain(kind, context);
        error.esource = source;
        classify(&error)
    }

    #[test]
    fn an_upstreams_errors_have_the_names_of_the_metrics() {
        let reason = |kind| failure(ErrorSource::Upstream, kind, "").reason();
        assert_eq!(reason(ErrorType::ConnectRefused), "refused");
        assert_eq!(reason(ErrorType::ConnectNoRoute), "refused");
        assert_eq!(reason(ErrorType::ConnectTimedout), "connect_timeout");
        assert_eq!(reason(ErrorType::TLSHandshakeTimedout), "connect_timeout");
        assert_eq!(reason(ErrorType::WriteTimedout), "write_timeout");
        assert_eq!(reason(ErrorType::ReadError), "reset");
        assert_eq!(reason(ErrorType::ConnectionClosed), "early_close");
        assert_eq!(reason(ErrorType::InvalidHTTPHeader), "protocol");
    }

    #[test]
    fn a_tls_failure_is_told_in_rustlss_words() {
        let context = "TLS connect() failed: invalid peer certificate: UnknownIssuer, SNI: a.test";
        let failure = failure(ErrorSource::Upstream, ErrorType::TLSHandshakeFailure, context);
        assert_eq!(failure, Failure::Tls("invalid peer certificate: UnknownIssuer".to_owned()));
    }

    #[test]
    fn a_client_that_stalls_is_told_apart_from_one_that_left() {
        let failure = |kind| failure(ErrorSource::Downstream, kind, "");
        assert_eq!(failure(ErrorType::ReadTimedout), Failure::ClientTimeout);
        assert_eq!(failure(ErrorType::ConnectionClosed), Failure::ClientGone);
    }
}
