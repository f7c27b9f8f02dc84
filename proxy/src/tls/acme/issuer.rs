//! The issuer as every keeper of a certificate sees it.

use super::answers::Answers;
use super::https::Https;
use super::store::Store;
use crate::observe::{Log, Observer};
use crate::start_error::StartError;
use instant_acme::LetsEncrypt;
use std::sync::Arc;
use tokio::sync::Semaphore;
use vordr_rules::table::{ExternalAccount, Table};

/// How many orders may be under way at once.
const ORDERS: usize = 4;

/// What the rules say of the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// The directory's URL.
    pub directory: String,
    /// The file of authorities that the directory's certificate is held against.
    pub ca: Option<String>,
    /// Contact addresses, as URLs.
    pub contacts: Vec<String>,
    /// The account that the issuer knows its customer by.
    pub external: Option<ExternalAccount>,
    /// The state folder.
    pub state: String,
}

impl Terms {
    /// Those of a table.
    pub(super) fn of(table: &Table) -> Self {
        let account = table.process.acme.clone().unwrap_or_default();
        Self {
            contacts: contacts(table, account.email),
            directory: account.directory.unwrap_or_else(|| LetsEncrypt::Production.url().to_owned()),
            ca: account.ca,
            external: account.external,
            state: table.process.state.clone(),
        }
    }
}

/// What every order uses.
#[derive(Debug)]
pub(super) struct Issuer {
    /// What the rules say of it.
    pub terms: Terms,
    /// Its folder.
    pub store: Store,
    /// How it is asked.
    pub https: Https,
    /// What answers challenges, and where certificates go.
    pub answers: Answers,
    /// Logs and metrics.
    pub observer: Arc<Observer>,
    /// A place for each order under way.
    pub places: Semaphore,
}

impl Issuer {
    /// Opens its folder, and reads the authorities that it is to be believed by.
    pub(super) fn new(terms: Terms, answers: Answers, observer: Arc<Observer>) -> Result<Self, StartError> {
        let store = Store::open(&terms.state, &terms.directory)
            .map_err(|source| StartError::State { folder: terms.state.clone(), source })?;
        let https = Https::new(terms.ca.as_deref())?;
        Ok(Self { terms, store, https, answers, observer, places: Semaphore::new(ORDERS) })
    }

    /// Where to say what happens.
    pub(super) fn log(&self) -> Log {
        self.observer.log()
    }

    /// Gives a file that cannot be used another name, and says so; whether it could.
    pub(super) fn set_aside(&self, file: &str, reason: &str) -> bool {
        let path = self.store.path(file).display().to_string();
        let outcome = self.store.set_aside(file);
        match &outcome {
            Ok(aside) => self.log().error(
                "a file of the state folder cannot be used and was set aside",
                &[("file", path.as_str()), ("reason", reason), ("now", &aside.display().to_string())],
            ),
            Err(error) => self.log().error(
                "a file of the state folder cannot be used, nor set aside",
                &[("file", path.as_str()), ("reason", reason), ("error", &error.to_string())],
            ),
        }
        outcome.is_ok()
    }
}

/// The process's address, or else each server's.
fn contacts(table: &Table, email: Option<String>) -> Vec<String> {
    let servers = table.servers.iter().filter_map(|server| server.tls.as_ref()?.acme.as_ref()?.email.clone());
    let mut emails: Vec<String> = match email {
        Some(email) => vec![email],
        None => servers.collect(),
    };
    emails.sort_unstable();
    emails.dedup();
    emails.into_iter().map(|email| format!("mailto:{email}")).collect()
}
