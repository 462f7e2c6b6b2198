//! The pages of the two tools with verbs, made from their clap commands.

use crate::mdoc::Page;
use clap::{Arg, ArgAction, Command};
use uswgi_proto::exit::Exit;

fn tag(arg: &Arg) -> (String, String) {
    let value = arg
        .get_value_names()
        .filter(|_| !matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Help | ArgAction::Version))
        .map(|names| names.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    let names = match (arg.get_short(), arg.get_long()) {
        (Some(s), Some(l)) => format!("-{s}, --{l}"),
        (None, Some(l)) => format!("--{l}"),
        (Some(s), None) => format!("-{s}"),
        (None, None) if value.is_empty() => return (String::new(), arg.get_id().to_string()),
        (None, None) => return (String::new(), value),
    };
    (names, value)
}

fn options(page: &mut Page, command: &Command) {
    let args: Vec<_> = command
        .get_arguments()
        .filter(|a| !a.is_hide_set() && a.get_id() != "help" && a.get_id() != "version")
        .collect();
    if args.is_empty() {
        return;
    }
    page.list();
    for arg in args {
        let (names, value) = tag(arg);
        let mut text = arg.get_help().map(|h| h.to_string()).unwrap_or_default();
        let choices: Vec<_> = arg.get_possible_values().iter().map(|v| v.get_name().to_string()).collect();
        // Where the choices are the value's name they stand there already.
        if choices.len() > 1 && value != choices.join("|") && !matches!(arg.get_action(), ArgAction::SetTrue)
        {
            text += &format!(": {}", choices.join(", "));
        }
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
        if !defaults.is_empty() && !matches!(arg.get_action(), ArgAction::SetTrue) {
            text += &format!(" (default {})", defaults.join(" "));
        }
        page.item(&names, &value, &(text + "."));
    }
    page.end_list();
}

fn start(name: &str, command: &Command) -> Page {
    let about = command.get_about().map(|a| a.to_string()).unwrap_or_default();
    // A page has its summary in lower case, as apropos(1) lists it beside those of others.
    let about = about[..1].to_lowercase() + &about[1..];
    let mut page = Page::new(name, 1, &about);
    page.section("SYNOPSIS");
    page.raw(&format!(".Nm {name}"));
    page.raw(".Op Ar options\n.Ar verb\n.Op Ar arguments");
    page
}

fn verbs(page: &mut Page, command: &Command) {
    page.section("OPTIONS");
    page.text("These may stand before or behind the verb.");
    options(page, command);
    page.list();
    page.item("-h, --help", "", "Print a summary, behind a verb that of the verb, and end.");
    page.item("-V, --version", "", "Print the version and end; before the verb only.");
    page.end_list();
    page.section("VERBS");
    for verb in command.get_subcommands().filter(|v| v.get_name() != "help") {
        page.subsection(verb.get_name());
        let about = verb.get_about().map(|a| a.to_string()).unwrap_or_default();
        page.text(&(about + "."));
        options(page, verb);
    }
}

