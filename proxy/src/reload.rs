//! Newer rules in the place of the old ones: all of them, or none and the reason said.

use crate::control::{ControlOrder, ControlOrders, ControlSockets};
use crate::generation::Generation;
use crate::listener::{Beside, BoundSocket};
use crate::roots::Trust;
use crate::server::{Vordr, announce_sockets, beside};
use crate::service::Service;
use crate::shared::Shared;
use crate::sockets::{Sockets, addresses, overlap};
use crate::start_error::StartError;
use crate::surroundings::NginxCommand;
use crate::tls::{Acme, Watch};
use crate::watch::Seen;
use crate::worker::Orders;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vordr_rules::table::{Address, Table};

/// Takes newer rules in, one after another.
#[derive(Debug)]
pub(crate) struct Reloader {
    pub shared: Arc<Shared>,
    /// The file that the first rules came from; `None` where they came from a text.
    pub file: Option<String>,
    /// What nginx's command line said of it.
    pub command: NginxCommand,
    pub nameserver: Option<SocketAddr>,
    pub sockets: Sockets,
    pub service: Service,
    pub workers: Orders,
    pub control: ControlOrders,
    pub acme: Acme,
    /// Held while the file is read and taken in: whoever reads later takes in later.
    pub reading: Mutex<()>,
    /// What is bound now. Held while rules are taken in, so that it is done by one at a time.
    pub bound: Mutex<Bound>,
}

/// The addresses that are listened on: as the rules have them, and as they were bound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    pub listeners: Vec<(Address, Option<SocketAddr>)>,
    pub admin: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
}

impl Reloader {
    /// Loads the file of the rules again, and takes what it says in. On any failure everything stays as it is,
    /// and log, metrics and `/status` say why.
    pub(crate) fn reload(&self) -> Result<u64, StartError> {
        self.reload_watched().1
    }

    /// [`Reloader::reload`], and what was read on the way.
    pub(crate) fn reload_watched(&self) -> (Seen, Result<u64, StartError>) {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.service.reloading();
        let (seen, loaded) = match &self.file {
            Some(file) => Vordr::load_file(file, &self.command),
            None => (Seen::default(), Err(StartError::NoFile)),
        };
        (seen, self.tell(loaded.and_then(|vordr| self.take(vordr))))
    }

    /// Takes rules in that were loaded by somebody else.
    pub(crate) fn replace(&self, vordr: Vordr) -> Result<u64, StartError> {
        self.tell(self.take(vordr))
    }

    /// Opens the files of the logs anew, which somebody has moved away; where that fails, the old ones are written to.
    pub(crate) fn reopen_logs(&self) {
        // Not while newer rules are taken in, which may have other files.
        let _bound = self.bound();
        let observer = &self.shared.observer;
        match observer.reopen_logs() {
            Ok(()) => observer.log().info("logs opened anew", &[]),
            Err(error) => {
                observer
                    .log()
                    .error("logs not opened anew; the old ones stay", &[("reason", &error.in_full())]);
            }
        }
    }

