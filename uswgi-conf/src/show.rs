//! `show`: the effective configuration, every value with its origin or marked as the default. Made from
//! the typed settings, so that it cannot say anything else than what the server does.

#![forbid(unsafe_code)]

use crate::expand::Expansion;
use crate::instance::{Address, Busyness, CheaperAlgorithm, Instance, OnTerm, Origin};
use crate::options;
use uswgi_proto::settings::{AppSource, Protocol};

/// One effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name of the option.
    pub name: &'static str,
    /// Its value, as it would be written.
    pub value: String,
    /// Where it was set; None: the default.
    pub origin: Option<Origin>,
}

fn address(a: &Address) -> String {
    match a {
        Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp { host, port } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string(),
        Address::Abstract(name) => format!("@{name}"),
        Address::Fd(n) => format!("fd://{n}"),
    }
}

/// Every value of an instance, by option, in the order of the option's groups.
fn values(i: &Instance) -> Vec<(&'static str, String)> {
    let mut v: Vec<(&'static str, String)> = Vec::new();
    for s in &i.sockets {
        let name = match s.protocol {
            Protocol::Uwsgi => "socket",
            Protocol::Http => "http-socket",
        };
        v.push((name, address(&s.address)));
    }
    let path = |p: &Option<std::path::PathBuf>| p.as_ref().map(|p| p.display().to_string());
    let mib = |n: u64| (n >> 20).to_string();
    let mode = |m: Option<u32>| m.map(|m| format!("{m:03o}"));
    let mut some = |name, value: Option<String>| v.extend(value.map(|value| (name, value)));
    some("listen", Some(i.listen.to_string()));
    some("chmod-socket", mode(i.chmod_socket));
    some("chown-socket", i.chown_socket.clone());
    some("uid", i.uid.clone());
    some("gid", i.gid.clone());
    i.add_gid.iter().for_each(|g| some("add-gid", Some(g.clone())));
    some("umask", mode(i.umask));
    some("chdir", path(&i.app.chdir));
    some("chdir2", path(&i.app.chdir2));
    some("home", path(&i.home));
    for (name, value) in &i.env {
        match value {
            Some(value) => some("env", Some(format!("{name}={value}"))),
            None => some("unenv", Some(name.clone())),
        }
    }
    i.app.pythonpath.iter().for_each(|p| some("pythonpath", Some(p.clone())));
    for app in &i.app.apps {
        match (&app.source, app.mountpoint.as_str()) {
            (AppSource::Module(m), "") => some("module", Some(m.clone())),
            (AppSource::File(f), "") => some("wsgi-file", Some(f.clone())),
            (AppSource::Module(s) | AppSource::File(s), point) => some("mount", Some(format!("{point}={s}"))),
        }
    }
    some("callable", Some(i.app.callable.clone()));
    i.app.imports.iter().for_each(|m| some("import", Some(m.clone())));
    some("pyargv", (!i.app.pyargv.is_empty()).then(|| i.app.pyargv.join(" ")));
    some("need-app", Some(i.app.need_app.to_string()));
    some("lazy-apps", Some(i.lazy_apps.to_string()));
    some("manage-script-name", Some(i.app.manage_script_name.to_string()));
    some("no-defer-accept", (!i.defer_accept).then(|| "true".into()));
    some("no-default-app", (!i.app.default_app).then(|| "true".into()));
    some("processes", Some(i.workers.to_string()));
    some("threads", Some(i.threads.to_string()));
    some("worker-reload-mercy", Some(i.mercy.to_string()));
    some("max-surplus", i.max_surplus.map(|n| n.to_string()));
    some("max-requests", Some(i.recycling.max_requests.to_string()));
    some("max-requests-delta", Some(i.max_requests_delta.to_string()));
    some("min-worker-lifetime", Some(i.recycling.min_worker_lifetime.to_string()));
    some("max-worker-lifetime", Some(i.max_worker_lifetime.to_string()));
    some("max-worker-lifetime-delta", Some(i.max_worker_lifetime_delta.to_string()));
    some("limit-as", Some(mib(i.limit_as)));
    some("limit-nproc", Some(i.limit_nproc.to_string()));
    some("max-fd", Some(i.max_fd.to_string()));
    some("reload-on-rss", Some(mib(i.recycling.reload_on_rss)));
    some("reload-on-as", Some(mib(i.recycling.reload_on_as)));
    let over_0 = |n: u64, text: String| (n > 0).then_some(text);
    some("evil-reload-on-rss", over_0(i.evil_reload_on_rss, mib(i.evil_reload_on_rss)));
    some("evil-reload-on-as", over_0(i.evil_reload_on_as, mib(i.evil_reload_on_as)));
    some("cpu-affinity", over_0(i.cpu_affinity.into(), i.cpu_affinity.to_string()));
    let d = &i.dynamic;
    if d.cheaper > 0 {
        some("cheaper", Some(d.cheaper.to_string()));
        some("cheaper-initial", Some(d.initial.max(d.cheaper).to_string()));
        some("cheaper-step", Some(d.step.max(1).to_string()));
        some("cheaper-overload", Some(d.overload.to_string()));
        some("cheaper-algo", Some(d.algorithm.name().into()));
        if d.algorithm == CheaperAlgorithm::Busyness {
            busyness(&d.busyness).into_iter().for_each(|(name, n)| some(name, Some(n.to_string())));
            some("cheaper-busyness-verbose", d.busyness.verbose.then(|| "true".into()));
        }
        some("cheaper-rss-limit-soft", over_0(d.rss_soft, d.rss_soft.to_string()));
        some("cheaper-rss-limit-hard", over_0(d.rss_hard, d.rss_hard.to_string()));
    }
    some("cheap", d.cheap.then(|| "true".into()));
    some("idle", over_0(d.idle.into(), d.idle.to_string()));
    some("die-on-idle", d.die_on_idle.then(|| "true".into()));
    some("harakiri", Some(i.harakiri.seconds.to_string()));
    some("harakiri-graceful-timeout", Some(i.harakiri.grace.to_string()));
    some("harakiri-graceful-signal", (i.harakiri.signal != 0).then(|| i.harakiri.signal.to_string()));
    some("py-autoreload", (i.autoreload.seconds != 0).then(|| i.autoreload.seconds.to_string()));
    i.autoreload.ignore.iter().for_each(|m| some("py-auto-reload-ignore", Some(m.clone())));
    some("buffer-size", Some(i.limits.buffer_size.to_string()));
    some("max-vars", Some((i.limits.max_vars / 2).to_string()));
    some("limit-post", Some(i.limits.limit_post.to_string()));
    some("post-buffering", Some(i.limits.post_buffering.to_string()));
    some("socket-timeout", Some(i.timeouts.socket.to_string()));
    some("http-timeout", Some(i.timeouts.http.to_string()));
    some("http-keepalive", Some(i.timeouts.keepalive.to_string()));
    for m in &i.static_files.maps {
        let name = if m.keep_prefix { "static-map2" } else { "static-map" };
        some(name, Some(format!("{}={}", m.prefix, m.target)));
    }
    let rules = &i.static_files.rules;
    for (name, list) in [
        ("static-index", &rules.index),
        ("static-skip-ext", &rules.skip_suffixes),
        ("static-safe", &rules.safe),
        ("static-gzip", &rules.gzip_patterns),
        ("static-gzip-dir", &rules.gzip_dirs),
        ("static-gzip-ext", &rules.gzip_suffixes),
        ("mime-file", &rules.mime_files),
    ] {
        list.iter().for_each(|value| some(name, Some(value.clone())));
    }
    rules.expires.iter().for_each(|e| some(e.option(), Some(e.written())));
    some("static-gzip-all", rules.gzip_all.then(|| "true".into()));
    some("honour-range", (!rules.ranges).then(|| "false".into()));
    some("forwarded-allow-ips", Some(i.headers.trusted.clone()));
    i.headers.add.iter().for_each(|h| some("add-header", Some(h.clone())));
    some("pidfile", path(&i.pidfile));
    some("pidfile2", path(&i.pidfile2));
    some("safe-pidfile", path(&i.safe_pidfile));
    some("safe-pidfile2", path(&i.safe_pidfile2));
    some("immediate-uid", i.immediate.0.clone());
    some("immediate-gid", i.immediate.1.clone());
    some("no-new-privs", i.no_new_privs.then(|| "true".into()));
    // As they were written: each has a form of its own.
    let starts = ["attach-", "smart-attach-", "cron", "unique-cron", "exec-", "hook-", "touch-exec"];
    for (name, value) in &i.options {
        let known = crate::options::fact(name).map(|f| f.name);
        if let Some(name) = known.filter(|n| starts.iter().any(|s| n.starts_with(s))) {
            some(name, value.clone());
        }
    }
    some("vacuum", Some(i.vacuum.to_string()));
    some("daemonize", path(&i.daemonize));
    some("daemonize2", path(&i.daemonize2));
    some("logto", path(&i.logto));
    some("logto2", path(&i.logto2));
    some("die-on-term", Some((i.on_term == OnTerm::Stop).to_string()));
    i.touch_reload.iter().for_each(|p| some("touch-reload", Some(p.display().to_string())));
    i.touch_workers.iter().for_each(|p| some("touch-workers-reload", Some(p.display().to_string())));
    i.master_fifo.iter().for_each(|p| some("master-fifo", Some(p.display().to_string())));
    i.stats.iter().for_each(|a| some("stats", Some(address(a))));
    some("stats-http", Some(i.stats_http.to_string()));
    some("stats-minified", Some(i.stats_minified.to_string()));
    some("stats-no-cores", Some(i.stats_no_cores.to_string()));
    some("disable-logging", Some(i.request_log.disabled.to_string()));
    some("log-x-forwarded-for", Some(i.request_log.x_forwarded_for.to_string()));
    some("log-micros", Some(i.request_log.micros.to_string()));
    some("memory-report", Some(i.request_log.memory.to_string()));
    some("log-format", i.request_log.format.clone());
    some("locks", (i.shared.locks > 0).then(|| i.shared.locks.to_string()));
    i.shared.caches.iter().for_each(|c| some("cache2", Some(crate::resolve::caches::said(c))));
    some("procname-prefix", (!i.procname_prefix.is_empty()).then(|| i.procname_prefix.clone()));
    v
}

fn busyness(b: &Busyness) -> [(&'static str, u32); 8] {
    [
        ("cheaper-busyness-max", b.max),
        ("cheaper-busyness-min", b.min),
        ("cheaper-busyness-multiplier", b.multiplier),
        ("cheaper-busyness-penalty", b.penalty),
        ("cheaper-busyness-backlog-alert", b.alert),
        ("cheaper-busyness-backlog-multiplier", b.backlog_multiplier),
        ("cheaper-busyness-backlog-step", b.backlog_step),
        ("cheaper-busyness-backlog-nonzero", b.nonzero),
    ]
}

/// Options that end in the setting of another one.
fn sources(name: &str) -> &'static [&'static str] {
    match name {
        "socket" => &["socket", "uwsgi-socket"],
        "http-socket" => &["http-socket", "http11-socket", "http", "httprouter", "socket"],
        "worker-reload-mercy" => &["worker-reload-mercy", "reload-mercy"],
        "socket-timeout" => &["socket-timeout", "so-send-timeout"],
        "http-timeout" => &["http-timeout", "socket-timeout", "so-send-timeout"],
        "static-map" => &["static-map", "check-static"],
        "touch-workers-reload" => &["touch-workers-reload", "touch-chain-reload"],
        "logto" => &["logto", "logger"],
        "lazy-apps" => &["lazy-apps", "lazy"],
        "procname-prefix" => &["procname-prefix", "procname-prefix-spaced"],
        "unenv" => &["unenv", "env"],
        _ => &[],
    }
}

/// The effective settings of an instance, where nobody knows any more what they came from.
pub fn effective(instance: &Instance) -> Vec<(&'static str, String)> {
    values(instance)
}

/// The effective settings of an instance.
pub fn settings(expansion: &Expansion, instance: &Instance) -> Vec<Setting> {
    let canonical = |name: &'static str| options::row(name).map_or(name, |r| r.canonical());
    let mut taken = std::collections::HashSet::new();
    values(instance)
        .into_iter()
        .map(|(name, value)| {
            let wanted = sources(name);
            let fits = |n: &'static str| canonical(n) == canonical(name) || wanted.contains(&n);
            let all = || expansion.applied.iter().enumerate().filter(|(_, a)| fits(a.fact.name));
            // Of repeated ones the next that was not shown yet; of scalars the last.
            let repeated = options::fact(name).is_some_and(|f| f.repeatable);
            let found = if repeated { all().find(|(i, _)| taken.insert(*i)) } else { all().next_back() };
            Setting { name, value, origin: found.map(|(_, a)| a.place.origin()) }
        })
        .collect()
}

/// Settings in which two configurations differ: name, values there, values here.
pub fn diff(a: &[Setting], b: &[Setting]) -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let mut names: Vec<&'static str> = Vec::new();
    for s in a.iter().chain(b) {
        if !names.contains(&s.name) {
            names.push(s.name);
        }
    }
    let of = |all: &[Setting], name| -> Vec<String> {
        all.iter().filter(|s| s.name == name).map(|s| s.value.clone()).collect()
    };
    names.into_iter().map(|n| (n, of(a, n), of(b, n))).filter(|(_, x, y)| x != y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::{Mode, expand};

    fn shown(args: &[&str]) -> Vec<Setting> {
        let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        let (e, result) = expand(&args, &[], Mode::default());
        assert!(result.is_ok());
        settings(&e, &crate::resolve::resolve(&e).instance)
    }

    #[test]
    fn values_carry_their_origin() {
        let all = shown(&["--http", ":80", "-p", "4", "--reload-mercy", "9", "--env", "A=1", "--unenv", "B"]);
        let get = |n: &str| all.iter().find(|s| s.name == n).unwrap();
        for name in ["http-socket", "processes", "worker-reload-mercy", "env", "unenv"] {
            assert!(get(name).origin.is_some(), "{name}");
        }
        assert_eq!(get("worker-reload-mercy").value, "9");
        assert_eq!((get("threads").value.as_str(), &get("threads").origin), ("1", &None));
    }

    #[test]
    fn what_is_shown_means_the_same_when_it_is_read() {
        let first = shown(&[
            "--socket",
            "[::1]:1",
            "--http",
            "@a",
            "-p",
            "3",
            "--mount",
            "/a=b.py",
            "--wsgi-file",
            "w.py",
            "--max-vars",
            "50",
            "--limit-as",
            "9",
            "--die-on-term",
            "--vacuum",
            "-C660",
        ]);
        let args: Vec<String> = first.iter().map(|s| format!("--set={}={}", s.name, s.value)).collect();
        let again = shown(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let plain = |all: &[Setting]| all.iter().map(|s| (s.name, s.value.clone())).collect::<Vec<_>>();
        assert_eq!(plain(&first), plain(&again));
    }

    #[test]
    fn only_differences_are_listed() {
        let (a, b) = (shown(&["-p", "3"]), shown(&["-p", "4", "--uid", "x"]));
        let names: Vec<_> = diff(&a, &b).into_iter().map(|d| d.0).collect();
        assert_eq!(names, ["processes", "uid"]);
    }
}
