//! The command line. Data only: what an option means is in [`crate::verbs`] and [`crate::target`].

use crate::profile::merged::GroupBy;
use crate::top::state::Sort;
use crate::verb::Verb;
use clap::{Arg, ArgAction, ArgGroup, Command, ValueHint, value_parser};
use std::path::PathBuf;
use uswgi_proto::canary;
use uswgi_proto::exit::Exit;
use uswgi_proto::profile::RATES;
use uswgi_proto::scale::ScaleTo;

/// Seconds to wait where `--timeout` is not given.
pub const DEFAULT_TIMEOUT: f64 = 120.0;

/// The command with all its verbs.
pub fn command() -> Command {
    Command::new("uswgi-ctl")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Asks, reloads, stops a running uswgi instance, and waits until it is done")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(exit_codes())
        .args(common().map(|arg| arg.global(true)))
        .subcommands(Verb::ALL.map(|verb| options(verb, Command::new(verb.name()).about(verb.about()))))
}

/// The options of a verb.
fn options(verb: Verb, command: Command) -> Command {
    match verb {
        Verb::Ping | Verb::Status | Verb::Workers | Verb::Metrics | Verb::List => command,
        Verb::Reload => command
            .arg(flag("wait", "Return when the reload is over; exit 0 only when every worker is new"))
            .arg(flag("drain", "With --wait: until the old workers have ended too").requires("wait"))
            .args(canary_terms())
            .arg(timeout()),
        Verb::Canary => command
            .arg(
                Arg::new("what")
                    .value_name("show|promote|abort")
                    .required(true)
                    .value_parser(["show", "promote", "abort"])
                    .help("show: both generations side by side, also of the last canary; promote: it goes on to all workers now; abort: it is taken back"),
            )
            .arg(flag("wait", "With promote and abort: return when the reload is over, and every worker is as it was to be"))
            .arg(timeout()),
        Verb::Rollback => command
            .arg(flag(
                "wait",
                "Return when the rollback is over; exit 0 only when every worker is of that generation",
            ))
            .arg(flag("drain", "With --wait: until the other workers have ended too").requires("wait"))
            .arg(timeout()),
        Verb::Stop => command
            .arg(flag("wait", "Return when the instance has ended"))
            .arg(flag("now", "Do not wait for requests"))
            .arg(timeout()),
        Verb::Wait => command
            .arg(flag("ready", "Until every worker of the newest generation accepts (the default)"))
            .arg(flag("stopped", "Until the instance has ended"))
            .arg(
                Arg::new("generation")
                    .long("generation")
                    .value_name("N")
                    .value_parser(value_parser!(u64))
                    .help("Until every worker of generation N, or of a later one, accepts"),
            )
            .group(ArgGroup::new("until").args(["ready", "stopped", "generation"]))
            .arg(timeout()),
        Verb::Pause | Verb::Resume => command.arg(timeout()),
        Verb::Top => command
            .arg(
                Arg::new("interval")
                    .long("interval")
                    .short('i')
                    .value_name("SECONDS")
                    .value_parser(seconds)
                    .default_value("1")
                    .help("Time between two looks"),
            )
            .arg(
                Arg::new("sort")
                    .long("sort")
                    .value_name("COLUMN")
                    .value_parser(Sort::ALL.map(Sort::name))
                    .default_value("id")
                    .help("What the rows are sorted by"),
            )
            .arg(
                Arg::new("filter")
                    .long("filter")
                    .value_name("TEXT")
                    .help("Only rows with this text in them: a URI, an address, a state, a pid"),
            )
            .arg(
                Arg::new("count")
                    .long("count")
                    .value_name("N")
                    .value_parser(value_parser!(u64).range(1..))
                    .help("Print so many looks as plain text, then end (1 where the output is no terminal)"),
            ),
        Verb::Stack => command
            .arg(
                Arg::new("who")
                    .value_name("WHO")
                    .num_args(0..=2)
                    .help("Number of a worker, or `mule 1`, `spooler 1`, `mule`, as `workers` shows them; without it every process"),
            )
            .arg(flag("all", "Of every process: the default").conflicts_with("who"))
            .arg(timeout_of("5").help("Longest wait for each process")),
        Verb::Profile => command
            .arg(worker().required(false).long("worker").help("Only this one, by its number"))
            .arg(for_seconds("10"))
            .arg(
                Arg::new("rate")
                    .long("rate")
                    .short('r')
                    .value_name("N")
                    .value_parser(value_parser!(u16).range(i64::from(*RATES.start())..=i64::from(*RATES.end())))
                    .default_value("100")
                    .help("Looks a second"),
            )
            .arg(
                Arg::new("by")
                    .long("by")
                    .value_name("WHAT")
                    .value_parser(GroupBy::ALL.map(|(name, _)| name))
                    .default_value("route")
                    .help("What a graph begins with: the route (method and path, identifiers folded), the worker, nothing"),
            )
            .arg(
                Arg::new("output")
                    .long("output")
                    .short('o')
                    .value_name("FILE")
                    .value_hint(ValueHint::FilePath)
                    .value_parser(value_parser!(PathBuf))
                    .help("Write FILE.svg (a flame graph), FILE.collapsed or FILE.speedscope.json, too"),
            ),
        Verb::Slow => command
            .arg(flag("follow", "Print each as it ends, until the instance does").short('f'))
            .arg(
                Arg::new("since")
                    .long("since")
                    .value_name("SECONDS")
                    .value_parser(seconds)
                    .default_value("600")
                    .conflicts_with("follow")
                    .help("Those that ended in the last SECONDS"),
            )
            .arg(
                Arg::new("count")
                    .long("count")
                    .short('n')
                    .value_name("N")
                    .value_parser(value_parser!(u64).range(1..))
                    .help("So many (20); with --follow: end after so many"),
            ),
        Verb::Advise => command.arg(for_seconds("60")),
        Verb::Scale => command
            .arg(
                Arg::new("workers")
                    .value_name("N|+N|-N")
                    .required(true)
                    .allow_negative_numbers(true)
                    .value_parser(value_parser!(ScaleTo))
                    .help("How many there shall be, how many more, or how many fewer"),
            )
            .arg(flag(
                "wait",
                "Return when so many accept and no other is left but those that finish requests",
            ))
            .arg(timeout()),
        Verb::Retire => {
            command.arg(worker()).arg(flag("wait", "Return when its successor accepts")).arg(timeout())
        }
        Verb::Logs => command.arg(
            Arg::new("what")
                .value_name("reopen|rotate")
                .required(true)
                .value_parser(["reopen", "rotate"])
                .help("reopen: after somebody renamed them; rotate: rename them and begin new ones"),
        ),
        Verb::Config => command.arg(Arg::new("name").value_name("OPTION").num_args(0..).help("Only these")),
        Verb::Emperor => command
            .arg(
                Arg::new("what")
                    .value_name("list|status|metrics|reload|stop|tail")
                    .required(true)
                    .value_parser(["list", "status", "metrics", "reload", "stop", "tail"])
                    .help("list: all vassals; status: what one does; metrics: all of them, as numbers for a program; reload: as a touch of its file; stop: until its file is touched; tail: follow what it logs, until it is gone"),
            )
            .arg(Arg::new("vassal").value_name("VASSAL").help("Its name, as `emperor list` shows it"))
            .arg(flag("wait", "With reload and stop: return when it is over; exit 0 only when it is as it was to be"))
            .arg(flag("drain", "With --wait: until the old workers have ended too").requires("wait"))
            .arg(
                Arg::new("lines")
                    .long("lines")
                    .short('n')
                    .value_name("N")
                    .value_parser(value_parser!(u64))
                    .default_value("10")
                    .help("With tail: lines of the past that are shown first"),
            )
            .arg(flag("past", "With tail: those alone; nothing is followed"))
            .arg(timeout()),
        Verb::Spool => command
            .arg(
                Arg::new("what")
                    .value_name("list|show|run|retry|drop")
                    .required(true)
                    .value_parser(["list", "show", "run", "retry", "drop"])
                    .help("list: all tasks; show: what is in one; run: one that waits is due now, whatever its time; retry: one that was put aside (failed) is due again, with all its tries; drop: remove one that does not run"),
            )
            .arg(Arg::new("task").value_name("TASK").num_args(0..).help("Its name, as `spool list` shows it, its file, or a part of its name that no other has"))
            .arg(
                Arg::new("folder")
                    .long("folder")
                    .value_name("DIR")
                    .action(ArgAction::Append)
                    .value_hint(ValueHint::DirPath)
                    .value_parser(value_parser!(PathBuf))
                    .help("A spool folder, also without an instance (else those of the instance, or of --ini where it does not run). Repeatable"),
            )
            .arg(flag("all", "Instead of names; run: all that wait; retry, drop: all that were put aside; show: all").conflicts_with("task"))
            .arg(flag("wait", "With run: return when they are done and gone"))
            .arg(timeout()),
        Verb::Kill => command.arg(timeout_of("10")).arg(worker()).arg(
            Arg::new("signal")
                .long("signal")
                .short('s')
                .value_name("NAME")
                .default_value("KILL")
                .help("Signal to send: a name (KILL, ABRT, SEGV...) or a number"),
        ),
    }
}

