//! vordr by the name of nginx: its options, its words, its pid file, its signals.

use crate::harness::{Client, eventually, free_port};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with rules of nginx and a link by its name.
struct Nginx {
    folder: TempDir,
    port: u16,
}

impl Nginx {
    fn with(directives: &str) -> Self {
        let nginx = Self { folder: tempfile::tempdir().unwrap(), port: free_port() };
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vordr"), nginx.at("nginx")).unwrap();
        nginx.write(directives);
        nginx
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, directives: &str) {
        let (port, pid) = (self.port, self.at("nginx.pid"));
        let text = format!(
            "pid {};\nevents {{}}\nhttp {{\naccess_log off;\nserver {{\nlisten 127.0.0.1:{port};\n{directives}\n}}\n}}\n",
            pid.display()
        );
        std::fs::write(self.at("nginx.conf"), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.at("nginx"));
        command.env_clear().args(["-p", self.folder.path().to_str().unwrap(), "-c", "nginx.conf"]);
        command.args(arguments).output().unwrap()
    }

    async fn answer(&self) -> String {
        Client::connect(SocketAddr::from(([127, 0, 0, 1], self.port))).await.get("a.test", "/").await.text()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn good_rules_are_tested_in_nginxs_words() {
    let nginx = Nginx::with("location / { return 200 ok; }");
    let output = nginx.run(&["-t"]);
    let path = nginx.at("nginx.conf");
    let path = path.display();
    assert!(output.status.success());
    assert_eq!(
        said(&output),
        format!(
            "nginx: the configuration file {path} syntax is ok\nnginx: configuration file {path} test is successful\n"
        )
    );
    assert_eq!(said(&nginx.run(&["-tq"])), "");
    let dumped = nginx.run(&["-T"]);
    let text = std::fs::read_to_string(nginx.at("nginx.conf")).unwrap();
    assert_eq!(String::from_utf8_lossy(&dumped.stdout), format!("# configuration file {path}:\n{text}\n"));
}

#[test]
fn broken_rules_are_told_with_their_file_and_line() {
    let nginx = Nginx::with("location / { return 200 ok; }\nproxy_bas http://a;");
    let output = nginx.run(&["-t"]);
    let (text, path) = (said(&output), nginx.at("nginx.conf"));
    let path = path.display();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.starts_with(&format!("nginx: [emerg] unknown directive \"proxy_bas\" in {path}:8\n")),
        "{text}"
    );
    assert!(text.ends_with(&format!("nginx: configuration file {path} test failed\n")), "{text}");
    assert!(said(&nginx.run(&["-t", "-g", "no_such on;"])).contains("unknown directive \"no_such\" in -g:1"));
}

#[test]
fn it_says_which_nginx_it_stands_for() {
    let nginx = Nginx::with("");
    assert!(said(&nginx.run(&["-v"])).starts_with("nginx version: nginx/1."));
    assert!(said(&nginx.run(&["-V"])).contains("--with-http_ssl_module"));
    assert!(said(&nginx.run(&["-h"])).contains("Usage: nginx"));
    let wrong = nginx.run(&["-x"]);
    assert_eq!((wrong.status.code(), said(&wrong).as_str()), (Some(1), "nginx: invalid option: \"x\"\n"));
}

#[tokio::test]
async fn it_goes_into_the_background_reloads_and_quits() {
    let nginx = Nginx::with("location / { return 200 first; }");
    let started = nginx.run(&[]);
    assert!(started.status.success(), "{}", said(&started));
    // It serves as soon as the command has ended.
    assert_eq!(nginx.answer().await, "first");
    let pid = std::fs::read_to_string(nginx.at("nginx.pid")).unwrap();
    assert!(Path::new(&format!("/proc/{}", pid.trim())).exists());

    nginx.write("location / { return 200 second; }");
    assert!(nginx.run(&["-s", "reload"]).status.success());
    let mut answer = nginx.answer().await;
    while answer != "second" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        answer = nginx.answer().await;
    }
    let again = nginx.run(&["-g", "daemon off;"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("[emerg]"), "{}", said(&again));

    assert!(nginx.run(&["-s", "quit"]).status.success());
    eventually("the end", || (!nginx.at("nginx.pid").exists()).then_some(())).await;
    let gone = nginx.run(&["-s", "stop"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(said(&gone).contains("nginx.pid\" failed (2: No such file or directory)"), "{}", said(&gone));
}
