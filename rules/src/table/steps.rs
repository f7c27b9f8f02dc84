//! `steps`: what is done with a request before its location is looked for, or before its action, one after the other.

use super::{Action, LocationId, PathRegex};
use crate::placeholder::{Part, Template};
use http::StatusCode;

/// One step.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Gives a variable a value.
    Set(String, Template),
    /// Another query.
    Query(Template),
    /// Further steps, where something holds.
    When(Box<When>),
    /// Another path, where a regex fits the present one.
    Rewrite(Box<Rewrite>),
    /// From here on the action and the settings are those of another location; the steps go on.
    ActAs(LocationId),
    /// No further step; a path that was changed is not looked for.
    Break,
    /// No further step: this is done, before anybody is asked who they are. It is `respond`, `redirect`, `enter` or
    /// `search`.
    Act(Action),
}

/// `when`.
#[derive(Debug, PartialEq)]
pub struct When {
    /// What is looked at.
    pub subject: Template,
    /// What must hold of it.
    pub test: Test,
    /// What is done then; no `when` stands here.
    pub steps: Vec<Step>,
}

/// What must hold of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is neither empty nor `0`.
    Filled,
    /// It is this one.
    Is(Template),
    /// It is another.
    IsNot(Template),
    /// The regex fits it, and captures.
    Matches(PathRegex),
    /// The regex does not fit it.
    MatchesNot(PathRegex),
    /// It is the path of something on the disk.
    Exists(FileKind),
    /// It is not.
    ExistsNot(FileKind),
}

/// What a path on the disk may lead to, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Either, or something else.
    Any,
    /// What may be run or entered.
    Executable,
}

impl FileKind {
    /// Each with its name in the rules.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::File, "file"),
        (Self::Folder, "folder"),
        (Self::Any, "any"),
        (Self::Executable, "executable"),
    ];

    /// Its name in the rules.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// `rewrite`, as a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    /// What the present path must look like.
    pub regex: PathRegex,
    /// The new path or URL, as it was written.
    pub written: Template,
    /// What comes of it.
    pub then: Then,
    /// The new path, without its query; of a redirect the whole URL.
    pub path: Template,
    /// The new query, where one is written.
    pub query: Option<Template>,
    /// Whether the present query stays, behind the new one: unless what is written ends in `?`.
    pub keeps_query: bool,
}

/// What comes of a new path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next step; behind the last one a location is looked for.
    Next,
    /// A location is looked for now.
    Search,
    /// It stays in this location, whose further steps are left out.
    Stay,
    /// An answer: 302 or 301.
    Redirect(StatusCode),
}

impl Then {
    /// Each with its name in the rules.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Next, "next"),
        (Self::Search, "search"),
        (Self::Stay, "stay"),
        (Self::Redirect(StatusCode::FOUND), "redirect"),
        (Self::Redirect(StatusCode::MOVED_PERMANENTLY), "permanent"),
    ];

    /// Its name in the rules.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(then, _)| *then == self).map_or("", |(_, name)| name)
    }
}

impl Rewrite {
    /// What is written, taken apart at its `?`.
    pub fn new(regex: PathRegex, written: Template, then: Then) -> Self {
        let (whole, keeps_query) = without_last_mark(&written);
        let (path, query) = match then {
            Then::Redirect(_) => (whole, None),
            _ => at_first_mark(&whole),
        };
        Self { regex, written, then, path, query, keeps_query }
    }
}

/// Without a `?` at its end; whether there was none.
fn without_last_mark(written: &Template) -> (Template, bool) {
    let mut parts = written.parts.clone();
    let Some(Part::Text(last)) = parts.last_mut() else { return (Template { parts }, true) };
    let Some(without) = last.strip_suffix('?').map(str::to_owned) else { return (Template { parts }, true) };
    *last = without;
    (Template { parts }, false)
}

/// What stands before the first `?` that is written, and what stands behind it.
fn at_first_mark(whole: &Template) -> (Template, Option<Template>) {
    let marked = whole.parts.iter().enumerate().find_map(|(number, part)| match part {
        Part::Text(text) => text.split_once('?').map(|halves| (number, halves)),
        Part::Placeholder(_) => None,
    });
    let Some((number, (before, behind))) = marked else { return (whole.clone(), None) };
    let text =
        |text: &str| Some(text).filter(|text| !text.is_empty()).map(|text| Part::Text(text.to_owned()));
    let (left, right) = (whole.parts.iter().take(number), whole.parts.iter().skip(number + 1));
    let path = left.cloned().chain(text(before)).collect();
    let query = text(behind).into_iter().chain(right.cloned()).collect();
    (Template { parts: path }, Some(Template { parts: query }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_new_path_is_taken_apart_at_its_question_marks() {
        let rewrite = |written: &str| {
            let regex = PathRegex::new("^/(.*)$").unwrap();
            let rewrite = Rewrite::new(regex, Template::compile(written).unwrap(), Then::Next);
            (rewrite.path.to_string(), rewrite.query.map(|query| query.to_string()), rewrite.keeps_query)
        };
        let query = |text: &str| Some(text.to_owned());
        assert_eq!(rewrite("/new/{1}"), ("/new/{1}".to_owned(), None, true));
        assert_eq!(rewrite("/new?"), ("/new".to_owned(), None, false));
        assert_eq!(rewrite("/new?p={1}&q=1"), ("/new".to_owned(), query("p={1}&q=1"), true));
        assert_eq!(rewrite("/{1}?p={1}?"), ("/{1}".to_owned(), query("p={1}"), false));
        assert_eq!(rewrite("/{1}?{1}"), ("/{1}".to_owned(), query("{1}"), true));
    }
}
