//! Placeholders filled in for one exchange.

use super::admit::X_FORWARDED_FOR;
use super::context::Exchange;
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};
use std::borrow::Cow;
use vordr_rules::placeholder::{Part, Placeholder, Template};
use vordr_rules::table::{Captures, HeaderNames, cookie, cookie_of_any_case};

/// What stays as it is when a decoded capture is put into a path again (RFC 3986, section 3.3).
pub(super) const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What is escaped where a capture is put into a query: NGX_ESCAPE_ARGS.
const IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'?');

/// What never stands in a URL as it is. A variable or a header may hold a whole URL, so that its own signs stay (RFC 3986,
/// section 2).
pub(super) const IN_ANY_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What is escaped, besides, of what a header or a parameter says in a query,
const IN_A_QUERY: &AsciiSet = &IN_ANY_URL.add(b'#');
/// and in a path.
const IN_A_PATH: &AsciiSet = &IN_A_QUERY.add(b'?');

/// Where a text is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// In a header: a path is escaped, as in a URL, and all else is put in as it is.
    Header,
    /// In a URL: whatever is not fit for one is escaped. What a client wrote into one is so already.
    Url,
    /// In a path that is looked for, and its query: the path is decoded once more, so that all of it is escaped.
    Target,
    /// In a text that is compared or kept, a body, or the path of a file: everything is put in as it is.
    Raw,
    /// In a query that is made of what is written: what was captured is escaped, as in nginx.
    Query,
}

impl Into {
    /// Puts what a header or a parameter says behind a text. It may hold a part of a URL, or a whole one, as a client wrote
    /// it: what is escaped there stays so, and nothing breaks out of its part.
    fn put_said(self, said: &[u8], out: &mut Vec<u8>) {
        let fit = match self {
            Self::Header | Self::Raw | Self::Query => return out.extend_from_slice(said),
            Self::Url | Self::Target if out.contains(&b'?') => IN_A_QUERY,
            Self::Target => IN_PATH,
            Self::Url if out.is_empty() => IN_ANY_URL,
            Self::Url => IN_A_PATH,
        };
        out.extend(percent_encode(said, fit).flat_map(str::bytes));
    }
}

/// What a text that `steps` have made or captured is made of. The least of its parts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Writing {
    /// Of a path that was decoded: all of it is escaped in a URL.
    #[default]
    Decoded,
    /// Of what a header, a cookie or a parameter says beside other text: nothing breaks out of its part.
    Within,
    /// Of that alone: at the beginning of a URL it may be a whole one.
    Said,
    /// Of path and query as they came: in a URL they stay as they are.
    Uri,
}

/// What a text is filled in from, besides the exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) request: &'k Parts,
    /// What the regex captured that the text belongs to.
    pub(super) captures: &'k Captures,
    /// The answer's headers, where there is one.
    pub(super) answer: Option<&'k HeaderMap>,
}

impl Exchange {
    /// A header's value. `None` where what was filled in is not fit for one, so that nothing can be smuggled in, and
    /// where nothing was: a header that says nothing is none.
    pub(super) fn header_value(
        &self,
        template: &Template,
        request: &Parts,
        answer: Option<&HeaderMap>,
    ) -> Option<HeaderValue> {
        match template.as_text() {
            Some(text) => HeaderValue::from_str(text).ok(),
            None => {
                let known = Known { request, captures: &self.captures, answer };
                let value = self.fill_known(template, known, Into::Header);
                HeaderValue::from_bytes(&value).ok().filter(|value| !value.is_empty())
            }
        }
    }

    /// What a request is told from others by.
    pub fn key(&self, template: &Template, request: &Parts) -> Vec<u8> {
        self.fill(template, request, Into::Header)
    }

    /// A template with everything filled in.
    pub(super) fn fill(&self, template: &Template, request: &Parts, into: Into) -> Vec<u8> {
        self.fill_known(template, Known { request, captures: &self.captures, answer: None }, into)
    }

