//! Processes of a test: a clean environment, their own group, and an end with everything they started.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::paths;
use crate::wait::{PATIENCE, until, until_within};

const MARK: &str = "USWGI_TEST_MARK";
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A command that inherits nothing which could hide a bug: no `PYTHON*`, no virtualenv, no `UWSGI_*`, plain locale.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        let foreign =
            ["PYTHON", "UWSGI_", "USWGI_", "VIRTUAL_ENV", "LC_", "LISTEN_", "NOTIFY_", "CARGO", "RUST"];
        if foreign.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&key);
        }
    }
    command.env("LANG", "C.UTF-8").stdin(Stdio::null());
    command
}

/// A process and everything that came from it.
pub struct Process {
    child: Child,
    mark: String,
    status: Option<ExitStatus>,
}

fn new_mark() -> String {
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Process {
    /// Start it in a group of its own, its output into a file.
    pub fn start(mut command: Command, log: &Path) -> Process {
        let mark = new_mark();
        let open = || fs::OpenOptions::new().create(true).append(true).open(log).expect("log file");
        command.env(MARK, &mark).process_group(0).stdout(open()).stderr(open());
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        Process { child, mark, status: None }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Send a signal to this very process.
    pub fn signal(&self, signal: Signal) {
        assert!(self.status.is_none(), "signal to a process that has ended");
        let _ = kill(Pid::from_raw(self.pid()), signal);
    }

    /// Its status if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Wait for its end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the end of the process", || self.ended())
    }

    /// Wait for its end, within a limit.
    pub fn wait_within(&mut self, limit: Duration) -> ExitStatus {
        until_within(limit, "the end of the process", || self.ended())
    }

    /// Pids of everything alive that came from it, itself included.
    pub fn family(&self) -> Vec<i32> {
        family(&self.mark, self.pid())
    }

    /// Wait until nothing of it is alive any more.
    pub fn wait_gone(&mut self, limit: Duration) {
        until_within(limit, "the end of every process of the server", || {
            self.ended();
            self.family().is_empty().then_some(())
        });
    }
}

/// Alive processes with this mark in their environment, or of this process group.
fn family(mark: &str, group: i32) -> Vec<i32> {
    let wanted = format!("{MARK}={mark}\0");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Some((task, pgrp)) = running(pid) else { continue };
        let marked = || {
            let environ = fs::read(task.join("environ")).unwrap_or_default();
            environ.windows(wanted.len()).any(|w| w == wanted.as_bytes())
        };
        if pgrp == group || marked() {
            found.push(pid);
        }
    }
    found
}

/// State and process group in a `stat` of proc(5).
fn state_and_group(stat: &Path) -> Option<(char, i32)> {
    let stat = fs::read_to_string(stat).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(1)?.parse().ok()?))
}

/// A thread of a process that has not ended, as its folder in proc(5), and the process group. The first thread of a
/// process that was killed may be a zombie while another one still waits for a processor, and as long as that one
/// has not ended, every descriptor is open: a port is taken, a socket answers.
fn running(pid: i32) -> Option<(PathBuf, i32)> {
    let of = |task: PathBuf| {
        let (state, group) = state_and_group(&task.join("stat"))?;
        (state != 'Z' && state != 'X').then_some((task, group))
    };
    let process = PathBuf::from(format!("/proc/{pid}"));
    let tasks = process.join("task");
    of(process).or_else(|| fs::read_dir(tasks).ok()?.flatten().find_map(|entry| of(entry.path())))
}

/// Whether a process is alive, or any thread of it (a zombie is not).
pub fn alive(pid: i32) -> bool {
    running(pid).is_some()
}

/// CPU time that a process has used, user and system, in clock ticks; 0 when it is gone.
pub fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, f)| f).unwrap_or_default();
    fields.split_ascii_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum()
}

/// Memory of a process in KiB that is its own: not the pages of programs and libraries, which come in as their code first runs.
pub fn own_memory(pid: i32) -> i64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status of the process");
    let of = |name: &str| -> i64 {
        let value = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        value.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    of("RssAnon:") + of("RssShmem:")
}

