//! An Emperor under test, with a folder of vassals.

use crate::http;
use crate::paths;
use crate::process::{self, Process};
use crate::request::{Address, Reply, Request};
use crate::temp::TempDir;
use crate::wait::{PATIENCE, until};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// A folder of vassals, and whoever runs them.
pub struct Realm {
    process: Option<Process>,
    /// Holds everything; `vassals` is the folder.
    pub dir: TempDir,
    starts: usize,
}

impl Default for Realm {
    fn default() -> Self {
        Realm::new()
    }
}

impl Realm {
    /// An empty folder, and the probe application beside it.
    pub fn new() -> Realm {
        let dir = TempDir::new();
        for folder in ["vassals", "app", "hold"] {
            fs::create_dir(dir.join(folder)).expect("folder");
        }
        fs::copy(paths::root().join("tests/apps/probe.py"), dir.join("app/probe.py")).expect("application");
        Realm { process: None, dir, starts: 0 }
    }

    /// The vassals' folder.
    pub fn folder(&self) -> PathBuf {
        self.dir.join("vassals")
    }

    /// The file of a vassal.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.ini"))
    }

    /// What makes the probe application a vassal.
    pub fn text(&self, name: &str) -> String {
        let at = |p: &str| self.dir.join(p).display().to_string();
        let home = &paths::pythons()[0].1;
        format!(
            "[uwsgi]\nhttp-socket = {}\nchdir = {}\nmodule = probe\nhome = {}\nenv = HOLD_DIR={}\nenv = NAME={name}\n",
            self.socket(name).display(),
            at("app"),
            home.display(),
            at("hold")
        )
    }

    /// Where a vassal speaks HTTP.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.dir.join(&format!("{name}.sock"))
    }

    /// Write a vassal's file, with lines behind those of [`Realm::text`]; whole at once.
    pub fn write(&self, name: &str, lines: &str) {
        let (new, file) = (self.dir.join(&format!("{name}.new")), self.file(name));
        fs::write(&new, self.text(name) + lines).expect("file of a vassal");
        fs::rename(new, file).expect("file of a vassal");
    }

    /// Touch a vassal's file.
    pub fn touch(&self, name: &str) {
        let file = fs::File::open(self.file(name)).expect("file of a vassal");
        file.set_modified(std::time::SystemTime::now()).expect("time of a file");
    }

    /// Start the Emperor of the folder, with these options.
    pub fn rule(&mut self, options: &[&str]) {
        let mut command = process::command(paths::command("uswgi-emperor"));
        command.arg(self.folder()).args(options);
        self.start(command);
    }

    /// Start a command as its Emperor.
    pub fn start(&mut self, mut command: Command) {
        command.current_dir(self.dir.path());
        self.starts += 1;
        self.process = Some(Process::start(command, &self.log_path()));
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join(&format!("log.{}", self.starts))
    }

    /// What the Emperor of now and its vassals have written.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Wait until it has written this.
    #[track_caller]
    pub fn wait_log(&self, part: &str) -> String {
        until(&format!("{part:?} in the log"), || Some(self.log()).filter(|log| log.contains(part)))
    }

    /// Wait until it has written this so many times.
    #[track_caller]
    pub fn wait_times(&self, part: &str, times: usize) {
        until(&format!("{part:?} in the log, {times} times"), || {
            (self.log().matches(part).count() >= times).then_some(())
        });
    }

    /// Pid of the Emperor.
    pub fn pid(&self) -> i32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    /// Send it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("an emperor").signal(signal);
    }

    /// Wait for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.as_mut().expect("an emperor").wait()
    }

    /// Kill it, and it alone: what it has started lives on, and ends with the value that is returned.
    #[must_use]
    pub fn kill(&mut self) -> Process {
        let mut process = self.process.take().expect("an emperor");
        process.signal(Signal::SIGKILL);
        process.wait();
        process
    }

    /// Stop it; it must end well and leave nobody.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let process = self.process.as_mut().expect("an emperor");
        let status = process.wait();
        process.wait_gone(PATIENCE);
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// Pids of the masters that serve a vassal.
    pub fn masters(&self, name: &str) -> BTreeSet<i32> {
        let wanted = format!("USWGI_VASSAL={}\0", self.file(name).display());
        let mut found = BTreeSet::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
            let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
            let is_vassal = environ.windows(wanted.len()).any(|w| w == wanted.as_bytes());
            if is_vassal && uswgi_proto::instance::RunningInstance::from_pid(pid).is_ok() {
                found.insert(pid);
            }
        }
        found
    }

    /// Pid of the one master of a vassal that serves.
    #[track_caller]
    pub fn master(&self, name: &str) -> i32 {
        let all = self.masters(name);
        assert_eq!(all.len(), 1, "masters of {name}: {all:?}\n{}", self.log());
        all.into_iter().next().unwrap_or(0)
    }

    /// Ask a vassal.
    pub fn try_get(&self, name: &str, target: &str) -> io::Result<Reply> {
        http::ask(&Address::Unix(self.socket(name)), &Request::get(target))
    }

    /// Ask a vassal; panics when there is no reply.
    #[track_caller]
    pub fn get(&self, name: &str, target: &str) -> Reply {
        self.try_get(name, target).unwrap_or_else(|e| panic!("{name}: {target}: {e}\n{}", self.log()))
    }

    /// Wait until another worker answers than this one: who was told to leave may accept for a moment more.
    #[track_caller]
    pub fn answers_anew(&self, name: &str, worker: &str) {
        until("another worker", || (self.get(name, "/pid").text() != worker).then_some(()));
    }

    /// Wait until the vassals serve.
    #[track_caller]
    pub fn serves(&self, names: &[&str]) {
        for name in names {
            self.wait_log(&format!("vassal {name}.ini serves"));
        }
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log\n{}----", self.log());
        }
    }
}
