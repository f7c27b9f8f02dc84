//! Regexes over a path's bytes, or another text of a request.
//!
//! Most are the regex crate's, which take time in proportion to the text. Those that look around or refer back are tried
//! step by step, and given up after so many steps: a client must not make vordr think for long.

mod classes;
mod fancy;

use fancy::Fancy;
use regex::bytes;
use std::borrow::Cow;
use std::fmt;

/// A regex. Two are equal where they are written alike.
#[derive(Clone)]
pub struct PathRegex {
    written: String,
    kind: Kind,
    /// Numbers and names of the groups that have names.
    names: Vec<(usize, String)>,
}

#[derive(Clone)]
enum Kind {
    Plain(bytes::Regex),
    /// With look-around or references back.
    Fancy(Fancy),
}

/// What a regex says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// It fits.
    Yes,
    /// It does not.
    No,
    /// Nobody knows: it was given up.
    GivenUp,
}

/// Why a regex cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(String);

impl PathRegex {
    /// Compiles a regex. It is held against bytes; `.` is any of them but a line's end, so that nobody gets past it with
    /// bytes that are no text. Classes of characters beyond ASCII are looked for in text.
    pub fn new(written: &str) -> Result<Self, RegexError> {
        let unquoted = unquoted(written);
        let kind = match of_bytes(&unquoted) {
            Ok(regex) => Kind::Plain(regex),
            Err(error) => match classes::of_text(&unquoted)? {
                Some(of_text) => {
                    Kind::Plain(of_bytes(&of_text).map_err(|error| RegexError(last_line(&error)))?)
                }
                None => Kind::Fancy(Fancy::new(&unquoted).ok_or_else(|| RegexError(last_line(&error)))?),
            },
        };
        let names = named_groups(&kind);
        Ok(Self { written: written.to_owned(), kind, names })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// How many groups it captures.
    pub fn groups(&self) -> usize {
        let with_the_whole = match &self.kind {
            Kind::Plain(regex) => regex.captures_len(),
            Kind::Fancy(fancy) => fancy.any().map_or(0, fancy_regex::Regex::captures_len),
        };
        with_the_whole.saturating_sub(1)
    }

    /// Its groups that have names: number, from 1, and name.
    pub fn names(&self) -> &[(usize, String)] {
        &self.names
    }

    /// The number of a group by its name.
    pub fn group(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(_, known)| known == name).map(|(number, _)| *number)
    }

    /// Whether it fits a text.
    pub fn matches(&self, text: &[u8]) -> Matched {
        match &self.kind {
            Kind::Plain(regex) if regex.is_match(text) => Matched::Yes,
            Kind::Plain(_) => Matched::No,
            Kind::Fancy(fancy) => match fancy.for_text(text).map(|regex| regex.is_match(text)) {
                Some(Ok(true)) => Matched::Yes,
                Some(Ok(false)) => Matched::No,
                Some(Err(_)) | None => Matched::GivenUp,
            },
        }
    }

    /// Whether it fits a text; what is given up does not.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.matches(text) == Matched::Yes
    }

    /// What each group holds, from the first; `None` where it does not fit.
    pub fn captures(&self, text: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
        match &self.kind {
            Kind::Plain(regex) => {
                let found = regex.captures(text)?;
                Some(found.iter().skip(1).map(|group| Some(group?.as_bytes().to_vec())).collect())
            }
            Kind::Fancy(fancy) => {
                let found = fancy.for_text(text)?.captures(text).ok().flatten()?;
                Some(found.iter().skip(1).map(|group| Some(group?.as_bytes().to_vec())).collect())
            }
        }
    }
}

fn of_bytes(written: &str) -> Result<bytes::Regex, regex::Error> {
    bytes::RegexBuilder::new(written).unicode(false).build()
}

/// PCRE's `\Q…\E`, which takes what stands between them literally, as escapes.
fn unquoted(written: &str) -> Cow<'_, str> {
    if !written.contains("\\Q") {
        return Cow::Borrowed(written);
    }
    let (mut out, mut rest) = (String::new(), written);
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        if let Some(quoted) = after.strip_prefix('Q') {
            let (literal, behind) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(literal));
            rest = behind;
            continue;
        }
        let mut escaped = after.chars();
        out.push('\\');
        out.extend(escaped.next());
        rest = escaped.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn named_groups(kind: &Kind) -> Vec<(usize, String)> {
    let names: Vec<Option<&str>> = match kind {
        Kind::Plain(regex) => regex.capture_names().collect(),
        Kind::Fancy(fancy) => fancy.any().into_iter().flat_map(fancy_regex::Regex::capture_names).collect(),
    };
    names.into_iter().enumerate().filter_map(|(number, name)| Some((number, name?.to_owned()))).collect()
}

/// What is wrong, without the drawing around it.
fn last_line(error: &regex::Error) -> String {
    let reason = error.to_string();
    reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl fmt::Debug for PathRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathRegex({:?})", self.written)
    }
}

impl PartialEq for PathRegex {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for PathRegex {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn matched(regex: &str, text: &[u8]) -> Matched {
        PathRegex::new(regex).unwrap().matches(text)
    }