/// Which instance, and how to print: legal before and after the verb.
fn common() -> [Arg; 5] {
    [
        Arg::new("pidfile")
            .long("pidfile")
            .short('p')
            .value_name("FILE")
            .value_hint(ValueHint::FilePath)
            .value_parser(value_parser!(PathBuf))
            .help("Pidfile of the instance (else --pid, --ini, the variable USWGI_PIDFILE, or the only one that runs)"),
        Arg::new("pid")
            .long("pid")
            .value_name("PID")
            .value_parser(value_parser!(i32).range(1..))
            .conflicts_with("pidfile")
            .help("Pid of the instance's master"),
        Arg::new("ini")
            .long("ini")
            .value_name("FILE")
            .value_hint(ValueHint::FilePath)
            .value_parser(value_parser!(PathBuf))
            .conflicts_with_all(["pidfile", "pid"])
            .help("Configuration file whose pidfile names the instance"),
        flag("json", "Print JSON"),
        flag("quiet", "Print nothing but errors").short('q'),
    ]
}

/// `--canary` and its terms.
fn canary_terms() -> [Arg; 7] {
    let term = |name: &'static str,
                value: &'static str,
                read: fn(&str) -> Result<u32, String>,
                help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(read).requires("canary").help(help)
    };
    [
        flag(
            "canary",
            "Let some of the workers be new first, and go on only where they are not worse; waits as with --wait",
        ),
        flag("no-wait", "With --canary: return at once")
            .requires("canary")
            .conflicts_with_all(["wait", "drain"]),
        term(
            "share",
            "PERCENT",
            canary::share,
            "With --canary: share of the workers that are new, such as 10% (else canary-share)",
        ),
        term(
            "for",
            "TIME",
            canary::seconds,
            "With --canary: how long both are compared, such as 60s or 5m (else canary-for)",
        ),
        term(
            "max-5xx",
            "PERCENT",
            canary::max_5xx,
            "With --canary: percentage points of failed requests that it may have more, such as +1% (else canary-max-5xx)",
        ),
        term(
            "max-slower",
            "FACTOR",
            canary::max_slower,
            "With --canary: how many times as long its requests may take, such as 1.5x (else canary-max-slower)",
        ),
        term(
            "min-requests",
            "N",
            canary::min_requests,
            "With --canary: requests that it answers before it is judged (else canary-min-requests)",
        ),
    ]
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn worker() -> Arg {
    Arg::new("worker")
        .value_name("WORKER")
        .required(true)
        .value_parser(value_parser!(u32).range(1..))
        .help("Number of the worker, as `workers` shows it")
}

