//! The request as the upstream shall see it: path, Host, Origin, forwarded headers, the operator's changes.

use super::admit::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO, X_REQUEST_ID};
use super::arrival::Client;
use super::context::Exchange;
use super::fill::{IN_PATH, Into, path_and_query};
use super::headers::{Headers, strip_hop_by_hop};
use super::host::host_of;
use super::operation;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, ORIGIN, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use percent_encoding::{percent_decode_str, percent_encode};
use std::borrow::Cow;
use std::net::SocketAddr;
use vordr_rules::placeholder::{Part, Placeholder, Template};
use vordr_rules::table::{
    AskedBy, HeaderNames, HostHeader, HttpVersion, Proxy, UpstreamTls, handshake_name, own_address,
};

const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
/// How much of a body is kept, as in nginx.
const LONGEST_KEPT: usize = 16 * 1024;
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

impl Exchange {
    /// Edits `message`, a copy of `request`, for the upstream that was reached.
    pub fn forward(&self, request: &Parts, message: &mut impl Headers) {
        let Some(proxy) = self.proxy() else { return };
        self.drop_headers(proxy, request, message);
        self.forward_host(proxy, request, message);
        self.forward_origin(proxy, request, message);
        if self.adds_forwarded() {
            self.forward_client(message);
            message.set(&X_REQUEST_ID, self.request_id.clone());
        }
        self.trace.tell(message);
        if !self.upgrade {
            message.remove(&UPGRADE);
            message.remove(&CONNECTION);
        }
        if request.version == Version::HTTP_10 || self.has_bidden {
            // It has been answered, or asked by who does not know the interim answer that this asks for (RFC 9110, section 10.1.1).
            message.remove(&EXPECT);
        }
        if proxy.http == HttpVersion::Http2 && is_grpc(request) {
            // It went with the client's connection, and gRPC insists on it.
            message.set(&TE, HeaderValue::from_static("trailers"));
        }
        self.forward_learnt(message);
        if let Some(settings) = self.settings() {
            if settings.substitute.is_some() {
                // What is packed cannot be looked through.
                message.remove(&ACCEPT_ENCODING);
            }
            operation::apply(self, &settings.request, request, None, message);
        }
    }

    /// Whether a client that waits to be told so is to send its body: where vordr reads it first, in nginx's ways, and where
    /// nobody else would say so. Else it is the upstream who does.
    pub fn bids_for_body(&self, request: &Parts, reads_it_first: bool) -> bool {
        let waits = request.version == Version::HTTP_11 && request.headers.contains_key(EXPECT);
        waits
            && has_body(request)
            && !self.has_bidden
            && (reads_it_first
                || self.has_nginxs_bodies()
                || self.proxy().is_some_and(|to| self.is_unasked(to)))
    }

    /// Whether the upstream is not asked to say so: where the body does not go there, and where HTTP/2 may be spoken, over
    /// which Pingora passes no interim answers on.
    fn is_unasked(&self, proxy: &Proxy) -> bool {
        let may_be_http_2 = match proxy.http {
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
            HttpVersion::Auto => self.speaks_tls(proxy),
        };
        !proxy.pass_body || proxy.body.is_some() || (may_be_http_2 && !self.upgrade)
    }

    /// Whether only HTTP/1.1 can carry it: a WebSocket, a body of the rules' own for a request that has none, which over
    /// HTTP/2 Pingora ends with its head, and one without its body, which over HTTP/2 Pingora does not end.
    pub(crate) fn is_of_http_1(&self, proxy: &Proxy, request: &Parts) -> bool {
        self.upgrade || self.body_is_gone || (proxy.body.is_some() && !has_body(request))
    }

