//! What became of a file of nginx's besides its KDL: a line for whatever was dropped, changed or cannot be, and for traps.

use crate::Loaded;
use crate::nginx::{Seen, Support};
use crate::source::Sources;
use crate::table::Place;

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It needs no counterpart.
    Dropped,
    /// It does something else than it did.
    Changed,
    /// vordr cannot do it.
    Impossible,
    /// It is as it was, which is most likely not what was meant.
    Trap,
}

impl Fate {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Changed => "changed",
            Self::Impossible => "impossible",
            Self::Trap => "trap",
        }
    }
}

/// A line of the report.
#[derive(Debug, Clone)]
pub struct Note {
    /// What became of it.
    pub fate: Fate,
    /// Where it stands.
    pub place: Place,
    /// What it is, and why.
    pub said: String,
}

/// Directives that do something else here, with these words among their arguments, and what that is.
const CHANGED: [(&str, &[&str], &str); 9] = [
    ("listen", &["default_server", "default"], "it counts for all addresses of its server"),
    ("client_body_timeout", &[], "one limit holds for bodies and answers, the longer of the two"),
    ("send_timeout", &[], "one limit holds for bodies and answers, the longer of the two"),
    (
        "ssl_verify_client",
        &[],
        "a client without a good certificate fails in the handshake, with no page that says so",
    ),
    ("ssl_protocols", &["TLSv1", "TLSv1.1", "SSLv3", "SSLv2"], "TLS 1.2 and 1.3 are spoken, nothing older"),
    ("proxy_ssl_server_name", &["off"], "the upstream's host is named in the handshake all the same"),
    ("proxy_http_version", &["1.0"], "HTTP/1.1 is spoken with the upstream, over kept connections"),
    ("proxy_buffering", &["on"], "an answer is passed on as it comes"),
    ("merge_slashes", &["on"], "slashes are compared as they come"),
];

/// Everything that there is to say, in the order of the file.
pub(super) fn of(loaded: &Loaded, seen: &[Seen]) -> Vec<Note> {
    let sources = loaded.warnings.sources();
    let mut notes: Vec<Note> = seen.iter().filter_map(|seen| note(seen, sources)).collect();
    for found in loaded.warnings.iter() {
        let fate = if found.code == "nginx-trap" { Fate::Trap } else { Fate::Impossible };
        let remedy = found.label.as_ref().map(|label| format!(": {label}")).unwrap_or_default();
        notes.push(Note {
            fate,
            place: sources.place(found.span),
            said: format!("{}{remedy}", found.message),
        });
    }
    notes.sort_by(|one, other| {
        let key = |note: &Note| (note.place.file.clone(), note.place.line, note.place.column);
        key(one).cmp(&key(other))
    });
    notes
}

fn note(seen: &Seen, sources: &Sources) -> Option<Note> {
    let says =
        |words: &[&str]| words.is_empty() || seen.arguments.split(' ').any(|word| words.contains(&word));
    let changed = CHANGED.iter().find(|(name, words, _)| *name == seen.name && says(words));
    let (fate, why) = match (changed, seen.support) {
        (Some((_, _, why)), _) => (Fate::Changed, *why),
        (None, Support::Needless(why)) => (Fate::Dropped, why),
        (None, Support::Honoured | Support::Refused(_)) => return None,
    };
    let said = format!("{} {}", seen.name, seen.arguments);
    Some(Note { fate, place: sources.place(seen.span), said: format!("`{}`: {why}", said.trim_end()) })
}
