//! Records: how processes give their lines to the log process, through one pipe that all of them share.
//!
//! A record is at most [`PIPE_BUF`] bytes and written by one write(2), so that records of several processes
//! never mix. A longer text is several records with the same serial number, which the reader puts together.
//!
//! ```text
//! mark u8 (0x1e) | kind u8 | length u16 LE | worker u32 LE | pid u32 LE | serial u32 LE | length bytes of text
//! ```
//!
//! No text holds the mark (senders replace it), so a reader that finds something else skips to the next one and
//! gives what it skipped as a line of unknown origin.
#![forbid(unsafe_code)]

use super::sink::PIPE_BUF;

const MARK: u8 = 0x1e;
const HEADER: usize = 16;
/// Bit of the kind byte: the text goes on in another record.
const MORE: u8 = 0x80;
/// Most bytes of text in one record.
pub const MAX_PART: usize = PIPE_BUF - HEADER;
/// Longest text; the rest is cut.
pub const MAX_TEXT: usize = 64 * 1024;
/// Texts that may be incomplete at one time.
const MAX_OPEN: usize = 64;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// The line of a request, as it is to be written.
    Request = 1,
    /// A message of a worker or template, without a date and a name.
    Worker = 2,
    /// A message of the master.
    Master = 3,
    /// A line of a program that the master runs.
    Program = 4,
}

impl RecordKind {
    fn from_number(n: u8) -> Option<RecordKind> {
        match n {
            1 => Some(RecordKind::Request),
            2 => Some(RecordKind::Worker),
            3 => Some(RecordKind::Master),
            4 => Some(RecordKind::Program),
            _ => None,
        }
    }
}

/// Who said something, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is; None: bytes that nobody sent as a record.
    pub kind: Option<RecordKind>,
    /// Number of the worker; 0: none.
    pub worker: u32,
    /// Process.
    pub pid: u32,
    /// Without a line break at its end.
    pub text: Vec<u8>,
}

/// The records of one text, each to be written by one write(2). `serial` must differ from the process's last one.
pub fn encode(kind: RecordKind, worker: u32, pid: u32, serial: u32, text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let cut;
    let text = if text.len() > MAX_TEXT {
        cut = super::sink::cut(text, MAX_TEXT);
        cut.strip_suffix(b"\n").unwrap_or(&cut)
    } else {
        text
    };
    let count = text.len().div_ceil(MAX_PART).max(1);
    (0..count)
        .map(|i| {
            let part = &text[i * MAX_PART..text.len().min((i + 1) * MAX_PART)];
            let more = if i + 1 < count { MORE } else { 0 };
            let mut record = Vec::with_capacity(HEADER + part.len());
            record.extend_from_slice(&[MARK, kind as u8 | more]);
            record.extend_from_slice(&(part.len() as u16).to_le_bytes());
            record.extend_from_slice(&worker.to_le_bytes());
            record.extend_from_slice(&pid.to_le_bytes());
            record.extend_from_slice(&serial.to_le_bytes());
            record.extend(part.iter().map(|&b| if b == MARK { b'?' } else { b }));
            record
        })
        .collect()
}

/// Bytes of the pipe to records, in the order in which they become complete.
#[derive(Debug, Default)]
pub struct RecordReader {
    buffer: Vec<u8>,
    open: Vec<(u32, u32, Record)>,
}

