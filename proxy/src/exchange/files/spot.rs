//! Where in a folder a request's file may be.

use super::super::context::Exchange;
use super::super::failure::Failure;
use super::super::fill::{Into, Known};
use http::request::Parts;
use vordr_rules::placeholder::{Part, Template};
use vordr_rules::table::{Files, Ways, normal_path};

/// A place in a folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Spot {
    /// The path below the folder, decoded: names with one `/` between them; nothing is the folder itself.
    pub path: Vec<u8>,
    /// Whether it ended in `/`, as a folder's does.
    pub is_folder: bool,
    /// The path by which a location would be found for it.
    pub uri: Vec<u8>,
    /// Of what `try` names: whether it is there only if it is a folder, or only if it is none.
    pub wants_folder: Option<bool>,
}

impl Exchange {
    /// Where to look, in order.
    pub(super) fn spots(&self, files: &Files, request: &Parts) -> Result<Vec<Spot>, Failure> {
        if files.tries.is_empty() {
            return Ok(vec![self.spot_asked_for(files, request)?]);
        }
        // What leads nowhere is not there.
        let spots = files.tries.iter().filter_map(|path| self.spot_tried(files, path, request).ok());
        Ok(spots.collect())
    }

    /// The names of an index; nothing where all of them are known beforehand. What the request makes no name of a file of
    /// that folder is passed over.
    pub(super) fn index_names(&self, files: &Files, request: &Parts) -> Vec<String> {
        if files.index.iter().all(|name| name.as_text().is_some()) {
            return Vec::new();
        }
        files.index.iter().filter_map(|name| self.index_name(name, files.ways, request)).collect()
    }

    fn index_name(&self, name: &Template, ways: Ways, request: &Parts) -> Option<String> {
        let filled = match ways {
            Ways::Own => self.fill_shown(name, request).ok().filter(|filled| !filled.contains(&b'/'))?,
            Ways::Nginx => self.fill(name, request, Into::Raw),
        };
        let leads_nowhere = filled.is_empty() || filled.split(|byte| *byte == b'/').any(is_no_name);
        (!leads_nowhere).then(|| String::from_utf8_lossy(&filled).into_owned())
    }

    fn spot_asked_for(&self, files: &Files, request: &Parts) -> Result<Spot, Failure> {
        let current = self.current_path(request);
        if let Some(path) = &files.path {
            let path = self.fill(path, request, Into::Raw);
            return self.spot(files, &path, current.into_owned(), request);
        }
        let rewrite = self.settings().and_then(|settings| settings.rewrite.as_ref());
        let rewritten = rewrite.map(|rewrite| self.fill(rewrite, request, Into::Target));
        let path = match &rewritten {
            Some(path) => {
                let written = std::str::from_utf8(path).ok().and_then(|path| path.split('?').next());
                written.and_then(normal_path).ok_or(Failure::NoFile("its path is none"))?
            }
            None => current.clone(),
        };
        let below = without_prefix(&path, files);
        let spot = self.spot(files, below, current.to_vec(), request)?;
        let is_folder = spot.is_folder && (rewritten.is_some() || !is_without_slash(below, files));
        Ok(Spot { is_folder, ..spot })
    }

    fn spot_tried(&self, files: &Files, path: &Template, request: &Parts) -> Result<Spot, Failure> {
        let mut uri = self.fill(path, request, Into::Raw);
        // As in nginx it is what is written that says so, and its `/` is no part of what is looked for.
        let wants_folder = matches!(path.parts.last(), Some(Part::Text(text)) if text.ends_with('/'));
        if wants_folder {
            uri.pop();
        } else if uri.ends_with(b"/") {
            return Err(Failure::NoFile("a file's path does not end in `/`"));
        }
        let below = without_prefix(&uri, files).to_vec();
        let spot = self.spot(files, &below, uri, request)?;
        let is_folder = spot.is_folder && !is_without_slash(&below, files);
        Ok(Spot { is_folder, wants_folder: Some(wants_folder), ..spot })
    }

