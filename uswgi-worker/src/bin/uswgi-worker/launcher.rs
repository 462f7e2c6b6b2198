//! Command line of the launcher, and the exec of the interpreter.
//!
//! It changes the environment of the process that it becomes and nothing else; every descriptor of the
//! contract (`uswgi_proto::settings::env`) passes through it untouched.

use crate::alone::Alone;
use crate::user::User;
use crate::{bootstrap, find};
use nix::sys::socket::MsgFlags;
use std::env;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use uswgi_proto::control::{ToMaster, encode, fitting};
use uswgi_proto::exit::Exit;
use uswgi_proto::settings::{CHECK_PASSED, env as contract};

const HELP: &str = "\
uswgi-worker runs one WSGI application on sockets that it inherits.

Usage: uswgi-worker [OPTIONS]
       uswgi-worker [OPTIONS] --check APP
       uswgi-worker [OPTIONS] --serve APP
       uswgi-worker [OPTIONS] --print-interpreter

uswgi-master starts it; settings and sockets then come through inherited descriptors. Alone, it
checks whether an application loads, or serves one under socket activation (systemd, s6).
APP is a module (pkg.mod, pkg.mod:callable, pkg.mod:factory()) or a file (app.py, dir/app.wsgi).

Options:
  -H, --home DIR        use the interpreter of this virtual environment
  --chdir DIR           change to this directory first
  --pythonpath DIR      look for modules there too (may be repeated)
  --protocol P          what is spoken on the inherited sockets: http (default) or uwsgi
  --threads N           threads that run requests (default 1)
  --no-site             start Python without the module site (-S)
  --optimize N          Python's optimization level: 1 (-O) or 2 (-OO)
  --no-django-preload   leave to the first request what Django imports then
  --as UID:GID[,GID]    become this user with these groups first, by number; for root
  --check APP           import the application and end: 0 it loads, 22 it does not
  --serve APP           serve it on the inherited sockets (LISTEN_FDS) until TERM
  --print-interpreter   print which interpreter and which module would be used, and end
  -h, --help            print this text
  -V, --version         print the version

Exit status: 0 ended as asked; 2 wrong usage; 22 the application does not load; 23 no usable
interpreter; 24 the master went away.
";

#[derive(Default)]
struct LauncherArguments {
    home: Option<OsString>,
    print: bool,
    /// Arguments of the interpreter.
    python: Vec<&'static str>,
    user: Option<User>,
    alone: Alone,
}

enum Parsed {
    Run(LauncherArguments),
    Say(String),
    Wrong(String),
}

fn parse(args: Vec<OsString>) -> Parsed {
    let mut out = LauncherArguments::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let Some(text) = arg.to_str() else {
            return Parsed::Wrong(format!("{arg:?} is not UTF-8"));
        };
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(OsString::from(value))),
            _ => (text, None),
        };
        match name {
            "--help" | "-h" => return Parsed::Say(HELP.into()),
            "--version" | "-V" => {
                return Parsed::Say(format!("uswgi-worker {}\n", env!("CARGO_PKG_VERSION")));
            }
            "--print-interpreter" => out.print = true,
            "--no-site" => out.python.push("-S"),
            "--no-django-preload" => out.alone.no_django_preload = true,
            "--home" | "-H" | "--as" | "--optimize" | "--chdir" | "--pythonpath" | "--protocol"
            | "--threads" | "--check" | "--serve" => {
                let Some(value) = attached.or_else(|| args.next()) else {
                    return Parsed::Wrong(format!("{name} needs a value; see uswgi-worker --help"));
                };
                if matches!(name, "--home" | "-H") {
                    out.home = Some(value);
                } else if name == "--optimize" {
                    match value.to_str() {
                        Some("0") => {}
                        Some("1") => out.python.push("-O"),
                        Some("2") => out.python.push("-OO"),
                        _ => {
                            return Parsed::Wrong(format!("--optimize {}: it is 0, 1 or 2", value.display()));
                        }
                    }
                } else if name == "--as" {
                    let Some(user) = User::read(&value) else {
                        return Parsed::Wrong(format!(
                            "--as {}: it is UID:GID[,GID], in numbers",
                            value.display()
                        ));
                    };
                    out.user = Some(user);
                } else if let Err(e) = out.alone.take(name, &value) {
                    return Parsed::Wrong(e);
                }
            }
            _ => return Parsed::Wrong(format!("unknown argument {arg:?}; see uswgi-worker --help")),
        }
    }
    Parsed::Run(out)
}

