//! `root`, `alias`, `index`, `try_files`, `autoindex`: what a location does that has no upstream.

use super::Nginx;
use super::error_page::with_its_own_query;
use super::location::Kind;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::language::action::Action;
use crate::language::files::{Files, split_root};
use crate::language::respond::{Body, Respond};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{self, Listing, Since, Symlinks, Ways};
use http::StatusCode;

/// Where nginx has its files when nobody says.
pub(super) const ROOT: &str = "html";

/// Where a location has its files.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub root: String,
    pub within: Option<Template>,
    pub path: Option<Template>,
    pub strip_prefix: Option<String>,
}

impl Nginx<'_, '_> {
    /// Files.
    pub(super) fn read_files(
        &mut self,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Action> {
        let own = |name: &str| scope.innermost().iter().find(|directive| directive.name.value == name);
        let folder = self.read_folder(kind, scope, variables)?;
        let (tries, otherwise) = match own("try_files") {
            Some(directive) => self.read_try_files(directive, scope, variables)?,
            None => (Vec::new(), None),
        };
        let index = scope.all("index");
        let read = |directive: &&Directive| self.read_index(directive, variables);
        let mut index: Vec<Template> = index.iter().flat_map(read).collect();
        if index.is_empty() {
            index.push(literal("index.html"));
        }
        let precompressed = self.read_static_packing(scope);
        let table = table::Files {
            root: folder.root,
            within: folder.within,
            path: folder.path,
            index,
            tries,
            fallback: None,
            otherwise: None,
            precompressed,
            vary: !precompressed || self.switch(scope.find("gzip_vary"), false),
            strip_prefix: folder.strip_prefix,
            symlinks: self.read_symlinks(scope),
            listing: self.read_listing(scope),
            max_ranges: self.read_max_ranges(scope),
            etag: self.switch(scope.find("etag"), true),
            since: self.read_since(scope),
            base: self.redirect_base(scope, variables),
            ways: Ways::Nginx,
        };
        Some(Action::Files(Files { table, otherwise: otherwise.map(Box::new) }))
    }

    /// The nearest `root` or `alias`: each takes the other's place.
    pub(super) fn read_folder(
        &mut self,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Folder> {
        let Some((directive, is_own)) = scope.nearest(["root", "alias"]) else {
            return Some(Folder { root: self.below_prefix(ROOT), ..Folder::default() });
        };
        let value = self.template(directive.arguments.first()?, variables)?;
        if directive.name.value == "alias" {
            return self.read_alias(directive, value, (kind, is_own), scope);
        }
        let Some((root, within)) = split_root(value) else {
            let message = "the folder has to begin with what is known before there is a request";
            self.refuse(directive.span_of(0), message, "write `/srv/$host`");
            return None;
        };
        Some(Folder { root: self.below_prefix(&root), within, ..Folder::default() })
    }

    /// `$document_root`, `$realpath_root` and `$request_filename`, where the file asks for them: what they are made of is
    /// known here.
    pub(super) fn file_variables(&mut self, kind: &Kind, scope: &Scope<'_>, variables: &mut Variables) {
        if !self.asks_for_files {
            return;
        }
        let Some((directive, is_own)) = scope.nearest(["root", "alias"]) else {
            let root = self.below_prefix(ROOT);
            return set_file_variables(literal(&root), Some(Placeholder::NormalPath), variables);
        };
        let Some(mut root) = directive.arguments.first().and_then(|path| self.template(path, variables))
        else {
            return;
        };
        if let Some(Part::Text(text)) = root.parts.first_mut() {
            *text = self.below_prefix(text);
        }
        let behind = match (directive.name.value.as_str(), kind) {
            ("root", _) => {
                drop_last_slash(&mut root);
                Some(Placeholder::NormalPath)
            }
            (_, Kind::Prefix { .. } | Kind::Exact(_)) if is_own => Some(Placeholder::Rest),
            (_, Kind::Regex(_)) if is_own => None,
            // What an `alias` of a location around takes off the path has no placeholder.
            _ => return,
        };
        set_file_variables(root, behind, variables);
    }

    /// `alias` takes the place of what the location's prefix took off the path, and of all of it in a regex.
    fn read_alias(
        &mut self,
        directive: &Directive,
        alias: Template,
        (kind, is_own): (&Kind, bool),
        scope: &Scope<'_>,
    ) -> Option<Folder> {
        let span = directive.span_of(0);
        let prefix = match kind {
            Kind::Prefix { path, .. } if is_own => Some(path.clone()),
            _ if is_own => None,
            // A location within takes over what the one around it says, with that one's prefix.
            _ => match scope.around_of(directive) {
                Some(prefix) => Some(prefix.to_owned()),
                None => {
                    let message = "this \"alias\" is one of a location around that has no plain prefix";
                    self.refuse(span, message, "repeat it where it is to hold");
                    return None;
                }
            },
        };
        let ends = |template: &Template| match template.parts.last() {
            Some(Part::Text(text)) => text.ends_with('/'),
            _ => false,
        };
        let whole = match &prefix {
            Some(prefix) if prefix.ends_with('/') && ends(&alias) => {
                let (root, within) = split_root(alias).or_else(|| self.refuse_folder(span))?;
                let strip_prefix = Some(prefix.trim_end_matches('/').to_owned());
                let strip_prefix = strip_prefix.filter(|prefix| !prefix.is_empty());
                return Some(Folder { root: self.below_prefix(&root), within, path: None, strip_prefix });
            }
            Some(_) if !is_own => {
                let message = "this \"alias\" is one of a location around, whose `/` does not match its own";
                self.refuse(span, message, "end both with `/`");
                return None;
            }
            Some(prefix) => {
                if ends(&alias) {
                    let message = format!("\"{prefix}..\" leads out of this folder in nginx, and not here");
                    self.trap(span, message, "end the location with `/` too");
                }
                let mut parts = alias.parts;
                parts.push(Part::Placeholder(Placeholder::Rest));
                Template { parts }
            }
            None => alias,
        };
        let (root, path) = split_file(whole).or_else(|| self.refuse_folder(span))?;
        Some(Folder { root: self.below_prefix(&root), within: None, path: Some(path), strip_prefix: None })
    }

    fn refuse_folder<T>(&mut self, span: Span) -> Option<T> {
        let message = "the folder has to begin with what is known before there is a request";
        self.refuse(span, message, "begin it with a folder: `/srv/$1`");
        None
    }

    /// A relative path is one below nginx's prefix: the folder of the first file.
    pub(super) fn below_prefix(&self, path: &str) -> String {
        match self.reading.sources.first_folder() {
            Some(folder) if !path.starts_with('/') => format!("{folder}/{path}"),
            _ => path.to_owned(),
        }
    }

    fn read_index(&mut self, directive: &Directive, variables: &Variables) -> Vec<Template> {
        let mut names = Vec::new();
        for (number, name) in directive.arguments.iter().enumerate() {
            let is_last = number + 1 == directive.arguments.len();
            match name.value.as_str() {
                "" => self.fault(name.span, "index \"\" in \"index\" directive is invalid"),
                text if text.contains(' ') => {
                    self.refuse(name.span, "an index has no space in its name here", "rename the file");
                }
                text => {
                    if text.starts_with('/') && !is_last {
                        self.trap(
                            name.span,
                            "what stands behind an absolute index is never looked for",
                            "put it last",
                        );
                    }
                    names.extend(self.template(name, variables));
                }
            }
        }
        names
    }

    /// `max_ranges`.
    pub(super) fn read_max_ranges(&mut self, scope: &Scope<'_>) -> Option<u32> {
        let directive = scope.find("max_ranges")?;
        let most = directive.first().parse().ok();
        if most.is_none() {
            self.fault(directive.span_of(0), "invalid number");
        }
        most
    }

    /// The paths, and what is done where none of them is there.
    fn read_try_files(
        &mut self,
        directive: &Directive,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<(Vec<Template>, Option<Action>)> {
        let (last, paths) = directive.arguments.split_last()?;
        let mut tries = Vec::new();
        for path in paths {
            tries.push(self.template(path, variables)?);
        }
        Some((tries, Some(self.read_last_try(last, scope, variables)?)))
    }

    /// What is done where none of the paths is there.
    pub(super) fn read_last_try(
        &mut self,
        last: &Spanned<String>,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Action> {
        match last.value.as_str() {
            status if status.starts_with('=') => self.read_try_status(last),
            name if name.starts_with('@') => Some(self.read_entering(last, scope)),
            _ => {
                let path = with_its_own_query(self.template(last, variables)?);
                Some(Action::Search(Spanned::new(path, last.span)))
            }
        }
    }

    /// `@app`; what this server does not have is told by a 500, as in nginx.
    pub(super) fn read_entering(&mut self, name: &Spanned<String>, scope: &Scope<'_>) -> Action {
        let is_it = |location: &Directive| location.arguments.len() == 1 && location.first() == name.value;
        if scope.every("location").any(is_it) {
            return Action::Enter(Spanned::new(name.value.trim_start_matches('@').to_owned(), name.span));
        }
        let message = format!("this server has no \"location {}\": it is answered 500", name.value);
        self.trap(name.span, message, "add the location");
        failing(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn read_try_status(&mut self, written: &Spanned<String>) -> Option<Action> {
        let digits = written.value.trim_start_matches('=');
        let code = digits.parse::<u16>().ok().filter(|code| *code <= 999);
        let Some(code) = code else {
            self.fault(written.span, format!("invalid code \"{}\"", written.value));
            return None;
        };
        match StatusCode::from_u16(code).ok().filter(|_| (400..=599).contains(&code)) {
            Some(status) => Some(failing(status)),
            None => {
                let message = format!("vordr does not answer {code} where no file is");
                self.refuse(written.span, message, "write a status from 400 to 599, such as `=404`");
                None
            }
        }
    }

    fn read_symlinks(&mut self, scope: &Scope<'_>) -> Symlinks {
        let Some(directive) = scope.find("disable_symlinks") else { return Symlinks::Anywhere };
        match directive.first() {
            "off" => Symlinks::Anywhere,
            "on" => Symlinks::Off,
            "if_not_owner" => {
                let message = "vordr does not ask whose a link is: with \"if_not_owner\" it follows none";
                self.trap(directive.span_of(0), message, "write `on`");
                Symlinks::Off
            }
            _ => {
                self.invalid(directive, 0);
                Symlinks::Off
            }
        }
    }

    fn read_listing(&mut self, scope: &Scope<'_>) -> Option<Listing> {
        let is_on = self.switch(scope.find("autoindex"), false);
        let is_exact = self.switch(scope.find("autoindex_exact_size"), true);
        let html = if is_exact { Listing::Exact } else { Listing::Rounded };
        let format = scope.find("autoindex_format");
        let listing = match format.map_or("html", |format| format.first()) {
            "html" => html,
            "json" => Listing::Json,
            "jsonp" => Listing::Jsonp,
            "xml" => Listing::Xml,
            word => {
                let span = format.map(|format| format.span_of(0)).unwrap_or_default();
                self.fault(span, format!("invalid value \"{word}\""));
                html
            }
        };
        is_on.then_some(listing)
    }

    fn read_since(&mut self, scope: &Scope<'_>) -> Since {
        let Some(directive) = scope.find("if_modified_since") else { return Since::Exact };
        match directive.first() {
            "exact" => Since::Exact,
            "before" => Since::Before,
            "off" => Since::Off,
            word => {
                self.fault(directive.span_of(0), format!("invalid value \"{word}\""));
                Since::Exact
            }
        }
    }
}

/// `behind` is what follows the folder in a file's path.
fn set_file_variables(root: Template, behind: Option<Placeholder>, variables: &mut Variables) {
    let mut file = root.clone();
    file.parts.extend(behind.map(Part::Placeholder));
    if let Some(path) = root.as_text().filter(|path| !path.contains('}')) {
        let real = Part::Placeholder(Placeholder::RealPath(path.to_owned()));
        variables.set("realpath_root", Template { parts: vec![real] });
    }
    variables.set("document_root", root);
    variables.set("request_filename", file);
}

pub(super) fn drop_last_slash(path: &mut Template) {
    if let Some(Part::Text(text)) = path.parts.last_mut()
        && text.len() > 1
        && text.ends_with('/')
    {
        text.pop();
    }
}

/// An answer that has the page of failures.
pub(super) fn failing(status: StatusCode) -> Action {
    let body = Body::default();
    Action::Respond(Respond { status, content_type: None, body, fails: true, by_path: false })
}

/// The folder before the last name that is known beforehand, and the rest; `None` where there is no such folder.
fn split_file(mut path: Template) -> Option<(String, Template)> {
    let Some(Part::Text(text)) = path.parts.first_mut() else { return None };
    let (folder, rest) = text.rsplit_once('/')?;
    let folder = if folder.is_empty() { "/".to_owned() } else { folder.to_owned() };
    match rest.is_empty() {
        true => drop(path.parts.remove(0)),
        false => *text = rest.to_owned(),
    }
    Some((folder, path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn split(text: &str) -> Option<(String, String)> {
        let (folder, rest) = split_file(Template::compile(text).unwrap())?;
        Some((folder, rest.to_string()))
    }

    #[test]
    fn a_path_is_split_at_the_last_folder_that_is_known() {
        let pair = |folder: &str, rest: &str| Some((folder.to_owned(), rest.to_owned()));
        assert_eq!(split("/data/w{rest}"), pair("/data", "w{rest}"));
        assert_eq!(split("/data/{1}/x/{2}"), pair("/data", "{1}/x/{2}"));
        assert_eq!(split("/srv/favicon.ico"), pair("/srv", "favicon.ico"));
        assert_eq!(split("/srv/"), pair("/srv", ""));
        assert_eq!(split("/x"), pair("/", "x"));
        assert_eq!(split("{host}/x"), None);
        assert_eq!(split("x{host}"), None);
    }
}
