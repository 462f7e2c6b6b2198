//! What each supported option sets in the draft of an instance. One arm an option; rules that need more
//! than one option are `finish`'s.

use super::caches;
use super::draft::Draft;
use super::dynamic;
use super::forms::*;
use super::static_files;
use super::steps;
use super::tasks;
use super::value::Said;
use crate::expand::{Applied, truth};
use std::path::PathBuf;
use uswgi_proto::settings::Protocol;

/// Give an option's value to the draft. False: no arm knows it.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let said = &mut d.said;
    let on = truth(a.value.as_deref());
    let path = |said: &mut Said| said.filled(a).map(PathBuf::from);
    match a.fact.name {
        "socket" | "uwsgi-socket" => socket(d, a, Protocol::Uwsgi),
        "http-socket" | "http11-socket" | "http" | "httprouter" => socket(d, a, Protocol::Http),
        "protocol" | "socket-protocol" => protocol(d, a),
        "abstract-socket" => d.abstract_socket = on,
        "listen" => d.listen = said.number32(a).or(d.listen),
        "chmod-socket" | "chmod" => {
            let bare = a.value.is_none() || a.value.as_deref() == Some(b"1");
            d.chmod_socket = if bare { Some(0o666) } else { said.octal(a, &[3], "660") };
        }
        "chown-socket" => d.chown_socket = said.filled(a),
        "uid" => d.uid = said.filled(a),
        "gid" => d.gid = said.filled(a),
        "add-gid" | "additional-gid" => d.add_gid.extend(said.filled(a)),
        "umask" => d.umask = said.octal(a, &[3, 4], "022"),
        "chdir" => d.chdir = path(said),
        "chdir2" => d.chdir2 = path(said),
        "home" | "virtualenv" | "venv" | "pyhome" => d.home = path(said),
        "env" => env(d, a),
        "unenv" => d.env.extend(said.filled(a).map(|n| (n, None))),
        "pythonpath" | "python-path" | "pp" => pythonpath(d, a),
        "module" | "wsgi" => d.module = said.filled(a).or(d.module.take()),
        "wsgi-file" | "file" => d.file = said.filled(a).or(d.file.take()),
        "mount" => mount(d, a),
        "callable" => d.callable = said.filled(a),
        "import" | "pyimport" | "py-import" | "python-import" => d.imports.extend(said.filled(a)),
        "pyargv" => {
            d.pyargv = said.text(a).unwrap_or_default().split_whitespace().map(str::to_string).collect();
        }
        "need-app" => d.need_app = Some(on),
        "lazy-apps" | "lazy" => d.lazy_apps = on,
        "manage-script-name" => d.manage_script_name = on,
        "no-default-app" => d.no_default_app = on,
        "no-defer-accept" => d.no_defer_accept = on,
        "processes" | "workers" => workers(d, a),
        "threads" => threads(d, a),
        "cpu-affinity" => d.cpu_affinity = said.number32(a).unwrap_or(0),
        "reload-mercy" => d.reload_mercy = said.number32(a),
        "worker-reload-mercy" => d.worker_mercy = said.number32(a),
        "max-surplus" => d.max_surplus = said.number32(a),
        "max-requests" => d.max_requests = said.number(a).unwrap_or(0),
        "max-requests-delta" => d.max_requests_delta = said.number(a).unwrap_or(0),
        "min-worker-lifetime" => d.min_lifetime = said.number32(a),
        "max-worker-lifetime" => d.max_lifetime = said.number32(a).unwrap_or(0),
        "max-worker-lifetime-delta" => d.max_lifetime_delta = said.number32(a).unwrap_or(0),
        "limit-as" => d.limit_as = said.mebibytes(a).unwrap_or(0),
        "limit-nproc" => d.limit_nproc = said.number(a).unwrap_or(0),
        "max-fd" => max_fd(d, a),
        "reload-on-rss" => d.reload_on_rss = said.mebibytes(a).unwrap_or(0),
        "reload-on-as" => d.reload_on_as = said.mebibytes(a).unwrap_or(0),
        "evil-reload-on-rss" => d.evil_reload_on_rss = said.mebibytes(a).unwrap_or(0),
        "evil-reload-on-as" => d.evil_reload_on_as = said.mebibytes(a).unwrap_or(0),
        "harakiri" => d.harakiri = said.number32(a).unwrap_or(0),
        "harakiri-graceful-timeout" => d.harakiri_grace = said.number32(a),
        "harakiri-graceful-signal" => harakiri_signal(d, a),
        "py-autoreload" | "py-auto-reload" | "python-autoreload" | "python-auto-reload" => {
            d.autoreload = said.number32(a).unwrap_or(0);
        }
        "py-auto-reload-ignore" => d.autoreload_ignore.extend(said.filled(a)),
        "buffer-size" => buffer_size(d, a),
        // uWSGI counts keys and values of a packet together, twice the number.
        "max-vars" => d.max_vars = said.number32(a).map(|n| n.saturating_mul(2)).filter(|n| *n > 0),
        "limit-post" => d.limit_post = said.number(a).unwrap_or(0),
        "post-buffering" => d.post_buffering = said.number(a).unwrap_or(0),
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
        "pidfile" => d.pidfile = path(said),
        "pidfile2" => d.pidfile2 = path(said),
        "safe-pidfile" => d.safe_pidfile = path(said),
        "vacuum" => d.vacuum = on,
        "daemonize" => d.daemonize = log_file(d, a),
        "daemonize2" => d.daemonize2 = log_file(d, a),
        "logto" => d.logto = log_file(d, a),
        "logto2" => d.logto2 = log_file(d, a),
        "die-on-term" => d.die_on_term = Some(on),
        "touch-reload" => d.touch_reload.extend(path(said)),
        "touch-workers-reload" | "touch-chain-reload" => d.touch_workers.extend(path(said)),
        "master-fifo" => d.master_fifo.extend(path(said)),
        "stats" | "stats-server" => stats(d, a),
        "stats-http" => d.stats_http = on,
        "stats-minified" | "stats-min" => d.stats_minified = on,
        "stats-no-cores" => d.stats_no_cores = on,
        "disable-logging" => d.disable_logging = on,
        "log-4xx" => d.log_always.client_errors = on,
        "log-5xx" => d.log_always.server_errors = on,
        "log-slow" => d.log_always.slow_ms = said.number(a).unwrap_or(0),
        "log-big" => d.log_always.big = said.number(a).unwrap_or(0),
        "log-zero" => d.log_always.empty = on,
        "log-sendfile" => d.log_always.files = on,
        "log-ioerror" => d.log_always.io_errors = on,
        "forwarded-allow-ips" => forwarded_allow(d, a),
        "log-x-forwarded-for" => d.log_x_forwarded_for = on,
        "log-micros" => d.log_micros = on,
        "memory-report" => d.memory_report = on,
        "log-format" | "logformat" => d.log_format = said.text(a).filter(|t| !t.is_empty()),
        "procname-prefix" => d.procname_prefix = said.text(a).unwrap_or_default(),
        "procname-prefix-spaced" => d.procname_prefix = said.text(a).unwrap_or_default() + " ",
        "attach-daemon" | "attach-control-daemon" | "smart-attach-daemon" | "smart-attach-daemon2" => {
            tasks::attach(d, a);
        }
        "attach-daemon2" => tasks::attach2(d, a),
        "daemons-honour-stdin" => d.daemons_stdin = on,
        "cron" | "unique-cron" => tasks::cron(d, a),
        "cron2" => tasks::cron2(d, a),
        "cron-harakiri" => d.cron_harakiri = said.number32(a).unwrap_or(0),
        "touch-exec" | "hook-touch" => steps::touched(d, a),
        name if name.starts_with("exec-") => steps::exec(d, a),
        name if name.starts_with("hook-") => steps::hook(d, a),
        "immediate-uid" => d.immediate.0 = said.filled(a),
        "immediate-gid" => d.immediate.1 = said.filled(a),
        "no-new-privs" => d.no_new_privs = on,
        "chroot" => d.chroot = path(said),
        "safe-pidfile2" => d.safe_pidfile2 = path(said),
        "locks" => d.shared.locks = said.number32(a).unwrap_or(0),
        "cache2" => caches::cache2(d, a),
        "cache" => d.cache_items = said.number(a),
        "cache-blocksize" => d.cache_blocksize = said.number(a),
        "cache-no-expire" => d.cache_no_expire = on,
        // Applications see it as uwsgi.mode, from the options.
        "mode" => {}
        "allow-unsupported" => {}
        _ => return static_files::set(d, a) || super::logs::set(d, a) || dynamic::set(d, a),
    }
    true
}
