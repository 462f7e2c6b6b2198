//! The long tail of the option table: categories, and what happens to the options of each. A category
//! is found from facts alone, so that every name of uWSGI has an honest answer.

use super::facts::Fact;
use super::{Kind, Status};

/// One category: what its options are about, and the way out.
struct Category {
    name: &'static str,
    help: &'static str,
    refused: &'static str,
}

const fn c(name: &'static str, help: &'static str, refused: &'static str) -> Category {
    Category { name, help, refused }
}

static LANGUAGE: Category = c("configuration", "Part of the configuration language.", "");
static LANGUAGES: Category = c(
    "other languages",
    "Belongs to a plugin for another language or server.",
    "uswgi runs Python apps only: keep uWSGI, or a server of that language, for this",
);
static ASYNC: Category = c(
    "async",
    "Belongs to an asynchronous engine.",
    "requests run in threads, or in greenlets: `gevent = N` runs N of them in each worker, with gevent from the site's environment (`async = N` beside it is their number); an ASGI app runs in tasks: `asgi = true`",
);
static EMPEROR: Category = c(
    "emperor",
    "Belongs to the Emperor, which runs many instances.",
    "uswgi-emperor does without it: take it out, or write what it is for into the vassals' files (vassals-set, vassals-include)",
);
static TASKS: Category = c(
    "tasks",
    "Belongs to a part of spoolers and mules that is not here.",
    "spooler, mule and farm themselves work; see uswgi-conf explain spooler",
);
static CRON: Category = c("tasks", "Runs something by the clock.", "use cron or a systemd timer");
static DAEMONS: Category = c(
    "tasks",
    "Runs a program beside the instance.",
    "run the program as a unit of systemd or a program of supervisor",
);
static LEGION: Category = c(
    "cluster",
    "Belongs to the Legion, which elects a node.",
    "use keepalived or pacemaker for this; on Kubernetes a Lease elects who is the leader",
);
static ROUTERS: Category = c(
    "routers",
    "Belongs to a router or proxy in front of instances.",
    "use nginx, Apache or HAProxy in front, with a list of upstream servers; on Kubernetes a Service has that list",
);
static CACHE: Category = c(
    "cache",
    "Belongs to parts of uWSGI's shared cache and queue that are not here.",
    "a cache belongs to one instance and lives in memory here; use redis or memcached for more",
);
static TLS: Category = c(
    "tls",
    "Speaks the uwsgi protocol over TLS.",
    "no web server speaks it: listen on `socket`, or with https for clients",
);
static HOOKS: Category = c(
    "hooks",
    "Runs a command at some point of an instance's life.",
    "run it from the service manager: ExecStartPre= and ExecStopPost= of systemd, or a start script",
);
static MOUNTS: Category = c(
    "hooks",
    "Mounts or unmounts a file system at some point of an instance's life.",
    "mount it before the start: /etc/fstab, or BindPaths= and RequiresMountsFor= of systemd",
);
static CALLS: Category = c(
    "hooks",
    "Calls a function of C at some point of an instance's life.",
    "run a program there: exec-asap, exec-as-user, exec-pre-app and their like",
);
static STATIC: Category =
    c("static files", "Belongs to static files.", "let the web server in front serve static files");
static LOGS: Category = c(
    "logs",
    "Belongs to logging.",
    "log to stderr or a file, and let journald, syslog or logrotate do the rest",
);
static ALARMS: Category =
    c("alarms", "Belongs to alarms.", "watch the log, or the statistics of `stats` and uswgi-ctl status");
static METRICS: Category = c(
    "metrics",
    "Belongs to metrics and monitoring.",
    "read the statistics of `stats` (uWSGI's JSON) or uswgi-ctl status --json",
);
static ISOLATION: Category = c(
    "isolation",
    "Belongs to namespaces, jails, cgroups or capabilities.",
    "use the service manager: systemd's sandboxing directives, or a container",
);
static HTTP: Category = c(
    "http router",
    "Belongs to uWSGI's HTTP router process.",
    "the workers speak HTTP themselves: remove it, or put nginx in front",
);
static PYTHON: Category = c(
    "python",
    "Belongs to uWSGI's Python plugin.",
    "name the app with module or wsgi-file; remove it otherwise",
);
static PROTOCOLS: Category =
    c("protocols", "Belongs to another wire protocol.", "speak uwsgi (`socket`) or HTTP (`http-socket`)");
