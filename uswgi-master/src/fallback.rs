//! What takes the place of an instance that ended with exit code 1 (`fallback-config`), as on uWSGI 2.0.31: this program
//! with that file and nothing else.
#![forbid(unsafe_code)]

use crate::events::Woken;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Become this program with that file. Comes back only with an error.
pub fn become_it(config: &Path) -> io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let config = config.as_os_str();
    if arguments.collect::<Vec<OsString>>() == [config] {
        return io::Error::other("it is the file that has just failed");
    }
    // They were blocked for this instance's own events.
    uswgi_keep::events::unblock::<Woken>();
    match std::env::current_exe() {
        Ok(program) => Command::new(program).arg0(name).arg(config).exec(),
        Err(e) => e,
    }
}
