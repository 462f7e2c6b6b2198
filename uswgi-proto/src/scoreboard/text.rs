//! Text in shared memory that cannot be read torn: a seqlock of atomics with one writer.
//!
//! Writer: the sequence becomes odd, words, the sequence becomes even. Reader: even sequence, words,
//! the same sequence again, or once more. A writer killed in between leaves it odd: the reader
//! gives up after some tries and shows nothing. Never a reference to the bytes themselves.

use super::seqlock::{begin, finish, load_bytes, read, store_bytes};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A text of at most `8 * N` bytes; longer ones keep their end cut off.
#[repr(C)]
pub struct Text<const N: usize> {
    sequence: AtomicU32,
    length: AtomicU32,
    words: [AtomicU64; N],
}

impl<const N: usize> Text<N> {
    /// Replace the text. One writer only.
    pub fn write(&self, text: &[u8]) {
        let text = &text[..text.len().min(N * 8)];
        let s = begin(&self.sequence);
        store_bytes(&self.words, text);
        self.length.store(text.len() as u32, Ordering::Relaxed);
        finish(&self.sequence, s);
    }

    /// The text, or nothing when its writer stopped in the middle of a write.
    pub fn read(&self) -> Option<String> {
        let bytes =
            read(&self.sequence, || load_bytes(&self.words, self.length.load(Ordering::Relaxed) as usize))?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

const METHOD: usize = 2;
const REMOTE: usize = 6;
const URI: usize = 32;

/// Method (16 bytes), remote address (48) and URI (256) of a request, under one sequence.
#[repr(C)]
pub struct RequestText {
    sequence: AtomicU32,
    method_length: AtomicU32,
    remote_length: AtomicU32,
    uri_length: AtomicU32,
    method: [AtomicU64; METHOD],
    remote: [AtomicU64; REMOTE],
    uri: [AtomicU64; URI],
}

/// What [`RequestText::read`] saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestLine {
    /// Method, cut to 16 bytes.
    pub method: String,
    /// URI, cut to 256 bytes.
    pub uri: String,
    /// Address of the client, cut to 48 bytes.
    pub remote: String,
}

impl RequestText {
    /// Replace the request. One writer only.
    pub fn write(&self, method: &[u8], uri: &[u8], remote: &[u8]) {
        let method = &method[..method.len().min(METHOD * 8)];
        let remote = &remote[..remote.len().min(REMOTE * 8)];
        let uri = &uri[..uri.len().min(URI * 8)];
        let s = begin(&self.sequence);
        store_bytes(&self.method, method);
        store_bytes(&self.remote, remote);
        store_bytes(&self.uri, uri);
        self.method_length.store(method.len() as u32, Ordering::Relaxed);
        self.remote_length.store(remote.len() as u32, Ordering::Relaxed);
        self.uri_length.store(uri.len() as u32, Ordering::Relaxed);
        finish(&self.sequence, s);
    }

    /// The request, or nothing when its writer stopped in the middle of a write.
    pub fn read(&self) -> Option<RequestLine> {
        let lossy = |words: &[AtomicU64], length: &AtomicU32| {
            load_bytes(words, length.load(Ordering::Relaxed) as usize)
        };
        let (method, uri, remote) = read(&self.sequence, || {
            (
                lossy(&self.method, &self.method_length),
                lossy(&self.uri, &self.uri_length),
                lossy(&self.remote, &self.remote_length),
            )
        })?;
        let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
        Some(RequestLine { method: text(method), uri: text(uri), remote: text(remote) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    fn zeroed() -> Text<4> {
        Text { sequence: 0.into(), length: 0.into(), words: [const { AtomicU64::new(0) }; 4] }
    }

    #[test]
    fn a_text_comes_back_and_a_long_one_is_cut() {
        let t = zeroed();
        assert_eq!(t.read().unwrap(), "");
        t.write(b"hello");
        assert_eq!(t.read().unwrap(), "hello");
        t.write(&[b'x'; 100]);
        assert_eq!(t.read().unwrap(), "x".repeat(32));
    }

    #[test]
    fn a_writer_that_died_is_no_hang_and_the_next_one_mends_it() {
        let t = zeroed();
        t.sequence.store(7, Ordering::Relaxed);
        assert_eq!(t.read(), None);
        t.write(b"new");
        assert_eq!(t.read().unwrap(), "new");
    }

    #[test]
    fn no_reader_sees_two_texts_in_one() {
        let t = Arc::new(zeroed());
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let (t, stop) = (t.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut i = 0u8;
                while !stop.load(Ordering::Relaxed) {
                    t.write(&[b'a' + i % 26; 32][..1 + i as usize % 32]);
                    i = i.wrapping_add(1);
                }
            })
        };
        for _ in 0..20_000 {
            if let Some(s) = t.read() {
                assert!(s.bytes().all(|b| Some(b) == s.bytes().next()), "torn: {s}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    }

    #[test]
    fn no_reader_sees_two_requests_in_one() {
        let (board, fd) = crate::scoreboard::Scoreboard::create(1, 1).unwrap();
        let reader = crate::scoreboard::Reader::open(std::os::fd::AsFd::as_fd(&fd)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let stop = stop.clone();
            std::thread::spawn(move || {
                let slot = board.thread(0, 0).unwrap();
                let letters: Vec<u8> = (b'a'..=b'z').collect();
                let mut i = 0;
                while !stop.load(Ordering::Relaxed) {
                    let c = letters[i % 26];
                    slot.request.write(
                        &[c; 16][..1 + i % 16],
                        &[c; 256][..1 + i % 256],
                        &[c; 48][..1 + i % 48],
                    );
                    i += 1;
                    // A request takes its time too: a writer without a pause leaves its readers hardly a moment.
                    (0..i % 500).for_each(|_| std::hint::spin_loop());
                }
            })
        };
        let (mut seen, mut different) = (0, std::collections::HashSet::new());
        let begun = std::time::Instant::now();
        // On a busy machine the writer may not get a turn for as long as the reads take.
        while seen < 10_000 || different.len() < 2 {
            assert!(begun.elapsed().as_secs() < 60, "the writer never got on");
            let Some(line) = reader.thread(0, 0).unwrap().request.read() else { continue };
            let all = format!("{}{}{}", line.method, line.uri, line.remote);
            assert!(all.bytes().all(|b| Some(b) == all.bytes().next()), "torn: {line:?}");
            different.insert(line.uri);
            seen += 1;
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    }
}
