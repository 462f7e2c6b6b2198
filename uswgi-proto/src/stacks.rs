//! Asking a worker where its Python threads stand, without its master.
//!
//! A worker's native thread, which never takes the GIL, waits at a pipe; a byte in it is the question. The answer
//! comes into a memory file beside it. Both are descriptors of the worker, found as `/proc/PID/fd/N` by the numbers
//! in its slot of the scoreboard: only its own user and root can open them. Questions carry nothing: any answer
//! whose collection began after the question was put is one to it, so askers do not disturb each other.
//!
//! The memory file holds a [`HEADER`]: sequence (odd while it is written), beginning, kind and length; then the text.
#![forbid(unsafe_code)]

use crate::scoreboard::monotonic_us;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{Duration, Instant};

/// Bytes before the text.
pub const HEADER: usize = 32;

/// Longest text; more is cut.
pub const LONGEST: usize = 1 << 20;

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StacksAnswer {
    /// The stacks of its Python threads.
    Stacks(String),
    /// Something holds the GIL without a break.
    NoGil,
}

/// The worker's side: writes answers. One at a time.
pub struct Mailbox {
    memory: File,
    sequence: u64,
}

impl Mailbox {
    /// Over a new memory file.
    pub fn new(memory: File) -> Mailbox {
        Mailbox { memory, sequence: 0 }
    }

    /// Write an answer whose collection began at `began_us` ([`monotonic_us`]).
    pub fn write(&mut self, began_us: u64, answer: &StacksAnswer) -> io::Result<()> {
        let (kind, text) = match answer {
            StacksAnswer::Stacks(text) => (0u64, text.as_str()),
            StacksAnswer::NoGil => (1, ""),
        };
        let text = &text.as_bytes()[..text.len().min(LONGEST)];
        let header = |sequence: u64| -> Vec<u8> {
            [sequence, began_us, kind, text.len() as u64].iter().flat_map(|n| n.to_le_bytes()).collect()
        };
        self.memory.write_all_at(&header(self.sequence + 1), 0)?;
        self.memory.write_all_at(text, HEADER as u64)?;
        self.sequence += 2;
        self.memory.write_all_at(&header(self.sequence), 0)
    }
}

/// What is in a memory file that began at or after `since_us`; None while there is none.
fn read(memory: &File, since_us: u64) -> io::Result<Option<StacksAnswer>> {
    let header = || -> io::Result<Option<[u64; 4]>> {
        let mut bytes = [0; HEADER];
        match memory.read_exact_at(&mut bytes, 0) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
            Ok(()) => Ok(Some(std::array::from_fn(|i| {
                let mut word = [0; 8];
                word.copy_from_slice(&bytes[i * 8..i * 8 + 8]);
                u64::from_le_bytes(word)
            }))),
        }
    };
    let Some(before @ [sequence, began, kind, length]) = header()? else { return Ok(None) };
    if sequence & 1 == 1 || began < since_us || length > LONGEST as u64 {
        return Ok(None);
    }
    let mut text = vec![0; length as usize];
    match memory.read_exact_at(&mut text, HEADER as u64) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    if header()? != Some(before) {
        return Ok(None);
    }
    Ok(Some(if kind == 0 {
        StacksAnswer::Stacks(String::from_utf8_lossy(&text).into_owned())
    } else {
        StacksAnswer::NoGil
    }))
}

/// Ask the worker with this pid, whose descriptors have these numbers. The caller knows that it is one. None
/// when it does not answer within the timeout: even its native thread does not run.
pub fn ask(pid: i32, pipe: u32, memory: u32, timeout: Duration) -> io::Result<Option<StacksAnswer>> {
    let path = |fd: u32| format!("/proc/{pid}/fd/{fd}");
    let memory = File::open(path(memory))?;
    let mut pipe = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path(pipe))?;
    let since = monotonic_us();
    match pipe.write(&[1]) {
        // A full pipe has questions enough.
        Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
        _ => {}
    }
    let until = Instant::now() + timeout;
    loop {
        if let Some(answer) = read(&memory, since)? {
            return Ok(Some(answer));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::io::Read;
    use std::os::fd::AsRawFd;

    fn memory() -> File {
        File::from(memfd_create(c"test", MFdFlags::MFD_CLOEXEC).unwrap())
    }

    #[test]
    fn an_answer_is_only_for_questions_before_it() {
        let file = memory();
        let mut mailbox = Mailbox::new(file.try_clone().unwrap());
        assert_eq!(read(&file, 0).unwrap(), None);
        mailbox.write(50, &StacksAnswer::Stacks("Thread \u{e9}".into())).unwrap();
        assert_eq!(read(&file, 51).unwrap(), None);
        assert_eq!(read(&file, 50).unwrap(), Some(StacksAnswer::Stacks("Thread \u{e9}".into())));
        mailbox.write(60, &StacksAnswer::NoGil).unwrap();
        assert_eq!(read(&file, 50).unwrap(), Some(StacksAnswer::NoGil));
        mailbox.write(70, &StacksAnswer::Stacks("x".repeat(LONGEST + 5))).unwrap();
        let Some(StacksAnswer::Stacks(text)) = read(&file, 60).unwrap() else { panic!("no answer") };
        assert_eq!(text.len(), LONGEST);
    }

    #[test]
    fn what_is_half_written_or_nonsense_is_no_answer() {
        for bytes in [&[1u8][..], &[255; 32], &[1, 0, 0, 0, 0, 0, 0, 0], &[255; 100]] {
            let file = memory();
            file.write_all_at(bytes, 0).unwrap();
            assert_eq!(read(&file, 0).unwrap(), None, "{bytes:?}");
        }
        // A length that the file does not have.
        let file = memory();
        let header: Vec<u8> = [2u64, 9, 0, 1000].iter().flat_map(|n| n.to_le_bytes()).collect();
        file.write_all_at(&header, 0).unwrap();
        assert_eq!(read(&file, 0).unwrap(), None);
    }

    #[test]
    fn a_question_comes_through_the_pipe_and_silence_ends() {
        let me = std::process::id() as i32;
        let (mut questions, keep) = std::io::pipe().unwrap();
        let file = memory();
        let (pipe, number) = (questions.as_raw_fd() as u32, file.as_raw_fd() as u32);
        assert_eq!(ask(me, pipe, number, Duration::from_millis(20)).unwrap(), None);
        let mut mailbox = Mailbox::new(file.try_clone().unwrap());
        let worker = std::thread::spawn(move || {
            let mut byte = [0; 1];
            // The one of the question that nobody answered comes first.
            for _ in 0..2 {
                questions.read_exact(&mut byte).unwrap();
            }
            mailbox.write(monotonic_us(), &StacksAnswer::Stacks("here".into())).unwrap();
            questions
        });
        let answer = ask(me, pipe, number, Duration::from_secs(20)).unwrap();
        assert_eq!(answer, Some(StacksAnswer::Stacks("here".into())));
        drop((worker.join().unwrap(), keep));
        assert!(ask(me, u32::MAX, number, Duration::from_secs(1)).is_err());
    }
}
