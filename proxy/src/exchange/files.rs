//! `files`: what a request seeks in a folder, and the answer with what was found.

pub(super) mod condition;
mod listing;
mod media;
pub(super) mod range;
mod spot;
#[cfg(test)]
mod tests;

use super::admit::Admission;
use super::answer::Answer;
use super::coding::{Coding, accepted};
use super::context::Exchange;
use super::failure::Failure;
use super::fill::{IN_PATH, Into, argument};
use super::nginx_page;
use super::recover::is_bodiless;
use crate::files::Entry;
use bytes::Bytes;
use condition::Validators;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_RANGE,
    LAST_MODIFIED, RANGE, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
pub(crate) use media::content_type;
use percent_encoding::percent_encode;
use range::Wanted;
pub use spot::Spot;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vordr_rules::table::{Action, Files, Listing, Types, Ways};

/// What a request seeks in a folder.
#[derive(Debug)]
pub struct Sought {
    /// How files are served there.
    pub files: Arc<Files>,
    /// Where it may be; the first place at which something is counts.
    pub spots: Vec<Spot>,
    /// The names of an index, where some of them go by the request.
    pub index: Vec<String>,
    /// What it asks for.
    pub asks: Asks,
    /// What files are by their endings, where the rules say so.
    pub types: Option<Arc<Types>>,
    /// Codings in which a file may have been packed beforehand, the most wanted first.
    pub codings: Vec<Coding>,
    /// Whether the file's beginning will be wanted, whatever is found out about it.
    pub at_once: bool,
}

/// What is to be done with what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// It is read.
    Read,
    /// Something is posted to it, which no file takes.
    Post,
    /// Something else.
    Other,
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
        let is_page = self.is_instead() || self.asks_anew || self.is_question;
        let asks = match request.method {
            Method::GET | Method::HEAD => Asks::Read,
            _ if is_page => Asks::Read,
            Method::POST => Asks::Post,
            _ => Asks::Other,
        };
        // nginx looks for what is tried first, and tells who posts of what is not there.
        let is_looked_for = match files.ways {
            Ways::Own => asks == Asks::Read,
            Ways::Nginx => asks != Asks::Other || !files.tries.is_empty(),
        };
        if !is_looked_for {
            return Err(Failure::Method);
        }
        // nginx has siblings of one kind.
        let is_offered = |coding: &Coding| files.ways == Ways::Own || *coding == Coding::Gzip;
        let offered = Coding::ALL.into_iter().filter(|coding| files.precompressed && is_offered(coding));
        Ok(Sought {
            files: files.clone(),
            spots: self.spots(files, request)?,
            index: self.index_names(files, request),
            asks,
            types: self.settings().and_then(|settings| settings.types.clone()),
            codings: accepted(&request.headers, offered),
            at_once: request.method != Method::HEAD && (is_page || !makes_conditions(&request.headers)),
        })
    }

    /// What is done where no file is.
    pub fn do_otherwise(&mut self, request: &Parts) -> Admission {
        self.does_otherwise = true;
        self.act(request)
    }

    /// The answer with a file that was found.
    pub fn answer_with(&mut self, file: &Representation, request: &Parts) -> FileAnswer {
        let Some(Action::Files(files)) = self.action() else {
            return FileAnswer { head: Answer::empty(StatusCode::NOT_FOUND), body: Vec::new() };
        };
        let etag = if files.etag { Some(etag(file, files.ways)) } else { None };
        let modified = file.modified.and_then(|modified| known_time(modified, files.ways));
        let is_whole = self.changes_files(&file.content_type);
        let described = Described { file, etag: etag.as_deref(), modified, files, is_whole };
        let status = self.status_instead(true);
        let answer = match status.filter(|status| *status != StatusCode::OK) {
            Some(status) => described.instead(status),
            None => self.in_nginxs_form(described.answer(request)),
        };
        let body = if request.method == Method::HEAD { Vec::new() } else { answer.body };
        FileAnswer { head: self.finish_file(answer.head, file, request), body }
    }

    /// Conditions that do not hold, and ranges that are not there, have a page in nginx's form.
    fn in_nginxs_form(&self, mut answer: FileAnswer) -> FileAnswer {
        let status = answer.head.status;
        if !status.is_client_error() || !self.has_nginxs_bodies() {
            return answer;
        }
        let page = nginx_page::page(status);
        let length = HeaderValue::from(page.body.len());
        for name in [ETAG, LAST_MODIFIED] {
            answer.head.headers.remove(name);
        }
        answer.head.headers.extend(page.headers);
        answer.head.headers.insert(CONTENT_LENGTH, length);
        FileAnswer { head: answer.head, body: vec![Piece::Bytes(page.body)] }
    }

    /// The page that shows a folder.
    pub(crate) fn list(&mut self, path: &[u8], entries: &[Entry], request: &Parts) -> Answer {
        let listing = match self.action() {
            Some(Action::Files(files)) => files.listing.unwrap_or(Listing::Exact),
            _ => Listing::Exact,
        };
        let callback = self.current_query(request).and_then(|query| argument(query, "callback"));
        if listing == Listing::Jsonp && !callback.is_none_or(listing::is_callback) {
            return self.failure_page(&Failure::BadRequest("`callback` names no function"), request);
        }
        let callback = callback.filter(|name| !name.is_empty());
        let (page, media) = listing::page(path, entries, listing, callback);
        let status = self.status_instead(true).unwrap_or(StatusCode::OK);
        let own = self.settings().is_none_or(|settings| settings.types.is_none());
        let media = match media {
            "text/html" if own => "text/html; charset=utf-8",
            media => media,
        };
        self.finish_answer(Answer::with_body(status, HeaderValue::from_static(media), page), request)
    }

    /// Sends a client that asked for a folder to its path with a `/`, where the links of its index lead right.
    pub fn to_folder(&mut self, path: &[u8], request: &Parts) -> Admission {
        let slashes = path.iter().take_while(|byte| **byte == b'/').count().max(1);
        // `//host` would lead elsewhere.
        let path = path.get(slashes - 1..).unwrap_or(b"/");
        let query = self.current_query(request).map(|query| format!("?{query}")).unwrap_or_default();
        let base = match self.action() {
            Some(Action::Files(files)) => files.base.as_ref().map(|base| self.fill(base, request, Into::Url)),
            _ => None,
        };
        let mut target = base.unwrap_or_default();
        target.extend_from_slice(format!("{}/{query}", percent_encode(path, IN_PATH)).as_bytes());
        let answer = self.moved(StatusCode::MOVED_PERMANENTLY, &target);
        self.made(answer, request)
    }
}

