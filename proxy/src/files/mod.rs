//! `files`: folders opened when rules are loaded, and the files that requests seek in them.

mod beneath;
mod entries;
mod folder;
mod inspect;
mod reading;
mod real_path;

pub(crate) use entries::Entry;
pub(crate) use folder::{Find, Folders};
pub(crate) use inspect::missing_folders;
pub(crate) use reading::Reading;
pub(crate) use real_path::real_path;
