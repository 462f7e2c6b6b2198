//! The front: the process that speaks with clients what workers do not. It ends TLS and FastCGI, and gives each connection to
//! a worker as one end of a socket pair, by the way of a connection that is handed over; from then on it passes bytes on.
//!
//! It never runs Python, and keys are nowhere else while requests run. A handshake costs no lane, and the path of a request
//! through a worker does not know of any of this.
//!
//! * [`spec`]: what a configuration says: files of certificates, names, ciphers.
//! * [`certificates`]: those files, read and checked, before the instance becomes another user and again at a reload.
//! * [`plan`]: what one such process does. [`process`]: its start and end, from the side of its parent.
//! * `serving`: the process itself; `thread`: one of its loops; `client`: one connection in it; `link`: what is spoken there.
#![forbid(unsafe_code)]

pub mod certificates;
mod ciphers;
mod client;
mod link;
mod pass;
pub mod plan;
pub mod process;
mod ready;
mod serving;
pub mod spec;
mod thread;
mod told;
