//! Where lines go that do not go to one file: each to a file of its own, or to a syslog server.

use super::stream::Stream;
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
    open: VecDeque<OpenFile>,
    dropped: IntCounter,
}

struct OpenFile {
    name: Vec<u8>,
    stream: Stream<File>,
    since: Instant,
}

impl ManyFiles {
    /// What cannot be written is counted as `dropped`.
    pub(super) fn new(dropped: IntCounter) -> Self {
        Self { open: VecDeque::new(), dropped }
    }

    /// Writes a record: a file's name, which cannot hold [`NAMED`], and the line, which can.
    pub(super) fn write(&mut self, record: &[u8]) {
        let Some(end) = record.iter().position(|byte| *byte == NAMED) else { return self.dropped.inc() };
        let (name, line) = (record.get(..end).unwrap_or_default(), record.get(end + 1..).unwrap_or_default());
        match self.file(name) {
            Ok(stream) => stream.write_one(line),
            Err(_) => self.dropped.inc(),
        }
    }

    fn file(&mut self, name: &[u8]) -> io::Result<&mut Stream<File>> {
        // Of a line that was cut off nobody would know any more in a file that is opened anew.
        self.open.retain(|file| file.since.elapsed() < KEPT || file.stream.is_torn());
        let place = match self.open.iter().position(|file| file.name == name) {
            Some(place) => place,
            None => {
                let file =
                    OpenOptions::new().create(true).append(true).open(&*String::from_utf8_lossy(name))?;
                let stream = Stream::new(file, self.dropped.clone());
                self.open.truncate(OPEN - 1);
                self.open.push_front(OpenFile { name: name.to_vec(), stream, since: Instant::now() });
                0
            }
        };
        let file = self.open.get_mut(place).ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut file.stream)
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

    /// Sends a line. A server that came back has another socket, so one that fails is made anew, once.
    pub(super) fn write(&mut self, line: &[u8]) {
        let message = self.message(line);
        if self.send(&message).is_err() {
            let had_one = self.socket.take().is_some();
            if !had_one || self.send(&message).is_err() {
                self.dropped.inc();
            }
        }
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

/// The severity of a line that begins with it, as a digit, and the rest.
fn own_severity(line: &[u8]) -> (u8, &[u8]) {
    match line.split_first() {
        Some((digit @ b'0'..=b'7', rest)) => (digit - b'0', rest),
        _ => (NOTICE, line),
    }
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
        let b = path("b");
        for (name, line) in
            [("a", "one\n"), ("b", &format!("two\n{b}\0\n")), ("a", "three\n"), ("none/c", "four\n")]
        {
            out.write(format!("{}\0{line}", path(name)).as_bytes());
        }
        assert_eq!(std::fs::read_to_string(path("a")).unwrap(), "one\nthree\n");
        assert_eq!(std::fs::read_to_string(&b).unwrap(), format!("two\n{b}\0\n"));
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
            out.write(format!("{name}\0x\n").as_bytes());
        }
        assert_eq!((out.open.len(), out.dropped.get()), (OPEN, 0));
    }

    #[test]
    fn each_line_is_a_message_and_a_server_may_come_later_or_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let address = SyslogAddress::Unix(path.display().to_string());
        let mut out = ToSyslog::new(Syslog { hostname: false, ..Syslog::to(address) }, dropped());
        out.write(b"lost\n");
        assert_eq!(out.dropped.get(), 1);
        let received = |server: &UnixDatagram| {
            let mut buffer = [0; 200];
            let length = server.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        for _ in 0..2 {
            let server = UnixDatagram::bind(&path).unwrap();
            out.failed = None;
            out.write(b"one\n");
            out.write(b"two\n");
            let said = received(&server);
            assert!(said.starts_with("<190>") && said.ends_with(" nginx: one"), "{said}");
            assert!(received(&server).ends_with(" nginx: two"));
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(out.dropped.get(), 1);
    }
}
