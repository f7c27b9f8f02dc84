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

use crate::observe::Observer;
use crate::shared::Shared;
use crate::start_error::StartError;
use answers::Answers;
use https::Https;
use issuer::{Issuer, Terms};
use keeper::Keeper;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use vordr_rules::table::Table;
use vordr_rules::{Diagnostic, Loaded};
use wanted::{Wanted, wanted};

/// How long an order that is under way may take to let go when vordr stops.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps the certificates that the rules want from ACME, whatever is reloaded.
#[derive(Debug)]
pub(crate) struct Acme {
    answers: Answers,
    observer: Arc<Observer>,
    running: Mutex<Running>,
}

/// What runs now; its thread from the first certificate on.
#[derive(Debug, Default)]
struct Running {
    runtime: Option<Runtime>,
    issuer: Option<Arc<Issuer>>,
    kept: Vec<Kept>,
}

/// A certificate with its keeper's task.
#[derive(Debug)]
struct Kept {
    wanted: Wanted,
    issuer: Arc<Issuer>,
    task: AbortHandle,
}

/// What newer rules want, with everything done that can fail.
#[derive(Debug)]
pub(crate) struct Prepared {
    wanted: Vec<Wanted>,
    /// `None` where nothing is wanted.
    issuer: Option<Arc<Issuer>>,
    runtime: Option<Runtime>,
}

impl Acme {
    /// Keeps nothing yet.
    pub(crate) fn of(shared: &Shared) -> Self {
        let answers = Answers { tokens: shared.tokens.clone(), certificates: shared.certificates.clone() };
        Self { answers, observer: shared.observer.clone(), running: Mutex::default() }
    }

    /// Opens the state folder and reads the issuer's authorities, where the rules want certificates at all.
    pub(crate) fn prepare(&self, table: &Table) -> Result<Prepared, StartError> {
        let wanted = wanted(table);
        if wanted.is_empty() {
            return Ok(Prepared { wanted, issuer: None, runtime: None });
        }
        let running = self.running();
        let terms = Terms::of(table);
        let known = running.issuer.iter().find(|known| known.terms == terms).cloned();
        let issuer = match known {
            Some(known) => known,
            None => Arc::new(Issuer::new(terms, self.answers.clone(), self.observer.clone())?),
        };
        let runtime = running.runtime.is_none().then(thread).transpose().map_err(StartError::Worker)?;
        Ok(Prepared { wanted, issuer: Some(issuer), runtime })
    }

    /// Takes over what newer rules want: every host has something to show when this returns. Certificates that are
    /// wanted as before are not disturbed.
    pub(crate) fn take(&self, prepared: Prepared) {
        let mut running = self.running();
        let Running { runtime, issuer, kept } = &mut *running;
        *runtime = runtime.take().or(prepared.runtime);
        *issuer = prepared.issuer;
        let stays = |one: &Kept| {
            issuer.as_ref().is_some_and(|issuer| Arc::ptr_eq(&one.issuer, issuer))
                && prepared.wanted.contains(&one.wanted)
        };
        for gone in kept.extract_if(.., |one| !stays(one)) {
            gone.task.abort();
            let is_wanted = |name: &String| prepared.wanted.iter().any(|wanted| wanted.names.contains(name));
            let names: Vec<_> = gone.wanted.names.into_iter().filter(|name| !is_wanted(name)).collect();
            self.answers.certificates.remove(&names);
        }
        let (Some(runtime), Some(issuer)) = (runtime, issuer) else { return };
        for wanted in prepared.wanted {
            if kept.iter().all(|one| one.wanted != wanted) {
                let keeper = Keeper::new(issuer.clone(), wanted.clone());
                let task = runtime.spawn(keeper.keep()).abort_handle();
                kept.push(Kept { wanted, issuer: issuer.clone(), task });
            }
        }
    }

    /// Lets go of everything. An order that is under way is left to the next start.
    pub(crate) fn stop(&self) {
        let mut running = std::mem::take(&mut *self.running());
        running.kept.iter().for_each(|one| one.task.abort());
        if let Some(runtime) = running.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error where the file of the issuer's authorities cannot be used, and something is to come from it.
pub(crate) fn unusable_ca(loaded: &Loaded) -> Option<Diagnostic> {
    let ca = loaded.acme_ca.as_ref().filter(|_| !wanted(&loaded.table).is_empty())?;
    let error = Https::new(Some(&ca.value)).err()?;
    Some(Diagnostic::error("bad-acme-ca", ca.span, error.to_string()))
}

impl Drop for Running {
    fn drop(&mut self) {
        // Wherever the last handle goes, it is not waited for there.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn thread() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("vordr-acme").enable_all().build()
}
