//! Log files, and the log process: where lines go when they have to be looked at.
//!
//! The parent holds a [`collector::Collector`]: it forks the log process, gives it the pipes of its children, and starts another
//! one when it dies. The log process alone has the outputs open. Lines of ours are records in one pipe, written whole by one
//! write(2) each; stdout and stderr of every child are a pipe of its own, so that pieces of lines of two children never meet.
//!
//! * [`file`]: one log file, opened again and rotated.
//! * [`collector`]: the parent's end.
//! * [`process`]: the log process; [`lines`], [`chain`], [`encode`], [`output`]: the way of a line in it.
#![forbid(unsafe_code)]

pub mod alarms;
pub mod chain;
pub mod collector;
pub mod encode;
pub mod file;
pub mod lines;
pub mod output;
pub mod process;
