//! Answers of upstreams that are kept as files.

use super::TemporaryFolder;
use crate::placeholder::Template;

/// `store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Where the file of an answer is. What a request fills in leads out of no folder.
    pub path: Template,
    /// Who may read and write it: its mode.
    pub mode: u32,
    /// Where it is written before it is whole.
    pub folder: TemporaryFolder,
}

impl Store {
    /// A mode as it is written, such as `user:rw group:r all:r`; its owner may read and write it anyway.
    pub fn read_mode<'t>(words: impl Iterator<Item = &'t str>) -> Option<u32> {
        words.map(read_right).try_fold(0o600, |mode, right| Some(mode | right?))
    }

    /// The mode as it is written.
    pub fn mode_text(&self) -> String {
        let shown = WHOM.iter().filter_map(|(name, shift)| match (self.mode >> shift) & 0o6 {
            0o6 => Some(format!("{name}:rw")),
            0o4 => Some(format!("{name}:r")),
            _ => None,
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

/// Whom a right is given, and where its bits are.
const WHOM: [(&str, u32); 3] = [("user", 6), ("group", 3), ("all", 0)];

fn read_right(word: &str) -> Option<u32> {
    let (whom, right) = word.split_once(':')?;
    let (_, shift) = WHOM.iter().find(|(name, _)| *name == whom)?;
    match right {
        "rw" => Some(0o6 << shift),
        "r" => Some(0o4 << shift),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_what_each_may_do_and_is_written_as_it_is_read() {
        let read = |text: &str| Store::read_mode(text.split_whitespace());
        for (text, mode, shown) in [
            ("", 0o600, "user:rw"),
            ("user:r", 0o600, "user:rw"),
            ("user:rw group:rw all:r", 0o664, "user:rw group:rw all:r"),
            ("all:rw", 0o606, "user:rw all:rw"),
        ] {
            assert_eq!(read(text), Some(mode), "{text}");
            let store = Store { path: Template { parts: vec![] }, mode, folder: TemporaryFolder::default() };
            assert_eq!(store.mode_text(), shown);
        }
        for wrong in ["rw", "user:w", "me:rw", "user"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
