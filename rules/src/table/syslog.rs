//! A syslog server, and what its messages say of themselves (RFC 3164).

use std::fmt;

/// Where a log goes that goes to syslog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// Who takes the messages.
    pub address: SyslogAddress,
    /// Its number among [`Syslog::FACILITIES`].
    pub facility: u8,
    /// Its number among [`Syslog::SEVERITIES`]; `None` where each line has its own.
    pub severity: Option<u8>,
    /// What the messages are marked with.
    pub tag: String,
    /// Whether this machine's name stands in them.
    pub hostname: bool,
}

/// Who takes messages, each as a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A host and its port, over UDP.
    Host(String, u16),
    /// The path of a Unix socket.
    Unix(String),
}

impl Syslog {
    /// The facilities, by their numbers, as nginx calls them.
    pub const FACILITIES: [&'static str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv",
        "ftp", "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];
    /// The severities, by their numbers.
    pub const SEVERITIES: [&'static str; 8] =
        ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
    /// The port of a server that names none.
    pub const PORT: u16 = 514;

    /// To an address, with what nginx says of messages where its file says nothing.
    pub fn to(address: SyslogAddress) -> Self {
        Self { address, facility: 23, severity: Some(6), tag: "nginx".to_owned(), hostname: true }
    }

    /// The name of its facility.
    pub fn facility(&self) -> &'static str {
        Self::FACILITIES.get(usize::from(self.facility)).copied().unwrap_or("local7")
    }

    /// The name of its severity, where all lines have the same.
    pub fn severity(&self) -> Option<&'static str> {
        Self::SEVERITIES.get(usize::from(self.severity?)).copied()
    }

    /// What a message begins with: both as one number (RFC 3164, section 4.1.1); `own` is the severity of a line that has
    /// one of its own.
    pub fn priority(&self, own: u8) -> u16 {
        u16::from(self.facility) * 8 + u16::from(self.severity.unwrap_or(own))
    }
}

impl SyslogAddress {
    /// `HOST`, `HOST:PORT`, `[::1]:514`, or `unix:/PATH`.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| Self::Unix(path.to_owned()));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, port.parse().ok()?),
            _ => (text, Syslog::PORT),
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let fine = !bare.is_empty() && !bare.contains(['/', ' ', '[', ']']);
        (fine && port > 0).then(|| Self::Host(bare.to_owned(), port))
    }
}

/// As [`SyslogAddress::read`] reads it.
impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for text in ["10.0.0.1:515", "[::1]:514", "log.test:514", "unix:/dev/log"] {
            assert_eq!(SyslogAddress::read(text).unwrap().to_string(), text);
        }
        assert_eq!(SyslogAddress::read("10.0.0.1").unwrap().to_string(), "10.0.0.1:514");
        assert_eq!(SyslogAddress::read("[::1]").unwrap().to_string(), "[::1]:514");
        for wrong in ["", "unix:", ":514", "a:b", "a:0", "a b", "a/b"] {
            assert_eq!(SyslogAddress::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn facility_and_severity_are_one_number() {
        let syslog = Syslog::to(SyslogAddress::Unix("/dev/log".to_owned()));
        assert_eq!(syslog.priority(3), 190);
        assert_eq!(Syslog { severity: None, ..syslog }.priority(3), 187);
    }
}
