//! Defaults, and rules between options. The one place where a default stands as a number.

use super::draft::Draft;
use crate::diag::Diagnostic;
use crate::expand::Expansion;
use crate::instance::{Address, Instance, OnTerm};
use uswgi_proto::settings::{App, AppSource, Protocol};

/// Seconds a busy worker may finish.
const MERCY: u32 = 60;
/// Seconds an interrupted request may take to come out.
const HARAKIRI_GRACE: u32 = 2;
/// Largest request head in bytes; uWSGI's 4096 is too small for many cookies.
const BUFFER_SIZE: u32 = 65535;
/// Request variables; twice what uWSGI takes.
const MAX_VARS: u32 = 256;
/// Seconds without progress; uWSGI's 4 cuts slow uploads.
const SOCKET_TIMEOUT: u32 = 30;
/// Seconds an idle HTTP connection is kept: long enough for the next request of a page, short enough
/// that idle clients cost nothing.
const KEEPALIVE: u32 = 5;

/// uWSGI's default of http-timeout, in seconds (observed on 2.0.31).
const ROUTER_TIMEOUT: u32 = 60;
/// Seconds a worker lives at least before a limit replaces it.
const MIN_LIFETIME: u32 = 10;
/// Backlog of a socket.
const LISTEN: u32 = 100;

