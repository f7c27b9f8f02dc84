//! KDL's own stumbling blocks, explained in plain words before the parser sees them.

mod order;
mod tokens;

pub(crate) use tokens::{is_disallowed, is_newline};

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};
use tokens::{Kind, Token};

/// What in a text KDL will not read as its author meant it.
pub(crate) fn find(source: SourceId, text: &str) -> Vec<Diagnostic> {
    let at = |start, length, why| Diagnostic { span: Span { source, start, length }, ..why };
    let (tokens, broken) = tokens::tokens(text);
    let following = tokens.iter().skip(1).map(Some).chain([None]);
    let words = tokens.iter().zip(following).filter_map(|(token, next)| {
        explain_token(token, next).map(|why| at(token.start, token.text.len(), why))
    });
    let mut found: Vec<_> = words.collect();
    found.extend(broken.map(|broken| at(broken.start, broken.length, broken.why)));
    if found.is_empty() {
        order::check(&tokens, &mut |token, why| found.push(at(token.start, token.text.len(), why)));
    }
    found
}

fn explain_token(token: &Token<'_>, next: Option<&Token<'_>>) -> Option<Diagnostic> {
    let is = |kind| next.is_some_and(|next| next.kind == kind);
    if token.kind != Kind::Word {
        return None;
    }
    if token.text == "r" && is(Kind::Text) && next.is_some_and(|next| next.glued) {
        return Some(kdl1_raw_string());
    }
    explain(token.text).filter(|_| !is(Kind::Equals))
}

fn explain(word: &str) -> Option<Diagnostic> {
    let unplaced = |code, message: String| Diagnostic::error(code, Span::default(), message);
    match word {
        "true" | "false" => {
            let switch = if word == "true" { "on" } else { "off" };
            let message = format!("a bare `{word}` is no value in KDL 2");
            Some(unplaced("bare-keyword", message).label(format!("write `{switch}`")))
        }
        "null" | "inf" | "-inf" | "nan" => Some(
            unplaced("bare-keyword", format!("a bare `{word}` is no value in KDL 2"))
                .label("leave it out, or quote it"),
        ),
        _ if word.contains('/') => Some(
            unplaced("unquoted-path", format!("`{word}` needs quotes: a `/` cannot stand in a bare word"))
                .label(format!("write `\"{}\"`", word.trim_matches('\''))),
        ),
        _ if word.contains(['[', ']']) => Some(
            unplaced(
                "unquoted-value",
                format!("`{word}` needs quotes: a `[` or `]` cannot stand in a bare word"),
            )
            .label(format!("write `\"{word}\"`")),
        ),
        _ if is_beyond_numbers(word) => Some(
            unplaced("unquoted-value", format!("`{word}` is no number that KDL can hold"))
                .label("quote it, or write it with digits before the point and fewer of them"),
        ),
        _ if is_number_with_letters(word) => Some(
            unplaced(
                "unquoted-value",
                format!("`{word}` needs quotes: a bare word cannot start with a digit"),
            )
            .label(format!("write `\"{word}\"`")),
        ),
        _ => None,
    }
}

/// `.5`, and whole numbers of more than 128 bits.
fn is_beyond_numbers(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let digits = unsigned.replace('_', "");
    let lacks_digit =
        unsigned.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_whole =
        unsigned.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit());
    lacks_digit || (is_whole && digits.parse::<i128>().is_err())
}

/// `30s`, `1.2.3.4`, `80:90`; but neither a KDL number nor an identifier.
fn is_number_with_letters(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let based = ["0x", "0o", "0b"].iter().any(|prefix| unsigned.starts_with(prefix));
    unsigned.starts_with(|c: char| c.is_ascii_digit())
        && !based
        && unsigned.replace('_', "").parse::<f64>().is_err()
}