    pub(crate) fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, outcome: Result<u64, StartError>) -> Result<u64, StartError> {
        let observer = &self.shared.observer;
        match &outcome {
            Ok(number) => {
                observer.log().info("rules reloaded", &[("generation", &number.to_string())]);
                self.service.ready(&self.shared.generation().in_words());
            }
            Err(error) => {
                let problem = error.in_full();
                observer.log().error("rules not reloaded; the old ones stay", &[("reason", &problem)]);
                self.service.ready(&format!("serving the old rules; the new ones were refused: {problem}"));
                observer.reload_failed(problem);
            }
        }
        outcome
    }

    /// Everything that can fail comes first: what is bound or opened in vain is dropped again.
    fn take(&self, vordr: Vordr) -> Result<u64, StartError> {
        let mut bound = self.bound();
        let old = self.shared.generation();
        let (loaded, read) = vordr.into_parts();
        let table = Arc::new(loaded.table);
        if table.servers.is_empty() && !old.table.servers.is_empty() {
            return Err(StartError::NothingServed);
        }
        let own = |error| of_our_own(error, &old.table, &table);
        let mut fresh = added(&old.table, &table)
            .map(|address| self.sockets.open(address))
            .collect::<Result<Vec<_>, _>>()
            .map_err(own)?;
        let mut control =
            ControlSockets::bind_changed(&old.table.process, &table.process, &self.sockets).map_err(own)?;
        let logs = self.shared.observer.open_logs(&table)?;
        let certificates = &self.shared.certificates;
        let newer = Generation::open(
            table.clone(),
            loaded.secrets,
            self.nameserver,
            certificates,
            &self.shared.observer,
            Some(&old),
        )?;
        let acme = self.acme.prepare(&table)?;
        let sockets = self.workers.share(&fresh)?;
        if newer.upstreams.trust() == Trust::System && old.upstreams.trust() == Trust::Nobody {
            self.workers.trust_the_system()?;
        }
        beside(&mut fresh, &mut control).into_iter().try_for_each(Beside::take_place)?;

        old.keep_logs(self.shared.observer.take_logs(logs));
        announce_sockets(&self.shared, &fresh, &control);
        self.warn_of_what_stays(&old.table, &table);
        for address in removed(&old.table, &table) {
            // Before the swap: a connection that came in by this address finds no rules of its own after it.
            self.workers.leave(address);
            self.sockets.clean_up([address]);
            self.shared.observer.log().info("no longer listening", &[("address", &address.to_string())]);
        }
        certificates.put_files(&read);
        self.acme.take(acme);
        self.shared.replace(newer.clone());
        certificates.keep_files(&read);
        self.control.send(ControlOrder::Watch(Watch::new(&self.shared, &newer, read)));
        self.control.send(ControlOrder::Resolve(newer));
        bound.note(&table, &fresh, &control);
        self.workers.listen(sockets);
        self.control.send(ControlOrder::Serve(control));
        self.shared.observer.reloaded();
        Ok(self.shared.current().number)
    }

    /// Threads are started once.
    fn warn_of_what_stays(&self, old: &Table, new: &Table) {
        if old.process.workers != new.process.workers {
            self.shared.observer.log().warn("`workers` holds from the next start on", &[]);
        }
    }
}

impl Bound {
    /// Notes what is listened on under `table`, now that these are bound too.
    pub(crate) fn note(&mut self, table: &Table, fresh: &[BoundSocket], control: &ControlSockets) {
        let known = std::mem::take(&mut self.listeners);
        self.listeners = table
            .listeners
            .iter()
            .map(|listener| {
                let address = &listener.address;
                let bound = fresh.iter().find(|socket| socket.address == *address).map(|socket| socket.local);
                let earlier = known.iter().find(|(known, _)| known == address).map(|(_, local)| *local);
                (address.clone(), bound.or(earlier).flatten())
            })
            .collect();
        self.admin = control.admin.address(self.admin);
        self.metrics = control.metrics.address(self.metrics);
    }
}

/// Where an address cannot be had since vordr itself listens there, this says so.
fn of_our_own(error: StartError, old: &Table, new: &Table) -> StartError {
    let StartError::Listen { address, source } = &error else { return error };
    if source.kind() != io::ErrorKind::AddrInUse {
        return error;
    }
    let wanted = addresses(new).find(|wanted| wanted.to_string() == *address);
    match wanted.and_then(|wanted| addresses(old).find(|own| overlap(own, wanted))) {
        Some(own) => StartError::Overlap { address: address.clone(), own: own.to_string() },
        None => error,
    }
}

/// Addresses that only the newer rules listen on.
fn added<'t>(old: &'t Table, new: &'t Table) -> impl Iterator<Item = &'t Address> {
    let addresses = new.listeners.iter().map(|listener| &listener.address);
    addresses.filter(|address| old.listeners.iter().all(|listener| listener.address != **address))
}

/// Addresses that only the older rules listen on.
fn removed<'t>(old: &'t Table, new: &'t Table) -> impl Iterator<Item = &'t Address> {
    added(new, old)
}