    /// A template with everything filled in, where its captures are not the location's.
    pub(super) fn fill_known(&self, template: &Template, known: Known<'_>, into: Into) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for part in &template.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Placeholder(placeholder) => self.fill_one(placeholder, known, into, &mut out),
            }
        }
        out
    }

    /// The path, decoded and without dot segments, behind the prefix by which the location took it.
    fn rest(&self, request: &Parts) -> Vec<u8> {
        let path = self.current_path(request);
        let location = self.server().zip(self.found_at).and_then(|(server, id)| server.locations.get(id.0));
        let prefix = location.map_or(0, |location| location.prefix_length(&path));
        path.get(prefix..).unwrap_or_default().to_vec()
    }

    /// Every `X-Forwarded-For` that came, and who brought it.
    fn forwarded_for(&self, request: &Parts) -> Vec<u8> {
        let mut chain = Vec::new();
        for line in request.headers.get_all(&X_FORWARDED_FOR) {
            chain.extend_from_slice(line.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(self.public.client.text.as_bytes());
        chain
    }

    /// What a header or a parameter says, where a placeholder is one.
    fn said<'k>(&'k self, placeholder: &Placeholder, known: Known<'k>) -> Option<Cow<'k, [u8]>> {
        let headers = &known.request.headers;
        Some(match placeholder {
            Placeholder::Header(name) => all_lines(headers, self.underscored(headers, name).unwrap_or(name)),
            Placeholder::SentHeader(name) => {
                known.answer.map(|sent| all_lines(sent, name)).unwrap_or_default()
            }
            Placeholder::Auth(name) => {
                Cow::Borrowed(self.learnt.answer.get(name).map_or(b"".as_slice(), HeaderValue::as_bytes))
            }
            Placeholder::Cookie(name) => {
                let value = cookie(headers, name).or_else(|| cookie_of_any_case(headers, name));
                Cow::Borrowed(value.unwrap_or_default().as_bytes())
            }
            Placeholder::Argument(name) => {
                let query = self.current_query(known.request).unwrap_or_default();
                Cow::Borrowed(argument(query, name).unwrap_or_default().as_bytes())
            }
            _ => return None,
        })
    }

    /// Where a header did not come, one whose name has underscores for its hyphens: where `header-names` lets it through
    /// as nginx does, they are one name.
    fn underscored<'h>(&self, headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderName> {
        let names = self.settings().map(|settings| settings.header_names);
        let wanted = name.as_str();
        if names != Some(HeaderNames::Underscores) || !wanted.contains('-') || headers.contains_key(name) {
            return None;
        }
        let plain = |byte: u8| if byte == b'_' { b'-' } else { byte };
        let is_it = |found: &&HeaderName| {
            found.as_str().len() == wanted.len() && found.as_str().bytes().map(plain).eq(wanted.bytes())
        };
        headers.keys().find(is_it)
    }

    /// One placeholder, filled in.
    pub(super) fn fill_one(
        &self,
        placeholder: &Placeholder,
        known: Known<'_>,
        into: Into,
        out: &mut Vec<u8>,
    ) {
        let request = known.request;
        if self.lacks(placeholder) {
            return;
        }
        if let Some(told) = self.said(placeholder, known) {
            return into.put_said(&told, out);
        }
        let writing = match placeholder {
            Placeholder::NormalPath => self.writing(),
            Placeholder::Capture(_) if std::ptr::eq(known.captures, &raw const self.captures) => {
                self.captured_of
            }
            _ => Writing::Decoded,
        };
        let is_path = *placeholder == Placeholder::NormalPath;
        if is_path
            && into == Into::Url
            && ends_with_authority(out)
            && !self.told_path(request).starts_with(b"/")
        {
            // What a client wrote is no part of the host.
            out.push(b'/');
        }
        let mut foreign = |bytes: &[u8]| match (into, writing) {
            (Into::Header | Into::Raw | Into::Query, _) => out.extend_from_slice(bytes),
            (Into::Url, Writing::Said) if !is_path => into.put_said(bytes, out),
            (Into::Url, Writing::Said | Writing::Within) => {
                let fit = if out.contains(&b'?') { IN_A_QUERY } else { IN_A_PATH };
                out.extend(percent_encode(bytes, fit).flat_map(str::bytes));
            }
            (Into::Url, Writing::Uri) => out.extend(percent_encode(bytes, IN_ANY_URL).flat_map(str::bytes)),
            (Into::Url, Writing::Decoded) | (Into::Target, _) => {
                out.extend(percent_encode(bytes, IN_PATH).flat_map(str::bytes));
            }
        };
        match placeholder {
            Placeholder::NormalPath => foreign(&self.told_path(request)),
            Placeholder::Path => match into {
                Into::Raw | Into::Query => out.extend_from_slice(&self.current_path(request)),
                Into::Header | Into::Url | Into::Target => {
                    out.extend_from_slice(self.written_path(request).as_bytes());
                }
            },
            Placeholder::Rest => match into {
                Into::Raw => out.extend_from_slice(&self.rest(request)),
                _ => out.extend(percent_encode(&self.rest(request), IN_PATH).flat_map(str::bytes)),
            },
            Placeholder::Port => out.extend_from_slice(self.arrival.local_port.to_string().as_bytes()),
            Placeholder::ForwardedFor => foreign(&self.forwarded_for(request)),
            Placeholder::QueryMark => {
                let query = self.current_query(request).filter(|query| !query.is_empty());
                out.extend_from_slice(query.map_or(b"", |_| b"?"));
            }
            Placeholder::Capture(number) => {
                let group = known.captures.group(*number).unwrap_or_default();
                match into {
                    Into::Query => out.extend(percent_encode(group, IN_QUERY).flat_map(str::bytes)),
                    _ => foreign(group),
                }
            }
            Placeholder::Host => out.extend(self.host_name().bytes().map(|byte| byte.to_ascii_lowercase())),
            Placeholder::Uri => out.extend_from_slice(path_and_query(request).as_bytes()),
            Placeholder::Query => {
                out.extend_from_slice(self.current_query(request).unwrap_or_default().as_bytes());
            }
            Placeholder::Method => out.extend_from_slice(self.method(request).as_str().as_bytes()),
            Placeholder::Scheme => out.extend_from_slice(self.public.scheme.as_bytes()),
            Placeholder::PeerIp => out.extend_from_slice(self.arrival.peer.text.as_bytes()),
            Placeholder::ClientIp => out.extend_from_slice(self.public.client.text.as_bytes()),
            // A name may hold letters that no URL may.
            Placeholder::ClientSubject => foreign(self.client_subject().map_or(b"", HeaderValue::as_bytes)),
            Placeholder::Variable(name) => self.fill_variable(name, known, into, out),
            Placeholder::RequestId => out.extend_from_slice(self.request_id.as_bytes()),
            other => foreign(&self.told(other, request)),
        }
    }
}

/// Whether a URL has come to its host, or port, and no further.
fn ends_with_authority(url: &[u8]) -> bool {
    let authority = url.windows(3).position(|three| three == b"://").and_then(|at| url.get(at + 3..));
    authority
        .is_some_and(|authority| !authority.is_empty() && !authority.iter().any(|byte| b"/?#".contains(byte)))
}

/// Every line of a header as one value (RFC 9110, section 5.2); cookies go together in a way of their own.
pub(super) fn all_lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Cow<'h, [u8]> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = lines.next().unwrap_or_default();
    let Some(second) = lines.next() else { return Cow::Borrowed(first) };
    let separator: &[u8] = if *name == COOKIE { b"; " } else { b", " };
    let all: Vec<&[u8]> = [first, second].into_iter().chain(lines).collect();
    Cow::Owned(all.join(separator))
}

/// A parameter's value as it stands in the query; the first of that name.
pub(super) fn argument<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Path and query as they came, without a scheme and host in front.
pub(super) fn path_and_query(request: &Parts) -> &str {
    request.uri.path_and_query().map_or("/", |both| both.as_str())
}
