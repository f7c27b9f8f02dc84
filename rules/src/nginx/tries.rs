//! `try_files` beside `proxy_pass`: an upstream is asked for what is on the disk, and something else is done otherwise.

use super::Nginx;
use super::scope::Scope;
use super::steps::may_end;
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::language::steps::{Step, When};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::{FileKind, Test};

/// The variable that says that one of several is there.
const FOUND: &str = "try_files";
/// What does the same in more words.
const REMEDY: &str =
    "put the `proxy_pass` into a `location @app`, and write `@app` at the end of `try_files`";

impl Nginx<'_, '_> {
    /// The steps of a location that proxies.
    pub(super) fn read_tries(
        &mut self,
        location: &Directive,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<Step> {
        let own = |name: &str| location.inside().iter().find(|directive| directive.name.value == name);
        let (Some(tries), Some(_)) = (own("try_files"), own("proxy_pass")) else { return Vec::new() };
        let Some((last, paths)) = tries.arguments.split_last() else { return Vec::new() };
        let Some(root) = self.root_of_tries((location, tries), scope, variables) else { return Vec::new() };
        let mut tests = Vec::new();
        for path in paths {
            let kind = match path.value.as_str() {
                "$uri" => FileKind::File,
                "$uri/" => FileKind::Folder,
                _ => {
                    let message = "beside \"proxy_pass\" nothing but \"$uri\" and \"$uri/\" is tried";
                    self.refuse(path.span, message, REMEDY);
                    return Vec::new();
                }
            };
            tests.push(kind);
        }
        let Some(otherwise) = self.read_last_try(last, scope, variables) else { return Vec::new() };
        let otherwise = vec![Step::Act(last.span, otherwise)];
        let when = |subject, test, steps| Step::When(Box::new(When { subject, test, steps }));
        if let [kind] = tests.as_slice() {
            return vec![when(root, Test::ExistsNot(*kind), otherwise)];
        }
        let found = || Spanned::new(FOUND.to_owned(), tries.name.span);
        let mut steps = vec![Step::Set(found(), literal(""))];
        for kind in tests {
            let note = Step::Set(found(), literal("1"));
            steps.push(when(root.clone(), Test::Exists(kind), vec![note]));
        }
        let subject = Template { parts: vec![Part::Placeholder(Placeholder::Variable(FOUND.to_owned()))] };
        steps.push(when(subject, Test::Is(literal("")), otherwise));
        steps
    }

    /// The path of the file that a request is about; what cannot be honoured is told of.
    fn root_of_tries(
        &mut self,
        (location, tries): (&Directive, &Directive),
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Template> {
        let folder = scope.nearest(["root", "alias"]).map(|(directive, _)| directive);
        if folder.is_some_and(|directive| directive.name.value == "alias") {
            self.refuse(
                tries.name.span,
                "\"try_files\" beside \"proxy_pass\" and \"alias\" is not honoured",
                REMEDY,
            );
            return None;
        }
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
        let root = folder.and_then(|directive| directive.arguments.first());
        let mut root = match root {
            Some(root) => self.template(root, variables)?,
            None => literal(super::files::ROOT),
        };
        if let Some(Part::Text(text)) = root.parts.first_mut() {
            *text = self.below_prefix(text);
        }
        super::files::drop_last_slash(&mut root);
        root.parts.push(Part::Placeholder(Placeholder::NormalPath));
        Some(root)
    }
}