/// The instance, and all that was said.
pub(super) fn finish(mut d: Draft, expansion: &Expansion) -> (Instance, Vec<Diagnostic>) {
    let apps = apps(&mut d);
    let tasks = super::tasks::finish(&mut d);
    super::caches::finish(&mut d);
    let failed = d.said.0.iter().any(|m| m.code == "bad-socket");
    if d.sockets.is_empty() && !failed {
        let message = "there is no socket to listen on";
        d.said.0.push(
            Diagnostic::error("no-socket", message)
                .help("add socket = 127.0.0.1:8001 (uwsgi, for nginx) or http-socket = :8000"),
        );
    }
    if d.max_lifetime > 0 && d.max_lifetime <= d.min_lifetime.unwrap_or(MIN_LIFETIME) {
        let message = format!(
            "max-worker-lifetime ({}) must be above min-worker-lifetime ({})",
            d.max_lifetime,
            d.min_lifetime.unwrap_or(MIN_LIFETIME)
        );
        let found = expansion.applied.iter().rfind(|a| a.fact.name == "max-worker-lifetime");
        let e = Diagnostic::error("bad-lifetime", message);
        d.said.0.push(match found {
            Some(a) => e.at(&a.place.value()),
            None => e,
        });
    }
    let mercy = d.worker_mercy.or(d.reload_mercy).unwrap_or(MERCY);
    if mercy == 0 {
        let name = if d.worker_mercy.is_some() { "worker-reload-mercy" } else { "reload-mercy" };
        if let Some(a) = expansion.applied.iter().rfind(|a| a.fact.name == name) {
            let message =
                format!("{name} = 0: workers get 1 s, as in uWSGI; requests that take longer are cut");
            d.said.warning(a, "no-mercy", message).help =
                Some("give the seconds that your slowest good request takes".into());
        }
    }
    super::dynamic::finish(&mut d, expansion);
    let mut sockets = Vec::new();
    for (mut socket, follows) in std::mem::take(&mut d.sockets) {
        if follows {
            socket.protocol = d.protocol.unwrap_or(Protocol::Uwsgi);
        }
        if d.abstract_socket
            && let Address::Unix(path) = &socket.address
        {
            socket.address = Address::Abstract(path.to_string_lossy().into_owned());
        }
        sockets.push(socket);
    }
    super::logs::finish(&mut d);
    // The first map that fits a path decides, and a directory for all paths fits always: last.
    // The order in which uWSGI looks: check-static, static-map, static-map2.
    let mut static_maps = d.check_static;
    d.static_maps.sort_by_key(|m| m.keep_prefix);
    static_maps.append(&mut d.static_maps);
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let instance = Instance {
        sockets,
        defer_accept: !d.no_defer_accept,
        listen: d.listen.filter(|n| *n > 0).unwrap_or(LISTEN),
        chmod_socket: d.chmod_socket,
        chown_socket: d.chown_socket,
        uid: d.uid,
        gid: d.gid,
        add_gid: d.add_gid,
        umask: d.umask,
        chdir: d.chdir,
        chdir2: d.chdir2,
        home: d.home,
        env: d.env,
        pythonpath: d.pythonpath,
        apps,
        callable: d.callable.unwrap_or_else(|| "application".into()),
        imports: d.imports,
        pyargv: d.pyargv,
        need_app: d.need_app.unwrap_or(true),
        lazy_apps: d.lazy_apps,
        manage_script_name: d.manage_script_name,
        default_app: !d.no_default_app,
        workers: d.workers.unwrap_or(1),
        threads: d.threads.unwrap_or(1),
        dynamic: d.dynamic,
        cpu_affinity: d.cpu_affinity,
        mercy: mercy.max(1),
        max_surplus: d.max_surplus,
        max_requests: d.max_requests,
        max_requests_delta: d.max_requests_delta,
        min_worker_lifetime: d.min_lifetime.unwrap_or(MIN_LIFETIME),
        max_worker_lifetime: d.max_lifetime,
        max_worker_lifetime_delta: d.max_lifetime_delta,
        limit_as: d.limit_as,
        limit_nproc: d.limit_nproc,
        max_fd: d.max_fd,
        reload_on_rss: d.reload_on_rss,
        reload_on_as: d.reload_on_as,
        evil_reload_on_rss: d.evil_reload_on_rss,
        evil_reload_on_as: d.evil_reload_on_as,
        harakiri: d.harakiri,
        harakiri_signal: d.harakiri_signal as i32,
        autoreload: d.autoreload,
        autoreload_ignore: d.autoreload_ignore,
        harakiri_grace: d.harakiri_grace.filter(|n| *n > 0).unwrap_or(HARAKIRI_GRACE),
        buffer_size: d.buffer_size.unwrap_or(BUFFER_SIZE),
        max_vars: d.max_vars.unwrap_or(MAX_VARS),
        limit_post: d.limit_post,
        post_buffering: d.post_buffering,
        socket_timeout: d.socket_timeout.unwrap_or(SOCKET_TIMEOUT),
        http_timeout: d.http_timeout.or(d.socket_timeout).unwrap_or(SOCKET_TIMEOUT),
        keepalive_timeout: match d.keepalive {
            None => KEEPALIVE,
            // A switch, as on uWSGI: for as long as its HTTP router waits for a client.
            Some(1) => d.http_timeout.unwrap_or(ROUTER_TIMEOUT),
            Some(n) => n,
        },
        static_maps,
        static_rules: d.static_rules,
        add_headers: d.add_headers,
        pidfile: d.pidfile,
        pidfile2: d.pidfile2,
        safe_pidfile: d.safe_pidfile,
        safe_pidfile2: d.safe_pidfile2,
        vacuum: d.vacuum,
        daemonize: d.daemonize,
        daemonize2: d.daemonize2,
        logto: d.logto,
        logto2: d.logto2,
        on_term: match (d.hooked_term, d.die_on_term) {
            // The hook comes later in uWSGI's start, and takes the signal.
            (Some(on_term), _) => on_term,
            (None, Some(false)) => OnTerm::Reload,
            (None, _) => OnTerm::Stop,
        },
        touch_reload: d.touch_reload,
        touch_workers: d.touch_workers,
        master_fifo: d.master_fifo,
        stats: d.stats,
        stats_http: d.stats_http,
        stats_minified: d.stats_minified,
        stats_no_cores: d.stats_no_cores,
        disable_logging: d.disable_logging,
        log_always: d.log_always,
        forwarded_allow: match &d.forwarded_allow[..] {
            [] => uswgi_proto::trust::DEFAULT.into(),
            given => given.join(","),
        },
        log_x_forwarded_for: d.log_x_forwarded_for,
        log_micros: d.log_micros,
        memory_report: d.memory_report,
        log_format: d.log_format,
        log: d.log,
        procname_prefix: d.procname_prefix,
        auto_procname: true,
        tasks,
        immediate: d.immediate,
        no_new_privs: d.no_new_privs,
        chroot: d.chroot,
        files: Vec::new(),
        shared: d.shared,
        options: expansion.entries.iter().map(|e| (text(&e.key), e.value.as_deref().map(text))).collect(),
    };
    (instance, d.said.0)
}

/// module and wsgi-file may both be given: both are loaded, the first is the default.
fn apps(d: &mut Draft) -> Vec<App> {
    let default = |source| App { mountpoint: String::new(), source };
    let mut apps = Vec::new();
    apps.extend(d.module.take().map(|m| default(AppSource::Module(m))));
    apps.extend(d.file.take().map(|f| default(AppSource::File(f))));
    apps.append(&mut d.mounts);
    let failed = d.said.0.iter().any(|m| m.code == "bad-mount");
    if apps.is_empty() && d.need_app != Some(false) && !failed {
        let e = Diagnostic::error("no-app", "there is no app");
        d.said.0.push(e.help("add module = package.module:callable or wsgi-file = app.py (need-app = false starts without one)"));
    }
    apps
}
