//! `auth basic` with a file whose name depends on the request.

use super::auth::Refusal;
use super::passwords::Passwords;
use crate::exchange::{Failure, leads_out};
use http::StatusCode;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use vordr_rules::placeholder::{Part, Template};
use vordr_rules::table::Ways;

/// Reads the file of this name, which `template` was filled in to. Where there is none nobody may come.
pub(super) async fn read(name: Vec<u8>, template: &Template, ways: Ways) -> Result<Arc<Passwords>, Refusal> {
    let path = path(name, template);
    let shown = path.display().to_string();
    let refused = |status, why: String| Refusal::Own(Failure::Decided(status, format!("{shown}: {why}")));
    if leads_out(&path, template) {
        return Err(refused(StatusCode::FORBIDDEN, "what a request fills in leads nowhere else".to_owned()));
    }
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
    let text = match read {
        Ok(Ok(text)) => text,
        Ok(Err(error)) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(refused(StatusCode::FORBIDDEN, error.to_string()));
        }
        Ok(Err(error)) => return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        Err(error) => return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    };
    let passwords = match ways {
        Ways::Own => Passwords::read(&text),
        Ways::Nginx => Passwords::read_weak(&text),
    };
    passwords.map(Arc::new).map_err(|why| refused(StatusCode::INTERNAL_SERVER_ERROR, why))
}

/// Below a folder that the rules write with `//` at its end, unless what follows begins at the root itself.
fn path(name: Vec<u8>, template: &Template) -> PathBuf {
    let folder = match template.parts.first() {
        Some(Part::Text(text)) if text.ends_with("//") => text.len(),
        _ => 0,
    };
    let own = name.get(folder..).filter(|own| own.starts_with(b"/")).map(<[u8]>::to_vec);
    PathBuf::from(std::ffi::OsString::from_vec(own.unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_below_the_folder_that_is_written_before_it_unless_it_begins_at_the_root() {
        for (template, filled, path_of_it) in [
            ("/etc//{arg.f}", "/etc//users", "/etc//users"),
            ("/etc//{arg.f}", "/etc///srv/users", "/srv/users"),
            ("/etc/{arg.f}", "/etc//srv/users", "/etc//srv/users"),
            ("{arg.f}", "/srv/users", "/srv/users"),
        ] {
            let template = Template::compile(template).unwrap();
            assert_eq!(path(filled.as_bytes().to_vec(), &template), PathBuf::from(path_of_it));
        }
    }
}
