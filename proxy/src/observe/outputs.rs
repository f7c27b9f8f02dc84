//! Where lines go that do not go to one file: each to a file of its own, or to a syslog server.

use crate::exchange::HOSTNAME;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use prometheus::IntCounter;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use vordr_rules::table::{Syslog, SyslogAddress};

/// What stands between the name of a file and the line that goes there.
pub(super) const NAMED: u8 = 0;
/// How many files are kept open.
const OPEN: usize = 64;
/// How long a file is kept open, so that one that was moved away is soon made anew.
const KEPT: Duration = Duration::from_secs(10);
/// The severity of what has none.
const NOTICE: u8 = 5;
/// How long it takes until a server that could not be reached is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// Each line goes to the file that it names.
pub(super) struct ManyFiles {
    open: VecDeque<(Vec<u8>, File, Instant)>,
    dropped: IntCounter,
}

impl ManyFiles {
    /// What cannot be written is counted as `dropped`.
    pub(super) fn new(dropped: IntCounter) -> Self {
        Self { open: VecDeque::new(), dropped }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(end) = line.iter().position(|byte| *byte == NAMED) else { return Ok(()) };
        let (name, line) = (line.get(..end).unwrap_or_default(), line.get(end + 1..).unwrap_or_default());
        self.open.retain(|(.., since)| since.elapsed() < KEPT);
        if !self.open.iter().any(|(known, ..)| known == name) {
            let path = String::from_utf8_lossy(name);
            let file = OpenOptions::new().create(true).append(true).open(&*path)?;
            self.open.truncate(OPEN - 1);
            self.open.push_front((name.to_vec(), file, Instant::now()));
        }
        match self.open.iter_mut().find(|(known, ..)| known == name) {
            Some((_, file, _)) => file.write_all(line),
            None => Ok(()),
        }
    }
}

