//! Files that hold certificates, watched while vordr runs.
//!
//! They are asked how they stand once a second: that holds for files that are written in place, renamed over or
//! reached by links that are swapped, on every file system.

use super::door::Doors;
use super::files::{self, Stamp};
use super::inspect::FromFiles;
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
    certificates: Vec<(FromFiles, Seen<[Stamp; 2]>)>,
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
            if seen.has_settled(Stamp::of_pair(&from.files)) {
                replace(from, &self.shared);
            }
        }
        let mut changed = false;
        for (path, seen) in &mut self.authorities {
            changed |= seen.has_settled(Stamp::of(path));
        }
        if changed {
            self.reopen();
        }
    }

    /// Checks clients against the authorities that the files hold now.
    fn reopen(&self) {
        let log = self.shared.observer.log();
        match self.doors.reopen(&self.table) {
            Ok(()) => log.info("clients' authorities replaced", &[]),
            Err(flaw) => {
                let fields = [("reason", &*flaw.to_string())];
                log.error("the new clients' authorities are not taken; those before stay", &fields);
            }
        }
    }
}

/// Shows what the files hold now; where that is nothing that can be shown, what was shown stays.
fn replace(from: &mut FromFiles, shared: &Shared) {
    let (log, servers) = (shared.observer.log(), from.servers.join(" "));
    match files::read(&from.files) {
        Ok(read) => {
            log.info("certificate replaced", &[("cert", &from.files.chain), ("servers", &servers)]);
            from.certificate = Arc::new(read);
            shared.certificates.put_files(std::slice::from_ref(from));
        }
        Err(flaw) => {
            let fields = [("reason", &*flaw.to_string()), ("servers", &servers)];
            log.error("the new certificate is not taken; the one before stays", &fields);
        }
    }
}

/// How something stood when it was last acted upon, and when it was last looked at.
#[derive(Debug)]
struct Seen<S> {
    acted_upon: S,
    last: S,
}

impl<S: Clone + PartialEq> Seen<S> {
    fn new(stamp: S) -> Self {
        Self { acted_upon: stamp.clone(), last: stamp }
    }

    /// Whether it has changed and stands as it did the last time: what is being written is left in peace.
    fn has_settled(&mut self, now: S) -> bool {
        let settled = now == self.last && now != self.acted_upon;
        if settled {
            self.acted_upon = now.clone();
        }
        self.last = now;
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_acted_upon_once_it_has_settled_and_only_once() {
        let mut seen = Seen::new(1);
        let acted = [1, 2, 3, 3, 3, 4, 4, 3, 3].map(|stamp| seen.has_settled(stamp));
        assert_eq!(acted, [false, false, false, true, false, false, true, false, true]);
    }
}
