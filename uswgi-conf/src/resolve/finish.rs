//! Rules between options, and values that more than one of them decides.

use super::draft::Draft;
use crate::diag::{Diagnostic, Severity};
use crate::expand::Expansion;
use crate::instance::{Address, Instance, OnTerm};
use uswgi_front::plan::FrontSpec;
use uswgi_proto::settings::{App, AppSource, Protocol, Timeouts};

/// uWSGI's default of http-timeout, in seconds (observed on 2.0.31).
const ROUTER_TIMEOUT: u32 = 60;

/// The instance, and all that was said.
pub(super) fn finish(mut d: Draft, expansion: &Expansion) -> (Instance, Vec<Diagnostic>) {
    apps(&mut d);
    super::tasks::finish(&mut d);
    super::startup::finish(&mut d);
    super::caches::finish(&mut d);
    super::emperor::finish(&mut d, expansion);
    let failed = d.said.0.iter().any(|m| m.code == "bad-socket");
    if d.instance.sockets.is_empty() && !failed && !d.instance.emperor.is_wanted() {
        let message = "there is no socket to listen on";
        d.said.0.push(
            Diagnostic::error("no-socket", message)
                .help("add socket = 127.0.0.1:8001 (uwsgi, for nginx) or http-socket = :8000"),
        );
    }
    super::engines::finish(&mut d, expansion);
    super::routing::finish(&mut d, expansion);
    lifetimes(&mut d, expansion);
    mercy(&mut d, expansion);
    super::dynamic::finish(&mut d, expansion);
    super::warmup::finish(&mut d, expansion);
    super::canary::finish(&mut d, expansion);
    super::background::finish(&mut d, expansion);
    super::shared_sockets::finish(&mut d);
    super::tls::finish(&mut d);
    super::sharing::finish(&mut d, expansion);
    super::alarms::finish(&mut d, expansion);
    super::pushing::finish(&mut d, expansion);
    sockets(&mut d);
    d.instance.python.tracebacker_mode = d.instance.python.tracebacker.as_ref().and(d.instance.chmod_socket);
    super::logs::finish(&mut d);
    log_files(&mut d, expansion);
    timeouts(&mut d);
    let i = &mut d.instance;
    i.env.append(&mut d.envdir);
    // The first map that fits a path decides, and a directory for all paths fits always: last.
    // The order in which uWSGI looks: check-static, static-map, static-map2.
    i.static_files.maps.sort_by_key(|m| m.keep_prefix);
    i.static_files.maps.splice(0..0, d.check_static);
    i.on_term = match (d.hooked_term, d.die_on_term) {
        // The hook comes later in uWSGI's start, and takes the signal.
        (Some(on_term), _) => on_term,
        (None, Some(false)) => OnTerm::Reload,
        (None, None) if by_debian(expansion) => OnTerm::Reload,
        (None, _) => OnTerm::Stop,
    };
    if i.shutdown_delay > 0
        && i.on_term == OnTerm::Reload
        && let Some(a) = expansion.applied.iter().rfind(|a| a.fact.name == "shutdown-delay")
    {
        let message = "shutdown-delay has no effect where TERM reloads (die-on-term = false)".to_string();
        d.said.warning(a, "no-effect", message).help = Some("remove die-on-term = false".into());
    }
    let i = &mut d.instance;
    if !d.forwarded_allow.is_empty() {
        i.headers.trusted = d.forwarded_allow.join(",");
    }
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    i.options = expansion.entries.iter().map(|e| (text(&e.key), e.value.as_deref().map(text))).collect();
    (d.instance, d.said.0)
}

/// Whether this is the program `uwsgi` that the script of Debian's package has started: it sends TERM to reload and QUIT to
/// stop. Its variables are known by the option that they come to.
fn by_debian(expansion: &Expansion) -> bool {
    expansion.entries.iter().any(|e| e.key == b"deb-confname") && crate::system::is_called("uwsgi")
}

