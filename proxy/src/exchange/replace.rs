//! `location-fix`, `cookie-domain`, `cookie-path` and `cookie-flags` by rules of the operator's own.

use super::context::Exchange;
use super::fill::{Into, Known};
use super::headers::Headers;
use http::header::{LOCATION, REFRESH, SET_COOKIE};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use vordr_rules::placeholder::Template;
use vordr_rules::table::{Captures, CookieFix, CookieFlags, Replacement, SameSite, Wanted};

impl Exchange {
    /// Replaces what a `Location`, and the URL of a `Refresh`, name.
    pub(super) fn replace_addresses(
        &self,
        rules: &[Replacement],
        request: &Parts,
        message: &mut impl Headers,
    ) {
        for name in [LOCATION, REFRESH] {
            if let Some(value) = self.replaced_address(rules, &name, request, message) {
                message.set(&name, value);
            }
        }
    }

    fn replaced_address(
        &self,
        rules: &[Replacement],
        name: &HeaderName,
        request: &Parts,
        message: &impl Headers,
    ) -> Option<HeaderValue> {
        let value = message.headers().get(name)?.as_bytes();
        let start = if *name == REFRESH { after_url(value)? } else { 0 };
        let (before, address) = value.split_at_checked(start)?;
        let replaced = self.replaced_value(rules, address, request, |value, text| value.starts_with(text))?;
        HeaderValue::from_bytes(&[before, &replaced].concat()).ok()
    }

    /// Changes the upstream's cookies.
    pub(super) fn fix_own_cookies(&self, fix: &CookieFix, request: &Parts, message: &mut impl Headers) {
        if fix.is_empty() || !message.headers().contains_key(SET_COOKIE) {
            return;
        }
        let cookies: Vec<HeaderValue> = message.headers().get_all(SET_COOKIE).iter().cloned().collect();
        message.remove(&SET_COOKIE);
        for cookie in cookies {
            let fixed = self.fixed_cookie(fix, cookie.as_bytes(), request);
            let fixed = fixed.and_then(|cookie| HeaderValue::from_bytes(&cookie).ok());
            message.add(&SET_COOKIE, fixed.unwrap_or(cookie));
        }
    }

    /// The cookie as it is to be; `None` where nothing fits it, and it stays as it came.
    fn fixed_cookie(&self, fix: &CookieFix, cookie: &[u8], request: &Parts) -> Option<Vec<u8>> {
        let mut attributes = Attribute::all(cookie);
        let mut touched = false;
        for attribute in attributes.iter_mut().skip(1) {
            let (rules, is_domain) = match &attribute.name {
                name if name.eq_ignore_ascii_case(b"domain") => (&fix.domains, true),
                name if name.eq_ignore_ascii_case(b"path") => (&fix.paths, false),
                _ => continue,
            };
            let Some(value) = &attribute.value else { continue };
            let replaced = match is_domain {
                true => self.replaced_domain(rules, value, request),
                false => self.replaced_value(rules, value, request, |value, text| value.starts_with(text)),
            };
            if let Some(replaced) = replaced {
                (attribute.value, touched) = (Some(replaced), true);
            }
        }
        let name = attributes.first().map(|first| first.name.clone()).unwrap_or_default();
        if let Some(flags) = fix.flags.iter().find(|flags| self.is_of(flags, &name, request)) {
            match &flags.filled {
                None => set_flags(flags, &mut attributes),
                Some(words) => set_flags(&self.filled_flags(flags, words, request), &mut attributes),
            }
            touched = true;
        }
        touched.then(|| Attribute::joined(&attributes))
    }

    /// A domain is the text as a whole, whatever its case; a dot in front of it stays.
    fn replaced_domain(&self, rules: &[Replacement], value: &[u8], request: &Parts) -> Option<Vec<u8>> {
        let bare = value.strip_prefix(b".").unwrap_or(value);
        for rule in rules {
            let one = std::slice::from_ref(rule);
            let (dot, looked_at) = match rule.from {
                Wanted::Text(_) => (value.len() - bare.len(), bare),
                Wanted::Regex(_) => (0, value),
            };
            let replaced =
                self.replaced_value(one, looked_at, request, |value, text| value.eq_ignore_ascii_case(text));
            if let Some(replaced) = replaced {
                return Some([value.get(..dot).unwrap_or_default(), &replaced].concat());
            }
        }
        None
    }

    /// What the first rule that fits makes of a value.
    fn replaced_value(
        &self,
        rules: &[Replacement],
        value: &[u8],
        request: &Parts,
        fits: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Option<Vec<u8>> {
        rules.iter().find_map(|rule| match &rule.from {
            Wanted::Text(text) => {
                let text = self.fill(text, request, Into::Header);
                let rest = value.get(text.len()..).filter(|_| fits(value, &text))?;
                let mut replaced = self.fill(&rule.to, request, Into::Header);
                replaced.extend_from_slice(rest);
                Some(replaced)
            }
            Wanted::Regex(regex) => {
                let captures = Captures::of(regex, value)?;
                Some(self.fill_known(
                    &rule.to,
                    Known { request, captures: &captures, answer: None },
                    Into::Header,
                ))
            }
        })
    }

    /// Flags with those that the request adds; a word that is none counts for nothing, as in nginx.
    fn filled_flags(&self, flags: &CookieFlags, words: &Template, request: &Parts) -> CookieFlags {
        let mut flags = flags.clone();
        let words = self.fill(words, request, Into::Raw);
        for word in String::from_utf8_lossy(&words).split_ascii_whitespace() {
            flags.set(word);
        }
        flags
    }

    fn is_of(&self, flags: &CookieFlags, name: &[u8], request: &Parts) -> bool {
        match &flags.of {
            Wanted::Text(text) => self.fill(text, request, Into::Header).eq_ignore_ascii_case(name),
            Wanted::Regex(regex) => Captures::of(regex, name).is_some(),
        }
    }
}

/// Where the URL of a `Refresh` begins.
fn after_url(value: &[u8]) -> Option<usize> {
    value.windows(4).position(|part| part.eq_ignore_ascii_case(b"url=")).map(|at| at + 4)
}

/// A part of a cookie between two `;`: itself first, then its attributes (RFC 6265, section 4.1.1).
struct Attribute {
    name: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Attribute {
    fn all(cookie: &[u8]) -> Vec<Self> {
        let read = |part: &[u8]| match part.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                let (name, value) = part.split_at(at);
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                Self { name: name.trim_ascii().to_vec(), value: Some(value.to_vec()) }
            }
            None => Self { name: part.trim_ascii().to_vec(), value: None },
        };
        cookie.split(|byte| *byte == b';').map(read).collect()
    }

