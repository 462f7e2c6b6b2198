//! The server under test.

use crate::process::{self, Process};
use crate::request::{Address, Reply, Request, Stream};
use crate::site::Site;
use crate::temp::TempDir;
use crate::wait::{PATIENCE, until};
use crate::{http, packet, paths};
use nix::sys::signal::Signal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::{InstanceState, WorkerState};

/// A running server.
pub struct Server {
    process: Process,
    /// Its folder.
    pub dir: TempDir,
    /// Where it speaks HTTP.
    pub http: Option<Address>,
    /// Where it speaks uwsgi.
    pub uwsgi: Option<Address>,
    text: String,
}

/// A start that was refused.
#[derive(Debug)]
pub struct Failure {
    /// How the command ended.
    pub code: Option<i32>,
    /// What it wrote.
    pub text: String,
    /// The names in the folder of the site afterwards.
    pub left: Vec<String>,
    /// The site's folder.
    pub dir: PathBuf,
}

/// What the scoreboard says of one worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSeen {
    /// Worker number.
    pub id: u32,
    /// Pid.
    pub pid: i32,
    /// State.
    pub state: WorkerState,
    /// Generation.
    pub generation: u64,
}

fn server_command(site: &mut Site) -> Command {
    let own = || site.program.clone().unwrap_or_else(|| paths::command("uswgi-master"));
    let program = paths::original().unwrap_or_else(own);
    let mut command = match site.listener.take() {
        None => process::command(program),
        Some(listener) => {
            let mut shell = process::command("/bin/sh");
            shell.args(["-c", "exec 5<&0 </dev/null; exec \"$@\"", "sh"]).arg(program).stdin(listener);
            shell
        }
    };
    command.current_dir(site.dir.path());
    if let Some((uid, gid)) = site.user {
        use std::os::unix::process::CommandExt;
        command.uid(uid).gid(gid);
    }
    for (k, v) in &site.env {
        command.env(k, v);
    }
    if site.args.is_empty() {
        command.arg("--ini").arg(site.ini());
    } else {
        command.args(&site.args);
    }
    command
}

fn write_ini(site: &Site) -> String {
    let text = site.text();
    fs::write(site.ini(), &text).expect("configuration file");
    text
}

impl Server {
    pub(crate) fn start(site: Site) -> Server {
        let server = Server::begin(site);
        server.ready()
    }

    /// Start it without waiting for anything.
    pub fn begin(mut site: Site) -> Server {
        let text = write_ini(&site);
        let process = Process::start(server_command(&mut site), &site.dir.join("log"));
        Server { process, dir: site.dir, http: site.http, uwsgi: site.uwsgi, text }
    }

    /// Wait until every worker accepts.
    pub fn ready(mut self) -> Server {
        until("the server to be ready", || {
            if let Some(status) = self.process.ended() {
                panic!("the server ended with {status}");
            }
            if paths::original().is_some() {
                let address = self.http.as_ref().or(self.uwsgi.as_ref())?;
                return address.connect().ok().map(drop);
            }
            let state = self.instance()?.board.header().state.load(Relaxed);
            (state == InstanceState::Running as u32).then_some(())
        });
        self
    }

