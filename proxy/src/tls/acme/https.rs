//! How the issuer is asked: each request on a connection of its own, bounded in time and in size.

use crate::start_error::StartError;
use crate::tls::provider;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::fmt::Display;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read; a chain of certificates has a few kilobytes.
const LONGEST: usize = 1 << 20;

/// The issuer's HTTPS.
#[derive(Clone)]
pub(super) struct Https {
    tls: TlsConnector,
    /// What the issuer said last about when to come again.
    retry_after: Arc<Mutex<Option<Duration>>>,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}

impl Https {
    /// Trusts the authorities in `ca`, or else the system's.
    pub(super) fn new(ca: Option<&str>) -> Result<Self, StartError> {
        let roots = match ca {
            Some(file) => read_roots(file)
                .map_err(|reason| StartError::Acme(format!("cannot use the CA file {file}: {reason}")))?,
            None => system_roots()?,
        };
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| StartError::Acme(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), retry_after: Arc::default() })
    }

    /// The same, for an order of its own: what the issuer says to the others is not its.
    pub(super) fn apart(&self) -> Self {
        Self { tls: self.tls.clone(), retry_after: Arc::default() }
    }

    /// When the issuer, refusing, said to come again; told once.
    pub(super) fn take_retry_after(&self) -> Option<Duration> {
        self.retry_after.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn ask(&self, mut request: Request<BodyWrapper<Bytes>>) -> Result<Response<Bytes>, String> {
        let (host, port) = place(request.uri())?;
        let failed = |error: &dyn Display| format!("cannot reach {host}:{port}: {error}");
        let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(|error| failed(&error))?;
        let name = ServerName::try_from(host.clone()).map_err(|error| failed(&error))?;
        let tls = self.tls.connect(name, tcp).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(tls)).await.map_err(|error| failed(&error))?;
        let driven = tokio::spawn(connection);
        to_origin_form(&mut request)?;
        let answer = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, LONGEST).collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Response::from_parts(parts, body))
        };
        let answer = answer.await;
        driven.abort();
        answer.map_err(|error| failed(&error))
    }

    /// A refusal that is no problem document (RFC 8555, section 6.7) comes from something in between.
    fn judge(&self, response: &Response<Bytes>) -> Result<(), String> {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(());
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = retry_after.and_then(in_seconds);
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        match kind.is_some_and(|kind| kind.contains("json")) {
            true => Ok(()),
            false => Err(format!("the issuer answered {status}")),
        }
    }
}

impl HttpClient for Https {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let https = self.clone();
        Box::pin(async move {
            let answer = match tokio::time::timeout(PATIENCE, https.ask(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("the issuer did not answer within {} s", PATIENCE.as_secs())),
            };
            let answer = answer.and_then(|response| https.judge(&response).map(|()| response));
            answer.map(whole).map_err(|reason| Error::Other(reason.into()))
        })
    }
}

/// An answer that has been read to its end.
fn whole(response: Response<Bytes>) -> BytesResponse {
    let (parts, body) = response.into_parts();
    BytesResponse { parts, body: Box::new(body) }
}

/// Host and port of an https URL.
fn place(uri: &Uri) -> Result<(String, u16), String> {
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => {
            Ok((host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(443)))
        }
        _ => Err(format!("`{uri}` is no https URL")),
    }
}

/// What is sent to a server names its path, and the host in a header (RFC 9112, section 3.2.1).
fn to_origin_form(request: &mut Request<BodyWrapper<Bytes>>) -> Result<(), String> {
    let uri = request.uri();
    let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
    let path = uri.path_and_query().map_or("/", |both| both.as_str());
    *request.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn in_seconds(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    u64::try_from(date.as_second() - jiff::Timestamp::now().as_second()).ok().map(Duration::from_secs)
}

fn read_roots(file: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it has no PEM certificate".to_owned()) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    let loaded = pingora_core::tls::load_platform_certs_incl_env_into_store(&mut roots);
    match loaded {
        Ok(()) if !roots.is_empty() => Ok(roots),
        _ => {
            let text = "this system has no certificate authorities to check the issuer against";
            Err(StartError::Acme(format!("{text}; install ca-certificates, or name a file: acme ca=\"…\"")))
        }
    }
}

#[cfg(test)]
mod tests;
