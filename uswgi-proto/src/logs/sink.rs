//! Writing lines to one descriptor that other processes share: whole lines, no long wait, and every line
//! that was lost is counted and reported where it is missing.
//!
//! What may fill up (a pipe, a FIFO, a terminal) is written through a description of our own with
//! O_NONBLOCK, got by opening /proc/self/fd/N; sockets with MSG_DONTWAIT. The flags of the description that
//! was inherited are never touched: others share them. Where the system refuses a description of our own,
//! poll(2) asks before each write. A regular file needs none of that, and costs one write(2) as ever.
//!
//! A reader that is stuck delays a process once by the sink's patience; from then on lines are dropped at once
//! until there is room again. One that is merely too slow delays it no more than once a second.
#![forbid(unsafe_code)]

use crate::scoreboard::monotonic_us;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::MsgFlags;
use nix::sys::stat::{SFlag, fstat};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long after giving up nobody waits again.
const RECOVER_US: u64 = 1_000_000;

/// Longest piece that pipes take whole beside other writers (PIPE_BUF of Linux).
pub const PIPE_BUF: usize = 4096;

/// How a descriptor has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkKind {
    /// A regular file: appends of any length are whole.
    File,
    /// A pipe, FIFO or terminal through a description of our own, which has O_NONBLOCK.
    Own,
    /// A socket.
    Socket,
    /// Anything else that may make us wait: asked before each write.
    Shared,
}

impl SinkKind {
    /// What a descriptor is, as it was inherited.
    pub fn of(fd: BorrowedFd<'_>) -> SinkKind {
        match fstat(fd).map(|s| SFlag::from_bits_truncate(s.st_mode) & SFlag::S_IFMT) {
            Ok(SFlag::S_IFREG) => SinkKind::File,
            Ok(SFlag::S_IFSOCK) => SinkKind::Socket,
            _ => SinkKind::Shared,
        }
    }
}

