//! Directives within directives, includes done.

use super::lexer::{End, Lexer};
use crate::diagnostic::Diagnostic;
use crate::node::Reading;
use crate::source::{SourceId, Span, Spanned};
use crate::text::{NO_TEXT, lenient};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::rc::Rc;

/// How deep blocks may stand in one another.
const DEEPEST: usize = 64;
/// How deep files may include one another.
const DEEPEST_INCLUDE: usize = 16;
/// How many directives one load reads, those of a file as often as it is included.
const MOST_DIRECTIVES: usize = 200_000;

/// One directive.
#[derive(Debug, Clone)]
pub(super) struct Directive {
    pub name: Spanned<String>,
    pub arguments: Vec<Spanned<String>>,
    pub block: Option<Vec<Directive>>,
}

impl Directive {
    /// The first argument; empty where there is none, which arity does not let happen.
    pub(super) fn first(&self) -> &str {
        self.argument(0)
    }

    /// An argument by its number.
    pub(super) fn argument(&self, number: usize) -> &str {
        self.arguments.get(number).map_or("", |argument| argument.value.as_str())
    }

    /// Where an argument stands; the directive's own place where there is none.
    pub(super) fn span_of(&self, number: usize) -> Span {
        self.arguments.get(number).map_or(self.name.span, |argument| argument.span)
    }

