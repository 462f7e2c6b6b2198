//! A process that looks like a master: this test binary, started again with `FAKE_MASTER` set to how it shall behave.

use super::ctl;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed, Ordering::Release};
use uswgi_proto::scoreboard::{InstanceState, Outcome, SCOREBOARD_FD, Scoreboard, WorkerState};
use uswgi_proto::steer::{Answer, Envelope, STEER_FD, SteerRequest};

static SIGNALS: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_signal(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write(2) may be called in a handler; the pointer is to one live byte.
    unsafe { libc::write(SIGNALS.load(Relaxed), (&raw const byte).cast(), 1) };
}

/// The fake master: does nothing as a test.
#[test]
fn fake_master() {
    let Ok(behaviour) = std::env::var("FAKE_MASTER") else { return };
    let (mut read, write) = std::io::pipe().unwrap();
    SIGNALS.store(write.as_raw_fd(), Relaxed);
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTSTP, libc::SIGCHLD] {
        // SAFETY: the handler does only what a handler may do.
        unsafe { libc::signal(signal, on_signal as *const () as libc::sighandler_t) };
    }
    let (board, fd) = Scoreboard::create(4, 1).unwrap();
    let board: &'static Scoreboard = Box::leak(Box::new(board));
    let at = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(SCOREBOARD_FD)).unwrap();
    assert_eq!(at, SCOREBOARD_FD);
    // SAFETY: a descriptor that was just made; kept open until the end.
    let _board_fd = unsafe { File::from_raw_fd(at) };
    let h = board.header();
    let me = std::process::id() as i32;
    h.master_pid.store(me, Relaxed);
    h.workers_target.store(1, Relaxed);
    let worker = |slot: u32, state: WorkerState, generation: u64| {
        let w = board.worker(slot).unwrap();
        w.worker_id.store(1, Relaxed);
        w.threads.store(1, Relaxed);
        w.generation.store(generation, Relaxed);
        w.state.store(state as u32, Relaxed);
    };
    // Stands for a worker; ends with us, whatever happens, as its input ends.
    let mut stand_in = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    worker(0, WorkerState::Ready, 1);
    board.worker(0).unwrap().pid.store(stand_in.id() as i32, Relaxed);
    h.generation.store(1, Relaxed);
    h.state.store(InstanceState::Running as u32, Relaxed);
    h.master_start_time.store(uswgi_proto::instance::start_time(me).unwrap(), Relaxed);
    match behaviour.as_str() {
        "newer" => h.layout_version.store(99, Relaxed),
        "older" => h.layout_version.store(1, Relaxed),
        "scribbled" => h.worker_capacity.store(u32::MAX, Relaxed),
        "foreign" => h.magic.store(7, Relaxed),
        "stolen" => h.master_start_time.store(1, Relaxed),
        "steered" => steering_socket(board),
        _ => {}
    }
    println!("serving");
    let mut interrupts = 0;
    let mut byte = [0];
    loop {
        read.read_exact(&mut byte).unwrap();
        match (i32::from(byte[0]), behaviour.as_str()) {
            // It obeys requests alone.
            (_, "steered") => {}
            (libc::SIGHUP, "dies") => break,
            (libc::SIGCHLD, "blind") => {}
            (libc::SIGCHLD, _) => {
                let _ = stand_in.try_wait();
                board.worker(0).unwrap().pid.store(0, Relaxed);
            }
            (libc::SIGHUP, "hangs") => h.reloads_started.store(1, Relaxed),
            (libc::SIGHUP, _) => {
                h.reloads_started.store(1, Relaxed);
                let outcome = match behaviour.as_str() {
                    "broken-app" => {
                        h.reason.write(b"Traceback (most recent call last):\nImportError: no \x1b[31mapp");
                        Outcome::AppFailed
                    }
                    "keeps-old" => {
                        worker(1, WorkerState::Ready, 2);
                        h.generation.store(2, Relaxed);
                        Outcome::Ok
                    }
                    _ => {
                        worker(1, WorkerState::Ready, 2);
                        worker(0, WorkerState::Retiring, 1);
                        h.generation.store(2, Relaxed);
                        Outcome::Ok
                    }
                };
                h.last_outcome.store(outcome as u32, Relaxed);
                h.reloads_done.store(1, Release);
            }
            (libc::SIGTSTP, _) => {
                let paused = h.state.load(Relaxed) == InstanceState::Paused as u32;
                let next = if paused { InstanceState::Running } else { InstanceState::Paused };
                h.state.store(next as u32, Relaxed);
            }
            (_, "stubborn") => {
                interrupts += 1;
                if interrupts == 2 {
                    break;
                }
            }
            _ => break,
        }
    }
    let _ = stand_in.kill();
    let _ = stand_in.wait();
    // The harness would complain that nobody reads its summary.
    std::process::exit(0);
}

/// A steering socket like that of a master: answers in a thread, and carries out in the scoreboard.
fn steering_socket(board: &'static Scoreboard) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("steer");
    let listener = UnixListener::bind(&path).unwrap();
    let door = nix::fcntl::open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
    // It stays open with this process.
    let at = fcntl(&door, FcntlArg::F_DUPFD_CLOEXEC(STEER_FD)).unwrap();
    assert_eq!(at, STEER_FD);
    std::thread::spawn(move || {
        let h = board.header();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut said = Vec::new();
            stream.read_to_end(&mut said).unwrap();
            let envelope: Envelope = serde_json::from_slice(&said).unwrap();
            let message = serde_json::to_string(&envelope.request).unwrap();
            let stops = envelope.request == SteerRequest::Stop { at_once: true };
            let answer = match envelope.request {
                SteerRequest::Reload { .. } => Answer::Refused { message },
                SteerRequest::Pause { on: Some(on) } => {
                    let state = if on { InstanceState::Paused } else { InstanceState::Running };
                    h.state.store(state as u32, Relaxed);
                    Answer::Done { message }
                }
                _ => Answer::Done { message },
            };
            stream.write_all(&serde_json::to_vec(&answer).unwrap()).unwrap();
            if stops {
                std::process::exit(0);
            }
        }
    });
}

/// A running one; ends with this value.
pub(super) struct Fake(pub(super) Child);

impl Fake {
    pub(super) fn start(behaviour: &str) -> Fake {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fake::fake_master", "--nocapture"])
            .env("FAKE_MASTER", behaviour)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        assert!(out.lines().any(|l| l.unwrap().ends_with("serving")), "the fake master did not start");
        Fake(child)
    }

    pub(super) fn ctl(&self, args: &[&str]) -> Output {
        let pid = self.0.id().to_string();
        ctl(&[args, &["--pid", &pid]].concat())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
