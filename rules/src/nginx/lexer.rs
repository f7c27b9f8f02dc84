//! nginx's words: text to tokens, as `ngx_conf_read_token` does it.

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span, Spanned};

/// The longest word there is, in bytes: nginx reads through a buffer of this size.
const LONGEST: usize = 4096;

/// What a run of words ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// `;`
    Semicolon,
    /// `{`
    Open,
    /// `}`, with no words before it.
    Close,
    /// The end of the text, with no words before it.
    Text,
}

/// Words, and what they end in.
#[derive(Debug)]
pub(super) struct Run {
    /// Quotes and escapes resolved.
    pub words: Vec<Spanned<String>>,
    pub end: End,
    /// Where the end stands.
    pub at: Span,
}

/// How the word that is being read is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// What has been read of a run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between words.
    Between,
    /// After a closing quote, where a word must end.
    Ended,
    /// In a word that begins at `start`.
    Word { start: usize, quote: Quote },
}

/// Reads a text run by run.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    source: SourceId,
    text: &'t str,
    at: usize,
    /// Each comment that was passed over, without its `#`.
    pub(super) comments: Vec<Span>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(source: SourceId, text: &'t str) -> Self {
        // nginx takes a byte order mark for a part of the first word, which nobody means.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { source, text, at, comments: Vec::new() }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start, length: end.saturating_sub(start) }
    }

    fn fault(&self, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error("nginx-syntax", self.span(start, end), message)
    }

    /// The next run of words. After an error nothing more can be made of the text.
    pub(super) fn next(&mut self) -> Result<Run, Diagnostic> {
        let mut run = Run { words: Vec::new(), end: End::Text, at: Span::default() };
        let mut state = State::Between;
        let (mut escaped, mut variable) = (false, false);
        while let Some(byte) = self.text.as_bytes().get(self.at).copied() {
            let here = self.at;
            self.at += 1;
            if escaped {
                escaped = false;
                continue;
            }
            if state == State::Ended {
                match byte {
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        state = State::Between;
                        continue;
                    }
                    b';' | b'{' => return Ok(self.finish(run, byte, here)),
                    // nginx lets `if ("a" = "b")` end right after a quote.
                    b')' => state = State::Between,
                    _ => return Err(self.unexpected(here)),
                }
            }
            match state {
                State::Between => match byte {
                    b' ' | b'\t' | b'\r' | b'\n' => {}
                    b';' | b'{' if run.words.is_empty() => return Err(self.unexpected(here)),
                    b';' | b'{' => return Ok(self.finish(run, byte, here)),
                    b'}' if run.words.is_empty() => return Ok(self.finish(run, byte, here)),
                    b'}' => return Err(self.unexpected(here).help("the directive before it lacks its `;`")),
                    b'#' => {
                        self.at = self.line_end();
                        self.comments.push(self.span(here + 1, self.at));
                    }
                    b'"' => state = State::Word { start: here + 1, quote: Quote::Double },
                    b'\'' => state = State::Word { start: here + 1, quote: Quote::Single },
                    _ => {
                        (escaped, variable) = (byte == b'\\', byte == b'$');
                        state = State::Word { start: here, quote: Quote::None };
                    }
                },
                State::Word { start, quote } => {
                    if here.saturating_sub(start) >= LONGEST {
                        return Err(self.too_long(start, quote));
                    }
                    if byte == b'{' && variable {
                        continue;
                    }
                    variable = byte == b'$';
                    escaped = byte == b'\\';
                    if variable || escaped {
                        continue;
                    }
                    let ends = match quote {
                        Quote::Double => byte == b'"',
                        Quote::Single => byte == b'\'',
                        Quote::None => matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{'),
                    };
                    if !ends {
                        continue;
                    }
                    run.words.push(self.word(start, here, quote));
                    match (quote, byte) {
                        (Quote::None, b';' | b'{') => return Ok(self.finish(run, byte, here)),
                        (Quote::None, _) => state = State::Between,
                        _ => state = State::Ended,
                    }
                }
                State::Ended => {}
            }
        }
        match (state, run.words.first()) {
            (State::Between, None) => {
                run.at = self.span(self.text.len(), self.text.len());
                Ok(run)
            }
            (State::Word { start, quote: Quote::Double | Quote::Single }, _) => {
                let error = self.unfinished("\";\" or \"}\"", start.saturating_sub(1));
                Err(error.label("this quote is not closed"))
            }
            (State::Word { start, .. }, None) => Err(self.unfinished("\";\" or \"}\"", start)),
            (_, first) => Err(self.unfinished("\";\" or \"}\"", first.map_or(0, |word| word.span.start))),
        }
    }

    /// The text is over where more was to come.
    pub(super) fn unfinished(&self, expected: &str, start: usize) -> Diagnostic {
        let message = format!("unexpected end of file, expecting {expected}");
        let start = start.min(self.text.len());
        let end =
            self.text.get(start..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |at| start + at);
        self.fault(start, end, message)
    }

    fn finish(&self, mut run: Run, byte: u8, here: usize) -> Run {
        run.end = match byte {
            b';' => End::Semicolon,
            b'{' => End::Open,
            _ => End::Close,
        };
        run.at = self.span(here, here + 1);
        run
    }

    fn line_end(&self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        rest.iter().position(|byte| *byte == b'\n').map_or(self.text.len(), |length| self.at + length)
    }

    fn unexpected(&self, at: usize) -> Diagnostic {
        let c = self.text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
        self.fault(at, at + c.len_utf8(), format!("unexpected \"{c}\""))
    }

    fn too_long(&self, start: usize, quote: Quote) -> Diagnostic {
        let head: String = self.text.get(start..).unwrap_or_default().chars().take(10).collect();
        let message = match quote {
            Quote::None => format!("too long parameter \"{head}...\" started"),
            Quote::Single => "too long parameter, probably missing terminating \"'\" character".to_owned(),
            Quote::Double => "too long parameter, probably missing terminating \"\"\" character".to_owned(),
        };
        self.fault(start, start + head.len(), message)
    }

    fn word(&self, start: usize, end: usize, quote: Quote) -> Spanned<String> {
        let written = self.text.get(start..end).unwrap_or_default();
        let outer = usize::from(quote != Quote::None);
        Spanned::new(unescaped(written), self.span(start.saturating_sub(outer), end + outer))
    }
}

