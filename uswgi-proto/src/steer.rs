//! Requests to a running master, and their answers: what cannot be said by a signal.
//!
//! The way there is a listening unix stream socket that has no name: the master binds it, keeps an O_PATH
//! descriptor of it at [`STEER_FD`] and removes the name at once. A client connects to
//! `/proc/PID/fd/N`, so it reaches exactly the process whose scoreboard it has read, from any network or
//! mount namespace, and nothing is left on disk. (A name in the abstract namespace would be seen by every
//! user of the machine and by nobody outside the network namespace; pidfd_getfd(2) asks for the right to
//! trace the master, which yama takes from ordinary users.) Who may look into the master's descriptors, as
//! the same user or root, may connect; the master checks SO_PEERCRED as well.
//!
//! One connection carries one request: the client sends the JSON of an [`Envelope`], shuts its side down, and
//! reads the JSON of one [`Answer`] up to the end of file. This room opens no other socket and never
//! waits longer than its caller said.

use crate::canary::CanaryRequest;
use crate::instance::RunningInstance;
use crate::scale::ScaleTo;
use nix::sys::socket::{self as so, AddressFamily, SockFlag, SockType, UnixAddr};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Version of the messages.
pub const STEER_VERSION: u32 = 4;

/// Descriptor number at which every master keeps the way to its socket.
pub const STEER_FD: i32 = crate::scoreboard::SCOREBOARD_FD + 1;

/// Largest request in bytes.
pub const MAX_REQUEST: usize = 64 * 1024;

/// Largest answer in bytes.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What a reload brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// The configuration is read again and the application imported again, as with HUP.
    All,
    /// Only the workers are replaced: by forks of the application as it was imported, or with lazy-apps by
    /// workers that import it again. The configuration is not read.
    Workers,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum SteerRequest {
    /// Answered with [`Answer::Pong`].
    Ping,
    /// Change the number of workers.
    Scale {
        /// To what.
        to: ScaleTo,
    },
    /// Replace the worker with this number: a successor first, then it finishes what it has.
    Retire {
        /// Worker number, from 1.
        worker: u32,
    },
    /// SIGKILL the worker with this number; another takes its place.
    Kill {
        /// Worker number, from 1.
        worker: u32,
    },
    /// Reload. The answer says that it was taken; the scoreboard counts its beginning and its end.
    Reload {
        /// What is brought.
        what: Reload,
        /// Workers that are replaced get no time to finish their requests.
        at_once: bool,
    },
    /// A reload whose generation serves beside the one in force first, and is compared with it. Answered and counted as a reload.
    Canary {
        /// What is wanted otherwise than configured.
        terms: CanaryRequest,
    },
    /// End the canary that is under way.
    EndCanary {
        /// It goes on to all workers; otherwise it is taken back.
        promote: bool,
    },
    /// Back to the generation before, whose template sleeps. Answered and counted as a reload.
    Rollback,
    /// Leave.
    Stop {
        /// Without waiting for requests.
        at_once: bool,
    },
    /// Stop to accept, or accept again.
    Pause {
        /// True: stop to accept; false: accept again; none: the other one than now. Masters of before only know the last.
        #[serde(default)]
        on: Option<bool>,
    },
    /// Write a line about every process to the log.
    Report,
    /// Write the pidfiles again.
    Pidfiles,
    /// Close and open log files again.
    ReopenLogs,
    /// Rename log files and open new ones.
    RotateLogs,
    /// The settings in force.
    Config,
}