/// uswgi-ctl(1).
pub(crate) fn ctl() -> String {
    let command = uswgi_ctl::cli::command();
    let mut page = start("uswgi-ctl", &command);
    page.section("DESCRIPTION");
    page.name();
    page.text(
        "finds a running instance, and asks, reloads or stops it.\n\
         A pidfile is only a hint: the process behind it has to own a scoreboard that names it, with its start time.\n\
         So an empty, stale or recycled pidfile never makes a stranger get a signal.\n\
         What it shows is read from shared memory, and is there even while the master is stopped in a debugger.",
    );
    verbs(&mut page, &command);
    page.section("ENVIRONMENT");
    page.list();
    page.item("USWGI_PIDFILE", "", "Pidfile of the instance where no option names one.");
    page.end_list();
    page.section("FILES");
    page.list();
    page.item(
        "pidfile",
        "",
        "The pid of the master, as pidfile, pidfile2 or safe-pidfile in the configuration names it.",
    );
    page.item(
        "/proc/PID/fd/100",
        "",
        "The scoreboard of the instance whose master is PID: shared memory that is gone with its processes.\n\
         Only the user of the instance and root may read it.",
    );
    page.end_list();
    page.exit_status(&[
        Exit::Ok,
        Exit::Failed,
        Exit::Usage,
        Exit::TimedOut,
        Exit::NotRunning,
        Exit::NotPermitted,
        Exit::VersionMismatch,
    ]);
    page.section("EXAMPLES");
    page.text("A deployment that fails loudly:");
    page.literal(
        "uswgi-conf lint --check-app /etc/uwsgi/site.ini && uswgi-ctl --pidfile /run/site.pid reload --wait",
    );
    page.text("What runs right now:");
    page.literal("uswgi-ctl --pidfile /run/site.pid workers");
    page.text(
        "A health check, of a container for example; it says nothing and ends with 0 when a worker accepts:",
    );
    page.literal("uswgi-ctl --quiet --pidfile /run/site.pid ping");
    page.text("Start, and go on when it serves:");
    page.literal("uswgi-master --ini site.ini --pidfile site.pid &\nuswgi-ctl --pidfile site.pid wait --ready --timeout 60");
    page.text("Numbers for Prometheus, by the textfile collector of its node exporter:");
    page.literal("uswgi-ctl --pidfile /run/site.pid metrics >/var/lib/node_exporter/site.prom");
    page.section("NOTES");
    page.text(
        "reload with --wait exits 0 exactly when every worker of the new generation accepts and no older one does.\n\
         A configuration or an application that does not load changes nothing: the old workers serve on, the exit status is 1, and the reason is printed.\n\
         A reload that takes longer than --timeout goes on; only the waiting ends, with status 3.",
    );
    page.paragraph(
        "A verb that only looks works while the master is stopped in a debugger.\n\
         Whoever may not read the scoreboard gets status 5; who runs another version of the tools than the instance, 6.",
    );
    page.see_also(&[("uswgi-master", 8), ("uswgi-conf", 1), ("uswgi-signals", 7), ("uswgi.ini", 5)]);
    page.finish()
}

/// uswgi-conf(1).
pub(crate) fn conf() -> String {
    let command = uswgi_conf::cli::command();
    let mut page = start("uswgi-conf", &command);
    page.section("DESCRIPTION");
    page.name();
    page.text(
        "reads configuration as uWSGI 2.0 does and says what it means to uswgi.\n\
         It starts nothing, and runs no command and fetches nothing that a file names unless it is told to.",
    );
    verbs(&mut page, &command);
    page.section("FILES");
    page.text(
        "It reads the files that it is given and those that they include.\n\
         It writes only with lint --fix, and then the same file; convert and expand print.",
    );
    page.exit_status(&[Exit::Ok, Exit::Failed, Exit::Usage]);
    page.text("lint exits 1 for findings from --level on, show --diff when the files differ.");
    page.section("EXAMPLES");
    page.text("What is wrong with a file, and what it means:");
    page.literal("uswgi-conf lint uwsgi.ini\nuswgi-conf show uwsgi.ini\nuswgi-conf explain harakiri");
    page.text("In a pipeline, with the application tried in its own interpreter:");
    page.literal("uswgi-conf lint --check-app --format github deploy/uwsgi.ini");
    page.text("What changes between two files, origins included:");
    page.literal("uswgi-conf show --diff old.ini new.ini");
    page.text("The unit of systemd that fits a file:");
    page.literal("uswgi-conf convert --to systemd uwsgi.ini");
    page.section("NOTES");
    page.text(
        "Names that nothing uses are found here and not by uWSGI, which takes every name: a misspelt option is a placeholder there.\n\
         lint looks at paths and users of the machine it runs on; --no-system leaves that out, for a machine that builds.\n\
         A finding is silenced by --allow and its code, a milder one made an error by --deny.",
    );
    page.paragraph("The rules of the language stand in uswgi.ini(5); uswgi-conf explain differences lists where uswgi differs on purpose.");
    page.see_also(&[("uswgi.ini", 5), ("uswgi-master", 8), ("uswgi-ctl", 1)]);
    page.finish()
}
