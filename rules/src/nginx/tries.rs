//! `try_files` beside `proxy_pass`: an upstream is asked for what is on the disk, and something else is done otherwise.

use super::Nginx;
use super::location::Kind;
use super::scope::Scope;
use super::steps::{Here, may_end};
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::language::location::Location;
use crate::language::steps::{Step, When};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::{FileKind, Test};

/// The variable that says that one of several is there, and what the upstream is asked for then.
const FOUND: &str = "try_files";
/// What does the same in more words.
const REMEDY: &str =
    "put the `proxy_pass` into a `location @app`, and write `@app` at the end of `try_files`";

/// Where the files are that are looked for.
struct Folder<'d> {
    path: Template,
    /// Of an `alias`: the prefix whose place it takes, and whether that is the location's own.
    alias: Option<(&'d str, bool)>,
}

/// A path that is tried.
struct Tried {
    /// On the disk.
    file: Template,
    kind: FileKind,
    /// What the upstream is asked for, where it is something else than it would be without `try_files`.
    path: Option<Template>,
}

impl Nginx<'_, '_> {
    /// Gives a location that proxies its further steps.
    pub(super) fn read_tries(&mut self, directive: &Directive, here: &Here<'_, '_>, location: &mut Location) {
        let own = |name: &str| directive.inside().iter().find(|directive| directive.name.value == name);
        let (Some(tries), Some(_)) = (own("try_files"), own("proxy_pass")) else { return };
        let Some((last, paths)) = tries.arguments.split_last() else { return };
        let Some(folder) = self.folder_of_tries((directive, tries), here) else { return };
        let rewrite = location.settings.rewrite.as_ref().map(|rewrite| rewrite.value.clone());
        let mut all = Vec::new();
        for path in paths {
            let Some(tried) = self.read_tried(path, &folder, here, rewrite.as_ref()) else { return };
            all.push(tried);
        }
        let Some(otherwise) = self.read_last_try(last, here.scope, here.variables) else { return };
        let otherwise = vec![Step::Act(last.span, otherwise)];
        let when = |subject, test, steps| Step::When(Box::new(When { subject, test, steps }));
        let asks_otherwise = all.iter().any(|tried| tried.path.is_some());
        if let ([one], false) = (all.as_slice(), asks_otherwise) {
            location.steps.push(when(one.file.clone(), Test::ExistsNot(one.kind), otherwise));
            return;
        }
        let found = || Spanned::new(FOUND.to_owned(), tries.name.span);
        let noted = || Template { parts: vec![Part::Placeholder(Placeholder::Variable(FOUND.to_owned()))] };
        location.steps.push(Step::Set(found(), literal("")));
        let as_it_was = rewrite.filter(|_| asks_otherwise).unwrap_or_else(|| literal("1"));
        // Whoever comes first stays: so the last is looked for first.
        for tried in all.into_iter().rev() {
            let note = Step::Set(found(), tried.path.unwrap_or_else(|| as_it_was.clone()));
            location.steps.push(when(tried.file, Test::Exists(tried.kind), vec![note]));
        }
        location.steps.push(when(noted(), Test::Is(literal("")), otherwise));
        if asks_otherwise {
            location.settings.rewrite = Some(Spanned::new(noted(), tries.name.span));
        }
    }

