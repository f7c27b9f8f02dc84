//! Reloads, one after the other, leave nothing behind: no memory, no descriptor, no thread, no generation.

use crate::harness::{Binary, Client, Origin, free_port, written};
use crate::reload_under_load::number;
use std::net::SocketAddr;

/// How much more memory may be held at the end: an allocator keeps something back, a leak grows with every reload.
const MEMORY: u64 = 6 * 1024 * 1024;

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holding {
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Holding {
    pub(crate) fn of(binary: &Binary) -> Self {
        Self { memory: binary.memory(), descriptors: binary.descriptors(), threads: binary.threads() }
    }

    /// The larger of each.
    pub(crate) fn most(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
        }
    }
}

/// Two sets of rules, whose pools, names, logs, listeners and routes differ.
struct Rules {
    origin: u16,
    folder: tempfile::TempDir,
    ports: [u16; 3],
}

impl Rules {
    fn text(&self, number: u64) -> String {
        let ([plain, extra, admin], odd) = (self.ports, number % 2);
        let log = self.folder.path().join(format!("access-{odd}.log"));
        let socket = self.folder.path().join(format!("{odd}.sock"));
        let routes: String =
            (0..50).map(|route| format!("location \"/{odd}/{route}\" {{ respond 204; }}\n")).collect();
        format!(
            "vordr {{ workers 2; admin \"127.0.0.1:{admin}\"; access-log {log:?}; }}\n\
             upstream app-{odd} {{ server \"localhost:{}\"; }}\n\
             server a.test {{ listen \"127.0.0.1:{plain}\"; listen \"127.0.0.1:{}\"; listen \"unix:{}\"\n\
             {routes} location \"/\" {{ proxy app-{odd}; }} }}",
            self.origin,
            if odd == 1 { extra } else { free_port() },
            socket.display(),
        )
    }
}

#[tokio::test]
async fn a_hundred_reloads_leave_memory_descriptors_and_threads_as_they_were() {
    let reloads = number("SOAK_REPEATED", 100);
    let origin = Origin::echoing().await;
    let folder = tempfile::tempdir().unwrap();
    let rules = Rules { origin: origin.port(), folder, ports: std::array::from_fn(|_| free_port()) };
    let [plain, _, admin] = rules.ports.map(|port| ([127, 0, 0, 1], port).into());
    let (_folder, path) = written(&rules.text(1));
    let binary = Binary::running_with(path.clone(), &[]).await;
    let mut socket = Client::connect(plain).await.websocket("a.test", "/", "").await.unwrap();
    let mut before = Holding::of(&binary);
    let warm = reloads / 5;
    for number in 2..reloads + warm {
        std::fs::write(&path, rules.text(number)).unwrap();
        // One that is kept ends after ten seconds, and reloads on a busy machine take longer.
        let mut client = Client::connect(admin).await;
        client.send("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
        let answer = client.response().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let route = format!("/{}/7", number % 2);
        assert_eq!(Client::connect(plain).await.get("a.test", &route).await.status, 204);
        if number == warm {
            before = settled(&binary).await;
        }
    }
    let after = settled(&binary).await;
    println!("after {warm} reloads {before:?}, after {reloads} more {after:?}");
    assert!(after.memory < before.memory + MEMORY, "{before:?} {after:?}");
    assert!(after.descriptors <= before.descriptors + 2, "{before:?} {after:?}");
    // Threads that read files come when they are needed, and go when they are not.
    assert!(after.threads <= before.threads + 3, "{before:?} {after:?}");

    assert!(socket.echoes("still here").await);
    assert_eq!(generations(admin).await, "2");
    socket.close(1000, "").await;
    drop(socket);
    while generations(admin).await != "1" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Once what a reload leaves to be done in the background is done.
async fn settled(binary: &Binary) -> Holding {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    Holding::of(binary)
}

async fn generations(admin: SocketAddr) -> String {
    let page = Client::connect(admin).await.get("localhost", "/metrics").await.text();
    let value = page.lines().find_map(|line| line.strip_prefix("vordr_config_generations_live "));
    value.expect("the metric").to_owned()
}
