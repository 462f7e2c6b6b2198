//! Entry point of `uswgi-conf`; everything is in `cli`.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    uswgi_conf::cli::main()
}
