//! The URL of a `proxy_pass`, taken apart.

use super::Nginx;
use super::tree::Directive;
use super::variable::Variables;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Span;

/// A `proxy_pass`, taken apart.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) address: Address,
    /// From the `/` on; `None` where the URL ends before it.
    pub(super) path: Option<Template>,
    /// Whether it has a variable: then its path is all that the upstream sees.
    pub(super) has_variables: bool,
    pub(super) span: Span,
}

/// Where to.
#[derive(Debug)]
pub(super) enum Address {
    Known {
        tls: bool,
        /// `app:8000`, or `unix:/path`.
        authority: String,
    },
    /// Known at each request: scheme and host, or variables that make them.
    Filled(Template),
}

impl Pass {
    /// Whether TLS is spoken, or may be.
    pub(super) fn may_be_tls(&self) -> bool {
        self.schemes().contains(&true)
    }

    /// Whether TLS is spoken, or both where a request decides.
    pub(super) fn schemes(&self) -> &'static [bool] {
        match &self.address {
            Address::Known { tls: true, .. } => &[true],
            Address::Known { tls: false, .. } => &[false],
            Address::Filled(url) => match url.parts.first() {
                Some(Part::Text(text)) if text.starts_with("https") => &[true],
                Some(Part::Text(_)) => &[false],
                _ => &[false, true],
            },
        }
    }
}

impl Nginx<'_, '_> {
    pub(super) fn read_pass(&mut self, directive: &Directive, variables: &Variables) -> Option<Pass> {
        let written = directive.arguments.first()?;
        let whole = self.template(written, variables)?;
        let (url, path) = split(whole);
        let path = Some(path).filter(|path| !path.is_empty()).map(|parts| Template { parts });
        let start = match url.first() {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        let (tls, host) = match (start.strip_prefix("http://"), start.strip_prefix("https://")) {
            (Some(host), _) => (false, host),
            (_, Some(host)) => (true, host),
            _ if start.is_empty() && !url.is_empty() => (false, ""),
            _ => {
                self.fault(written.span, "invalid URL prefix");
                return None;
            }
        };
        let address = match url.as_slice() {
            [Part::Text(_)] if host.is_empty() => {
                self.fault(written.span, format!("no host in upstream \"{start}\""));
                return None;
            }
            [Part::Text(_)] => Address::Known { tls, authority: host.trim_end_matches(':').to_owned() },
            _ => Address::Filled(Template { parts: url }),
        };
        Some(Pass { address, path, has_variables: written.value.contains('$'), span: written.span })
    }
}

/// Scheme and host, and the path behind them.
fn split(whole: Template) -> (Vec<Part>, Vec<Part>) {
    let mut url = Vec::new();
    let mut parts = whole.parts.into_iter();
    let mut path = Vec::new();
    for part in parts.by_ref() {
        match part {
            Part::Text(text) => {
                let (host, behind) = match url.is_empty() {
                    true => split_path(&text),
                    // `$scheme://$host`
                    false => {
                        let start = if text.starts_with("://") { 3 } else { 0 };
                        let end = text.get(start..).and_then(|rest| rest.find('/'));
                        text.split_at(end.map_or(text.len(), |end| start + end))
                    }
                };
                if !host.is_empty() {
                    url.push(Part::Text(host.to_owned()));
                }
                if !behind.is_empty() {
                    path.push(Part::Text(behind.to_owned()));
                    break;
                }
            }
            Part::Placeholder(Placeholder::Uri | Placeholder::Path | Placeholder::NormalPath)
                if !url.is_empty() =>
            {
                path.push(part);
                break;
            }
            placeholder => url.push(placeholder),
        }
    }
    path.extend(parts);
    (url, path)
}

/// The host of a URL with variables; `None` where it is not known before there is a request where it begins.
pub(super) fn without_scheme(url: &Template) -> Option<Template> {
    let mut parts = url.parts.iter().cloned().peekable();
    let scheme = parts.next_if(|part| *part == Part::Placeholder(Placeholder::Scheme));
    let Some(Part::Text(start)) = parts.next() else { return None };
    let (_, host) = start.split_once("://").filter(|(written, _)| written.is_empty() == scheme.is_some())?;
    let host = Some(host).filter(|host| !host.is_empty()).map(|host| Part::Text(host.to_owned()));
    Some(Template { parts: host.into_iter().chain(parts).collect() })
}

/// An address, and the path behind it. `http://unix:/run/a.sock:/path` has its path behind the second `:`.
pub(super) fn split_path(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or_default();
    let end = match rest.strip_prefix("unix:") {
        Some(socket) => socket.find(':').map_or(rest.len(), |at| "unix:".len() + at + 1),
        None => rest.find('/').unwrap_or(rest.len()),
    };
    url.split_at_checked(start + end).unwrap_or((url, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_ends_where_its_path_begins() {
        assert_eq!(split_path("http://a:80/x/y"), ("http://a:80", "/x/y"));
        assert_eq!(split_path("http://a"), ("http://a", ""));
        assert_eq!(split_path("http://unix:/run/a.sock"), ("http://unix:/run/a.sock", ""));
        assert_eq!(split_path("http://unix:/run/a.sock:/x"), ("http://unix:/run/a.sock:", "/x"));
        assert_eq!(split_path("$backend/x"), ("$backend", "/x"));
    }
}
