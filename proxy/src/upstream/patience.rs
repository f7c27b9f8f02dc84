//! `timeouts send`, kept by the kernel.
//!
//! Pingora notes a write that took too long and then reads for an answer, without a limit, while nobody listens to
//! the client. So the kernel is told to break a connection whose peer takes nothing for that long (`TCP_USER_TIMEOUT`,
//! RFC 5482), which ends both.

use pingora_core::{ErrorType, OrErr, Result};
use socket2::SockRef;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use vordr_rules::table::{Settings, Table};

/// What is done to a socket before it connects.
pub(super) type Hook = Arc<dyn Fn(&TcpSocket) -> Result<()> + Send + Sync>;

/// A hook for each `timeouts send` of the rules, made once.
#[derive(Default)]
pub(super) struct Patience {
    by_limit: HashMap<Duration, Hook>,
}

impl std::fmt::Debug for Patience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_limit.keys()).finish()
    }
}

impl Patience {
    pub(super) fn new(table: &Table) -> Self {
        let mut patience = Self::default();
        for server in &table.servers {
            server.every_settings().for_each(|settings| patience.add(settings));
        }
        patience
    }

    fn add(&mut self, settings: &Settings) {
        let Some(limit) = settings.timeouts.send else { return };
        self.by_limit.entry(limit).or_insert_with(|| {
            Arc::new(move |socket: &TcpSocket| {
                SockRef::from(socket)
                    .set_tcp_user_timeout(Some(limit))
                    .or_err(ErrorType::SocketError, "setting TCP_USER_TIMEOUT")
            })
        });
    }

    pub(super) fn of(&self, limit: Option<Duration>) -> Option<Hook> {
        self.by_limit.get(&limit?).cloned()
    }

    /// Every limit of the rules, and none.
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<Duration>, Option<Hook>)> {
        let limits = self.by_limit.iter().map(|(limit, hook)| (Some(*limit), Some(hook.clone())));
        std::iter::once((None, None)).chain(limits)
    }
}
