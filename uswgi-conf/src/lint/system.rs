//! Rules about this machine: paths that are not there. Looks, never touches.

use super::Context;
use crate::diag::{Diagnostic, Severity};
use crate::expand::Applied;
use std::path::{Path, PathBuf};
use uswgi_proto::settings::AppSource;

/// Look at the machine.
pub(super) fn check(c: &Context<'_>, out: &mut Vec<Diagnostic>) {
    let i = c.instance;
    let mut say = |severity, code, a: Option<&Applied>, message: String, help: &str| {
        let d = Diagnostic::new(severity, code, message).help(help);
        out.push(match a {
            Some(a) => d.at(&a.place.value()).width(a.value.as_ref().map_or(0, Vec::len)),
            None => d,
        });
    };
    let base = i.app.chdir.clone().unwrap_or_default();
    let below = |path: &Path| -> PathBuf { base.join(path) };
    // Most paths are those of the jail, where there is one; what is opened before it is entered is not.
    let jail = super::jail::of(i);
    let at = |path: &Path| jail.as_ref().map_or(path.to_path_buf(), |jail| jail.outside(path));
    let missing_here = |path: &Path| known(path) && !path.exists();
    let missing = |path: &Path| known(path) && std::fs::symlink_metadata(at(path)).is_err();
    if let Some(dir) = i.app.chdir.as_deref().filter(|d| missing(d)) {
        say(
            Severity::Warning,
            "path",
            c.last(&["chdir"]),
            format!("chdir: there is no {}", dir.display()),
            "create it, or correct the path",
        );
    }
    let base_is_there = base.as_os_str().is_empty() || at(&base).exists();
    for app in &i.app.apps {
        if let AppSource::File(file) = &app.source {
            let file = file.split(':').next().unwrap_or_default();
            let path = below(Path::new(file));
            if base_is_there && missing(&path) {
                let a = c.last(&["wsgi-file", "file", "mount"]);
                say(
                    Severity::Warning,
                    "path",
                    a,
                    format!("there is no {}", path.display()),
                    "relative names start from chdir",
                );
            }
        }
    }
    let home = c.last(&["home", "virtualenv", "venv", "pyhome"]);
    if let Some(path) = i.home.as_deref().filter(|p| known(p)) {
        let there = |name: &str| std::fs::symlink_metadata(at(path).join(name)).is_ok();
        if !at(path).exists() {
            say(
                Severity::Warning,
                "path",
                home,
                format!("there is no {}", path.display()),
                "create the virtual environment with python3 -m venv",
            );
        } else if !there("bin/python") && !there("bin/python3") {
            say(
                Severity::Warning,
                "no-venv",
                home,
                format!("{} is no virtual environment: it has no bin/python", path.display()),
                "create it with python3 -m venv",
            );
        }
    }
    let parents = [
        ("pidfile", i.pidfile.clone()),
        ("pidfile2", i.pidfile2.clone()),
        ("safe-pidfile", i.safe_pidfile.clone()),
        ("logto", i.logto.clone()),
        ("daemonize", i.daemonize.clone()),
    ];
    let late = i.chown_socket.is_some();
    let outer =
        |name: &str| matches!(name, "pidfile" | "logto" | "daemonize") || (late && name != "safe-pidfile");
    let gone = |name: &str, dir: &Path| if outer(name) { missing_here(dir) } else { missing(dir) };
    for (name, path) in parents {
        if let Some(dir) =
            path.as_deref().and_then(Path::parent).filter(|d| !d.as_os_str().is_empty() && gone(name, d))
        {
            say(
                Severity::Warning,
                "path",
                c.last(&[name]),
                format!("{name}: there is no directory {}", dir.display()),
                "create it, or correct the path",
            );
        }
    }
    for socket in &i.sockets {
        if let crate::instance::Address::Unix(path) = &socket.address
            && let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty() && gone("socket", d))
        {
            let a = c
                .all(&["socket", "uwsgi-socket", "http-socket", "http"])
                .find(|a| a.place.value().origin() == socket.origin);
            say(
                Severity::Warning,
                "path",
                a,
                format!("there is no directory {} for the socket", dir.display()),
                "create it; RuntimeDirectory= of systemd does below /run",
            );
        }
    }
    for map in &i.static_files.maps {
        let path = below(Path::new(&map.target));
        if base_is_there && missing(&path) {
            let a = c
                .all(&["static-map", "static-map2", "check-static", "static-check"])
                .find(|a| a.value.as_ref().is_some_and(|v| v.ends_with(map.target.as_bytes())));
            say(
                Severity::Warning,
                "path",
                a,
                format!("there is no {} to serve files from", path.display()),
                "run collectstatic, or correct the path",
            );
        }
    }
    for (number, script) in i.background.mules.iter().enumerate() {
        // A name of a module may come from anywhere.
        let Some(script) = script.as_deref().filter(|s| s.ends_with(".py") || s.contains('/')) else {
            continue;
        };
        let path = below(Path::new(script));
        if base_is_there && missing(&path) {
            let a = c.all(&["mule"]).find(|a| a.value.as_deref() == Some(script.as_bytes()));
            let message = format!("mule {}: there is no {}", number + 1, path.display());
            say(Severity::Warning, "path", a, message, "relative names start from chdir");
        }
    }
    super::users::check(c, &mut say);
}

/// No placeholder is left in it.
pub(super) fn known(path: &Path) -> bool {
    let text = path.to_string_lossy();
    !text.contains("%(") && !text.contains("$(") && !text.is_empty()
}
