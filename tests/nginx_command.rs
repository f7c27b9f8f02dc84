//! vordr by the name of nginx: its options, its words, its pid file, its signals, its error log.

use crate::harness::{Client, Origin, eventually, free_port};
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

    /// The same file, with directives outside of its `http`.
    fn outside(self, directives: &str) -> Self {
        let text = std::fs::read_to_string(self.at("nginx.conf")).unwrap();
        std::fs::write(self.at("nginx.conf"), format!("{directives}\n{text}")).unwrap();
        self
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// Its process, started and in the background.
    fn started(&self, arguments: &[&str]) -> Running<'_> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", said(&output));
        Running(self)
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

/// Ends the process in the background.
struct Running<'n>(&'n Nginx);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let ended = self.0.run(&["-s", "stop"]);
        if !std::thread::panicking() {
            assert!(ended.status.success(), "{}", said(&ended));
        }
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
    let wrong = nginx.run(&["-t", "-g", "no_such on;"]);
    assert!(said(&wrong).starts_with("nginx: [emerg] unknown directive \"no_such\" in command line\n"));
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

#[test]
fn each_of_the_files_that_are_broken_is_told_with_its_line_as_nginx_tells_it_and_a_remedy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/tests/nginx/broken");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "conf"));
    files.sort();
    assert!(files.len() >= 20, "only {}", files.len());
    for path in files {
        let nginx = Nginx::with("");
        // The same files are in reach as there.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(nginx.at("nginx.conf"), &text).unwrap();
        let output = nginx.run(&["-t"]);
        let (text, name) = (said(&output), path.file_stem().unwrap().to_string_lossy());
        assert_eq!(output.status.code(), Some(1), "{name}: {text}");
        let place = format!(" in {}:", nginx.at("nginx.conf").display());
        let first = text.lines().next().unwrap();
        let line = first.rsplit_once(&place).and_then(|(_, line)| line.parse::<usize>().ok());
        assert!(first.starts_with("nginx: [emerg] ") && line.is_some(), "{name}: {text}");
        // Drawn for people, with what to do instead.
        assert!(text.contains("╰──") || text.contains("help:"), "{name}: {text}");
        assert!(text.ends_with("nginx.conf test failed\n"), "{name}: {text}");
    }
}

#[test]
fn directives_of_the_command_line_stand_before_those_of_the_file() {
    let nginx = Nginx::with("return 204;").outside("worker_processes 2;");
    let path = nginx.at("nginx.conf");
    let twice = said(&nginx.run(&["-t", "-g", "worker_processes 1;"]));
    let first = twice.lines().next().unwrap();
    let told = format!("nginx: [emerg] \"worker_processes\" directive is duplicate in {}:1", path.display());
    assert_eq!(first, told);
    let globals = "user nobody; master_process off; env A=b; working_directory /; error_log told.log debug;";
    let output = nginx.run(&["-t", "-g", globals]);
    assert!(output.status.success(), "{}", said(&output));
    // A test opens the logs.
    assert!(nginx.at("told.log").exists());
    let misplaced = said(&nginx.run(&["-t", "-g", "listen 80;"]));
    assert!(
        misplaced.starts_with("nginx: [emerg] \"listen\" directive is not allowed here in command line\n")
    );
}

#[test]
fn a_log_that_cannot_be_opened_fails_the_test() {
    let log = "error_log no/such/folder.log;";
    for nginx in [Nginx::with("return 204;").outside(log), Nginx::with(&format!("location / {{ {log} }}"))] {
        let output = nginx.run(&["-t"]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1));
        let told = "nginx: [emerg] open() \"no/such/folder.log\" failed (2: No such file or directory)\n";
        assert!(text.contains("syntax is ok") && text.contains(told), "{text}");
    }
}

#[test]
fn every_file_is_printed_under_its_name() {
    let nginx = Nginx::with("include more/*.conf;");
    std::fs::create_dir(nginx.at("more")).unwrap();
    for (name, text) in [("b.conf", "return 204;"), ("a.conf", "# nothing\n")] {
        std::fs::write(nginx.at("more").join(name), text).unwrap();
    }
    let output = nginx.run(&["-T", "-g", "worker_processes 1;"]);
    let (at, text) = (nginx.folder.path().display().to_string(), nginx.read("nginx.conf"));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!(
            "# configuration file {at}/nginx.conf:\n{text}\n\
             # configuration file {at}/more/a.conf:\n# nothing\n\n\
             # configuration file {at}/more/b.conf:\nreturn 204;\n"
        )
    );
}

/// Without time, process and thread, which have to be there.
fn rest(line: &str) -> (&str, &str) {
    let (time, rest) = line.split_at(20);
    assert!(time.bytes().all(|byte| byte.is_ascii_digit() || b"/: ".contains(&byte)), "{line}");
    let (level, rest) = rest.split_once(' ').unwrap();
    let (process, rest) = rest.split_once(": ").unwrap();
    let (pid, thread) = process.split_once('#').unwrap();
    assert!(pid.parse::<u32>().is_ok() && thread.parse::<u32>().is_ok(), "{line}");
    (level.trim_matches(['[', ']']), rest)
}

