//! Asking a worker, spooler or mule where its Python threads stand, without its master.
//!
//! A thread that never takes the GIL (a worker's native thread, the one beside an aide) waits at a pipe; a few bytes in
//! it are a [`WorkerQuestion`]. The answer comes into a memory file beside it. All are descriptors of the process, found
//! as `/proc/PID/fd/N` by the numbers in its slot of the scoreboard: only its own user and root can open them. The
//! question for stacks carries nothing: any answer whose collection began after it was put is one to it, so askers do not
//! disturb each other. Of those who want a profile one has a worker at a time: it holds a lock of the memory file in which
//! the slices come.
//!
//! A memory file holds a [`HEADER`]: sequence (odd while it is written), beginning, kind and length; then the text.
#![forbid(unsafe_code)]

use crate::borrowed::{self, DescriptorKind};
use crate::profile::{self, Slice};
use crate::scoreboard::monotonic_us;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Bytes before the text.
pub const HEADER: usize = 32;

/// Longest text of stacks; more is cut.
pub const LONGEST: usize = 1 << 20;

/// What a worker is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerQuestion {
    /// Where its Python threads stand.
    Stacks,
    /// A slice of a profile.
    Profile {
        /// Looks each second.
        rate: u16,
        /// How long, milliseconds.
        ms: u16,
    },
}

impl WorkerQuestion {
    /// As it goes through the pipe: in one piece, being shorter than PIPE_BUF.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            WorkerQuestion::Stacks => vec![1],
            WorkerQuestion::Profile { rate, ms } => {
                let ([a, b], [c, d]) = (rate.to_le_bytes(), ms.to_le_bytes());
                vec![2, a, b, c, d]
            }
        }
    }

    /// Take those that are whole from the front of what came. Nonsense is left out.
    pub fn take(came: &mut Vec<u8>) -> Vec<WorkerQuestion> {
        let (mut questions, mut at) = (Vec::new(), 0);
        while let Some(kind) = came.get(at) {
            match (kind, came.get(at + 1..at + 5)) {
                (1, _) => {
                    questions.push(WorkerQuestion::Stacks);
                    at += 1;
                }
                (2, Some(&[a, b, c, d])) => {
                    let (rate, ms) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                    if profile::RATES.contains(&rate) && profile::SLICE_MS.contains(&ms) {
                        questions.push(WorkerQuestion::Profile { rate, ms });
                    }
                    at += 5;
                }
                (2, _) => break,
                _ => at += 1,
            }
        }
        came.drain(..at);
        questions
    }
}

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
        match answer {
            StacksAnswer::Stacks(text) => self.put(began_us, 0, &text.as_bytes()[..text.len().min(LONGEST)]),
            StacksAnswer::NoGil => self.put(began_us, 1, b""),
        }
    }

    /// Write a slice of a profile, or why there is none.
    pub fn write_slice(&mut self, began_us: u64, slice: &Result<Slice, String>) -> io::Result<()> {
        match slice {
            Ok(slice) => self.put(began_us, 0, slice.to_text(profile::LONGEST).0.as_bytes()),
            Err(why) => self.put(began_us, 1, why.as_bytes()),
        }
    }

    fn put(&mut self, began_us: u64, kind: u64, text: &[u8]) -> io::Result<()> {
        let header = |sequence: u64| -> Vec<u8> {
            [sequence, began_us, kind, text.len() as u64].iter().flat_map(|n| n.to_le_bytes()).collect()
        };
        self.memory.write_all_at(&header(self.sequence + 1), 0)?;
        self.memory.write_all_at(text, HEADER as u64)?;
        self.sequence += 2;
        self.memory.write_all_at(&header(self.sequence), 0)
    }
}

