//! `uswgi-ctl`: finds a running instance, asks it, signals it, and waits until it is so.
//!
//! * [`cli`]: the command line, as clap sees it (man pages and completions are made from it).
//! * [`target`]: from options, environment and /proc to one instance.
//! * [`status`]: a snapshot as text for people (JSON and metrics: `uswgi_proto::show`). Pure.
//! * [`condition`]: whether a snapshot is what is waited for. Pure.
//! * [`wait`]: look again until a condition holds, the instance ends or time is up.
//! * [`steer`]: requests to the master, and signals where it does not listen.  * [`process`]: the name of a process.  * [`stacks`]: questions to processes.  * [`profile`]: the same many times, as a graph.  * [`slow`]: slow requests as a table.
//! * [`advise`]: whether the numbers of the configuration fit the load.
//! * [`verb`]: the verbs.  * [`verbs`]: what each one does.  * [`top`]: the live screen.
//! * [`report`]: what it says in the end, and how it is printed.
//!
//! Questions are answered from shared memory and never wake the master; orders are requests through a descriptor of
//! the very process, or signals through a pidfd, so that no stranger with a recycled pid is hit. It changes nothing else.

#![forbid(unsafe_code)]

pub mod advise;
pub mod cli;
pub mod condition;
pub mod error;
pub mod process;
pub mod profile;
pub mod report;
pub mod slow;
pub mod stacks;
pub mod status;
pub mod steer;
pub mod target;
pub mod top;
pub mod verb;
pub mod verbs;
pub mod wait;

use std::ffi::OsString;
use uswgi_proto::exit::Exit;

/// The whole program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let matches = match cli::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version come here too; a closed pipe is nobody's mistake.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let found =
        matches.subcommand().and_then(|(name, options)| Some((verb::Verb::from_name(name)?, options)));
    // clap knows no other verbs and demands one.
    let Some((verb, options)) = found else { return Exit::Usage };
    let output = report::OutputForm { json: options.get_flag("json"), quiet: options.get_flag("quiet") };
    output.print(verb.name(), verbs::run(verb, options))
}
