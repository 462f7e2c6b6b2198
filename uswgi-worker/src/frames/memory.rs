//! The memory of this process, read so that an address that is none is an answer and no crash.

#![forbid(unsafe_code)]

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use std::io::IoSliceMut;

/// Bytes that are read at a time, where more than one thing is likely to be wanted there.
const PAGE: usize = 4096;
/// Places that one call reads.
const AT_ONCE: usize = 512;

/// Our own.
#[derive(Clone)]
pub(super) struct Memory {
    pid: Pid,
}

impl Memory {
    /// Of the calling process.
    pub(super) fn own() -> Memory {
        Memory { pid: Pid::this() }
    }

    /// Fill `into` from there; false: not all of it is memory.
    pub(super) fn read(&self, at: usize, into: &mut [u8]) -> bool {
        let len = into.len();
        let remote = [RemoteIoVec { base: at, len }];
        process_vm_readv(self.pid, &mut [IoSliceMut::new(into)], &remote) == Ok(len)
    }

    /// The word at an address.
    pub(super) fn word(&self, at: usize) -> Option<usize> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes).then(|| usize::from_ne_bytes(bytes))
    }

    /// As many words from there on as are memory, at most `count`.
    pub(super) fn words(&self, at: usize, count: usize) -> Vec<usize> {
        let mut bytes = vec![0; count * 8];
        if self.read(at, &mut bytes) {
            return bytes
                .chunks_exact(8)
                .map(|c| usize::from_ne_bytes(c.try_into().unwrap_or_default()))
                .collect();
        }
        (0..count).map_while(|i| self.word(at + i * 8)).collect()
    }

    /// So many bytes at each of the addresses.
    pub(super) fn read_each(&self, at: &[usize], len: usize) -> Vec<Option<Vec<u8>>> {
        let mut all = Vec::with_capacity(at.len());
        while all.len() < at.len() {
            let some = &at[all.len()..at.len().min(all.len() + AT_ONCE)];
            let mut bytes = vec![0; some.len() * len];
            let remote: Vec<_> = some.iter().map(|base| RemoteIoVec { base: *base, len }).collect();
            let read =
                process_vm_readv(self.pid, &mut [IoSliceMut::new(&mut bytes)], &remote).unwrap_or(0) / len;
            all.extend(bytes.chunks_exact(len).take(read).map(|c| Some(c.to_vec())));
            if read < some.len() {
                all.push(None);
            }
        }
        all
    }
}

/// Pages as they were when something on them was read first.
#[derive(Default)]
pub(super) struct Pages {
    used: usize,
    all: Vec<(usize, Box<[u8]>)>,
}

impl Pages {
    /// Forget them.
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    /// The word at an address.
    pub(super) fn word(&mut self, memory: &Memory, at: usize) -> Option<usize> {
        let (base, offset) = (at & !(PAGE - 1), at & (PAGE - 1));
        if offset > PAGE - 8 {
            return memory.word(at);
        }
        let found = self.all[..self.used].iter().rposition(|(b, _)| *b == base);
        let page = match found {
            Some(i) => &self.all[i].1,
            None => {
                if self.used == self.all.len() {
                    self.all.push((0, vec![0; PAGE].into_boxed_slice()));
                }
                let (b, bytes) = &mut self.all[self.used];
                if !memory.read(base, bytes) {
                    return None;
                }
                *b = base;
                self.used += 1;
                &self.all[self.used - 1].1
            }
        };
        page[offset..offset + 8].try_into().ok().map(usize::from_ne_bytes)
    }
}
