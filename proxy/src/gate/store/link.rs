//! A connection to a Redis: TCP, TLS where the URL says so, and the user's password.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::fmt::Display;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;
use vordr_rules::table::{ServerAddress, StoreAddress};

/// A connection that many ask over at once. It ends when it is dropped, whatever is still awaited on it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) redis: MultiplexedConnection,
    /// Cancelled when the other side has closed it, or has said what nobody understands.
    pub(super) closed: CancellationToken,
    _carried: AbortOnDropHandle<()>,
}

/// What TLS is spoken with: trusts the authorities of the system.
pub(super) fn tls() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    // Without any, no handshake succeeds, and the log says why.
    let _ = pingora_core::tls::load_platform_certs_incl_env_into_store(&mut roots);
    let config = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// Connects; with `tls` where there is one.
pub(super) async fn connect(address: &StoreAddress, tls: Option<&TlsConnector>) -> Result<Link, String> {
    let tcp = TcpStream::connect(address.server.to_string()).await.map_err(in_words)?;
    // A question is one small packet that somebody waits for.
    tcp.set_nodelay(true).map_err(in_words)?;
    match tls {
        None => introduce(address, tcp).await,
        Some(tls) => {
            let stream = tls.connect(name(&address.server)?, tcp).await.map_err(in_words)?;
            introduce(address, stream).await
        }
    }
}

/// Says who asks, and of which database.
async fn introduce<S>(address: &StoreAddress, stream: S) -> Result<Link, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut who = RedisConnectionInfo::default().set_db(address.database.into()).set_skip_set_lib_name();
    if let Some(user) = &address.user {
        who = who.set_username(user);
    }
    if let Some(password) = &address.password {
        who = who.set_password(password);
    }
    // How long is waited is for whoever asks to say.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (redis, carry) =
        MultiplexedConnection::new_with_config(&who, stream, config).await.map_err(|error| told(&error))?;
    let closed = CancellationToken::new();
    let ended: DropGuard = closed.clone().drop_guard();
    let carried = tokio::spawn(async move {
        carry.await;
        drop(ended);
    });
    Ok(Link { redis, closed, _carried: AbortOnDropHandle::new(carried) })
}

fn name(server: &ServerAddress) -> Result<ServerName<'static>, String> {
    match server {
        ServerAddress::Ip(ip, _) => Ok(ServerName::IpAddress((*ip).into())),
        ServerAddress::Name(name, _) => ServerName::try_from(name.clone()).map_err(in_words),
        ServerAddress::Srv(_) | ServerAddress::Unix(_) => Err("it has no name".to_owned()),
    }
}

/// What Redis says is wrong.
pub(super) fn told(error: &RedisError) -> String {
    // Its code alone tells little: `WRONGPASS`, `READONLY`, `OOM`.
    error.to_string().trim().to_owned()
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}
