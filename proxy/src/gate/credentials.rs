//! What the credentials of one set of rules are held against: files, and keys of issuers.

use super::passwords::Passwords;
use super::secrets::Tokens;
use super::watched::Watched;
use crate::start_error::StartError;
use std::collections::HashMap;
use std::sync::Arc;
use vordr_rules::table::{Auth, AuthKind, Table};

/// The files that `auth` names, by their paths.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(super) passwords: HashMap<String, Arc<Watched<Passwords>>>,
    pub(super) tokens: HashMap<String, Arc<Watched<Tokens>>>,
}

impl Credentials {
    /// Reads whatever the rules name.
    pub(crate) fn open(table: &Table) -> Result<Self, StartError> {
        let mut credentials = Self::default();
        for auth in auths(table) {
            credentials.add(auth).map_err(StartError::Credentials)?;
        }
        Ok(credentials)
    }

    fn add(&mut self, auth: &Auth) -> Result<(), String> {
        match &auth.kind {
            AuthKind::Basic { file, .. } => add(&mut self.passwords, file, Passwords::read),
            AuthKind::Key { file, .. } | AuthKind::Bearer { file } => {
                add(&mut self.tokens, file, Tokens::read)
            }
            AuthKind::Jwt { .. } | AuthKind::Forward { .. } => Ok(()),
        }
    }
}

type Files<T> = HashMap<String, Arc<Watched<T>>>;

fn add<T>(files: &mut Files<T>, path: &str, read: fn(&str) -> Result<T, String>) -> Result<(), String>
where
    T: Send + Sync + 'static,
{
    if !files.contains_key(path) {
        files.insert(path.to_owned(), Watched::open(path, read)?);
    }
    Ok(())
}

/// Every `auth` that holds anywhere.
fn auths(table: &Table) -> impl Iterator<Item = &Auth> {
    let settings = table.servers.iter().flat_map(|server| {
        std::iter::once(&server.settings).chain(server.locations.iter().map(|location| &location.settings))
    });
    settings.flat_map(|settings| &settings.auth)
}