/// What goes over the wire to the master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Must equal [`STEER_VERSION`].
    pub version: u32,
    /// The request.
    pub request: SteerRequest,
}

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingInForce {
    /// Name of the option.
    pub name: String,
    /// Its value, as it would be written.
    pub value: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    /// To [`SteerRequest::Ping`].
    Pong {
        /// Pid of the master, in its own pid namespace.
        pid: i32,
        /// Version of the program.
        version: String,
        /// Generation that serves.
        generation: u64,
    },
    /// It was done, or begun.
    Done {
        /// What happens now, for people.
        message: String,
    },
    /// It is not done.
    Refused {
        /// Why, and what to do.
        message: String,
    },
    /// To [`SteerRequest::Config`].
    Config {
        /// Generation that has these settings.
        generation: u64,
        /// In the order in which `uswgi-conf show` prints them.
        settings: Vec<SettingInForce>,
        /// What was said when they were read, a line each: what has no effect, what needs a restart.
        warnings: Vec<String>,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    /// There is no way to the master.
    #[error("cannot speak to master {pid}: {source}{hint}")]
    Connect {
        /// Its pid.
        pid: i32,
        /// What the system said.
        source: io::Error,
        /// What to do, after a semicolon; may be empty.
        hint: &'static str,
    },
    /// The connection broke, or the master is too busy or stopped.
    #[error("master {pid} does not answer: {source}")]
    Broken {
        /// Its pid.
        pid: i32,
        /// What the system said.
        source: io::Error,
    },
    /// It answered something that is no answer.
    #[error(
        "master {pid} gave an answer that this program does not understand: {what}; use the uswgi-ctl of the running version"
    )]
    Nonsense {
        /// Its pid.
        pid: i32,
        /// What is wrong.
        what: String,
    },
}

/// A sentence about an answer that does not belong to the request.
pub fn other_answer(answer: &Answer) -> String {
    format!("the master gave another answer than was asked for: {answer:?}")
}

/// Ask the master of an instance. Returns within `timeout`.
pub fn ask(
    instance: &RunningInstance,
    request: &SteerRequest,
    timeout: Duration,
) -> Result<Answer, SteerError> {
    ask_pid(instance.pid, request, timeout)
}

/// Ask the master with this pid; the caller knows that it is one.
pub fn ask_pid(pid: i32, request: &SteerRequest, timeout: Duration) -> Result<Answer, SteerError> {
    let envelope = Envelope { version: STEER_VERSION, request: request.clone() };
    let bytes = send(pid, &serde_json::to_vec(&envelope).unwrap_or_default(), timeout)?;
    match serde_json::from_slice(&bytes) {
        Ok(answer) => Ok(answer),
        Err(e) if bytes.is_empty() => {
            Err(SteerError::Nonsense { pid, what: format!("it closed without a word ({e})") })
        }
        Err(e) => Err(SteerError::Nonsense { pid, what: e.to_string() }),
    }
}

/// Say something to a process that keeps the way to its socket at [`STEER_FD`]: its answer, up to the end. Returns within `timeout`.
pub(crate) fn send(pid: i32, text: &[u8], timeout: Duration) -> Result<Vec<u8>, SteerError> {
    let until = Instant::now() + timeout;
    let mut stream = connect(pid, until)?;
    exchange(&mut stream, text, until).map_err(|source| SteerError::Broken { pid, source })
}

fn connect(pid: i32, until: Instant) -> Result<UnixStream, SteerError> {
    let failed = |source: io::Error| {
        let hint = match source.kind() {
            io::ErrorKind::PermissionDenied => "; run as its user or as root",
            io::ErrorKind::NotFound => "; has it ended, or is it of an older version?",
            _ => "",
        };
        SteerError::Connect { pid, source, hint }
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = so::socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(|e| failed(e.into()))?;
    let address =
        UnixAddr::new(format!("/proc/{pid}/fd/{STEER_FD}").as_str()).map_err(|e| failed(e.into()))?;
    loop {
        match so::connect(fd.as_raw_fd(), &address) {
            Ok(()) => break,
            Err(nix::Error::EINTR) => {}
            // Its queue is full: a unix socket gives no event when there is room again.
            Err(nix::Error::EAGAIN) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(e) => return Err(failed(e.into())),
        }
    }
    // A stranger's process may have the socket of another program at that number, which would be asked with our rights.
    let theirs = |peer: so::UnixCredentials| {
        let owner = std::fs::metadata(format!("/proc/{pid}")).map(|m| m.uid());
        peer.pid() == pid || owner.is_ok_and(|uid| uid == peer.uid())
    };
    if !so::getsockopt(&fd, so::sockopt::PeerCredentials).is_ok_and(theirs) {
        return Err(failed(io::Error::other("the socket there belongs to another user than the process")));
    }
    let stream = UnixStream::from(fd);
    stream.set_nonblocking(false).map_err(failed)?;
    Ok(stream)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(left) }
}

