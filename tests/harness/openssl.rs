//! `openssl s_client`, for what no client of rustls says in a handshake.

use super::within;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// The common name in the certificate that `a.test` shows a client with these arguments; `None` where the handshake
/// fails.
pub(crate) async fn subject_shown(address: SocketAddr, arguments: &str) -> Option<String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string(), "-servername", "a.test"]);
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    let output = within(tokio::task::spawn_blocking(move || command.output())).await;
    let said = String::from_utf8_lossy(&output.expect("a thread").expect("openssl").stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("subject=CN = ").map(str::to_owned))
}
