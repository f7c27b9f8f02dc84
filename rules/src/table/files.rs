//! `files`: what is served from a folder, and how.

use super::Action;
use crate::placeholder::Template;

/// `files`.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// The folder; with `within`, the one that all it may lead to are below.
    pub root: String,
    /// What leads from `root` to the folder, where that is another one from request to request.
    pub within: Option<Template>,
    /// What is looked for in the folder; `None` is the request's path.
    pub path: Option<Template>,
    /// The names tried in a folder, in order; in nginx's ways the first that begins with `/` is gone to anyway.
    pub index: Vec<Template>,
    /// How many parts of a file one answer may have; `None` is vordr's own bound, 0 is none.
    pub max_ranges: Option<u32>,
    /// The paths tried, in order; where there are none, the request's own is.
    pub tries: Vec<Template>,
    /// The path served where nothing is found.
    pub fallback: Option<String>,
    /// What is done where nothing is found, in the place of a 404.
    pub otherwise: Option<Box<Action>>,
    /// Whether `name.gz`, `name.br`, `name.zst` are served in the place of `name`.
    pub precompressed: bool,
    /// Whether `Vary` tells that such a one may be served.
    pub vary: bool,
    /// Path prefix taken off before a file is looked for; never ends in `/`.
    pub strip_prefix: Option<String>,
    /// Which symbolic links are followed.
    pub symlinks: Symlinks,
    /// How a folder without an index is shown, where it is.
    pub listing: Option<Listing>,
    /// Whether an `ETag` is sent and looked at.
    pub etag: bool,
    /// When `If-Modified-Since` spares a client the file.
    pub since: Since,
    /// What stands before the path where a folder is redirected to its `/`; `None` sends the path alone.
    pub base: Option<Template>,
    /// Whose ways it has.
    pub ways: Ways,
}

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Symlinks {
    /// None.
    Off,
    /// Those that stay below the folder.
    Below,
    /// All, wherever they lead.
    Anywhere,
}

/// How a folder is listed, and how large its files are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// In bytes.
    Exact,
    /// In K, M and G.
    Rounded,
    /// As JSON.
    Json,
    /// As JSON that is handed to the function that the query's `callback` names.
    Jsonp,
    /// As XML.
    Xml,
}

impl Listing {
    /// All of them, by the words of the rules.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("on", Self::Exact),
        ("rounded", Self::Rounded),
        ("json", Self::Json),
        ("jsonp", Self::Jsonp),
        ("xml", Self::Xml),
    ];

    /// The word of the rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("on", |(name, _)| name)
    }
}

/// When `If-Modified-Since` spares a client the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Where it was changed at that very time.
    Exact,
    /// Where it was not changed after it.
    Before,
    /// Never.
    Off,
}

/// Whose ways files are served in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ways {
    /// vordr's own, which show nothing by accident.
    Own,
    /// nginx's: names that begin with `.` are shown, a folder may come to be there later, one without an index is 403,
    /// and an index is looked for among the locations anew.
    Nginx,
}
