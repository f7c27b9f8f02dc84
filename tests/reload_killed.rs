//! A process that is killed in the middle of a reload leaves nothing that stops the next start.

use crate::harness::{Authority, Binary, Client, free_port, written};
use crate::reload_under_load::number;
use std::time::Duration;

#[tokio::test]
async fn whatever_a_killed_reload_leaves_behind_the_next_start_copes_with() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Authority::new().pair(&["b.test"]).write(folder.path(), "b");
    let ports: [u16; 4] = std::array::from_fn(|_| free_port());
    let text = |number: u64| {
        let [plain, one, other, tls] = ports;
        let (at, odd) = (|name: &str| folder.path().join(name).display().to_string(), number % 2);
        format!(
            "vordr {{ workers 1; state {:?}; access-log {:?}; admin \"unix:{}\"; }}\n\
             server a.test {{ listen \"127.0.0.1:{plain}\"; listen \"127.0.0.1:{}\"; listen \"unix:{}\"\n\
             location \"/\" {{ respond 200 \"{number}\"; }} }}\n\
             server b.test {{ listen \"127.0.0.1:{tls}\" tls=on; tls {{ {} }}\n\
             location \"/\" {{ respond 200; }} }}",
            at("state"),
            at(&format!("access-{odd}.log")),
            at(&format!("admin-{odd}.sock")),
            if odd == 1 { one } else { other },
            at(&format!("listen-{odd}.sock")),
            pair,
        )
    };
    let (_folder, path) = written(&text(0));
    for round in 0..number("SOAK_KILLS", 8) {
        let binary = Binary::running_with(path.clone(), &[]).await;
        let answer = Client::connect(([127, 0, 0, 1], ports[0]).into()).await.get("a.test", "/").await;
        assert_eq!(answer.text(), round.to_string());
        std::fs::write(&path, text(round + 1)).unwrap();
        binary.signal("HUP");
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..40_000))).await;
        binary.signal("KILL");
    }
}
