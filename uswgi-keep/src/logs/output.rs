//! Where the log process writes: files, inherited descriptors, datagrams. No output waits for long, each
//! counts the lines that it lost.
#![forbid(unsafe_code)]

use super::file::LogFile;
use crate::sys;
use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;
use uswgi_proto::logs::sink::{self, Sink, SinkKind};

/// How long one output may hold up the others; once, until it takes lines again.
const PATIENCE: Duration = Duration::from_millis(200);
/// Bytes that are collected for one write.
const AT_ONCE: usize = 256 * 1024;
/// Longest datagram when the system takes no longer one.
const SHORT_DATAGRAM: usize = 1024;

/// What stands around a line in a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text in front, a line break behind.
    Prefix(String),
    /// Syslog of RFC 3164: `<priority>date tag: `; None: the host's name and `uwsgi`. Nothing behind.
    Syslog(u8, Option<String>),
}

impl Frame {
    /// The datagram for a line.
    pub fn around(&self, text: &[u8], seconds: i64) -> Vec<u8> {
        let (before, after) = match self {
            Frame::Prefix(prefix) => (prefix.clone(), "\n"),
            Frame::Syslog(priority, tag) => {
                let date = sys::strftime(seconds, "%b %e %H:%M:%S");
                let tag = tag.clone().unwrap_or_else(|| {
                    let host = nix::unistd::gethostname().unwrap_or_default();
                    format!("{} uwsgi", host.to_string_lossy())
                });
                (format!("<{priority}>{date} {tag}: "), "")
            }
        };
        [before.as_bytes(), text, after.as_bytes()].concat()
    }
}

/// Where datagrams go.
#[derive(Debug)]
pub enum Peer {
    /// A connected UDP socket.
    Udp(UdpSocket),
    /// A socket without a name, and where to send.
    Unix(UnixDatagram, PathBuf),
}

impl Peer {
    /// A path, or `host:port`; without a port `port`, where there is one.
    pub fn open(address: &str, port: Option<u16>) -> io::Result<Peer> {
        if address.contains('/') {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            return Ok(Peer::Unix(socket, address.into()));
        }
        let with_port = match (address.rsplit_once(':'), port) {
            (None, Some(port)) => format!("{address}:{port}"),
            _ => address.to_string(),
        };
        let found = with_port.to_socket_addrs()?.next();
        let found = found.ok_or_else(|| io::Error::other("the name has no address"))?;
        let socket = UdpSocket::bind(if found.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.connect(found)?;
        socket.set_nonblocking(true)?;
        Ok(Peer::Udp(socket))
    }

    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let once = |datagram: &[u8]| match self {
            Peer::Udp(socket) => match socket.send(datagram) {
                // The answer to an earlier datagram: nobody listened. This one was not sent.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => socket.send(datagram),
                sent => sent,
            },
            Peer::Unix(socket, path) => socket.send_to(datagram, path),
        };
        match once(datagram) {
            Err(e) if e.raw_os_error() == Some(libc::EMSGSIZE) => {
                let mut cut = sink::cut(datagram, SHORT_DATAGRAM);
                cut.pop();
                once(&cut)
            }
            sent => sent,
        }
        .map(drop)
    }
}

enum Destination {
    /// A file of ours; for a FIFO a description of our own.
    File(LogFile, Option<OwnedFd>),
    Descriptor(OwnedFd),
    Datagram {
        peer: Peer,
        frame: Frame,
        limit: usize,
        unreported: u64,
    },
}

/// One output.
pub struct Output {
    destination: Destination,
    sink: Sink,
    /// Lost datagrams.
    lost: u64,
    buffer: Vec<u8>,
}

impl Output {
    fn new(destination: Destination, kind: SinkKind) -> Output {
        Output { destination, sink: Sink::new(kind, PATIENCE), lost: 0, buffer: Vec::new() }
    }

    /// A file.
    pub fn file(file: LogFile) -> Output {
        let own = sink::own(file.file().as_fd());
        let kind = if own.is_some() { SinkKind::Own } else { SinkKind::of(file.file().as_fd()) };
        Output::new(Destination::File(file, own), kind)
    }

    /// A descriptor that others may share.
    pub fn descriptor(fd: OwnedFd) -> Output {
        match sink::own(fd.as_fd()) {
            Some(own) => Output::new(Destination::Descriptor(own), SinkKind::Own),
            None => {
                let kind = SinkKind::of(fd.as_fd());
                Output::new(Destination::Descriptor(fd), kind)
            }
        }
    }

    /// Datagrams of at most `limit` bytes.
    pub fn datagrams(peer: Peer, frame: Frame, limit: usize) -> Output {
        Output::new(Destination::Datagram { peer, frame, limit, unreported: 0 }, SinkKind::Socket)
    }