    #[test]
    fn bytes_that_are_no_text_do_not_lead_past_a_regex() {
        for regex in [r"^/private/.*\.php$", r"^/private/[^/]+\.php$", r"^/private/(?!public).*\.php$"] {
            assert_eq!(matched(regex, b"/private/\xff.php"), Matched::Yes, "{regex}");
            assert_eq!(matched(regex, "/private/é.php".as_bytes()), Matched::Yes, "{regex}");
        }
        assert_eq!(matched("^/é[äö]$", "/éö".as_bytes()), Matched::Yes);
    }

    #[test]
    fn a_class_of_letters_beyond_ascii_leaves_all_else_of_bytes() {
        for regex in [r"^/[äö]/.*\.php$", r"^/[äö]/[^/]+\.php$", r"(?i)^/\p{L}/\D+$", r"^/(?u:[^a])/.*[p]$"]
        {
            assert_eq!(matched(regex, "/ö/a.php".as_bytes()), Matched::Yes, "{regex}");
            assert_eq!(matched(regex, b"/\xc3\xb6/\xff.php"), Matched::Yes, "{regex}");
        }
        assert_eq!(matched(r"^/[[:alpha:]ä](\d)[ö]", "/ä1ö".as_bytes()), Matched::Yes);
        assert_eq!(matched(r"^/[ä](?u:[^ö])$", "/äx".as_bytes()), Matched::Yes);
    }

    #[test]
    fn a_class_that_leaves_letters_beyond_ascii_out_has_to_say_what_it_is_of() {
        for (regex, class) in
            [("^/[^ä]$", "[^ä]"), (r"x[\Wä]", r"[\Wä]"), (r"\PL", r"\PL"), ("[ä[^b]]", "[ä[^b]]")]
        {
            let told = format!("bytes that are no text may be in `{class}`, or not: `(?u:{class})` has none");
            assert_eq!(PathRegex::new(regex).unwrap_err().to_string(), told);
            assert!(PathRegex::new(&regex.replace(class, &format!("(?u:{class})"))).is_ok(), "{regex}");
        }
    }

    #[test]
    fn what_looks_around_or_refers_back_is_understood() {
        assert_eq!(matched(r"^/(?!wp-admin)(\w+)", b"/shop"), Matched::Yes);
        assert_eq!(matched(r"^/(?!wp-admin)(\w+)", b"/wp-admin/x"), Matched::No);
        let regex = PathRegex::new(r"^/(?<lang>en|de)/(?!static)(.*)$").unwrap();
        assert_eq!((regex.groups(), regex.group("lang"), regex.group("x")), (2, Some(1), None));
        assert_eq!(regex.captures(b"/de/a b"), Some(vec![Some(b"de".to_vec()), Some(b"a b".to_vec())]));
        assert_eq!(matched(r"^/(a+)/\1$", b"/aa/aa"), Matched::Yes);
    }

    #[test]
    fn what_is_quoted_stands_for_itself() {
        let regex = r"^(?<name>.+)\Q.a+b\E$";
        assert_eq!(PathRegex::new(regex).unwrap().as_str(), regex);
        assert_eq!(matched(regex, b"x.a+b"), Matched::Yes);
        assert_eq!(matched(regex, b"xyaab"), Matched::No);
        assert_eq!(matched(r"^\Q(.", b"(."), Matched::Yes);
        assert_eq!(matched(r"^\\Q\.$", br"\Q."), Matched::Yes);
    }

    #[test]
    fn what_takes_too_long_is_given_up() {
        let (regex, text) = ("(?i)/(a|b|ab)*(?>c)", format!("/{}", "ab".repeat(28)));
        assert_eq!(matched(regex, text.as_bytes()), Matched::GivenUp);
        assert_eq!(PathRegex::new(regex).unwrap().captures(text.as_bytes()), None);
        assert_eq!(matched(regex, b"/ababc"), Matched::Yes);
    }

    #[test]
    fn the_longer_a_text_is_the_fewer_steps_are_taken() {
        // One step for each byte.
        let matched_in = |length: usize| matched("(?!x)[ab]+c", "b/".repeat(length / 2).as_bytes());
        assert_eq!(matched_in(4_000), Matched::No);
        assert_eq!(matched_in(30_000), Matched::GivenUp);
        let mobile = "(?i)(android|iphone).*(?!.*tablet).*mobile$";
        let script = r"(?<!/internal)/.*/(?!admin).*\.(php|cgi)$";
        for (regex, text) in [(mobile, "android ".repeat(3750)), (script, "a/".repeat(3700))] {
            assert_eq!(matched(regex, text.as_bytes()), Matched::GivenUp, "{regex}");
        }
        assert_eq!(matched("(?!x)a", &[b'b'; 200_000]), Matched::GivenUp);
    }

    #[test]
    fn what_looks_at_each_place_of_a_long_path_is_answered() {
        let path = format!("/{}", "a/".repeat(4000));
        assert_eq!(matched(r"/\.(?!well-known)", path.as_bytes()), Matched::No);
        assert_eq!(matched(r"(?<!x)yy", path.as_bytes()), Matched::No);
        assert_eq!(matched(r"(?<!x)yy", format!("{path}yy").as_bytes()), Matched::Yes);
    }

    #[test]
    fn what_is_no_regex_is_told_in_a_line() {
        assert_eq!(PathRegex::new("^/(a").unwrap_err().to_string(), "unclosed group");
        assert!(PathRegex::new("*").is_err());
    }
}
