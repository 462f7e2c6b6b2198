//! Entry point of `uswgi-master`: the command line to a configuration, the configuration to an instance.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::Write;
use std::process::exit;
use uswgi_conf::Invocation;
use uswgi_keep::{beside, log};
use uswgi_master::reading::{ConfigError, Read};
use uswgi_proto::exit::Exit;

/// Read the configuration. `n`: how often it was read before; `if-reload` goes by it.
fn load(args: &[OsString], n: u64) -> Result<Read, ConfigError> {
    let count = (n > 0).then(|| ("UWSGI_RELOADS".into(), n.to_string().into()));
    match uswgi_conf::load(args, std::env::vars_os().chain(count)) {
        Ok(Invocation::Run(loaded)) if loaded.instance.emperor.is_wanted() => Err(emperor(args, n)),
        Ok(Invocation::Run(loaded)) => {
            print(&loaded.printed);
            loaded.warnings.iter().for_each(log::line);
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            Ok(Read { instance: loaded.instance, warnings })
        }
        Ok(Invocation::Print { text, exit }) => Err(ConfigError { message: text, exit, error: false }),
        Err(e) => Err(ConfigError { message: e.to_string(), exit: e.exit.into(), error: true }),
    }
}

/// The configuration asks for an Emperor: this process becomes one, with the same command line. Why it does not.
fn emperor(args: &[OsString], n: u64) -> ConfigError {
    use std::os::unix::process::CommandExt;
    let refused = |message: String| ConfigError { message, exit: Exit::Failed.into(), error: true };
    if n > 0 {
        return refused(
            "an instance becomes an emperor only when it starts: stop it, and start it anew".into(),
        );
    }
    match beside::find("uswgi-emperor") {
        Ok(program) => {
            let error = std::process::Command::new(&program).args(args).exec();
            refused(format!("{}: {error}", program.display()))
        }
        Err(e) => refused(e.to_string()),
    }
}

fn print(text: &str) {
    // Nobody may be there to read it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn main() {
    log::set_name("uswgi-master");
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(action) = uswgi_conf::action::action(&args) {
        let ended = uswgi_master::action::run(&action).map_or_else(
            |e| {
                log::line(&e);
                e.exit()
            },
            |()| Exit::Ok,
        );
        exit(ended.code());
    }
    let ended = match uswgi_master::run(&|n| load(&args, n)) {
        Ok(ended) => ended.into(),
        Err(e) if e.error => {
            e.message.lines().for_each(log::line);
            e.exit
        }
        Err(e) => {
            print(&e.message);
            e.exit
        }
    };
    exit(ended.code());
}
