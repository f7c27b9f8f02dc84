//! The rules that are loaded one after the other: good ones, broken ones, listeners and certificates that change.

use crate::harness::{Authority, Pair, free_port};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// What the rules are made of, and which of them hold.
pub(super) struct Rules<'a> {
    pub(super) authority: &'a Authority,
    shown: Pair,
    folder: TempDir,
    app: u16,
    drain: Duration,
    /// plain, TLS, the one that comes and goes, admin.
    ports: [u16; 4],
    /// An address that cannot be had.
    taken: TcpListener,
    in_force: u64,
    on_extra: bool,
}

/// Rules to be loaded.
pub(super) struct Step {
    pub(super) what: &'static str,
    pub(super) text: String,
    pub(super) is_good: bool,
    /// A WebSocket is to be opened by the listener that goes again.
    pub(super) opens: bool,
}

impl<'a> Rules<'a> {
    pub(super) fn new(authority: &'a Authority, app: u16, drain: Duration) -> Self {
        Self {
            authority,
            shown: authority.pair(&["a.test"]),
            folder: tempfile::tempdir().expect("a folder"),
            app,
            drain,
            ports: std::array::from_fn(|_| free_port()),
            taken: TcpListener::bind("127.0.0.1:0").expect("a port"),
            in_force: 0,
            on_extra: false,
        }
    }

    pub(super) fn plain(&self) -> SocketAddr {
        self.address(0)
    }

    pub(super) fn tls(&self) -> SocketAddr {
        self.address(1)
    }

    /// The one that comes and goes.
    pub(super) fn extra(&self) -> SocketAddr {
        self.address(2)
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.address(3)
    }

    /// What `X-Rules` says now.
    pub(super) fn in_force(&self) -> String {
        self.in_force.to_string()
    }

    pub(super) fn listens_on_extra(&self) -> bool {
        self.on_extra
    }

    /// What is shown now.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.shown.der.clone()
    }

    /// Those to start with.
    pub(super) fn first(&mut self, number: u64) -> String {
        self.text(number, None)
    }

    /// The next ones.
    pub(super) fn step(&mut self, number: u64) -> Step {
        let number = number + 1;
        match number % 5 {
            0 => self.good("a listener removed", number, false),
            1 => Step {
                what: "a mistake",
                text: self.text(number, None).replace("location", "locatoin"),
                is_good: false,
                opens: false,
            },
            2 => {
                let step = self.good("a listener added", number, true);
                Step { opens: true, ..step }
            }
            3 => {
                self.shown = self.authority.pair(&["a.test"]);
                self.good("a certificate changed", number, self.on_extra)
            }
            _ => {
                let taken = self.taken.local_addr().expect("its address");
                let (in_force, on_extra) = (self.in_force, self.on_extra);
                let text = self.text(number, Some(taken));
                (self.in_force, self.on_extra) = (in_force, on_extra);
                Step { what: "an address that is taken", text, is_good: false, opens: false }
            }
        }
    }

    /// Lines of the access logs that tell of a failure which is not the stop's.
    pub(super) fn failures_in_logs(&self) -> Vec<String> {
        let logs = [0, 1].map(|number| std::fs::read_to_string(self.access_log(number)));
        let lines = logs.iter().flat_map(|log| log.as_deref().unwrap_or_default().lines());
        lines.filter(|line| is_failure(line)).map(str::to_owned).collect()
    }

    fn good(&mut self, what: &'static str, number: u64, on_extra: bool) -> Step {
        self.on_extra = on_extra;
        Step { what, text: self.text(number, None), is_good: true, opens: false }
    }

    /// Each differs from the one before in its header, its log, its pool and its locations.
    fn text(&mut self, number: u64, taken: Option<SocketAddr>) -> String {
        let broken = number % 5 == 1 && number > 1;
        if !broken {
            self.in_force = number;
        }
        let pair = self.shown.write(self.folder.path(), "a");
        let [plain, tls, extra, admin] = std::array::from_fn(|at| self.address(at).to_string());
        let mut text = format!(
            "vordr {{ workers 2; drain {}; admin {admin:?}; access-log {:?}; }}\n",
            self.drain.as_secs(),
            self.access_log(number % 2),
        );
        let app = format!("127.0.0.1:{}", self.app);
        let to = if number.is_multiple_of(2) {
            let _ = writeln!(text, "upstream app {{ server {app:?}; }}");
            "app".to_owned()
        } else {
            format!("\"http://{app}\"")
        };
        let _ = writeln!(text, "server a.test {{ listen {plain:?}; listen {tls:?} tls=on; tls {{ {pair} }}");
        if self.on_extra {
            let _ = writeln!(text, "listen {extra:?}");
        }
        if let Some(taken) = taken {
            let _ = writeln!(text, "listen \"{taken}\"");
        }
        match number % 3 {
            0 => text.push_str("location \"/websocket\" { respond 404 \"gone\"; }\n"),
            1 => {
                let _ = writeln!(text, "location \"/websocket\" {{ proxy {to}; }}");
            }
            _ => {}
        }
        let _ =
            writeln!(text, "location \"/\" {{ response {{ set X-Rules \"{number}\"; }}; proxy {to}; }} }}");
        text
    }

    fn access_log(&self, number: u64) -> String {
        self.folder.path().join(format!("access-{number}.log")).display().to_string()
    }

    fn address(&self, at: usize) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.ports[at])
    }
}

fn is_failure(line: &str) -> bool {
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let error = line["error"].as_str();
    error.is_some_and(|error| error != "shutdown") || line["status"].as_u64() > Some(399)
}
