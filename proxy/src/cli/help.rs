//! `vordr help WORD`: a word of the rule language explained.

use std::process::ExitCode;
use vordr::rules::{TOP, Word};

/// What may stand in header values, redirect targets, rewrites and keys.
const PLACEHOLDERS: &str = "\
Placeholders are filled in for each request; they stand in header values, redirect targets, rewrites and keys.

  {host}         the request's host without its port
  {uri}          path and query as they came
  {path}         the path as it came
  {query}        the query without its `?`
  {method}       the method
  {scheme}       `http` or `https`, as the client sees it
  {client_ip}    the client's address, as far as it is believed
  {request_id}   what the log calls this request
  {header.NAME}  a request header
  {cookie.NAME}  a cookie
  {1}, {2} …     what the location's regex captured

A literal brace is written twice: {{ and }}.
";

/// Every word at the top of a file, a line each.
pub(super) fn words() -> String {
    TOP.words().map(|word| format!("  {:10} {}\n", word.name, word.summary)).collect()
}

/// Explains a word, wherever it stands: `location.websocket`, or `websocket`.
pub(super) fn word(path: &str) -> ExitCode {
    if path == "placeholders" {
        print!("{PLACEHOLDERS}");
        return ExitCode::SUCCESS;
    }
    match find(path) {
        Some(word) => {
            print!("{}", page(word));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("vordr: the rules have no word `{path}`");
            ExitCode::FAILURE
        }
    }
}

fn find(path: &str) -> Option<&'static Word> {
    let mut names = path.split('.');
    let first = anywhere(TOP, names.next()?, 0)?;
    names.try_fold(first, |word, name| word.child(name))
}

/// The first word of that name, the outermost ones first.
fn anywhere(parent: &'static Word, name: &str, depth: usize) -> Option<&'static Word> {
    if depth > 4 {
        return None;
    }
    parent.child(name).or_else(|| parent.words().find_map(|word| anywhere(word, name, depth + 1)))
}

fn page(word: &Word) -> String {
    let mut page = format!("{} {}\n\n{}\n", word.name, word.arguments, word.summary);
    if !word.properties.is_empty() {
        page += &format!("\nproperties: {}\n", word.properties.join(", "));
    }
    if word.words().next().is_some() {
        page += "\nin its block:\n";
        page.extend(
            word.words()
                .map(|inner| format!("  {} {}\n      {}\n", inner.name, inner.arguments, inner.summary)),
        );
    }
    page
}