    fn joined(all: &[Self]) -> Vec<u8> {
        let one = |attribute: &Self| match &attribute.value {
            Some(value) => [&attribute.name, &b"="[..], value].concat(),
            None => attribute.name.clone(),
        };
        all.iter().map(one).collect::<Vec<_>>().join(&b"; "[..])
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

fn set_flags(flags: &CookieFlags, attributes: &mut Vec<Attribute>) {
    for (name, on) in [("Secure", flags.secure), ("HttpOnly", flags.http_only)] {
        set_flag(name, on.map(|on| on.then_some(None)), attributes);
    }
    let same_site = flags.same_site.map(SameSite::value);
    set_flag("SameSite", same_site.map(|value| value.map(Some)), attributes);
}

/// `None` leaves the attribute as it is, `Some(None)` takes it away; else it is to have this value, or none.
fn set_flag(name: &str, wanted: Option<Option<Option<&str>>>, attributes: &mut Vec<Attribute>) {
    let Some(wanted) = wanted else { return };
    // What comes first is the cookie itself, whatever it is called.
    let at = attributes.iter().skip(1).position(|attribute| attribute.is(name)).map(|at| at + 1);
    match (wanted, at) {
        (None, Some(at)) => drop(attributes.remove(at)),
        (None, None) => {}
        (Some(value), at) => {
            let value = value.map(|value| value.as_bytes().to_vec());
            match at.and_then(|at| attributes.get_mut(at)) {
                Some(known) => known.value = value.or_else(|| known.value.take()),
                None => attributes.push(Attribute { name: name.as_bytes().to_vec(), value }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Scene, values};
    use http::StatusCode;

    /// What becomes of a header under these words of a `proxy`.
    fn becomes(words: &str, name: &'static str, value: &str) -> String {
        let location = format!("proxy \"http://app.example\" {{ {words}; }}");
        let headers =
            Scene::of(&location, "GET /x?to=there").delivered_as(StatusCode::FOUND, &[(name, value)]);
        values(&headers, name).join("|")
    }

    #[test]
    fn the_first_rule_that_fits_replaces_an_address() {
        let rules = r##"location-fix "http://a.test/" "/a/"; location-fix regex=#"^http://(\w+)\.test/(.*)$"# "https://{2}.{1}{path}""##;
        for (value, expected) in [
            ("http://a.test/x/y", "/a/x/y"),
            ("http://b.test/x", "https://x.b/x"),
            ("HTTP://a.test/x", "HTTP://a.test/x"),
            ("/relative", "/relative"),
            ("http://app.example/x", "http://app.example/x"),
        ] {
            assert_eq!(becomes(rules, "location", value), expected);
        }
        assert_eq!(becomes(rules, "refresh", "5; url=http://a.test/x"), "5; url=/a/x");
        assert_eq!(becomes(rules, "refresh", "5"), "5");
        assert_eq!(becomes("location-fix \"/{arg.to}\" \"/here\"", "location", "/there/x"), "/here/x");
    }

    #[test]
    fn a_cookies_domain_is_replaced_as_a_whole_and_its_path_at_its_beginning() {
        let rules = r##"cookie-domain "back.test" "front.test"; cookie-domain regex=#"(?i)^(\w+)\.old$"# "{1}.new"; cookie-path "/in/" "/""##;
        for (value, expected) in [
            ("a=b; Domain=back.test; Path=/in/x", "a=b; Domain=front.test; Path=/x"),
            ("a=b;domain = .Back.Test ;Secure", "a=b; domain=.front.test; Secure"),
            ("a=b; Domain=sub.back.test", "a=b; Domain=sub.back.test"),
            ("a=b; Domain=x.OLD", "a=b; Domain=x.new"),
            ("path=/in/; x", "path=/in/; x"),
            ("a=b;Path=/other", "a=b;Path=/other"),
        ] {
            assert_eq!(becomes(rules, "set-cookie", value), expected);
        }
    }

    #[test]
    fn flags_are_set_changed_and_taken_away() {
        let rules = r##"cookie-flags "a" secure=on samesite=lax; cookie-flags regex="^b" secure=off httponly=on samesite=off"##;
        for (value, expected) in [
            ("a=1; Path=/", "a=1; Path=/; Secure; SameSite=Lax"),
            ("A=1; secure; SameSite=None", "A=1; secure; SameSite=Lax"),
            ("b2=1; Secure; samesite=lax", "b2=1; HttpOnly"),
            ("c=1;Secure", "c=1;Secure"),
            ("secure=1", "secure=1"),
        ] {
            assert_eq!(becomes(rules, "set-cookie", value), expected);
        }
        let filled = r#"cookie-flags "a" secure=on flags="{arg.to} samesite=lax nosecure""#;
        assert_eq!(becomes(filled, "set-cookie", "a=1; secure"), "a=1; SameSite=Lax");
    }
}
