//! Runs one instance for each vassal's file: the Emperor. It never runs Python, and serves nothing itself.
//!
//! * [`cli`]: the command line.
//! * [`name`], [`files`], [`court`]: which files are vassals, what has changed, and what follows; pure. [`report`]: what is said of it.
//! * [`scan`]: the folders and patterns, looked at; [`look`]: instances, looked at.
//! * [`claim`]: one Emperor a folder, and where vassals speak to it.
//! * [`launch`]: how a vassal starts, and [`hooks`] what runs then; [`demand`]: when somebody connects; [`tyrant`]: as whom.
//! * [`stats`]: its statistics.
//! * [`start`], [`emperor`], [`events`]: the way to the loop, and the loop.

#![forbid(unsafe_code)]

pub mod claim;
pub mod cli;
pub mod court;
pub mod demand;
pub mod emperor;
pub mod events;
pub mod files;
pub mod hooks;
pub mod instances;
pub mod launch;
pub mod name;
pub mod report;
pub mod scan;
pub mod start;
pub mod stats;
pub mod tyrant;

use scan::Monitor;
use std::ffi::OsString;
use std::io::Write;
use uswgi_conf::emperor::EmperorSettings as Settings;
use uswgi_conf::instance::Instance;
use uswgi_conf::{Invocation, load};
use uswgi_keep::detach::{self, Detached};
use uswgi_keep::log;
use uswgi_proto::exit::{Exit, ExitWith};

/// Why there is nothing to run, as lines, and how the program ends for it.
struct Refused(String, ExitWith);

fn print(text: &str) {
    // Nobody may be there to read it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn read(args: &[OsString]) -> Result<Instance, Refused> {
    match load(args, std::env::vars_os()) {
        Ok(Invocation::Run(loaded)) => {
            print(&loaded.printed);
            loaded.warnings.iter().for_each(log::line);
            let i = loaded.instance;
            if !i.emperor.is_wanted() {
                let text = "there is no folder of vassals; name one: uswgi-emperor /etc/uwsgi/vassals";
                return Err(Refused(text.into(), Exit::Usage.into()));
            }
            if !i.sockets.is_empty() || !i.app.apps.is_empty() {
                let text = "an emperor serves nothing itself: move its sockets and its app into a file of their own among the vassals";
                return Err(Refused(text.into(), Exit::Failed.into()));
            }
            let (t, p) = (&i.tasks, &i.tasks.phases);
            let steps = [&p.pre_app, &p.post_app, &p.post_fork, &p.accepting, &p.accepting_first];
            let step = steps.into_iter().chain([&p.master_start]).flatten().next().map(|s| s.name.clone());
            let daemon = t.daemons.first().map(|d| d.command.clone());
            let other = daemon.or(t.jobs.first().map(|j| j.command.clone()));
            let other = other.or(t.touched.first().map(|t| t.step.name.clone()));
            if let Some(what) = step.or(other) {
                let text = format!(
                    "an emperor runs neither an app nor daemons and jobs: move {what:?} into a file of its own among the vassals"
                );
                return Err(Refused(text, Exit::Failed.into()));
            }
            Ok(i)
        }
        Ok(Invocation::Print { text, exit }) => {
            print(&text);
            Err(Refused(String::new(), exit))
        }
        Err(e) => Err(Refused(e.to_string(), e.exit.into())),
    }
}

/// Run an Emperor with these arguments (without the program's name) to its end; returns how it ended.
pub fn run(args: Vec<OsString>) -> ExitWith {
    if args.first().is_some_and(|a| a == launch::AS_VASSAL) {
        log::line(launch::become_vassal());
        return Exit::Failed.into();
    }
    if args.first().is_some_and(|a| a == launch::AS_EMPEROR) {
        launch::as_emperor();
        return Exit::Ok.into();
    }
    if args.is_empty() || args.iter().any(|a| a == "--help" || a == "-h") {
        print(&cli::help());
        return if args.is_empty() { Exit::Usage } else { Exit::Ok }.into();
    }
    if args.iter().any(|a| a == "--version" || a == "-V") {
        print(&format!("uswgi-emperor {}\n", env!("CARGO_PKG_VERSION")));
        return Exit::Ok.into();
    }
    let args = cli::translate(args);
    let i = match read(&args) {
        Ok(i) => i,
        Err(Refused(text, exit)) => {
            text.lines().for_each(log::line);
            return exit;
        }
    };
    log::set_style(&i.log.lines);
    let _ = uswgi_keep::events::block::<events::Woken>();
    let mut report = None;
    if let Some(path) = i.daemonize.as_ref().or(i.daemonize2.as_ref()) {
        uswgi_keep::events::unblock::<events::Woken>();
        match detach::daemonize(path) {
            Ok(Detached::Launching(exit)) => return exit.into(),
            Ok(Detached::GoesOn(pipe)) => report = Some(pipe),
            Err(e) => {
                log::line(e);
                return Exit::Failed.into();
            }
        }
    }
    let monitors: Vec<Monitor> = i.emperor.monitors.iter().map(|name| Monitor::new(name)).collect();
    let again =
        || -> Result<Settings, String> { read(&args).map(|i| i.emperor).map_err(|Refused(text, _)| text) };
    match start::start(&i, &monitors, report) {
        Ok(started) => {
            let exit = emperor::Emperor::new(i.emperor, monitors, started, &again).run();
            hooks::Hooks::in_emperor().run_all(&i.tasks.phases.at_exit);
            exit.into()
        }
        Err(e) => {
            log::line(&e);
            Exit::Failed.into()
        }
    }
}
