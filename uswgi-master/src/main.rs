//! Entry point of `uswgi-master`: the command line to a configuration, the configuration to an instance.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::exit;
use uswgi_conf::Invocation;
use uswgi_keep::log;
use uswgi_master::reading::{ConfigError, Read};
use uswgi_proto::exit::{Exit, ExitWith};

/// Read the configuration. `n`: how often it was read before; `if-reload` goes by it. The first time `fallback` gets what is
/// started when it fails.
fn load(args: &[OsString], n: u64, fallback: &RefCell<Option<PathBuf>>) -> Result<Read, ConfigError> {
    let count = (n > 0).then(|| ("UWSGI_RELOADS".into(), n.to_string().into()));
    match uswgi_conf::load(args, std::env::vars_os().chain(count)) {
        Ok(Invocation::Run(loaded)) if loaded.instance.emperor.is_wanted() => {
            if n == 0 {
                become_emperor(args);
            }
            let message = "an instance becomes an emperor only when it starts: stop it, and start it anew";
            Err(ConfigError { message: message.into(), exit: Exit::Failed.into(), error: true })
        }
        Ok(Invocation::Run(loaded)) => {
            if n == 0 {
                fallback.replace(loaded.instance.startup.fallback.clone());
            }
            print(&loaded.printed);
            loaded.warnings.iter().for_each(log::line);
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            Ok(Read { instance: loaded.instance, warnings })
        }
        Ok(Invocation::Print { text, exit }) => Err(ConfigError { message: text, exit, error: false }),
        Err(e) => {
            if n == 0 {
                fallback.replace(e.fallback.clone());
            }
            Err(ConfigError { message: e.to_string(), exit: e.exit.into(), error: true })
        }
    }
}

/// An Emperor, for these arguments, to its end. In this program and not in `uswgi-emperor`: scripts of init (Debian's
/// start-stop-daemon) know a daemon by the file that it runs and by its name, and look for those of `uwsgi`.
fn become_emperor(args: &[OsString]) -> ! {
    log::set_name("uswgi-emperor");
    exit(uswgi_emperor::run(args.to_vec()).code())
}

fn print(text: &str) {
    // Nobody may be there to read it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn main() {
    log::set_name("uswgi-master");
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    // What such an emperor starts a vassal by.
    if args.first().is_some_and(|a| a == uswgi_emperor::launch::AS_VASSAL) {
        become_emperor(&args);
    }
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
    let fallback = RefCell::new(None);
    let ended: ExitWith = match uswgi_master::run(&|n| load(&args, n, &fallback)) {
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
    if let Some(config) = fallback.take().filter(|_| ended.code() == Exit::Failed.code()) {
        log::line(format_args!("fallback-config: starting with {}", config.display()));
        let e = uswgi_master::fallback::become_it(&config);
        log::line(format_args!("fallback-config = {}: {e}", config.display()));
    }
    exit(ended.code());
}
