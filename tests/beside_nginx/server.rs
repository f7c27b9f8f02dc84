//! nginx, or vordr by its name, as a process with a file of nginx.

use crate::harness::eventually;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Nginx,
    Vordr,
    /// Under its own name, with what `vordr import` makes of the file.
    VordrWithKdl,
}

/// A running one; gone when it is dropped.
pub(super) struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts one, and waits until it listens; what it says where it refuses the rules.
    pub(super) async fn running(program: Program, rules: &str, port: u16) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nginx.conf");
        let at = folder.path().display().to_string();
        make_site(folder.path());
        // user, pass
        std::fs::write(folder.path().join("htpasswd"), "user:$apr1$vordrsal$px7cnQFCWDWxCwpBWY76C/\n")
            .expect("a file");
        std::fs::write(&path, rules.replace("%%FOLDER%%", &at)).expect("a file");
        if program == Program::VordrWithKdl {
            put_into_kdl(folder.path())?;
        }
        let said = std::fs::File::create(folder.path().join("said")).expect("a file");
        let child =
            command(program, folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
        let mut server = Self { child: child.expect("a program"), folder };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let refused = eventually("an open port", || match server.child.try_wait() {
            Ok(Some(_)) => Some(true),
            _ => TcpStream::connect(address).is_ok().then_some(false),
        });
        match refused.await {
            true => Err(std::fs::read_to_string(Path::new(&at).join("said")).unwrap_or_default()),
            false => Ok(server),
        }
    }

    /// Where its site is, which has another name in each run.
    pub(super) fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }
}

impl Server {
    /// Ends it, and reads what it wrote into files that end in `.log`, by their names; its error log is its own.
    pub(super) fn logs(mut self) -> BTreeMap<String, String> {
        self.end();
        let files = std::fs::read_dir(self.folder.path()).expect("the folder");
        let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        let logs = names.filter(|name| name.ends_with(".log") && name != "error.log");
        let read = |name: &String| std::fs::read(self.folder.path().join(name)).expect("a log");
        logs.map(|name| (name.clone(), String::from_utf8_lossy(&read(&name)).into_owned())).collect()
    }

    fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // nginx's workers end with their master where it is asked to end.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes KDL of the file.
fn put_into_kdl(folder: &Path) -> Result<(), String> {
    let path = folder.join("nginx.conf").display().to_string();
    let text = std::fs::read_to_string(&path).expect("the file");
    let imported = vordr::rules::import(&path, &text, &vordr::System)
        .map_err(|found| vordr::rules::render::human(&found, vordr::rules::render::Drawing::Plain))?;
    std::fs::write(folder.join("vordr.kdl"), imported.kdl).expect("a file");
    Ok(())
}

/// What both serve, changed at the same time.
fn make_site(folder: &Path) {
    let then = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for inner in ["html/docs", "html/bare/sub", "html/packed"] {
        std::fs::create_dir_all(folder.join(inner)).expect("a folder");
    }
    for (path, text) in [
        ("html/index.html", "an index\n"),
        ("html/page.html", "a page\n"),
        ("html/style.css", "a {}\n"),
        ("html/.hidden", "hidden\n"),
        ("html/docs/index.html", "the docs\n"),
        ("html/bare/a <b> & c.txt", "text\n"),
        ("html/bare/large.bin", &"x".repeat(20_000)),
        ("html/packed/letter.txt", "a letter\n"),
        ("html/packed/letter.txt.br", "what is packed by brotli"),
        ("html/packed/note.txt", "a note\n"),
    ] {
        std::fs::write(folder.join(path), text).expect("a file");
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"what is packed by gzip\n").expect("a text");
    let packed = packed.finish().expect("a text");
    for path in ["html/packed/letter.txt.gz", "html/packed/alone.txt.gz"] {
        std::fs::write(folder.join(path), &packed).expect("a file");
    }
    std::os::unix::fs::symlink("page.html", folder.join("html/link.html")).expect("a link");
    std::os::unix::fs::symlink("html", folder.join("current")).expect("a link");
    for path in [
        "index.html",
        "page.html",
        "style.css",
        ".hidden",
        "docs/index.html",
        "bare/a <b> & c.txt",
        "bare/large.bin",
        "bare/sub",
        "packed/letter.txt",
        "packed/letter.txt.gz",
        "packed/letter.txt.br",
        "packed/alone.txt.gz",
        "packed/note.txt",
    ] {
        let file = std::fs::File::open(folder.join("html").join(path)).expect("a file");
        file.set_modified(then).expect("a time");
    }
}

fn command(program: Program, folder: &Path) -> Command {
    let at = folder.display().to_string();
    let vordr = env!("CARGO_BIN_EXE_vordr");
    let mut command = match program {
        Program::Nginx => Command::new("/usr/sbin/nginx"),
        Program::Vordr => {
            let link = folder.join("nginx");
            std::os::unix::fs::symlink(vordr, &link).expect("a link");
            Command::new(link)
        }
        Program::VordrWithKdl => Command::new(vordr),
    };
    let globals = format!("daemon off; pid {at}/nginx.pid; worker_processes 1;{}", user());
    match program {
        Program::VordrWithKdl => command.args(["run", "vordr.kdl"]),
        _ => command.args(["-p", &at, "-c", "nginx.conf", "-e", "error.log", "-g", &globals]),
    };
    command.env_clear().current_dir(folder);
    command
}

/// Its workers read what the test wrote.
fn user() -> &'static str {
    let id = Command::new("id").arg("-u").output().expect("id");
    if id.stdout == b"0\n" { " user root;" } else { "" }
}
