//! Spool folders: tasks as files, in the format of uWSGI.
//!
//! * `task`: what a task is made of, from bytes and to bytes. Pure.
//! * `name`: names of task files, and their order. Pure.
//! * `write`: a task becomes a file, which is whole or not there.
//! * `writers`: the folders of an instance, to write into.
//! * `claim`: one task in the hands of one process: the lock dies with its holder.
//! * `attempts`: how often a task has ended its process, or asked for another try.
//! * `queue`: which task is next: names that are known, and those that wait for their time. Pure.
//! * `scan`: the names in a folder, some at a time.
//! * `folder`: where tasks lie, and those that are put aside.
//! * `look`: what stands in a folder, for people.  * `orders`: what they do with single tasks.
//!
//! It must never run a task, and never believe a file to be whole because it is there.

#![forbid(unsafe_code)]

pub mod attempts;
pub mod claim;
pub mod folder;
pub mod look;
pub mod name;
pub mod orders;
pub mod queue;
pub mod scan;
pub mod task;
pub mod write;
pub mod writers;

pub use claim::{Claimed, TaskClaim};
pub use folder::{FAILED, Folder};
pub use name::TaskName;
pub use queue::Queue;
pub use scan::Scan;
pub use task::{BadTask, SpoolTask, TaskError};
pub use write::{SpoolError, Writer};
pub use writers::{NotSpooled, Writers};
