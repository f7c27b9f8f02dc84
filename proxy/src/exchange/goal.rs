//! Where a request goes that says so itself: a URL with placeholders, filled in.

use super::context::Exchange;
use super::failure::Failure;
use super::fill::Into;
use crate::upstream::Pool;
use http::HeaderValue;
use http::request::Parts;
use std::sync::Arc;
use vordr_rules::table::{FilledTarget, Proxy};

/// A URL that was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Host, and port where it has one; or a pool's name.
    pub authority: String,
    /// What stands behind it: a path that takes the place of the request's.
    pub path: Option<Vec<u8>>,
}

/// Where a request goes that says so itself.
#[derive(Debug)]
pub(crate) struct Filled {
    /// The servers there.
    pub(crate) pool: Arc<Pool>,
    /// What its URL came to.
    pub(crate) goal: Goal,
}

impl Goal {
    /// The host as a `Host` header has it, without the port that its scheme implies.
    pub fn host(&self) -> HeaderValue {
        let usual = if self.tls { ":443" } else { ":80" };
        let host = self.authority.strip_suffix(usual).unwrap_or(&self.authority);
        HeaderValue::from_str(host).unwrap_or(HeaderValue::from_static(""))
    }
}

impl Exchange {
    /// What the URL of the `proxy` in force comes to, where it has placeholders.
    pub fn goal(&self, request: &Parts) -> Option<Result<Goal, Failure>> {
        let FilledTarget { url, .. } = self.proxy()?.filled.as_deref()?;
        let url = self.fill(url, request, Into::Url);
        Some(taken_apart(&url))
    }

    /// Whether TLS is spoken with the upstream.
    pub fn speaks_tls(&self, proxy: &Proxy) -> bool {
        match &self.filled {
            Some(filled) => filled.goal.tls,
            None => proxy.tls.is_some(),
        }
    }

    /// The path that stood in the URL, in front of what a `rewrite` says.
    pub(super) fn behind_goal(&self, rewritten: Option<&[u8]>) -> Option<Vec<u8>> {
        let path = self.filled.as_ref()?.goal.path.as_deref()?;
        Some([path, rewritten.unwrap_or_default()].concat())
    }
}

fn taken_apart(url: &[u8]) -> Result<Goal, Failure> {
    let no_goal = |why: &str| {
        let shown: String = String::from_utf8_lossy(url).chars().take(100).collect();
        Failure::NoUpstream(format!("\"{}\" {why}", shown.escape_debug()))
    };
    let text = std::str::from_utf8(url).map_err(|_| no_goal("is no URL"))?;
    let (scheme, rest) = text.split_once("://").ok_or_else(|| no_goal("has no scheme"))?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return Err(no_goal("is not of http or https")),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(no_goal("has no host"));
    }
    let path = match path.strip_prefix('?') {
        _ if path.is_empty() => None,
        Some(query) => Some(format!("/?{query}").into_bytes()),
        None => Some(path.as_bytes().to_vec()),
    };
    Ok(Goal { tls, authority: authority.to_owned(), path })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn goal(url: &str) -> Option<(bool, String, Option<String>)> {
        let goal = taken_apart(url.as_bytes()).ok()?;
        Some((goal.tls, goal.authority, goal.path.map(|path| String::from_utf8(path).unwrap())))
    }

    #[test]
    fn a_url_is_a_scheme_a_host_and_perhaps_a_path() {
        let of = |tls, host: &str, path: Option<&str>| Some((tls, host.to_owned(), path.map(str::to_owned)));
        assert_eq!(goal("http://a.test"), of(false, "a.test", None));
        assert_eq!(goal("https://a.test:8443/x?y"), of(true, "a.test:8443", Some("/x?y")));
        assert_eq!(goal("http://app?y"), of(false, "app", Some("/?y")));
        for none in ["", "a.test", "ftp://a.test", "http://", "http:///x", "://a"] {
            assert_eq!(goal(none), None, "{none}");
        }
    }
}