/// A description of our own for a pipe, FIFO or terminal. None: it is something else, or the system refuses.
pub fn own(fd: BorrowedFd<'_>) -> Option<OwnedFd> {
    use std::os::unix::fs::OpenOptionsExt;
    if SinkKind::of(fd) != SinkKind::Shared {
        return None;
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    // The standard library adds O_CLOEXEC.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    std::fs::File::options().write(true).custom_flags(flags).open(path).ok().map(OwnedFd::from)
}

/// What is known about one descriptor. The descriptor itself is the caller's.
#[derive(Debug)]
pub struct Sink {
    kind: SinkKind,
    patience: Duration,
    stuck: AtomicBool,
    /// When patience was over last, microseconds of the monotonic clock; 0: never.
    gave_up_us: AtomicU64,
    /// A line was begun and not ended.
    torn: AtomicBool,
    /// Lines lost and not reported yet.
    unreported: AtomicU64,
    /// Lines lost in all.
    lost: AtomicU64,
}

fn lines(text: &[u8]) -> u64 {
    (memchr::memchr_iter(b'\n', text).count() as u64).max(1)
}

/// The piece that goes out next: whole lines of at most `limit` bytes, else the first line, which is longer.
fn piece(text: &[u8], limit: usize) -> (&[u8], bool) {
    if text.len() <= limit {
        return (text, false);
    }
    match memchr::memrchr(b'\n', &text[..limit]) {
        Some(end) => (&text[..=end], false),
        None => {
            let end = memchr::memchr(b'\n', text).map_or(text.len(), |n| n + 1);
            (&text[..end], true)
        }
    }
}

/// A line that is too long, cut where everybody sees it.
pub fn cut(line: &[u8], limit: usize) -> Vec<u8> {
    let content = line.strip_suffix(b"\n").unwrap_or(line);
    let mut keep = limit.saturating_sub(48).min(content.len());
    while keep > 0 && content.get(keep).is_some_and(|b| b & 0xc0 == 0x80) {
        keep -= 1;
    }
    let mut out = content[..keep].to_vec();
    out.extend_from_slice(format!(" ...[{} more bytes cut]\n", content.len() - keep).as_bytes());
    out
}

impl Sink {
    /// For a descriptor of this kind; a process may wait so long for a reader that is stuck.
    pub const fn new(kind: SinkKind, patience: Duration) -> Sink {
        Sink {
            kind,
            patience,
            stuck: AtomicBool::new(false),
            gave_up_us: AtomicU64::new(0),
            torn: AtomicBool::new(false),
            unreported: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// How the descriptor is written.
    pub fn kind(&self) -> SinkKind {
        self.kind
    }

    /// Lines lost since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Write whole lines, each with its line break. `notice` makes the line that tells of lost ones.
    pub fn write(&self, fd: BorrowedFd<'_>, text: &[u8], notice: impl Fn(u64) -> Vec<u8>) {
        let limit = if self.kind == SinkKind::File { usize::MAX } else { PIPE_BUF };
        let mut rest = text;
        while !rest.is_empty() {
            let (next, long) = piece(rest, limit);
            rest = &rest[next.len()..];
            let cut = long.then(|| cut(next, limit));
            let whole = cut.as_deref().unwrap_or(next);
            let done = match self.unreported.load(Ordering::Relaxed) {
                0 => self.put(fd, whole),
                _ => self.put_after_notice(fd, whole, limit, &notice),
            };
            if !done {
                self.lose(lines(next));
            }
        }
    }

    /// The line that tells of lost ones and the piece, in one write where they fit: a notice alone would find room
    /// where the line does not, again and again.
    fn put_after_notice(
        &self,
        fd: BorrowedFd<'_>,
        text: &[u8],
        limit: usize,
        notice: &impl Fn(u64) -> Vec<u8>,
    ) -> bool {
        // Taken at once: two threads must not report the same lines.
        let missing = self.unreported.swap(0, Ordering::Relaxed);
        let mut told = notice(missing);
        let done = if told.len() + text.len() <= limit {
            told.extend_from_slice(text);
            self.put(fd, &told)
        } else {
            self.put(fd, &told) && self.put(fd, text)
        };
        if !done {
            self.unreported.fetch_add(missing, Ordering::Relaxed);
        }
        done
    }

    fn lose(&self, n: u64) {
        self.unreported.fetch_add(n, Ordering::Relaxed);
        self.lost.fetch_add(n, Ordering::Relaxed);
    }

    /// One piece, all of it; false: it is lost, or only its beginning was written.
    fn put(&self, fd: BorrowedFd<'_>, text: &[u8]) -> bool {
        if self.torn.load(Ordering::Relaxed) {
            if !matches!(self.once(fd, b"\n"), Ok(1)) {
                return false;
            }
            self.torn.store(false, Ordering::Relaxed);
        }
        let mut rest = text;
        let mut give_up = None;
        loop {
            match self.once(fd, rest) {
                Ok(n) if n >= rest.len() => {
                    if self.stuck.load(Ordering::Relaxed) {
                        self.stuck.store(false, Ordering::Relaxed);
                    }
                    return true;
                }
                Ok(n) if n > 0 => rest = &rest[n..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if self.may_wait() => {
                    let now = Instant::now();
                    let left = give_up.get_or_insert(now + self.patience).saturating_duration_since(now);
                    if left.is_zero() {
                        self.stuck.store(true, Ordering::Relaxed);
                        self.gave_up_us.store(monotonic_us(), Ordering::Relaxed);
                    } else {
                        let timeout =
                            PollTimeout::try_from(left.as_millis().max(1)).unwrap_or(PollTimeout::ZERO);
                        let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], timeout);
                    }
                }
                Ok(_) | Err(_) => {
                    if rest.len() < text.len() {
                        self.torn.store(true, Ordering::Relaxed);
                    }
                    return false;
                }
            }
        }
    }

    fn may_wait(&self) -> bool {
        let gave_up = self.gave_up_us.load(Ordering::Relaxed);
        !self.stuck.load(Ordering::Relaxed) && (gave_up == 0 || monotonic_us() >= gave_up + RECOVER_US)
    }

    fn once(&self, fd: BorrowedFd<'_>, text: &[u8]) -> nix::Result<usize> {
        match self.kind {
            SinkKind::Socket => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                nix::sys::socket::send(fd.as_raw_fd(), text, flags)
            }
            SinkKind::Shared => {
                let mut asked = [PollFd::new(fd, PollFlags::POLLOUT)];
                match poll(&mut asked, PollTimeout::ZERO)? {
                    0 => Err(Errno::EAGAIN),
                    _ => nix::unistd::write(fd, text),
                }
            }
            SinkKind::File | SinkKind::Own => nix::unistd::write(fd, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    const SHORT: Duration = Duration::from_millis(50);

    fn notice(n: u64) -> Vec<u8> {
        format!("{n} lost\n").into_bytes()
    }

    fn read_all(fd: &mut File) -> String {
        nix::fcntl::fcntl(&*fd, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
        let mut text = Vec::new();
        let _ = fd.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    }

    /// Fill, lose, read, recover: over every kind that can be stuck.
    fn is_stuck_and_recovers(kind: SinkKind, fd: BorrowedFd<'_>, reader: &mut File) {
        let sink = Sink::new(kind, SHORT);
        let begin = Instant::now();
        let mut n = 0;
        while sink.lost() < 5 {
            sink.write(fd, format!("line {n:>100}\n").as_bytes(), notice);
            n += 1;
            assert!(n < 100_000, "{kind:?} takes everything");
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{kind:?} waited {:?}", begin.elapsed());
        let before = read_all(reader);
        let torn: Vec<&str> = before.lines().filter(|l| l.len() != 105).collect();
        assert!(torn.is_empty(), "{kind:?} tears lines: {torn:?}");
        sink.write(fd, b"after\n", notice);
        let after = read_all(reader);
        assert!(after.ends_with("5 lost\nafter\n"), "{kind:?}: {after:?}");
        let kept = before.lines().count() + after.lines().filter(|l| l.starts_with("line")).count();
        assert_eq!(kept as u64 + sink.lost(), n, "{kind:?}");
    }

    #[test]
    fn a_pipe_is_opened_again_without_touching_the_flags_of_others() {
        let (r, w) = nix::unistd::pipe().unwrap();
        let ours = own(w.as_fd()).expect("a description of our own");
        is_stuck_and_recovers(SinkKind::Own, ours.as_fd(), &mut File::from(r));
        let flags = nix::fcntl::fcntl(&w, nix::fcntl::FcntlArg::F_GETFL).unwrap();
        assert_eq!(flags & libc::O_NONBLOCK, 0);
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_is_asked_first() {
        let (r, w) = nix::unistd::pipe().unwrap();
        assert_eq!(SinkKind::of(w.as_fd()), SinkKind::Shared);
        is_stuck_and_recovers(SinkKind::Shared, w.as_fd(), &mut File::from(r));
    }

    #[test]
    fn a_socket_is_never_waited_for() {
        let (r, w) = std::os::unix::net::UnixStream::pair().unwrap();
        let (r, w) = (OwnedFd::from(r), OwnedFd::from(w));
        assert_eq!(SinkKind::of(w.as_fd()), SinkKind::Socket);
        assert!(own(w.as_fd()).is_none());
        is_stuck_and_recovers(SinkKind::Socket, w.as_fd(), &mut File::from(r));
    }

    #[test]
    fn a_reader_that_is_too_slow_is_waited_for_once_a_second() {
        let (r, w) = nix::unistd::pipe().unwrap();
        let ours = own(w.as_fd()).unwrap();
        let mut reader = File::from(r);
        let sink = Sink::new(SinkKind::Own, Duration::from_millis(100));
        let line = [b"x".repeat(1000), b"\n".to_vec()].concat();
        let mut waits = 0;
        let begin = Instant::now();
        for n in 0..2000 {
            let before = Instant::now();
            sink.write(ours.as_fd(), &line, notice);
            waits += u32::from(before.elapsed() > Duration::from_millis(80));
            if sink.lost() > 0 && n % 4 == 0 {
                // It takes a line or two now and then.
                let mut some = [0; 1500];
                let _ = reader.read(&mut some);
            }
        }
        let seconds = begin.elapsed().as_secs() as u32;
        assert!(waits <= 1 + seconds + 1, "{waits} waits in {seconds} s");
        assert!(sink.lost() > 100);
    }

    #[test]
    fn a_full_disk_loses_lines_and_says_so() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let sink = Sink::new(SinkKind::File, SHORT);
        for _ in 0..3 {
            sink.write(full.as_fd(), b"a\nb\n", notice);
        }
        assert_eq!(sink.lost(), 6);
        let (r, w) = nix::unistd::pipe().unwrap();
        sink.write(w.as_fd(), b"c\n", notice);
        assert_eq!(read_all(&mut File::from(r)), "6 lost\nc\n");
    }

    #[test]
    fn a_line_that_is_too_long_for_a_pipe_is_cut_where_it_is_seen() {
        let (r, w) = nix::unistd::pipe().unwrap();
        let sink = Sink::new(SinkKind::Shared, SHORT);
        let long = format!("{}\u{e9}{}\n", "x".repeat(4047), "y".repeat(6000));
        sink.write(w.as_fd(), format!("short\n{long}end\n").as_bytes(), notice);
        let text = read_all(&mut File::from(r));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[2]), (3, "short", "end"));
        assert!(lines[1].ends_with(" more bytes cut]") && lines[1].len() < PIPE_BUF, "{}", lines[1].len());
        assert_eq!(sink.lost(), 0);
    }

    #[test]
    fn text_longer_than_a_pipe_goes_in_whole_lines() {
        let text: Vec<u8> = (0..500).flat_map(|n| format!("{n} {}\n", "z".repeat(n)).into_bytes()).collect();
        let mut rest = &text[..];
        while !rest.is_empty() {
            let (next, long) = piece(rest, PIPE_BUF);
            assert!(next.ends_with(b"\n") && next.len() <= PIPE_BUF && !long);
            rest = &rest[next.len()..];
        }
    }
}
