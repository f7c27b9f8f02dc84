//! Other proxies on the same cases: Debian's nginx and haproxy, set up as their manuals do.

use crate::harness::free_port;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A proxy in a process of its own; it ends when it is dropped.
pub(super) struct Other {
    process: Child,
    /// Where it speaks HTTP/1.
    pub(super) http1: SocketAddr,
    /// Where it speaks HTTP/2 by prior knowledge.
    pub(super) http2: SocketAddr,
    _folder: TempDir,
}

/// Which proxy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
}

impl Other {
    /// Starts one in front of an upstream.
    pub(super) fn start(kind: Kind, upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (http1, http2) = (local(free_port()), local(free_port()));
        let text = match kind {
            Kind::Nginx => nginx(folder.path().to_str().expect("a path"), http1, http2, upstream),
            Kind::Haproxy => haproxy(http1, http2, upstream),
        };
        let file = folder.path().join("config");
        std::fs::write(&file, text).expect("a configuration");
        let mut command = match kind {
            Kind::Nginx => Command::new("nginx"),
            Kind::Haproxy => Command::new("haproxy"),
        };
        match kind {
            Kind::Nginx => command.arg("-p").arg(folder.path()).arg("-c").arg(&file),
            Kind::Haproxy => command.arg("-q").arg("-f").arg(&file),
        };
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let other = Self {
            process: process.expect("nginx and haproxy are installed"),
            http1,
            http2,
            _folder: folder,
        };
        let end = Instant::now() + Duration::from_secs(10);
        while [http1, http2].iter().any(|address| std::net::TcpStream::connect(address).is_err()) {
            assert!(Instant::now() < end, "{kind:?} does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        other
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn nginx(folder: &str, http1: SocketAddr, http2: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        r#"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            upstream app {{ server {upstream} max_fails=0; keepalive 4; }}
            server {{
                listen {http1}; listen {http2} http2;
                location = /own {{ return 200 own; }}
                location / {{
                    proxy_pass http://app; proxy_http_version 1.1;
                    proxy_set_header Connection ""; proxy_set_header Host $http_host;
                }}
            }}
        }}"#
    )
}

fn haproxy(http1: SocketAddr, http2: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
         frontend public\n bind {http1}\n bind {http2} proto h2\n\
         \x20http-request return status 200 content-type text/plain string own if {{ path /own }}\n\
         \x20default_backend app\n\
         backend app\n server app {upstream}\n"
    )
}