/// A line at a time; one that cannot be written is counted, and the next one may go elsewhere.
impl Write for ManyFiles {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let line = first(lines);
        if self.put(line).is_err() {
            self.dropped.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written at once is one member of a file that gzip unpacks as a whole (RFC 1952, section 2.2).
pub(super) struct Packed {
    file: File,
    level: Compression,
}

impl Packed {
    /// `level` is 1 to 9.
    pub(super) fn new(file: File, level: u32) -> Self {
        Self { file, level: Compression::new(level) }
    }
}

impl Write for Packed {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut member = GzEncoder::new(Vec::new(), self.level);
        member.write_all(lines)?;
        let before = self.file.metadata()?;
        let written = self.file.write_all(&member.finish()?);
        if written.is_err() && before.is_file() {
            // Behind a part of a member nothing could be unpacked.
            let _ = self.file.set_len(before.len());
        }
        written.map(|()| lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each line is a message to a syslog server (RFC 3164).
pub(super) struct ToSyslog {
    rules: Syslog,
    socket: Option<Socket>,
    /// When the server could not be reached.
    failed: Option<Instant>,
    zone: TimeZone,
    dropped: IntCounter,
}

enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl ToSyslog {
    /// What cannot be sent is counted as `dropped`.
    pub(super) fn new(rules: Syslog, dropped: IntCounter) -> Self {
        Self { rules, socket: None, failed: None, zone: TimeZone::system(), dropped }
    }

    fn message(&self, line: &[u8]) -> Vec<u8> {
        let (severity, line) = match self.rules.severity {
            Some(severity) => (severity, line),
            None => own_severity(line),
        };
        let time = Timestamp::now().to_zoned(self.zone.clone()).strftime("%b %e %H:%M:%S").to_string();
        let host = if self.rules.hostname { format!("{} ", *HOSTNAME) } else { String::new() };
        let mut message =
            format!("<{}>{time} {host}{}: ", self.rules.priority(severity), self.rules.tag).into_bytes();
        message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        message
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.socket.is_none() {
            if self.failed.is_some_and(|failed| failed.elapsed() < AGAIN) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            let socket = connected(&self.rules.address);
            self.failed = socket.is_err().then(Instant::now);
            self.socket = Some(socket?);
        }
        match &self.socket {
            Some(Socket::Udp(socket)) => socket.send(message).map(drop),
            Some(Socket::Unix(socket)) => socket.send(message).map(drop),
            None => Ok(()),
        }
    }
}

fn connected(address: &SyslogAddress) -> io::Result<Socket> {
    match address {
        SyslogAddress::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            Ok(Socket::Unix(socket))
        }
        SyslogAddress::Host(host, port) => {
            let address = (host.as_str(), *port).to_socket_addrs()?.next();
            let address = address.ok_or(io::ErrorKind::NotFound)?;
            let own: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(own)?;
            socket.connect(address)?;
            Ok(Socket::Udp(socket))
        }
    }
}

/// A line at a time. A server that came back has another socket, so one that fails is made anew, once.
impl Write for ToSyslog {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let line = first(lines);
        let message = self.message(line);
        if self.send(&message).is_err() {
            let had_one = self.socket.take().is_some();
            if !had_one || self.send(&message).is_err() {
                self.dropped.inc();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The severity of a line that begins with it, as a digit, and the rest.
fn own_severity(line: &[u8]) -> (u8, &[u8]) {
    match line.split_first() {
        Some((digit @ b'0'..=b'7', rest)) => (digit - b'0', rest),
        _ => (NOTICE, line),
    }
}

/// The first line, with its end.
fn first(lines: &[u8]) -> &[u8] {
    let end = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1);
    lines.get(..end).unwrap_or(lines)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;

    fn dropped() -> IntCounter {
        IntCounter::new("dropped", "Dropped.").unwrap()
    }

    #[test]
    fn each_line_goes_to_the_file_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut out = ManyFiles::new(dropped());
        let lines = format!("{}\0one\n{}\0two\n{}\0three\n", path("a"), path("b"), path("a"));
        out.write_all(lines.as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(path("a")).unwrap(), "one\nthree\n");
        assert_eq!(std::fs::read_to_string(path("b")).unwrap(), "two\n");
        out.write_all(format!("{}\0four\n", path("none/c")).as_bytes()).unwrap();
        assert_eq!(out.dropped.get(), 1);
    }

    #[test]
    fn what_is_packed_is_one_text_once_it_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.gz");
        let mut out = Packed::new(File::create(&path).unwrap(), 1);
        out.write_all(b"one\ntwo\n").unwrap();
        out.write_all(b"three\n").unwrap();
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\nthree\n");
    }

    #[test]
    fn no_more_files_than_some_are_kept_open() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = ManyFiles::new(dropped());
        for number in 0..OPEN + 9 {
            let name = folder.path().join(number.to_string()).display().to_string();
            out.write_all(format!("{name}\0x\n").as_bytes()).unwrap();
        }
        assert_eq!((out.open.len(), out.dropped.get()), (OPEN, 0));
    }

    #[test]
    fn each_line_is_a_message_and_a_server_may_come_later_or_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let address = SyslogAddress::Unix(path.display().to_string());
        let mut out = ToSyslog::new(Syslog { hostname: false, ..Syslog::to(address) }, dropped());
        out.write_all(b"lost\n").unwrap();
        assert_eq!(out.dropped.get(), 1);
        let received = |server: &UnixDatagram| {
            let mut buffer = [0; 200];
            let length = server.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        for _ in 0..2 {
            let server = UnixDatagram::bind(&path).unwrap();
            out.failed = None;
            out.write_all(b"one\ntwo\n").unwrap();
            let said = received(&server);
            assert!(said.starts_with("<190>") && said.ends_with(" nginx: one"), "{said}");
            assert!(received(&server).ends_with(" nginx: two"));
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(out.dropped.get(), 1);
    }
}
