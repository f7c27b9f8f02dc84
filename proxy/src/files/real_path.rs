//! Where a path leads, by way of whatever links there are.

use std::os::unix::ffi::OsStringExt;

/// Looked up anew each time, as links are what is changed while vordr runs; nothing where nothing is there.
pub(crate) fn real_path(path: &str) -> Vec<u8> {
    std::fs::canonicalize(path).map(|path| path.into_os_string().into_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn links_are_followed_wherever_they_lead_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let link = |to: &str| {
            let _ = std::fs::remove_file(at("current"));
            std::os::unix::fs::symlink(to, at("current")).unwrap();
        };
        let seen = || String::from_utf8(real_path(at("current").to_str().unwrap())).unwrap();
        for version in ["one", "two"] {
            std::fs::create_dir(at(version)).unwrap();
            link(version);
            assert_eq!(seen(), at(version).canonicalize().unwrap().to_str().unwrap());
        }
        link("nowhere");
        assert_eq!(seen(), "");
    }
}
