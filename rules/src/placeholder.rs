//! `{client_ip}` and its kin: text with placeholders, compiled once into parts.

use http::HeaderName;

/// Text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// In order; neighbouring literals are joined.
    pub parts: Vec<Part>,
}

/// One piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// Filled in for each request.
    Placeholder(Placeholder),
}

/// What can be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placeholder {
    /// `{host}`: the request's host without its port.
    Host,
    /// `{uri}`: path and query as they came.
    Uri,
    /// `{path}`: the path as it came.
    Path,
    /// `{query}`: without the `?`; empty where there is none.
    Query,
    /// `{method}`
    Method,
    /// `{scheme}`: `http` or `https`, as the client sees it.
    Scheme,
    /// `{client_ip}`: the believed one.
    ClientIp,
    /// `{request_id}`
    RequestId,
    /// `{header.NAME}`
    Header(HeaderName),
    /// `{cookie.NAME}`
    Cookie(String),
    /// `{1}`: a capture of the location's regex, from 1.
    Capture(usize),
}
