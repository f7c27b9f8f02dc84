//! `${NAME}` and its kin inside ordinary strings.

use crate::surroundings::Surroundings;
use std::borrow::Cow;

/// A string with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded<'a> {
    pub text: Cow<'a, str>,
    /// The same as a text with placeholders, where that is written otherwise: what was filled in is none of them.
    pub template: Option<String>,
    /// The parts that came from a file, or from a variable whose name speaks of a secret.
    pub secrets: Vec<String>,
}

/// Why a string cannot be filled in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfilled {
    /// No such variable; with the author's words on why it is needed.
    Undefined { name: String, why: Option<String> },
    /// The file of a `${file:…}` cannot be read.
    Unreadable { path: String, reason: String },
    /// `${` without its `}`.
    Unclosed,
    /// Between the braces is no variable's name.
    NoName(String),
    /// Between the braces is another variable.
    Nested,
}

/// Fills in every `${…}` of `text`; `$${` stands for `${`.
pub(crate) fn expand<'a>(text: &'a str, surroundings: &dyn Surroundings) -> Result<Expanded<'a>, Unfilled> {
    if !text.contains("${") {
        return Ok(Expanded { text: Cow::Borrowed(text), template: None, secrets: Vec::new() });
    }
    let mut filled = String::with_capacity(text.len());
    let mut template = String::new();
    let mut secrets = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            filled.extend([escaped, "${"]);
            template.extend([escaped, "${"]);
            rest = after;
            continue;
        }
        filled.push_str(before);
        template.push_str(before);
        let (inside, behind) = after.split_once('}').ok_or(Unfilled::Unclosed)?;
        let (value, origin) = value_of(inside, surroundings)?;
        filled.push_str(&value);
        match origin {
            Origin::Author => template.push_str(&value),
            Origin::Secret | Origin::Outside => template.push_str(&with_doubled_braces(&value)),
        }
        secrets.extend((origin == Origin::Secret).then_some(value));
        rest = behind;
    }
    filled.push_str(rest);
    template.push_str(rest);
    let template = (template != filled).then_some(template);
    Ok(Expanded { text: Cow::Owned(filled), template, secrets })
}

/// A text as it is written where braces are placeholders.
pub(crate) fn with_doubled_braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Where what is filled in comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A default: it stands in the rules.
    Author,
    Secret,
    Outside,
}

fn value_of(inside: &str, surroundings: &dyn Surroundings) -> Result<(String, Origin), Unfilled> {
    if inside.contains("${") {
        return Err(Unfilled::Nested);
    }
    if let Some(path) = inside.strip_prefix("file:") {
        return read_file(path, surroundings).map(|text| (text, Origin::Secret));
    }
    let (name, fallback, why) = match (inside.split_once(":-"), inside.split_once(":?")) {
        (Some((name, fallback)), _) => (name, Some(fallback), None),
        (None, Some((name, why))) => (name, None, Some(why)),
        (None, None) => (inside, None, None),
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Unfilled::NoName(inside.to_owned()));
    }
    // As in a shell, `:-` and `:?` take an empty variable for a missing one.
    let lenient = fallback.is_some() || why.is_some();
    match surroundings.variable(name).filter(|value| !(lenient && value.is_empty())) {
        Some(value) if speaks_of_a_secret(name) => Ok((value, Origin::Secret)),
        Some(value) => Ok((value, Origin::Outside)),
        None => match fallback {
            Some(fallback) => Ok((fallback.to_owned(), Origin::Author)),
            None => Err(Unfilled::Undefined { name: name.to_owned(), why: why.map(str::to_owned) }),
        },
    }
}

fn read_file(path: &str, surroundings: &dyn Surroundings) -> Result<String, Unfilled> {
    let unreadable = |reason: String| Unfilled::Unreadable { path: path.to_owned(), reason };
    let bytes = surroundings.read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    Ok(text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line))
        .to_owned())
}

fn speaks_of_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::surroundings::InMemory;

    fn world() -> InMemory {
        InMemory::default()
            .with_variable("PORT", "80")
            .with_variable("EMPTY", "")
            .with_variable("API_TOKEN", "t")
            .with_file("/run/secrets/x", "hush\n")
    }

    fn text(written: &str) -> String {
        expand(written, &world()).unwrap().text.into_owned()
    }

    #[test]
    fn a_variable_a_default_and_a_file_are_filled_in() {
        assert_eq!(text("p=${PORT}!"), "p=80!");
        assert_eq!(text("${NONE:-8080}${EMPTY:-x}${EMPTY}"), "8080x");
        assert_eq!(text("${file:/run/secrets/x}"), "hush");
        assert_eq!(text("$5 $${PORT} ${PORT}"), "$5 ${PORT} 80");
    }

    #[test]
    fn what_comes_from_a_file_or_a_secret_variable_is_marked() {
        let secrets = |text| expand(text, &world()).unwrap().secrets;
        assert_eq!(secrets("a ${file:/run/secrets/x} ${PORT} ${API_TOKEN}"), ["hush", "t"]);
        assert!(secrets("${PORT}").is_empty());
    }

    #[test]
    fn what_comes_from_outside_has_no_placeholders_and_what_the_author_wrote_has() {
        let world = InMemory::default().with_variable("V", "a{b}").with_file("/v", "{{\n");
        let template = |text| expand(text, &world).unwrap().template;
        assert_eq!(template("{host} ${V} ${file:/v}").unwrap(), "{host} a{{b}} {{{{");
        assert_eq!(template("${NONE:-{{x} ${V:-y} $${z"), Some("{{x a{{b}} ${z".to_owned()));
        assert_eq!(template("{host} ${NONE:-x}"), None);
    }

    #[test]
    fn what_is_missing_is_named_with_its_reason() {
        assert_eq!(
            expand("${URL:?set it}", &world()),
            Err(Unfilled::Undefined { name: "URL".into(), why: Some("set it".into()) })
        );
        assert!(matches!(expand("${URL}", &world()), Err(Unfilled::Undefined { why: None, .. })));
        assert_eq!(expand("${URL", &world()), Err(Unfilled::Unclosed));
        assert_eq!(expand("${a b}", &world()), Err(Unfilled::NoName("a b".into())));
        assert_eq!(expand("${PORT:-${API_TOKEN}}", &world()), Err(Unfilled::Nested));
        assert_eq!(expand("${file:${PORT}}", &world()), Err(Unfilled::Nested));
        assert!(matches!(expand("${file:/none}", &world()), Err(Unfilled::Unreadable { .. })));
    }
}