/// A timeout of the socket reads as "would block": say what it is.
fn named(e: io::Error) -> io::Error {
    match e.kind() {
        io::ErrorKind::WouldBlock => io::Error::from(io::ErrorKind::TimedOut),
        _ => e,
    }
}

fn exchange(stream: &mut UnixStream, text: &[u8], until: Instant) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(left(until)?))?;
    // A master that refuses may answer before it has read everything: its answer counts.
    let sent = stream.write_all(text);
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut piece) {
            Ok(0) if bytes.is_empty() => return sent.map(|()| bytes).map_err(named),
            Ok(0) => return Ok(bytes),
            Ok(n) if bytes.len() + n > MAX_ANSWER => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
            }
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // It refused without reading everything.
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset && !bytes.is_empty() => return Ok(bytes),
            Err(e) => return Err(named(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(answer: impl FnOnce(Vec<u8>, &mut UnixStream) + Send + 'static) -> UnixStream {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut said = Vec::new();
            theirs.read_to_end(&mut said).unwrap();
            answer(said, &mut theirs);
        });
        ours
    }

    fn said(request: &SteerRequest) -> Vec<u8> {
        serde_json::to_vec(&Envelope { version: STEER_VERSION, request: request.clone() }).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_request_and_its_answer_survive_the_wire() {
        let mut s = pair(|said, back| {
            let envelope: Envelope = serde_json::from_slice(&said).unwrap();
            assert_eq!(envelope.version, STEER_VERSION);
            assert_eq!(envelope.request, SteerRequest::Scale { to: ScaleTo::Fewer(1) });
            let answer = Answer::Done { message: "x".repeat(1 << 20) };
            back.write_all(&serde_json::to_vec(&answer).unwrap()).unwrap();
        });
        let bytes = exchange(&mut s, &said(&SteerRequest::Scale { to: ScaleTo::Fewer(1) }), soon()).unwrap();
        let Answer::Done { message } = serde_json::from_slice(&bytes).unwrap() else { panic!() };
        assert_eq!(message.len(), 1 << 20);
    }

    #[test]
    fn who_never_answers_costs_no_more_than_the_timeout() {
        let (hold, wait) = std::sync::mpsc::channel::<()>();
        let mut s = pair(move |_, _| {
            let _ = wait.recv();
        });
        let until = Instant::now() + Duration::from_millis(50);
        let error = exchange(&mut s, &said(&SteerRequest::Ping), until).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(hold);
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let mut s = pair(|_, back| while back.write_all(&[b' '; 65536]).is_ok() {});
        let error = exchange(&mut s, &said(&SteerRequest::Config), soon()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_words_on_the_wire_stay_what_they_are() {
        let words = |r: &SteerRequest| serde_json::to_string(r).unwrap();
        assert_eq!(words(&SteerRequest::Ping), r#"{"verb":"ping"}"#);
        assert_eq!(
            words(&SteerRequest::Scale { to: ScaleTo::Workers(3) }),
            r#"{"verb":"scale","to":{"workers":3}}"#
        );
        let reload = SteerRequest::Reload { what: Reload::All, at_once: false };
        assert_eq!(words(&reload), r#"{"verb":"reload","what":"all","at_once":false}"#);
        assert_eq!(words(&SteerRequest::Pause { on: Some(true) }), r#"{"verb":"pause","on":true}"#);
        let of_before: SteerRequest = serde_json::from_str(r#"{"verb":"pause"}"#).unwrap();
        assert_eq!(of_before, SteerRequest::Pause { on: None });
        // And a master of before passes over what it does not know of a verb.
        let ping: SteerRequest = serde_json::from_str(r#"{"verb":"ping","on":true}"#).unwrap();
        assert_eq!(ping, SteerRequest::Ping);
    }

    #[test]
    fn a_process_without_the_socket_is_named() {
        let me = std::process::id() as i32;
        let error = ask_pid(me, &SteerRequest::Ping, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(error.contains(&me.to_string()), "{error}");
    }
}