fn kdl1_raw_string() -> Diagnostic {
    Diagnostic::error("kdl1-raw-string", Span::default(), "raw strings have no `r` in KDL 2")
        .label("leave out the `r`")
        .help("a raw string is written #\"…\"#")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codes(text: &str) -> Vec<&'static str> {
        find(SourceId::default(), text).into_iter().map(|found| found.code).collect()
    }

    #[test]
    fn bare_values_that_kdl_refuses_are_explained() {
        assert_eq!(codes("websocket true"), ["bare-keyword"]);
        assert_eq!(codes("a idle=30s"), ["unquoted-value"]);
        assert_eq!(codes("listen 127.0.0.1:80"), ["unquoted-value"]);
        assert_eq!(codes("respond 200 .5"), ["unquoted-value"]);
        assert_eq!(codes(&format!("listen {}", "9".repeat(53))), ["unquoted-value"]);
        assert_eq!(codes("location /api {}"), ["unquoted-path"]);
        assert_eq!(codes("proxy http://127.0.0.1:8000"), ["unquoted-path"]);
        assert_eq!(codes("location regex=r\"^/v\" {}"), ["kdl1-raw-string"]);
        assert_eq!(codes("location regex=r#\"^/v\"# {}"), ["kdl1-raw-string"]);
    }

    #[test]
    fn what_kdl_reads_well_is_left_alone() {
        for text in [
            "a \"true 30s /x\" // true 30s",
            "a #\"r\"x\" /p\"# on",
            "/* true /* 30s */ null */ a 1 2.5 0x1f -3 1_000",
            "/- a { b; }",
            "a \"\"\"\n  30s\n  \"\"\"",
            "add X-Via vordr//why",
        ] {
            assert_eq!(codes(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn pieces_out_of_place_are_told_of_one_by_one() {
        let faults = |text: &str| {
            let found = find(SourceId::default(), text).into_iter();
            found.map(|found| (found.span.start, found.message)).collect::<Vec<_>>()
        };
        for (text, start, message) in [
            ("a { b }\n}\n", 8, "this `}` closes nothing"),
            ("a {\nb {\n}\n", 2, "this block is never closed"),
            ("a \"b\"\"c\"", 5, "this touches what stands before it"),
            ("a =b", 2, "this `=` has no property's name before it"),
            ("a b=\n", 4, "the property before this has no value"),
            ("{ a; }", 0, "this block has no word before it"),
            ("a { b; } c", 9, "a node ends with its block"),
            ("a;;", 2, "this `;` ends nothing"),
            ("a \"b", 2, "this string is never closed"),
            ("a \"b\nc\"", 2, "this string runs over the end of its line"),
            ("a /* b", 2, "this comment is never closed"),
            ("a \u{7}", 2, "the character U+0007 cannot stand in KDL"),
            ("a (b", 2, "this `(` belongs to nothing"),
            ("a \\ b", 2, "a bare `\\` stands only at a line's end"),
        ] {
            assert_eq!(faults(text), [(start, message.to_owned())], "{text}");
        }
    }

    /// A piece of KDL, or of what is nearly KDL.
    pub(crate) fn a_piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "a",
            "b1",
            "true",
            "\"x y\"",
            "#\"r\"#",
            "\"\"\"\n  z\n  \"\"\"",
            "#true",
            "7",
            "0x1f",
            "-2.5",
            "=",
            "{",
            "}",
            "{ c; }",
            ";",
            "\n",
            " ",
            " ",
            " ",
            "\\\n",
            "// d\n",
            "/* e */",
            "\n/-n 1\n",
            "a /-x",
            "a /-{ c; }",
            "a { b; /-c 1 }",
            "a /-{ b\n} {\nc\n}",
            "a {\nb\n} /-{ c; }",
            "(t)",
            "(",
            ")",
            "\"\\u{41}\"",
            "\"\\q\"",
            "\u{2028}",
            "<,>",
            "+",
            ".x",
            ".5",
            "170141183460469231731687303715884105728",
            "a=1",
            "p=\"q\"",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_kdl_accepts_is_not_refused_before(pieces in prop::collection::vec(a_piece(), 0..14)) {
            let text = pieces.concat();
            if kdl::KdlDocument::parse_v2(&text).is_ok() {
                prop_assert_eq!(codes(&text), Vec::<&str>::new(), "{}", text);
            }
        }
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(codes(&"a {".repeat(10_000)), ["too-deep"]);
        assert_eq!(codes(&"/*".repeat(10_000)), ["too-deep"]);
    }
}
