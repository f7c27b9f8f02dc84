//! Files that hold certificates, watched while vordr runs.
//!
//! They are asked how they stand once a second: that holds for files that are written in place, renamed over or
//! reached by links that are swapped, on every file system.

use super::door::Doors;
use super::files::{self, FileFlaw, Stamp};
use super::inspect::FromFiles;
use super::profile::AuthorityFlaw;
use crate::generation::Generation;
use crate::shared::Shared;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vordr_rules::table::{ClientCa, Table};

/// How often the files are asked.
const EVERY: Duration = Duration::from_secs(1);

/// The files behind certificates and clients' authorities, under one set of rules.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    table: Arc<Table>,
    doors: Arc<Doors>,
    replaced: CancellationToken,
    certificates: Vec<(FromFiles, Seen<[Stamp; 3]>)>,
    authorities: Vec<(String, Seen<Stamp>)>,
}

impl Watch {
    /// Begins with what was read when the rules were loaded.
    pub(crate) fn new(shared: &Arc<Shared>, generation: &Generation, read: Vec<FromFiles>) -> Self {
        let table = generation.table.clone();
        let certificates = read.into_iter().map(|from| {
            let seen = Seen::new(from.stamps.clone());
            (from, seen)
        });
        let authorities = table.servers.iter().filter_map(|server| server.tls.as_ref()?.client_ca.as_ref());
        let mut authorities: Vec<_> = authorities.flat_map(ClientCa::files).cloned().collect();
        authorities.sort();
        authorities.dedup();
        Self {
            shared: shared.clone(),
            doors: generation.doors.clone(),
            replaced: generation.replaced.clone(),
            certificates: certificates.collect(),
            authorities: authorities
                .into_iter()
                .map(|path| (path.clone(), Seen::new(Stamp::of(&path))))
                .collect(),
            table,
        }
    }

    /// Watches until newer rules are in force.
    pub(crate) async fn keep(mut self) {
        if self.certificates.is_empty() && self.authorities.is_empty() {
            return;
        }
        let replaced = self.replaced.clone();
        while replaced.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            // A file system that hangs must not hold up whoever else is on this thread.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(watch) => self = watch,
                Err(_) => return,
            }
        }
    }

    /// Looks at every file, and takes over what has changed.
    fn look(&mut self) {
        for (from, seen) in &mut self.certificates {
            if seen.has_settled(Stamp::of_files(&from.files)) {
                replace(from, seen, &self.shared);
            }
        }
        let mut changed = Vec::new();
        for (path, seen) in &mut self.authorities {
            if seen.has_settled(Stamp::of(path)) {
                changed.push(seen);
            }
        }
        if !changed.is_empty() {
            reopen(&self.doors, &self.table, &mut changed, &self.shared);
        }
    }
}

/// Checks clients against the authorities that the files hold now.
fn reopen(doors: &Doors, table: &Arc<Table>, changed: &mut [&mut Seen<Stamp>], shared: &Shared) {
    let log = shared.observer.log();
    let flaw = doors.reopen(table).err();
    if !matches!(flaw, Some(AuthorityFlaw::Unreadable(_))) {
        changed.iter_mut().for_each(|seen| seen.is_done());
    }
    let Some(reason) = flaw.map(|flaw| flaw.to_string()) else {
        return log.info("clients' authorities replaced", &[]);
    };
    let news = changed.iter_mut().map(|seen| seen.is_news(&reason));
    if news.fold(false, |any, one| any | one) {
        log.error("the new clients' authorities are not taken; those before stay", &[("reason", &reason)]);
    }
}

/// Shows what the files hold now; where that is nothing that can be shown, what was shown stays.
fn replace(from: &mut FromFiles, seen: &mut Seen<[Stamp; 3]>, shared: &Shared) {
    let (log, servers) = (shared.observer.log(), from.servers.join(" "));
    let read = files::read(&from.files);
    if !read.as_ref().is_err_and(FileFlaw::may_pass) {
        seen.is_done();
    }
    match read.map_err(|flaw| flaw.to_string()) {
        Ok(read) => {
            log.info("certificate replaced", &[("cert", &from.files.chain), ("servers", &servers)]);
            from.certificate = Arc::new(read);
            shared.certificates.put_files(std::slice::from_ref(from));
        }
        Err(reason) if seen.is_news(&reason) => {
            let fields = [("reason", &*reason), ("servers", &servers)];
            log.error("the new certificate is not taken; the one before stays", &fields);
        }
        Err(_) => {}
    }
}

/// How something stood when it was last acted upon, and when it was last looked at.
#[derive(Debug)]
struct Seen<S> {
    acted_upon: S,
    last: S,
    /// Why it cannot be taken as it was last looked at, if that was said.
    told: Option<String>,
}

impl<S: Clone + PartialEq> Seen<S> {
    fn new(stamp: S) -> Self {
        Self { acted_upon: stamp.clone(), last: stamp, told: None }
    }

    /// Whether it has changed and stands as it did the last time: what is being written is left in peace. That stays so
    /// until it [is done](Self::is_done): a file that cannot be read now may well be read in a second.
    fn has_settled(&mut self, now: S) -> bool {
        if now != self.last {
            (self.last, self.told) = (now, None);
            return false;
        }
        self.last != self.acted_upon
    }

    /// Its present content was taken, or never will be.
    fn is_done(&mut self) {
        self.acted_upon = self.last.clone();
    }

    /// Whether this has not been said of it already.
    fn is_news(&mut self, reason: &str) -> bool {
        self.told.replace(reason.to_owned()).is_none_or(|told| told != reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_acted_upon_once_it_has_settled_and_only_once() {
        let mut seen = Seen::new(1);
        let acted = [1, 2, 3, 3, 3, 4, 4, 3, 3].map(|stamp| {
            let settled = seen.has_settled(stamp);
            if settled {
                seen.is_done();
            }
            settled
        });
        assert_eq!(acted, [false, false, false, true, false, false, true, false, true]);
    }
}