static ACTION: Category = c(
    "actions",
    "Does something at once instead of serving.",
    "uswgi-ctl and uswgi-conf have commands for what is needed",
);
static PROCESS: Category = c(
    "processes",
    "Belongs to the life of processes.",
    "workers are always supervised and replaced one by one: remove it",
);
static OTHER: Category = c(
    "other",
    "Belongs to a part of uWSGI that is not here.",
    "remove it, or start with --allow-unsupported to ignore it",
);

fn find(f: &Fact) -> &'static Category {
    let n = f.name;
    let starts = |list: &[&str]| list.iter().any(|p| n.starts_with(p));
    match f.kind {
        Kind::Config if f.plugin == "core" => return &LANGUAGE,
        Kind::Set | Kind::Declare | Kind::Resolve | Kind::Logic | Kind::End | Kind::Clear => {
            return &LANGUAGE;
        }
        _ => {}
    }
    if matches!(n, "blacklist" | "whitelist" | "inject-before" | "inject-after") {
        return &LANGUAGE;
    }
    match f.plugin {
        "gevent" | "asyncio" | "greenlet" | "stackless" | "tornado" | "ugreen" | "fiber" | "coroae"
        | "rbthreads" => {
            return &ASYNC;
        }
        "fastrouter" | "rawrouter" | "sslrouter" | "forkptyrouter" | "tuntap" | "mongrel2" | "zergpool" => {
            return &ROUTERS;
        }
        "http" if starts(&["https", "http-to-https", "http-ssl"]) => return &TLS,
        "http" => return &HTTP,
        "carbon" | "rrdtool" | "zabbix" | "nagios" => return &METRICS,
        "curl_cron" => return &CRON,
        "rsyslog" | "logzmq" => return &LOGS,
        "python" => return &PYTHON,
        "cheaper_busyness" => return &PROCESS,
        "core" => {}
        "ping" | "symcall" | "dumbloop" | "notfound" | "plugin" | "ring" => return &OTHER,
        _ => return &LANGUAGES,
    }
    let rules: &[(&[&str], &Category)] = &[
        (&["emperor", "vassal", "broodlord", "early-emperor"], &EMPEROR),
        (&["spooler", "mule", "farm", "touch-mules", "touch-spoolers"], &TASKS),
        (&["cron", "unique-cron", "legion-cron", "unique-legion"], &CRON),
        (&["attach-", "smart-attach", "legion-attach", "legion-smart", "daemons-"], &DAEMONS),
        (&["legion"], &LEGION),
        (
            &["subscri", "unsubscri", "ss-", "zerg", "gateway", "corerouter", "auto-weight", "weight"],
            &ROUTERS,
        ),
        (&["cache", "queue", "lock", "sharedarea", "persistent-", "load-file-in-cache", "add-cache"], &CACHE),
        (&["ssl", "suwsgi", "sni", "https"], &TLS),
        (&["mount-", "umount"], &MOUNTS),
        (&["call-"], &CALLS),
        (&["hook", "exec-", "touch-exec"], &HOOKS),
        (&["static", "check-static", "mime", "fileserve"], &STATIC),
        (&["log", "req-log", "syslog", "rsyslog", "ignore-empty"], &LOGS),
        (&["alarm"], &ALARMS),
        (&["metric", "stats", "snmp", "push"], &METRICS),
        (
            &[
                "chroot",
                "jail",
                "unshare",
                "setns",
                "pivot",
                "cgroup",
                "cap",
                "emperor-cap",
                "ns",
                "namespace",
                "fs-",
                "refork",
                "linux-",
                "remount",
                "keep-mount",
                "use-",
            ],
            &ISOLATION,
        ),
        (
            &["fastcgi", "scgi", "raw-", "puwsgi", "udp", "multicast", "http-socket", "https-socket"],
            &PROTOCOLS,
        ),
        (&["async", "loop", "ugreen"], &ASYNC),
    ];
    for (prefixes, category) in rules {
        if starts(prefixes) {
            return category;
        }
    }
    match f.kind {
        Kind::Action | Kind::Print | Kind::Exit => &ACTION,
        _ if starts(&[
            "reload", "touch", "idle", "cheap", "worker", "master", "skip", "drop", "die", "exit",
        ]) =>
        {
            &PROCESS
        }
        _ => &OTHER,
    }
}

/// What a name belongs to.
pub(super) fn category(f: &Fact) -> &'static str {
    find(f).name
}

/// Status and help of a name that has no row of its own.
pub(super) fn decide(f: &Fact) -> (Status, &'static str) {
    let category = find(f);
    if category.refused.is_empty() {
        return (Status::Supported, super::language::help(f.name).unwrap_or(category.help));
    }
    (Status::Refused(category.refused), category.help)
}
