//! `limit-store`: where rate limits are counted together with other vordr.

use super::ServerAddress;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::time::Duration;

/// `limit-store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStore {
    /// Where it is, and who asks it.
    pub address: StoreAddress,
    /// What becomes of requests while it is down.
    pub on_failure: OnFailure,
    /// How long a request waits for its answer.
    pub timeout: Duration,
}

/// `on-failure`: what becomes of requests with a limit while the store is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Each vordr counts them for itself.
    Open,
    /// They are refused.
    Closed,
}

/// A Redis, and who asks it. As text it has `***` in the place of the password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreAddress {
    /// Whether TLS is spoken with it: `rediss://`.
    pub tls: bool,
    /// The host and its port; never a Unix socket or an SRV name.
    pub server: ServerAddress,
    /// Its user, where it is not the default one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The number of its database.
    pub database: u16,
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss://" } else { "redis://" })?;
        if let Some(user) = &self.user {
            write!(f, "{}", utf8_percent_encode(user, NON_ALPHANUMERIC))?;
        }
        match (&self.user, &self.password) {
            (_, Some(_)) => f.write_str(":***@")?,
            (Some(_), None) => f.write_str("@")?,
            (None, None) => {}
        }
        write!(f, "{}", self.server)?;
        match self.database {
            0 => Ok(()),
            number => write!(f, "/{number}"),
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