    /// What stands in its block.
    pub(super) fn inside(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// Reads a file and whatever it includes.
pub(super) fn read(name: &str, text: &str, reading: &mut Reading<'_>) -> Vec<Directive> {
    let folder = name.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let mut files = Files { folder, known: HashMap::new(), depth: 0, directives: 0 };
    let source = reading.sources.add(name, text);
    reading.source = source;
    let directives = parse(source, text, reading);
    files.expand(&directives, reading)
}

/// The directives of one text, `include` among them.
fn parse(source: SourceId, text: &str, reading: &mut Reading<'_>) -> Vec<Directive> {
    let mut lexer = Lexer::new(source, text);
    // The blocks that are open, outermost first: what opened each, and what stands before it.
    let mut open: Vec<(Directive, Vec<Directive>)> = Vec::new();
    let mut here = Vec::new();
    loop {
        let run = match lexer.next() {
            Ok(run) => run,
            Err(fault) => {
                reading.report(fault);
                break;
            }
        };
        for word in run.words.iter().filter(|word| word.value.contains(NO_TEXT)) {
            let error = Diagnostic::error("nginx-syntax", word.span, "this word is not UTF-8");
            reading.report(error.label("save the file in UTF-8"));
        }
        let mut words = run.words.into_iter();
        let directive = words.next().map(|name| Directive { name, arguments: words.collect(), block: None });
        match (run.end, directive) {
            (End::Semicolon, Some(directive)) => here.push(directive),
            (End::Open, Some(directive)) if open.len() < DEEPEST => {
                open.push((directive, std::mem::take(&mut here)));
            }
            (End::Open, directive) => {
                let span = directive.map_or(run.at, |directive| directive.name.span);
                let message = format!("blocks stand more than {DEEPEST} deep in one another");
                reading.report(Diagnostic::error("too-deep", span, message));
                break;
            }
            (End::Close, _) => match open.pop() {
                Some((mut directive, before)) => {
                    directive.block = Some(std::mem::replace(&mut here, before));
                    here.push(directive);
                }
                None => {
                    let error = Diagnostic::error("nginx-syntax", run.at, "unexpected \"}\"");
                    reading.report(error.label("no block is open here"));
                    break;
                }
            },
            (End::Text, _) => {
                if let Some((directive, _)) = open.last() {
                    let fault = lexer.unfinished("\"}\"", directive.name.span.start);
                    let label = format!("the block of \"{}\" is not closed", directive.name.value);
                    reading.report(Diagnostic { span: directive.name.span, ..fault }.label(label));
                }
                break;
            }
            (End::Semicolon, None) => {}
        }
    }
    // What was read before a fault is looked at all the same, so that one run tells of all that it can.
    while let Some((mut directive, before)) = open.pop() {
        directive.block = Some(std::mem::replace(&mut here, before));
        here.push(directive);
    }
    here
}

/// The files that have been read for one another.
struct Files {
    /// Where the outermost file is: nginx takes every path from there.
    folder: Option<String>,
    /// Each file is taken apart once, however often it is included.
    known: HashMap<String, Rc<Vec<Directive>>>,
    /// How many files are open within one another.
    depth: usize,
    directives: usize,
}

impl Files {
    /// The same directives with those of included files in the place of each `include`.
    fn expand(&mut self, directives: &[Directive], reading: &mut Reading<'_>) -> Vec<Directive> {
        let mut all = Vec::with_capacity(directives.len());
        for directive in directives {
            if self.directives >= MOST_DIRECTIVES {
                break;
            }
            self.directives += 1;
            if self.directives == MOST_DIRECTIVES {
                let message = format!("there are more than {MOST_DIRECTIVES} directives");
                reading.report(Diagnostic::error("too-many-files", directive.name.span, message));
                break;
            }
            match directive.name.value.as_str() {
                "include" if directive.block.is_none() && directive.arguments.len() == 1 => {
                    self.include(directive, &mut all, reading);
                }
                _ => {
                    let block = directive.block.as_ref().map(|block| self.expand(block, reading));
                    all.push(Directive { block, ..directive.clone() });
                }
            }
        }
        all
    }

    fn include(&mut self, include: &Directive, all: &mut Vec<Directive>, reading: &mut Reading<'_>) {
        if self.depth >= DEEPEST_INCLUDE {
            let message = format!("files include one another more than {DEEPEST_INCLUDE} deep");
            let error = Diagnostic::error("include-cycle", include.span_of(0), message);
            return reading.report(error.label("does it include itself?"));
        }
        for path in self.paths(include, reading) {
            let Some(directives) = self.file(&path, include, reading) else { continue };
            self.depth += 1;
            let mut directives = self.expand(&directives, reading);
            self.depth -= 1;
            all.append(&mut directives);
        }
    }

    /// The files that an `include` names; a pattern may name none.
    fn paths(&self, include: &Directive, reading: &mut Reading<'_>) -> Vec<String> {
        let written = include.first();
        let path = match &self.folder {
            Some(folder) if !written.starts_with('/') => format!("{folder}/{written}"),
            _ => written.to_owned(),
        };
        if !path.contains(['*', '?', '[']) {
            return vec![path];
        }
        reading.surroundings.list(&path).unwrap_or_else(|error| {
            // A folder that is not there has nothing that would match.
            if error.kind() == ErrorKind::NotFound {
                return Vec::new();
            }
            let message = format!("glob() \"{path}\" failed ({})", in_words(&error));
            reading.report(Diagnostic::error("unreadable-file", include.span_of(0), message));
            Vec::new()
        })
    }

    fn file(
        &mut self,
        path: &str,
        include: &Directive,
        reading: &mut Reading<'_>,
    ) -> Option<Rc<Vec<Directive>>> {
        if let Some(known) = self.known.get(path) {
            return Some(known.clone());
        }
        if !reading.sources.has_room() {
            let message = "more files are included than can be read";
            reading.report(Diagnostic::error("too-many-files", include.span_of(0), message));
            return None;
        }
        let directives = match reading.surroundings.read(path) {
            Ok(bytes) => {
                let text = lenient(bytes);
                let source = reading.sources.add(path, &text);
                parse(source, &text, reading)
            }
            // vordr knows the usual types itself, and comes without nginx's list of them.
            Err(_) if path.ends_with("/mime.types") || path == "mime.types" => Vec::new(),
            Err(error) => {
                let message = format!("open() \"{path}\" failed ({})", in_words(&error));
                reading.report(Diagnostic::error("unreadable-file", include.span_of(0), message));
                return None;
            }
        };
        let directives = Rc::new(directives);
        self.known.insert(path.to_owned(), directives.clone());
        Some(directives)
    }
}

/// As nginx tells an error: `2: No such file or directory`.
fn in_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    error.raw_os_error().map_or_else(|| words.to_owned(), |number| format!("{number}: {words}"))
}
