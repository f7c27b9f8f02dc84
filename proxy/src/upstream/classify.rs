//! Pingora's errors as failures with a name.

use super::own::AN_AUTHORITYS;
use crate::exchange::Failure;
use pingora_core::{Error, ErrorSource, ErrorType};
use std::io;

/// What vordr lacks itself, met on the way to an upstream.
pub(super) const OWN: ErrorType = ErrorType::Custom("own");

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
        kind if *kind == OWN => Failure::Internal(context(error).to_owned()),
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Failure::ConnectTimeout,
        ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => Failure::Refused,
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError => {
            Failure::Tls(tls_words(error))
        }
        ErrorType::ReadTimedout => Failure::ReadTimeout,
        ErrorType::WriteTimedout => Failure::WriteTimeout,
        ErrorType::ConnectionClosed => Failure::EarlyClose,
        // `timeouts send`, which the kernel or the connection itself keeps.
        ErrorType::ReadError | ErrorType::WriteError if has_timed_out(error) => Failure::WriteTimeout,
        ErrorType::ReadError | ErrorType::WriteError => Failure::Reset,
        ErrorType::H2Error | ErrorType::InvalidH2 | ErrorType::H2Downgrade => of_http2(error),
        _ => Failure::Protocol(words(error)),
    }
}

fn has_timed_out(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

fn of_http2(error: &Error) -> Failure {
    let Some(cause) = error.root_cause().downcast_ref::<h2::Error>() else {
        return Failure::Protocol(words(error));
    };
    match cause.reason() {
        Some(h2::Reason::NO_ERROR) if cause.is_go_away() => Failure::EarlyClose,
        Some(reason) if cause.is_remote() => Failure::Protocol(format!("HTTP/2: {reason}")),
        _ => Failure::Protocol("it is not HTTP/2".to_owned()),
    }
}

/// Whether a server of HTTP/2 says that it has not touched the request (RFC 9113, section 8.7).
pub(crate) fn was_refused(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<h2::Error>();
    cause.is_some_and(|cause| {
        let reason = cause.reason();
        let reset = cause.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM);
        cause.is_remote() && (reset || cause.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
    })
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
    let kind = error.etype().as_str();
    let line = context(error).lines().next().unwrap_or_default();
    match line {
        // What could not be parsed is quoted.
        _ if line.contains("buf:") => "it is not HTTP/1.1".to_owned(),
        "" => kind.to_owned(),
        _ => format!("{kind}: {line}"),
    }
}

fn context(error: &Error) -> &str {
    error.context.as_ref().map(|context| context.as_str()).unwrap_or_default()
}

/// What rustls said. Pingora puts it into the words of an inner error: `TLS connect() failed: … cause: …, SNI: …`.
fn tls_words(error: &Error) -> String {
    let whole = error.to_string();
    let said = whole.split_once("TLS connect() failed: ").map(|(_, said)| said);
    match said.map(|said| said.split(", SNI:").next().unwrap_or(said)) {
        Some(said) => explained(said.rsplit("cause: ").next().unwrap_or(said).trim()),
        None => words(error),
    }
}

/// What rustls leaves to be guessed: OpenSSL makes an app's own certificate an authority's.
fn explained(said: &str) -> String {
    match said.contains(AN_AUTHORITYS) {
        true => {
            format!(
                "{said}: it is an authority's (CA:TRUE), and taken where the file of `tls ca=…` has it and it names the server"
            )
        }
        false => said.to_owned(),
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
        assert_eq!(reason(OWN), "internal");
    }

    #[test]
    fn a_connection_that_the_kernel_gives_up_is_a_write_that_took_too_long() {
        let failure = |kind: io::ErrorKind| {
            let mut error = Error::because(ErrorType::ReadError, "", io::Error::from(kind));
            error.esource = ErrorSource::Upstream;
            classify(&error)
        };
        assert_eq!(failure(io::ErrorKind::TimedOut), Failure::WriteTimeout);
        assert_eq!(failure(io::ErrorKind::ConnectionReset), Failure::Reset);
    }

    #[test]
    fn a_tls_failure_is_told_in_rustlss_words() {
        let said = "invalid peer certificate: UnknownIssuer";
        for context in [
            "TLS connect() failed: invalid peer certificate: UnknownIssuer, SNI: a.test",
            "TLS connect() failed:  TLSHandshakeFailure context: tls connect error cause: \
             invalid peer certificate: UnknownIssuer, SNI: a.test",
        ] {
            let failure = failure(ErrorSource::Upstream, ErrorType::TLSHandshakeFailure, context);
            assert_eq!(failure, Failure::Tls(said.to_owned()));
        }
    }

    #[test]
    fn a_client_that_stalls_is_told_apart_from_one_that_left() {
        let failure = |kind| failure(ErrorSource::Downstream, kind, "");
        assert_eq!(failure(ErrorType::ReadTimedout), Failure::ClientTimeout);
        assert_eq!(failure(ErrorType::ConnectionClosed), Failure::ClientGone);
    }
}
