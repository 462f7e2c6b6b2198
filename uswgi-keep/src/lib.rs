//! What every parent process of uswgi needs: the master of an instance, and whoever starts masters. It knows no instance, no
//! configuration and no worker.
//!
//! * [`events`]: one loop over descriptors and signals, with events of the parent's own type.
//! * [`beside`]: where its siblings are.
//! * [`program`]: how it starts a program that is none of ours; [`guard`]: ends what such programs leave when it is killed; [`bonds`]:
//!   both together, with what they write.
//! * [`reap`]: its children that have ended, and how; [`group`]: how a process group ends; [`backoff`]: when one that died is started again.
//! * [`log`]: its lines; [`logs`]: log files and the log process; [`lines`]: what its programs write, as whole lines.
//! * [`detach`]: leaving the terminal, while the launching command waits; [`pidfile`]: where others find it.
//! * [`privs`], [`names`]: users and groups, looked up first and taken once.
//! * [`touch`], [`watch`], [`directories`]: files and directories that change.
//! * [`oneshot`]: a socket for questions, each answered once; [`callers`]: who connects while nothing serves.
//! * [`clock`]: minutes of the wall clock.
//! * [`notify`], [`watchdog`]: what the service manager hears.
//! * [`sys`]: unsafe code but that of `program` and `guard`.
//!
//! A parent here has one thread, as it forks without exec (the log process, detaching); `program` and `guard` alone may be used beside
//! threads, as a worker does. What is given a descriptor owns it, and what
//! borrows one says so by its type. Nothing here waits for anybody for more than a moment.

#![deny(unsafe_code)]

pub mod backoff;
pub mod beside;
pub mod bonds;
pub mod callers;
pub mod clock;
pub mod detach;
pub mod directories;
pub mod events;
pub mod group;
#[allow(unsafe_code)]
pub mod guard;
pub mod lines;
pub mod log;
pub mod logs;
pub mod names;
pub mod notify;
pub mod oneshot;
pub mod pidfile;
pub mod privs;
#[allow(unsafe_code)]
pub mod program;
pub mod reap;
pub mod strangers;
#[allow(unsafe_code)]
pub mod sys;
pub mod touch;
pub mod watch;
pub mod watchdog;
