//! From rules to a running proxy: sockets bound, workers started, and all of it stopped again.

use crate::control::{Control, ControlOrder, ControlOrders, ControlSockets};
use crate::generation::Generation;
use crate::listener::{Beside, BoundSocket};
use crate::observe::Observer;
use crate::reload::{Bound, Reloader};
use crate::service::Service;
use crate::shared::Shared;
use crate::sockets::{Sockets, addresses};
use crate::start_error::StartError;
use crate::surroundings::{NginxCommand, System, inspect_all};
use crate::tls::{Acme, Certificates, FromFiles, Inspected, Watch};
use crate::watch::{Noted, Seen, watch};
use crate::worker::{self, Workers};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use vordr_rules::table::{Action, Address, Process, Server, Table};
use vordr_rules::{Loaded, Severity, Surroundings, read_text};

/// The longest that a stop waits for the collector of spans.
const LONGEST_FLUSH: Duration = Duration::from_secs(10);
/// How long it waits where nothing is left of `drain`.
const LAST_SPANS: Duration = Duration::from_millis(500);
/// How long an end at once waits for what workers are in the middle of.
const AT_HAND: Duration = Duration::from_millis(500);

/// Rules that have been loaded, ready to be served.
///
/// ```no_run
/// let vordr = vordr::Vordr::from_text("rules", r#"server "*" { listen 8080; location "/" { respond 200 "hello"; } }"#)?;
/// let handle = vordr.start()?;
/// println!("{:?}", handle.addresses());
/// handle.stop();
/// handle.wait();
/// # Ok::<(), vordr::StartError>(())
/// ```
#[derive(Debug)]
pub struct Vordr {
    /// The file, or what stands for it in diagnostics.
    name: String,
    loaded: Loaded,
    certificates: Vec<FromFiles>,
    /// What was read on the way; `None` where the rules did not come from a file.
    read: Option<Seen>,
    nameserver: Option<SocketAddr>,
    watching: bool,
    sockets: Sockets,
    service: Service,
    /// What nginx's command line said of the file.
    command: NginxCommand,
}