    /// The place of a path; what leads nowhere, or where nobody is to look, is refused.
    fn spot(&self, files: &Files, path: &[u8], uri: Vec<u8>, request: &Parts) -> Result<Spot, Failure> {
        let below = path.strip_prefix(b"/").unwrap_or(path);
        let is_folder = below.is_empty() || below.ends_with(b"/");
        let within = files.within.as_ref().map(|within| self.folder_within(within, files.ways, request));
        let within = within.transpose()?;
        let names = match files.ways {
            Ways::Own => own_names(below)?,
            Ways::Nginx => nginx_names(below),
        };
        let all: Vec<&[u8]> =
            within.iter().flat_map(|within| nginx_names(within)).chain(names.iter().copied()).collect();
        if all.iter().any(|name| *name == b"." || is_no_name(name)) {
            return Err(Failure::NoFile("its path is none"));
        }
        Ok(Spot { path: all.join(&b'/'), is_folder, uri, wants_folder: None })
    }

    /// What leads to the folder, where that goes by the request.
    fn folder_within(&self, within: &Template, ways: Ways, request: &Parts) -> Result<Vec<u8>, Failure> {
        if ways == Ways::Nginx {
            return Ok(self.fill(within, request, Into::Raw));
        }
        let mut filled = self.fill_shown(within, request)?;
        if matches!(within.parts.last(), Some(Part::Text(text)) if text.ends_with('/')) {
            filled.pop();
        }
        // Where nothing is filled in, it would be the folder that all of them are in.
        match filled.split(|byte| *byte == b'/').any(<[u8]>::is_empty) {
            true => Err(Failure::NoFile("what is filled into its folder is no name")),
            false => Ok(filled),
        }
    }

    /// A text with everything filled in, in which no name begins with a `.` but those that the rules begin so.
    fn fill_shown(&self, template: &Template, request: &Parts) -> Result<Vec<u8>, Failure> {
        let known = Known { request, captures: &self.captures, answer: None };
        let mut out = Vec::new();
        for (number, part) in template.parts.iter().enumerate() {
            let start = out.len();
            let end = match part {
                Part::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    // Where nothing was filled in before it, its own `.` comes to begin a name.
                    start + usize::from(number > 0)
                }
                Part::Placeholder(placeholder) => {
                    self.fill_one(placeholder, known, Into::Raw, &mut out);
                    out.len()
                }
            };
            if (start..end).any(|at| begins_hidden(&out, at)) {
                return Err(Failure::NoFile("names that begin with `.` are hidden"));
            }
        }
        Ok(out)
    }
}

fn begins_hidden(path: &[u8], at: usize) -> bool {
    let begins_name = at.checked_sub(1).is_none_or(|before| path.get(before) == Some(&b'/'));
    begins_name && path.get(at) == Some(&b'.')
}

/// What leads elsewhere, and what no file is called.
fn is_no_name(name: &[u8]) -> bool {
    name == b".." || name.contains(&0)
}

/// The names of a path, as vordr takes them.
fn own_names(below: &[u8]) -> Result<Vec<&[u8]>, Failure> {
    let folder = below.strip_suffix(b"/").unwrap_or(below);
    let names: Vec<&[u8]> = folder.split(|byte| *byte == b'/').collect();
    if below.is_empty() {
        return Ok(Vec::new());
    }
    if names.iter().any(|name| name.is_empty()) {
        // A path with `//` in it may have come past a location that is meant to keep it.
        return Err(Failure::NoFile("its path has `//` in it"));
    }
    let well_known = folder == b".well-known" || folder.starts_with(b".well-known/");
    if names.iter().skip(usize::from(well_known)).any(|name| name.starts_with(b".")) {
        return Err(Failure::NoFile("names that begin with `.` are hidden"));
    }
    Ok(names)
}

/// The names of a path, as a file system takes them.
fn nginx_names(below: &[u8]) -> Vec<&[u8]> {
    below.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect()
}

/// Whether the prefix that was taken off is the folder's whole path: without a `/` its links lead wrong, as any other's.
fn is_without_slash(below: &[u8], files: &Files) -> bool {
    files.ways == Ways::Own && below.is_empty()
}

/// Takes a prefix of whole segments off.
fn without_prefix<'p>(path: &'p [u8], files: &Files) -> &'p [u8] {
    let prefix = files.strip_prefix.as_deref().unwrap_or_default().as_bytes();
    match path.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
        _ => path,
    }
}
