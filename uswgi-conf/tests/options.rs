//! The option table against what is in force: every option shows what it has set, and every documented number is the
//! one that counts.

use std::collections::HashMap;
use std::ffi::OsString;
use uswgi_conf::instance::{Instance, Origin};
use uswgi_conf::options::{self, Kind, Row, Shown, Status};
use uswgi_conf::show::effective;
use uswgi_conf::{Invocation, load, logs};
use uswgi_proto::settings::{Lanes, RequestLimits, Timeouts};
use uswgi_proto::shared::CacheSpec;

fn read(options: &[(String, String)]) -> Instance {
    let args: Vec<OsString> = options.iter().map(|(n, v)| format!("--set={n}={v}").into()).collect();
    match load(&args, std::iter::empty::<(OsString, OsString)>()) {
        Ok(Invocation::Run(loaded)) => loaded.instance,
        Ok(Invocation::Print { text, .. }) => panic!("{options:?} printed {text}"),
        Err(e) => panic!("{options:?}: {e}"),
    }
}

/// What an instance means: without where it was written and under which name.
fn meaning(mut i: Instance) -> Instance {
    i.options.clear();
    i.files.clear();
    for socket in &mut i.sockets {
        (socket.name, socket.origin) = (String::new(), Origin::default());
    }
    i.tasks.daemons.iter_mut().for_each(|daemon| daemon.origin = Origin::default());
    i.startup.items.iter_mut().for_each(|item| item.option.clear());
    i
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// What an option needs beside it to have an effect.
fn around(name: &str) -> Vec<(String, String)> {
    pairs(match name {
        "cheaper" => &[("workers", "8")],
        "map-socket" => &[("workers", "3")],
        "loop-lag-warn" => &[("gevent", "9")],
        "asgi-tasks" | "asyncio-loop" => &[("asgi", "true")],
        "need-app" => &[("module", "a")],
        n if n.starts_with("cheaper-busyness") => {
            &[("workers", "8"), ("cheaper", "2"), ("cheaper-algo", "busyness")]
        }
        n if n.starts_with("cheaper") => &[("workers", "8"), ("cheaper", "2")],
        "farm" => &[("mules", "2")],
        "metric-threshold" | "metric-alarm" | "alarm-metric" => &[("metric", "a"), ("alarm", "x cmd:true")],
        "stats-pusher-default-freq" | "stats-pushers-default-freq" => {
            &[("stats-push", "socket:127.0.0.1:8125")]
        }
        "metrics-dir-restore" | "metric-dir-restore" => &[("metrics-dir", "/tmp")],
        n if n.starts_with("carbon-") => &[("carbon", "127.0.0.1:2003")],
        n if n.contains("alarm") && n != "alarm" => &[("alarm", "x cmd:true")],
        "queue-blocksize" => &[("queue", "3")],
        n if n.starts_with("spooler-") && n != "spooler-external" => &[("spooler", "tasks")],
        "die-on-idle" => &[("idle", "60")],
        n if n.starts_with("warmup-") => &[("warmup", "/")],
        "max-requests-delta" => &[("max-requests", "100")],
        "protocol" | "socket-protocol" | "abstract-socket" => &[("socket", "a.sock")],
        "log-route" => &[("logger", "one file:/x.log")],
        "log-req-route" => &[("req-logger", "one file:/x.log")],
        "daemons-honour-stdin" => &[("attach-daemon", "x")],
        "cron-harakiri" => &[("cron", "-1 -1 -1 -1 -1 x")],
        "cache-blocksize" | "cache-no-expire" => &[("cache", "9")],
        "add-cache-item" | "load-file-in-cache" | "load-file-in-cache-gzip" => {
            &[("cache2", "name=a,items=5")]
        }
        _ => &[],
    })
}

/// A value that is not the default.
fn sample(row: &Row, default: &HashMap<&str, String>) -> String {
    let name = row.fact.name;
    let text = match name {
        "socket" | "uwsgi-socket" => "127.0.0.1:9",
        "http-socket" | "http11-socket" | "http" | "httprouter" | "stats" | "stats-server" => ":81",
        "protocol" | "socket-protocol" => "http",
        "scgi-socket" | "scgi-nph-socket" | "fastcgi-socket" | "fastcgi-nph-socket" | "http-to-https" => {
            ":81"
        }
        "https" | "https-socket" => ":81,a.crt,a.key,HIGH,!ca.pem",
        "https2" => "addr=:81,cert=a.crt,key=a.key,client_ca=ca.pem",
        "sni" | "sni-regexp" => "a.example a.crt,a.key",
        "add-cache-item" => "k=v",
        "collect-header" | "response-header-collect" | "pull-header" => "X-A SEEN",
        "chmod-socket" | "chmod" | "logfile-chmod" => "604",
        "umask" => "027",
        "uid" | "gid" | "add-gid" | "additional-gid" | "immediate-uid" | "immediate-gid" => "nobody",
        "chown-socket" => "nobody:nogroup",
        "emperor" => "/etc/uwsgi/vassals",
        "emperor-die-with" => "stop",
        "emperor-stats" | "emperor-stats-server" => ":81",
        "env" => "A=b=c",
        "map-socket" => "0:2,3",
        "pymodule-alias" | "post-pymodule-alias" => "a=b.c",
        "thread-stacksize" | "threads-stacksize" | "thread-stack-size" | "threads-stack-size" => "512",
        "optimize" => "2",
        "ini-paste" | "ini-paste-logged" => "tests/paste.ini",
        "paste" => "config:/srv/paste.ini#main",
        "eval" => "application = f",
        "envdir" | "early-envdir" => "tests/envdir",
        "mount" => "/a=b.py",
        "cron" | "unique-cron" => "0 3 -1 -1 -1 backup",
        "cron2" => "minute=5,unique=1 backup",
        "attach-daemon" | "attach-control-daemon" => "program -x",
        "smart-attach-daemon" | "smart-attach-daemon2" => "/run/a.pid program",
        "attach-daemon2" => "cmd=program,freq=7",
        "touch-exec" => "/run/a touch /run/b",
        "hook-touch" => "/run/a exec:touch /run/b",
        "hook-master-start" => "unix_signal:15 gracefully_kill_them_all",
        "hook-emperor-start" => "print:hello",
        n if n.starts_with("hook-") => "exec:touch /run/b",
        n if n.starts_with("exec-") => "touch /run/b",
        "canary-for" => "90",
        "canary-max-5xx" => "0.5",
        "canary-max-slower" => "2.25",
        "canary-share" => "2.5",
        "warmup" => "/healthz",
        "warmup-header" => "X-A: b",
        "warmup-expect" => "204,300-399",
        "cheaper-algo" => "backlog",
        "cheaper" => "3",
        "cheaper-initial" => "4",
        "harakiri-graceful-signal" => "10",
        "max-worker-lifetime" => "700",
        "max-fd" => "4096",
        "buffer-size" => "8192",
        "cache2" => "name=a,items=5,lru=1",
        n if n.ends_with("route-run") => "log:x",
        n if n.ends_with("route-label") => "here",
        n if n.ends_with("route-status") => "404 log:x",
        n if n.ends_with("route-if") || n.ends_with("route-if-not") => "equal:${PATH_INFO};/a log:x",
        n if uswgi_proto::routing::is_route(n) => "^/a log:x",
        "static-map" | "static-map2" => "/s=/srv/s",
        n if n.starts_with("static-expires-type") => "text/css=60",
        n if n.starts_with("static-expires") => r"\.css$ 60",
        "add-header" => "X-A: b",
        "forwarded-allow-ips" | "spooler-allow-ips" | "rpc-allow-ips" => "10.0.0.0/8",
        "logger" | "req-logger" | "logger-req" => "one rsyslog:192.0.2.1:514,tag,local3",
        "log-socket" => "127.0.0.1:5140,app",
        "log-syslog" => "a,b",
        "log-route" | "log-req-route" => "one ^a b",
        "log-encoder" | "log-req-encoder" => r#"json {"m":"${msg}"}"#,
        "log-date" | "logdate" | "log-prefix" => "%Y-%m",
        "log-format" | "logformat" => "%(uri) %(status)",
        "gevent" => "7",
        "sharedarea" => "3",
        "metric" => "name=a,type=gauge,initial_value=-3",
        "metric-threshold" | "metric-alarm" | "alarm-metric" => "key=a,value=3,alarm=x",
        "alarm" => "x cmd:true",
        "alarm-segfault" | "segfault-alarm" | "alarm-backlog" | "backlog-alarm" | "lq-alarm" | "alarm-lq"
        | "alarm-listen-queue" | "listen-queue-alarm" => "x",
        "alarm-fd" => "x 0:4 text",
        "log-alarm" | "alarm-log" | "not-log-alarm" | "not-alarm-log" => "x ^a",
        "carbon" => "127.0.0.1:2003",
        "stats-push" => "socket:127.0.0.1:8125,site",
        "metrics-dir" | "metric-dir" => "/tmp",
        "carbon-idle-avg" => "zero",
        "carbon-retry-delay" => "9",
        "queue-blocksize" => "4096",
        "farm" => "f:1,2",
        "signal-timer" | "timer" | "signal-rbtimer" | "rbtimer" => "17 30",
        "touch-signal" | "fs-signal" => "/run/a 17",
        "asyncio-loop" => "uvloop",
        "websocket-reload" => "drain",
        "import" | "pyimport" | "py-import" | "python-import" => "json",
        "pyargv" => "a b",
        _ => match row.fact.kind {
            Kind::Bool | Kind::InvertedBool => match default.get(row.canonical()).map(String::as_str) {
                Some("true") => "false",
                _ => "true",
            },
            Kind::Int | Kind::RawInt | Kind::U64 | Kind::U16 | Kind::MiB => "7",
            _ => "a-word",
        },
    };
    text.into()
}

/// What getters give where nobody says anything, by the name that stands for an option.
fn shown_by_default() -> HashMap<&'static str, String> {
    options::getters()
        .filter_map(|(name, shown)| {
            Some((options::row(name).map_or(name, |r| r.canonical()), shown.default()?))
        })
        .collect()
}