    /// A text without its line break. `notice` makes the text that tells of lost lines.
    pub fn put(&mut self, text: &[u8], seconds: i64, notice: &dyn Fn(u64) -> Vec<u8>) {
        if let Destination::Datagram { peer, frame, limit, unreported } = &mut self.destination {
            let send = |text: &[u8]| {
                let datagram = frame.around(text, seconds);
                match datagram.len() > *limit {
                    true => {
                        let mut cut = sink::cut(&datagram, *limit);
                        cut.pop();
                        peer.send(&cut)
                    }
                    false => peer.send(&datagram),
                }
            };
            if *unreported > 0 && send(&notice(*unreported)).is_ok() {
                *unreported = 0;
            }
            if send(text).is_err() {
                *unreported += 1;
                self.lost += 1;
            }
            return;
        }
        self.buffer.extend_from_slice(text);
        if text.last() != Some(&b'\n') {
            self.buffer.push(b'\n');
        }
        if self.buffer.len() >= AT_ONCE {
            self.flush(notice);
        }
    }

    /// Write what was put.
    pub fn flush(&mut self, notice: &dyn Fn(u64) -> Vec<u8>) {
        if self.buffer.is_empty() {
            return;
        }
        let fd = match &self.destination {
            Destination::File(file, own) => own.as_ref().map_or(file.file().as_fd(), |fd| fd.as_fd()),
            Destination::Descriptor(fd) => fd.as_fd(),
            Destination::Datagram { .. } => return,
        };
        let line = |n| {
            let mut line = notice(n);
            line.push(b'\n');
            line
        };
        self.sink.write(fd, &self.buffer, line);
        self.buffer.clear();
        self.buffer.shrink_to(AT_ONCE);
    }

    /// Every descriptor that it has open.
    pub fn descriptors(&self) -> Vec<RawFd> {
        match &self.destination {
            Destination::File(file, own) => {
                let own = own.iter().map(AsRawFd::as_raw_fd);
                own.chain([file.file().as_raw_fd()]).collect()
            }
            Destination::Descriptor(fd) => vec![fd.as_raw_fd()],
            Destination::Datagram { peer: Peer::Udp(socket), .. } => vec![socket.as_raw_fd()],
            Destination::Datagram { peer: Peer::Unix(socket, _), .. } => vec![socket.as_raw_fd()],
        }
    }

    /// Lines lost since the start.
    pub fn lost(&self) -> u64 {
        self.sink.lost() + self.lost
    }

    /// The file that it writes to, a FIFO too.
    pub fn names(&self) -> Option<&LogFile> {
        match &self.destination {
            Destination::File(file, _) => Some(file),
            _ => None,
        }
    }

    /// The file, if it is one.
    pub fn log_file(&mut self) -> Option<&mut LogFile> {
        match &mut self.destination {
            Destination::File(file, None) => Some(file),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(n: u64) -> Vec<u8> {
        format!("{n} lost").into_bytes()
    }

    #[test]
    fn a_datagram_carries_its_line_as_uwsgi_sends_it() {
        let syslog = Frame::Syslog(29, Some("app".into())).around(b"text", 0);
        let text = String::from_utf8(syslog).unwrap();
        assert!(text.starts_with("<29>") && text.ends_with(" app: text"), "{text}");
        assert_eq!(text.len(), "<29>Jan  1 00:00:00 app: text".len());
        assert!(String::from_utf8(Frame::Syslog(1, None).around(b"x", 0)).unwrap().ends_with(" uwsgi: x"));
        assert_eq!(Frame::Prefix("p ".into()).around(b"text", 0), b"p text\n");
    }

    #[test]
    fn datagrams_that_nobody_takes_are_counted_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let peer = Peer::open(path.to_str().unwrap(), None).unwrap();
        let mut output = Output::datagrams(peer, Frame::Prefix(String::new()), 60);
        for _ in 0..3 {
            output.put(b"nobody", 0, &notice);
        }
        assert_eq!(output.lost(), 3);
        let receiver = UnixDatagram::bind(&path).unwrap();
        output.put(b"somebody", 0, &notice);
        output.put(&[b'x'; 100], 0, &notice);
        let mut buffer = [0; 200];
        let mut next = || {
            let n = receiver.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..n].to_vec()).unwrap()
        };
        assert_eq!([next(), next()], ["3 lost\n", "somebody\n"]);
        let long = next();
        assert!(long.len() <= 60 && long.ends_with(" more bytes cut]"), "{long}");
    }

    #[test]
    fn names_are_looked_up_when_it_is_made() {
        assert!(Peer::open("127.0.0.1", Some(514)).is_ok());
        assert!(Peer::open("127.0.0.1", None).is_err());
        assert!(Peer::open("no.such.host.invalid:1", None).is_err());
    }
}
