//! `post-buffering`: bodies that are larger than memory should hold go to an unlinked temporary file, and the
//! application runs when they are whole.

use crate::connection::{Body, Conn, Request, Step, refuse};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

/// A body on its way to disk.
pub(crate) struct Spool {
    pub(crate) file: File,
    pub(crate) length: u64,
}

impl Spool {
    fn new() -> io::Result<Spool> {
        // No name at any time: nothing is left behind whatever happens.
        let file = File::options()
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC)
            .open(std::env::temp_dir())?;
        Ok(Spool { file, length: 0 })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn failed(e: &io::Error) -> Step {
    refuse(
        503,
        format!("cannot keep a request body on disk (post-buffering): {e}; TMPDIR names the directory"),
    )
}

fn spool(conn: &mut Conn) -> io::Result<&mut Spool> {
    if conn.spool.is_none() {
        conn.spool = Some(Box::new(Spool::new()?));
    }
    conn.spool.as_deref_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn whole(conn: &mut Conn, request: &mut Request) -> Step {
    request.body = Some(Body::Spooled);
    request.content_length = conn.spool.as_ref().map_or(0, |s| s.length);
    match conn.spool.as_mut().map(|s| s.file.rewind()) {
        Some(Err(e)) => failed(&e),
        _ => Step::Run,
    }
}

/// A body of known length: what is in the buffer behind the head goes to disk.
pub(crate) fn counted(conn: &mut Conn, request: &mut Request, length: u64) -> Step {
    let buffer = std::mem::take(&mut conn.buffer);
    let body = &buffer[request.head_length..];
    let result = spool(conn).and_then(|s| {
        let take = (length - s.length).min(body.len() as u64) as usize;
        s.append(&body[..take]).map(|()| (take, s.length == length))
    });
    conn.buffer = buffer;
    match result {
        Ok((taken, done)) => {
            conn.buffer.drain(request.head_length..request.head_length + taken);
            conn.needed = 0;
            if done { whole(conn, request) } else { Step::More }
        }
        Err(e) => failed(&e),
    }
}

/// A chunked body: the decoder goes on where it stopped in memory.
pub(crate) fn chunked(conn: &mut Conn, request: &mut Request) -> Step {
    let Some(mut chunks) = conn.chunks.take() else {
        return refuse(500, "a chunked body lost its decoder");
    };
    loop {
        let written = spool(conn).and_then(|s| s.append(&chunks.decoded));
        chunks.decoded.clear();
        if let Err(e) = written {
            return failed(&e);
        }
        let raw = &conn.buffer[request.head_length..];
        match chunks.decoder.feed(raw, &mut chunks.decoded, 64 * 1024) {
            Ok(used) => {
                conn.buffer.drain(request.head_length..request.head_length + used);
            }
            Err(e) => return refuse(e.status(), e.to_string()),
        }
        if chunks.decoded.is_empty() {
            break;
        }
    }
    let done = chunks.decoder.done();
    conn.chunks = Some(chunks);
    if done { whole(conn, request) } else { Step::More }
}
