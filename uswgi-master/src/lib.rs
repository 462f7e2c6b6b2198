//! Owns the sockets, the children and the scoreboard of an instance; never runs Python, never changes
//! its directory, has one thread.
//!
//! * [`supervisor`]: every decision, pure.
//! * [`action`]: commands of the command line that start nothing. [`fallback`]: what is started when the start fails.
//! * [`start`]: the way to the first process; [`master`]: the loop, what it does and what it answers.
//! * [`events`], [`processes`]: what happens, from descriptors and pids to events.
//! * `reading`: the configuration read again, in a child; [`reload`]: what becomes of it.
//! * [`spawn`], [`launcher`], [`sockets`], [`privs`], [`jail`], [`logs`], `touch_files`: one system matter each; what every parent
//!   process needs is `uswgi-keep`'s.
//! * [`front`]: the process that ends TLS and FastCGI.
//! * [`tasks`], `steps`, `step_child`, `shell`, [`clock`]: programs beside the workers.
//! * [`shared`]: the memory of locks and caches; `cache_items`: what caches hold from the start on.
//! * [`board`], [`stats`]: what is shown to others; `push`: what is sent to them, `number_files`: what stands in files for them.
//! * [`steer`], [`fifo`]: what others ask for.
//!
//! Data flows in a circle: `events` and `processes` -> `supervisor` -> `master::act` -> the system.

#![forbid(unsafe_code)]

pub mod action;
pub mod board;
mod cache_items;
pub mod clock;
pub mod events;
pub mod fallback;
pub mod fifo;
pub mod front;
pub mod jail;
pub mod launcher;
pub mod logs;
pub mod master;
mod number_files;
pub mod privs;
pub mod processes;
mod push;
pub mod queues;
pub mod reading;
pub mod reload;
pub mod shared;
mod shell;
pub mod sockets;
pub mod spawn;
pub mod spool_folders;
pub mod start;
pub mod stats;
pub mod steer;
mod step_child;
mod steps;
pub mod supervisor;
pub mod tasks;
mod touch_files;

use uswgi_keep::detach::{self, Detached};
use uswgi_keep::log;
use uswgi_proto::exit::Exit;

/// Run an instance until it ends; returns how, or why there was nothing to run. `load` is
/// called once now and once for every reload.
pub fn run(load: reading::Load<'_>) -> Result<Exit, reading::ConfigError> {
    Ok(run_instance(load(0)?, load))
}

fn run_instance(read: reading::Read, load: reading::Load<'_>) -> Exit {
    let reading::Read { mut instance, warnings } = read;
    log::set_style(&instance.log.lines);
    // Where it fails it does again, and is told, when the events begin.
    let _ = uswgi_keep::events::block::<events::Woken>();
    let asap = std::mem::take(&mut instance.tasks.phases.asap);
    let ran = steps::run_here(&asap, &mut instance, steps::By::Master);
    instance.tasks.phases.asap = asap;
    if let Err(e) = ran {
        log::line(&e);
        return ended_early(e.stopped);
    }
    let mut launcher = None;
    if let Some(path) = instance.daemonize.as_ref().or(instance.daemonize2.as_ref()) {
        // This process only waits from here on, and may be interrupted.
        uswgi_keep::events::unblock::<events::Woken>();
        match detach::daemonize(path) {
            Ok(Detached::Launching(exit)) => return exit,
            Ok(Detached::GoesOn(pipe)) => launcher = Some(pipe),
            Err(e) => {
                log::line(e);
                return Exit::Failed;
            }
        }
    }
    match start::start(&mut instance, launcher.is_some()) {
        Ok(started) => {
            master::Master::new(reading::Read { instance, warnings }, started, launcher, load).run()
        }
        Err(e) => {
            log::line(&e);
            if let Some(launcher) = launcher {
                launcher.release(Exit::Failed, &e.to_string());
            }
            ended_early(e.stopped())
        }
    }
}

/// A start that was told to stop did what it was asked for.
fn ended_early(stopped: bool) -> Exit {
    if stopped { Exit::Ok } else { Exit::Failed }
}
