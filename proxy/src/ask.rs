//! Other servers asked over HTTP, by vordr itself: bounded in time and in size.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;
/// How long a connection is kept for the next question.
const KEPT: Duration = Duration::from_secs(30);

/// Asks, on connections that are kept.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
}

impl Asker {
    /// Trusts the authorities of the system; without any, https fails when it is spoken.
    pub(crate) fn new() -> Result<Self, String> {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .build(connector);
        Ok(Self { client, patience: PATIENCE })
    }

    /// The same, waiting no longer than this.
    #[cfg(test)]
    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The whole answer; a redirect is one.
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let place = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        match tokio::time::timeout(self.patience, self.whole(request)).await {
            Ok(answer) => answer.map_err(|error| format!("{place}: {}", in_full(&*error))),
            Err(_) => Err(format!("{place}: no answer within {:?}", self.patience)),
        }
    }

    async fn whole(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let (parts, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, LONGEST).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// For whoever speaks HTTP/2 alone, by prior knowledge where there is no TLS.
pub(crate) fn http2_connector() -> Result<HttpsConnector<HttpConnector>, String> {
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http().enable_http2().build())
}

fn tls() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    // Nobody needs them who asks by http alone.
    let _ = pingora_core::tls::load_platform_certs_incl_env_into_store(&mut roots);
    let config = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A URL that can be asked.
pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("`{text}` is no URL: {error}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(_)) => Ok(url),
        _ => Err(format!("`{text}` is no http or https URL")),
    }
}

/// What an error says, and what those beneath it say: hyper's own words tell little.
fn in_full(error: &dyn Error) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(beneath) = cause {
        told = format!("{told}: {beneath}");
        cause = beneath.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_https_are_spoken() {
        for (text, fine) in [
            ("http://127.0.0.1:9000/verify", true),
            ("https://id.example/keys", true),
            ("ftp://id.example/keys", false),
            ("/verify", false),
            ("id.example:80", false),
            ("http://", false),
        ] {
            assert_eq!(url(text).is_ok(), fine, "{text}");
        }
    }
}