/// `show` left out more than 30 options: nearly all of logs, `chroot`, `touch-logrotate`.
#[test]
fn every_option_shows_what_it_sets_and_means_the_same_when_it_is_read_again() {
    let default = shown_by_default();
    let socket = pairs(&[("http-socket", ":80")]);
    let no_app = pairs(&[("need-app", "false")]);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for row in options::rows().filter(|r| r.status == Status::Supported) {
        let name = row.fact.name;
        if matches!(row.shown, Shown::Nothing) {
            continue;
        }
        seen += 1;
        let app = if name == "need-app" { Vec::new() } else { no_app.clone() };
        let before = [socket.clone(), app, around(name)].concat();
        let value = sample(&row, &default);
        let with = [before.clone(), vec![(name.to_string(), value.clone())]].concat();
        let (without, i) = (read(&before), read(&with));
        let shown = effective(&i);
        if shown == effective(&without) {
            wrong.push(format!("{name} = {value} changes nothing in show"));
        }
        let again: Vec<(String, String)> = shown.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        let again = read(&again);
        if effective(&again) != shown {
            wrong.push(format!("{name} = {value}: {shown:?}\n  is shown again as {:?}", effective(&again)));
        }
        let (i, again) = (meaning(i), meaning(again));
        if i != again {
            wrong.push(format!("{name} = {value}: {i:?}\n  is read again as {again:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 200, "{seen}");
}

/// What has no getter must set nothing, or it would be missing from `show`.
#[test]
fn an_option_that_shows_nothing_sets_nothing() {
    let base = pairs(&[("http-socket", ":80"), ("module", "a")]);
    let plain = meaning(read(&base));
    for row in options::rows().filter(|r| r.status == Status::Supported) {
        let name = row.fact.name;
        let acts = matches!(
            row.fact.kind,
            Kind::Config
                | Kind::Set
                | Kind::Declare
                | Kind::Resolve
                | Kind::Logic
                | Kind::Exit
                | Kind::Action
        );
        if !matches!(row.shown, Shown::Nothing)
            || acts
            || matches!(
                name,
                "blacklist"
                    | "whitelist"
                    | "inject-before"
                    | "inject-after"
                    | "get"
                    | "help"
                    | "usage"
                    | "version"
                    | "http-to"
            )
        {
            continue;
        }
        let i = read(&[base.clone(), pairs(&[(name, "1")])].concat());
        assert_eq!(meaning(i), plain, "{name} has no getter");
    }
}

fn numbers(text: &str) -> Vec<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    digits.filter_map(|word| word.parse().ok()).collect()
}

/// `max-vars` was documented with a default of 256 where 128 was in force.
#[test]
fn every_documented_default_is_the_value_in_force() {
    let i = read(&pairs(&[("http-socket", ":80"), ("module", "a")]));
    let shown: HashMap<_, _> = effective(&i).into_iter().collect();
    // Where the number is not a value of the option itself.
    let cache = CacheSpec::new("", 1);
    let others: &[(&str, Vec<u64>)] = &[
        ("cache-blocksize", vec![cache.blocksize]),
        ("rsyslog-packet-size", vec![logs::RSYSLOG_PACKET.into()]),
        ("logfile-chmod", numbers(&format!("{:o}", logs::FILE_MODE))),
        ("reload-mercy", vec![i.mercy.into(), i.tasks.mercy.into()]),
        ("max-surplus", vec![1]),
        ("reload-watch", vec![u64::from(Instance::RELOAD_WATCH)]),
        ("asgi-tasks", vec![u64::from(Lanes::TASKS)]),
        ("chmod-socket", vec![777]),
        ("chmod", vec![777]),
    ];
    let mut counted = 0;
    for row in options::rows().filter(|r| r.status == Status::Supported) {
        let (name, text) = (row.fact.name, row.default());
        let documented = numbers(&text);
        assert!(!text.contains("{}"), "{name}: {text}");
        if documented.is_empty() {
            continue;
        }
        counted += 1;
        let target = match row.shown {
            Shown::As(target) => target,
            _ => row.canonical(),
        };
        let is_target = |n: &str| options::row(n).map(|r| r.canonical()) == Some(target);
        let value = shown.iter().find(|(n, _)| is_target(n)).map(|(_, value)| value.clone()).or_else(|| {
            let (_, getter) = options::getters().find(|(n, _)| is_target(n))?;
            getter.default()
        });
        let in_force = match others.iter().find(|(n, _)| *n == name) {
            Some((_, numbers)) => numbers.clone(),
            None => numbers(&value.unwrap_or_default()),
        };
        assert_eq!(documented, in_force, "{name}: the table says {text:?}");
    }
    assert!(counted > 40, "{counted}");
}

/// The numbers that stand in sentences: what is changed on purpose, and the help of options.
#[test]
fn numbers_in_sentences_are_those_in_force() {
    let (limits, timeouts) = (RequestLimits::default(), Timeouts::default());
    let changed = uswgi_conf::differences::DIFFERENCES.iter().find(|d| d.uwsgi.starts_with("buffer-size"));
    let here = [limits.buffer_size, timeouts.socket, limits.max_vars / 2].map(u64::from);
    assert_eq!(numbers(changed.unwrap().here), here, "{changed:?}");
    let help = |name| options::row(name).unwrap().help;
    let switched = read(&pairs(&[("http-socket", ":80"), ("module", "a"), ("http-keepalive", "1")]));
    assert!(help("http-keepalive").contains(&format!("({} without it)", switched.timeouts.keepalive)));
}
