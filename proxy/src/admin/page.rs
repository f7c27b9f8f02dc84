//! `/`: the page that shows what runs. One file for the browser, which asks for nothing but what this address serves.

use super::answer::text;
use super::body::Body;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response};
use std::sync::LazyLock;

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page, style and script in their places.
static PAGE: LazyLock<String> =
    LazyLock::new(|| HTML.replacen("{{style}}", STYLE, 1).replacen("{{script}}", SCRIPT, 1));

/// This style and this script run, and no others, whatever gets into the page.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE),
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(super) fn response() -> Response<Body> {
    let mut response = text("text/html; charset=utf-8", PAGE.clone());
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

/// As a policy names a text (CSP level 3, section 2.3.1).
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_exactly_what_its_policy_lets_run() {
        assert!(PAGE.contains(&format!("<style>{STYLE}</style>")));
        assert!(PAGE.contains(&format!("<script>{SCRIPT}</script>")));
        assert_eq!(PAGE.matches("<script").count(), 1);
        assert!(
            !PAGE.contains(" style=\"") && !PAGE.contains(" onclick="),
            "a policy of hashes forbids both"
        );
    }

    #[test]
    fn the_page_asks_nobody_else_for_anything() {
        for foreign in ["src=\"http", "href=\"http", "@import", "url("] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
    }
}
