//! Giving a certificate back before its time, when its key may be known to others.

use super::account;
use super::failure::Failure;
use super::https::Https;
use super::issuer::Terms;
use super::store::{ACCOUNT, Lock, Store};
use super::wanted::{Wanted, wanted};
use crate::tls::Certificate;
use instant_acme::{Account, RevocationRequest};
use std::time::Duration;
use vordr_rules::table::Table;

/// How long an order that is under way is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(200);

/// Why a certificate was not revoked, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RevokeError(String);

/// Has the issuer revoke the certificate of the server that has this host, and forgets it with its key: a vordr that
/// runs on these rules orders a new one within seconds, any other at its next start.
pub fn revoke(table: &Table, host: &str) -> Result<(), RevokeError> {
    let Some(wanted) = wanted(table).into_iter().find(|wanted| wanted.names.iter().any(|name| name == host))
    else {
        return Err(RevokeError(format!(
            "no server of these rules has a certificate from ACME for `{host}`"
        )));
    };
    let terms = Terms::of(table);
    let store = Store::open(&terms.state, &terms.directory)
        .map_err(|error| RevokeError(format!("cannot use {}: {error}", terms.state)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| RevokeError(error.to_string()))?;
    runtime
        .block_on(revoke_stored(&store, &terms, &wanted))
        .map_err(|failure| RevokeError(format!("the certificate for `{host}` is not revoked: {failure}")))
}

async fn revoke_stored(store: &Store, terms: &Terms, wanted: &Wanted) -> Result<(), Failure> {
    let file = Store::certificate_file(wanted.name());
    let locking = tokio::time::timeout(PATIENCE, lock(store, &file));
    let _lock = locking.await.map_err(|_| Failure::state("a vordr that runs is ordering it"))??;
    let pem = store.read(&file).map_err(Failure::state)?;
    let pem = pem.ok_or_else(|| Failure::state("none is stored"))?;
    let certificate = Certificate::from_pem(&pem, &pem).map_err(Failure::state)?;
    let own = certificate.chain().first().ok_or_else(|| Failure::state("none is stored"))?;
    let request = RevocationRequest { certificate: own, reason: None };
    reopen(store, terms).await?.revoke(&request).await?;
    store.remove(&file).map_err(Failure::state)
}

async fn lock(store: &Store, file: &str) -> Result<Lock, Failure> {
    loop {
        if let Some(lock) = store.lock(file).map_err(Failure::state)? {
            return Ok(lock);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The account that ordered it.
async fn reopen(store: &Store, terms: &Terms) -> Result<Account, Failure> {
    let stored = store.read(ACCOUNT).map_err(Failure::state)?;
    let credentials = stored.and_then(|bytes| account::credentials(&bytes));
    let credentials =
        credentials.ok_or_else(|| Failure::state("the account that ordered it is not stored"))?;
    let https = Https::new(terms.ca.as_deref()).map_err(Failure::state)?;
    Ok(Account::builder_with_http(Box::new(https)).from_credentials(credentials).await?)
}