    /// Takes away what is not to be passed on at all.
    fn drop_headers(&self, proxy: &Proxy, request: &Parts, message: &mut impl Headers) {
        let names = self.settings().map_or(HeaderNames::Any, |settings| settings.header_names);
        if !proxy.pass_headers || names != HeaderNames::Any {
            let stays =
                |name: &HeaderName| frames(name) || (proxy.pass_headers && names.allows(name.as_str()));
            let dropped: Vec<_> = message.headers().keys().filter(|name| !stays(name)).cloned().collect();
            dropped.iter().for_each(|name| message.remove(name));
        }
        if let Some(body) = &self.own_body {
            [TRANSFER_ENCODING, EXPECT].iter().for_each(|name| message.remove(name));
            message.set(&CONTENT_LENGTH, HeaderValue::from(body.len()));
        } else if !proxy.pass_body {
            let says = |name| request.headers.contains_key(name);
            let is_left_out = says(CONTENT_LENGTH) || says(TRANSFER_ENCODING);
            [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT].iter().for_each(|name| message.remove(name));
            if is_left_out {
                // Without it Pingora would say that chunks follow.
                message.set(&CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
        } else if let Some(length) = self.payload {
            // There are apps that know no chunks.
            message.remove(&TRANSFER_ENCODING);
            message.set(&CONTENT_LENGTH, HeaderValue::from(length));
        }
    }

    /// Fills in what takes the place of the request's body and method, where the rules say so: once for each attempt, as
    /// the length of a body is told before it.
    pub fn fill_own(&mut self, request: &Parts) {
        // As in nginx, what is in a file is not told of as a text.
        let is_kept = self.table.keeps_bodies && self.body_file.is_none();
        self.kept_body = is_kept.then(Vec::new);
        let body = self.proxy().and_then(|proxy| proxy.body.as_ref()).filter(|_| !self.upgrade);
        let own_body = body.map(|body| self.fill(body, request, Into::Raw).into());
        self.own_body = own_body.or_else(|| self.body_is_gone.then(Bytes::new));
        self.own_method = match self.proxy().and_then(|proxy| proxy.method.as_ref()) {
            None => None,
            Some(AskedBy::Fixed(method)) => Some(method.clone()),
            Some(AskedBy::Filled(method)) => {
                let method = Method::from_bytes(&self.fill(method, request, Into::Raw)).ok();
                method.filter(AskedBy::may_be)
            }
        };
    }

    /// Keeps a part of the body that passes, where the rules ask for it; of a long one nothing is kept.
    pub fn keep_body(&mut self, part: &[u8]) {
        let Some(kept) = &mut self.kept_body else { return };
        if kept.len() + part.len() <= LONGEST_KEPT {
            kept.extend_from_slice(part);
        } else {
            self.kept_body = None;
        }
    }

    /// `forwarded`: whether vordr's own headers are added.
    pub(super) fn adds_forwarded(&self) -> bool {
        self.settings().is_none_or(|settings| settings.forwarded)
    }

    /// The request's headers for a server that decides on it: who asked, and for what.
    pub(crate) fn told_to_others(&self, request: &Parts) -> HeaderMap {
        let mut headers = request.headers.clone();
        strip_hop_by_hop(&mut headers);
        self.forward_learnt(&mut headers);
        self.forward_client(&mut headers);
        headers.insert(X_REQUEST_ID, self.request_id.clone());
        self.trace.tell(&mut headers);
        for (name, value) in
            [(X_FORWARDED_METHOD, request.method.as_str()), (X_FORWARDED_URI, path_and_query(request))]
        {
            headers.insert(name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
        }
        headers
    }

    /// The `Host` that the upstream sees.
    pub fn upstream_host(&self, proxy: &Proxy, request: &Parts) -> HeaderValue {
        match &proxy.host {
            HostHeader::Fixed(host) => host.clone(),
            HostHeader::Upstream => self.authority(),
            // HTTP/1.0 may come without one, and HTTP/1.1 may not go without.
            HostHeader::Preserve => host_of(request).unwrap_or_else(|| self.authority()),
        }
    }

    /// The address of this machine that a connection to the upstream comes from; what makes none leaves it to the system.
    pub(crate) fn own_address(&self, proxy: &Proxy, request: &Parts) -> Option<SocketAddr> {
        let address = self.fill(proxy.bind.as_ref()?, request, Into::Raw);
        own_address(std::str::from_utf8(&address).ok()?)
    }

    /// The name that the rules ask an upstream for in TLS, without a port; `None` where they name none, or fill in nothing.
    pub fn upstream_name(&self, tls: &UpstreamTls, request: &Parts) -> Option<String> {
        let name = tls.sni.as_ref()?;
        let filled = match name.as_text() {
            Some(_) => None,
            None => Some(String::from_utf8(self.fill(name, request, Into::Raw)).ok()?),
        };
        let name = filled.as_deref().or(name.as_text())?;
        Some(handshake_name(name).to_owned()).filter(|name| !name.is_empty())
    }

    fn authority(&self) -> HeaderValue {
        if let Some(filled) = &self.filled {
            return filled.goal.host();
        }
        self.reached.as_ref().map_or(HeaderValue::from_static(""), |reached| reached.authority().clone())
    }

    fn forward_host(&self, proxy: &Proxy, request: &Parts, message: &mut impl Headers) {
        message.set(&HOST, self.upstream_host(proxy, request));
    }

    /// An app that compares Origin with Host must not see two hosts where the browser saw one.
    fn forward_origin(&self, proxy: &Proxy, request: &Parts, message: &mut impl Headers) {
        if !proxy.origin_fix || proxy.host == HostHeader::Preserve {
            return;
        }
        if !request.headers.get(ORIGIN).is_some_and(|origin| self.is_public_origin(origin)) {
            return;
        }
        let scheme = if self.speaks_tls(proxy) { "https" } else { "http" };
        let host = self.upstream_host(proxy, request);
        let ours = [scheme.as_bytes(), b"://", host.as_bytes()].concat();
        if let Ok(ours) = HeaderValue::from_bytes(&ours) {
            message.set(&ORIGIN, ours);
        }
    }

    /// Whether an origin is this very server. Where the connection is not TLS, TLS may have ended at somebody
    /// in front who did not say so; then either scheme will do.
    fn is_public_origin(&self, origin: &HeaderValue) -> bool {
        let Some((scheme, host)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
            return false;
        };
        let scheme_fits = scheme == self.public.scheme || (self.public.scheme == "http" && scheme == "https");
        scheme_fits && self.public.host.to_str().is_ok_and(|public| public.eq_ignore_ascii_case(host))
    }

    /// Who asked, and for what, for apps behind.
    pub(super) fn forward_client(&self, message: &mut impl Headers) {
        message.set(&X_FORWARDED_FOR, self.chain(message.headers()));
        message.set(&X_REAL_IP, self.public.client.text.clone());
        message.set(&X_FORWARDED_PROTO, HeaderValue::from_static(self.public.scheme));
        message.set(&X_FORWARDED_HOST, self.public.host.clone());
        message.set(&X_FORWARDED_PORT, HeaderValue::from(self.public.port));
    }

    /// The addresses that the request came through; those that came with it only from a trusted proxy.
    fn chain(&self, headers: &HeaderMap) -> HeaderValue {
        let peer = self.nearest();
        if !self.public.through_trusted || !headers.contains_key(&X_FORWARDED_FOR) {
            return peer.text.clone();
        }
        let earlier = headers.get_all(&X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        let chain = earlier.chain([peer.as_str().as_bytes()]).collect::<Vec<_>>().join(&b", "[..]);
        HeaderValue::try_from(chain).unwrap_or_else(|_| peer.text.clone())
    }

    /// Who asked vordr; a proxy that only makes connections for others is passed over.
    fn nearest(&self) -> &Client {
        match self.arrival.introduced {
            Some((client, _)) if self.public.is_told && client.ip() == self.public.client.address => {
                &self.public.client
            }
            _ => &self.arrival.peer,
        }
    }

    /// The path and query that the upstream sees; `None` where they stay as they came.
    pub fn upstream_path(&self, request: &Parts) -> Option<Vec<u8>> {
        let proxy = self.proxy()?;
        // What stands behind the location's prefix means nothing where the path is another one.
        let rewrite =
            self.settings()?.rewrite.as_ref().filter(|rewrite| !self.has_strayed || !asks_for_rest(rewrite));
        let rewritten = rewrite.map(|rewrite| {
            let mut path = self.fill(rewrite, request, Into::Url);
            if let (Some(query), false) = (self.current_query(request), path.contains(&b'?')) {
                path.push(b'?');
                path.extend_from_slice(query.as_bytes());
            }
            // A `?` at the end says that there is to be no query.
            if path.ends_with(b"?") {
                path.pop();
            }
            path
        });
        let rewritten = self.behind_goal(rewritten.as_deref()).or(rewritten);
        let rewritten = rewritten.or_else(|| self.written_target());
        if let Some(prefix) = &proxy.strip_prefix {
            let stripped = match &rewritten {
                Some(made) => strip(made, prefix.as_bytes()),
                None => self.without_prefix(prefix, request),
            };
            return stripped.or(rewritten).or_else(|| self.merged_target(request));
        }
        rewritten
    }

    /// Path and query behind a prefix of the normal path, by which the location was found. They stay as they came
    /// where they begin with it and mean the same without it.
    fn without_prefix(&self, prefix: &str, request: &Parts) -> Option<Vec<u8>> {
        // As nearly all are.
        if let Some(Cow::Borrowed(_)) = self.normal_of(request.uri.path())
            && let Some(stripped) = strip(path_and_query(request).as_bytes(), prefix.as_bytes())
        {
            return Some(stripped);
        }
        let decoded: Vec<u8> = percent_decode_str(prefix).collect();
        let written_prefix = percent_encode(&decoded, IN_PATH).to_string();
        let normal = strip(&self.normal_target(request), written_prefix.as_bytes())?;
        let merged = self.merged_target(request);
        let came = merged.as_deref().unwrap_or_else(|| path_and_query(request).as_bytes());
        let as_came = strip(came, prefix.as_bytes());
        Some(as_came.filter(|path| self.means_the_same(path, &normal)).unwrap_or(normal))
    }

    fn means_the_same(&self, one: &[u8], other: &[u8]) -> bool {
        let meant = |target| {
            let path = std::str::from_utf8(target).ok()?;
            self.normal_of(path.split_once('?').map_or(path, |(path, _)| path))
        };
        meant(one) == meant(other)
    }
}

fn asks_for_rest(rewrite: &Template) -> bool {
    rewrite.parts.iter().any(|part| *part == Part::Placeholder(Placeholder::Rest))
}

/// What says where a request ends, and whether its connection becomes another.
fn frames(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE, EXPECT].contains(name)
}

/// Whether a body comes with it (RFC 9112, section 6.3).
fn has_body(request: &Parts) -> bool {
    request.headers.contains_key(TRANSFER_ENCODING)
        || request.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}

fn is_grpc(request: &Parts) -> bool {
    let content_type = request.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|found| found.starts_with(b"application/grpc"))
}

/// Takes a prefix of whole segments off; at least `/` is left.
fn strip(path: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(prefix)?;
    match rest.first() {
        None => Some(b"/".to_vec()),
        Some(b'/') => Some(rest.to_vec()),
        Some(b'?') => Some([b"/", rest].concat()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
