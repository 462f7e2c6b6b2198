//! A request as the tests write it, before it is put into HTTP or uwsgi; and the reply to it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

/// Where to connect.
#[derive(Debug, Clone)]
pub enum Address {
    /// 127.0.0.1, port.
    Port(u16),
    /// Host and port as text.
    Tcp(String),
    /// A unix socket.
    Unix(PathBuf),
    /// A name in the abstract namespace.
    Abstract(String),
    /// HTTPS.
    Tls(crate::authority::TlsAddress),
}

/// A connection of either kind.
pub trait Stream: Read + Write + Send {
    /// No more will be sent.
    fn finish_sending(&self) -> io::Result<()>;
    /// Limit of one read.
    fn patience(&self, limit: Duration) -> io::Result<()>;
    /// The descriptor.
    fn fd(&self) -> std::os::fd::BorrowedFd<'_>;
}

impl Stream for TcpStream {
    fn finish_sending(&self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
    fn patience(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(self)
    }
}

impl Stream for UnixStream {
    fn finish_sending(&self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
    fn patience(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(self)
    }
}

impl Address {
    /// Connect; reads and writes wait at most a minute.
    pub fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match self {
            Address::Port(port) => Box::new(nodelay(TcpStream::connect(("127.0.0.1", *port))?)?),
            Address::Tcp(name) => Box::new(nodelay(TcpStream::connect(name.as_str())?)?),
            Address::Unix(path) => Box::new(UnixStream::connect(path)?),
            Address::Tls(client) => Box::new(client.connect()?),
            Address::Abstract(name) => {
                use std::os::linux::net::SocketAddrExt;
                Box::new(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?)
            }
        };
        stream.patience(crate::wait::PATIENCE)?;
        Ok(stream)
    }
}

fn nodelay(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request body.
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many bytes of a pattern, made while they are sent.
    Pattern(u64),
}

impl Body {
    /// Its length.
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(b) => b.len() as u64,
            Body::Pattern(n) => *n,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Call with each piece in turn.
    pub fn pieces(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Body::Bytes(b) => each(b),
            Body::Pattern(n) => {
                let block: Vec<u8> =
                    (0..65536u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
                let mut left = *n;
                while left > 0 {
                    let now = left.min(block.len() as u64) as usize;
                    each(&block[..now])?;
                    left -= now as u64;
                }
                Ok(())
            }
        }
    }

    /// SHA-256 in hex.
    pub fn sha256(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        let _ = self.pieces(|piece| {
            hash.update(piece);
            Ok(())
        });
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST...
    pub method: String,
    /// Path and query as they stand in the request line.
    pub target: String,
    /// Header fields in order; Host and Content-Length are added when they are missing.
    pub headers: Vec<(String, String)>,
    /// What follows the head; None: nothing, and no Content-Length.
    pub body: Option<Body>,
}

impl Request {
    /// Any method.
    pub fn new(method: &str, target: &str) -> Request {
        Request { method: method.into(), target: target.into(), headers: Vec::new(), body: None }
    }

    /// GET.
    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    /// POST of bytes.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Request {
        Request { body: Some(Body::Bytes(body.into())), ..Request::new("POST", target) }
    }

    /// POST of so many bytes.
    pub fn post_pattern(target: &str, bytes: u64) -> Request {
        Request { body: Some(Body::Pattern(bytes)), ..Request::new("POST", target) }
    }

    /// POST of a form.
    pub fn form(target: &str, fields: &[(&str, &str)]) -> Request {
        let body: Vec<String> = fields.iter().map(|(k, v)| format!("{}={}", quote(k), quote(v))).collect();
        Request::post(target, body.join("&")).header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// A line `METHOD TARGET Name: value | Name: value @@body`.
    pub fn read(line: &str) -> Request {
        let (line, body) = line.split_once(" @@").map_or((line, None), |(l, b)| (l, Some(b)));
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (method, target, fields) = (word(), word(), word());
        let mut request = match body {
            Some(body) => Request { method: method.into(), ..Request::post(target, body) },
            None => Request::new(method, target),
        };
        for field in fields.split(" | ").filter(|f| !f.is_empty()) {
            let (name, value) = field.split_once(':').expect("Name: value");
            request = request.header(name, value.trim());
        }
        if !request.has("host") {
            request = request.header("Host", "example.com");
        }
        request
    }

    /// One more header field.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether there is such a field.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }
}

/// Percent-encode everything but letters, digits and `-_.~`.
pub fn quote(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => (b as char).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// What came back.
#[derive(Clone)]
pub struct Reply {
    /// `HTTP/1.1`
    pub version: String,
    /// 200...
    pub status: u16,
    /// Text after the number.
    pub reason: String,
    /// Fields in order; values as latin-1.
    pub headers: Vec<(String, String)>,
    /// Body, decoded.
    pub body: Vec<u8>,
}

impl Reply {
    /// First field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Every field of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// Body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Panics unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(600)]);
        write!(
            f,
            "{} {} {} {:?} ({} bytes) {body:?}",
            self.version,
            self.status,
            self.reason,
            self.headers,
            self.body.len()
        )
    }
}
