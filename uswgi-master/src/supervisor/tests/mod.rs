//! The supervisor's rules, each in milliseconds: a world of pretended processes and a pretended clock.
//!
//! * `aides`: spoolers and mules.
//! * `sim`: that world; it panics when an action names a process that was reaped.
//! * `start`, `respawn`, `replace`, `exclusive`, `scale`, `dynamic`, `busyness`, `sleep`, `reload`, `application`, `operator`, `leave`, `watch`, `canary`, `judge`, `rollback`, `stop`: one rule a test.
//! * `daemons` (`daemon_world`: the system below them), `cron`, `touch_exec`: programs beside the instance.
//! * `properties`: what stays true whatever happens.

mod aides;
mod app_signals;
mod application;
mod busyness;
mod canary;
mod cron;
mod daemon_world;
mod daemons;
mod dynamic;
mod exclusive;
mod judge;
mod leave;
mod operator;
mod plans;
mod poll;
mod properties;
mod reload;
mod replace;
mod respawn;
mod rollback;
mod scale;
mod sim;
mod sleep;
mod start;
mod stop;
mod touch_exec;
mod watch;
