//! `vordr run`: serve until a signal says stop.

use crate::server::{Handle, Vordr};
use crate::start_error::StartError;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves `vordr` until SIGTERM, SIGINT or SIGQUIT; SIGHUP loads its file again,
/// SIGUSR1 opens the logs anew. A stop then lets what is under way finish within `drain`.
/// A second signal ends at once.
pub fn run(vordr: Vordr) -> Result<(), StartError> {
    serve(vordr, || {}, |_| false)
}

/// [`run`] with nginx's signals: SIGTERM and SIGINT end at once, SIGQUIT lets what is under way finish. `serves` is done
/// as soon as it serves.
pub fn run_as_nginx(vordr: Vordr, serves: impl FnOnce()) -> Result<(), StartError> {
    serve(vordr, serves, |signal| signal != "SIGQUIT")
}

fn serve(vordr: Vordr, serves: impl FnOnce(), ends_at_once: fn(&str) -> bool) -> Result<(), StartError> {
    let vordr = vordr.into_service();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
    // Before anything is served, so that no signal finds its default action.
    let mut signals = runtime.block_on(async { Signals::new() }).map_err(StartError::Worker)?;
    let handle = vordr.start()?;
    let reloads = Reloads::of(&handle)?;
    serves();
    let name = loop {
        match runtime.block_on(signals.next()) {
            Asked::Reload => reloads.ask(),
            Asked::Reopen => handle.reopen_logs(),
            Asked::Upgrade => handle.log_no_upgrade(),
            Asked::Stop(name) => break name,
        }
    };
    handle.log_stop(name);
    if ends_at_once(name) {
        handle.end();
        return Ok(());
    }
    handle.stop();
    wait(handle, runtime, signals);
    Ok(())
}

/// Waits for the end, or for a second signal.
fn wait(handle: Handle, runtime: tokio::runtime::Runtime, mut signals: Signals) {
    let (done, ended) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        handle.wait();
        let _ = done.send(());
    });
    runtime.block_on(async {
        tokio::select! {
            _ = ended => {}
            () = signals.stop() => {}
        }
    });
}

/// Reloads on a thread of their own, so that signals are heard however long the rules take to read.
struct Reloads(SyncSender<()>);

impl Reloads {
    fn of(handle: &Handle) -> Result<Self, StartError> {
        // While one is under way, any number that are asked for are one.
        let (ask, asked) = sync_channel(1);
        let reloader = handle.reloader();
        let reload = move || {
            while asked.recv().is_ok() {
                // Whatever comes of it is in the log.
                let _ = reloader.reload();
            }
        };
        thread::Builder::new().name("vordr-reload".to_owned()).spawn(reload).map_err(StartError::Worker)?;
        Ok(Self(ask))
    }

    fn ask(&self) {
        // Where there is no room, one waits already.
        let _ = self.0.try_send(());
    }
}

/// What a signal asks for.
enum Asked {
    Reload,
    /// The logs opened anew.
    Reopen,
    /// nginx's new binary in the place of this one.
    Upgrade,
    /// An end, by this signal.
    Stop(&'static str),
}

/// The signals that are heard.
struct Signals {
    hangup: Signal,
    rotated: Signal,
    upgrade: Signal,
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            rotated: signal(SignalKind::user_defined1())?,
            upgrade: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.rotated.recv() => Asked::Reopen,
            _ = self.upgrade.recv() => Asked::Upgrade,
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.quit.recv() => Asked::Stop("SIGQUIT"),
        }
    }

    /// The next one that asks for an end.
    async fn stop(&mut self) {
        while !matches!(self.next().await, Asked::Stop(_)) {}
    }
}
