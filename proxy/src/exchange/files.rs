//! `files`: what a request seeks in a folder, and the answer with what was found.

mod condition;
mod media;
mod range;
#[cfg(test)]
mod tests;

use super::answer::Answer;
use super::coding::{Coding, accepted};
use super::context::Exchange;
use super::failure::Failure;
use super::fill::{IN_PATH, Into};
use bytes::Bytes;
use condition::Validators;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
pub(crate) use media::content_type;
use percent_encoding::percent_encode;
use range::Wanted;
use std::ops::Range;
use std::time::{Duration, SystemTime};
use vordr_rules::table::{Action, Files, normal_path};

/// What a request seeks in a folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Sought {
    /// The path below it, decoded: names with one `/` between them; nothing is the folder itself.
    pub path: Vec<u8>,
    /// Whether it ended in `/`, as a folder's does.
    pub is_folder: bool,
    /// Codings in which a file may have been packed beforehand, the most wanted first.
    pub codings: Vec<Coding>,
    /// Whether the file's beginning will be wanted, whatever is found out about it.
    pub at_once: bool,
}

/// A file as it was found.
#[derive(Debug, Clone)]
pub struct Representation {
    /// In bytes.
    pub length: u64,
    /// When its content was changed.
    pub modified: Option<SystemTime>,
    /// Another one for any other content.
    pub tag: u64,
    /// What it holds.
    pub content_type: HeaderValue,
    /// How it is packed.
    pub coding: Option<Coding>,
    /// Whether other requests may get it in another form.
    pub varies: bool,
}

/// An answer whose body is yet to be read.
#[derive(Debug)]
pub struct FileAnswer {
    /// Without a body.
    pub head: Answer,
    /// What the body is made of, in order; as long as the head says.
    pub body: Vec<Piece>,
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// What stands between two parts of a file.
    Bytes(Bytes),
    /// A part of the file.
    File(Range<u64>),
}

impl Exchange {
    /// What the request seeks in the folder of the action in force.
    pub fn seek(&self, request: &Parts) -> Result<Sought, Failure> {
        let Some(Action::Files(files)) = self.action() else { return Err(Failure::NoRoute) };
        // An error's page is for whoever met the error.
        let is_page = self.is_instead();
        if !is_page && !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Failure::Method);
        }
        let path = self.path_below(files, request)?;
        let is_folder = path.is_empty() || path.ends_with(b"/");
        let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
        let offered = Coding::ALL.into_iter().filter(|_| files.precompressed);
        Ok(Sought {
            path,
            is_folder,
            codings: accepted(&request.headers, offered),
            at_once: request.method != Method::HEAD && (is_page || !makes_conditions(&request.headers)),
        })
    }

    /// The path below the folder; what leads nowhere, or where nobody is to look, is refused.
    fn path_below(&self, files: &Files, request: &Parts) -> Result<Vec<u8>, Failure> {
        let rewrite = self.settings().and_then(|settings| settings.rewrite.as_ref());
        let rewritten = rewrite.map(|rewrite| self.fill(rewrite, request, Into::Url));
        let path = match &rewritten {
            Some(path) => {
                let written = std::str::from_utf8(path).ok().and_then(|path| path.split('?').next());
                written.and_then(normal_path).ok_or(Failure::NoFile("its path is none"))?
            }
            None => self.current_path(request),
        };
        let path = match &files.strip_prefix {
            Some(prefix) => without_prefix(&path, prefix.as_bytes()),
            None => &path,
        };
        let below = path.strip_prefix(b"/").unwrap_or(path);
        let folder = below.strip_suffix(b"/").unwrap_or(below);
        let mut names = folder.split(|byte| *byte == b'/');
        if !below.is_empty() && names.clone().any(<[u8]>::is_empty) {
            // A path with `//` in it may have come past a location that is meant to keep it.
            return Err(Failure::NoFile("its path has `//` in it"));
        }
        let well_known = folder == b".well-known" || folder.starts_with(b".well-known/");
        if names.by_ref().skip(usize::from(well_known)).any(|name| name.starts_with(b".")) {
            return Err(Failure::NoFile("names that begin with `.` are hidden"));
        }
        Ok(below.to_vec())
    }

    /// The answer with a file that was found.
    pub fn answer_with(&mut self, file: &Representation, request: &Parts) -> FileAnswer {
        let modified = file.modified.and_then(known_time);
        let etag = format!("\"{:016x}\"", file.tag);
        let file = Described { file, etag: &etag, modified };
        let answer = match self.is_instead() {
            true => self.instead(&file),
            false => file.answer(request),
        };
        let body = if request.method == Method::HEAD { Vec::new() } else { answer.body };
        FileAnswer { head: self.finish_file(answer.head, request), body }
    }

    /// A file in the place of an answer that failed: it keeps the failure's status.
    fn instead(&self, file: &Described<'_>) -> FileAnswer {
        let status = self.failure.as_ref().map_or(StatusCode::OK, Failure::status);
        let mut answer = file.whole();
        answer.head.status = status;
        for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
            answer.head.headers.remove(name);
        }
        answer
    }

    /// Sends a client that asked for a folder to its path with a `/`, where the links of its index lead right.
    pub fn to_folder(&mut self, request: &Parts) -> Answer {
        let path = self.current_path(request);
        let slashes = path.iter().take_while(|byte| **byte == b'/').count().max(1);
        // `//host` would lead elsewhere.
        let path = path.get(slashes - 1..).unwrap_or(b"/");
        let query = self.current_query(request).map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}/{query}", percent_encode(path, IN_PATH));
        let mut answer = Answer::empty(StatusCode::MOVED_PERMANENTLY);
        if let Ok(target) = HeaderValue::try_from(target) {
            answer.headers.insert(LOCATION, target);
        }
        self.finish_answer(answer, request)
    }
}

