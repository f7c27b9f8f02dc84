//! Debian's Redis, on a port of its own.

use super::{Origin, Vordr, eventually, free_port, proxying};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A Redis; killed when it is dropped.
pub(crate) struct Redis {
    port: u16,
    more: Vec<String>,
    folder: TempDir,
    child: Option<Child>,
}

impl Redis {
    /// Starts one.
    pub(crate) async fn running() -> Self {
        Self::running_with(&[]).await
    }

    /// Starts one, with more arguments.
    pub(crate) async fn running_with(more: &[&str]) -> Self {
        let mut redis = Self::away_with(more);
        redis.start().await;
        redis
    }

    /// One that does not run yet.
    pub(crate) fn away() -> Self {
        Self::away_with(&[])
    }

    fn away_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let more = more.iter().map(|argument| (*argument).to_owned()).collect();
        Self { port: free_port(), more, folder, child: None }
    }

    /// Starts it, with nothing that it knew before.
    pub(crate) async fn start(&mut self) {
        self.stop();
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.more)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server, which scripts/setup.sh installs");
        self.child = Some(child);
        let port = self.port;
        eventually("redis", || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Keeps it from doing anything at all.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `limit-store` with its URL, and more.
    pub(crate) fn store(&self, more: &str) -> String {
        format!("limit-store \"redis://{}\" {more}", self.address())
    }

    /// What it answers to a command.
    pub(crate) fn ask(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        let output = output.expect("redis-cli");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Every key of a limit.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.ask(&["--scan", "--pattern", "vordr:limit:*"]).lines().map(str::to_owned).collect()
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("a running Redis");
        let kill = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
        assert!(kill.expect("kill").success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where requests are counted.
pub(crate) enum Counting {
    InMemory,
    In(Redis),
}

impl Counting {
    /// Every place there is: what holds for `limit` holds in each.
    pub(crate) async fn everywhere() -> [Self; 2] {
        [Self::InMemory, Self::In(Redis::running().await)]
    }

    /// Runs rules that are counted there. Whatever the store did not count would be answered 503.
    pub(crate) async fn running(&self, rules: &str) -> Vordr {
        match self {
            Self::InMemory => Vordr::running(rules).await,
            Self::In(redis) => {
                redis.ask(&["FLUSHALL"]);
                Vordr::running_with(&redis.store("on-failure=closed timeout=\"10s\""), rules).await
            }
        }
    }

    /// Runs one server, `a.test`, that proxies everything to an upstream, under some settings.
    pub(crate) async fn proxying_with(&self, origin: &Origin, settings: &str) -> Vordr {
        self.running(&proxying(&origin.url(), settings)).await
    }
}
