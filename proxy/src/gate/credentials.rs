//! What the credentials of one set of rules are held against: files, and keys of issuers.

use super::issuer::Issuer;
use super::jwt::Keys;
use super::passwords::Passwords;
use super::secrets::Tokens;
use super::token::KeySet;
use super::watched::Watched;
use crate::ask::{self, Asker};
use crate::start_error::StartError;
use std::collections::HashMap;
use std::sync::Arc;
use vordr_rules::table::{Auth, AuthKind, Server, Settings, Table, Ways};

/// The files that `auth` names by their paths, and issuers by their URLs.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    passwords: HashMap<String, Arc<Watched<Passwords>>>,
    /// Those that may have weaker hashes.
    weak_passwords: HashMap<String, Arc<Watched<Passwords>>>,
    pub(super) tokens: HashMap<String, Arc<Watched<Tokens>>>,
    pub(super) keys: HashMap<String, Keys>,
    /// Made where somebody is to be asked.
    pub(super) asker: Option<Asker>,
}

impl Credentials {
    /// Reads whatever the rules name; what `old` knows of issuers is taken over.
    pub(crate) fn open(table: &Table, old: Option<&Self>) -> Result<Self, StartError> {
        let mut credentials = Self::default();
        for auth in auths(table) {
            credentials.add(auth, old).map_err(StartError::Credentials)?;
        }
        if every_settings(table).any(|settings| settings.afterwards.is_some()) {
            credentials.need_asker(old).map_err(StartError::Credentials)?;
        }
        Ok(credentials)
    }

    /// The passwords of a file.
    pub(super) fn passwords(&self, file: &str, ways: Ways) -> Option<&Arc<Watched<Passwords>>> {
        match ways {
            Ways::Own => self.passwords.get(file),
            Ways::Nginx => self.weak_passwords.get(file),
        }
    }

    fn add(&mut self, auth: &Auth, old: Option<&Self>) -> Result<(), String> {
        match &auth.kind {
            // What depends on the request is read for each.
            AuthKind::Basic { file, ways, .. } => match (file.as_text(), ways) {
                (None, _) => Ok(()),
                (Some(file), Ways::Own) => add(&mut self.passwords, file, Passwords::read),
                (Some(file), Ways::Nginx) => add(&mut self.weak_passwords, file, Passwords::read_weak),
            },
            AuthKind::Key { file, .. } | AuthKind::Bearer { file } => {
                add(&mut self.tokens, file, Tokens::read)
            }
            AuthKind::Jwt { jwks, .. } => self.add_keys(jwks, old),
            AuthKind::Location { .. } => self.need_asker(old),
            AuthKind::Forward { url } => {
                ask::url(url)?;
                self.need_asker(old)
            }
        }
    }
}

impl Credentials {
    fn add_keys(&mut self, place: &str, old: Option<&Self>) -> Result<(), String> {
        self.need_asker(old)?;
        if self.keys.contains_key(place) {
            return Ok(());
        }
        let known = old.and_then(|old| old.keys.get(place)).filter(|keys| matches!(keys, Keys::Issuer(_)));
        let keys = match known {
            Some(known) => known.clone(),
            None if place.contains("://") => Keys::Issuer(Issuer::new(place)?),
            None => Keys::File(Watched::open(place, KeySet::read)?),
        };
        self.keys.insert(place.to_owned(), keys);
        Ok(())
    }

    fn need_asker(&mut self, old: Option<&Self>) -> Result<(), String> {
        if self.asker.is_none() {
            let known = old.and_then(|old| old.asker.clone());
            self.asker = Some(known.map_or_else(Asker::new, Ok)?);
        }
        Ok(())
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
    every_settings(table).flat_map(|settings| &settings.auth)
}

fn every_settings(table: &Table) -> impl Iterator<Item = &Settings> {
    table.servers.iter().flat_map(Server::every_settings)
}
