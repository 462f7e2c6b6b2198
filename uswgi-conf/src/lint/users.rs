//! Rules about the user that an instance becomes: whether there is one, and what is closed to it although root can read
//! it. Looks at modes, never touches.

use super::Context;
use super::system::known;
use crate::diag::Severity;
use crate::expand::Applied;
use crate::user::Becomes;
use std::path::{Path, PathBuf};
use uswgi_proto::settings::AppSource;

type Say<'s> = dyn FnMut(Severity, &'static str, Option<&Applied>, String, &str) + 's;

/// Look at users, groups, and what they may use.
pub(super) fn check(c: &Context<'_>, say: &mut Say<'_>) {
    are_there(c, say);
    // In a jail files belong to the users of the jail.
    let user = Becomes::of(c.instance).filter(|u| !u.is_root() && c.instance.chroot.is_none());
    if let Some(user) = user {
        closed(c, &user, say);
        stays(c, &user, say);
        tasks(c, &user, say);
    }
}

fn are_there(c: &Context<'_>, say: &mut Say<'_>) {
    use nix::unistd::{Group, User};
    let i = c.instance;
    let named = |text: &&String| !text.bytes().all(|b| b.is_ascii_digit()) && known(Path::new(text));
    let in_jail = |file: &str, name: &str| {
        let text = super::jail::of(i).and_then(|jail| std::fs::read_to_string(jail.root.join(file)).ok());
        text.is_some_and(|text| text.lines().any(|line| line.split(':').next() == Some(name)))
    };
    if let Some(name) = i.uid.as_ref().filter(named)
        && User::from_name(name).ok().flatten().is_none()
        && !in_jail("etc/passwd", name)
    {
        let (message, help) = (format!("there is no user {name:?}"), "create it with useradd --system");
        say(Severity::Warning, "no-user", c.last(&["uid"]), message, help);
    }
    if let Some(name) = i.gid.as_ref().filter(named)
        && Group::from_name(name).ok().flatten().is_none()
        && !in_jail("etc/group", name)
    {
        let (message, help) = (format!("there is no group {name:?}"), "create it with groupadd --system");
        say(Severity::Warning, "no-user", c.last(&["gid"]), message, help);
    }
}

/// What is read after the change of user.
fn closed(c: &Context<'_>, user: &Becomes, say: &mut Say<'_>) {
    let i = c.instance;
    let there = |p: &&Path| known(p) && std::fs::symlink_metadata(p).is_ok();
    if let Some(home) = i.home.as_deref().filter(there) {
        // The interpreter may be elsewhere, below somebody's home directory.
        let python = ["bin/python3", "bin/python"].map(|name| home.join(name));
        let python = python.iter().find(|p| p.exists()).and_then(|p| user.stopped_at(p, 5));
        if let Some(bad) = user.stopped_at(home, 5).or(python) {
            let message =
                format!("user {} cannot read {}, which is on the way to home", user.name, bad.display());
            let help = "chmod o+rx it, or put the virtual environment elsewhere";
            let a = c.last(&["home", "virtualenv", "venv", "pyhome"]);
            say(Severity::Warning, "home-unreadable", a, message, help);
        }
    }
    let base = i.app.chdir.clone().unwrap_or_default();
    let mut stopped = false;
    let mut closed = |option: &str, a: Option<&Applied>, path: &Path, bits: u32| {
        if let Some(bad) = Some(path).filter(there).and_then(|p| user.stopped_at(p, bits)) {
            let verb = if bits & 4 == 0 || bad != path { "enter" } else { "read" };
            let message = format!("{option}: user {} cannot {verb} {}", user.name, bad.display());
            say(Severity::Warning, "closed-path", a, message, "chmod o+rx it, or give it to that user");
            return true;
        }
        false
    };
    // A module is looked for in a listing.
    let modules = i.app.apps.iter().any(|a| matches!(a.source, AppSource::Module(_)));
    if let Some(dir) = i.app.chdir.as_deref() {
        stopped = closed("chdir", c.last(&["chdir"]), dir, if modules { 5 } else { 1 });
    }
    // One word is enough where everything is below it.
    let beside = |path: &Path| !stopped || !path.starts_with(&base);
    for app in &i.app.apps {
        let AppSource::File(file) = &app.source else { continue };
        let path = base.join(file.split(':').next().unwrap_or_default());
        if beside(&path) {
            closed("wsgi-file", c.last(&["wsgi-file", "file", "mount"]), &path, 4);
        }
    }
    for map in &i.static_files.maps {
        let path = base.join(&map.target);
        let ends = |a: &&Applied| a.value.as_ref().is_some_and(|v| v.ends_with(map.target.as_bytes()));
        if beside(&path) {
            let a = c.all(&["static-map", "static-map2", "check-static", "static-check"]).find(ends);
            closed("static-map", a, &path, if path.is_dir() { 1 } else { 4 });
        }
    }
}

/// Spool folders: tasks are written, claimed and removed as the user.
fn tasks(c: &Context<'_>, user: &Becomes, say: &mut Say<'_>) {
    for folder in &c.instance.background.folders {
        let path = folder.path.as_path();
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let a = c
            .all(&["spooler", "spooler-external"])
            .find(|a| a.value.as_deref() == Some(path.as_os_str().as_encoded_bytes()));
        if !known(path) {
            continue;
        }
        let (bad, help) = match (path.exists(), parent.exists()) {
            (true, _) => (path, "chown it to that user, with mode 750"),
            (false, true) => (parent, "make the spool folder (mkdir -m 750) and give it to that user"),
            (false, false) => {
                let message = format!("spooler: there is no directory {}", parent.display());
                say(
                    Severity::Warning,
                    "path",
                    a,
                    message,
                    "create it; the spool folder alone is made at the start",
                );
                continue;
            }
        };
        if !user.may(bad, 7) {
            let message = format!("spooler: user {} cannot write to {}", user.name, bad.display());
            say(Severity::Warning, "closed-spooler", a, message, help);
        }
    }
}

/// What was made as root, and cannot be changed or removed after the change of user.
fn stays(c: &Context<'_>, user: &Becomes, say: &mut Say<'_>) {
    let i = c.instance;
    let folder = |path: &Path| path.parent().filter(|d| known(d) && d.exists()).map(Path::to_path_buf);
    let denied = |path: &Option<PathBuf>| path.as_deref().and_then(folder).filter(|d| !user.may(d, 3));
    let rotates = i.log.max_size > 0 || !i.log.touch_rotate.is_empty();
    for (name, path) in [("logto", &i.logto), ("logto2", &i.logto2), ("daemonize", &i.daemonize)] {
        if let Some(dir) = denied(path).filter(|_| rotates) {
            let message = format!(
                "{name}: user {} cannot rename files in {}: the log is not rotated",
                user.name,
                dir.display()
            );
            let help = "give it a directory of its own, or let logrotate do it with copytruncate";
            say(Severity::Warning, "rotation-denied", c.last(&[name]), message, help);
        }
    }
    if let Some(dir) = denied(&i.pidfile).filter(|_| i.vacuum) {
        let name = &user.name;
        let message = format!(
            "{name} cannot remove files in {}: the pidfile is emptied at exit, not removed",
            dir.display()
        );
        let help = "give the instance a directory of its own below /run";
        say(Severity::Note, "pidfile-stays", c.last(&["pidfile"]), message, help);
    }
}