/// Send a signal to a pid.
pub fn send(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Kill everything that is found until nothing is; false: something cannot be killed.
fn end(mut found: impl FnMut() -> Vec<i32>) -> bool {
    let begin = Instant::now();
    loop {
        let family = found();
        if family.is_empty() {
            return true;
        }
        if begin.elapsed() > PATIENCE {
            eprintln!("killed, and still there: {family:?}");
            return false;
        }
        // What is stopped in a debugger's way dies of SIGKILL as well.
        for pid in family {
            send(pid, Signal::SIGKILL);
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = end(|| {
            let _ = self.child.try_wait();
            self.family()
        });
        if ended {
            let _ = self.child.wait();
        }
    }
}

/// What commands leave running behind them, a master that went to the background say: it ends with this value.
pub struct Strays {
    mark: String,
}

impl Default for Strays {
    fn default() -> Self {
        Strays { mark: new_mark() }
    }
}

impl Strays {
    /// What comes from this command belongs to it.
    pub fn of(&self, command: &mut Command) {
        command.env(MARK, &self.mark);
    }

    /// Pids of those that are alive.
    pub fn pids(&self) -> Vec<i32> {
        // No process is in that group.
        family(&self.mark, -1)
    }
}

impl Drop for Strays {
    fn drop(&mut self) {
        end(|| self.pids());
    }
}

/// Run a command that has to succeed, within a limit: what it said on both outputs.
#[track_caller]
pub fn good(command: Command, limit: Duration) -> String {
    let out = run(command, limit);
    let text = String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned();
    // The command lines of a compiler hide what matters.
    let readable: Vec<&str> = text.lines().filter(|l| l.len() < 400).collect();
    let end = readable.len().saturating_sub(80);
    assert!(out.status.success(), "{}", readable[end..].join("\n"));
    text
}

/// Copy a program to where it will be executed. By another process: a file that this one has open for writing may be
/// open in a child too that some other test is just starting, and cannot be executed until that has executed its own.
#[track_caller]
pub fn install(from: &Path, to: &Path) {
    let mut install = command(paths::tool("install"));
    install.args(["-m", "755"]).args([from, to]);
    good(install, PATIENCE);
}

/// Run a command to its end, within a limit; panics when it takes longer.
pub fn run(mut command: Command, limit: Duration) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {shown}: {e}"));
    let pid = child.id() as i32;
    let (tell, told) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let output = child.wait_with_output();
        let _ = tell.send(());
        output
    });
    if told.recv_timeout(limit).is_err() {
        send(pid, Signal::SIGKILL);
        panic!("{shown} did not end within {limit:?}");
    }
    waiter.join().expect("waiting thread").unwrap_or_else(|e| panic!("{shown}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;
    use crate::temp::TempDir;
    use crate::wait::stays;

    const FIRST_THREAD_ENDS: &str = "
import ctypes, os, sys, threading, time
def rest():
    open(sys.argv[1] + '/began', 'w').write('yes')
    while not os.path.exists(sys.argv[1] + '/go'):
        time.sleep(0.01)
    os._exit(0)
threading.Thread(target=rest).start()
ctypes.CDLL(None).pthread_exit(None)
";

    #[test]
    fn a_process_is_there_until_its_last_thread_has_ended() {
        let dir = TempDir::new();
        let mut python = command(paths::tool("python3"));
        python.args(["-c", FIRST_THREAD_ENDS]).arg(dir.path());
        let mut process = Process::start(python, &dir.join("log"));
        let pid = process.pid();
        server::wait_file(&dir.join("began"));
        let stat = format!("/proc/{pid}/stat");
        until("the end of its first thread", || {
            state_and_group(Path::new(&stat)).filter(|(state, _)| *state == 'Z')
        });
        assert!(stays(Duration::from_millis(50), || alive(pid)));
        assert_eq!(process.family(), [pid]);
        // By its environment too, which the first thread has no more.
        assert_eq!(family(&process.mark, -1), [pid]);
        fs::write(dir.join("go"), "").expect("file that lets it go");
        process.wait_gone(PATIENCE);
        assert!(process.wait().success() && !alive(pid));
    }
}
