//! `steps`: taken one after the other, as nginx takes its rewrite directives.

use super::answer::{self, Answer};
use super::context::Exchange;
use super::failure::Failure;
use super::fill::{Into, Writing};
use http::request::Parts;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use vordr_rules::placeholder::{Part, Placeholder, Template};
use vordr_rules::table::{
    Action, Captures, FileKind, LocationId, Matched, PathRegex, Rewrite, Step, Test, Then, When,
};

/// What never stands in a query as it is.
const NOT_IN_A_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'#');

/// What a run of steps came to.
#[derive(Debug)]
pub(super) enum Run {
    /// All are taken.
    Over,
    /// The path is another one: its location is to be found.
    Again,
    /// An answer.
    Answer(Answer),
    /// Another location goes on.
    Enter(LocationId),
    /// The location of another path goes on, as it stands in a URL.
    Search(Vec<u8>),
}

impl Exchange {
    /// Takes the steps of the server.
    pub(super) fn take_first_steps(&mut self, request: &Parts) -> Result<Run, Failure> {
        if self.server().is_none_or(|server| server.steps.is_empty()) {
            return Ok(Run::Over);
        }
        let table = self.table.clone();
        match self.server.and_then(|id| table.servers.get(id.0)) {
            Some(server) => self.run(&server.steps, request),
            None => Ok(Run::Over),
        }
    }

    /// Takes the steps of the location.
    pub(super) fn take_own_steps(&mut self, request: &Parts) -> Result<Run, Failure> {
        if self.location().is_none_or(|location| location.steps.is_empty()) {
            return Ok(Run::Over);
        }
        let table = self.table.clone();
        let server = self.server.and_then(|id| table.servers.get(id.0));
        match server.zip(self.location).and_then(|(server, id)| server.locations.get(id.0)) {
            Some(location) => self.run(&location.steps, request),
            None => Ok(Run::Over),
        }
    }

    fn run(&mut self, steps: &[Step], request: &Parts) -> Result<Run, Failure> {
        let mut is_changed = false;
        let end = self.take(steps, &mut is_changed, request)?;
        Ok(end.unwrap_or(if is_changed { Run::Again } else { Run::Over }))
    }

    /// `None` where the steps behind these are to be taken too. `is_changed` tells whether there is another path, and no
    /// location was looked for.
    fn take(
        &mut self,
        steps: &[Step],
        is_changed: &mut bool,
        request: &Parts,
    ) -> Result<Option<Run>, Failure> {
        for step in steps {
            let end = match step {
                Step::Set(name, value) => {
                    let value = self.fill(value, request, Into::Raw);
                    self.set_variable(name, value);
                    None
                }
                Step::Query(text) => {
                    self.put_query(text, request)?;
                    None
                }
                Step::When(when) if self.holds(when, request)? => {
                    self.take(&when.steps, is_changed, request)?
                }
                Step::When(_) => None,
                Step::Rewrite(rewrite) => self.rewrite(rewrite, is_changed, request)?,
                Step::ActAs(location) => {
                    self.location = Some(*location);
                    None
                }
                Step::Break => {
                    self.has_strayed |= std::mem::take(is_changed);
                    Some(Run::Over)
                }
                Step::Act(action) => Some(self.act_at_once(action, request)?),
            };
            if end.is_some() {
                return Ok(end);
            }
        }
        Ok(None)
    }

    fn put_query(&mut self, text: &Template, request: &Parts) -> Result<(), Failure> {
        let query = self.fill(text, request, Into::Raw);
        let query = percent_encode(&query, NOT_IN_A_QUERY).to_string();
        let path = self.told_path(request).into_owned();
        let writing = self.writing();
        self.stand_loosely_at(&path, Some(&query))?;
        self.set_writing(writing);
        Ok(())
    }

    fn act_at_once(&mut self, action: &Action, request: &Parts) -> Result<Run, Failure> {
        Ok(match action {
            Action::Respond(respond) if respond.fails => return Err(Failure::Responded(respond.status)),
            Action::Respond(respond) => {
                // Its body may tell of it.
                self.status = Some(self.status_instead(false).unwrap_or(respond.status));
                Run::Answer(self.respond(respond, request))
            }
            Action::Redirect(redirect) => Run::Answer(self.redirect(redirect, request)),
            Action::Enter(location) => Run::Enter(*location),
            Action::Search(path) => Run::Search(self.fill(path, request, Into::Target)),
            // No other action is read as a step.
            _ => Run::Over,
        })
    }

    fn holds(&mut self, when: &When, request: &Parts) -> Result<bool, Failure> {
        let subject = self.fill(&when.subject, request, Into::Raw);
        Ok(match &when.test {
            Test::Filled => !matches!(subject.as_slice(), b"" | b"0"),
            Test::Is(other) => subject == self.fill(other, request, Into::Raw),
            Test::IsNot(other) => subject != self.fill(other, request, Into::Raw),
            Test::Matches(regex) => self.captured(regex, &subject, self.writing_of(&when.subject))?,
            Test::MatchesNot(regex) => !self.captured(regex, &subject, self.writing_of(&when.subject))?,
            Test::Exists(kind) => exists(*kind, &subject),
            Test::ExistsNot(kind) => !exists(*kind, &subject),
        })
    }

