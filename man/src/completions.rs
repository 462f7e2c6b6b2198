//! Shell completions, from the clap commands; for uswgi-master from the option table.

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::{Shell, generate};
use uswgi_conf::options::{self, Arg as Takes, Status};

fn master() -> Command {
    let mut command = Command::new("uswgi-master")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(Arg::new("FILE").num_args(0..).value_hint(ValueHint::FilePath).help("Configuration file"));
    for row in options::rows().filter(|r| r.status == Status::Supported) {
        let arg = Arg::new(row.fact.name).long(row.fact.name).help(row.help);
        command = command.arg(match row.fact.arg {
            Takes::No => arg.action(ArgAction::SetTrue),
            Takes::Opt => arg.num_args(0..=1).value_hint(ValueHint::AnyPath),
            Takes::Req => arg.value_hint(ValueHint::AnyPath),
        });
    }
    command
}

fn emperor() -> Command {
    let mut command = Command::new("uswgi-emperor")
        .version(env!("CARGO_PKG_VERSION"))
        .arg(Arg::new("FOLDER").num_args(0..).value_hint(ValueHint::AnyPath).help("Folder of vassals' files"))
        .arg(Arg::new("glob").long("glob").help(uswgi_emperor::cli::GLOB));
    for (name, value, help) in uswgi_emperor::cli::options() {
        let arg = Arg::new(name).long(name).help(help);
        command = command.arg(match value {
            true => arg.value_hint(ValueHint::AnyPath),
            false => arg.action(ArgAction::SetTrue),
        });
    }
    command
}

/// The launcher parses its few options itself; they stand once more in `programs`, and a test compares all three.
fn worker() -> Command {
    let takes = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    Command::new("uswgi-worker").version(env!("CARGO_PKG_VERSION")).args([
        takes("home", "DIR")
            .short('H')
            .value_hint(ValueHint::DirPath)
            .help("Interpreter of this virtual environment"),
        takes("chdir", "DIR").value_hint(ValueHint::DirPath).help("Change to this directory first"),
        takes("pythonpath", "DIR").value_hint(ValueHint::DirPath).help("Look for modules there too"),
        takes("protocol", "P")
            .value_parser(["http", "uwsgi"])
            .help("What is spoken on the inherited sockets"),
        takes("threads", "N").help("Threads that run requests"),
        Arg::new("no-site")
            .long("no-site")
            .action(ArgAction::SetTrue)
            .help("Start Python without the module site"),
        takes("optimize", "N").value_parser(["0", "1", "2"]).help("Python's optimization level"),
        Arg::new("no-django-preload")
            .long("no-django-preload")
            .action(ArgAction::SetTrue)
            .help("Leave to the first request what Django imports then"),
        takes("as", "UID:GID").help("Become this user and these groups first"),
        takes("check", "APP").value_hint(ValueHint::FilePath).help("Import the application and end"),
        takes("serve", "APP").value_hint(ValueHint::FilePath).help("Serve it on the inherited sockets"),
        Arg::new("print-interpreter")
            .long("print-interpreter")
            .action(ArgAction::SetTrue)
            .help("Print the interpreter and the module, and end"),
    ])
}

/// A script as clap makes it. In that for bash the labels of the verbs' cases are spelt differently from the values
/// that are compared with them when the command has a hyphen, so that no verb's options are offered; mended here.
fn script(shell: Shell, command: &mut Command, name: &str) -> String {
    let mut text = Vec::new();
    generate(shell, command, name, &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let state = name.replace('-', "__");
    text.replace(&name.replace('-', "__subcmd__"), &state)
}

/// Name and text of every file.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for mut command in [master(), emperor(), worker(), uswgi_ctl::cli::command(), uswgi_conf::cli::command()]
    {
        let name = command.get_name().to_string();
        let targets = [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ];
        for (shell, file) in targets {
            files.push((file, script(shell, &mut command, &name)));
        }
    }
    files
}
