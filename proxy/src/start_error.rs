//! Why vordr does not start, in words for the person who started it.

use std::io;
use vordr_rules::Diagnostics;

/// Why vordr does not start. Its text is one line that names what to do, except for faulty rules, whose
/// diagnostics say more.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rules' file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The rules are faulty.
    #[error("the rules are not served: {} to mend", count(.0))]
    Rules(Diagnostics),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_in_words(source))]
    Listen {
        /// The address as the rules have it.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// An address cannot be listened on by newer rules, as vordr still listens on one that it overlaps with.
    #[error(
        "cannot listen on {address}: vordr itself listens on {own}, and only a restart changes one for the other"
    )]
    Overlap {
        /// The address as the newer rules have it.
        address: String,
        /// That which is in the way, as the present ones have it.
        own: String,
    },
    /// A log file cannot be opened.
    #[error("cannot write the log {path}: {source}")]
    Log {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Rules that came from a text cannot be loaded again.
    #[error("the rules did not come from a file, so there is nothing to load again")]
    NoFile,
    /// A file that is about to be written may be empty; and whoever wants nothing to be served stops vordr.
    #[error("these rules serve nothing; to end what is served, stop vordr")]
    NothingServed,
    /// The system refuses a thread or a runtime.
    #[error("cannot start a worker: {0}")]
    Worker(#[source] io::Error),
    /// Certificates from ACME cannot be kept.
    #[error(
        "cannot keep certificates in {folder}: {source}; `vordr {{ state \"/a/folder\"; }}` names another"
    )]
    State {
        /// The folder as the rules have it.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// The issuer of certificates cannot be spoken to as the rules ask.
    #[error("{0}")]
    Acme(String),
    /// A listener cannot speak TLS as the rules ask.
    #[error("cannot speak TLS: {0}")]
    Tls(String),
    /// What credentials are held against cannot be read.
    #[error("cannot check credentials: {0}")]
    Credentials(String),
    /// The limit store cannot be spoken to as the rules ask.
    #[error("cannot speak to the limit store: {0}")]
    LimitStore(String),
    /// The collector of spans cannot be spoken to as the rules and the environment ask.
    #[error("cannot send traces: {0}")]
    Trace(String),
    /// A folder that files are served from cannot be opened.
    #[error("cannot serve files from {folder}: {source}")]
    Folder {
        /// The folder as the rules have it.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// An upstream cannot be spoken to as the rules ask: an unreadable CA, no system certificates.
    #[error("{0}")]
    Upstream(String),
}

impl StartError {
    /// Everything that is known: for faulty rules, their diagnostics, one to a line.
    pub fn in_full(&self) -> String {
        match self {
            Self::Rules(diagnostics) => vordr_rules::render::lines(diagnostics),
            other => other.to_string(),
        }
    }
}

fn count(diagnostics: &Diagnostics) -> String {
    match diagnostics.errors() {
        1 => "one place".to_owned(),
        many => format!("{many} places"),
    }
}

fn listen_in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there already".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; a port below 1024 needs root or CAP_NET_BIND_SERVICE (8080 does not)"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}