/// A file, and what it is known again by.
struct Described<'f> {
    file: &'f Representation,
    etag: Option<&'f str>,
    modified: Option<SystemTime>,
    files: &'f Files,
    /// It becomes another one on its way, so that no part of it is asked for.
    is_whole: bool,
}

impl Described<'_> {
    fn answer(&self, request: &Parts) -> FileAnswer {
        let is_nginx = self.files.ways == Ways::Nginx;
        let validators =
            Validators { etag: self.etag, modified: self.modified, since: self.files.since, both: is_nginx };
        if let Some(status) = condition::refused(&request.headers, validators) {
            return self.bodiless(status);
        }
        // Ranges are for GET alone (section 14.2), but in nginx.
        let may_be_part =
            (request.method == Method::GET || is_nginx) && self.takes_ranges() && !self.is_whole;
        let range = request.headers.get(RANGE).filter(|_| may_be_part);
        let range = range.and_then(|range| range.to_str().ok());
        let range = range.filter(|_| condition::ranges_hold(&request.headers, validators));
        match range.map(|range| range::wanted(range, self.file.length, self.files.max_ranges)) {
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

    /// nginx sends no part of what was packed beforehand.
    fn takes_ranges(&self) -> bool {
        let is_packed_by_nginx = self.file.coding.is_some() && self.files.ways == Ways::Nginx;
        self.files.max_ranges != Some(0) && !is_packed_by_nginx
    }

    /// What an answer says of the file, whichever part of it is sent.
    fn head(&self, status: StatusCode) -> Answer {
        let mut answer = Answer::empty(status);
        if let Some(etag) = self.etag {
            set(&mut answer, ETAG, etag);
        }
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
        if !is_bodiless(status) {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        FileAnswer { head, body: Vec::new() }
    }

    fn with_body(&self, status: StatusCode, length: u64, body: Vec<Piece>) -> FileAnswer {
        let mut head = self.head(status);
        head.headers.insert(CONTENT_TYPE, self.file.content_type.clone());
        // nginx says it of a whole file alone.
        let says_so = status == StatusCode::OK || self.files.ways == Ways::Own;
        if says_so && self.takes_ranges() {
            head.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(coding) = self.file.coding {
            head.headers.insert(CONTENT_ENCODING, coding.value());
        }
        FileAnswer { head, body }
    }

    /// A file in the place of an answer that failed: it has that one's status.
    fn instead(&self, status: StatusCode) -> FileAnswer {
        let mut answer = if is_bodiless(status) { self.bodiless(status) } else { self.whole() };
        answer.head.status = status;
        for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
            answer.head.headers.remove(name);
        }
        answer
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

/// Whether it depends on the file what becomes of the request.
fn makes_conditions(request: &HeaderMap) -> bool {
    let names = [RANGE, IF_RANGE, http::header::IF_MATCH, http::header::IF_NONE_MATCH];
    let times = [http::header::IF_MODIFIED_SINCE, http::header::IF_UNMODIFIED_SINCE];
    names.iter().chain(&times).any(|name| request.contains_key(name))
}

/// A strong tag; nginx makes it of the time and the size, so that several nginx and vordr agree on it.
fn etag(file: &Representation, ways: Ways) -> String {
    let changed = file.modified.and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok());
    match (ways, changed) {
        (Ways::Nginx, Some(changed)) => format!("\"{:x}-{:x}\"", changed.as_secs(), file.length),
        _ => format!("\"{:016x}\"", file.tag),
    }
}

/// A time that can be told, in whole seconds. The first day of 1970 is what builds give every file whose time is not
/// to matter, and the future is nobody's (section 8.8.2.1); nginx tells them all.
fn known_time(modified: SystemTime, ways: Ways) -> Option<SystemTime> {
    let is_nginx = ways == Ways::Nginx;
    let modified = if is_nginx { modified } else { modified.min(SystemTime::now()) };
    let seconds = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    (is_nginx || seconds > 24 * 3600).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