/// What is in a memory file that began at or after `since_us`, its kind and its text; None while there is none.
fn look(memory: &File, since_us: u64, longest: usize) -> io::Result<Option<(u64, String)>> {
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
    if sequence & 1 == 1 || began < since_us || length > longest as u64 {
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
    Ok(Some((kind, String::from_utf8_lossy(&text).into_owned())))
}

fn read(memory: &File, since_us: u64) -> io::Result<Option<StacksAnswer>> {
    Ok(look(memory, since_us, LONGEST)?.map(|(kind, text)| match kind {
        0 => StacksAnswer::Stacks(text),
        _ => StacksAnswer::NoGil,
    }))
}

/// How a worker is asked for one slice of a profile after the other. Nobody else can, meanwhile.
pub struct ProfileChannel {
    memory: Flock<File>,
    pipe: File,
}

impl ProfileChannel {
    /// Of the worker with this pid, whose descriptors have these numbers. The caller knows that it is one. WouldBlock:
    /// somebody else takes a profile of it.
    pub fn open(pid: i32, pipe: u32, memory: u32) -> io::Result<ProfileChannel> {
        let memory = borrowed::open(pid, memory, DescriptorKind::Memory("uswgi-"))?;
        let memory = Flock::lock(memory, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e)?;
        Ok(ProfileChannel { memory, pipe: questions_of(pid, pipe)? })
    }

    /// The next slice. None when the worker does not answer within the timeout, which has to be longer than the slice;
    /// or why it cannot.
    pub fn ask(
        &mut self,
        rate: u16,
        ms: u16,
        timeout: Duration,
    ) -> io::Result<Option<Result<Slice, String>>> {
        let since = monotonic_us();
        self.pipe.write_all(&WorkerQuestion::Profile { rate, ms }.to_bytes())?;
        let text = wait(timeout, || look(&self.memory, since, profile::LONGEST))?;
        Ok(text.map(|(kind, text)| match kind {
            0 => Slice::from_text(&text).ok_or_else(|| "its answer cannot be read".into()),
            _ => Err(text),
        }))
    }
}

fn questions_of(pid: i32, pipe: u32) -> io::Result<File> {
    borrowed::open(pid, pipe, DescriptorKind::Pipe)
}

fn wait<T>(timeout: Duration, mut look: impl FnMut() -> io::Result<Option<T>>) -> io::Result<Option<T>> {
    let until = Instant::now() + timeout;
    loop {
        if let Some(answer) = look()? {
            return Ok(Some(answer));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ask the worker or aide with this pid, whose descriptors have these numbers. The caller knows that it is one. None
/// when it does not answer within the timeout: even its native thread does not run.
pub fn ask(pid: i32, pipe: u32, memory: u32, timeout: Duration) -> io::Result<Option<StacksAnswer>> {
    let memory = borrowed::open(pid, memory, DescriptorKind::Memory("uswgi-"))?;
    let mut pipe = questions_of(pid, pipe)?;
    let since = monotonic_us();
    match pipe.write(&WorkerQuestion::Stacks.to_bytes()) {
        // A full pipe has questions enough.
        Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
        _ => {}
    }
    wait(timeout, || read(&memory, since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::io::Read;
    use std::os::fd::AsRawFd;

    fn memory() -> File {
        File::from(memfd_create(c"uswgi-test", MFdFlags::MFD_CLOEXEC).unwrap())
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

    #[test]
    fn questions_are_taken_when_they_are_whole() {
        let profile = WorkerQuestion::Profile { rate: 100, ms: 1000 };
        let mut came = [WorkerQuestion::Stacks.to_bytes(), vec![9], profile.to_bytes()].concat();
        came.extend_from_slice(&profile.to_bytes()[..3]);
        assert_eq!(WorkerQuestion::take(&mut came), [WorkerQuestion::Stacks, profile]);
        came.extend_from_slice(&profile.to_bytes()[3..]);
        assert_eq!((WorkerQuestion::take(&mut came), came.len()), (vec![profile], 0));
        let mut nonsense = WorkerQuestion::Profile { rate: 0, ms: 1 }.to_bytes();
        assert_eq!((WorkerQuestion::take(&mut nonsense), nonsense.len()), (vec![], 0));
    }

    #[test]
    fn a_profile_is_one_askers_and_its_slices_come_in_order() {
        let me = std::process::id() as i32;
        let (mut questions, keep) = std::io::pipe().unwrap();
        let file = memory();
        let (pipe, number) = (questions.as_raw_fd() as u32, file.as_raw_fd() as u32);
        let mut channel = ProfileChannel::open(me, pipe, number).unwrap();
        let other = ProfileChannel::open(me, pipe, number).map(drop).unwrap_err();
        assert_eq!(other.kind(), io::ErrorKind::WouldBlock);
        let mut mailbox = Mailbox::new(file.try_clone().unwrap());
        let worker = std::thread::spawn(move || {
            let mut bytes = [0; 5];
            for answer in [Ok(Slice { ticks: 7, ..Slice::default() }), Err("no".to_string())] {
                questions.read_exact(&mut bytes).unwrap();
                mailbox.write_slice(monotonic_us(), &answer).unwrap();
            }
        });
        let mut ask = || channel.ask(100, 1000, Duration::from_secs(20)).unwrap().unwrap();
        assert_eq!(ask().map(|s| s.ticks), Ok(7));
        assert_eq!(ask(), Err("no".into()));
        worker.join().unwrap();
        drop(channel);
        assert!(ProfileChannel::open(me, keep.as_raw_fd() as u32, number).is_ok());
    }
}
