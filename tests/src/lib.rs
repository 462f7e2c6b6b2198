//! Harness of the whole-system tests: temporary sites, the server under test, nginx, Apache, and clients that
//! speak HTTP and uwsgi byte by byte.
//!
//! It must never sleep for a fixed time (it waits for an event with a deadline), never leave a process or a
//! file behind, and never give the server a `PYTHON*` variable of its own environment.
//!
//! `USWGI_TEST_SERVER=/path/to/uwsgi` runs the same tests against the original: what both must do alike is
//! checked on both. `USWGI_TEST_BIN` names the folder of our commands (default: where cargo puts them).
#![forbid(unsafe_code)]

pub mod authority;
pub mod cgroup;
pub mod http;
pub mod load;
pub mod machine;
pub mod need;
pub mod packet;
pub mod paths;
pub mod process;
pub mod proxy;
pub mod pty;
pub mod realm;
pub mod request;
pub mod server;
pub mod site;
pub mod stage;
pub mod temp;
pub mod via;
pub mod wait;
pub mod websocket;

pub use load::Load;
pub use need::{Need, lacks};
pub use realm::Realm;
pub use request::{Reply, Request};
pub use server::Server;
pub use site::Site;
pub use wait::{until, until_within};
