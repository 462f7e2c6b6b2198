//! What the kernel says that a thread of this process does: whether it runs, and in which system call it waits
//! (`/proc/self/task/TID/syscall`, proc(5)). Who waits for the interpreter's lock is known by the address at which it
//! waits. Asks nobody in this process, and costs the thread nothing.

#![forbid(unsafe_code)]

use crate::stall::{self, Doing};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use uswgi_proto::profile::LaneStanding;

/// What it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KernelWord {
    /// It runs, or would if it had a processor.
    Runs,
    /// It waits at this address for another thread of the process (futex(2)).
    Futex(usize),
    /// It waits in a system call, or for a page of memory.
    Waits,
}

/// Of what stands in the file; None: this is not its form.
fn parse(text: &str) -> Option<KernelWord> {
    let mut words = text.split_ascii_whitespace();
    match words.next()? {
        "running" => Some(KernelWord::Runs),
        number => {
            let number: i64 = number.parse().ok()?;
            if number != libc::SYS_futex {
                return Some(KernelWord::Waits);
            }
            let address = words.next()?.strip_prefix("0x")?;
            Some(KernelWord::Futex(usize::from_str_radix(address, 16).ok()?))
        }
    }
}

/// What a thread does in a request, by the kernel's word, the place of the interpreter's lock, and what it said itself.
pub(crate) fn standing(word: KernelWord, lock: &Range<usize>, said: Option<LaneStanding>) -> LaneStanding {
    match word {
        KernelWord::Runs => LaneStanding::Runs,
        KernelWord::Futex(address) if lock.contains(&address) => LaneStanding::Gil,
        KernelWord::Futex(_) | KernelWord::Waits => said.unwrap_or(LaneStanding::Waits),
    }
}

/// The files of one thread; they stay open.
#[derive(Debug, Default)]
pub(crate) struct ThreadFiles {
    thread: i32,
    syscall: Option<File>,
    stat: Option<File>,
}

impl ThreadFiles {
    /// What a thread does. The second value is false where the kernel does not tell what it waits for, only whether it does.
    pub(crate) fn word(&mut self, thread: i32) -> (KernelWord, bool) {
        let open = |name: &str| File::open(format!("/proc/self/task/{thread}/{name}")).ok();
        if self.thread != thread {
            *self = ThreadFiles { thread, syscall: open("syscall"), stat: None };
        }
        let mut text = [0; 256];
        let mut read = |file: &Option<File>| -> Option<String> {
            let n = file.as_ref()?.read_at(&mut text, 0).ok()?;
            Some(String::from_utf8_lossy(&text[..n]).into_owned())
        };
        if let Some(word) = read(&self.syscall).and_then(|text| parse(&text)) {
            return (word, true);
        }
        if self.stat.is_none() {
            self.stat = open("stat");
        }
        match read(&self.stat).map(|text| stall::doing(&text)) {
            Some(Doing::Runs) => (KernelWord::Runs, false),
            _ => (KernelWord::Waits, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Condvar, Mutex};

    #[test]
    fn who_waits_at_the_lock_waits_for_it_and_others_for_what_they_say() {
        let futex = format!("{} 0x7f10 0x189 0x0 0x7ffd 0x0 0xffffffff 0x7ffc 0x7f9a\n", libc::SYS_futex);
        assert_eq!(parse("running\n"), Some(KernelWord::Runs));
        assert_eq!(parse(&futex), Some(KernelWord::Futex(0x7f10)));
        assert_eq!(parse("-1 0x7ffc 0x7f9a\n"), Some(KernelWord::Waits));
        assert_eq!(parse("7 0x7ffc 0x1 0x2710 0x0 0x0 0x0 0x7ffc 0x7f9a\n"), Some(KernelWord::Waits));
        for nonsense in ["", "x", &libc::SYS_futex.to_string()] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
        let lock = 0x7f00..0x7f20;
        let said = Some(LaneStanding::Sending);
        assert_eq!(standing(KernelWord::Futex(0x7f10), &lock, said), LaneStanding::Gil);
        assert_eq!(standing(KernelWord::Futex(0x7f20), &lock, None), LaneStanding::Waits);
        assert_eq!(standing(KernelWord::Waits, &lock, said), LaneStanding::Sending);
        assert_eq!(standing(KernelWord::Runs, &lock, said), LaneStanding::Runs);
    }

    #[test]
    fn a_thread_of_this_process_is_seen_at_its_futex() {
        static END: AtomicBool = AtomicBool::new(false);
        static PLACE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
        let (send, receive) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || {
            send.send(nix::unistd::gettid().as_raw()).unwrap();
            drop(PLACE.1.wait_while(PLACE.0.lock().unwrap(), |done| !*done).unwrap());
            while !END.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let thread = receive.recv().unwrap();
        let (mut files, place) = (ThreadFiles::default(), std::ptr::addr_of!(PLACE) as usize);
        let here = place..place + size_of_val(&PLACE);
        let mut seen = |so: &dyn Fn(KernelWord) -> bool| {
            let begun = std::time::Instant::now();
            loop {
                let (word, tells) = files.word(thread);
                assert!(tells, "the kernel does not tell");
                if so(word) {
                    return;
                }
                assert!(begun.elapsed().as_secs() < 60, "it is never seen so: {word:?}");
                std::thread::yield_now();
            }
        };
        seen(&|word| standing(word, &here, None) == LaneStanding::Gil);
        *PLACE.0.lock().unwrap() = true;
        PLACE.1.notify_all();
        seen(&|word| word == KernelWord::Runs);
        END.store(true, Ordering::Relaxed);
        waiter.join().unwrap();
    }
}
