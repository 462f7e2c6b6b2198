//! An HTTP/1.1 client that says what really came over the wire.

use crate::request::{Address, Body, Reply, Request, Stream};
use flate2::read::GzDecoder;
use std::io::{self, Read, Write};

/// Longest piece that is read at once.
const PIECE: usize = 64 * 1024;

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// A connection that can carry several requests.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connect.
    pub fn open(address: &Address) -> io::Result<Connection> {
        Ok(Connection { stream: address.connect()?, buffer: Vec::new() })
    }

    /// The descriptor's stream.
    pub fn stream(&mut self) -> &mut dyn Stream {
        &mut *self.stream
    }

    /// Send raw bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Send a request.
    pub fn send_request(&mut self, request: &Request) -> io::Result<()> {
        self.send(&head(request))?;
        match &request.body {
            None => Ok(()),
            Some(body) if request.has("Transfer-Encoding") => self.send_chunked(body),
            Some(body) => body.pieces(|piece| self.stream.write_all(piece)),
        }
    }

    fn send_chunked(&mut self, body: &Body) -> io::Result<()> {
        body.pieces(|piece| {
            write!(self.stream, "{:x}\r\n", piece.len())?;
            self.stream.write_all(piece)?;
            self.stream.write_all(b"\r\n")
        })?;
        self.send(b"0\r\n\r\n")
    }

    /// Send a request, read its reply. The reply is read also when the server stopped reading the request.
    pub fn ask(&mut self, request: &Request) -> io::Result<Reply> {
        let sent = self.send_request(request);
        match self.reply(&request.method) {
            Ok(reply) => Ok(reply),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }

    /// More bytes into the buffer; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let old = self.buffer.len();
        self.buffer.resize(old + PIECE, 0);
        let n = read_some(&mut *self.stream, &mut self.buffer[old..]);
        self.buffer.truncate(old + *n.as_ref().unwrap_or(&0));
        Ok(n? > 0)
    }

    /// Bytes up to and with a mark.
    fn take_until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|w| w == mark) {
                return Ok(self.buffer.drain(..at + mark.len()).collect());
            }
            if !self.more()? {
                let what =
                    if self.buffer.is_empty() { "closed without a byte" } else { "closed in the middle" };
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
        }
    }

    fn take(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < n {
            if !self.more()? {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed in the body"));
            }
        }
        Ok(self.buffer.drain(..n).collect())
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Whether the server has closed: waits for its end of file; bytes before it are an error.
    pub fn closed(&mut self) -> io::Result<()> {
        match self.rest() {
            Ok(bytes) if bytes.is_empty() => Ok(()),
            Ok(bytes) => Err(bad(format!("bytes before the end: {:?}", String::from_utf8_lossy(&bytes)))),
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Read one reply to a request of this method; 1xx replies are passed over.
    pub fn reply(&mut self, method: &str) -> io::Result<Reply> {
        loop {
            let reply = self.any_reply(method)?;
            if reply.status >= 200 {
                return Ok(reply);
            }
        }
    }

    /// Read one reply, 1xx too.
    pub fn any_reply(&mut self, method: &str) -> io::Result<Reply> {
        let mut reply = parse_head(&self.take_until(b"\r\n\r\n")?)?;
        let bodiless = method == "HEAD" || reply.status < 200 || matches!(reply.status, 204 | 304);
        reply.body = if bodiless {
            Vec::new()
        } else if reply.header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            self.chunks()?
        } else if let Some(length) = reply.header("Content-Length") {
            let length = length.parse().map_err(|_| bad(format!("Content-Length {length:?}")))?;
            self.take(length)?
        } else {
            self.rest()?
        };
        Ok(reply)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.take_until(b"\r\n")?;
            let text = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            let size = usize::from_str_radix(&text, 16).map_err(|_| bad(format!("chunk size {text:?}")))?;
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(bad("no CRLF after a chunk"));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// The bytes of a request's head.
pub fn head(request: &Request) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    if !request.has("Host") {
        head.push_str("Host: test.example\r\n");
    }
    if let Some(body) = &request.body
        && !request.has("Content-Length")
        && !request.has("Transfer-Encoding")
    {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut bytes = head.into_bytes();
    for (name, value) in &request.headers {
        bytes.extend(latin1(name));
        bytes.extend(b": ");
        bytes.extend(latin1(value));
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"\r\n");
    bytes
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c as u32).unwrap_or(b'?')).collect()
}

/// Status line and fields of a reply.
pub fn parse_head(bytes: &[u8]) -> io::Result<Reply> {
    let text: String = bytes.iter().map(|&b| b as char).collect();
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut parts = first.splitn(3, ' ');
    let version = parts.next().unwrap_or_default().to_string();
    let status =
        parts.next().and_then(|s| s.parse().ok()).ok_or_else(|| bad(format!("status line {first:?}")))?;
    let reason = parts.next().unwrap_or_default().to_string();
    if !version.starts_with("HTTP/1.") {
        return Err(bad(format!("status line {first:?}")));
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("header line {line:?}")))?;
        headers.push((name.to_string(), value.trim().to_string()));
    }
    Ok(Reply { version, status, reason, headers, body: Vec::new() })
}

/// Of an answer what two servers can have in common: framing, dates, how a body is compressed, and what one of them says of
/// files are left out.
pub fn essence(answer: &[u8], has_body: bool) -> String {
    const LEFT_OUT: [&str; 7] = [
        "date",
        "connection",
        "content-length",
        "last-modified",
        "etag",
        "accept-ranges",
        "transfer-encoding",
    ];
    let text: String = answer.iter().map(|b| char::from(*b)).collect();
    if text.is_empty() {
        return "closed".into();
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    let body = if chunked { unframed(body).unwrap_or_else(|| body.into()) } else { body.into() };
    let mut lines = head.split("\r\n");
    let mut said = lines.next().unwrap_or_default().to_string();
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let mut fields: Vec<_> = lines.filter(|l| !LEFT_OUT.contains(&name(l).as_str())).collect();
    fields.sort_unstable();
    for field in fields {
        said = format!("{said}\n{field}");
    }
    let body = if said.contains("\nContent-Encoding: gzip") { unpacked(body) } else { body };
    format!("{said}\n\n{}", if has_body { body } else { String::new() })
}

/// What a compressed body says; one that is no such thing as it is.
fn unpacked(body: String) -> String {
    let (packed, mut bytes) = (body.chars().map(|c| c as u8).collect::<Vec<_>>(), Vec::new());
    match GzDecoder::new(&packed[..]).read_to_end(&mut bytes) {
        Ok(_) => bytes.into_iter().map(char::from).collect(),
        Err(_) => body,
    }
}

/// What whole chunks hold; None: they are not whole.
fn unframed(mut text: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, rest) = text.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return (rest == "\r\n").then_some(body);
        }
        let end = rest.char_indices().map(|(at, _)| at).nth(size)?;
        body.push_str(&rest[..end]);
        text = rest[end..].strip_prefix("\r\n")?;
    }
}

/// One request on a connection of its own.
pub fn ask(address: &Address, request: &Request) -> io::Result<Reply> {
    let request = if request.has("Connection") {
        request.clone()
    } else {
        request.clone().header("Connection", "close")
    };
    Connection::open(address)?.ask(&request)
}

/// One read. One with a time limit is not restarted by the kernel when the machine was stopped for a moment.
pub fn read_some(stream: &mut (impl io::Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
