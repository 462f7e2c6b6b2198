//! Thin system calls that the worker needs and that no crate gives in this shape: plain descriptors,
//! no allocation, errors as `io::Error`. No decisions here.
//!
//! * `beneath`: files below a directory. * `socket`: sockets and files by descriptor. * `epoll`: waiting. * `signal`: dispositions and masks.
//! * `process`: forks, the end, memory and arguments of this process. * `time`: the wall clock.
//! * `standard`: stdout and stderr.

mod beneath;
mod epoll;
mod process;
mod signal;
mod socket;
mod standard;
mod time;

pub use beneath::*;
pub use epoll::*;
pub use process::*;
pub use signal::*;
pub use socket::*;
pub use standard::*;
pub use time::*;