    /// Whether a regex fits; if so, its captures are those that hold from here on.
    fn captured(&mut self, regex: &PathRegex, text: &[u8], of: Writing) -> Result<bool, Failure> {
        match regex.matches(text) {
            Matched::No => return Ok(false),
            Matched::GivenUp => return Err(Failure::RegexTooLong),
            Matched::Yes => {}
        }
        let Some(captures) = Captures::of(regex, text) else { return Ok(false) };
        self.name_captures(regex, &captures);
        self.set_captures(captures, of);
        Ok(true)
    }

    /// What a text is made of.
    fn writing_of(&self, text: &Template) -> Writing {
        let of = |placeholder: &Placeholder| match placeholder {
            Placeholder::Capture(_) => self.captured_of,
            Placeholder::NormalPath | Placeholder::Path => self.writing(),
            Placeholder::Rest => Writing::Decoded,
            Placeholder::Uri | Placeholder::Query | Placeholder::Variable(_) => Writing::Uri,
            _ => Writing::Said,
        };
        let all = text.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(of(placeholder)),
        });
        match all.min().unwrap_or_default() {
            Writing::Said if text.parts.len() > 1 => Writing::Within,
            least => least,
        }
    }

    fn rewrite(
        &mut self,
        rewrite: &Rewrite,
        is_changed: &mut bool,
        request: &Parts,
    ) -> Result<Option<Run>, Failure> {
        let path = self.current_path(request).into_owned();
        if !self.captured(&rewrite.regex, &path, self.writing())? {
            return Ok(None);
        }
        if let Then::Redirect(status) = rewrite.then {
            let target = self.redirect_target(rewrite, request);
            return Ok(Some(Run::Answer(self.moved(status, &target))));
        }
        let query = self.new_query(rewrite, request);
        let path = self.fill(&rewrite.path, request, Into::Raw);
        let writing = self.writing_of(&rewrite.path);
        match rewrite.then {
            Then::Stay => self.stand_loosely_at(&path, query.as_deref())?,
            _ => self.stand_at(&path, query.as_deref())?,
        }
        self.set_writing(writing);
        self.is_inside = true;
        *is_changed = rewrite.then != Then::Stay;
        self.has_strayed |= rewrite.then == Then::Stay;
        Ok(match rewrite.then {
            Then::Search => Some(Run::Again),
            Then::Stay => Some(Run::Over),
            Then::Next | Then::Redirect(_) => None,
        })
    }

    /// The query that is written, and the present one behind it.
    fn new_query(&self, rewrite: &Rewrite, request: &Parts) -> Option<String> {
        let present = self.current_query(request).filter(|query| rewrite.keeps_query && !query.is_empty());
        let Some(written) = &rewrite.query else { return present.map(str::to_owned) };
        let written = self.fill(written, request, Into::Query);
        let mut query = percent_encode(&written, NOT_IN_A_QUERY).to_string();
        if let Some(present) = present {
            query.push('&');
            query.push_str(present);
        }
        Some(query)
    }

    /// Where a client is sent: what was captured is escaped where it has to be, and nothing else.
    fn redirect_target(&self, rewrite: &Rewrite, request: &Parts) -> Vec<u8> {
        let mut target = unescaped(&self.fill(&rewrite.path, request, Into::Query));
        let present = self.current_query(request).filter(|query| rewrite.keeps_query && !query.is_empty());
        if let Some(present) = present {
            target.push(if target.contains(&b'?') { b'&' } else { b'?' });
            target.extend_from_slice(present.as_bytes());
        }
        answer::stay_here(&rewrite.path, &mut target);
        target
    }
}

/// The disk is asked at once, as nginx asks it.
fn exists(kind: FileKind, path: &[u8]) -> bool {
    let Ok(found) = std::fs::metadata(OsStr::from_bytes(path)) else { return false };
    match kind {
        FileKind::File => found.is_file(),
        FileKind::Folder => found.is_dir(),
        FileKind::Any => true,
        FileKind::Executable => found.permissions().mode() & 0o100 != 0,
    }
}

/// Letters and signs that may stand in a URL as they are, as nginx's NGX_UNESCAPE_REDIRECT has them.
fn unescaped(target: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(target.len());
    let mut rest = target;
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'?' {
            break;
        }
        let decoded = rest.get(..3).filter(|_| *byte == b'%').map(|escape| percent_decode(escape));
        match decoded.and_then(|mut decoded| decoded.next().filter(|_| decoded.next().is_none())) {
            Some(b'?') => {
                out.push(b'?');
                out.extend_from_slice(rest.get(3..).unwrap_or_default());
                return out;
            }
            Some(plain) if plain > b'%' && plain < 0x7f => {
                out.push(plain);
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests;
