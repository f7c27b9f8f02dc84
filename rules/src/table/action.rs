//! What is done with a request: exactly one of these for each location.

use super::{CookieFix, Files, HttpVersion, LocationFix, LocationId, Store, UpstreamId, UpstreamTls};
use crate::placeholder::Template;
use http::{HeaderValue, Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A location's action.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send the request to an upstream.
    Proxy(Box<Proxy>),
    /// Answer with a `Location`.
    Redirect(Redirect),
    /// Answer from the rules.
    Respond(Respond),
    /// Answer from a folder.
    Files(Arc<Files>),
    /// Answer with nginx's page of counts.
    StubStatus,
    /// Go on in another location of the server.
    Enter(LocationId),
    /// Look for a location anew, for this path and perhaps query.
    Search(Template),
}

/// `proxy`: which upstream, and how the request is changed on its way there.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxy {
    /// The pool; where `filled` says where to, what its pools have in common.
    pub upstream: UpstreamId,
    /// Where to, where each request says it anew.
    pub filled: Option<Box<FilledTarget>>,
    /// What `Host` the upstream sees.
    pub host: HostHeader,
    /// `origin auto`: the request's own public `Origin` becomes the upstream's.
    pub origin_fix: bool,
    /// What becomes of `Location`, `Refresh` and cookie domains.
    pub location_fix: LocationFix,
    /// What becomes of cookies besides.
    pub cookies: CookieFix,
    /// The method that the upstream sees; `None` is the request's own.
    pub method: Option<AskedBy>,
    /// Whether the request's own headers are sent, besides those that frame it.
    pub pass_headers: bool,
    /// Whether the request's body is sent.
    pub pass_body: bool,
    /// What is sent in the place of the request's body.
    pub body: Option<Template>,
    /// Whether the upstream's own `Server` reaches the client.
    pub pass_server: bool,
    /// Whether parts of whole answers are sent to who asks for parts.
    pub ranges: bool,
    /// How many bytes of an answer are read in a second, never 0; `None` is as many as come.
    pub read_rate: Option<u64>,
    /// Whether the upstream goes on being waited for when the client is gone.
    pub outlast_client: bool,
    /// Path prefix taken off before forwarding; never ends in `/`.
    pub strip_prefix: Option<String>,
    /// TLS towards the upstream; `None` for http.
    pub tls: Option<UpstreamTls>,
    /// Which HTTP version is spoken upstream.
    pub http: HttpVersion,
    /// The longest a resolved address is believed.
    pub resolve: Duration,
    /// Send the client's address in a PROXY header of this version (1 or 2).
    pub proxy_protocol: Option<u8>,
    /// The address of this machine that connections come from, as [`own_address`] reads it; `None`, and what is none, is
    /// what the system chooses.
    pub bind: Option<Template>,
    /// Where what it answers is kept as files.
    pub store: Option<Arc<Store>>,
}

/// The address of a `bind`, perhaps with a port, which is not 0; without one the system chooses it.
pub fn own_address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = || bare.parse().map(|address| SocketAddr::new(address, 0));
    match text.parse::<SocketAddr>() {
        Ok(address) => Some(address).filter(|address| address.port() > 0),
        Err(_) => alone().ok(),
    }
}

/// `method`: what an upstream is asked by.
#[derive(Debug, Clone, PartialEq)]
pub enum AskedBy {
    /// This one, which is neither HEAD nor CONNECT.
    Fixed(Method),
    /// What a request makes of it; where that is no method, or one of those two, its own.
    Filled(Template),
}

impl AskedBy {
    /// Whether a method may take another's place: an answer to HEAD has no body, for which whoever asked otherwise would
    /// wait, and CONNECT is not spoken.
    pub fn may_be(method: &Method) -> bool {
        !matches!(*method, Method::HEAD | Method::CONNECT)
    }
}

/// A URL with placeholders, which is known at each request.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledTarget {
    /// `http://{var.backend}`: it names a host, or a pool. A path behind that takes the place of the request's.
    pub url: Template,
    /// The pools that it may name, those first that have this name in it alone.
    pub pools: Vec<(String, UpstreamId)>,
}

/// What `Host` an upstream sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostHeader {
    /// As the client sent it.
    Preserve,
    /// The upstream's authority, without a default port. Each server's own.
    Upstream,
    /// This one.
    Fixed(HeaderValue),
}

/// `redirect`.
#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// The target; the request's query is appended unless it has a `?` of its own.
    pub target: Template,
    /// Whether it is appended at all.
    pub keeps_query: bool,
}

/// `respond`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respond {
    /// The status.
    pub status: StatusCode,
    /// `Content-Type`; `None` where there is no body.
    pub content_type: Option<HeaderValue>,
    /// The body.
    pub body: Body,
    /// Whether it counts as a failure: its page is that of failures, and an `on-error` may act in its place.
    pub fails: bool,
    /// Whether its type is told by the request's path, as that of a file is.
    pub by_path: bool,
}

/// The body of a [`Respond`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Read at load (`file="…"` included).
    Fixed(Vec<u8>),
    /// Filled in for each request.
    Filled(Template),
}
