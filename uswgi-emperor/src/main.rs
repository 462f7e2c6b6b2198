//! Entry point of `uswgi-emperor`.
#![forbid(unsafe_code)]

fn main() {
    uswgi_keep::log::set_name("uswgi-emperor");
    std::process::exit(uswgi_emperor::run(std::env::args_os().skip(1).collect()).code());
}