/// `\"`, `\'`, `\\`, `\t`, `\r` and `\n`; any other backslash stays, as regexes need it.
fn unescaped(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        let meant = match (letter, letters.peek()) {
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            ('\\', Some(kept @ ('"' | '\'' | '\\'))) => *kept,
            (plain, _) => {
                text.push(plain);
                continue;
            }
        };
        letters.next();
        text.push(meant);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every run as its words and its end; the message where there is a fault.
    fn runs(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(SourceId::default(), text);
        let mut all = Vec::new();
        loop {
            match lexer.next() {
                Err(fault) => {
                    all.push(format!("{}@{}", fault.message, fault.span.start));
                    return all;
                }
                Ok(run) if run.end == End::Text => return all,
                Ok(run) => {
                    let words: Vec<&str> = run.words.iter().map(|word| word.value.as_str()).collect();
                    let end = match run.end {
                        End::Semicolon => ";",
                        End::Open => "{",
                        _ => "}",
                    };
                    all.push(format!("{}{end}", words.join("|")));
                }
            }
        }
    }

    #[test]
    fn words_end_at_spaces_semicolons_and_braces() {
        assert_eq!(runs("a b;c{d\te;\n}"), ["a|b;", "c{", "d|e;", "}"]);
        assert_eq!(runs("  \r\n"), Vec::<String>::new());
    }

    #[test]
    fn a_comment_begins_between_words_and_nowhere_else() {
        assert_eq!(runs("# x;\na # y\n b#c;"), ["a|b#c;"]);
        assert_eq!(runs("a '#';"), ["a|#;"]);
        assert_eq!(runs("# \"\n"), Vec::<String>::new());
    }

    #[test]
    fn quotes_hold_anything_and_nothing_may_stick_to_them() {
        assert_eq!(runs(r#"a "b c;{}" 'd"e';"#), ["a|b c;{}|d\"e;"]);
        assert_eq!(runs(r#"a "";"#), ["a|;"]);
        assert_eq!(runs(r#"a "b"c;"#), ["unexpected \"c\"@5"]);
        assert_eq!(runs(r#"a b"c d";"#), ["a|b\"c|d\";"]);
        assert_eq!(runs(r#"if ($a = "b") {"#), ["if|($a|=|b|){"]);
    }

    #[test]
    fn a_few_escapes_are_resolved_and_the_others_stay() {
        assert_eq!(runs(r#"a "\"\\\t" \.php$ b\ c \;;"#), ["a|\"\\\t|\\.php$|b\\ c|\\;;"]);
    }

    #[test]
    fn a_brace_after_a_dollar_opens_no_block() {
        assert_eq!(runs("a ${b}c;"), ["a|${b}c;"]);
        assert_eq!(runs("a $b{"), ["a|$b{"]);
        assert_eq!(runs("a x{2};"), ["a|x{", "2};"]);
    }

    #[test]
    fn what_is_wrong_is_said_as_nginx_says_it() {
        assert_eq!(runs(";"), ["unexpected \";\"@0"]);
        assert_eq!(runs("a; {"), ["a;", "unexpected \"{\"@3"]);
        assert_eq!(runs("a }"), ["unexpected \"}\"@2"]);
        assert_eq!(runs("a b"), ["unexpected end of file, expecting \";\" or \"}\"@0"]);
        assert_eq!(runs("a 'b"), ["unexpected end of file, expecting \";\" or \"}\"@2"]);
        assert_eq!(runs("a 'ü'ü;"), ["unexpected \"ü\"@6"]);
        let long = format!("a '{}", "é".repeat(4000));
        let message = "too long parameter, probably missing terminating \"'\" character@3";
        assert_eq!(runs(&long), [message]);
    }
}
