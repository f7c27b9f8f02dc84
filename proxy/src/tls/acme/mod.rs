//! Certificates that look after themselves: ordered from an issuer by ACME (RFC 8555), kept, and renewed.
//!
//! Each certificate has a keeper; all of them live on one thread, so that neither requests nor health checks wait for
//! a disk or for the issuer.

mod account;
mod answers;
mod failure;
mod https;
mod issuer;
mod keeper;
mod order;
mod revoke;
mod schedule;
mod store;
mod temporary;
mod wanted;

pub(crate) use answers::Tokens;
pub use revoke::{RevokeError, revoke};

use super::Certificates;
use crate::observe::Observer;
use crate::start_error::StartError;
use answers::Answers;
use issuer::Issuer;
use keeper::Keeper;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio_util::sync::CancellationToken;
use vordr_rules::table::Table;

/// The running thread; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Acme {
    thread: Option<JoinHandle<()>>,
    stopping: CancellationToken,
}

impl Acme {
    /// Puts a certificate in for every host that wants one from ACME, stored or self-signed, then keeps them fresh.
    pub(crate) fn start(
        table: &Table,
        certificates: Arc<Certificates>,
        tokens: Arc<Tokens>,
        observer: Arc<Observer>,
    ) -> Result<Self, StartError> {
        let stopping = CancellationToken::new();
        let wanted = wanted::wanted(table);
        if wanted.is_empty() {
            return Ok(Self { thread: None, stopping });
        }
        let issuer = Arc::new(Issuer::new(table, Answers { tokens, certificates }, observer)?);
        let keepers = wanted
            .into_iter()
            .map(|wanted| Keeper::new(issuer.clone(), wanted))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|failure| StartError::Acme(failure.to_string()))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
        let stopped = stopping.clone();
        let thread = std::thread::Builder::new()
            .name("vordr-acme".to_owned())
            .spawn(move || runtime.block_on(keep(keepers, stopped)))
            .map_err(StartError::Worker)?;
        Ok(Self { thread: Some(thread), stopping })
    }

    /// Ends the thread, and waits until it has. An order that is under way is left to the next start.
    pub(crate) fn stop(&mut self) {
        self.stopping.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Acme {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Keeps every certificate until it is told to stop.
async fn keep(keepers: Vec<Keeper>, stopping: CancellationToken) {
    for keeper in keepers {
        tokio::spawn(keeper.keep());
    }
    stopping.cancelled().await;
}