    /// `rewrite` is what the upstream is asked for where the `proxy_pass` has a path.
    fn read_tried(
        &mut self,
        written: &Spanned<String>,
        folder: &Folder<'_>,
        here: &Here<'_, '_>,
        rewrite: Option<&Template>,
    ) -> Option<Tried> {
        let mut path = self.template(written, here.variables)?;
        let kind = match written.value.strip_suffix('/') {
            Some(_) => FileKind::Folder,
            None => FileKind::File,
        };
        drop_end(&mut path);
        let is_uri = |part: &Part| matches!(part, Part::Placeholder(Placeholder::NormalPath));
        let starts_with_uri = path.parts.first().is_some_and(is_uri);
        let behind_alias = match folder.alias {
            Some((_, true)) if starts_with_uri => {
                let mut path = path.clone();
                path.parts.splice(..1, [Part::Placeholder(Placeholder::Rest)]);
                path
            }
            Some(_) if path.as_text().is_none() => {
                let message = "beside \"proxy_pass\" and \"alias\" this is not tried";
                self.refuse(written.span, message, REMEDY);
                return None;
            }
            _ => path.clone(),
        };
        let file = Template { parts: folder.path.parts.iter().chain(&behind_alias.parts).cloned().collect() };
        let is_plain = starts_with_uri && path.parts.len() == 1;
        let path = match rewrite.filter(|_| !is_plain).map(|rewrite| rewrite.parts.as_slice()) {
            Some([Part::Text(start), Part::Placeholder(Placeholder::Rest)]) => {
                Some(asked_for(start, path, starts_with_uri, folder, here.kind))
            }
            _ => None,
        };
        Some(Tried { file, kind, path })
    }

    /// The folder of the files that are tried; what cannot be honoured is told of.
    fn folder_of_tries<'d>(
        &mut self,
        (location, tries): (&Directive, &Directive),
        here: &Here<'_, 'd>,
    ) -> Option<Folder<'d>> {
        let (scope, variables): (&Scope<'d>, &Variables) = (here.scope, here.variables);
        if scope.own_access() {
            let message = "\"try_files\" beside \"proxy_pass\" would come before who may come here is asked";
            self.refuse(tries.name.span, message, REMEDY);
            return None;
        }
        if may_end(location.inside()) {
            let message = "\"try_files\" beside \"proxy_pass\" is not asked behind a \"break\"";
            self.refuse(tries.name.span, message, REMEDY);
            return None;
        }
        let folder = scope.nearest(["root", "alias"]);
        let alias = match folder.filter(|(directive, _)| directive.name.value == "alias") {
            None => None,
            Some((directive, is_own)) => match (scope.around_of(directive), here.kind) {
                (Some(prefix), Kind::Prefix { .. }) => Some((prefix, is_own)),
                _ => {
                    let message = "\"try_files\" beside \"proxy_pass\" and this \"alias\" is not honoured";
                    self.refuse(tries.name.span, message, REMEDY);
                    return None;
                }
            },
        };
        let path = folder.and_then(|(directive, _)| directive.arguments.first());
        let mut path = match path {
            Some(path) => self.template(path, variables)?,
            None => literal(super::files::ROOT),
        };
        if let Some(Part::Text(text)) = path.parts.first_mut() {
            *text = self.below_prefix(text);
        }
        if alias.is_none() {
            super::files::drop_last_slash(&mut path);
        }
        Some(Folder { path, alias })
    }
}

/// What is asked for once a file is there: its path takes the place of the request's. What the location's prefix does not
/// begin goes as it is, as in nginx since 1.31; before, its first bytes are lost.
fn asked_for(
    start: &str,
    mut path: Template,
    starts_with_uri: bool,
    folder: &Folder<'_>,
    kind: &Kind,
) -> Template {
    if starts_with_uri {
        path.parts.splice(..1, [Part::Text(start.to_owned()), Part::Placeholder(Placeholder::Rest)]);
        return path;
    }
    let prefix = match kind {
        Kind::Prefix { path, .. } | Kind::Exact(path) => path.as_str(),
        _ => return path,
    };
    if let Some((around, _)) = folder.alias {
        path.parts.insert(0, Part::Text(around.to_owned()));
        path.parts = super::answer::joined(path.parts);
    }
    if let Some(Part::Text(text)) = path.parts.first_mut()
        && let Some(rest) = text.strip_prefix(prefix)
    {
        *text = format!("{start}{rest}");
    }
    path
}

/// The `/` that says that a folder is looked for.
fn drop_end(path: &mut Template) {
    let Some(Part::Text(text)) = path.parts.last_mut() else { return };
    match text.strip_suffix('/') {
        Some("") => drop(path.parts.pop()),
        Some(rest) => *text = rest.to_owned(),
        None => {}
    }
}