    pub(crate) fn refused(mut site: Site) -> Failure {
        write_ini(&site);
        let before = site.dir.names();
        let mut process = Process::start(server_command(&mut site), &site.dir.join("log"));
        let status = process.wait();
        process.wait_gone(PATIENCE);
        let text = fs::read(site.dir.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let known = |n: &String| before.contains(n) || n == "log";
        let left = site.dir.names().into_iter().filter(|n| !known(n)).collect();
        Failure { code: status.code(), text, left, dir: site.dir.path().into() }
    }

    /// Pid of the process that was started.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Pid in the pidfile.
    pub fn pidfile(&self) -> Option<i32> {
        fs::read_to_string(self.dir.join("uwsgi.pid")).ok()?.trim().parse().ok()
    }

    /// The instance as a tool would find it.
    pub fn instance(&self) -> Option<RunningInstance> {
        RunningInstance::from_pid(self.pid()).ok()
    }

    /// What the scoreboard says of the workers, in order of their numbers.
    pub fn workers(&self) -> Vec<WorkerSeen> {
        let Some(instance) = self.instance() else { return Vec::new() };
        let board = &instance.board;
        let slots = (0..board.worker_capacity()).filter_map(|slot| board.worker(slot));
        let mut seen: Vec<WorkerSeen> = slots
            .map(|w| WorkerSeen {
                id: w.worker_id.load(Relaxed),
                pid: w.pid.load(Relaxed),
                state: WorkerState::from_number(w.state.load(Relaxed)),
                generation: w.generation.load(Relaxed),
            })
            .filter(|w| w.state != WorkerState::Free)
            .collect();
        seen.sort_by_key(|w| (w.id, w.pid));
        seen
    }

    /// Pids of the workers that accept.
    pub fn worker_pids(&self) -> Vec<i32> {
        self.workers().iter().filter(|w| w.state == WorkerState::Ready).map(|w| w.pid).collect()
    }

    /// Pid of the template.
    pub fn template(&self) -> Option<i32> {
        let pid = self.instance()?.board.header().template_pid.load(Relaxed);
        (pid > 0).then_some(pid)
    }

    /// How many reloads have ended.
    pub fn reloads_done(&self) -> u64 {
        self.instance().map(|i| i.board.header().reloads_done.load(Relaxed)).unwrap_or(0)
    }

    /// Every address with a way to ask there.
    pub fn doors(&self) -> Vec<Door> {
        let http = self.http.clone().map(Door::Http);
        http.into_iter().chain(self.uwsgi.clone().map(Door::Uwsgi)).collect()
    }

    /// The first door.
    pub fn door(&self) -> Door {
        self.doors().into_iter().next().expect("a socket")
    }

    /// Ask at the first door.
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Reply {
        self.door().ask(request)
    }

    /// GET at the first door.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.ask(&Request::get(target))
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    /// The port on which it speaks HTTP.
    pub fn http_port(&self) -> u16 {
        match self.http {
            Some(Address::Port(port)) => port,
            _ => panic!("no HTTP port was asked for"),
        }
    }

    /// Wait until it has written this; everything written so far.
    pub fn wait_log(&self, part: &str) -> String {
        until(&format!("{part:?} in the log"), || Some(self.log()).filter(|log| log.contains(part)))
    }

    /// Send a signal to the master.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Reload by signal and wait until it has ended, well or not, and those who were told to leave know it.
    pub fn reload(&self) {
        let before = self.reloads_done();
        self.signal(Signal::SIGHUP);
        until("the end of the reload", || {
            (self.reloads_done() > before && !self.is_leaver_accepting()).then_some(())
        });
    }

    fn is_leaver_accepting(&self) -> bool {
        let Some(instance) = self.instance() else { return false };
        let board = &instance.board;
        let mut slots = (0..board.worker_capacity()).filter_map(|slot| board.worker(slot));
        slots.any(|w| {
            let state = WorkerState::from_number(w.state.load(Relaxed));
            matches!(state, WorkerState::Retiring | WorkerState::Killed) && w.accepting.load(Relaxed) != 0
        })
    }

    /// Run uswgi-ctl on it.
    pub fn ctl(&self, args: &[&str]) -> Output {
        process::run(self.ctl_command(args), PATIENCE)
    }

    /// The command that [`Server::ctl`] runs.
    pub fn ctl_command(&self, args: &[&str]) -> Command {
        let mut command = process::command(paths::command("uswgi-ctl"));
        command.arg("--pidfile").arg(self.dir.join("uwsgi.pid")).args(args);
        command
    }

    /// Pids of everything that belongs to it.
    pub fn family(&self) -> Vec<i32> {
        self.process.family()
    }

    /// Wait until the request of that name is in the application; the pid of its worker.
    pub fn held(&self, name: &str) -> i32 {
        wait_file(&self.dir.join("hold").join(format!("{name}.started"))).parse().unwrap_or(0)
    }

    /// Let the request of that name go on.
    pub fn let_go(&self, name: &str) {
        fs::write(self.dir.join("hold").join(format!("{name}.go")), "").expect("file that lets a request go");
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Wait for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Wait until none of its processes is alive.
    pub fn wait_gone(&mut self) {
        self.process.wait_gone(PATIENCE);
    }

    /// Stop it by a signal; it must end well and leave no process.
    #[track_caller]
    pub fn stop(&mut self, signal: Signal) {
        self.signal(signal);
        let status = self.process.wait();
        assert_eq!(status.code(), Some(0), "stopped by {signal}: {status}");
        self.process.wait_gone(PATIENCE);
    }
}

/// The text of a file, once there is one: a file exists a moment before its text is in it.
pub fn wait_file(path: &Path) -> String {
    until(&format!("{}", path.display()), || fs::read_to_string(path).ok().filter(|text| !text.is_empty()))
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- configuration\n{}---- log\n{}----", self.text, self.log());
        }
    }
}

/// One way to ask: the same request over another protocol.
#[derive(Debug, Clone)]
pub enum Door {
    /// HTTP there.
    Http(Address),
    /// uwsgi there.
    Uwsgi(Address),
}

impl Door {
    /// Ask on a new connection.
    pub fn try_ask(&self, request: &Request) -> io::Result<Reply> {
        match self {
            Door::Http(address) => http::ask(address, request),
            Door::Uwsgi(address) => packet::ask(address, request),
        }
    }

    /// A new connection with the request on its way.
    pub fn sent(&self, request: &Request) -> Box<dyn Stream> {
        let (address, bytes) = match self {
            Door::Http(address) => (address, http::head(request)),
            Door::Uwsgi(address) => (address, packet::packet(&packet::vars(request))),
        };
        let mut stream = address.connect().expect("a connection");
        stream.write_all(&bytes).expect("the request is sent");
        stream
    }

    /// Ask on a new connection; panics when there is no reply.
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Reply {
        self.try_ask(request)
            .unwrap_or_else(|e| panic!("{} {} at {self:?}: {e}", request.method, request.target))
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.ask(&Request::get(target))
    }

    /// Ask from another thread.
    pub fn ask_later(&self, request: Request) -> std::thread::JoinHandle<io::Result<Reply>> {
        let door = self.clone();
        std::thread::spawn(move || door.try_ask(&request))
    }
}
