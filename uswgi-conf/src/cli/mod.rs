//! The command line of `uswgi-conf`: subcommands and their exit codes. It prints; deciding is done in
//! the rest of the crate.

#![forbid(unsafe_code)]

mod app_findings;
mod check_app;
mod convert;
mod expand;
mod explain;
mod lint;
mod output;
mod report;
mod show;

use clap::{Arg, ArgAction, Command, value_parser};
use std::ffi::OsString;
use std::process::ExitCode;
use uswgi_proto::exit::Exit;

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
}

fn files(help: &'static str) -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .help(help)
        .required(true)
        .num_args(1..)
        .value_parser(value_parser!(OsString))
}

fn sources(command: Command) -> Command {
    command
        .arg(flag("allow-exec", "Run the commands of exec:// in the file"))
        .arg(flag("allow-fetch", "Fetch http:// in the file, and look up hosts"))
}

fn code_list(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("CODE").help(help).action(ArgAction::Append).value_delimiter(',')
}

/// The command with all its subcommands; the man pages and completions are made from it too.
pub fn command() -> Command {
    Command::new("uswgi-conf")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Understands uWSGI configuration: checks, shows, explains and converts it")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(sources(
            Command::new("lint")
                .about("Say what is wrong with configuration files")
                .after_help("Exit: 0 clean, 1 findings at or above the level, 2 a file that cannot be read.")
                .arg(files("Configuration files, as FILE or FILE:SECTION"))
                .arg(
                    Arg::new("format")
                        .long("format")
                        .value_name("FORM")
                        .value_parser(["text", "json", "github"])
                        .default_value("text")
                        .help("How to print"),
                )
                .arg(flag("json", "Print JSON, as --format json").conflicts_with("format"))
                .arg(
                    Arg::new("level")
                        .long("level")
                        .value_name("SEVERITY")
                        .value_parser(["error", "warning", "note"])
                        .default_value("warning")
                        .help("Findings from this severity on make the exit code 1"),
                )
                .arg(code_list("deny", "Make findings of this code errors"))
                .arg(code_list("allow", "Leave findings of this code out"))
                .arg(flag("check-app", "Load the application too, in its interpreter; its failure is an error"))
                .arg(flag("fix", "Repair in place what can be repaired safely"))
                .arg(flag("no-system", "Do not look at paths and users of this machine")),
        ))
        .subcommand(sources(
            Command::new("show")
                .about("Print the effective configuration, with the origin of every value")
                .arg(files("Configuration file; two with --diff"))
                .arg(flag("json", "Print JSON"))
                .arg(flag("diff", "Print in what two files differ; exit 1 when they do")),
        ))
        .subcommand(sources(
            Command::new("convert")
                .about("Write a configuration file in another form")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .help("Configuration file, as FILE or FILE:SECTION")
                        .required(true)
                        .value_parser(value_parser!(OsString)),
                )
                .arg(
                    Arg::new("to")
                        .long("to")
                        .value_name("FORM")
                        .required(true)
                        .value_parser([
                            "ini",
                            "xml",
                            "yaml",
                            "json",
                            "cli",
                            "env",
                            "systemd",
                            "supervisor",
                            "nginx",
                        ])
                        .help("What to write"),
                ),
        ))
        .subcommand(
            Command::new("explain")
                .about("Explain an option, the code of a finding, or `differences`; without a name, list the codes")
                .arg(
                    Arg::new("name")
                        .value_name("OPTION|CODE")
                        .help("Name of an option, code of a finding, or `differences`")
                        .allow_hyphen_values(true),
                ),
        )
        .subcommand(
            Command::new("options")
                .about("List every option and what happens to it here")
                .arg(flag("json", "Print JSON")),
        )
        .subcommand(
            Command::new("expand")
                .about("Print the entries that a uWSGI command line results in, as JSON")
                .disable_help_flag(true)
                .arg(
                    Arg::new("args")
                        .value_name("ARGUMENT")
                        .help("What would follow `uwsgi` on its command line")
                        .num_args(0..)
                        .trailing_var_arg(true)
                        .allow_hyphen_values(true)
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(OsString)),
                ),
        )
}

/// Run, and give the exit code.
pub fn main() -> ExitCode {
    let code = run();
    match output::lost() {
        None => code,
        Some(why) => {
            output::err(&format!("uswgi-conf: cannot print: {why}"));
            Exit::Failed.into()
        }
    }
}

fn run() -> ExitCode {
    // clap must not look into what belongs to uWSGI: `expand` takes everything as it is.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == "expand") {
        return expand::run(args.collect());
    }
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => {
            // A closed pipe is no reason to fail loudly.
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    match matches.subcommand() {
        Some(("lint", m)) => lint::run(m),
        Some(("show", m)) => show::run(m),
        Some(("convert", m)) => convert::run(m),
        Some(("explain", m)) => explain::run(m),
        Some(("options", m)) => explain::list(m),
        _ => Exit::Usage.into(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::command().debug_assert();
    }
}
