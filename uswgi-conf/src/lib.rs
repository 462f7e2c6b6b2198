//! Understanding uWSGI configuration: reading, expanding, resolving, checking and explaining it.
//!
//! Data flows one way: `read` (bytes of a file to keys and values) -> `expand` (everything that is given
//! to one ordered list, as uWSGI would hold it) -> `resolve` (that list to the typed `instance`).
//!
//! * [`options`]: the table of all names.
//! * [`read`]: one reader a syntax.
//! * [`expand`]: includes, placeholders, logic, in uWSGI's order.
//! * [`resolve`]: values, defaults, what is unknown or not supported.
//! * [`diag`], [`place`]: messages and where they belong.
//! * [`lint`], [`show`], [`convert`]: what the `uswgi-conf` program does, by [`cli`].
//! * [`differences`]: the rules changed on purpose.
//! * [`jail`]: paths from outside and from inside of `chroot`.
//! * [`emperor`]: the settings of who runs many instances.
//! * [`glob`]: patterns of paths.
//! * [`action`]: commands of the command line that start nothing.
//! * [`load`]: all of it, as the master does at start and reload.

#![deny(unsafe_code)]

pub mod action;
mod activation;
pub mod alarms;
pub mod carbon;
pub mod cli;
pub mod convert;
mod cpus;
pub mod diag;
pub mod differences;
mod dynamic;
pub mod emperor;
mod envdir;
pub mod expand;
pub mod glob;
pub mod help;
pub mod instance;
pub mod jail;
pub mod lint;
mod load;
pub mod logs;
pub mod options;
mod origin;
pub mod place;
pub mod pushing;
mod quote;
pub mod read;
pub mod resolve;
pub mod show;
pub mod signals;
pub mod startup;
mod system;
pub mod tasks;
mod user;
mod written;

pub use diag::{Diagnostic, Severity};
pub use load::{Invocation, Lenient, LoadError, Loaded, lenient, load};