fn own_directory() -> Option<PathBuf> {
    // A jail may be without /proc; the master starts us by our path.
    let named = || env::args_os().next().map(PathBuf::from).filter(|p| p.is_absolute());
    env::current_exe().ok().or_else(named)?.parent().map(Path::to_path_buf)
}

fn say(text: &str) {
    use std::io::Write;
    // A closed pipe is no reason to panic.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// A message to stderr that survives a closed stderr.
fn complain(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "uswgi-worker: {text}");
}

/// There is no interpreter: said to the master, whose log and answers may be elsewhere, and on stderr.
fn no_interpreter(text: std::fmt::Arguments<'_>) -> ExitCode {
    let control = env::var(contract::CONTROL_FD).ok().and_then(|fd| fd.parse().ok());
    if let Some(fd) = control {
        let message = ToMaster::NoInterpreter { message: fitting(&text.to_string()).into() };
        // A master that does not listen has the exit code.
        let _ = nix::sys::socket::send(fd, &encode(&message), MsgFlags::MSG_NOSIGNAL);
    }
    complain(text);
    Exit::NoInterpreter.into()
}

/// Everything but the entry point. Returns only when nothing was started.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let args = match parse(args) {
        Parsed::Run(args) => args,
        Parsed::Say(text) => {
            say(&text);
            return Exit::Ok.into();
        }
        Parsed::Wrong(text) => {
            complain(format_args!("{text}"));
            return Exit::Usage.into();
        }
    };
    if let Some(Err(e)) = args.user.as_ref().map(User::become_it) {
        complain(format_args!("--as: {e}"));
        return Exit::Failed.into();
    }
    let own = own_directory();
    let found = find::interpreter(
        args.home.as_deref(),
        env::var_os("VIRTUAL_ENV"),
        own.as_deref(),
        env::var_os("PATH"),
    )
    .and_then(|found| Ok((found, find::module(env::var_os("USWGI_MODULE"), own.as_deref())?)));
    let ((python, by), module) = match found {
        Ok(found) => found,
        Err(e) => return no_interpreter(format_args!("{e}")),
    };
    if args.print {
        say(&format!("{}\n{}\n", python.display(), module.display()));
        return Exit::Ok.into();
    }
    let settings = match args.alone.settings() {
        Ok(settings) => settings,
        Err(e) => {
            complain(format_args!("{e}"));
            return Exit::Usage.into();
        }
    };
    if settings.is_none() && env::var_os(contract::SETTINGS_FD).is_none() {
        complain(format_args!(
            "there are no settings to run with ({} is not set); start the application with uswgi-master",
            contract::SETTINGS_FD
        ));
        return Exit::Usage.into();
    }
    let mut command = Command::new(&python);
    if let Some(fd) = &settings {
        command.env(contract::SETTINGS_FD, fd.as_raw_fd().to_string());
    }
    command
        // The absolute path of the venv's own python: anything else loses its prefix.
        .arg0(&python)
        .args(&args.python)
        .arg("-c")
        .arg(bootstrap::TEXT)
        .env(contract::MODULE_PATH, &module)
        .env(contract::PYTHON_BY, by)
        // An inherited PYTHONHOME belongs to another interpreter ("No module named encodings").
        .env_remove("PYTHONHOME");
    if args.alone.checks() {
        return match command.status() {
            Ok(status) => checked(status),
            Err(e) => no_interpreter(format_args!("cannot run {}: {e}", python.display())),
        };
    }
    let error = command.exec();
    no_interpreter(format_args!("cannot run {}: {error}", python.display()))
}

/// What a check ends with, after the interpreter that tried. One that ends in another way than the module of this
/// package does was ended by the application.
fn checked(status: ExitStatus) -> ExitCode {
    let own = [Exit::Failed, Exit::Usage, Exit::AppFailed, Exit::NoInterpreter];
    match status.code() {
        Some(CHECK_PASSED) => return Exit::Ok.into(),
        Some(code) => {
            if let Some(exit) = own.into_iter().find(|e| e.code() == code) {
                return exit.into();
            }
            complain(format_args!(
                "the application ended the process with code {code} while it was imported"
            ));
        }
        None => complain(format_args!(
            "signal {} ended the process while the application was imported",
            status.signal().unwrap_or_default()
        )),
    }
    Exit::AppFailed.into()
}
