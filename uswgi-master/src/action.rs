//! The commands of uWSGI's command line that start nothing: to a running instance, to a socket, to a file, about Python.
//! It never signals what merely stands in a pidfile: the instance has to prove itself. A file or an address that is not
//! there is exit code 1, as on uWSGI; what is wrong with an instance has its number in the table.
#![forbid(unsafe_code)]

use crate::launcher::{self, NoLauncher};
use nix::sys::signal::Signal;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::Command as Program;
use std::time::Duration;
use uswgi_conf::action::CliAction;
use uswgi_conf::expand::Allow;
use uswgi_conf::read::source::{self, SourceError};
use uswgi_proto::app_signals;
use uswgi_proto::command::{Command, CommandError};
use uswgi_proto::emperor::{self, EmperorQuestion};
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::{self, RunningInstance, TargetError};

/// How long a master may take to answer. It answers at once, or it is stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a peer may send nothing (as uWSGI's socket-timeout).
const SILENCE: Duration = Duration::from_secs(4);

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no instance behind the pidfile.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The master refuses, or may not be signalled.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Nobody is at the address, or it broke off.
    #[error("connect-and-read {address}: {source}")]
    Peer {
        /// Where.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The instance at the address has not taken a signal.
    #[error("signal {said}: {source}")]
    Signal {
        /// What was asked for.
        said: String,
        /// What is wrong.
        source: io::Error,
    },
    /// Nothing can be read there.
    #[error("extract: {0}")]
    Extract(#[from] SourceError),
    /// There is no launcher to ask for Python.
    #[error(transparent)]
    Launcher(#[from] NoLauncher),
    /// No program could be started, or nothing be printed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no Python; somebody else has said why.
    #[error("there is no Python to ask for its version")]
    NoPython,
}

impl ActionError {
    /// Exit code of the program.
    pub fn exit(&self) -> Exit {
        match self {
            ActionError::Target(TargetError::Pidfile { .. }) => Exit::Failed,
            ActionError::Target(error) => error.exit(),
            ActionError::Command(CommandError::Signal { source, .. }) => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::NotPermitted,
                _ => Exit::NotRunning,
            },
            ActionError::NoPython => Exit::NoInterpreter,
            _ => Exit::Failed,
        }
    }
}

/// Carry it out.
pub fn run(action: &CliAction) -> Result<(), ActionError> {
    match action {
        CliAction::Reload(pidfile) => say(pidfile, Command::Reload),
        CliAction::Stop(pidfile) => say(pidfile, Command::Stop { at_once: false }),
        CliAction::Pause(pidfile) => say(pidfile, Command::Pause),
        CliAction::Resume(pidfile) => say(pidfile, Command::Resume),
        CliAction::ConnectAndRead(address) => {
            read_peer(address).map_err(|source| ActionError::Peer { address: address.clone(), source })
        }
        CliAction::Signal(said) => {
            let (address, number) =
                signal(said).map_err(|source| ActionError::Signal { said: said.clone(), source })?;
            print(format!("signal {number} delivered to node {address}\n").as_bytes())
        }
        CliAction::PythonVersion { home } => python_version(home.as_deref()),
        CliAction::Extract(name) => {
            let bytes = source::read(name, Allow { exec: true, fetch: true })?;
            print(&bytes)
        }
    }
}

fn say(pidfile: &Path, command: Command) -> Result<(), ActionError> {
    match RunningInstance::from_pidfile(pidfile) {
        Ok(instance) => Ok(command.send(&instance, PATIENCE).map(drop)?),
        Err(error) => say_to_emperor(pidfile, command).unwrap_or(Err(error.into())),
    }
}

/// An Emperor's pidfile, which scripts of init have. It has no scoreboard, and proves itself by an answer. None: it is none, or
/// the command is nothing that one does.
fn say_to_emperor(pidfile: &Path, command: Command) -> Option<Result<(), ActionError>> {
    // As on uWSGI: HUP, which reloads all vassals, and INT.
    let signal = match command {
        Command::Reload => Signal::SIGHUP,
        Command::Stop { .. } => Signal::SIGINT,
        _ => return None,
    };
    let pid = instance::read_pidfile(pidfile).ok()?;
    let pidfd = instance::pidfd_open(pid).ok()?;
    emperor::ask(pid, &EmperorQuestion::List, PATIENCE).ok()?;
    let sent = instance::pidfd_signal(&pidfd, signal as i32);
    Some(sent.map_err(|source| ActionError::Io { what: "the signal to the emperor", source }))
}

fn print(bytes: &[u8]) -> Result<(), ActionError> {
    let mut out = io::stdout();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|source| ActionError::Io { what: "standard output", source })
}

/// Raise a signal of the application of another instance: `ADDRESS,NUMBER`.
fn signal(said: &str) -> io::Result<(&str, u8)> {
    let form = || io::Error::other("write ADDRESS,NUMBER with a number from 0 to 255");
    let (address, number) = said.rsplit_once(',').ok_or_else(form)?;
    let number = number.parse().map_err(|_| form())?;
    app_signals::deliver(connect(address)?, number)?;
    Ok((address, number))
}

trait BothWays: Read + Write {}
impl<T: Read + Write> BothWays for T {}

/// Everything that a peer sends. uWSGI writes it to standard error, and scripts read it there.
fn read_peer(address: &str) -> io::Result<()> {
    copy(connect(address)?)
}

fn connect(address: &str) -> io::Result<Box<dyn BothWays>> {
    match (address.strip_prefix('@'), address.rsplit_once(':')) {
        (Some(name), _) => {
            let address = SocketAddr::from_abstract_name(name)?;
            unix(UnixStream::connect_addr(&address)?)
        }
        (None, Some((host, port))) => {
            let host = if host.is_empty() { "127.0.0.1" } else { host.trim_matches(['[', ']']) };
            let port = port.parse().map_err(|_| io::Error::other("the port is no number"))?;
            let peer = TcpStream::connect((host, port))?;
            peer.set_read_timeout(Some(SILENCE))?;
            Ok(Box::new(peer))
        }
        (None, None) => unix(UnixStream::connect(address)?),
    }
}

fn unix(peer: UnixStream) -> io::Result<Box<dyn BothWays>> {
    peer.set_read_timeout(Some(SILENCE))?;
    Ok(Box::new(peer))
}

fn copy(mut peer: impl Read) -> io::Result<()> {
    let mut err = io::stderr();
    let mut piece = [0; 16 * 1024];
    loop {
        match peer.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n) => err.write_all(&piece[..n])?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::other(format!("it sends nothing for {} s", SILENCE.as_secs())));
            }
            Err(e) => return Err(e),
        }
    }
}

/// The interpreter that the launcher would take, asked for its version.
fn python_version(home: Option<&Path>) -> Result<(), ActionError> {
    let mut launcher = Program::new(launcher::find()?);
    launcher.arg("--print-interpreter");
    if let Some(home) = home {
        launcher.arg("--home").arg(home);
    }
    let io = |what| move |source| ActionError::Io { what, source };
    let found = launcher.stderr(std::process::Stdio::inherit()).output().map_err(io("uswgi-worker"))?;
    let text = String::from_utf8_lossy(&found.stdout);
    let python = text.lines().next().filter(|_| found.status.success()).ok_or(ActionError::NoPython)?;
    let version = Program::new(python)
        .args(["-c", "import platform; print(platform.python_version())"])
        .env_remove("PYTHONHOME")
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(io("Python"))?;
    if !version.status.success() {
        return Err(ActionError::NoPython);
    }
    print(&version.stdout)
}
