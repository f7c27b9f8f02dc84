//! What is served: an app, a folder, what is for members, what is limited, and what is down.

use crate::harness::{Authority, free_port};
use std::net::SocketAddr;
use tempfile::TempDir;

/// What a file that is worth packing holds.
pub(super) const WORDS: &str = "{\"words\": \"many of them are the same\"}\n";
/// How long the file is that nobody reads to its end; in bytes.
const LARGE: usize = 4 * 1024 * 1024;

/// The rules, and the files that they name.
pub(super) struct Site {
    folder: TempDir,
    pair: String,
    app: u16,
    ports: [u16; 3],
}

impl Site {
    pub(super) fn new(authority: &Authority, app: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = authority.pair(&["a.test"]).write(folder.path(), "a");
        let www = folder.path().join("www");
        std::fs::create_dir(&www).expect("a folder");
        let hash = bcrypt::hash("password", 4).expect("a hash");
        let files = [
            (folder.path().join("staff"), format!("ann:{hash}\n")),
            (www.join("page.html"), "0123456789".to_owned()),
            (www.join("words.json"), WORDS.repeat(500)),
            (www.join("large"), "x".repeat(LARGE)),
        ];
        for (path, content) in files {
            std::fs::write(path, content).expect("a file");
        }
        Self { folder, pair, app, ports: std::array::from_fn(|_| free_port()) }
    }

    pub(super) fn plain(&self) -> SocketAddr {
        self.address(0)
    }

    pub(super) fn tls(&self) -> SocketAddr {
        self.address(1)
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.address(2)
    }

    /// Those of a round; each has a header of its own.
    pub(super) fn rules(&self, round: u64) -> String {
        let [plain, tls, admin] = std::array::from_fn(|at| self.address(at).to_string());
        let [log, staff, www] = ["access.log", "staff", "www"].map(|name| self.folder.path().join(name));
        let (pair, app) = (&self.pair, self.app);
        format!(
            r#"vordr {{
                workers 2; drain "1s"; admin {admin:?}; access-log {log:?}
                limits {{ header-timeout "5s"; keepalive "75s" requests=off; }}
            }}
            upstream app {{ server "127.0.0.1:{app}"; keepalive 64 idle="1s"; }}
            server a.test {{
                listen {plain:?}
                listen {tls:?} tls=on
                tls {{ {pair} }}
                response {{ set X-Round "{round}"; }}
                location "/" {{ proxy app; }}
                location "/limited" {{ limit rate="20/s" burst=5 key="{{header.X-Key}}"; respond 200 "in"; }}
                location "/staff" {{ auth basic file={staff:?}; respond 200 "in"; }}
                location "/files" {{ files {www:?} strip-prefix="/files"; }}
                location "/packed" {{ compress zstd br gzip; files {www:?} strip-prefix="/packed"; }}
                location "/down" {{ proxy "http://127.0.0.1:1"; }}
            }}"#
        )
    }

    fn address(&self, at: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[at]))
    }
}
