//! What a file holds, by the ending of its name.

use http::HeaderValue;

/// The content type; of what is text, it is said to be in UTF-8.
pub(crate) fn content_type(path: &[u8]) -> HeaderValue {
    let unknown = HeaderValue::from_static("application/octet-stream");
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    // An ending is ASCII; whatever else the name holds does not matter.
    let name = String::from_utf8_lossy(name);
    let Some(found) = mime_guess::from_path(name.as_ref()).first_raw() else { return unknown };
    match found.starts_with("text/") || found == "application/javascript" {
        true => HeaderValue::try_from(format!("{found}; charset=utf-8")).unwrap_or(unknown),
        false => HeaderValue::from_static(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_goes_by_the_ending_and_text_is_in_utf_8() {
        for (path, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("assets/app.0a1b.js", "text/javascript; charset=utf-8"),
            ("a.MJS", "application/javascript; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("site.webmanifest", "application/manifest+json"),
            ("a.b/plain", "application/octet-stream"),
            ("ä.png", "image/png"),
            ("a.unheard-of", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(content_type(path.as_bytes()), expected, "{path}");
        }
        assert_eq!(content_type(b"\xff.txt"), "text/plain; charset=utf-8");
    }
}
