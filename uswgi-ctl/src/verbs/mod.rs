//! What each verb does. Every order goes to a proven instance, over its socket or through its pidfd; every wait ends.

mod advise;
mod canary;
mod common;
mod emperor;
mod instance;
mod lifecycle;
mod profile;
mod query;
mod slow;
mod spool;
mod tail;
mod workers;

use crate::error::CtlError;
use crate::report::VerbResult;
use crate::target::Target;
use crate::top;
use crate::verb::Verb;
use clap::ArgMatches;
use common::{deadline, timeout};

/// Run a verb with its options.
pub fn run(verb: Verb, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    // Tasks are there without an instance too.
    if verb == Verb::Spool {
        return spool::run(options);
    }
    let target = Target::from_options(options)?;
    match verb {
        Verb::Ping => query::ping(&target.open()?),
        Verb::Status => query::status(&target, options),
        Verb::Workers => query::workers(&target, options),
        Verb::Metrics => query::metrics(&target, options),
        Verb::List => Ok(query::list(options)),
        Verb::Reload => lifecycle::reload(&target.open()?, options),
        Verb::Canary => canary::run(&target.open()?, options),
        Verb::Rollback => lifecycle::rollback(&target.open()?, options),
        Verb::Stop => lifecycle::stop(&target.open()?, options),
        Verb::Wait => lifecycle::wait_for(&target, options),
        Verb::Pause => lifecycle::pause(&target.open()?, true, deadline(options)),
        Verb::Resume => lifecycle::pause(&target.open()?, false, deadline(options)),
        Verb::Top => top::run(&target, options),
        Verb::Stack => workers::stack(&target.open()?, options, timeout(options)),
        Verb::Profile => profile::profile(&target, options),
        Verb::Slow => slow::slow(&target, options),
        Verb::Advise => advise::run(&target, options),
        Verb::Scale => workers::scale(&target.open()?, options, deadline(options)),
        Verb::Retire => workers::retire(&target.open()?, options, deadline(options)),
        Verb::Logs => instance::logs(&target.open()?, options),
        Verb::Config => instance::config(&target.open()?, options),
        Verb::Kill => workers::kill(&target.open()?, options),
        Verb::Emperor => emperor::run(options),
        Verb::Spool => spool::run(options),
    }
}