fn timeout() -> Arg {
    timeout_of("120")
}

fn timeout_of(default: &'static str) -> Arg {
    Arg::new("timeout")
        .long("timeout")
        .short('t')
        .value_name("SECONDS")
        .value_parser(seconds)
        .default_value(default)
        .help("Longest wait; 0: no limit")
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(n) if (0.0..=1e9).contains(&n) => Ok(n),
        _ => Err("a number of seconds is needed".into()),
    }
}

fn for_seconds(default: &'static str) -> Arg {
    Arg::new("seconds")
        .long("seconds")
        .short('s')
        .value_name("SECONDS")
        .value_parser(some_seconds)
        .default_value(default)
        .help("How long")
}

fn some_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(n) if (0.1..=3600.0).contains(&n) => Ok(n),
        _ => Err("a number of seconds from 0.1 to 3600 is needed".into()),
    }
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL.iter().filter(|e| e.code() <= Exit::VersionMismatch.code()) {
        text.push_str(&format!("  {}  {}\n", exit.code(), exit.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
        assert_eq!(seconds(&DEFAULT_TIMEOUT.to_string()), Ok(DEFAULT_TIMEOUT));
        assert!(seconds("-1").is_err() && seconds("nan").is_err() && seconds("inf").is_err());
    }

    #[test]
    fn the_common_options_stand_before_or_after_the_verb() {
        for words in [["uswgi-ctl", "--pidfile", "x", "ping"], ["uswgi-ctl", "ping", "--pidfile", "x"]] {
            let found = command().try_get_matches_from(words).unwrap();
            let (_, verb) = found.subcommand().unwrap();
            assert_eq!(verb.get_one::<PathBuf>("pidfile"), Some(&PathBuf::from("x")), "{words:?}");
        }
    }
}
