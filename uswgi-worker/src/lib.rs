//! The worker: one process that runs one Python application on inherited sockets.
//!
//! The Python half, over `uswgi-serve`, which does everything that needs no Python. The launcher
//! (`src/bin/uswgi-worker`) execs the right interpreter, which loads the abi3 extension module (`module/`), and that
//! calls [`run`]. Rooms:
//!
//! * [`start`]: role, import of the app ([`app`], [`collector`]); [`template`] forks workers; [`lanes`]: the threads.
//! * [`gateway`]: how applications are called: WSGI in threads, WSGI in greenlets, ASGI in tasks.
//! * [`which_python`]: which one this is, for the master and the messages; [`threads`]: those that a fork has lost.
//! * [`interpreter`], [`stacks`]: what deadlines need of CPython; [`frames`]: stacks for profiles, read from memory; [`pybytes`]: bytes objects that are sent later.
//! * [`tracebacker`]: a socket that prints stacks.
//! * [`autoreload`]: sources that changed; [`steps`]: `exec-*` and `hook-*`.
//! * [`api`]: the module `uwsgi` that applications import.
//! * Unsafe code stands in [`py`], [`pybytes`], [`interpreter`], [`frames`] and the gateway's leaves.

mod aides;
mod api;
mod app;
mod autoreload;
mod collector;
mod findings;
mod frames;
mod gateway;
mod interpreter;
mod lanes;
mod py;
mod pybytes;
mod stacks;
mod start;
mod steps;
mod template;
mod threads;
mod tracebacker;
mod tracebacks;
mod warmup;
mod which_python;

pub use start::run;
