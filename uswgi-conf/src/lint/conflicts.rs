//! Rules between options, and what is known to go wrong in production.

use super::Context;
use crate::diag::{Diagnostic, Severity};
use crate::expand::{Applied, truth};
use crate::instance::{Address, Instance};
use uswgi_proto::settings::Protocol;

/// Look at the options together.
pub(super) fn check(c: &Context<'_>, out: &mut Vec<Diagnostic>) {
    let mut say = |severity, code, a: Option<&Applied>, message: String, help: &str| {
        let d = Diagnostic::new(severity, code, message).help(help);
        out.push(match a {
            Some(a) => d.at(&a.place).width(a.fact.name.len()),
            None => d,
        });
    };
    let i = c.instance;
    let serves = !i.sockets.is_empty();
    for (n, app) in i.app.apps.iter().enumerate() {
        let Some(first) = i.app.apps[..n].iter().find(|before| before.mountpoint == app.mountpoint) else {
            continue;
        };
        let (first, dead) = (first.source.written(), app.source.written());
        let point = if app.mountpoint.is_empty() { "the default app".into() } else { app.mountpoint.clone() };
        let named =
            |a: &&Applied| a.value.as_deref().is_some_and(|v| v.trim_ascii_end().ends_with(dead.as_bytes()));
        let a = c.all(&["wsgi-file", "file", "mount"]).filter(named).last();
        let message = format!("{dead} is not opened where {first} loads: {first} is {point}");
        say(Severity::Warning, "dead-app", a, message, "remove one of the two, or mount it below a path");
    }
    if let (0, true, false) = (i.harakiri.seconds, serves, i.app.apps.is_empty()) {
        let message = "no harakiri: a request that hangs keeps its worker for ever".to_string();
        say(
            Severity::Note,
            "no-harakiri",
            None,
            message,
            "add harakiri = 30, longer than your slowest good request",
        );
    }
    if let Some(a) = c
        .last(&["reload-mercy", "worker-reload-mercy"])
        .filter(|_| i.harakiri.seconds > 0 && i.mercy < i.harakiri.seconds)
    {
        let message = format!(
            "requests may run {} s (harakiri), but a reload or stop waits only {} s for them",
            i.harakiri.seconds, i.mercy
        );
        say(
            Severity::Note,
            "mercy-below-harakiri",
            Some(a),
            message,
            "make the mercy at least as long as harakiri",
        );
    }
    if let Some(mode) = i.chmod_socket.filter(|m| m & 0o002 != 0) {
        let message = format!(
            "mode {mode:o}: every user of this machine may send requests, with any REMOTE_USER and REMOTE_ADDR"
        );
        let a = c.last(&["chmod-socket", "chmod"]);
        say(
            Severity::Warning,
            "open-socket",
            a,
            message,
            "use 660, and chown-socket or the web server's group",
        );
    }
    if let Some((severity, message)) = closed_socket(i) {
        let a = c.last(&["chmod-socket", "chmod"]);
        let help = "add chown-socket = USER:GROUP with the web server's group (www-data, nginx) and chmod-socket = 660";
        say(severity, "closed-socket", a, message, help);
    }
    if serves && i.uid.is_none() {
        let message = "no uid: started by root, the app runs as root".to_string();
        say(
            Severity::Note,
            "no-uid",
            None,
            message,
            "add uid = www-data (and gid), or start it as another user",
        );
    }
    if let (Some(_), None) = (&i.uid, &i.gid) {
        let message = "uid without gid: the processes keep root's group".to_string();
        say(Severity::Warning, "uid-without-gid", c.last(&["uid"]), message, "add gid");
    }
    if let Some(a) = c.last(&["daemonize", "daemonize2"]) {
        let message = "daemonize under systemd, supervisor or docker makes them lose the process".to_string();
        say(Severity::Note, "daemonize", Some(a), message, "remove it there, and log to stderr");
    }
    for (socket, a) in i.sockets.iter().zip(c.all(&[
        "socket",
        "uwsgi-socket",
        "http-socket",
        "http11-socket",
        "http",
        "httprouter",
    ])) {
        match &socket.address {
            Address::Tcp { host, .. }
                if matches!(host.as_str(), "" | "0.0.0.0" | "::") && socket.protocol != Protocol::Http =>
            {
                let message = format!(
                    "{} takes the {} protocol from every network: whoever reaches it may claim to be any user",
                    socket.name,
                    socket.spoken()
                );
                say(
                    Severity::Note,
                    "public-socket",
                    Some(a),
                    message,
                    "bind 127.0.0.1 or a unix socket where the web server is on the same machine",
                );
            }
            Address::Unix(path) if path.starts_with("/tmp") => {
                let message = format!(
                    "{} is in /tmp: services with PrivateTmp do not see it, and any user may take the name first",
                    socket.name
                );
                say(Severity::Note, "tmp-socket", Some(a), message, "use a directory below /run");
            }
            _ => {}
        }
    }
    if let Some(a) = c.last(&["pidfile", "pidfile2", "safe-pidfile"])
        && a.value.as_deref().is_some_and(|v| v.starts_with(b"/tmp"))
    {
        let message = "a pidfile in /tmp: any user may put another one there first".to_string();
        say(Severity::Note, "tmp-pidfile", Some(a), message, "use a directory below /run");
    }
    if let Some(a) = c.last(&["die-on-term"]).filter(|a| !truth(a.value.as_deref())) {
        let message =
            "die-on-term = false: TERM reloads, so systemd, supervisor and docker cannot stop it in time"
                .to_string();
        say(Severity::Warning, "term-reloads", Some(a), message, "remove it: TERM stops by default here");
    }
    if i.vacuum
        && i.pidfile.is_none()
        && !i.sockets.iter().any(|s| matches!(s.address, Address::Unix(_)))
        && i.pidfile2.is_none()
        && i.safe_pidfile.is_none()
        && serves
    {
        say(
            Severity::Note,
            "idle-vacuum",
            c.last(&["vacuum"]),
            "vacuum has nothing to remove: no unix socket, no pidfile".into(),
            "it does no harm",
        );
    }
}

/// Users that web servers run as: Debian, nginx's and Red Hat's packages, Arch, SUSE, Apache, Caddy.
const WEB_SERVERS: &[&str] = &["www-data", "nginx", "http", "wwwrun", "apache", "caddy"];

/// A unix socket that no web server can open, because it belongs to another user and to no group of the web server's. Without
/// chmod-socket its mode follows the umask, which leaves it to its owner. A group of its own may have the web server in it.
fn closed_socket(i: &Instance) -> Option<(Severity, String)> {
    let path = i.sockets.iter().find_map(|s| match &s.address {
        Address::Unix(path) => Some(path.display()),
        _ => None,
    })?;
    let mode = i.chmod_socket.unwrap_or(0o755);
    if mode & 0o002 != 0 || i.chown_socket.is_some() {
        return None;
    }
    let grouped = mode & 0o020 != 0 && i.gid.as_ref().is_some_and(|g| !matches!(g.as_str(), "root" | "0"));
    match &i.uid {
        None if grouped => None,
        None => Some((
            Severity::Note,
            format!("started by root, {path} is root's alone (mode {mode:o}): no web server can open it"),
        )),
        Some(uid) if grouped || WEB_SERVERS.contains(&uid.as_str()) => None,
        Some(uid) => Some((
            Severity::Warning,
            format!("{path} is for {uid} alone (mode {mode:o}): no web server of another user can open it"),
        )),
    }
}
