//! `post-buffering`: bodies that are larger than memory should hold go to an unlinked temporary file, and the
//! application runs when they are whole.

use crate::connection::{Chunks, Conn};
use crate::request::{Body, Need, Request, refuse};
use crate::tmpfile;
use std::fs::File;
use std::io::{self, Seek, Write};

/// A body on its way to disk.
pub struct Spool {
    pub file: File,
    pub length: u64,
    /// Bytes of the head before it in the connection's buffer.
    head: usize,
    /// Its whole length; None: it is chunked.
    counted: Option<u64>,
}

impl Spool {
    fn new(head: usize, counted: Option<u64>) -> io::Result<Spool> {
        let file = tmpfile::file(&std::env::temp_dir())?;
        Ok(Spool { file, length: 0, head, counted })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn failed(e: &io::Error) -> Need {
    refuse(
        503,
        format!("cannot keep a request body on disk (post-buffering): {e}; TMPDIR names the directory"),
    )
}

fn spool(conn: &mut Conn, head: usize, counted: Option<u64>) -> io::Result<&mut Spool> {
    if conn.spool.is_none() {
        conn.spool = Some(Box::new(Spool::new(head, counted)?));
    }
    conn.spool.as_deref_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn whole(conn: &mut Conn, request: &mut Request) -> Need {
    request.body = Some(Body::Spooled);
    request.content_length = conn.spool.as_ref().map_or(0, |s| s.length);
    match conn.spool.as_mut().map(|s| s.file.rewind()) {
        Some(Err(e)) => failed(&e),
        _ => Need::Run,
    }
}

/// A body of known length: what is in the buffer behind the head goes to disk.
pub(crate) fn counted(conn: &mut Conn, request: &mut Request, length: u64) -> Need {
    match keep_counted(conn, request.head_length, length) {
        Ok(true) => whole(conn, request),
        Ok(false) => Need::More,
        Err(step) => step,
    }
}

/// A chunked body: the decoder goes on where it stopped in memory.
pub(crate) fn chunked(conn: &mut Conn, request: &mut Request) -> Need {
    match keep_chunks(conn, request.head_length) {
        Ok(true) => whole(conn, request),
        Ok(false) => Need::More,
        Err(step) => step,
    }
}

/// Keep what came of a body that has begun; None: it is whole.
pub(crate) fn go_on(conn: &mut Conn) -> Option<Need> {
    let (head, counted) = conn.spool.as_ref().map(|s| (s.head, s.counted))?;
    let done = match counted {
        Some(length) => keep_counted(conn, head, length),
        None => keep_chunks(conn, head),
    };
    match done {
        Ok(true) => None,
        Ok(false) => Some(Need::More),
        Err(step) => Some(step),
    }
}

fn keep_counted(conn: &mut Conn, head: usize, length: u64) -> Result<bool, Need> {
    let buffer = std::mem::take(&mut conn.buffer);
    let body = &buffer[head..];
    let result = spool(conn, head, Some(length)).and_then(|s| {
        let take = (length - s.length).min(body.len() as u64) as usize;
        s.append(&body[..take]).map(|()| (take, s.length == length))
    });
    conn.buffer = buffer;
    let (taken, done) = result.map_err(|e| failed(&e))?;
    conn.buffer.drain(head..head + taken);
    conn.needed = 0;
    Ok(done)
}

fn keep_chunks(conn: &mut Conn, head: usize) -> Result<bool, Need> {
    let Some(mut chunks) = conn.chunks.take() else {
        return Err(refuse(500, "a chunked body lost its decoder"));
    };
    let result = decode_all(conn, &mut chunks, head);
    let done = chunks.decoder.done();
    conn.chunks = Some(chunks);
    result.map(|()| done)
}

fn decode_all(conn: &mut Conn, chunks: &mut Chunks, head: usize) -> Result<(), Need> {
    loop {
        let written = spool(conn, head, None).and_then(|s| s.append(&chunks.decoded));
        chunks.decoded.clear();
        written.map_err(|e| failed(&e))?;
        let raw = &conn.buffer[head..];
        let used = chunks
            .decoder
            .feed(raw, &mut chunks.decoded, 64 * 1024)
            .map_err(|e| refuse(e.status(), e.to_string()))?;
        conn.buffer.drain(head..head + used);
        if chunks.decoded.is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
