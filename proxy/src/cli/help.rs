//! `vordr help WORD`: the page of a word of the rule language.

use super::markdown;
use super::say::{complain, say};
use std::process::ExitCode;
use vordr::rules::{TOP, Word, pages, schema};

/// What may stand in header values, redirect targets, rewrites and keys.
const PLACEHOLDERS: &str = "\
Placeholders are filled in for each request; they stand in header values, redirect targets, rewrites and keys.

  {host}         the request's host without its port
  {uri}          path and query as they came
  {path}         the path as it came
  {query}        the query without its `?`
  {?}            a `?` where there is a query
  {rest}         what of the path stands behind the location's prefix
  {method}       the method
  {scheme}       `http` or `https`, as the client sees it
  {client_ip}    the client's address, as far as it is believed
  {forwarded_for}
                 the request's X-Forwarded-For, with the client's address at its end
  {port}         the port that was connected to
  {request_id}   what the log calls this request
  {client_subject}
                 whose certificate the client showed (`client-ca`); empty where it showed none
  {header.NAME}  a request header
  {cookie.NAME}  a cookie
  {arg.NAME}     a parameter of the query, as it came
  {auth.NAME}    a header of the answer that let the request in (`auth forward`, `auth location`)
  {1}, {2} …     what the location's regex captured

A literal brace is written twice: {{ and }}.
";

/// The words at the top of a file, a line each, and the names of all others.
pub(super) fn words() -> String {
    let top: String = TOP.words().map(|word| format!("  {:10} {}\n", word.name, word.summary)).collect();
    let others: Vec<_> = pages::words().filter(|name| TOP.child(name).is_none()).collect();
    format!("{top}\nand in their blocks:\n\n{}", markdown::laid_out(&others.join(" ")))
}

/// Explains a word, wherever it stands: `location.websocket`, or `websocket`.
pub(super) fn word(path: &str) -> ExitCode {
    match explanation(path) {
        Ok(text) => say(&text),
        Err(problem) => {
            complain(&format!("vordr: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// The page of a word; or that there is no such word, and which one was most likely meant.
fn explanation(path: &str) -> Result<String, String> {
    if path == "placeholders" {
        return Ok(PLACEHOLDERS.to_owned());
    }
    let (parent, name) = path.rsplit_once('.').map_or((None, path), |(parent, name)| (Some(parent), name));
    if let (Some(_), Some(page)) = (find(path), pages::page(name)) {
        return Ok(markdown::laid_out(page));
    }
    let (problem, meant) = match parent.and_then(find) {
        Some(parent) => (format!("`{}` has no `{name}`", parent.name), parent.meant(name)),
        None => (format!("the rules have no word `{path}`"), pages::meant(name)),
    };
    Err(match meant {
        Some(meant) => format!("{problem}; did you mean `{meant}`?"),
        None => format!("{problem}; `vordr help` lists them"),
    })
}

/// The word at the end of a way, or of a part of one: `proxy.tls` for `server.location.proxy.tls`.
fn find(path: &str) -> Option<&'static Word> {
    let ends_so =
        |way: &str| way.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    schema::words().into_iter().find(|(way, _)| ends_so(way)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_word_is_found_by_its_name_and_by_the_way_to_it() {
        for path in ["tls", "tls.cert", "proxy.tls", "location.websocket", "server.location.websocket"] {
            let name = path.rsplit('.').next().unwrap();
            assert!(explanation(path).unwrap().starts_with(&format!("{name}\n")), "{path}");
        }
    }

    #[test]
    fn every_word_is_explained() {
        for (way, _) in schema::words() {
            assert!(explanation(&way).is_ok(), "{way}");
        }
    }

    #[test]
    fn a_misspelt_word_is_told_the_nearest() {
        let told = |path| explanation(path).unwrap_err();
        assert_eq!(told("timeout"), "the rules have no word `timeout`; did you mean `timeouts`?");
        assert_eq!(told("proxy_pass"), "the rules have no word `proxy_pass`; did you mean `proxy`?");
        assert_eq!(told("cors.origin"), "`cors` has no `origin`; did you mean `origins`?");
        assert_eq!(told("zebra"), "the rules have no word `zebra`; `vordr help` lists them");
    }
}