#[tokio::test]
async fn a_failed_request_is_told_in_nginxs_error_log() {
    let closed = free_port();
    let origin = Origin::scripted(|mut connection| async move {
        drop(connection.request().await);
    })
    .await;
    let nginx = Nginx::with(&format!(
        "server_name a.test; location / {{ proxy_pass http://127.0.0.1:{closed}; }}\n\
         location /early {{ proxy_pass {}; }}\nlocation /denied {{ deny all; proxy_pass http://127.0.0.1:1; }}",
        origin.url()
    ));
    let nginx = nginx.outside("error_log error.log debug; error_log grave.log crit;");
    let _running = nginx.started(&[]);
    for path in ["/x?y=1", "/early", "/denied"] {
        let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], nginx.port))).await;
        client.get("a.test", path).await;
    }
    let told = eventually("three lines", || {
        let log = nginx.read("error.log");
        let errors: Vec<_> = log.lines().filter(|line| line.contains("[error]")).map(str::to_owned).collect();
        (errors.len() == 3).then_some(errors)
    })
    .await;
    let of = |path: &str| told.iter().find(|line| line.contains(&format!("\"GET {path}"))).unwrap();
    let (level, refused) = rest(of("/x"));
    assert_eq!(level, "error");
    let (number, refused) = refused.split_once(' ').unwrap();
    assert!(number.starts_with('*') && number[1..].parse::<u64>().is_ok(), "{number}");
    assert_eq!(
        refused,
        format!(
            "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, \
             server: a.test, request: \"GET /x?y=1 HTTP/1.1\", upstream: \"http://127.0.0.1:{closed}/x?y=1\", \
             host: \"a.test\""
        )
    );
    assert!(
        of("/early").contains(
            " upstream prematurely closed connection while reading response header from upstream, client: "
        ),
        "{}",
        of("/early")
    );
    let denied = of("/denied");
    assert!(denied.contains(" access forbidden by rule, client: 127.0.0.1, server: a.test, "), "{denied}");
    // Nothing of it is that grave.
    assert_eq!(nginx.read("grave.log"), "");
}

#[tokio::test]
async fn the_error_log_of_the_command_line_holds_where_the_file_names_none() {
    let closed = free_port();
    let nginx = Nginx::with(&format!("location / {{ proxy_pass http://127.0.0.1:{closed}; }}"));
    let _running = nginx.started(&["-e", "given.log"]);
    nginx.answer().await;
    eventually("a line", || nginx.read("given.log").contains("connect() failed").then_some(())).await;
    // Nothing but errors, as with nginx.
    assert!(!nginx.read("given.log").contains("[notice]"), "{}", nginx.read("given.log"));
    let broken = Nginx::with("listn 80;");
    assert_eq!(broken.run(&["-e", "given.log"]).status.code(), Some(1));
    let told = broken.read("given.log");
    let (level, rest) = rest(told.lines().next().unwrap());
    assert_eq!(level, "emerg");
    assert!(rest.starts_with("unknown directive \"listn\" in "), "{told}");
}

#[tokio::test]
async fn logs_are_opened_anew_by_nginxs_name() {
    let within = "location / { error_log own.log; return 200 ok; }";
    let nginx = Nginx::with(within).outside("error_log error.log notice;");
    let text = nginx.read("nginx.conf").replace("access_log off;", "access_log access.log;");
    std::fs::write(nginx.at("nginx.conf"), text).unwrap();
    let _running = nginx.started(&[]);
    nginx.answer().await;
    eventually("a line", || nginx.read("access.log").contains("\"GET / HTTP/1.1\" 200 2").then_some(()))
        .await;
    for log in ["access.log", "error.log", "own.log"] {
        std::fs::rename(nginx.at(log), nginx.at(&format!("{log}.1"))).unwrap();
    }
    assert!(nginx.run(&["-s", "reopen"]).status.success());
    eventually("the files", || {
        ["access.log", "error.log", "own.log"].iter().all(|log| nginx.at(log).exists()).then_some(())
    })
    .await;
    nginx.answer().await;
    eventually("a line", || nginx.read("access.log").contains("\"GET / HTTP/1.1\" 200 2").then_some(()))
        .await;
}

#[tokio::test]
async fn a_stop_cuts_what_is_under_way_and_quit_lets_it_finish() {
    for (signal, finishes) in [("stop", false), ("quit", true)] {
        let (asked, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let go = std::sync::Arc::new(tokio::sync::Notify::new());
        let waits = go.clone();
        let origin = Origin::scripted(move |mut connection| {
            let (asked, waits) = (asked.clone(), waits.clone());
            async move {
                if connection.request().await.is_some() {
                    let _ = asked.send(());
                    waits.notified().await;
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                }
            }
        })
        .await;
        let nginx = Nginx::with(&format!("location / {{ proxy_pass {}; }}", origin.url()));
        assert!(nginx.run(&[]).status.success());
        let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], nginx.port))).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        seen.recv().await.unwrap();
        assert!(nginx.run(&["-s", signal]).status.success());
        if finishes {
            go.notify_one();
        }
        let answer = client.until_end().await.unwrap_or_default();
        assert_eq!(answer.ends_with(b"ok"), finishes, "{signal}: {answer:?}");
        eventually("the end", || (!nginx.at("nginx.pid").exists()).then_some(())).await;
    }
}
