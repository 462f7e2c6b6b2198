//! The verbs of the command line. [`crate::cli`] has their options, [`crate::verbs`] what they do; a verb that lacks
//! either does not compile.

/// A verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Whether it takes requests.
    Ping,
    /// The instance on a page.
    Status,
    /// A line for every worker.
    Workers,
    /// All numbers.
    Metrics,
    /// Every instance.
    List,
    /// New workers.
    Reload,
    /// The new generation beside the old one.
    Canary,
    /// The generation before.
    Rollback,
    /// The end.
    Stop,
    /// Wait for a state.
    Wait,
    /// Accept nothing.
    Pause,
    /// Accept again.
    Resume,
    /// The screen that follows it.
    Top,
    /// Python stacks.
    Stack,
    /// How often they stood where.
    Profile,
    /// The slowest requests.
    Slow,
    /// What to change.
    Advise,
    /// Another number of workers.
    Scale,
    /// Replace one worker.
    Retire,
    /// Log files.
    Logs,
    /// Settings in force.
    Config,
    /// Signal one worker.
    Kill,
    /// The vassals of an Emperor.
    Emperor,
    /// Tasks of spool folders.
    Spool,
}

impl Verb {
    /// All, in the order of the help.
    pub const ALL: [Verb; 24] = [
        Verb::Ping,
        Verb::Status,
        Verb::Workers,
        Verb::Metrics,
        Verb::List,
        Verb::Reload,
        Verb::Canary,
        Verb::Rollback,
        Verb::Stop,
        Verb::Wait,
        Verb::Pause,
        Verb::Resume,
        Verb::Top,
        Verb::Stack,
        Verb::Profile,
        Verb::Slow,
        Verb::Advise,
        Verb::Scale,
        Verb::Retire,
        Verb::Logs,
        Verb::Config,
        Verb::Kill,
        Verb::Emperor,
        Verb::Spool,
    ];

    /// As it is typed, and what it is for in a line.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Verb::Ping => ("ping", "Exit 0 when the instance takes requests"),
            Verb::Status => ("status", "Show what the instance does"),
            Verb::Workers => ("workers", "Show a line for every worker, and what its threads do"),
            Verb::Metrics => ("metrics", "Print all numbers in the OpenMetrics text format"),
            Verb::List => ("list", "List the running instances that may be looked at"),
            Verb::Reload => {
                ("reload", "Replace the workers, without a gap, with ones of the new configuration and code")
            }
            Verb::Canary => {
                ("canary", "End the canary that is under way, or show it beside the old generation")
            }
            Verb::Rollback => {
                ("rollback", "Go back to the generation before the last reload (keep-previous)")
            }
            Verb::Stop => ("stop", "Stop the instance; requests under way are finished"),
            Verb::Wait => ("wait", "Return when the instance is in a state"),
            Verb::Pause => ("pause", "Stop to accept connections; they wait in the sockets' queues"),
            Verb::Resume => ("resume", "Accept connections again"),
            Verb::Top => {
                ("top", "Follow the instance on a screen; plain text where the output is no terminal")
            }
            Verb::Stack => (
                "stack",
                "Show where the Python threads of workers, spoolers and mules stand, also of stuck ones",
            ),
            Verb::Profile => (
                "profile",
                "Look for some seconds where the time of requests goes, by route; draw a flame graph",
            ),
            Verb::Slow => {
                ("slow", "Show the slowest requests of the last minutes, and where their time went")
            }
            Verb::Advise => (
                "advise",
                "Look at the load for a minute, and say which numbers of the configuration do not fit it",
            ),
            Verb::Scale => ("scale", "Change the number of workers: N, +N or -N"),
            Verb::Retire => {
                ("retire", "Replace one worker: a successor accepts first, then it finishes what it has")
            }
            Verb::Logs => ("logs", "Open log files again, or rotate them"),
            Verb::Config => ("config", "Show the settings that are in force"),
            Verb::Kill => ("kill", "Kill one worker process; the master starts another"),
            Verb::Emperor => (
                "emperor",
                "Show the vassals of a running emperor, or look at, reload, stop or follow one of them",
            ),
            Verb::Spool => ("spool", "Show the tasks of spool folders, and run, retry or drop some of them"),
        }
    }

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// What it is for, in a line.
    pub const fn about(self) -> &'static str {
        self.words().1
    }

    /// From what was typed.
    pub fn from_name(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|v| v.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_has_a_name_of_its_own() {
        assert_eq!(Verb::ALL.map(|v| Verb::from_name(v.name())), Verb::ALL.map(Some));
        assert_eq!(Verb::from_name("Ping"), None);
        // The last one of the declaration: none is left out of the list.
        assert_eq!(Verb::Spool as usize + 1, Verb::ALL.len());
    }
}