impl RecordReader {
    /// Bytes have come; gives what is whole to `each`.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Record)) {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while at < buffer.len() {
            let rest = &buffer[at..];
            if rest[0] != MARK {
                at += self.skip(rest, &mut each);
                continue;
            }
            let Some(header) = rest.first_chunk::<HEADER>() else { break };
            let number =
                |i: usize| u32::from_le_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
            let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
            let Some(kind) = RecordKind::from_number(header[1] & !MORE).filter(|_| length <= MAX_PART) else {
                at += self.skip(rest, &mut each);
                continue;
            };
            let Some(text) = rest.get(HEADER..HEADER + length) else { break };
            self.part(kind, header[1] & MORE != 0, number(4), number(8), number(12), text, &mut each);
            at += HEADER + length;
        }
        self.buffer = buffer[at..].to_vec();
    }

    /// The end: what never became whole is given as it is.
    pub fn finish(&mut self, mut each: impl FnMut(Record)) {
        for (_, _, record) in std::mem::take(&mut self.open) {
            each(record);
        }
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.skip(&rest, &mut each);
        }
    }

    /// Bytes that are no record, up to the next mark.
    fn skip(&mut self, rest: &[u8], each: &mut impl FnMut(Record)) -> usize {
        let length = memchr::memchr(MARK, &rest[1..]).map_or(rest.len(), |n| n + 1);
        for line in rest[..length].split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            each(Record { kind: None, worker: 0, pid: 0, text: line.to_vec() });
        }
        length
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a header")]
    fn part(
        &mut self,
        kind: RecordKind,
        more: bool,
        worker: u32,
        pid: u32,
        serial: u32,
        text: &[u8],
        each: &mut impl FnMut(Record),
    ) {
        let open = self.open.iter().position(|(p, s, _)| (*p, *s) == (pid, serial));
        match (open, more) {
            (None, false) => each(Record { kind: Some(kind), worker, pid, text: text.to_vec() }),
            (None, true) => {
                if self.open.len() == MAX_OPEN {
                    each(self.open.remove(0).2);
                }
                self.open.push((pid, serial, Record { kind: Some(kind), worker, pid, text: text.to_vec() }));
            }
            (Some(i), more) => {
                let record = &mut self.open[i].2;
                if record.text.len() <= MAX_TEXT {
                    record.text.extend_from_slice(text);
                }
                if !more {
                    each(self.open.remove(i).2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], step: usize) -> Vec<Record> {
        let (mut reader, mut all) = (RecordReader::default(), Vec::new());
        for chunk in bytes.chunks(step.max(1)) {
            reader.feed(chunk, |r| all.push(r));
        }
        reader.finish(|r| all.push(r));
        all
    }

    #[test]
    fn parts_of_two_processes_are_told_apart() {
        let (long, other) = (vec![b'a'; 2 * MAX_PART + 5], vec![b'b'; MAX_PART + 1]);
        let a = encode(RecordKind::Worker, 1, 100, 7, &long);
        let b = encode(RecordKind::Request, 2, 200, 7, &other);
        assert!(a.iter().chain(&b).all(|r| r.len() <= PIPE_BUF));
        let bytes = [&a[0], &b[0], &a[1], &b[1], &a[2]].map(|r| r.clone()).concat();
        let all = read(&bytes, 1000);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].kind, all[0].worker, &all[0].text), (Some(RecordKind::Request), 2, &other));
        assert_eq!((all[1].kind, all[1].pid, &all[1].text), (Some(RecordKind::Worker), 100, &long));
    }

    #[test]
    fn strangers_bytes_cost_no_record() {
        let good = encode(RecordKind::Master, 0, 1, 1, b"good\n").concat();
        let mut bytes = b"wild\nwrite".to_vec();
        bytes.extend_from_slice(&good);
        bytes.extend_from_slice(&[MARK, 99, 1, 0]);
        bytes.extend_from_slice(&good);
        let all = read(&bytes, 3);
        assert_eq!(all.iter().filter(|r| r.kind == Some(RecordKind::Master) && r.text == b"good").count(), 2);
        let rest: Vec<u8> = all.iter().filter(|r| r.kind.is_none()).flat_map(|r| r.text.clone()).collect();
        assert!(rest.starts_with(b"wildwrite"), "{rest:?}");
    }

    #[test]
    fn an_endless_text_is_cut() {
        let all = read(&encode(RecordKind::Worker, 1, 1, 1, &vec![b'x'; 3 * MAX_TEXT]).concat(), 4096);
        assert_eq!(all.len(), 1);
        assert!(all[0].text.len() <= MAX_TEXT && all[0].text.ends_with(b" more bytes cut]"));
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(texts: Vec<(u8, Vec<u8>)>, step in 1usize..5000) {
            let mut bytes = Vec::new();
            for (i, (pid, text)) in texts.iter().enumerate() {
                bytes.extend(encode(RecordKind::Worker, 1, u32::from(*pid), i as u32, text).concat());
            }
            let all = read(&bytes, step);
            prop_assert_eq!(all.len(), texts.len());
            for (record, (pid, text)) in all.iter().zip(&texts) {
                let text: Vec<u8> = text.strip_suffix(b"\n").unwrap_or(text).to_vec();
                let text: Vec<u8> = text.into_iter().map(|b| if b == MARK { b'?' } else { b }).collect();
                prop_assert_eq!((record.pid, &record.text), (u32::from(*pid), &text));
            }
        }

        #[test]
        fn no_bytes_panic_or_grow_without_end(bytes: Vec<u8>, step in 1usize..100) {
            let mut reader = RecordReader::default();
            for chunk in bytes.chunks(step) {
                reader.feed(chunk, |_| {});
                prop_assert!(reader.buffer.len() <= PIPE_BUF);
            }
        }
    }
}
