//! vordr in this process, on ports of its own, with its access log at hand.

use super::client::{Client, Response};
use super::origin::Origin;
use super::{PATIENCE, eventually, within};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tempfile::TempDir;

/// One server, `a.test`, that proxies everything to a URL, under some settings.
pub(crate) fn proxying(url: &str, settings: &str) -> String {
    format!("server a.test {{ listen 0; location \"/\" {{ {settings}\n proxy \"{url}\"; }} }}")
}

/// A running vordr; it stops when it is dropped.
pub(crate) struct Vordr {
    handle: vordr::Handle,
    /// The rules' own settings.
    process: String,
    folder: TempDir,
}

impl Vordr {
    /// Runs rules. They hold servers, and no `vordr` node: that one is the harness's.
    pub(crate) async fn running(rules: &str) -> Self {
        Self::running_with("", rules).await
    }

    /// Runs one server, `a.test`, that proxies everything to an upstream.
    pub(crate) async fn proxying(origin: &Origin) -> Self {
        Self::proxying_with(origin, "").await
    }

    /// Runs one server, `a.test`, that proxies everything to an upstream, under some settings.
    pub(crate) async fn proxying_with(origin: &Origin, settings: &str) -> Self {
        Self::running(&proxying(&origin.url(), settings)).await
    }

    /// Runs rules, with more words for the process.
    pub(crate) async fn running_with(process: &str, rules: &str) -> Self {
        Self::prepared(process, rules, |vordr| vordr)
    }

    /// Runs rules; names are asked of this name server.
    pub(crate) async fn running_with_nameserver(nameserver: SocketAddr, rules: &str) -> Self {
        Self::prepared("", rules, |vordr| vordr.with_nameserver(nameserver))
    }

    fn prepared(process: &str, rules: &str, prepare: impl FnOnce(vordr::Vordr) -> vordr::Vordr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let access = folder.path().join("access.log");
        let errors = folder.path().join("error.log");
        let drain = if process.contains("drain") { "" } else { "drain \"100ms\"" };
        let workers = if process.contains("workers") { "" } else { "workers 1" };
        let admin = if process.contains("admin") { "" } else { "admin \"127.0.0.1:0\"" };
        let process = format!(
            "vordr {{ {workers}\n {drain}\n {admin}\n access-log {access:?}\n error-log {errors:?} \
             level=debug\n {process}\n }}"
        );
        let text = format!("{process}\n{rules}\n");
        let loaded = vordr::Vordr::from_text("test.kdl", &text);
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{error:#?}\n{text}"));
        let handle = prepare(loaded).start().unwrap_or_else(|error| panic!("{error}"));
        Self { handle, folder, process }
    }

    /// Runs a file of nginx's: whatever may stand in `http`. It listens on one address, port 0.
    pub(crate) async fn reading_nginx(http: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "error_log {0}/error.log debug;\nhttp {{\nlog_format json escape=json '';\n\
             access_log {0}/access.log json;\n{http}\n}}",
            folder.path().display()
        );
        let loaded = vordr::Vordr::from_text("nginx.conf", &text);
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{error:#?}\n{text}"));
        let handle = loaded.start().unwrap_or_else(|error| panic!("{error}"));
        Self { handle, folder, process: String::new() }
    }

    /// The first address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        let (_, bound) = *self.handle.addresses().first().expect("an address");
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port())
    }

    /// The rules' own settings, `vordr { … }`.
    pub(crate) fn process(&self) -> &str {
        &self.process
    }

    /// Serves other rules from now on.
    pub(crate) fn replace(&self, rules: vordr::Vordr) -> Result<u64, vordr::StartError> {
        self.handle.replace(rules)
    }

    /// Sends a whole request to the admin address.
    pub(crate) async fn ask_admin(&self, request: &str) -> Response {
        let mut client = Client::connect(self.admin_address()).await;
        client.send(request).await;
        client.response().await
    }

    /// An address that it listens on, by its place among them.
    pub(crate) fn address_at(&self, number: usize) -> SocketAddr {
        let addresses = self.handle.addresses();
        let (_, bound) = addresses.get(number).expect("an address");
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port())
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// Asks for a URL on a connection of its own.
    pub(crate) async fn get(&self, url: &str) -> Response {
        let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
        self.connect().await.get(host, &format!("/{path}")).await
    }

    /// Sends a request as it is on a connection of its own.
    pub(crate) async fn send(&self, request: &str) -> Response {
        let mut client = self.connect().await;
        client.send(request).await;
        client.response().await
    }

    /// Runs rules, and waits until every upstream's name has been resolved.
    pub(crate) async fn running_resolved(rules: &str) -> Self {
        let vordr = Self::running(rules).await;
        vordr.resolved().await;
        vordr
    }

    /// Waits until every upstream's name has been resolved.
    pub(crate) async fn resolved(&self) {
        within(async {
            while !self.admin("/status").await.text().contains("\"healthy\"") {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// The admin address.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        let bound = self.handle.admin().expect("an admin address");
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port())
    }

    /// Asks the admin address.
    pub(crate) async fn admin(&self, path: &str) -> Response {
        Client::connect(self.admin_address()).await.get("localhost", path).await
    }

    /// Every line of the access log so far.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.log_file("access.log")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}")))
            .collect()
    }

    /// The first line of the access log that fits, awaited.
    pub(crate) async fn log_line(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let finding =
            eventually("a line in the access log", || self.log_lines().into_iter().find(|line| fits(line)));
        // Gives up a little earlier, to say what there is instead.
        match tokio::time::timeout(PATIENCE * 3 / 4, finding).await {
            Ok(line) => line,
            Err(_) => panic!("no such line in the access log:\n{:#?}", self.log_lines()),
        }
    }

    /// The first line of the access log with this `error`, awaited.
    pub(crate) async fn log_error(&self, error: &str) -> Value {
        self.log_line(|line| line["error"] == error).await
    }

    /// The error log so far.
    pub(crate) fn error_log(&self) -> String {
        std::fs::read_to_string(self.log_file("error.log")).unwrap_or_default()
    }

    /// A metric's value now, by its name and labels as they stand in the page; 0 where there is none.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let page = self.admin("/metrics").await.text();
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a metric has a value.
    pub(crate) async fn metric_becomes(&self, series: &str, value: f64) {
        within(async {
            while self.metric(series).await != value {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Waits until the metrics hold this text.
    pub(crate) async fn metrics_show(&self, text: &str) {
        within(async {
            while !self.admin("/metrics").await.text().contains(text) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Waits until the metrics do not hold this text any more.
    pub(crate) async fn metrics_forget(&self, text: &str) {
        within(async {
            while self.admin("/metrics").await.text().contains(text) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Asks it to stop; what is under way may end.
    pub(crate) fn stop(&self) {
        self.handle.stop();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        let Self { handle, folder, .. } = self;
        within(tokio::task::spawn_blocking(|| handle.wait())).await.expect("an orderly end");
        drop(folder);
    }

    /// Opens the logs anew, as SIGUSR1 does.
    pub(crate) fn reopen_logs(&self) {
        self.handle.reopen_logs();
    }

    /// Where a log is: `access.log`, `error.log`.
    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
