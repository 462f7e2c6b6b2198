//! What each supported option sets in the draft of an instance. One arm an option; rules that need more
//! than one option are `finish`'s.

use super::background;
use super::caches;
use super::draft::Draft;
use super::dynamic;
use super::emperor;
use super::forms::*;
use super::python;
use super::shared_sockets;
use super::static_files;
use super::steps;
use super::tasks;
use super::value::Said;
use crate::action::is_action;
use crate::expand::{Applied, truth};
use crate::instance::Instance;
use std::path::PathBuf;
use uswgi_proto::settings::{Application, Harakiri, Lanes, Protocol, Recycling, RequestLimits, WebSockets};

/// Give an option's value to the draft. False: no arm knows it.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let (said, i) = (&mut d.said, &mut d.instance);
    let on = truth(a.value.as_deref());
    let path = |said: &mut Said| said.filled(a).map(PathBuf::from);
    match a.fact.name {
        "http-to" => shared_sockets::passed_to(d, a),
        "shared-socket" | "undeferred-shared-socket" => shared_sockets::shared(d, a),
        "map-socket" => shared_sockets::map(d, a),
        "socket" | "uwsgi-socket" => socket(d, a, Protocol::Uwsgi),
        "http-socket" | "http11-socket" | "http" | "httprouter" => socket(d, a, Protocol::Http),
        "https" | "https-socket" => super::tls::https(d, a),
        "https2" => super::tls::https2(d, a),
        "fastcgi-socket" | "fastcgi-nph-socket" | "http-to-https" => super::tls::other(d, a),
        "sni" | "sni-regexp" => super::tls::sni(d, a),
        "sni-dir" => i.tls.folder = path(said),
        "sni-dir-ciphers" => i.tls.folder_ciphers = said.filled(a),
        "ssl-verbose" => i.tls.verbose = on,
        "https-export-cert" => i.headers.export_certificate = on,
        "scgi-socket" => socket(d, a, Protocol::Scgi),
        "scgi-nph-socket" => socket(d, a, Protocol::ScgiNph),
        "protocol" | "socket-protocol" => protocol(d, a),
        "enable-proxy-protocol" => d.proxied = on,
        "http-enable-proxy-protocol" => d.http_proxied = on,
        "abstract-socket" => d.abstract_socket = on,
        "listen" => {
            if let Some(n) = said.number32(a) {
                i.listen = if n > 0 { n } else { Instance::default().listen };
            }
        }
        "chmod-socket" | "chmod" => {
            let bare = a.value.is_none() || a.value.as_deref() == Some(b"1");
            i.chmod_socket = if bare { Some(0o666) } else { said.octal(a, &[3], "660") };
        }
        "chown-socket" => i.chown_socket = said.filled(a),
        "uid" => i.uid = said.filled(a),
        "gid" => i.gid = said.filled(a),
        "add-gid" | "additional-gid" => i.add_gid.extend(said.filled(a)),
        "umask" => i.umask = said.octal(a, &[3, 4], "022"),
        "chdir" => i.app.chdir = path(said),
        "chdir2" => i.app.chdir2 = path(said),
        "home" | "virtualenv" | "venv" | "pyhome" => i.home = path(said),
        "env" => env(d, a),
        "envdir" | "early-envdir" => envdir(d, a),
        "unenv" => i.env.extend(said.filled(a).map(|n| (n, None))),
        "pythonpath" | "python-path" | "pp" => pythonpath(d, a),
        "module" | "wsgi" => d.module = said.filled(a).or(d.module.take()),
        "wsgi-file" | "file" => d.file = said.filled(a).or(d.file.take()),
        "mount" => mount(d, a),
        "callable" => i.app.callable = said.filled(a).unwrap_or_else(|| Application::default().callable),
        "import" | "pyimport" | "py-import" | "python-import" => i.app.imports.extend(said.filled(a)),
        "pyargv" => {
            i.app.pyargv = said.text(a).unwrap_or_default().split_whitespace().map(str::to_string).collect();
        }
        "need-app" => i.app.need_app = on,
        "django-preload" => i.app.django_preload = on,
        "lazy-apps" | "lazy" => i.lazy_apps = on,
        "manage-script-name" => i.app.manage_script_name = on,
        "no-default-app" => i.app.default_app = !on,
        "no-defer-accept" => i.defer_accept = !on,
        "processes" | "workers" => workers(d, a),
        "threads" => threads(d, a),
        // With `async`: see `engines`.
        "gevent" => {}
        "asgi" => d.asgi = on,
        "asgi-tasks" => super::engines::tasks(d, a),
        "asyncio-loop" => super::engines::asyncio_loop(d, a),
        "gevent-monkey-patch" => i.lanes.patch = on,
        "gevent-early-monkey-patch" => i.lanes.patch_early = on,
        "gevent-wait-for-hub" => i.lanes.wait_for_hub = on,
        "slow-request" => i.lanes.slow_ms = said.number32(a).unwrap_or_else(|| Lanes::default().slow_ms),
        "loop-lag-warn" => {
            i.lanes.lag_warn_ms = said.number32(a).unwrap_or_else(|| Lanes::default().lag_warn_ms)
        }
        "websockets-ping-freq" | "websocket-ping-freq" => {
            i.websockets.ping_seconds = said.number32(a).unwrap_or_else(|| WebSockets::default().ping_seconds)
        }
        "websockets-pong-tolerance" | "websocket-pong-tolerance" => {
            i.websockets.pong_seconds = said.number32(a).unwrap_or_else(|| WebSockets::default().pong_seconds)
        }
        "websockets-max-size" | "websocket-max-size" => super::engines::max_size(d, a),
        "websocket-reload" => super::engines::websocket_reload(d, a),
        "cpu-affinity" => i.cpu_affinity = said.number32(a).unwrap_or(0),
        "reload-mercy" => d.reload_mercy = said.number32(a),
        "worker-reload-mercy" => d.worker_mercy = said.number32(a),
        "max-surplus" => i.max_surplus = said.number32(a),
        "reload-boost" => {
            let boost = said.number32(a).unwrap_or(i.reload_boost);
            i.reload_boost = boost.min(20);
            if boost > 20 {
                said.bad(a, "is more than nice values have", "write a number from 0 (none) to 20");
            }
        }
        "worker-id-exclusive" => i.worker_id_exclusive = on,
        "max-requests" => i.recycling.max_requests = said.number(a).unwrap_or(0),
        "max-requests-delta" => i.max_requests_delta = said.number(a).unwrap_or(0),
        "min-worker-lifetime" => {
            i.recycling.min_worker_lifetime =
                said.number32(a).unwrap_or_else(|| Recycling::default().min_worker_lifetime)
        }
        "max-worker-lifetime" => i.max_worker_lifetime = said.number32(a).unwrap_or(0),
        "max-worker-lifetime-delta" => i.max_worker_lifetime_delta = said.number32(a).unwrap_or(0),
        "limit-as" => i.limit_as = said.mebibytes(a).unwrap_or(0),
        "limit-nproc" => i.limit_nproc = said.number(a).unwrap_or(0),
        "max-fd" => max_fd(d, a),
        "reload-on-rss" => i.recycling.reload_on_rss = said.mebibytes(a).unwrap_or(0),
        "reload-on-as" => i.recycling.reload_on_as = said.mebibytes(a).unwrap_or(0),
        "evil-reload-on-rss" => i.evil_reload_on_rss = said.mebibytes(a).unwrap_or(0),
        "evil-reload-on-as" => i.evil_reload_on_as = said.mebibytes(a).unwrap_or(0),
        "harakiri" => i.harakiri.seconds = said.number32(a).unwrap_or(0),
        "harakiri-graceful-timeout" => {
            let given = said.number32(a).filter(|n| *n > 0);
            i.harakiri.grace = given.unwrap_or_else(|| Harakiri::default().grace);
        }
        "harakiri-graceful-signal" => harakiri_signal(d, a),
        "harakiri-queue-threshold" => i.harakiri.queue = said.number32(a).unwrap_or(0),
        "py-autoreload" | "py-auto-reload" | "python-autoreload" | "python-auto-reload" => {
            i.autoreload.seconds = said.number32(a).unwrap_or(0);
        }
        "py-auto-reload-ignore" => i.autoreload.ignore.extend(said.filled(a)),
        "buffer-size" => buffer_size(d, a),
        // uWSGI counts keys and values of a packet together, twice the number.
        "max-vars" => {
            let given = said.number32(a).map(|n| n.saturating_mul(2)).filter(|n| *n > 0);
            i.limits.max_vars = given.unwrap_or_else(|| RequestLimits::default().max_vars);
        }
        "limit-post" => i.limits.limit_post = said.number(a).unwrap_or(0),
        "post-buffering" => i.limits.post_buffering = said.number(a).unwrap_or(0),
        "socket-timeout"
        | "so-send-timeout"
        | "socket-send-timeout"
        | "so-write-timeout"
        | "socket-write-timeout" => {
            let before = d.socket_timeout.filter(|_| a.fact.name != "socket-timeout");
            d.socket_timeout = wait(d, a).max(before);
        }
        "http-timeout" => d.http_timeout = wait(d, a),
        "http-keepalive" => d.keepalive = said.number32(a),
        "add-header" => header(d, a),
        "rem-header" | "del-header" | "collect-header" | "response-header-collect" | "pull-header" => {
            super::answers::header(d, a);
        }
        "error-page-403" | "error-page-404" | "error-page-500" => super::answers::page(d, a),
        "add-cache-item" | "load-file-in-cache" | "load-file-in-cache-gzip" => caches::filled(d, a),
        "pidfile" => i.pidfile = path(said),
        "pidfile2" => i.pidfile2 = path(said),
        "safe-pidfile" => i.safe_pidfile = path(said),
        "vacuum" => i.vacuum = on,
        "daemonize" => d.instance.daemonize = log_file(d, a),
        "daemonize2" => d.instance.daemonize2 = log_file(d, a),
        "logto" => d.instance.logto = log_file(d, a),
        "logto2" => d.instance.logto2 = log_file(d, a),
        "shutdown-delay" => i.shutdown_delay = said.number32(a).unwrap_or(0),
        "exit-on-reload" => i.exit_on_reload = on,
        "die-on-term" => d.die_on_term = Some(on),
        "touch-reload" | "fs-reload" | "fs-brutal-reload" => i.touch_reload.extend(path(said)),
        "touch-workers-reload" | "touch-chain-reload" => i.touch_workers.extend(path(said)),
        "master-fifo" => i.master_fifo.extend(path(said)),
        "stats" | "stats-server" => stats(d, a),
        "stats-http" => i.stats_http = on,
        "stats-minified" | "stats-min" => i.stats_minified = on,
        "stats-no-cores" => i.stats_no_cores = on,
        "disable-logging" => i.request_log.disabled = on,
        "log-4xx" => i.request_log.always.client_errors = on,
        "log-5xx" => i.request_log.always.server_errors = on,
        "log-slow" => i.request_log.always.slow_ms = said.number(a).unwrap_or(0),
        "log-big" => i.request_log.always.big = said.number(a).unwrap_or(0),
        "log-zero" => i.request_log.always.empty = on,
        "log-sendfile" => i.request_log.always.files = on,
        "log-ioerror" => i.request_log.always.io_errors = on,
        "forwarded-allow-ips" => forwarded_allow(d, a),
        "log-x-forwarded-for" => i.request_log.x_forwarded_for = on,
        "log-micros" => i.request_log.micros = on,
        "memory-report" => i.request_log.memory = on,
        "log-format" | "logformat" => i.request_log.format = said.text(a).filter(|t| !t.is_empty()),
        "procname-prefix" => i.procname_prefix = said.text(a).unwrap_or_default(),
        "procname-prefix-spaced" => i.procname_prefix = said.text(a).unwrap_or_default() + " ",
        "attach-daemon" | "attach-control-daemon" | "smart-attach-daemon" | "smart-attach-daemon2" => {
            tasks::attach(d, a);
        }
        "attach-daemon2" => tasks::attach2(d, a),
        "daemons-honour-stdin" => i.tasks.stdin = on,
        "cron" | "unique-cron" => tasks::cron(d, a),
        "cron2" => tasks::cron2(d, a),
        "cron-harakiri" => i.tasks.job_harakiri = said.number32(a).unwrap_or(0),
        "touch-exec" | "hook-touch" => steps::touched(d, a),
        name if name.starts_with("exec-") => steps::exec(d, a),
        name if name.starts_with("hook-") => steps::hook(d, a),
        "immediate-uid" => i.immediate.0 = said.filled(a),
        "immediate-gid" => i.immediate.1 = said.filled(a),
        "no-new-privs" => i.no_new_privs = on,
        "chroot" => i.chroot = path(said),
        "safe-pidfile2" => i.safe_pidfile2 = path(said),
        "locks" => i.shared.locks = said.number32(a).unwrap_or(0),
        "cache2" => caches::cache2(d, a),
        "cache" => d.cache_items = said.number(a),
        "cache-blocksize" => d.cache_blocksize = said.number(a),
        "cache-no-expire" => d.cache_no_expire = on,
        name if is_action(name) => {
            let told = format!("{name} is a command of the command line, it is no setting");
            let value = crate::diag::shown(a.value.as_deref().unwrap_or_default());
            let help = match name {
                "python-version" => "take it out; run: uswgi-master --python-version".into(),
                _ => format!("take it out; run: uswgi-master --{name} {value}"),
            };
            said.error(a, "command", told).help = Some(help);
        }
        // Applications see it as uwsgi.mode, from the options.
        "mode" => {}
        "allow-unsupported" => {}
        _ => {
            return super::warmup::set(d, a)
                || super::startup::set(d, a)
                || super::canary::set(d, a)
                || static_files::set(d, a)
                || super::routing::set(d, a)
                || python::set(d, a)
                || super::logs::set(d, a)
                || dynamic::set(d, a)
                || emperor::set(d, a)
                || background::set(d, a)
                || super::sharing::set(d, a)
                || super::alarms::set(d, a)
                || super::carbon::set(d, a)
                || super::pushing::set(d, a);
        }
    }
    true
}
