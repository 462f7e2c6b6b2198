//! `uswgi-worker`: finds the Python interpreter that the configuration means and becomes it, with the
//! module of this package loaded. See `launcher`.
#![forbid(unsafe_code)]

mod alone;
mod bootstrap;
mod find;
mod launcher;
mod user;

fn main() -> std::process::ExitCode {
    launcher::run(std::env::args_os().skip(1).collect())
}
