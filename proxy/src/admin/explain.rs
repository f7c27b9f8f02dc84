//! `/explain?url=…&method=…&header=…`: what `vordr explain` prints, as JSON, for the rules that run.

use super::answer::object;
use super::body::Body;
use crate::explain::{Question, header};
use crate::observe::status;
use crate::shared::Shared;
use http::{HeaderMap, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

pub(super) fn answer(shared: &Shared, query: Option<&str>) -> Response<Body> {
    let (table, standing) = (&shared.current().table, status(shared));
    let question = match question(query.unwrap_or_default()) {
        Ok(question) => question,
        Err(problem) => return object(StatusCode::BAD_REQUEST, &json!({ "error": problem })),
    };
    match question.answer(table, Some(&standing)) {
        Ok(explanation) => {
            let mut body = explanation.json();
            body["text"] = Value::String(explanation.to_string());
            object(StatusCode::OK, &body)
        }
        // That no listener hears it is an answer too.
        Err(problem) => object(StatusCode::OK, &json!({ "error": problem })),
    }
}

fn question(query: &str) -> Result<Question, String> {
    let (mut method, mut url, mut headers) = ("GET".to_owned(), String::new(), HeaderMap::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        match name {
            "method" => method = value,
            "url" => url = value,
            "header" => {
                let (name, value) = header(&value)?;
                headers.append(name, value);
            }
            _ => return Err(format!("`{name}` is not asked about; there is `url`, `method` and `header`")),
        }
    }
    if url.is_empty() {
        return Err("which URL? /explain?url=http://example.org/path".to_owned());
    }
    // A person types a host and a path, and means what a browser would.
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    Ok(Question {
        method: method.parse().map_err(|_| format!("`{method}` is no method"))?,
        url: url.parse().map_err(|_| format!("`{url}` is no URL"))?,
        headers,
    })
}

/// As a browser's form writes it.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_query_is_read_as_a_form_writes_it() {
        let asked = question("method=POST&url=http%3A%2F%2Fa.test%2Fx%3Fy%3D1&header=X-Beta%3A+1").unwrap();
        assert_eq!((asked.method.as_str(), asked.url.to_string().as_str()), ("POST", "http://a.test/x?y=1"));
        assert_eq!(asked.headers["x-beta"], "1");
    }

    #[test]
    fn a_url_without_a_scheme_is_http() {
        assert_eq!(question("url=a.test/x").unwrap().url.to_string(), "http://a.test/x");
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        assert!(question("").unwrap_err().contains("which URL"));
        assert!(question("uri=x").unwrap_err().contains("`uri`"));
        assert!(question("url=a.test&method=G%20T").unwrap_err().contains("no method"));
    }
}
