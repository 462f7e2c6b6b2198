//! Every decision of the master, as a pure state machine: (state, event, now) -> actions.
//!
//! It must never make a system call, read a clock, allocate a descriptor or touch the scoreboard:
//! `events` tells it what happened, `act` does what it answers. So every rule is tested in
//! milliseconds with an injected clock (see `tests`).
//!
//! * `event`, `action`, `plan`: what happens, what is to be done, what a configuration asks for.
//! * `child`, `seat`: one process; one worker number and its back-off. `generation`: one configuration with its template, and
//!   a reload under way. `wish`, `activity`: how many workers are wanted; when there was a request.
//! * `machine`: the [`Supervisor`] made of these, its phases and how events reach the rooms below.
//! * `replace`: empty seats are filled, workers are replaced one at a time.
//! * `exclusive`: a worker is replaced in its place, so that its number is never had twice (`worker-id-exclusive`).
//! * `scale`: how many workers there are to be, and which go when it is fewer.
//! * `cheaper`, `idle`: when that number changes by itself.
//! * [`alarms`]: who is told of what, how often.
//! * `aides`: spoolers and mules, one process for each name.
//! * `reload`: a new generation, from HUP to its outcome. `watch`: whether it lives, and how it is taken back. `rollback`: the one before.
//! * `canary`, `canary_run`: a new generation beside the one in force first. `judge`: whether it is worse.
//! * `application`: who may go on without one (`need-app = false`).
//! * `operator`: what an operator asks for beyond signals.
//! * `stop`: leaving, and a start that fails. `leave`: what TERM puts off.
//! * [`programs`]: programs beside the instance, a state machine of its own: [`daemons`] (`daemon`: one; `smart`: by pidfile), [`cron`], [`touch_exec`] know when to
//!   start, [`poll`] when to look for it; [`order`]: what they want done.
//! * `deadline`: what is due, and when something is due next.
//!
//! Words: a *seat* is a worker number, 1 to N. Its *incumbent* is a ready worker; a *starter* is on
//! its way to be one; a *drainer* is retiring. A *generation* is one configuration with its template.
//!
//! What stays true, whatever happens (the property tests hold it):
//! a seat's old worker is retired only when its successor accepts, or with `worker-id-exclusive` ends before that starts; never more than the wanted workers
//! plus the surplus are alive; every drainer is gone or killed within the mercy; no action names a
//! process that was reaped.

#![forbid(unsafe_code)]

mod action;
mod activity;
mod aides;
pub mod alarms;
mod app_signals;
mod application;
mod canary;
mod canary_run;
mod cheaper;
mod child;
pub mod cron;
mod daemon;
pub mod daemons;
mod deadline;
mod event;
mod exclusive;
mod generation;
mod idle;
mod interpreter;
mod judge;
mod leave;
mod machine;
mod operator;
pub mod order;
mod plan;
pub mod poll;
pub mod programs;
mod reload;
mod replace;
mod rollback;
mod scale;
mod seat;
mod signal_table;
mod smart;
mod stop;
#[cfg(test)]
mod tests;
pub mod touch_exec;
mod watch;
mod wish;

pub use action::Action;
pub use cheaper::{Algorithm, Cheaper};
pub use child::{AideSeat, Birth, Child, ChildId, ProcessKind, Seat, Stage};
pub use event::{Event, Footprint, Numbers};
pub use machine::{Phase, Supervisor};
pub use plan::{Plan, Sleep};
pub use rollback::Kept;
pub use scale::Goal;
pub use signal_table::SignalPlace;
pub use uswgi_proto::scale::ScaleTo;
