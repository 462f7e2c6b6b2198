//! Where an answer ends, and whether it is a good one. Looks at no more of it than it must.

use uswgi_proto::chunked::Decoder;

#[derive(Debug)]
enum Body {
    Head,
    Length(u64),
    Chunked(Box<Decoder>),
    UntilClose,
}

/// An answer that is being read.
#[derive(Debug)]
pub struct Answer {
    head: Vec<u8>,
    body: Body,
    scratch: Vec<u8>,
    /// Status; 0 before the head is whole.
    pub status: u16,
    /// The server closes behind it.
    pub close: bool,
}

impl Answer {
    /// Nothing read yet.
    pub fn new() -> Answer {
        Answer {
            head: Vec::with_capacity(1024),
            body: Body::Head,
            scratch: Vec::new(),
            status: 0,
            close: false,
        }
    }

    /// Ready for the next one.
    pub fn clear(&mut self) {
        self.head.clear();
        self.body = Body::Head;
        self.status = 0;
        self.close = false;
    }

    /// Bytes came; whether the answer is whole.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<bool, &'static str> {
        if matches!(self.body, Body::Head) {
            let from = self.head.len().saturating_sub(3);
            let before = self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(65536)]);
            let Some(end) = self.head[from..].windows(4).position(|w| w == b"\r\n\r\n") else {
                return if self.head.len() > 65536 { Err("endless head") } else { Ok(false) };
            };
            let end = from + end + 4;
            bytes = &bytes[end - before..];
            self.head.truncate(end);
            self.read_head()?;
        }
        match &mut self.body {
            Body::Head | Body::UntilClose => Ok(false),
            Body::Length(left) => {
                *left = left.checked_sub(bytes.len() as u64).ok_or("bytes after the answer")?;
                Ok(*left == 0)
            }
            Body::Chunked(decoder) => {
                self.scratch.clear();
                decoder.feed(bytes, &mut self.scratch, usize::MAX).map_err(|_| "bad chunks")?;
                Ok(decoder.done())
            }
        }
    }

    /// The server closed; whether the answer is whole.
    pub fn ended(&self) -> bool {
        matches!(self.body, Body::UntilClose)
    }

    fn read_head(&mut self) -> Result<(), &'static str> {
        let text = std::str::from_utf8(&self.head).map_err(|_| "head is no text")?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or("");
        let status = first.get(9..12).and_then(|s| s.parse().ok());
        self.status = status.filter(|_| first.starts_with("HTTP/1.")).ok_or("no status line")?;
        self.close = first.starts_with("HTTP/1.0");
        self.body = Body::UntilClose;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                self.body = Body::Length(value.parse().map_err(|_| "bad Content-Length")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                self.body = Body::Chunked(Box::new(Decoder::new(0)));
            } else if name.eq_ignore_ascii_case("connection") {
                self.close = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(())
    }
}
