//! Rules about `chroot`: what has to be inside, and what stays behind outside. Looks, never touches.

use super::Context;
use crate::diag::{Diagnostic, Severity};
use crate::expand::Applied;
use crate::instance::{Address, Instance};
use crate::jail::Jail;
use std::path::{Path, PathBuf};

/// The jail that is configured, as far as it can be looked at.
pub(crate) fn of(i: &Instance) -> Option<Jail> {
    let written = std::path::absolute(i.chroot.as_ref()?).ok()?;
    let root = std::fs::canonicalize(&written).unwrap_or_else(|_| written.clone());
    Some(Jail { root, written, start: std::env::current_dir().unwrap_or_default() })
}

/// Look at the jail; `system`: at the machine too.
pub(super) fn check(c: &Context<'_>, system: bool, out: &mut Vec<Diagnostic>) {
    let i = c.instance;
    let (Some(jail), Some(a)) = (of(i), c.last(&["chroot"])) else { return };
    let root = jail.written.display();
    let mut say = |severity, code, a: &Applied, message: String, help: String| {
        out.push(Diagnostic::new(severity, code, message).help(help).at(&a.place).width(a.fact.name.len()));
    };
    if i.uid.is_none() && i.immediate.0.is_none() {
        let message = "chroot without uid: the app stays root, and root can leave a jail".to_string();
        say(Severity::Warning, "jail-root", a, message, "set uid and gid".into());
    }
    // Only what names its place can be judged: a relative name depends on where the server starts.
    let outside = |p: &Path| p.is_absolute() && jail.inside(p).is_none();
    if let Some((file, _)) = c.expansion.files.iter().find(|(f, _)| outside(Path::new(f))) {
        let message = format!(
            "{file} lies outside of {root}: a reload loads the app again, but keeps the configuration as it is"
        );
        let help = format!("keep it below {root}, or restart for a new configuration");
        say(Severity::Note, "jail-config", a, message, help);
    }
    let logs = [("logto", &i.logto), ("daemonize", &i.daemonize)];
    let turns = i.log.max_size > 0
        || !i.log.touch_rotate.is_empty()
        || !i.log.touch_reopen.is_empty()
        || i.log.reopen_on_reload;
    for (name, path) in logs {
        if let (Some(path), Some(a)) = (path.as_ref().filter(|p| turns && outside(p)), c.last(&[name])) {
            let message = format!(
                "{} lies outside of {root}: from inside it is not opened again and not rotated",
                path.display()
            );
            let help = "use logto2, which is opened inside, or logrotate with copytruncate".into();
            say(Severity::Warning, "jail-leftover", a, message, help);
        }
    }
    if i.vacuum {
        leftovers(c, &outside, &mut say);
    }
    if system {
        launcher(i, a, &jail, &mut say);
    }
}

/// What vacuum cannot remove from inside.
fn leftovers(
    c: &Context<'_>,
    outside: &dyn Fn(&Path) -> bool,
    say: &mut impl FnMut(Severity, &'static str, &Applied, String, String),
) {
    let i = c.instance;
    let late = i.chown_socket.is_some();
    for (name, path) in [("pidfile", &i.pidfile), ("pidfile2", &i.pidfile2)] {
        let made_outside = name == "pidfile" || late;
        if let (Some(path), Some(a)) = (path.as_ref().filter(|p| made_outside && outside(p)), c.last(&[name]))
        {
            let message =
                format!("{} lies outside of the jail: it is emptied at exit, not removed", path.display());
            say(Severity::Note, "jail-leftover", a, message, "name a path below the jail's directory".into());
        }
    }
    let unix = i.sockets.iter().filter_map(|s| match &s.address {
        Address::Unix(path) if late && outside(path) => Some((s, path)),
        _ => None,
    });
    for (socket, path) in unix {
        let names = ["socket", "uwsgi-socket", "http-socket", "http"];
        let Some(a) = c.all(&names).find(|a| a.place.value().origin() == socket.origin) else { continue };
        let message = format!(
            "{} stays after the end: with chown-socket it is made outside of the jail",
            path.display()
        );
        let help = "drop chown-socket (the socket then belongs to uid and is made inside), or name a path below the jail's directory";
        say(Severity::Note, "jail-leftover", a, message, help.into());
    }
}

/// The directory must be there, with the launcher in it.
fn launcher(
    i: &Instance,
    a: &Applied,
    jail: &Jail,
    say: &mut impl FnMut(Severity, &'static str, &Applied, String, String),
) {
    let root = jail.written.display();
    if !jail.root.is_dir() {
        let message = format!("chroot: there is no directory {root}");
        let help = "create it, with Python, the app and uswgi-worker in it";
        return say(Severity::Warning, "path", a, message, help.into());
    }
    // Links may point to what is there only inside.
    let there = |p: &Path| std::fs::symlink_metadata(p).is_ok();
    if !there(&jail.outside(Path::new("/dev/null"))) {
        let message = format!("there is no /dev/null in {root}: the start is refused");
        let help = format!("mknod -m 666 {root}/dev/null c 1 3, or mount the one of outside there");
        say(Severity::Warning, "jail-incomplete", a, message, help);
    }
    if let Some(option) = i.measures_memory().filter(|_| !there(&jail.outside(Path::new("/proc/self")))) {
        let message =
            format!("there is no /proc in {root}, and {option} measures memory: the start is refused");
        let help = format!("mount -t proc proc {root}/proc");
        say(Severity::Warning, "jail-incomplete", a, message, help);
    }
    let own = std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_path_buf));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = own.into_iter().chain(std::env::split_paths(&path));
    let all: Vec<PathBuf> = dirs.map(|d| d.join("uswgi-worker")).collect();
    if all.iter().any(|p| there(&jail.outside(p)) || (there(p) && jail.inside(p).is_some())) {
        return;
    }
    let from = all.iter().find(|p| there(p)).cloned().unwrap_or_else(|| "/usr/bin/uswgi-worker".into());
    let message = format!(
        "there is no uswgi-worker in {root}, and workers are started from inside: the start is refused"
    );
    let place = jail.outside(&from);
    let help = format!(
        "copy {} and its module to {}, or mount their directory there",
        from.display(),
        place.display()
    );
    say(Severity::Warning, "jail-incomplete", a, message, help);
}
