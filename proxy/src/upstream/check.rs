//! One active check of one server.

use super::authority::Secured;
use super::member::{Destination, Member};
use super::{Upstreams, race};
use crate::exchange::Failure;
use crate::upstream::classify;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderValue, Method};
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::ALPN;
use pingora_core::{Error, Result};
use pingora_http::RequestHeader;
use std::net::SocketAddr;
use tokio::net::UnixStream;
use vordr_rules::table::{Check, HttpCheck};

/// How much of a body is searched.
const SEARCHED: usize = 64 * 1024;
/// The answer `SERVING` of the gRPC health protocol: a frame that is not compressed, of two bytes, field 1 being 1.
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

impl Upstreams {
    /// Asks a server whether it is well; if not, why.
    pub(super) async fn check(
        &self,
        connector: &Connector,
        pool: &super::pool::Pool,
        member: &Member,
        check: &Check,
    ) -> Result<(), String> {
        match check {
            Check::Tcp => connects(member).await,
            Check::Http(http) => {
                let host = http.host.clone().unwrap_or_else(|| pool.host_of(member));
                let session = self.open(connector, pool, member, &host, None).await?;
                asks(session, http, host).await
            }
            Check::Grpc(service) => {
                let host = pool.host_of(member);
                let session = self.open(connector, pool, member, &host, Some(ALPN::H2)).await?;
                asks_grpc(session, service, host).await
            }
        }
    }

    /// A connection of the check's own. A server that is not believed at once may be by its second.
    async fn open(
        &self,
        connector: &Connector,
        pool: &super::pool::Pool,
        member: &Member,
        host: &HeaderValue,
        alpn: Option<ALPN>,
    ) -> Result<HttpSession, String> {
        let open = || self.open_once(connector, pool, member, host, alpn.clone());
        match open().await? {
            Some(session) => Ok(session),
            None => open().await?.ok_or_else(|| "tls: each time it shows another certificate".to_owned()),
        }
    }

    /// `None` where the server is not to be believed.
    async fn open_once(
        &self,
        connector: &Connector,
        pool: &super::pool::Pool,
        member: &Member,
        host: &HeaderValue,
        alpn: Option<ALPN>,
    ) -> Result<Option<HttpSession>, String> {
        let address = match &member.destination {
            Destination::Unix(_) => None,
            Destination::Tcp(addresses) => Some(address(member, addresses).await?),
        };
        let peer = self.check_peer(pool, member, address, host, alpn).ok_or("it cannot be connected to")?;
        let (session, _) = connector.get_http_session(&peer).await.map_err(|error| {
            let reason = words(*error);
            member.standing.handshake_failed(&reason);
            reason
        })?;
        let secured = pool.speech.tls.as_ref().and_then(|tls| self.authorities.of(tls));
        let believes = |secured: &Secured| secured.believes(&member.standing, &peer, session.digest());
        Ok(secured.is_none_or(believes).then_some(session))
    }
}

/// The address of a server that works.
async fn address(member: &Member, addresses: &[SocketAddr]) -> Result<SocketAddr, String> {
    match addresses {
        [only] => Ok(*only),
        _ => {
            let (index, _) =
                race::first(addresses, None, None).await.map_err(|failure| failure.reason().to_owned())?;
            member.standing.set_reached(Some(index));
            addresses.get(index).copied().ok_or_else(|| "it has no address".to_owned())
        }
    }
}

async fn connects(member: &Member) -> Result<(), String> {
    match &member.destination {
        Destination::Unix(path) => match UnixStream::connect(path).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        Destination::Tcp(addresses) => match race::first(addresses, None, None).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.reason().to_owned()),
        },
    }
}

async fn asks(mut session: HttpSession, check: &HttpCheck, host: HeaderValue) -> Result<(), String> {
    let mut request = head(&check.method, &check.path, host).map_err(|error| words(*error))?;
    if check.method == Method::POST {
        request.insert_header("Content-Length", "0").map_err(|error| words(*error))?;
    }
    let sent = async {
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        session.read_response_header().await
    };
    sent.await.map_err(|error| words(*error.into_up()))?;
    let status = session.response_header().map_or(0, |response| response.status.as_u16());
    if status != check.status.as_u16() {
        return Err(format!("it answered {status}"));
    }
    match &check.contains {
        Some(text) => contains(&mut session, text).await,
        None => Ok(()),
    }
}

async fn contains(session: &mut HttpSession, text: &str) -> Result<(), String> {
    let body = body(session).await.map_err(|error| words(*error.into_up()))?;
    match memchr::memmem::find(&body, text.as_bytes()) {
        Some(_) => Ok(()),
        None => Err("its answer lacks what it must contain".to_owned()),
    }
}

async fn body(session: &mut HttpSession) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = session.read_response_body().await? {
        body.extend_from_slice(&part);
        if body.len() >= SEARCHED {
            break;
        }
    }
    Ok(body)
}

async fn asks_grpc(mut session: HttpSession, service: &str, host: HeaderValue) -> Result<(), String> {
    let asked = async {
        let mut request = head(&Method::POST, "/grpc.health.v1.Health/Check", host)?;
        request.insert_header(CONTENT_TYPE, "application/grpc")?;
        request.insert_header(TE, "trailers")?;
        session.write_request_header(Box::new(request)).await?;
        session.write_request_body(question(service), true).await?;
        session.read_response_header().await?;
        body(&mut session).await
    };
    let answer = asked.await.map_err(|error| words(*error.into_up()))?;
    match answer.as_slice() {
        SERVING => Ok(()),
        // A failure has no message, and its number in the head.
        _ => {
            let number = session.response_header().and_then(|head| head.headers.get("grpc-status"));
            let number = number.and_then(|number| number.to_str().ok());
            Err(number
                .map_or_else(|| "it is not serving".to_owned(), |number| format!("gRPC status {number}")))
        }
    }
}

/// `HealthCheckRequest` in its frame.
fn question(service: &str) -> Bytes {
    let service = service.as_bytes().get(..127).unwrap_or(service.as_bytes());
    let mut message = Vec::new();
    if !service.is_empty() {
        message.extend([0x0a, u8::try_from(service.len()).unwrap_or(127)]);
        message.extend_from_slice(service);
    }
    let length = u32::try_from(message.len()).unwrap_or_default();
    [&[0], length.to_be_bytes().as_slice(), &message].concat().into()
}

fn head(method: &Method, path: &str, host: HeaderValue) -> Result<RequestHeader> {
    let mut request = RequestHeader::build(method.clone(), path.as_bytes(), None)?;
    let authority = host.to_str().unwrap_or_default();
    // HTTP/2 knows the host by the target alone.
    if let Ok(uri) = format!("http://{authority}{path}").parse() {
        request.set_uri(uri);
    }
    request.insert_header(USER_AGENT, "vordr")?;
    request.insert_header(HOST, host)?;
    Ok(request)
}

fn words(mut error: Error) -> String {
    error.esource = pingora_core::ErrorSource::Upstream;
    match classify(&error) {
        Failure::Tls(reason) => format!("tls: {reason}"),
        failure => failure.reason().to_owned(),
    }
}
