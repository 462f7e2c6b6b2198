//! The master as a process, with pretended workers: what only real sockets, signals and forks can show.
//!
//! * `harness`: one instance in a directory of its own.
//! * `start`: what is there, and what is left when it fails.
//! * `life`: deaths, reload, stop.
//! * `shown`: stats, scoreboard, service manager.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod harness;
mod life;
mod monitoring;
mod start;
mod tasks;
