//! The service manager that started vordr, where there is one: systemd is told what vordr is about, and, while its
//! workers answer, that it lives (`sd_notify(3)`).

use crate::start_error::StartError;
use crate::worker::Orders;
use sd_notify::NotifyState;
use std::thread;

/// Whoever listens; by default nobody.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Service {
    listens: bool,
}

impl Service {
    /// The one that has started this process.
    pub(crate) fn of_process() -> Self {
        Self { listens: std::env::var_os("NOTIFY_SOCKET").is_some() }
    }

    /// vordr serves.
    pub(crate) fn ready(self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// Rules are loaded again; [`Service::ready`] follows, whatever comes of it.
    pub(crate) fn reloading(self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now, NotifyState::Status("loading the rules again")]);
        }
    }

    /// vordr stops.
    pub(crate) fn stopping(self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("stopping; what is under way may finish")]);
    }

    /// Says twice in the time that the service manager waits that vordr lives, for as long as all workers answer.
    pub(crate) fn watch(self, workers: Orders) -> Result<(), StartError> {
        let Some(time) = sd_notify::watchdog_enabled().filter(|_| self.listens) else { return Ok(()) };
        let live = move || loop {
            if workers.answer(time / 2) {
                self.tell(&[NotifyState::Watchdog]);
            }
            thread::sleep(time / 2);
        };
        thread::Builder::new().name("vordr-watchdog".to_owned()).spawn(live).map_err(StartError::Worker)?;
        Ok(())
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if self.listens {
            // Whoever does not listen any more has no further use for it.
            let _ = sd_notify::notify(states);
        }
    }
}

/// A message is made of lines, and a status is one of them.
fn one_line(status: &str) -> String {
    status.lines().next().unwrap_or_default().to_owned()
}