impl Vordr {
    /// Loads the rules in a file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, StartError> {
        Self::under_nginx(path, NginxCommand::default())
    }

    /// Loads the rules in a file as `nginx` would: what its command line said holds for them, now and on each reload.
    pub fn under_nginx(path: impl AsRef<Path>, command: NginxCommand) -> Result<Self, StartError> {
        Self::load_file(&path.as_ref().display().to_string(), &command).1
    }

    /// Loads the rules in a file, and tells what was read, whatever comes of it.
    pub(crate) fn load_file(path: &str, command: &NginxCommand) -> (Seen, Result<Self, StartError>) {
        let noted = Noted::under(command);
        let loaded = read_text(path, &noted)
            .map_err(|source| StartError::Unreadable { path: path.to_owned(), source })
            .and_then(|text| Self::load(path, &text, &noted));
        let seen = noted.seen();
        (seen.clone(), loaded.map(|vordr| Self { read: Some(seen), command: command.clone(), ..vordr }))
    }

    /// Loads rules from a text; `name` stands for the file in diagnostics, and includes are relative to it.
    pub fn from_text(name: &str, text: &str) -> Result<Self, StartError> {
        Self::load(name, text, &System)
    }

    fn load(name: &str, text: &str, surroundings: &dyn Surroundings) -> Result<Self, StartError> {
        let mut loaded = vordr_rules::load(name, text, surroundings).map_err(StartError::Rules)?;
        let Inspected { found, read: certificates } = inspect_all(&loaded);
        loaded.warnings = loaded.warnings.others(loaded.warnings.iter().cloned().chain(found).collect());
        if loaded.warnings.iter().any(|found| found.severity == Severity::Error) {
            return Err(StartError::Rules(loaded.warnings));
        }
        Ok(Self {
            name: name.to_owned(),
            loaded,
            certificates,
            read: None,
            nameserver: None,
            watching: false,
            sockets: Sockets::default(),
            service: Service::default(),
            command: NginxCommand::default(),
        })
    }

    /// Loads the rules again whenever a file that they came from changes.
    #[must_use]
    pub fn watching(mut self) -> Self {
        self.watching = true;
        self
    }

    /// Asks this name server in the place of the system's.
    #[must_use]
    pub fn with_nameserver(mut self, address: SocketAddr) -> Self {
        self.nameserver = Some(address);
        self
    }

    /// Listens beside another process that does so too (`SO_REUSEPORT`), and lets a later one take over when this
    /// one stops.
    #[must_use]
    pub fn sharing_ports(mut self) -> Self {
        self.sockets.shares_ports = true;
        self
    }

    /// Takes the sockets that systemd hands over, and tells it what vordr is about. To be called before there are
    /// threads.
    pub(crate) fn into_service(mut self) -> Self {
        self.sockets = Sockets::of_process(self.sockets.shares_ports);
        self.service = Service::of_process();
        self
    }

    /// What `vordr check` would warn of.
    pub fn warnings(&self) -> &vordr_rules::Diagnostics {
        &self.loaded.warnings
    }

    /// What nginx's directives say of the process itself: for whoever starts it.
    pub fn nginx_globals(&self) -> &vordr_rules::nginx::Globals {
        &self.loaded.globals
    }

    pub(crate) fn into_parts(self) -> (Loaded, Vec<FromFiles>) {
        (self.loaded, self.certificates)
    }

    /// Binds every address, then serves from threads of its own until [`Handle::stop`].
    pub fn start(self) -> Result<Handle, StartError> {
        let table = Arc::new(self.loaded.table);
        let addresses = table.listeners.iter().map(|listener| &listener.address);
        let mut sockets =
            addresses.map(|address| self.sockets.open(address)).collect::<Result<Vec<_>, _>>()?;
        let mut control_sockets = ControlSockets::bind(&table.process, &self.sockets)?;
        let beside = beside(&mut sockets, &mut control_sockets);
        let observer = Observer::start(&table, worker::count(&table))?;
        let certificates = Arc::new(Certificates::new());
        let first = Generation::open(
            table.clone(),
            self.loaded.secrets,
            self.nameserver,
            &certificates,
            &observer,
            None,
        )?;
        certificates.put_files(&self.certificates);
        let shared = Shared::new(first.clone(), observer, certificates, self.sockets.shares_ports);
        let starts = [("version", env!("CARGO_PKG_VERSION")), ("rules", &*self.name)];
        shared.observer.log().info("vordr starts", &starts);
        for socket in self.sockets.in_vain(&table) {
            shared.observer.log().warn("a socket was handed over in vain", &[("socket", &socket)]);
        }
        let acme = Acme::of(&shared);
        // Before anybody can come, so that every host has something to show.
        acme.take(acme.prepare(&table)?);
        let stopping = CancellationToken::new();
        // Whatever fails from here on ends the threads that were started.
        let failing = stopping.clone().drop_guard();
        let workers = Workers::start(&shared, &stopping)?;
        let (control, orders) = ControlOrders::channel();
        let mut bound = Bound::default();
        bound.note(&table, &sockets, &control_sockets);
        let reloader = Arc::new(Reloader {
            shared,
            file: self.read.is_some().then(|| self.name.clone()),
            command: self.command,
            nameserver: self.nameserver,
            sockets: self.sockets,
            service: self.service,
            workers: workers.orders(),
            control,
            acme,
            reading: Mutex::default(),
            bound: bound.into(),
        });
        let handle = Handle {
            control: Control::start(orders, reloader.clone())?,
            workers,
            stopping,
            stopped: OnceLock::new(),
            reloader,
        };
        handle.reloader.workers.listen(handle.reloader.workers.share(&sockets)?);
        let certificates = Watch::new(&handle.reloader.shared, &first, self.certificates);
        handle.reloader.control.send(ControlOrder::Watch(certificates));
        handle.reloader.control.send(ControlOrder::Resolve(first));
        if let (true, Some(seen)) = (self.watching, self.read) {
            watch(handle.reloader.clone(), handle.stopping.clone(), seen)?;
        }
        self.service.watch(handle.reloader.workers.clone())?;
        beside.into_iter().try_for_each(Beside::take_place)?;
        announce(&handle.reloader.shared, &sockets, &control_sockets);
        handle.reloader.control.send(ControlOrder::Serve(control_sockets));
        self.service.ready(&handle.reloader.shared.generation().in_words());
        failing.disarm();
        Ok(handle)
    }
}

/// A running vordr. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Handle {
    stopping: CancellationToken,
    /// When that was asked for.
    stopped: OnceLock<Instant>,
    workers: Workers,
    control: Control,
    reloader: Arc<Reloader>,
}

impl Handle {
    /// Each TCP address that is listened on: as the rules have it, and as it was bound.
    pub fn addresses(&self) -> Vec<(Address, SocketAddr)> {
        let bound = self.reloader.bound();
        bound.listeners.iter().filter_map(|(address, local)| Some((address.clone(), (*local)?))).collect()
    }