/// A file, and what it is known again by.
struct Described<'f> {
    file: &'f Representation,
    etag: &'f str,
    modified: Option<SystemTime>,
}

impl Described<'_> {
    fn answer(&self, request: &Parts) -> FileAnswer {
        let validators = Validators { etag: self.etag, modified: self.modified };
        if let Some(status) = condition::refused(&request.headers, validators) {
            return self.bodiless(status);
        }
        // Ranges are for GET alone (section 14.2).
        let range = request.headers.get(RANGE).filter(|_| request.method == Method::GET);
        let range = range.and_then(|range| range.to_str().ok());
        let range = range.filter(|_| condition::ranges_hold(&request.headers, validators));
        match range.map(|range| range::wanted(range, self.file.length)) {
            None | Some(Wanted::Whole) => self.whole(),
            Some(Wanted::Nothing) => {
                let mut answer = self.bodiless(StatusCode::RANGE_NOT_SATISFIABLE);
                set(&mut answer.head, CONTENT_RANGE, format!("bytes */{}", self.file.length));
                answer
            }
            Some(Wanted::Parts(parts)) => match parts.as_slice() {
                [one] => self.part(one.clone()),
                several => self.parts(several),
            },
        }
    }

    /// What an answer says of the file, whichever part of it is sent.
    fn head(&self, status: StatusCode) -> Answer {
        let mut answer = Answer::empty(status);
        set(&mut answer, ETAG, self.etag);
        if let Some(modified) = self.modified {
            set(&mut answer, LAST_MODIFIED, httpdate::fmt_http_date(modified));
        }
        if self.file.varies {
            answer.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        answer
    }

    fn bodiless(&self, status: StatusCode) -> FileAnswer {
        let mut head = self.head(status);
        if status != StatusCode::NOT_MODIFIED {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        FileAnswer { head, body: Vec::new() }
    }

    fn with_body(&self, status: StatusCode, length: u64, body: Vec<Piece>) -> FileAnswer {
        let mut head = self.head(status);
        head.headers.insert(CONTENT_TYPE, self.file.content_type.clone());
        head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(coding) = self.file.coding {
            head.headers.insert(CONTENT_ENCODING, coding.value());
        }
        FileAnswer { head, body }
    }

    fn whole(&self) -> FileAnswer {
        let length = self.file.length;
        self.with_body(StatusCode::OK, length, vec![Piece::File(0..length)])
    }

    fn part(&self, part: Range<u64>) -> FileAnswer {
        let range = self.content_range(&part);
        let length = part.end - part.start;
        let mut answer = self.with_body(StatusCode::PARTIAL_CONTENT, length, vec![Piece::File(part)]);
        set(&mut answer.head, CONTENT_RANGE, range);
        answer
    }

    /// Several parts, each with a head of its own (section 14.6).
    fn parts(&self, parts: &[Range<u64>]) -> FileAnswer {
        let boundary = format!("{:032x}", fastrand::u128(..));
        let content_type = self.file.content_type.to_str().unwrap_or("application/octet-stream");
        let mut body = Vec::with_capacity(parts.len() * 2 + 1);
        let mut before = "";
        for part in parts {
            let range = self.content_range(part);
            let head = format!(
                "{before}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n"
            );
            body.extend([Piece::Bytes(head.into()), Piece::File(part.clone())]);
            before = "\r\n";
        }
        body.push(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let length = body.iter().map(Piece::length).sum();
        let mut answer = self.with_body(StatusCode::PARTIAL_CONTENT, length, body);
        set(&mut answer.head, CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
        answer
    }

    fn content_range(&self, part: &Range<u64>) -> String {
        format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), self.file.length)
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.end.saturating_sub(range.start),
        }
    }
}

fn set(answer: &mut Answer, name: HeaderName, value: impl AsRef<str>) {
    if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
        answer.headers.insert(name, value);
    }
}

/// Takes a prefix of whole segments off.
fn without_prefix<'p>(path: &'p [u8], prefix: &[u8]) -> &'p [u8] {
    match path.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
        _ => path,
    }
}

/// Whether it depends on the file what becomes of the request.
fn makes_conditions(request: &HeaderMap) -> bool {
    let names = [RANGE, IF_RANGE, http::header::IF_MATCH, http::header::IF_NONE_MATCH];
    let times = [http::header::IF_MODIFIED_SINCE, http::header::IF_UNMODIFIED_SINCE];
    names.iter().chain(&times).any(|name| request.contains_key(name))
}

/// A time that can be told, in whole seconds. The first day of 1970 is what builds give every file whose time is not
/// to matter, and the future is nobody's (section 8.8.2.1).
fn known_time(modified: SystemTime) -> Option<SystemTime> {
    let modified = modified.min(SystemTime::now());
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    (seconds > 24 * 3600).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