fn lifetimes(d: &mut Draft, expansion: &Expansion) {
    let (least, most) = (d.instance.recycling.min_worker_lifetime, d.instance.max_worker_lifetime);
    if most > 0 && most <= least {
        let message = format!("max-worker-lifetime ({most}) must be above min-worker-lifetime ({least})");
        let found = expansion.applied.iter().rfind(|a| a.fact.name == "max-worker-lifetime");
        let e = Diagnostic::error("bad-lifetime", message);
        d.said.0.push(match found {
            Some(a) => e.at(&a.place.value()),
            None => e,
        });
    }
}

/// Beside `daemonize` uWSGI opens no `logto`, whatever their order (observed on 2.0.31), and neither is it here.
fn log_files(d: &mut Draft, expansion: &Expansion) {
    let Some(log) = &d.instance.daemonize else { return };
    if let Some(a) = expansion.applied.iter().rfind(|a| a.fact.name == "logto") {
        let message = format!("logto has no effect: with daemonize the log goes to {}", log.display());
        d.said.warning(a, "no-effect", message).help =
            Some("remove one of the two; log-master and logger = file:PATH write elsewhere".into());
    }
}

fn mercy(d: &mut Draft, expansion: &Expansion) {
    let Some(mercy) = d.worker_mercy.or(d.reload_mercy) else { return };
    if mercy == 0 {
        let name = if d.worker_mercy.is_some() { "worker-reload-mercy" } else { "reload-mercy" };
        if let Some(a) = expansion.applied.iter().rfind(|a| a.fact.name == name) {
            let message =
                format!("{name} = 0: workers get 1 s, as in uWSGI; requests that take longer are cut");
            d.said.warning(a, "no-mercy", message).help =
                Some("give the seconds that your slowest good request takes".into());
        }
    }
    d.instance.mercy = mercy.max(1);
}

fn sockets(d: &mut Draft) {
    for (socket, follows) in d.instance.sockets.iter_mut().zip(&d.follows) {
        if *follows {
            socket.protocol = d.protocol.unwrap_or(Protocol::Uwsgi);
            if d.fastcgi {
                socket.front = FrontSpec::FastCgi;
            }
        }
        socket.proxied = d.proxied || (d.http_proxied && socket.protocol == Protocol::Http);
        if d.abstract_socket
            && let Address::Unix(path) = &socket.address
        {
            socket.address = Address::Abstract(path.to_string_lossy().into_owned());
        }
    }
}

/// An HTTP client has the time of all clients where it has none of its own.
fn timeouts(d: &mut Draft) {
    let default = Timeouts::default();
    d.instance.timeouts = Timeouts {
        socket: d.socket_timeout.unwrap_or(default.socket),
        http: d.http_timeout.or(d.socket_timeout).unwrap_or(default.http),
        keepalive: match d.keepalive {
            None => default.keepalive,
            // A switch, as on uWSGI: for as long as its HTTP router waits for a client.
            Some(1) => d.http_timeout.unwrap_or(ROUTER_TIMEOUT),
            Some(n) => n,
        },
    };
}

/// `module`, `wsgi-file`, mounts, in uWSGI's order: of those with one mount point the first that loads serves.
fn apps(d: &mut Draft) {
    let default = |source| App { mountpoint: String::new(), source };
    let mut apps = Vec::new();
    apps.extend(d.module.take().map(|m| default(AppSource::Module(m))));
    apps.extend(d.file.take().map(|f| default(AppSource::File(f))));
    apps.extend(d.paste.take().map(|p| default(AppSource::Paste(p))));
    apps.extend(d.eval.take().map(|code| default(AppSource::Eval(code))));
    apps.append(&mut d.mounts);
    let failed = d.said.0.iter().any(|m| m.code == "bad-mount" && m.severity == Severity::Error);
    if apps.is_empty() && d.instance.app.need_app && !failed && !d.instance.emperor.is_wanted() {
        let e = Diagnostic::error("no-app", "there is no app");
        d.said.0.push(e.help("add module = package.module:callable or wsgi-file = app.py (need-app = false starts without one)"));
    }
    d.instance.app.apps = apps;
}
