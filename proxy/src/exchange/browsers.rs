//! Browsers by what they say of themselves, as nginx tells them apart.

use super::Exchange;
use http::Method;
use http::header::USER_AGENT;
use http::request::Parts;
use vordr_rules::table::Browsers;

impl Exchange {
    /// Whether it comes from a browser whose connection is closed behind each answer.
    pub(crate) fn is_excepted(&self, request: &Parts) -> bool {
        let browsers = self.keepalive().except;
        let agent = request.headers.get(USER_AGENT).filter(|_| browsers != Browsers::default());
        agent.is_some_and(|agent| are_asking(browsers, self.method(request), agent.as_bytes()))
    }
}

/// Whether whoever asks by this method, and calls itself so, is among them.
fn are_asking(browsers: Browsers, method: &Method, agent: &[u8]) -> bool {
    (browsers.msie6 && *method == Method::POST && is_msie6(agent)) || (browsers.safari && is_safari(agent))
}

/// MSIE 4 to 6, up to the first service pack of Windows XP.
fn is_msie6(agent: &[u8]) -> bool {
    let fits = match msie(agent) {
        Some([b'4' | b'5', b'.', ..]) => true,
        Some([b'6', b'.', _, rest @ ..]) => find(rest, b"SV1").is_none(),
        _ => false,
    };
    fits && find(agent, b"Opera").is_none()
}

/// Whoever is on a Mac, or like one, and says Safari, but no other browser that says so too.
fn is_safari(agent: &[u8]) -> bool {
    let says = |text: &[u8]| find(agent, text).is_some();
    let is_other = msie(agent).is_some() || says(b"Opera") || says(b"Gecko/") || says(b"Chrome/");
    !is_other && says(b"Safari/") && says(b"Mac OS X")
}

/// What stands behind `MSIE`, where that is a version and more.
fn msie(agent: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"MSIE ";
    let version = agent.get(find(agent, NAME)? + NAME.len()..)?;
    (version.len() > 2).then_some(version)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's nginx takes them.
    #[test]
    fn a_browser_is_known_by_what_it_says() {
        for (agent, msie6, safari) in [
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", true, false),
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", false, false),
            ("Mozilla/4.0 (compatible; MSIE 5.5; Windows NT 5.1; SV1)", true, false),
            ("Mozilla/4.0 (compatible; MSIE 4.0; Windows 98)", true, false),
            ("Mozilla/4.0 (compatible; MSIE 3.0; Windows 95)", false, false),
            ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)", false, false),
            ("Mozilla/4.0 (compatible; MSIE 10.0; Windows NT 6.2)", false, false),
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; en) Opera 8.50", false, false),
            ("MSIE 6.", false, false),
            ("MSIE 6.0", true, false),
            ("MSIE 6.0 (Mac OS X) Safari/1", true, false),
            ("Mozilla/5.0 (Macintosh; U; Intel Mac OS X; en) AppleWebKit/125.2 Safari/125.8", false, true),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Mobile/15E148 Safari/604.1",
                false,
                true,
            ),
            ("Safari/125.8 Mac OS X", false, true),
            ("Mozilla/5.0 (Mac OS X; Konqueror/3.5) Safari/1", false, true),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Chrome/120.0 Safari/537.36", false, false),
            ("Mozilla/5.0 (X11; Linux) Safari/125.8", false, false),
            ("Mozilla/5.0 Gecko/20 (Macintosh; Mac OS X) Safari/1", false, false),
            ("Mac OS X Safari/ Opera 8.50", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_msie6(agent.as_bytes()), is_safari(agent.as_bytes())), (msie6, safari), "{agent}");
        }
        let all = Browsers { msie6: true, safari: true };
        assert!(are_asking(all, &Method::POST, b"MSIE 6.0"));
        assert!(!are_asking(all, &Method::GET, b"MSIE 6.0"));
        assert!(!are_asking(Browsers::default(), &Method::POST, b"MSIE 6.0"));
    }
}
