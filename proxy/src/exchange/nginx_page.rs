//! The pages of failures and redirects in nginx's form (`bodies nginx`).

use super::answer::Answer;
use super::failure::Failure;
use http::{HeaderValue, StatusCode};

/// What nginx calls each status that it has a page for.
const TITLES: [(u16, &str); 31] = [
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Authorization Required"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Not Allowed"),
    (406, "Not Acceptable"),
    (408, "Request Time-out"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Large"),
    (415, "Unsupported Media Type"),
    (416, "Requested Range Not Satisfiable"),
    (421, "Misdirected Request"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Temporarily Unavailable"),
    (504, "Gateway Time-out"),
    (505, "HTTP Version Not Supported"),
    (507, "Insufficient Storage"),
];

/// What nginx's status line says of a status.
pub(super) fn reason(status: StatusCode) -> Option<&'static str> {
    let code = status.as_u16();
    match code {
        302 => Some("Moved Temporarily"),
        401 => Some("Unauthorized"),
        200..300 | 304 => status.canonical_reason(),
        _ => TITLES.iter().find(|(known, _)| *known == code).map(|(_, title)| *title),
    }
}

/// The page of a failure; some have words of their own.
pub(super) fn of(failure: &Failure) -> Answer {
    let words = match failure.status_to_nginx().as_u16() {
        494 => "Request Header Or Cookie Too Large",
        495 => "The SSL certificate error",
        496 => "No required SSL certificate was sent",
        497 => "The plain HTTP request was sent to HTTPS port",
        _ => return page(failure.status()),
    };
    let more = format!("<center>{words}</center>\r\n");
    made(StatusCode::BAD_REQUEST, &format!("400 {words}"), "400 Bad Request", &more)
}

/// The page of a status; one without a page has no body.
pub(super) fn page(status: StatusCode) -> Answer {
    let code = status.as_u16();
    let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == code) else {
        return Answer::empty(status);
    };
    let title = format!("{code} {title}");
    made(status, &title, &title, "")
}

fn made(status: StatusCode, title: &str, heading: &str, more: &str) -> Answer {
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
         <center><h1>{heading}</h1></center>\r\n{more}<hr><center>vordr</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::with_body(status, HeaderValue::from_static("text/html"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_page_that_nginx_gives_it_under_vordrs_name() {
        let page = page(StatusCode::NOT_FOUND);
        let body = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
                    <center><h1>404 Not Found</h1></center>\r\n<hr><center>vordr</center>\r\n</body>\r\n</html>\r\n";
        assert_eq!(page.body, body);
        assert_eq!(page.headers[http::header::CONTENT_TYPE], "text/html");
    }

    #[test]
    fn a_status_without_a_page_has_no_body() {
        assert_eq!(super::page(StatusCode::IM_A_TEAPOT), Answer::empty(StatusCode::IM_A_TEAPOT));
    }
}
