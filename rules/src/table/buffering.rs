//! Requests that are read whole before they are sent, and where they wait meanwhile.

/// How much of a body is kept in memory where nothing else is said.
const IN_MEMORY: u64 = 256 * 1024;

/// `buffering on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffering {
    /// How many bytes of a body are kept in memory; a longer one waits in a file.
    pub memory: u64,
    /// Where that is.
    pub folder: TemporaryFolder,
    /// Whether each body is a file, however short it is, and what becomes of it.
    pub file: Option<BodyFile>,
}

impl Default for Buffering {
    fn default() -> Self {
        Self { memory: IN_MEMORY, folder: TemporaryFolder::default(), file: None }
    }
}

/// What becomes of the file of a body, once the request is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFile {
    /// It stays.
    Kept,
    /// It is removed.
    Removed,
}

impl BodyFile {
    /// Both, as they are called.
    pub const NAMES: [(&str, Self); 2] = [("kept", Self::Kept), ("removed", Self::Removed)];

    /// As it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Removed => "removed",
        }
    }
}

/// A folder for numbered files, and the folders within that they are spread over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemporaryFolder {
    /// `None` is the system's.
    pub path: Option<String>,
    /// How many of a file's last digits name the folder that it is in, then the one in that, and so on.
    pub levels: Vec<usize>,
}

impl TemporaryFolder {
    /// The most levels.
    pub const MOST_LEVELS: usize = 3;

    /// Levels as they are written, such as `1 2`; a file's number has ten digits to spare for them.
    pub fn read_levels<'t>(words: impl Iterator<Item = &'t str>) -> Option<Vec<usize>> {
        let read = |word: &str| word.parse().ok().filter(|level| *level > 0);
        let levels = words.map(read).collect::<Option<Vec<usize>>>()?;
        let digits = levels.iter().try_fold(0_usize, |sum, level| sum.checked_add(*level))?;
        (levels.len() <= Self::MOST_LEVELS && digits <= 10).then_some(levels)
    }

    /// Levels as they are written.
    pub fn levels_text(&self) -> String {
        self.levels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_up_to_three_numbers_of_digits_that_there_are() {
        let read = |text: &str| TemporaryFolder::read_levels(text.split_whitespace());
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read("1 2"), Some(vec![1, 2]));
        for wrong in ["0", "x", "-1", "1 1 1 1", "9 9", "99999999999999999999", "18446744073709551615 2"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
