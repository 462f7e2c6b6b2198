//! What daemons and jobs write, as whole lines into the log: each program writes into a pipe of its own,
//! and its lines never mix with others.
//!
//! It must never keep more than [`MOST`] bytes of a program, nor wait for one.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest line; a longer one is cut into lines.
const MOST: usize = 64 * 1024;
/// Bytes read at a time from one program: a flood delays the master, but does not stop it.
const AT_A_TIME: usize = 64 * 1024;

/// The end of a text that is no whole line yet.
#[derive(Debug, Default)]
pub struct LineTail(Vec<u8>);

impl LineTail {
    /// Take bytes; what is whole now, line ends included.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(bytes);
        match self.0.iter().rposition(|&b| b == b'\n') {
            Some(end) => {
                let rest = self.0.split_off(end + 1);
                std::mem::replace(&mut self.0, rest)
            }
            None if self.0.len() >= MOST => self.rest(),
            None => Vec::new(),
        }
    }

    /// What is left at the end, as a line.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.0);
        if !rest.is_empty() {
            rest.push(b'\n');
        }
        rest
    }
}

/// The pipes of all programs, by a token.
#[derive(Default)]
pub struct Outputs {
    all: BTreeMap<u64, (std::fs::File, LineTail)>,
    last: u64,
}

fn write(bytes: &[u8]) {
    if !bytes.is_empty() {
        crate::log::programs(bytes);
    }
}

impl Outputs {
    /// A new pipe: its token and the end for the program.
    pub fn pipe(&mut self) -> nix::Result<(u64, OwnedFd)> {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Ours alone: the program's end may wait.
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        self.last += 1;
        self.all.insert(self.last, (reader.into(), LineTail::default()));
        Ok((self.last, writer))
    }

    /// Our end.
    pub fn fd(&self, token: u64) -> Option<BorrowedFd<'_>> {
        self.all.get(&token).map(|(file, _)| file.as_fd())
    }

    /// Every end of ours.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.values().map(|(file, _)| file.as_fd())
    }

    /// Something is there, or the end: then our end of the pipe, which nobody has to watch any more. (The guard has a
    /// copy, so closing it is not enough.)
    pub fn read(&mut self, token: u64) -> Option<OwnedFd> {
        let (file, lines) = self.all.get_mut(&token)?;
        let mut buffer = vec![0; AT_A_TIME];
        match file.read(&mut buffer) {
            Ok(0) => {
                write(&lines.rest());
                self.all.remove(&token).map(|(file, _)| file.into())
            }
            Ok(n) => {
                write(&lines.take(&buffer[..n]));
                None
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => None,
            Err(_) => self.all.remove(&token).map(|(file, _)| file.into()),
        }
    }

    /// The instance ends: what the programs have written so far.
    pub fn drain(&mut self) {
        let tokens: Vec<u64> = self.all.keys().copied().collect();
        for token in tokens {
            self.read(token);
            if let Some((_, lines)) = self.all.get_mut(&token) {
                write(&lines.rest());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_come_out_and_nothing_is_lost() {
        let mut l = LineTail::default();
        assert_eq!(l.take(b"on"), b"");
        assert_eq!(l.take(b"e\ntw"), b"one\n");
        assert_eq!(l.take(b"o\nthree\nfo"), b"two\nthree\n");
        assert_eq!(l.rest(), b"fo\n");
        assert_eq!(l.rest(), b"");
        let long = vec![b'x'; MOST];
        assert_eq!(l.take(&long).len(), MOST + 1, "cut, with a line end");
    }

    #[test]
    fn a_pipe_ends_with_its_program() {
        let mut o = Outputs::default();
        let (token, writer) = o.pipe().unwrap();
        assert!(o.read(token).is_none());
        assert!(o.fd(token).is_some(), "nothing is there yet, and it did not wait");
        drop(writer);
        assert!(o.read(token).is_some());
        assert!(o.fd(token).is_none());
    }
}
