//! Other proxies, from Debian's packages, in processes of their own.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running proxy; it ends when it is dropped.
pub(crate) struct Foreign {
    process: Child,
    _folder: TempDir,
}

impl Foreign {
    /// nginx with this in its `http` block, once it listens on these addresses.
    pub(crate) fn nginx(http: &str, listening: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().to_str().expect("a path");
        let text = format!(
            "daemon off; master_process off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;\n\
             events {{}}\nhttp {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n{http}\n}}\n"
        );
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c");
        Self::start(command, folder, &text, listening)
    }

    /// haproxy with this after its defaults, once it listens on these addresses.
    pub(crate) fn haproxy(sections: &str, listening: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n{sections}\n"
        );
        let mut command = Command::new("haproxy");
        command.arg("-q").arg("-f");
        Self::start(command, folder, &text, listening)
    }

    fn start(mut command: Command, folder: TempDir, text: &str, listening: &[SocketAddr]) -> Self {
        let file = folder.path().join("config");
        std::fs::write(&file, text).expect("a configuration");
        let process = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut foreign = Self { process: process.expect("it is installed"), _folder: folder };
        let end = Instant::now() + Duration::from_secs(20);
        while listening.iter().any(|address| std::net::TcpStream::connect(address).is_err()) {
            let ended = foreign.process.try_wait().expect("its state");
            assert!(ended.is_none() && Instant::now() < end, "it does not listen ({ended:?}):\n{text}");
            std::thread::sleep(Duration::from_millis(5));
        }
        foreign
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
