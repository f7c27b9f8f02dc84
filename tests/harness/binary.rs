//! The vordr binary as a process of its own.

use super::eventually;
use rustix::process::{Pid, Resource, getrlimit, prlimit};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use tempfile::TempDir;

/// `vordr run`, with what it says in a file; killed when it is dropped.
pub(crate) struct Binary {
    child: Child,
    folder: TempDir,
}

/// The binary, with no environment but what a test gives.
fn vordr() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vordr"));
    command.env_clear();
    command
}

/// Runs the binary to its end.
pub(crate) fn ends(arguments: &[&str]) -> Output {
    vordr().args(arguments).output().expect("the binary")
}

/// A folder with rules in it.
pub(crate) fn written(rules: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vordr.kdl");
    std::fs::write(&path, rules).expect("a file");
    (folder, path)
}

impl Binary {
    /// Runs rules, and waits until they are served.
    pub(crate) async fn running(rules: &str) -> Self {
        let (folder, path) = written(rules);
        Self::start(folder, path, &[], &[]).await
    }

    /// Runs a file with variables, and waits until it is served.
    pub(crate) async fn running_file(path: PathBuf, variables: &[(&str, &str)]) -> Self {
        Self::start(tempfile::tempdir().expect("a folder"), path, variables, &[]).await
    }

    /// Runs a file with further arguments, and waits until it is served.
    pub(crate) async fn running_with(path: PathBuf, arguments: &[&str]) -> Self {
        Self::start(tempfile::tempdir().expect("a folder"), path, &[], arguments).await
    }

    /// Runs a file with two sockets that listen already, as systemd hands them over, and waits until it is served.
    pub(crate) async fn running_handed(path: &Path, names: &str, sockets: [&dyn AsFd; 2]) -> Self {
        let [first, second] =
            sockets.map(|socket| Stdio::from(socket.as_fd().try_clone_to_owned().expect("a second handle")));
        let folder = tempfile::tempdir().expect("a folder");
        let said = File::create(folder.path().join("stderr")).expect("a file");
        // Descriptors are handed over from 3 on, and a child can be given the first three.
        let script = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(["-c", script, "sh", env!("CARGO_BIN_EXE_vordr"), "run"]).arg(path);
        command.env("LISTEN_FDNAMES", names).stdin(first).stdout(second).stderr(said);
        Self::awaited(folder, command).await
    }

    /// Runs a file where no file may come to be longer than so many kibibytes, as on a disk that is full, and waits until
    /// it is served.
    pub(crate) async fn running_with_room(path: &Path, kibibytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        // Counted in blocks of 512 bytes; and who does not ignore the signal ends by it.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kibibytes * 2);
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(["-c", &script, "sh", env!("CARGO_BIN_EXE_vordr"), "run"]).arg(path);
        command.stdout(file("stdout")).stderr(file("stderr")).stdin(Stdio::null());
        Self::awaited(folder, command).await
    }

    /// Runs a file with so many descriptors at most, and waits for nothing.
    pub(crate) fn started_with_descriptors(path: &Path, most: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        // What the test itself was given by whoever runs it is not to count.
        let script = format!("exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; ulimit -n {most}; exec \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(["-c", &script, "sh", env!("CARGO_BIN_EXE_vordr"), "run"]).arg(path);
        command.stdout(file("stdout")).stderr(file("stderr")).stdin(Stdio::null());
        let child = command.spawn().expect("the binary");
        Self { child, folder }
    }

    async fn start(folder: TempDir, path: PathBuf, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let mut command = vordr();
        command.arg("run").arg(path).args(arguments).envs(variables.iter().copied());
        command.stdout(file("stdout")).stderr(file("stderr")).stdin(Stdio::null());
        Self::awaited(folder, command).await
    }

    async fn awaited(folder: TempDir, mut command: Command) -> Self {
        let child = command.spawn().expect("the binary");
        // What the child was given is not to be kept open here.
        drop(command);
        let mut binary = Self { child, folder };
        eventually("the listening address", || {
            if let Some(status) = binary.has_ended() {
                panic!("it ended with {status}: {}", binary.said());
            }
            binary.addresses().into_iter().next()
        })
        .await;
        binary
    }

    /// What it has said on standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// What it has said on standard output: the access log.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default()
    }

    /// The address that it says it listens on first.
    pub(crate) fn address(&self) -> SocketAddr {
        *self.addresses().first().expect("an address")
    }

    /// Every address that a line with `listening` names, as one to connect to.
    fn addresses(&self) -> Vec<SocketAddr> {
        let said = self.said();
        let lines = said.lines().filter(|line| line.contains("listening"));
        lines
            .filter_map(address_in)
            .map(|found| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), found.port()))
            .collect()
    }

    /// How many bytes of memory it holds.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// How many bytes of memory it has held at most.
    pub(crate) fn most_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// A line of `proc_pid_status(5)` that is in kilobytes, as bytes.
    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let figure = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        figure.expect("a figure").parse::<u64>().expect("a number") * 1024
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("a process").count()
    }

    /// Bounds how many descriptors it may have open; returns the bound before.
    pub(crate) fn limit_descriptors(&self, most: Option<u64>) -> Option<u64> {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = most;
        let child = Pid::from_raw(self.child.id().cast_signed());
        prlimit(child, Resource::Nofile, limit).expect("a bound").current
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a process").count()
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.expect("kill").success());
    }

    /// How it ended, if it did.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the binary's end", || self.has_ended()).await
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The socket address among a line's words.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split([' ', '=', '"', ',']).find_map(|word| word.parse().ok())
}
