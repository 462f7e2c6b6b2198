//! One instance in a directory of its own. Every wait is for a line of the log or the end of a process,
//! and has a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::WORKERS_OFFSET;
use uswgi_proto::scoreboard::layout::{THREAD_SIZE, WORKER_SIZE};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Master {
    child: Child,
    lines: Receiver<String>,
    pub(crate) seen: Vec<String>,
    pub(crate) dir: tempfile::TempDir,
}

/// A configuration with one unix socket and a pidfile; `more` is added.
pub(crate) fn config(more: &str) -> String {
    format!(
        "[uwsgi]\nsocket = s\npidfile = p\nvacuum = true\nmodule = ok\nworkers = 2\nreload-mercy = 5\n{more}\n"
    )
}

pub(crate) fn command(dir: &Path) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_uswgi-master"));
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"] {
        c.env_remove(name);
    }
    let fake = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fake_worker.py");
    // What the fake has to know of the contract: the version, and where the slots of workers stand in the scoreboard.
    c.env("FAKE_BOARD", format!("{WORKERS_OFFSET} {WORKER_SIZE} {THREAD_SIZE}"));
    c.env("FAKE_CONTROL_VERSION", uswgi_proto::control::CONTROL_VERSION.to_string());
    c.env("USWGI_WORKER", fake).current_dir(dir).stdin(Stdio::null());
    c
}

impl Master {
    pub(crate) fn new(config: &str) -> Master {
        Master::with(config, |_| {})
    }

    pub(crate) fn with(config: &str, change: impl FnOnce(&mut Command)) -> Master {
        let dir = tempfile::tempdir().unwrap();
        Master::inside(dir, config, change)
    }

    pub(crate) fn inside(dir: tempfile::TempDir, config: &str, change: impl FnOnce(&mut Command)) -> Master {
        std::fs::write(dir.path().join("u.ini"), config).unwrap();
        let mut c = command(dir.path());
        c.arg("u.ini").stderr(Stdio::piped());
        change(&mut c);
        let mut child = c.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Master { child, lines, seen: Vec::new(), dir }
    }

    pub(crate) fn serving(config: &str) -> Master {
        let mut m = Master::new(config);
        m.line("ready: generation");
        m
    }

    /// The next line that contains the text.
    pub(crate) fn line(&mut self, text: &str) -> String {
        self.line_within(text, PATIENCE)
    }

    /// The same, where it may take longer.
    pub(crate) fn line_within(&mut self, text: &str, patience: Duration) -> String {
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no line with {text:?} in {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("ended without {text:?}: {:#?}", self.seen),
            }
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub(crate) fn signal(&self, signal: i32) {
        kill(self.pid(), signal);
    }

    /// Wait for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// TERM, and the exit code; nothing is left in the directory but the configuration.
    pub(crate) fn stop(mut self) {
        self.signal(libc::SIGTERM);
        assert_eq!(self.end().code(), Some(0), "{:#?}", self.seen);
        self.nothing_left();
    }

    pub(crate) fn nothing_left(&self) {
        let left: Vec<_> = self.files().into_iter().filter(|f| f != "u.ini").collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.dir.path()).unwrap();
        names.map(|f| f.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn configure(&self, config: &str) {
        std::fs::write(self.path("u.ini"), config).unwrap();
    }

    /// Ask a worker, which answers with a line about itself.
    pub(crate) fn ask(&self, question: &str) -> String {
        ask(&self.path("s"), question).unwrap()
    }

    /// Pid and generation of the worker that answers.
    pub(crate) fn answer(&self) -> (i32, u64) {
        let line = self.ask("who");
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[5].parse::<i32>().unwrap(), self.pid(), "the master is the parent of every worker");
        (words[3].parse().unwrap(), words[7].parse().unwrap())
    }

    /// The running instance, as uswgi-ctl sees it.
    pub(crate) fn instance(&self) -> RunningInstance {
        RunningInstance::from_pidfile(&self.path("p")).unwrap()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn ask(path: &Path, question: &str) -> std::io::Result<String> {
    let mut s = UnixStream::connect(path)?;
    s.set_read_timeout(Some(PATIENCE))?;
    s.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    s.read_to_string(&mut answer)?;
    Ok(answer)
}

pub(crate) fn kill(pid: i32, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// Wait for a child with a deadline: its end closes the descriptor that is polled.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    gone(child.id() as i32);
    child.wait().unwrap()
}

/// Wait until a process has ended.
pub(crate) fn gone(pid: i32) {
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};
    // SAFETY: pidfd_open takes no pointers; a non-negative result is a new descriptor of ours.
    let fd = unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        if fd < 0 {
            return;
        }
        OwnedFd::from_raw_fd(fd as i32)
    };
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let timeout = PollTimeout::try_from(PATIENCE).unwrap();
    let n = poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
    assert_eq!(n, 1, "process {pid} did not end");
}