    /// Where `admin` is served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.reloader.bound().admin
    }

    /// Where `metrics` is served.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.reloader.bound().metrics
    }

    /// Loads the file of the rules again and serves what it says, cutting nothing that is under way; the number of
    /// the generation that is in force then. Where it fails, the old rules stay.
    pub fn reload(&self) -> Result<u64, StartError> {
        self.reloader.reload()
    }

    /// Who does that, for other threads.
    pub(crate) fn reloader(&self) -> Arc<Reloader> {
        self.reloader.clone()
    }

    /// Serves these rules in the place of the present ones, as [`Handle::reload`] does.
    pub fn replace(&self, vordr: Vordr) -> Result<u64, StartError> {
        self.reloader.replace(vordr)
    }

    /// Opens the files of the logs anew: whoever rotates them has given them other names.
    pub fn reopen_logs(&self) {
        self.reloader.reopen_logs();
    }

    /// Says in the log why vordr stops.
    pub(crate) fn log_stop(&self, signal: &str) {
        self.reloader.shared.observer.log().info("stopping", &[("signal", signal)]);
    }

    /// Says in the log that a new binary takes over in another way than nginx's.
    pub(crate) fn log_no_upgrade(&self) {
        let remedy = "start the new one with `vordr run --reuse-port`, then stop this one";
        self.reloader.shared.observer.log().warn("SIGUSR2 starts no new binary", &[("instead", remedy)]);
    }

    /// Stops accepting, closes idle connections, and lets requests finish within `drain`; all of it after
    /// `drain-delay`.
    pub fn stop(&self) {
        self.stopped.get_or_init(Instant::now);
        self.reloader.service.stopping();
        self.stopping.cancel();
    }

    /// Ends at once: what is under way is cut as the process ends. What the log was told is written.
    pub(crate) fn end(&self) {
        let shared = &self.reloader.shared;
        self.clean_up(&shared.generation().table);
        // Whoever has been answered has a line: a worker that is in the middle of it ends that first.
        self.workers.orders().answer(AT_HAND);
        shared.observer.flush();
    }

    /// Waits until everything has ended. Without [`Handle::stop`] that is never.
    pub fn wait(mut self) {
        self.workers.wait();
        self.reloader.acme.stop();
        self.control.stop();
        let shared = &self.reloader.shared;
        let table = shared.generation().table.clone();
        shared.observer.exports.finish(self.left_for_traces(&table.process));
        self.clean_up(&table);
        shared.observer.flush();
    }
}

impl Handle {
    /// Takes away what is left of every address.
    fn clean_up(&self, table: &Table) {
        self.reloader.sockets.clean_up(addresses(table));
    }

    /// What is left of `drain`; what was cut at its end has spans too.
    fn left_for_traces(&self, process: &Process) -> Duration {
        let given = process.drain.unwrap_or(Duration::MAX).saturating_add(process.drain_delay);
        let gone = self.stopped.get().map_or(Duration::ZERO, Instant::elapsed);
        given.saturating_sub(gone).clamp(LAST_SPANS, LONGEST_FLUSH)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Where it listens, and what it serves.
fn announce(shared: &Shared, sockets: &[BoundSocket], control: &ControlSockets) {
    announce_sockets(shared, sockets, control);
    let table = &shared.current().table;
    for server in &table.servers {
        for location in &server.locations {
            let action = summary(&location.action, (table, server));
            let route = [("server", server.name()), ("location", &location.name), ("action", &action)];
            shared.observer.log().info("route", &route);
        }
    }
}

/// Those that wait to take the place of another process's.
pub(crate) fn beside(sockets: &mut [BoundSocket], control: &mut ControlSockets) -> Vec<Beside> {
    sockets.iter_mut().chain(control.bound()).filter_map(|socket| socket.beside.take()).collect()
}

/// Where it listens from now on.
pub(crate) fn announce_sockets(shared: &Shared, sockets: &[BoundSocket], control: &ControlSockets) {
    let log = shared.observer.log();
    for bound in sockets {
        log.info("listening", &[("address", &bound.listens_on())]);
    }
    for (what, bound) in control.named() {
        log.info("listening", &[("address", &bound.listens_on()), ("for", what)]);
    }
}

/// What an action does, in a few words.
pub(crate) fn summary(action: &Action, (table, server): (&Table, &Server)) -> String {
    match action {
        Action::Proxy(proxy) if proxy.filled.is_some() => {
            format!(
                "proxy {}",
                proxy.filled.as_ref().map(|filled| filled.url.to_string()).unwrap_or_default()
            )
        }
        Action::Proxy(proxy) => {
            let upstream =
                table.upstreams.get(proxy.upstream.0).map_or("", |upstream| upstream.name.as_str());
            format!("proxy {}{upstream}", if proxy.tls.is_some() { "https://" } else { "http://" })
        }
        Action::Redirect(redirect) => format!("redirect {} {}", redirect.status.as_u16(), redirect.target),
        Action::Respond(respond) => format!("respond {}", respond.status.as_u16()),
        Action::Files(files) => format!("files {}", files.root),
        Action::StubStatus => "stub-status".to_owned(),
        Action::Enter(id) => {
            let entered = server.locations.get(id.0).map_or("", |location| location.name.as_str());
            format!("enter {}", entered.trim_start_matches('@'))
        }
        Action::Search(path) => format!("search {path}"),
    }
}
