//! `uswgi-ctl`: see the library.

fn main() -> std::process::ExitCode {
    uswgi_ctl::main(std::env::args_os()).into()
}
