//! What uswgi does with the names that public configurations use most, and our own options. Every row
//! is written by hand; `Supported` stands only where `resolve` gives the value to the master.

use super::Arg::{Opt, Req};
use super::Kind::{self, Bool, Int};
use super::Status::{self, Harmless, Noticed, Refused};
use super::facts::Fact;
use super::getter::Shown::{self, As, Nothing, With};
use super::getter::{ShownWhen, Written};
use crate::instance::{CheaperAlgorithm, Instance, OnTerm, Socket};
use crate::logs::{EncoderSpec, Route};
use crate::startup::{CacheItem, CacheValue};
use crate::written::{self, mib};
use std::path::PathBuf;
use uswgi_front::plan::FrontSpec;
use uswgi_front::spec::{Identity, NameRule};
use uswgi_proto::background::SpoolFolder;
use uswgi_proto::canary::decimal;
use uswgi_proto::routing::RouteLine;
use uswgi_proto::settings::{LaneKind, Protocol, RememberedHeader, StaticMap};

/// One row: names (aliases that mean the same here) separated by spaces.
pub(super) struct Meaning {
    /// Names.
    pub(super) names: &'static str,
    /// What happens.
    pub(super) status: Status,
    /// Where its value stands.
    pub(super) shown: Shown,
    /// Default, for people; `{}` is the value in force.
    pub(super) default: &'static str,
    /// One line.
    pub(super) help: &'static str,
}

/// A row of something that has no effect here.
const fn m(names: &'static str, status: Status, default: &'static str, help: &'static str) -> Meaning {
    Meaning { names, status, shown: Nothing, default, help }
}

/// A row of a supported option.
const fn s(names: &'static str, shown: Shown, default: &'static str, help: &'static str) -> Meaning {
    Meaning { names, status: Status::Supported, shown, default, help }
}

/// A value that always has a line.
const fn always(get: fn(&Instance) -> Written) -> Shown {
    Shown::Get(ShownWhen::Always, get)
}

/// A value that has a line when it is not the default.
const fn set(get: fn(&Instance) -> Written) -> Shown {
    Shown::Get(ShownWhen::Set, get)
}

/// A value that counts only when something is so.
const fn only(so: fn(&Instance) -> bool, get: fn(&Instance) -> Written) -> Shown {
    Shown::Get(ShownWhen::If(so), get)
}

/// There may be fewer workers than `workers`.
fn fewer(i: &Instance) -> bool {
    i.dynamic.cheaper > 0
}

/// The load decides how many.
fn by_load(i: &Instance) -> bool {
    fewer(i) && i.dynamic.algorithm == CheaperAlgorithm::Busyness
}

/// A rule of routing; its name is one of the table's.
fn rule(line: &RouteLine) -> (&'static str, String) {
    (super::fact(&line.option).map_or("route", |f| f.name), line.text.clone())
}

fn socket(s: &Socket) -> (&'static str, String) {
    let address = written::address(&s.address);
    match (&s.front, s.protocol) {
        (FrontSpec::None, protocol) => (protocol.option().0, address),
        (FrontSpec::Tls(identity), _) => ("https", format!("{address},{}", identity.written())),
        (FrontSpec::FastCgi, Protocol::ScgiNph) => ("fastcgi-nph-socket", address),
        (FrontSpec::FastCgi, _) => ("fastcgi-socket", address),
        (FrontSpec::ToHttps, _) => ("http-to-https", address),
    }
}

fn identity_of((rule, identity): &(NameRule, Identity)) -> (&'static str, String) {
    match rule {
        NameRule::Is(name) => ("sni", format!("{name} {}", identity.written())),
        NameRule::Matches(pattern) => ("sni-regexp", format!("{pattern} {}", identity.written())),
    }
}

fn remembered(h: &RememberedHeader) -> (&'static str, String) {
    (if h.pull { "pull-header" } else { "collect-header" }, format!("{} {}", h.name, h.variable))
}

fn error_page((status, path): &(u16, PathBuf)) -> (&'static str, String) {
    let name = match status {
        403 => "error-page-403",
        404 => "error-page-404",
        _ => "error-page-500",
    };
    (name, path.display().to_string())
}

fn cache_items(i: &Instance) -> Vec<(&'static str, String)> {
    let item = |item: &CacheItem| match &item.value {
        CacheValue::Text(text) => ("add-cache-item", format!("{} {}={text}", item.cache, item.key)),
        CacheValue::File(_) => ("load-file-in-cache", format!("{} {}", item.cache, item.key)),
        CacheValue::Compressed(_) => ("load-file-in-cache-gzip", format!("{} {}", item.cache, item.key)),
    };
    i.startup.items.iter().map(item).collect()
}

/// Sockets of a protocol whose connections may begin with a PROXY header.
fn proxied(i: &Instance, protocol: Protocol) -> bool {
    i.sockets.iter().any(|s| s.proxied && s.protocol == protocol)
}

/// Sockets that some workers have for themselves.
fn mapped(i: &Instance) -> Vec<(usize, String)> {
    let text = |workers: &[u32]| workers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let all = i.sockets.iter().enumerate().filter(|(_, s)| !s.workers.is_empty());
    all.map(|(n, s)| (n, text(&s.workers))).collect()
}

fn spool_folder(f: &SpoolFolder) -> (&'static str, String) {
    (if f.external { "spooler-external" } else { "spooler" }, f.path.display().to_string())
}

fn variable((name, value): &(String, Option<String>)) -> (&'static str, String) {
    match value {
        Some(value) => ("env", format!("{name}={value}")),
        None => ("unenv", name.clone()),
    }
}

fn map(m: &StaticMap) -> (&'static str, String) {
    let name = if m.keep_prefix { "static-map2" } else { "static-map" };
    (name, format!("{}={}", m.prefix, m.target))
}

fn routes(i: &Instance) -> impl Iterator<Item = (&'static str, String)> {
    let of = |name, all: &'_ [Route]| all.iter().map(|r| (name, written::route(r))).collect::<Vec<_>>();
    of("log-route", &i.log.messages.routes).into_iter().chain(of("log-req-route", &i.log.requests.routes))
}

fn encoders(i: &Instance) -> impl Iterator<Item = (&'static str, String)> {
    let of =
        |name, all: &'_ [EncoderSpec]| all.iter().map(|e| (name, written::encoder(e))).collect::<Vec<_>>();
    let (messages, requests) = (&i.log.messages.encoders, &i.log.requests.encoders);
    of("log-encoder", messages).into_iter().chain(of("log-req-encoder", requests))
}

/// Options with a form of their own, as they were written, in their order: daemons, jobs and steps.
fn as_given(i: &Instance) -> Vec<(&'static str, String)> {
    let starts =
        ["attach-", "smart-attach-", "cron", "unique-cron", "exec-", "hook-", "touch-exec", "flock", "wait-"];
    let known = |name: &str| {
        let name = super::fact(name)?.name;
        (name != "cron-harakiri" && starts.iter().any(|s| name.starts_with(s))).then_some(name)
    };
    i.options.iter().filter_map(|(name, value)| Some((known(name)?, value.clone()?))).collect()
}

/// What applications see as uwsgi.mode.
fn application_mode(i: &Instance) -> Option<String> {
    i.options.iter().rfind(|(name, _)| name == "mode").and_then(|(_, value)| value.clone())
}

const fn own(name: &'static str, arg: super::Arg, kind: Kind) -> Fact {
    Fact {
        name,
        arg,
        short: 0,
        kind,
        aliases: "",
        plugin: "uswgi",
        immediate: false,
        repeatable: false,
        usual: true,
    }
}

/// An option that only uswgi knows: its facts, where its value stands, help, default.
type Own = (Fact, Shown, &'static str, &'static str);

/// Options that only uswgi knows.
pub(super) static OWN: &[Own] = &[
    (
        own("allow-unsupported", Opt, Bool),
        Nothing,
        "Start although the configuration holds options that are not supported here; each becomes a warning.",
        "false",
    ),
    (
        own("asgi", Opt, Bool),
        set(|i| (i.lanes.kind == LaneKind::Tasks).into()),
        "Calls the app by ASGI 3 (http, websocket and lifespan), each request in a task of asyncio, in the place of WSGI in threads.",
        "false",
    ),
    (
        own("asgi-tasks", Req, Int),
        only(|i| i.lanes.kind == LaneKind::Tasks, |i| i.threads.into()),
        "With `asgi`: requests that a worker runs at the same time; others wait in the queue of the socket.",
        "256",
    ),
    (
        own("asyncio-loop", Req, Kind::Other),
        only(|i| i.lanes.kind == LaneKind::Tasks, |i| i.lanes.asyncio_loop.name().to_string().into()),
        "With `asgi`: the loop: asyncio, uvloop, or auto, which is uvloop where the app's environment has it.",
        "auto",
    ),
    (
        own("django-preload", Opt, Bool),
        always(|i| i.app.django_preload.into()),
        "Loads Django's URLconf, the views that it names and the template engines with the app instead of with the first request: a mistake there replaces nothing.",
        "{}",
    ),
    (
        own("emperor-die-with", Req, Kind::Str),
        set(|i| (if i.emperor.die_with { "stop" } else { "nothing" }).into()),
        "What becomes of the vassals of an Emperor that is killed: stop, or nothing.",
        "{}",
    ),
    (
        own("canary-for", Req, Kind::Str),
        set(|i| i.canary.seconds.into()),
        "Seconds for which `uswgi-ctl reload --canary` compares both generations: 60, 60s, 5m.",
        "{}",
    ),
    (
        own("canary-max-5xx", Req, Kind::Str),
        set(|i| (&decimal(i.canary.max_5xx)).into()),
        "Percentage points of failed requests that the new generation of a canary may have above the old one: 1, +0.5%.",
        "{}",
    ),
    (
        own("canary-max-slower", Req, Kind::Str),
        set(|i| (&decimal(i.canary.max_slower)).into()),
        "How many times as long the requests of the new generation of a canary may take: 1.5, 2x.",
        "{}",
    ),
    (
        own("canary-min-requests", Req, Int),
        set(|i| i.canary.min_requests.into()),
        "Requests that the new generation of a canary answers before it is judged.",
        "{}",
    ),
    (
        own("canary-share", Req, Kind::Str),
        set(|i| (&decimal(i.canary.share)).into()),
        "Share of the workers that are of the new generation during a canary, in percent: above 0, at most 50.",
        "{}",
    ),
    (
        own("emperor-start-concurrency", Req, Int),
        set(|i| i.emperor.start_concurrency.into()),
        "Vassals that an Emperor starts at a time.",
        "{}: twice the CPUs",
    ),
    (
        own("forwarded-allow-ips", Req, Kind::List),
        always(|i| (&i.headers.trusted).into()),
        "Peers whose X-Forwarded-Proto, -SSL and -For are believed: addresses, networks, unix, loopback, private, none, *. Repeatable.",
        "{}",
    ),
    (
        own("keep-previous", Req, Int),
        set(|i| i.keep_previous.into()),
        "Seconds for which the template of the generation before sleeps after a reload, for `uswgi-ctl rollback`; 0: not.",
        "{}",
    ),
    (
        own("log-json", Opt, Bool),
        set(|i| i.log.lines.json.into()),
        "Writes one JSON object a line: requests, messages, and what the application prints.",
        "{}",
    ),
    (
        own("slow-request", Req, Int),
        set(|i| i.lanes.slow_ms.into()),
        "Milliseconds from which on a request is written down with where its time went, for `uswgi-ctl slow`; 0: none.",
        "{}",
    ),
    (
        own("loop-lag-warn", Req, Int),
        only(|i| i.lanes.kind.share_a_thread(), |i| i.lanes.lag_warn_ms.into()),
        "Milliseconds for which one greenlet may keep the others from running before the log says where it stands; 0: never.",
        "{}",
    ),
    (
        own("max-surplus", Req, Int),
        set(|i| (&i.max_surplus.map(|n| n.to_string())).into()),
        "Most processes above `workers` while workers are being replaced.",
        "a quarter of the workers, at least 1",
    ),
    (
        own("reload-boost", Req, Int),
        set(|i| i.reload_boost.into()),
        "How much less nice processes are that a reload waits for, so that it is soon over under load: the one that imports the application, workers until they accept, and those that have finished their requests until they have ended. 0 (not at all) to 20. Takes effect where the master has a nice value of 0 and may give a lower one: as root, or by its limits (LimitNICE= of systemd).",
        "{}",
    ),
    (
        own("no-new-privs", Opt, Bool),
        set(|i| i.no_new_privs.into()),
        "No program that the instance starts may gain privileges (setuid bits count for nothing).",
        "{}",
    ),
    (
        own("reload-watch", Req, Int),
        set(|i| (&i.reload_watch.map(|n| n.to_string())).into()),
        "Seconds for which a reload watches its workers once all of them accept: two that die meanwhile end it, and the workers of before come back. It is over after that time; 0: nobody watches.",
        "10, and the reload is over before",
    ),
    (
        own("rpc-allow-ips", Req, Kind::List),
        set(|i| (&i.background.rpc.allow).into()),
        "Peers that may call functions of uwsgi.register_rpc and raise signals of the app over a uwsgi socket (modifier1 173 and 110): addresses, networks, unix, loopback, private, none, *. Repeatable.",
        "{}",
    ),
    (
        own("shutdown-delay", Req, Int),
        set(|i| i.shutdown_delay.into()),
        "Seconds that everything is served yet after TERM, while /readyz and `uswgi-ctl ping` say no, before the stop begins.",
        "{}",
    ),
    (
        own("spooler-allow-ips", Req, Kind::List),
        set(|i| (&i.background.spool.allow).into()),
        "Peers that may spool a task over a uwsgi socket (modifier1 17): addresses, networks, unix, loopback, private, none, *. Repeatable.",
        "{}",
    ),
    (
        own("spooler-fsync", Opt, Bool),
        set(|i| i.background.spool.fsync.into()),
        "A task is on disk before uwsgi.spool() returns; false: it is in the file system, and a power cut may lose it.",
        "{}",
    ),
    (
        own("spooler-max-attempts", Req, Int),
        set(|i| i.background.spool.max_attempts.into()),
        "Spooler processes that a task may end (by a crash, a kill or its harakiri) before it is moved to DIR/failed; 0: any number.",
        "{}",
    ),
    (
        own("signals-pile-up", Opt, Bool),
        set(|i| i.signals.pile_up.into()),
        "Raises a signal by the clock, or for a file, although nobody has taken the one before: as on uWSGI all of them run when somebody is free.",
        "false",
    ),
    (
        own("spooler-retry-delay", Req, Int),
        set(|i| i.background.spool.retry_delay.into()),
        "Seconds before a task that asked for another try runs again, doubled with each try up to an hour; 0: at the next look at the folder.",
        "{}",
    ),
    (
        own("warmup", Req, Kind::List),
        set(|i| Written::each(&i.warmup.paths, String::clone)),
        "Path that each new worker asks of the application in itself before it accepts, with environ `uswgi.warmup`; one whose answer is not expected is not ready: the start or the reload fails. Repeatable.",
        "",
    ),
    (
        own("warmup-header", Req, Kind::List),
        set(|i| Written::each(&i.warmup.headers, String::clone)),
        "Header field of these requests, Name: value. Repeatable.",
        "Host: localhost",
    ),
    (
        own("warmup-expect", Req, Kind::Str),
        set(|i| (&i.warmup.expected()).into()),
        "Status codes that are good: ranges such as 200-399, with commas between.",
        "{}",
    ),
    (
        own("websocket-reload", Req, Kind::Other),
        set(|i| i.websockets.reload.name().to_string().into()),
        "What becomes of WebSockets when their worker leaves: close (with 1001, at once), or drain (they go on until they end or the mercy is over).",
        "close",
    ),
    (
        own("warmup-timeout", Req, Int),
        set(|i| i.warmup.timeout.into()),
        "Seconds for each of these requests.",
        "{}",
    ),
    (
        own("worker-id-exclusive", Opt, Bool),
        set(|i| i.worker_id_exclusive.into()),
        "A worker number belongs to one process at a time: a worker is replaced in its place, its successor starts when it has ended, as many at a time as max-surplus says.",
        "{}",
    ),
];

const LOG_SAME: &str = "the log process takes lines of up to 64 KiB from everybody";
const ALWAYS_MASTER: &str = "there always is a supervising master";
const NO_WRITE_NOISE: &str = "a client that leaves its answer raises no error and no log line here; one that leaves its body makes wsgi.input raise OSError, with this option or without";
const KERNEL: &str = "the kernel wakes one worker a connection here (EPOLLEXCLUSIVE), no lock is needed";
const NO_PLUGIN_DIR: &str = "there are no plugins to load";

/// The rows.
#[rustfmt::skip]
pub(super) static MEANING: &[Meaning] = &[
    // Sockets.
    s("socket uwsgi-socket", always(|i| Written::named(i.sockets.iter().map(socket))), "", "Listens for the uwsgi protocol: host:port, :port, [v6]:port, a path, @abstract or fd://N. Repeatable. `socket` follows `protocol`."),
    s("http-socket", With("socket"), "", "Listens for HTTP/1.1. Repeatable."),
    s("http11-socket", As("http-socket"), "", "The same as http-socket: persistent connections are always on."),
    s("http httprouter", As("http-socket"), "", "Listens for HTTP/1.1 in the workers themselves; there is no separate router process."),
    s("scgi-socket", With("socket"), "", "Listens for SCGI, as nginx's scgi_pass, lighttpd and Apache speak it. Repeatable."),
    s("scgi-nph-socket", With("socket"), "", "The same, with a status line in front of the answer. Repeatable."),
    s("fastcgi-socket", With("socket"), "", "Listens for FastCGI, as nginx's fastcgi_pass, Apache's mod_proxy_fcgi and lighttpd speak it. Repeatable."),
    s("fastcgi-nph-socket", With("socket"), "", "The same, with a status line in front of the answer. Repeatable."),
    s("https", With("socket"), "", "ADDRESS,CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]: listens for HTTPS, with files in PEM. CLIENTS holds the certificates that sign those of clients; with ! in front each client has to show one. Repeatable."),
    s("https-socket", As("https"), "", "The same as https. Repeatable."),
    s("https2", As("https"), "", "The same, as addr=ADDRESS,cert=FILE,key=FILE[,ciphers=LIST][,client_ca=FILE]. Repeatable."),
    s("http-to-https", With("socket"), "", "Listens for HTTP, and answers every request with its address by HTTPS (301). Repeatable."),
    s("sni", set(|i| Written::named(i.tls.names.iter().map(identity_of))), "", "NAME CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]: what clients of HTTPS get who ask for this name. Repeatable."),
    s("sni-regexp", With("sni"), "", "The same for names that match a pattern. Repeatable."),
    s("sni-dir", set(|i| (&i.tls.folder).into()), "", "A folder with NAME.crt and NAME.key for each name, and perhaps NAME.ca: read at the start and at each reload."),
    s("sni-dir-ciphers", set(|i| (&i.tls.folder_ciphers).into()), "", "Ciphers of the names in sni-dir."),
    s("https-export-cert", set(|i| i.headers.export_certificate.into()), "false", "Gives the certificate of a client to the app as HTTPS_CC, in PEM."),
    s("ssl-verbose", set(|i| i.tls.verbose.into()), "false", "Says every handshake that fails, not only a few of them."),
    m("ssl-enable3 ssl-enable-sslv3 ssl-enable-tlsv1", Noticed("TLS 1.2 and 1.3 are spoken, and nothing older: clients that know no TLS 1.2 cannot connect"), "", "Speaks versions of TLS that are broken."),
    m("ssl-option", Noticed("it is a number of OpenSSL's, which is not here: what is older than TLS 1.2, compression and renegotiation are off in any case"), "", "Options of OpenSSL."),
    m("ssl-verify-depth", Harmless("chains of clients' certificates are followed as far as they go, within the limits of the TLS library"), "", "Longest chain of a client's certificate."),
    m("ssl-sessions-use-cache ssl-session-use-cache ssl-sessions-timeout ssl-session-timeout https-session-context", Harmless("clients come back by tickets, which need no cache: no handshake of theirs is repeated"), "", "Sessions of TLS in the cache."),
    m("ssl-tmp-dir", Harmless("no temporary file is made"), "", "Folder for temporary files of TLS."),
    m("puwsgi-socket", Refused("no web server keeps connections of the uwsgi protocol, only uWSGI's own routers do: use socket"), "", "Listens for the uwsgi protocol with persistent connections."),
    s("protocol socket-protocol", As("socket"), "uwsgi", "What is spoken on `socket`: uwsgi, http, scgi, scgi-nph, fastcgi or fastcgi-nph."),
    s("abstract-socket", As("socket"), "false", "Puts unix sockets of `socket` into the abstract namespace."),
    s("listen", always(|i| i.listen.into()), "{}", "Length of the queue of every socket."),
    s("chmod-socket chmod", set(|i| (&i.chmod_socket.map(written::mode)).into()), "0777 without the umask", "Mode of unix sockets: three octal digits; without a value 666."),
    s("chown-socket", set(|i| (&i.chown_socket).into()), "", "Owner of unix sockets: user or user:group."),
    s("shared-socket undeferred-shared-socket", Nothing, "", "An address that `socket = =N` and its like mean by its number, from 0; a unix socket is made with the rights of the start. Repeatable."),
    s("map-socket", set(|i| Written::each(&mapped(i), |(n, workers)| format!("{n}:{workers}"))), "", "N:WORKER[,WORKER...]: on socket N, counted from 0, these workers alone accept. Repeatable."),
    m("reuse-port", Harmless("one socket is shared by all workers, and connections are spread evenly over them"), "", "Several sockets on one port."),
    m("so-keepalive", Harmless("connections that stall are closed after socket-timeout"), "", "TCP keep-alive probes."),
    m("tcp-nodelay", Harmless("it is always on"), "", "Sends small answers at once."),
    s("no-defer-accept", set(|i| (!i.defer_accept).into()), "", "Accepts on uwsgi sockets before the first byte has come, as HTTP sockets always do."),
    s("freebind", set(|i| i.startup.freebind.into()), "{}", "Binds TCP sockets to addresses that are not there yet, as a failover address."),
    s("socket-sndbuf", set(|i| i.startup.sndbuf.into()), "{}: the system's", "Bytes of the send buffer of connections."),
    s("socket-rcvbuf", set(|i| i.startup.rcvbuf.into()), "{}: the system's", "Bytes of the receive buffer of connections."),
    s("tcp-fast-open tcp-fastopen", set(|i| i.startup.fast_open.into()), "{}: not", "Connections of TCP sockets that may send data with their first packet before they are made."),
    s("enable-proxy-protocol", set(|i| (proxied(i, Protocol::Uwsgi)).into()), "false", "Connections from peers of forwarded-allow-ips may begin with a header of the PROXY protocol, version 1 or 2: the client that it names is the peer. On all sockets."),
    // Privileges.
    s("uid", set(|i| (&i.uid).into()), "", "User to become, by name or number."),
    s("gid", set(|i| (&i.gid).into()), "", "Group to become, by name or number."),
    s("add-gid", set(|i| (&i.add_gid).into()), "", "Supplementary group to add. Repeatable."),
    s("no-initgroups", set(|i| i.startup.no_initgroups.into()), "{}", "Leaves the supplementary groups of the user out."),
    s("umask", set(|i| (&i.umask.map(written::mode)).into()), "", "umask of all processes: three or four octal digits."),
    m("master-as-root", Noticed("the master gives up root with the workers; its sockets stay open over every reload"), "", "Keeps the master root."),
    s("immediate-uid", set(|i| (&i.immediate.0).into()), "", "User to become before anything else is done: before the sockets and pidfiles are made."),
    s("immediate-gid", set(|i| (&i.immediate.1).into()), "", "Group to become before anything else is done."),
    s("chroot", set(|i| (&i.chroot).into()), "", "Directory that becomes the root, as a jail, before privileges are dropped; Python, the app and uswgi-worker are looked for inside."),
    // Programs beside the instance.
    s("attach-daemon", set(|i| Written::named(as_given(i))), "", "Command that runs as long as the instance: started again when it ends, and anew by a reload. Repeatable."),
    s("attach-control-daemon", With("attach-daemon"), "", "As attach-daemon; its end ends the instance."),
    s("smart-attach-daemon", With("attach-daemon"), "", "PIDFILE[,SECONDS] COMMAND: a program that goes to the background and writes a pidfile. It is adopted where it runs, and outlives reloads and the instance. Repeatable."),
    s("smart-attach-daemon2", With("attach-daemon"), "", "The same for a program that stays in the foreground: the pidfile is written for it. Repeatable."),
    s("attach-daemon2", With("attach-daemon"), "", "A daemon by keys: cmd, pidfile, freq, control, daemonize, touch, stopsignal, reloadsignal, stdin, uid, gid, chdir, max_throttle, notifypid. Repeatable."),
    s("daemons-honour-stdin", set(|i| i.tasks.stdin.into()), "{}", "Daemons keep the standard input."),
    s("cron", With("attach-daemon"), "", "MINUTE HOUR DAY MONTH WEEK COMMAND: runs a command by the clock, in local time; -1 is every, -15 every fifteenth. Repeatable."),
    s("unique-cron", With("attach-daemon"), "", "As cron; a command that still runs is not started again. Repeatable."),
    s("cron2", With("attach-daemon"), "", "A job by keys: minute, hour, day, month, week, unique, harakiri, then the command. Repeatable."),
    s("cron-harakiri", set(|i| i.tasks.job_harakiri.into()), "{}: never", "Seconds after which a command of cron is killed."),
    s("exec-asap hook-asap", With("attach-daemon"), "", "Runs before anything else, and again with every reload; a failure ends the start or the reload. Repeatable."),
    s("exec-pre-jail exec-in-jail hook-pre-jail hook-in-jail", With("attach-daemon"), "", "Runs before the sockets are made and before chroot, outside of the jail; a failure ends the start. Repeatable."),
    m("exec-post-jail hook-post-jail", Refused("uWSGI runs it inside a new namespace only, which is not there: use exec-as-root or hook-as-root"), "", "Runs after the jail was made."),
    s("exec-as-root hook-as-root", With("attach-daemon"), "", "Runs as root, before privileges are dropped, and again with every reload of a master that is root still; a failure ends the start or the reload. Repeatable."),
    s("exec-as-user hook-as-user", With("attach-daemon"), "", "Runs after privileges were dropped, and again with every reload; a failure ends the start or the reload. Repeatable."),
    s("exec-pre-app hook-pre-app", With("attach-daemon"), "", "Runs in the process that loads the app, before it does; a failure ends the start or the reload. Repeatable."),
    s("exec-post-app hook-post-app", With("attach-daemon"), "", "Runs in the process that loads the app, after it did; a failure ends the start or the reload. Repeatable."),
    s("exec-as-user-atexit hook-as-user-atexit", With("attach-daemon"), "", "Runs when the instance has ended; a failure is logged. Repeatable."),
    s("hook-master-start", With("attach-daemon"), "", "Runs before the first process starts. unix_signal:15 gracefully_kill_them_all makes TERM stop gracefully. Repeatable."),
    s("hook-post-fork", With("attach-daemon"), "", "Runs in each worker before it serves; a failure ends the worker. Repeatable."),
    s("hook-accepting", With("attach-daemon"), "", "Runs in each worker when it is about to accept; a failure ends the worker. Repeatable."),
    s("hook-accepting-once", With("attach-daemon"), "", "As hook-accepting, in a worker that takes the place of one that died or was recycled too; uWSGI runs it once for each worker number and start. Repeatable."),
    s("hook-accepting1", With("attach-daemon"), "", "Runs in the first worker when it is about to accept; a failure ends the worker. Repeatable."),
    s("hook-accepting1-once", With("attach-daemon"), "", "As hook-accepting1, in each process that is the first worker; uWSGI runs it once for each start. Repeatable."),
    s("touch-exec", With("attach-daemon"), "", "FILE COMMAND: runs when the file is touched, beside the instance; a failure is logged. Its removal does not count, and a touch meanwhile runs it once more afterwards. Repeatable; what one file has runs in order."),
    s("hook-touch", With("attach-daemon"), "", "FILE ACTION:ARGUMENTS: as touch-exec, with the actions of the other hooks. Repeatable."),
    // The application.
    s("chdir", set(|i| (&i.app.chdir).into()), "", "Directory to change to before anything of the app is looked up."),
    s("chdir2", set(|i| (&i.app.chdir2).into()), "", "Directory to change to after the app was loaded."),
    s("home virtualenv venv pyhome", set(|i| (&i.home).into()), "", "Virtual environment whose interpreter runs the app."),
    s("env", set(|i| Written::named(i.env.iter().map(variable))), "", "Sets an environment variable, NAME=value; NAME alone removes it. Repeatable."),
    s("envdir", With("env"), "", "Sets a variable for each file of a folder: its name, and its text without white space at the end; an empty file removes it. Wins over env. Repeatable."),
    s("early-envdir", With("env"), "", "As envdir, before everything else: $(NAME) sees it, and env wins over it."),
    s("unenv", With("env"), "", "Removes an environment variable. Repeatable."),
    s("pythonpath python-path pp", set(|i| (&i.app.pythonpath).into()), "", "Directory to put in front of sys.path; patterns are expanded. Repeatable."),
    s("module wsgi", set(|i| Written::named((0..i.app.apps.len()).map(|at| written::app(at, &i.app.apps)))), "", "The app: pkg.mod, pkg.mod:callable or pkg.mod:factory()."),
    s("wsgi-file file", With("module"), "", "The app: path of a Python file. With module too, it is opened only when that does not load."),
    s("callable", always(|i| (&i.app.callable).into()), "{}", "Name of the callable in the module or file."),
    s("mount", With("module"), "", "An app below a path: /path=app.py, /path=pkg.mod or /path=pkg.mod:callable; with `vhost` also of one host: HOST|=app.py, or HOST|/path=app.py for the SCRIPT_NAME /path. Repeatable."),
    s("vhost vhost-host", set(|i| i.startup.by_host.into()), "{}", "Mount points may have a host: HOST|=app.py serves requests whose Host header is HOST. What belongs to no host goes to the app that is mounted nowhere, or else to the first without a host."),
    s("manage-script-name", always(|i| i.app.manage_script_name.into()), "{}", "Chooses the app by the longest mount prefix, and sets SCRIPT_NAME."),
    s("import pyimport py-import python-import", set(|i| (&i.app.imports).into()), "", "Module, or path of a Python file, to import before the app; one that fails is left out. Repeatable."),
    s("pyargv", set(|i| i.app.pyargv.join(" ").into()), "", "sys.argv after the program name, separated by spaces."),
    s("need-app", always(|i| i.app.need_app.into()), "{}", "Fails the start when the app does not load; false: serves errors instead, until a reload brings an app that does."),
    s("no-default-app", set(|i| (!i.app.default_app).into()), "", "What no application owns is answered with 500, and not by the default application."),
    s("lazy-apps", always(|i| i.lazy_apps.into()), "{}", "Loads the app in every worker instead of once before the fork."),
    s("lazy", As("lazy-apps"), "{}", "As lazy-apps."),
    m("enable-threads", Harmless("Python threads always run"), "", "Starts Python's thread support."),
    m("single-interpreter", Harmless("there always is one interpreter a process"), "", "One interpreter for all apps."),
    s("no-site", set(|i| i.no_site.into()), "{}", "Starts Python without the module site: no site-packages, also of a virtual environment."),
    s("optimize", set(|i| i.optimize.into()), "{}", "Python's optimization level: 1 leaves assertions out, 2 documentation too."),
    s("py-autoreload python-autoreload py-auto-reload python-auto-reload", set(|i| i.autoreload.seconds.into()), "{}: never", "Looks so often, in seconds, at the source of loaded modules, and reloads when one has changed; what does not load changes nothing. For development."),
    s("py-auto-reload-ignore", set(|i| (&i.autoreload.ignore).into()), "", "Module that py-autoreload does not look at. Repeatable."),
    m("py-call-osafterfork py-call-uwsgi-fork-hooks", Harmless("Python's own fork hooks always run"), "", "Runs Python's hooks after fork."),
    m("wsgi-disable-file-wrapper", Harmless("wsgi.file_wrapper follows PEP 3333"), "", "No wsgi.file_wrapper."),
    m("wsgi-env-behaviour wsgi-env-behavior", Harmless("every request has an environ of its own"), "", "How environ dicts are reused."),
    m("no-threads-wait", Harmless("a worker that ends waits for its requests, within reload-mercy"), "", "Does not wait for threads."),
    m("catch-exceptions", Noticed("an exception gives a plain 500 and a traceback in the log, never a page with the traceback"), "", "Shows tracebacks to clients."),
    m("cgi-mode", Noticed("-c is cgi-mode in uWSGI, and does nothing there: name a configuration file with --ini"), "", "Answers as a CGI script would."),
    m("profiler", Noticed("uWSGI profiles nothing unless the value is pycall or pyline: use py-spy on a worker"), "", "Profiles Python calls or lines into the log."),
    s("reload-on-exception", set(|i| i.python.reload_on.any.into()), "{}", "Replaces a worker when an exception has left its app; other requests are finished."),
    s("reload-on-exception-type", set(|i| (&i.python.reload_on.types).into()), "", "Class of an exception after which a worker is replaced: KeyError or builtins.KeyError. Repeatable."),
    s("reload-on-exception-value", set(|i| (&i.python.reload_on.values).into()), "", "Text of an exception after which a worker is replaced, whole. Repeatable."),
    s("reload-on-exception-repr", set(|i| (&i.python.reload_on.reprs).into()), "", "Class and text of an exception after which a worker is replaced: KeyError: 'a'. Repeatable."),
    s("skip-atexit", set(|i| i.python.skip_atexit.into()), "{}", "Workers end without running functions of atexit and uwsgi.atexit."),
    s("skip-atexit-teardown", set(|i| i.python.skip_teardown.into()), "{}", "Workers end without finalising Python: uwsgi.atexit runs, functions of atexit do not."),
    m("never-swap", Noticed("memory is not locked: give the service LimitMEMLOCK=, or the machine no swap"), "", "Locks all memory, so that none is swapped out."),
    m("pcre-jit", Harmless("patterns are compiled to automata here, PCRE is not used"), "", "Compiles regular expressions to machine code."),
    m("wsgi-accept-buffer wsgi-accept-buffers", Noticed("a piece of an answer that is a memoryview or bytearray is an error here, as PEP 3333 says: answer with bytes(piece)"), "", "Accepts objects with the buffer protocol as parts of an answer."),
    s("pymodule-alias", set(|i| Written::each(&i.python.aliases, |(n, m)| format!("{n}={m}"))), "", "NAME=MODULE or NAME=FILE: a second name to import something by. Repeatable."),
    s("post-pymodule-alias", set(|i| Written::each(&i.python.late_aliases, |(n, m)| format!("{n}={m}"))), "", "As pymodule-alias, a second name made behind those. Repeatable."),
    s("shared-import shared-pyimport shared-py-import shared-python-import", set(|i| (&i.python.shared_imports).into()), "", "Module, or path of a Python file, to import in every process, before `import`. Repeatable."),
    m("test", Refused("uswgi-conf lint --check-app FILE loads the application and says what is wrong"), "", "Tries whether a module can be imported."),
    m("py-programname py-program-name", Refused("`home` names the interpreter; procname-prefix marks the processes"), "", "Name of its program that Python is told."),
    s("py-executable py-sys-executable", set(|i| (&i.python.executable).into()), "the interpreter of `home`", "Value of sys.executable."),
    m("pecan web3 pump wsgi-lite", Refused("name a WSGI application with module or wsgi-file"), "", "Loads an app of a framework or an interface other than WSGI."),
    s("ini-paste", As("paste"), "", "Reads the options of [uwsgi] in a paste file and loads its app, as `paste = config:FILE`."),
    s("ini-paste-logged", As("paste"), "", "As ini-paste, with paste-logger."),
    m("reload-os-env", Refused("the environment is that of the start: give what changes in a file or a database"), "", "Reads os.environ anew for each request."),
    m("pyshell pyshell-oneshot", Refused("start the interpreter of `home` in the app's directory"), "", "An interactive Python in the place of a worker."),
    m("python py pyrun", Refused("run the script with the interpreter of `home`, or beside the instance with attach-daemon"), "", "Runs a Python script in uWSGI's environment."),
    m("start_response-nodelay", Refused("the head goes out with the first piece of the body, as PEP 3333 demands: remove it"), "", "Sends the head before there is a body."),
    m("wsgi-strict", Harmless("PEP 3333 is followed in any case"), "", "Follows PEP 3333 to the letter."),
    m("python-raw python-worker-override", Refused("name a WSGI application with module or wsgi-file"), "", "A Python file that takes requests, or the work of a worker, on itself."),
    // What a category would say of these is not true of them.
    m("reload-on-fd brutal-reload-on-fd", Refused("touch a file that touch-reload names"), "", "Reloads when a descriptor has something to read."),
    s("fs-reload fs-brutal-reload", With("touch-reload"), "", "As touch-reload, and of a folder of the file system a name in it that comes, goes or is replaced counts. Workers finish their requests in both. Repeatable."),
    m("drop-after-init", Harmless("nothing is initialised between the sockets and the app that would need root"), "", "Drops privileges only after the plugins were initialised."),
    m("drop-after-apps", Refused("privileges are dropped before the app is loaded: let its user read what the app needs, or read it in an exec-as-root step"), "", "Drops privileges only after the app was loaded."),
    m("skip-zero", Harmless("descriptor 0 is a socket only where fd://0 says so"), "", "Does not look whether descriptor 0 is a socket."),
    m("worker-mount", Refused("use mount: every worker has every app"), "", "Loads an app in one worker only, or after the fork."),
    m("worker-exec worker-exec2", Refused("run the program beside the instance with attach-daemon"), "", "Runs a program in the place of a worker."),
    m("check-mountpoint check-mount mountpoint-check mount-check", Refused("let the service depend on it: RequiresMountsFor= of systemd"), "", "Ends the instance when a file system is gone."),
    m("check-interval", Harmless("what the master looks at has an interval of its own"), "", "Seconds between two looks of the master."),
    m("check-cache", Refused("it sends what the cache has for the path as the whole answer, head and all: write route = ^/ cache:key=${PATH_INFO}, with bodies as items"), "", "Answers with what the cache has for a path."),
    m("unshare unshare2", Refused("write unshare(1) in front of the command, or into its unit what the namespace is for: PrivateMounts=, PrivateNetwork=, PrivateIPC=, PrivateUsers="), "", "Runs in new namespaces."),
    m("cap", Refused("let its unit give the capability: AmbientCapabilities= with User=, for a port below 1024 a socket unit; a container has cap_add, or securityContext.capabilities; elsewhere write setpriv(1) in front of the command"), "", "Keeps capabilities of root's."),
    m("cgroup", Refused("its unit is a cgroup already: MemoryMax=, CPUQuota=, TasksMax=, or Slice= for one that several share; so is a container: --memory, --cpus, --pids-limit, or resources.limits"), "", "Joins a cgroup, version 1."),
    m("setns setns-socket", Refused("write nsenter(1) in front of the command, or NetworkNamespacePath= or JoinsNamespaceOf= into its unit"), "", "Joins namespaces of another process."),
    m("pivot-root pivot_root namespace ns", Refused("write RootDirectory= or RootImage= into its unit, with BindPaths= for what is needed inside; chroot works here too"), "", "Another root, in a new namespace."),
    m("use-abort", Noticed("a worker that crashes ends by its signal: the system keeps a core as `ulimit -c` says"), "", "Aborts in a crash, for the sake of a core."),
    m("persistent-ipcsem ftok", Harmless("there are no semaphores of System V here"), "", "Keeps or names semaphores of System V."),
    m("force-cwd", Noticed("the directory of the start stays: uWSGI goes there when it starts itself anew in a reload; write `chdir`, and absolute paths"), "", "Directory in which a reload begins."),
    s("py-tracebacker", set(|i| (&i.python.tracebacker).into()), "", "Start of a path: at PATH1 worker 1 listens, at PATH2 worker 2, and prints the stacks of its threads to who connects."),
    s("paste", With("module"), "", "An app of paste.deploy, from the site's environment: config:/path/file.ini, with #NAME behind it."),
    s("paste-logger", set(|i| i.app.paste_logger.into()), "{}", "Sets up logging from the file of `paste` before the app is loaded."),
    s("eval", With("module"), "", "Python code as the app: its `callable` serves."),
    // Processes.
    m("master", Harmless(ALWAYS_MASTER), "always", "A process that supervises the workers; `master = false` is accepted."),
    s("processes workers", always(|i| i.workers.into()), "{}", "Number of workers; `auto`: as many as CPUs."),
    s("threads", only(|i| i.lanes.kind == LaneKind::Threads, |i| i.threads.into()), "{}", "Python threads in each worker."),
    s("gevent", only(|i| i.lanes.kind == LaneKind::Greenlets, |i| i.threads.into()), "none", "Greenlets in each worker instead of threads, each for one request; gevent is the site's own."),
    s("gevent-monkey-patch", set(|i| i.lanes.patch.into()), "{}", "Patches the standard library for gevent in each worker, after the app was imported."),
    s("gevent-early-monkey-patch", set(|i| i.lanes.patch_early.into()), "{}", "The same before the app is imported."),
    s("gevent-wait-for-hub", set(|i| i.lanes.wait_for_hub.into()), "{}", "A worker that ends waits for every greenlet, not only for its requests."),
    s("reload-mercy", set(|i| i.tasks.mercy.into()), "60; daemons: {}", "Seconds a busy worker may finish its requests on reload or stop, at least 1."),
    s("worker-reload-mercy", always(|i| i.mercy.into()), "{}", "As reload-mercy; wins where both are given."),
    s("mule-reload-mercy", set(|i| i.background.mule.mercy.into()), "{}", "Seconds a mule or spooler may finish its message or task on reload or stop, at least 1."),
    // Beside requests.
    s("spooler", set(|i| Written::named(i.background.folders.iter().map(spool_folder))), "", "Folder of tasks that uwsgi.spool writes and processes of its own run; made when it is not there. Repeatable."),
    s("spooler-external", With("spooler"), "", "A folder of tasks that another instance runs. Repeatable."),
    s("spooler-processes", set(|i| i.background.spool.processes.into()), "{}", "Processes for each spooler folder."),
    s("spooler-frequency spooler-freq", set(|i| i.background.spool.frequency.into()), "{}", "Seconds between two looks at a spooler folder; a new task is seen at once."),
    s("spooler-max-tasks", set(|i| i.background.spool.max_tasks.into()), "{}: never", "Tasks after which a spooler process makes room for another one."),
    s("spooler-ordered", set(|i| i.background.spool.ordered.into()), "{}", "Numeric folders below a spooler folder hold tasks too, and lower numbers run first (`priority`)."),
    s("spooler-harakiri", set(|i| i.background.spool.harakiri.into()), "{}: never", "Seconds a task may run before its process is killed; the task runs again."),
    s("spooler-chdir", set(|i| (&i.background.spool.chdir).into()), "the spooler folder", "Working directory of spooler processes."),
    s("spooler-import spooler-pyimport spooler-py-import spooler-python-import", set(|i| (&i.background.spool.imports).into()), "", "Module, or path of a Python file, to import in spooler processes. Repeatable."),
    s("spooler-quiet", set(|i| i.background.spool.quiet.into()), "{}", "No line in the log for each task."),
    s("mule", set(|i| Written::each(&i.background.mules, |m| m.clone().unwrap_or_default())), "", "A process beside the workers that runs a script (a Python file, or package.module:function), or waits for messages. Repeatable."),
    s("mules", As("mule"), "", "So many mules that wait for messages."),
    s("farm", set(|i| Written::each(&i.background.farms, written::farm)), "", "NAME:MULE[,MULE...]: mules that share a queue of messages. Repeatable."),
    s("mule-msg-size", set(|i| i.background.mule.message_size.into()), "{}", "Bytes of a message that a mule takes at most."),
    s("mule-harakiri", set(|i| i.background.mule.harakiri.into()), "{}: never", "Seconds a message may take before its mule is killed."),
    s("max-requests", always(|i| i.recycling.max_requests.into()), "{}: never", "Replaces a worker after this many requests; its successor is ready first."),
    s("max-requests-delta", always(|i| i.max_requests_delta.into()), "{}", "Spreads max-requests over the workers."),
    s("min-worker-lifetime", always(|i| i.recycling.min_worker_lifetime.into()), "{}", "Seconds a worker lives before a limit may replace it."),
    s("max-worker-lifetime", always(|i| i.max_worker_lifetime.into()), "{}: never", "Seconds after which a worker is replaced."),
    s("max-worker-lifetime-delta", always(|i| i.max_worker_lifetime_delta.into()), "{}", "Added to max-worker-lifetime for each worker number."),
    s("limit-as", always(|i| mib(i.limit_as).into()), "none", "Address space of each worker in MiB."),
    s("limit-nproc", always(|i| i.limit_nproc.into()), "none", "Processes of the user."),
    s("max-fd", always(|i| i.max_fd.into()), "as inherited", "Open files of each process."),
    s("reload-on-rss", always(|i| mib(i.recycling.reload_on_rss).into()), "never", "Replaces a worker whose resident memory passes this many MiB."),
    s("reload-on-as", always(|i| mib(i.recycling.reload_on_as).into()), "never", "Replaces a worker whose address space passes this many MiB."),
    s("evil-reload-on-rss", set(|i| mib(i.evil_reload_on_rss).into()), "never", "Kills a worker whose resident memory passes this many MiB, its requests with it."),
    s("evil-reload-on-as", set(|i| mib(i.evil_reload_on_as).into()), "never", "Kills a worker whose address space passes this many MiB, its requests with it."),
    s("harakiri", always(|i| i.harakiri.seconds.into()), "{}: never", "Seconds a request may run before it is answered with 504 and interrupted."),
    s("harakiri-graceful-timeout", always(|i| i.harakiri.grace.into()), "{}", "Seconds an interrupted request may take to come out before its worker is replaced."),
    m("harakiri-verbose", Harmless("the log always has the request and the Python stack"), "", "More about a harakiri in the log."),
    s("harakiri-graceful-signal", set(|i| i.harakiri.signal.into()), "", "Signal that a worker sends itself when a request meets its harakiri, if the app has a handler for it; the request is interrupted in any case."),
    s("harakiri-queue-threshold", set(|i| i.harakiri.queue.into()), "{}", "Connections that may wait at a socket while a late request runs on; harakiri comes when more do."),
    m("http-harakiri", Harmless("there is no router process that could hang; harakiri covers requests over HTTP too"), "", "Kills the HTTP router when it hangs."),
    m("harakiri-no-arh no-harakiri-arh no-harakiri-after-req-hook", Harmless("harakiri ends with the answer"), "", "No harakiri while hooks run after a request."),
    s("die-on-term", always(|i| (i.on_term == OnTerm::Stop).into()), "{}", "TERM stops; false: TERM reloads, as uWSGI does without this option."),
    s("exit-on-reload", set(|i| i.exit_on_reload.into()), "{}", "A reload ends the instance gracefully, with exit code 0: the service manager starts it anew."),
    m("no-orphans", Harmless("workers always end with their master"), "", "Workers end when the master is gone."),
    m("thunder-lock", Harmless(KERNEL), "", "Lets one worker at a time wait for connections."),
    m("lock-engine", Harmless("locks between workers are robust mutexes: whoever dies lets them go"), "", "Kind of lock between workers."),
    s("locks", set(|i| i.shared.locks.into()), "{}", "Locks for uwsgi.lock(N) beside lock 0, which is always there."),
    s("mode", set(|i| (&application_mode(i)).into()), "", "A word that applications see as uwsgi.mode."),
    // What applications share through `import uwsgi`.
    s("cache2", set(|i| Written::each(&i.shared.caches, written::cache)), "", "A cache that all workers share, for uwsgi.cache_*: name=NAME,items=N, and blocksize, blocks, hashsize, keysize, bitmap, purge_lru, clear_on_full, no_expire, math_initial. It survives reloads. Repeatable; the first one is the default."),
    s("cache", As("cache2"), "", "Items of a cache named `default`; the older form of cache2."),
    s("cache-blocksize", As("cache2"), "65536", "Bytes of a block of the cache that `cache` makes."),
    s("cache-no-expire", As("cache2"), "false", "Items of the cache that `cache` makes never expire."),
    m("cache-expire-freq cache-report-freed-items", Harmless("an item that has expired is never returned, and makes room when room is needed"), "", "Looks for items that have expired."),
    m("cache-use-last-modified", Harmless("the time of the last change is always kept"), "", "Keeps the time of the last change."),
    m("cache-store cache-store-sync", Refused("a cache lives in memory here: it survives reloads, not a restart; use redis for what must last"), "", "Keeps the cache in a file."),
    s("add-cache-item", set(|i| Written::named(cache_items(i))), "", "[CACHE ]NAME=VALUE: an item that a cache holds from the start on. Repeatable."),
    s("load-file-in-cache load-file-in-cache-gzip", With("add-cache-item"), "", "[CACHE ]FILE: the content of a file, by its name as it is written; compressed by gzip or not. Repeatable."),
    s("queue", set(|i| i.shared.queue.slots.into()), "{}: none", "Blocks of a queue that all processes share, for uwsgi.queue_*. It survives reloads."),
    s("queue-blocksize", set(|i| i.shared.queue.blocksize.into()), "{}", "Bytes of a block of the queue; a message has at most 16 less."),
    m("queue-store queue-store-sync", Refused("the queue lives in memory here: it survives reloads, not a restart; spool what must last (spooler)"), "", "Keeps the queue in a file."),
    s("sharedarea", set(|i| Written::each(&i.shared.areas, |bytes| (bytes / 4096).to_string())), "", "Pages of 4096 bytes that all processes share, for uwsgi.sharedarea_*; or pages=N, or size=BYTES. It survives reloads. Repeatable; the first one has number 0."),
    m("py-sharedarea", Refused("an area is no bytearray here: use sharedarea, and uwsgi.sharedarea_read and sharedarea_write"), "", "Memory that all workers share, as a bytearray."),
    s("metric", set(|i| Written::each(&i.shared.metrics, written::metric)), "", "A number of the application for uwsgi.metric_*: NAME, or name=NAME,type=counter|gauge|absolute,initial_value=N,oid=TEXT. It survives reloads, and is among the statistics and metrics. Repeatable."),
    s("rpc-max", set(|i| i.background.rpc.most.into()), "{}", "Most functions of uwsgi.register_rpc."),
    s("websockets-ping-freq websocket-ping-freq", set(|i| i.websockets.ping_seconds.into()), "{}", "Seconds of silence after which the client of a WebSocket is pinged; 0: never."),
    s("websockets-pong-tolerance websocket-pong-tolerance", set(|i| i.websockets.pong_seconds.into()), "{}", "Seconds that it has to answer before the WebSocket is closed."),
    s("websockets-max-size websocket-max-size", set(|i| i.websockets.max_kib.into()), "{}", "Largest WebSocket message, in KiB."),
    s("cpu-affinity", set(|i| i.cpu_affinity.into()), "all CPUs", "CPUs that each worker is bound to: the next so many for each worker number."),
    s("cheap", set(|i| i.dynamic.cheap.into()), "{}", "Starts no worker before the first connection."),
    s("idle", set(|i| i.dynamic.idle.into()), "{}: never", "Seconds without a request after which all workers leave, until somebody connects."),
    s("die-on-idle", set(|i| i.dynamic.die_on_idle.into()), "{}", "Ends the instance after `idle` seconds without a request."),
    s("cheaper", only(fewer, |i| i.dynamic.cheaper.into()), "{}: all workers stay", "Fewest workers: more come up to `workers` while they are needed. A busy worker is never taken down."),
    s("cheaper-initial", only(fewer, |i| i.dynamic.initial.into()), "as cheaper", "Workers at the start, with cheaper."),
    s("cheaper-step", only(fewer, |i| i.dynamic.step.into()), "{}", "Workers that come at a time, with cheaper."),
    s("cheaper-algo", only(fewer, |i| i.dynamic.algorithm.name().into()), "{}", "How cheaper decides: spare (busy workers), backlog (waiting connections), busyness (average load, see cheaper-busyness-max) or manual (an operator)."),
    s("cheaper-overload", only(fewer, |i| i.dynamic.overload.into()), "{}", "Seconds that all workers are busy before more come (spare), connections that wait (backlog), or seconds of a cycle (busyness; 10 to 30 are good)."),
    s("cheaper-rss-limit-soft", set(|i| i.dynamic.rss_soft.into()), "none", "Bytes of resident memory of all workers above which cheaper starts no more."),
    s("cheaper-rss-limit-hard", set(|i| i.dynamic.rss_hard.into()), "none", "Bytes of resident memory of all workers above which cheaper takes idle ones down."),
    m("cheaper-algo-list cheaper-algos-list cheaper-list", Harmless("the algorithms are spare, backlog, busyness and manual"), "", "Prints the algorithms of cheaper."),
    s("cheaper-busyness-max", only(by_load, |i| i.dynamic.busyness.max.into()), "{}", "Per cent of a cycle (cheaper-overload seconds) spent in requests above which cheaper-step more workers come; for cheaper-algo = busyness, as all of these."),
    s("cheaper-busyness-min", only(by_load, |i| i.dynamic.busyness.min.into()), "{}", "Per cent below which a cycle is idle."),
    s("cheaper-busyness-multiplier", only(by_load, |i| i.dynamic.busyness.multiplier.into()), "{}", "Idle cycles after which a worker goes. A cycle between min and max is not counted; one above max, or three between in a row, make the count start again."),
    s("cheaper-busyness-penalty", only(by_load, |i| i.dynamic.busyness.penalty.into()), "{}", "Added to the multiplier each time a worker went and was needed again in less time than the multiplier stands for; taken back where it was needed later."),
    s("cheaper-busyness-verbose", set(|i| i.dynamic.busyness.verbose.into()), "{}", "Logs the load of every cycle and what follows from it."),
    s("cheaper-busyness-backlog-alert", only(by_load, |i| i.dynamic.busyness.alert.into()), "{}", "Connections waiting at a socket above which emergency workers come at once, before the cycle ends."),
    s("cheaper-busyness-backlog-multiplier", only(by_load, |i| i.dynamic.busyness.backlog_multiplier.into()), "{}", "Idle cycles after which an emergency worker goes."),
    s("cheaper-busyness-backlog-step", only(by_load, |i| i.dynamic.busyness.backlog_step.into()), "{}", "Emergency workers that come at a time."),
    s("cheaper-busyness-backlog-nonzero", only(by_load, |i| i.dynamic.busyness.nonzero.into()), "{}", "Seconds for which somebody waits at a socket after which emergency workers come."),
    m("offload-threads offload-thread", Harmless("each worker has a native thread for slow clients and files"), "", "Threads that send files."),
    m("reaper", Harmless("processes that the app leaves behind are always reaped"), "", "Reaps children of the app."),
    m("close-on-exec close-on-exec2", Harmless("programs that the app starts never inherit the sockets"), "", "Closes sockets in programs that the app starts."),
    m("honour-stdin", Noticed("workers read /dev/null as their standard input"), "", "Keeps the standard input."),
    m("ksm", Harmless("it saves memory only where the kernel merges pages"), "", "Lets the kernel merge equal pages."),
    s("prio", set(|i| (&i.startup.prio.map(|n| n.to_string())).into()), "that of the start", "Nice value of all processes, from -20 to 19."),
    s("thread-stacksize threads-stacksize thread-stack-size threads-stack-size", set(|i| i.python.stack_kib.into()), "{}: the system's", "KiB of the stack of each thread that runs requests; the main thread, which runs them with one thread, has the system's."),
    m("forkbomb-delay", Harmless("a worker that dies at once is restarted with a growing delay"), "", "Pause between restarts of a worker that dies at once."),
    s("vacuum", always(|i| i.vacuum.into()), "{}", "Removes sockets and pidfiles at exit."),
    s("pidfile", set(|i| (&i.pidfile).into()), "", "File for the master's pid, written before privileges are dropped."),
    s("pidfile2", set(|i| (&i.pidfile2).into()), "", "File for the master's pid, written after privileges were dropped."),
    s("safe-pidfile2", set(|i| (&i.safe_pidfile2).into()), "", "The same, made after privileges were dropped."),
    s("safe-pidfile", set(|i| (&i.safe_pidfile).into()), "", "File for the master's pid, written when the instance serves."),
    s("daemonize", set(|i| (&i.daemonize).into()), "", "Goes to the background and logs to this file."),
    s("daemonize2", set(|i| (&i.daemonize2).into()), "", "The same after the app was loaded."),
    s("touch-reload", set(|i| (&i.touch_reload).into()), "", "File whose change reloads: the configuration is read and the app imported again. Its removal does not. Repeatable."),
    s("signal-timer timer", set(|i| Written::each(&i.signals.timers, |(number, seconds)| format!("{number} {seconds}"))), "", "SIGNAL SECONDS: raises a signal of the application (uwsgi.register_signal) every so often. Repeatable."),
    s("signal-rbtimer rbtimer", With("signal-timer"), "", "As signal-timer. Repeatable."),
    s("touch-signal", set(|i| Written::each(&i.signals.files, |(path, number)| format!("{} {number}", path.display()))), "", "FILE SIGNAL: raises a signal of the application when the file, or what is in the folder, is written or replaced. Repeatable."),
    s("fs-signal", With("touch-signal"), "", "As touch-signal. Repeatable."),
    m("signal-bufsize signals-bufsize", Harmless("a queue of signals has room for hundreds"), "", "Size of the queues of signals."),
    s("touch-mules-reload", set(|i| (&i.touch_mules).into()), "", "File whose change replaces the mules. Repeatable."),
    s("touch-spoolers-reload", set(|i| (&i.touch_spoolers).into()), "", "File whose change replaces the spoolers. Repeatable."),
    s("touch-workers-reload touch-chain-reload", set(|i| (&i.touch_workers).into()), "", "File whose change replaces the workers one by one; the app is imported again with lazy-apps only, the configuration is not read. Repeatable."),
    s("master-fifo", set(|i| (&i.master_fifo).into()), "", "A FIFO for commands of one letter each, as uWSGI has them; of several the first is read, and the digits choose. Repeatable."),
    m("binary-path", Harmless("a reload never starts the program again"), "", "Path of the program."),
    s("procname-prefix procname-prefix-spaced", set(|i| (&i.procname_prefix).into()), "", "Text in front of every process title."),
    m("auto-procname", Harmless("processes always have titles that say what they are"), "", "Gives processes titles that say what they are."),
    m("procname procname-master procname-append", Noticed("processes keep their own titles; procname-prefix marks an instance"), "", "Titles of processes."),
    // Requests.
    s("buffer-size", always(|i| i.limits.buffer_size.into()), "{}", "Largest request head in bytes; a larger one gets an error and a log line."),
    s("max-vars", always(|i| (i.limits.max_vars / 2).into()), "{}", "Half the number of variables that a request may have, as on uWSGI."),
    s("limit-post", always(|i| i.limits.limit_post.into()), "{}: no limit", "Largest request body in bytes."),
    s("post-buffering", always(|i| i.limits.post_buffering.into()), "{}: streamed", "Bodies above this many bytes go to disk before the app runs."),
    m("post-buffering-bufsize", Harmless("the buffer is sized by itself"), "", "Buffer for bodies on their way to disk."),
    s("socket-timeout", always(|i| i.timeouts.socket.into()), "{}", "Seconds a client may make no progress; HTTP clients only without http-timeout."),
    s("http-timeout", always(|i| i.timeouts.http.into()), "socket-timeout", "Seconds an HTTP client may make no progress."),
    s("so-send-timeout socket-send-timeout so-write-timeout socket-write-timeout", As("socket-timeout"), "{}", "As socket-timeout."),
    s("http-keepalive", always(|i| i.timeouts.keepalive.into()), "{}", "Seconds an idle HTTP connection is kept; 1 stands for http-timeout (60 without it), 0 keeps none."),
    s("add-header", set(|i| (&i.headers.add).into()), "", "Header for every answer, `Name: value`. Repeatable."),
    s("rem-header del-header", set(|i| (&i.answers.remove).into()), "", "Header that is taken out of every answer of the app, and of static files. Repeatable."),
    s("collect-header response-header-collect", set(|i| Written::named(i.answers.remember.iter().map(remembered))), "", "HEADER VARIABLE: keeps a header of the answer as a variable, for %(var.VARIABLE) in log-format. Repeatable."),
    s("pull-header", With("collect-header"), "", "As collect-header, and the client does not get it. Repeatable."),
    s("error-page-500 error-page-403 error-page-404", set(|i| Written::named(i.answers.pages.iter().map(error_page))), "", "HTML file for errors that the server answers itself, as where no app is loaded or it fails before it answers; the app's own answers stay. The first that can be read counts. Repeatable."),
    s("route", set(|i| Written::named(i.routes.iter().map(rule))), "", "PATTERN ACTION:ARGUMENT: a rule of internal routing, done with a request whose PATH_INFO matches before the app is asked. Repeatable; rules of all route-* options are gone through in their order."),
    s("route-host route-uri route-qs route-remote-addr route-user-agent route-remote-user route-referer route-label route-if route-if-not route-run", With("route"), "", "As route, with another subject: a request variable, a condition (CONDITION:SUBJECT), always (-run), or a label that goto names. Repeatable."),
    s("error-route error-route-status error-route-host error-route-uri error-route-qs error-route-remote-addr error-route-user-agent error-route-remote-user error-route-referer error-route-label error-route-if error-route-if-not error-route-run", With("route"), "", "As route, when the head of an answer is made, whatever its status. Repeatable."),
    s("response-route response-route-status response-route-host response-route-uri response-route-qs response-route-remote-addr response-route-user-agent response-route-remote-user response-route-referer response-route-label response-route-if response-route-if-not response-route-run", With("route"), "", "As route, when the head of an answer is made, behind error-route. Repeatable."),
    s("final-route final-route-status final-route-host final-route-uri final-route-qs final-route-remote-addr final-route-user-agent final-route-remote-user final-route-referer final-route-label final-route-if final-route-if-not final-route-run", With("route"), "", "As route, when a request has its answer: for lines and variables of the log. Repeatable."),
    s("static-map", set(|i| Written::named(i.static_files.maps.iter().map(map))), "", "Serves files below a path without Python: /path=directory. Repeatable."),
    s("static-map2", With("static-map"), "", "As static-map, with the path kept below the directory. Repeatable."),
    s("check-static static-check", As("static-map"), "", "Directory whose files are served before the app is asked. Repeatable."),
    s("static-index", set(|i| (&i.static_files.rules.index).into()), "", "File that stands for its directory, e.g. index.html. Repeatable."),
    s("static-skip-ext", set(|i| (&i.static_files.rules.skip_suffixes).into()), "", "Ending of file names that are left to the app. Repeatable."),
    s("static-safe", set(|i| (&i.static_files.rules.safe).into()), "", "Directory outside of the map to which symlinks may lead. Repeatable."),
    s("static-expires static-expires-mtime", set(|i| Written::named(i.static_files.rules.expires.iter().map(|e| (e.option(), e.written())))), "", "Expires for files whose path matches: `PATTERN SECONDS`, from now or from the last change. Repeatable."),
    s("static-expires-uri static-expires-uri-mtime", With("static-expires"), "", "Expires for files whose REQUEST_URI matches: `PATTERN SECONDS`. Repeatable."),
    s("static-expires-path-info static-expires-path-info-mtime", With("static-expires"), "", "Expires for files whose PATH_INFO matches: `PATTERN SECONDS`. Repeatable."),
    s("static-expires-type static-expires-type-mtime", With("static-expires"), "", "Expires for files of a type: `TYPE=SECONDS`. Repeatable."),
    s("static-gzip-all", set(|i| i.static_files.rules.gzip_all.into()), "{}", "Sends FILE.gz for FILE, where it is there, to clients that take gzip."),
    s("static-gzip", set(|i| (&i.static_files.rules.gzip_patterns).into()), "", "As static-gzip-all, for files whose path matches a pattern. Repeatable."),
    s("static-gzip-dir static-gzip-prefix", set(|i| (&i.static_files.rules.gzip_dirs).into()), "", "As static-gzip-all, for files whose path begins so. Repeatable."),
    s("static-gzip-ext static-gzip-suffix", set(|i| (&i.static_files.rules.gzip_suffixes).into()), "", "As static-gzip-all, for files whose path ends so. Repeatable."),
    s("honour-range", set(|i| i.static_files.rules.ranges.into()), "{}", "Answers a Range of a static file with 206; false: always sends the whole."),
    s("mime-file mimefile", set(|i| (&i.static_files.rules.mime_files).into()), "/etc/mime.types", "File with MIME types, beside a built-in table. Repeatable."),
    m("static-cache-paths static-cache-paths-name", Harmless("the kernel keeps paths in memory, and a changed file is seen at once"), "", "Remembers where files are."),
    m("file-serve-mode fileserve-mode", Harmless("the server sends files the best way it knows"), "", "How files are sent."),
    m("ignore-sigpipe", Harmless(NO_WRITE_NOISE), "", "Ignores SIGPIPE."),
    m("ignore-write-errors", Harmless(NO_WRITE_NOISE), "", "Does not report clients that left."),
    m("disable-write-exception", Harmless(NO_WRITE_NOISE), "", "Raises no exception when a client left."),
    m("write-errors-exception-only write-errors-tolerance", Harmless(NO_WRITE_NOISE), "", "What happens when a client left."),
    m("http-auto-chunked", Harmless("answers without a length are chunked by themselves"), "", "Chunks answers without a length."),
    m("http-chunked-input http-raw-body", Harmless("chunked bodies are always decoded"), "", "Accepts chunked bodies."),
    m("http-websockets", Harmless("WebSockets are always taken, on every HTTP socket and from nginx's uwsgi_pass"), "", "Passes websockets on."),
    s("http-enable-proxy-protocol", set(|i| (proxied(i, Protocol::Http)).into()), "false", "As enable-proxy-protocol, on HTTP sockets."),
    s("http-to", Nothing, "", "Where uWSGI's HTTP router passes requests on. An address of a socket of this instance needs nothing: its workers take HTTP themselves. Any other is refused: listen with http-socket where the app is, or let nginx proxy."),
    m("http-processes http-workers http-events", Harmless("there is no router process: the workers speak HTTP"), "", "Processes of the HTTP router."),
    m("http-auto-gzip", Noticed("answers are not compressed here: let nginx or the app do it"), "", "Compresses answers."),
    m("http-buffer-size", Harmless("buffer-size bounds HTTP heads too"), "", "Buffer of the HTTP router."),
    m("http-headers-timeout http-connect-timeout", Harmless("a head that does not come in time is cut by socket-timeout"), "", "Timeouts of the HTTP router."),
    // Logs.
    s("logto", set(|i| (&i.logto).into()), "stderr", "Log file."),
    s("logto2", set(|i| (&i.logto2).into()), "", "Log file opened after privileges were dropped."),
    s("logger", set(|i| Written::named(i.log.messages.loggers.iter().map(|l| written::logger(l, "logger")))), "stderr", "Where the log goes: file:PATH, stdio, fd:N, socket:ADDRESS, syslog:TAG or rsyslog:ADDRESS,TAG; a name in front makes it one that routes use. Repeatable."),
    s("log-socket", As("logger"), "", "Sends the log in datagrams to host:port or a unix socket. Repeatable."),
    s("log-syslog", As("logger"), "", "Sends the log to the system's log, under this tag. Repeatable."),
    s("disable-logging", always(|i| i.request_log.disabled.into()), "{}", "Writes no line for each request."),
    s("log-format logformat", set(|i| (&i.request_log.format).into()), "uWSGI's line", "Format of the request line, with %(uri) and its like."),
    s("log-micros", always(|i| i.request_log.micros.into()), "{}", "Microseconds in the request line."),
    s("log-x-forwarded-for", always(|i| i.request_log.x_forwarded_for.into()), "{}", "Takes the client's address for the log from X-Forwarded-For."),
    s("memory-report", always(|i| i.request_log.memory.into()), "{}", "Puts memory in front of the request line."),
    s("log-master", set(|i| i.log.collected.into()), "{}", "Sends the log through a process of its own, which alone has the files open: a stuck disk holds up no worker."),
    m("log-master-bufsize log-master-stream log-master-req-stream threaded-logger", Harmless(LOG_SAME), "", "How the log process takes the log."),
    s("req-logger logger-req", set(|i| Written::named(i.log.requests.loggers.iter().map(|l| written::logger(l, "req-logger")))), "as other lines", "Where request lines go, as `logger`. Repeatable."),
    s("log-route log-req-route", set(|i| Written::named(routes(i))), "", "Lines that match go to one logger: NAME PATTERN. Repeatable."),
    s("log-filter", set(|i| (&i.log.filters).into()), "", "Only lines that match one of these patterns are kept. Repeatable."),
    s("log-drain", set(|i| (&i.log.drains).into()), "", "Lines that match are dropped. Repeatable."),
    s("log-encoder log-req-encoder", set(|i| Written::named(encoders(i))), "", "Form of log lines: prefix, suffix, nl, format or json with its text; with :NAME for one logger. Repeatable, in order."),
    s("rsyslog-packet-size", set(|i| (&i.log.rsyslog_packet.map(|n| n.to_string())).into()), "1024", "Bytes of the longest datagram to an rsyslog."),
    s("log-date logdate log-prefix", set(|i| (&i.log.lines.date).into()), "false", "Puts the date in front of messages: true, or a format of strftime. Request lines have their own time."),
    s("logformat-strftime log-format-strftime", set(|i| i.log.lines.strftime.into()), "{}", "%(ftime) in log-format follows the format of log-date."),
    s("log-4xx", set(|i| i.request_log.always.client_errors.into()), "{}", "Logs answers 400 to 499 although disable-logging is set."),
    s("log-5xx", set(|i| i.request_log.always.server_errors.into()), "{}", "Logs answers 500 to 599 although disable-logging is set."),
    s("log-slow", set(|i| i.request_log.always.slow_ms.into()), "{}", "Logs requests of at least so many milliseconds although disable-logging is set."),
    s("log-big", set(|i| i.request_log.always.big.into()), "{}", "Logs answers of more than so many bytes although disable-logging is set."),
    s("log-zero", set(|i| i.request_log.always.empty.into()), "{}", "Logs answers without a body although disable-logging is set."),
    s("log-ioerror", set(|i| i.request_log.always.io_errors.into()), "{}", "Logs answers that could not be sent although disable-logging is set."),
    s("log-sendfile", set(|i| i.request_log.always.files.into()), "{}", "Logs files that the kernel sends although disable-logging is set."),
    s("log-maxsize", set(|i| i.log.max_size.into()), "{}: never", "Rotates the log file when it has this many bytes."),
    s("log-backupname", set(|i| (&i.log.backup).into()), "the file's name and the time", "Name of the rotated log file; an older one is replaced."),
    s("touch-logrotate", set(|i| (&i.log.touch_rotate).into()), "", "File whose change rotates the log. Repeatable."),
    s("log-truncate", set(|i| i.log.truncate.into()), "{}", "Empties the log file at start."),
    s("log-reopen", set(|i| i.log.reopen_on_reload.into()), "{}", "Opens the log file again with every reload."),
    s("touch-logreopen", set(|i| (&i.log.touch_reopen).into()), "", "File whose change opens the log file again, after logrotate has moved it. Repeatable."),
    s("logfile-chown", set(|i| i.log.chown.into()), "{}", "Gives the log file to the user that the instance becomes, so that it can be opened again and rotated."),
    s("logfile-chmod", set(|i| (&i.log.mode.map(written::mode)).into()), "640", "Mode of the log file: three octal digits."),
    s("stats stats-server", set(|i| Written::each(&i.stats, written::address)), "", "Address of the statistics server: one JSON text a connection. Repeatable."),
    s("stats-http", always(|i| i.stats_http.into()), "{}", "The statistics server speaks HTTP: /metrics for Prometheus, /healthz, /readyz, and the JSON text everywhere else."),
    s("stats-minified stats-min", always(|i| i.stats_minified.into()), "{}", "Writes the statistics without indentation."),
    s("stats-no-cores", always(|i| i.stats_no_cores.into()), "{}", "Leaves the threads out of the statistics."),
    m("stats-no-metrics", Harmless("the statistics hold no metrics of uWSGI's metrics subsystem"), "", "Shortens the statistics."),
    s("stats-push", set(|i| Written::each(&i.pushing.pushers, written::pusher)), "", "Sends numbers under the names of uWSGI's metrics: socket:HOST:PORT[,PREFIX] (UDP, a datagram `PREFIX.NAME TYPE VALUE` for each), or carbon (to the servers of `carbon`, this often). Repeatable."),
    s("stats-pusher-default-freq stats-pushers-default-freq", set(|i| i.pushing.freq.into()), "{}", "Seconds between two times that `stats-push` sends."),
    s("metrics-dir metric-dir", set(|i| (&i.pushing.dir).into()), "", "Folder in which each number under the names of uWSGI's metrics, and each of `metric`, is a file, written once a second when it has changed."),
    s("metrics-dir-restore metric-dir-restore", set(|i| i.pushing.restore.into()), "{}", "Numbers of `metric`, and counters of `metrics-dir`, begin with what their files say."),
    s("metrics-no-cores", set(|i| (!i.pushing.threads).into()), "{}", "Leaves numbers of single threads out of `stats-push` and `metrics-dir`."),
    m("show-config", Harmless("uswgi-conf show FILE prints it"), "", "Prints the configuration at start."),
    m("enable-metrics", Noticed("the numbers of the statistics are always kept, and those of `metric`"), "", "Keeps metrics."),
    s("carbon", set(|i| Written::each(&i.carbon.servers, String::clone)), "", "HOST:PORT of a carbon server (Graphite) that gets the numbers of the instance, with uWSGI's names. Repeatable."),
    s("carbon-freq", set(|i| i.carbon.freq.into()), "{}", "Seconds between two times that carbon gets numbers; the first time is a second after the start."),
    s("carbon-timeout", set(|i| i.carbon.timeout.into()), "{}", "Seconds for the connection to a carbon server, and for each write."),
    s("carbon-id", set(|i| (&i.carbon.id).into()), "the first socket, _ for each dot", "Name of the instance in keys of carbon."),
    s("carbon-root", set(|i| (&i.carbon.root).into()), "{}", "What keys of carbon begin with; empty: the host's name."),
    s("carbon-hostname-dots", set(|i| (&i.carbon.dots).into()), "dots stay", "What stands for each dot of the host's name in keys of carbon."),
    s("carbon-no-workers", set(|i| (!i.carbon.workers).into()), "{}", "Sends no lines for each worker to carbon."),
    s("carbon-max-retry", set(|i| i.carbon.retries.into()), "{}", "Tries after one that failed to reach a carbon server."),
    s("carbon-retry-delay", set(|i| i.carbon.retry_delay.into()), "{}", "Seconds before each of them."),
    s("carbon-idle-avg", set(|i| i.carbon.idle.name().into()), "{}", "Mean duration that carbon gets of a time without requests: last (that of before), zero, or none (no line)."),
    m("carbon-name-resolve carbon-resolve-names", Harmless("names of carbon servers are always looked up, and the master does not wait for it"), "", "Looks names of carbon servers up."),
    m("carbon-use-metrics", Refused("leave it out: the keys are uWSGI's own without it; or let Prometheus ask `stats-http`"), "", "Sends numbers of uWSGI's metrics subsystem to carbon."),
    // The Emperor.
    s("emperor", set(|i| (&i.emperor.monitors).into()), "", "Runs one instance for each vassal's file: in a folder (FOLDER or dir://FOLDER), or that fits a pattern (glob://PATTERN, or a pattern or file alone). Repeatable."),
    s("emperor-nofollow", set(|i| i.emperor.nofollow.into()), "{}", "The time of a symbolic link counts as a touch of a vassal, and not that of the file that it leads to."),
    s("emperor-freq", set(|i| i.emperor.freq.into()), "{}: when the kernel tells", "Seconds between two scans at most, beside those after notices of the kernel."),
    s("emperor-extra-extension emperor-extra-ext", set(|i| (&i.emperor.extra_extensions).into()), "", "Ending of vassals' names beside .ini, .xml, .yml, .yaml, .json and .js; the file is read as ini. Repeatable."),
    s("vassals-include", set(|i| (&i.emperor.include).into()), "", "File that each vassal includes after its own. Repeatable."),
    s("vassals-include-before", set(|i| (&i.emperor.include_before).into()), "", "File that each vassal includes before its own. Repeatable."),
    s("vassals-inherit", set(|i| (&i.emperor.inherit).into()), "", "File that each vassal inherits after its own. Repeatable."),
    s("vassals-inherit-before", set(|i| (&i.emperor.inherit_before).into()), "", "File that each vassal inherits before its own. Repeatable."),
    s("vassals-set vassal-set", set(|i| (&i.emperor.set).into()), "", "NAME=VALUE that is set for each vassal, before its own file. Repeatable."),
    s("vassals-start-hook", set(|i| (&i.emperor.start_hook).into()), "", "Program that runs before a vassal starts, with its name as argument."),
    s("vassals-stop-hook", set(|i| (&i.emperor.stop_hook).into()), "", "Program that runs after a vassal has ended, with its name as argument."),
    s("emperor-throttle", set(|i| i.emperor.throttle.into()), "{}", "Milliseconds before a vassal that failed is tried again, doubled each time; a touch of its file tries at once."),
    s("emperor-max-throttle", set(|i| i.emperor.max_throttle.into()), "{}", "Milliseconds before a vassal that fails again and again is tried, at most."),
    s("emperor-tyrant", set(|i| i.emperor.tyrant.into()), "{}", "Each vassal becomes the user and group of its file; root's files, and those that anybody can write to, are refused. The Emperor stays root."),
    s("emperor-tyrant-nofollow", set(|i| i.emperor.tyrant_nofollow.into()), "{}", "The owner of a symbolic link counts, and not that of the file that it leads to."),
    s("emperor-on-demand-extension emperor-on-demand-ext", set(|i| (&i.emperor.on_demand_extension).into()), "", "Ending of the file beside a vassal's that holds an address: the Emperor listens there, and starts the vassal when somebody connects."),
    s("emperor-on-demand-directory emperor-on-demand-dir", set(|i| (&i.emperor.on_demand_directory).into()), "", "The same for all vassals, at NAME.socket in this directory."),
    s("emperor-on-demand-exec", set(|i| (&i.emperor.on_demand_exec).into()), "", "Command whose first line of output is the address at which a vassal is waited for; the vassal's name is its last argument, and no output starts it at once."),
    s("emperor-required-heartbeat", set(|i| i.emperor.required_heartbeat.into()), "{}", "Seconds after which a vassal with `heartbeat` that is not heard is killed and started again."),
    s("heartbeat", set(|i| i.heartbeat.into()), "{}: none", "Seconds between two signs of life of an instance to its Emperor; there is none while no worker answers."),
    s("emperor-stats emperor-stats-server", set(|i| Written::each(&i.emperor.stats, written::address)), "", "Address of the Emperor's statistics server: one JSON text a connection. Repeatable."),
    m("emperor-procname", Noticed("the Emperor keeps its own title"), "", "Title of the Emperor."),
    m("early-emperor", Harmless("the Emperor starts at once, and nothing beside it"), "", "Starts the Emperor before the rest."),
    m("emperor-graceful-shutdown", Harmless("vassals are always stopped gracefully"), "", "Stops vassals gracefully at the end."),
    s("emperor-no-blacklist", set(|i| i.emperor.no_blacklist.into()), "{}", "A vassal that fails is tried again every 3 s (or emperor-freq), without longer waits, as with emperor-throttle = 0."),
    m("emperor-curse-tolerance", Harmless("a vassal has its own mercy to end in"), "", "Seconds that a vassal has to end."),
    s("exec-as-vassal hook-as-vassal", With("attach-daemon"), "", "Runs in a vassal's process before it is one, after vassals-start-hook; a failure fails the vassal. Repeatable."),
    s("exec-as-emperor hook-as-emperor", With("attach-daemon"), "", "Runs beside the Emperor when a vassal starts, with UWSGI_VASSAL_CONFIG, _PID, _UID and _GID in its environment; a failure is logged. Repeatable."),
    s("hook-emperor-start", With("attach-daemon"), "", "Runs in the Emperor before it looks at its vassals; a failure ends its start. Repeatable."),
    m("hook-emperor-stop", Refused("a vassal is told to stop by a signal, as any instance: use exec-as-user-atexit or hook-as-user-atexit in its file, or vassals-stop-hook"), "", "Runs in a vassal whose Emperor stops it."),
    m("hook-emperor-reload", Refused("a vassal is told to reload by a signal, as any instance: use exec-asap or hook-asap in its file, which run again with every reload"), "", "Runs in a vassal whose Emperor reloads it."),
    m("hook-emperor-lost", Refused("a vassal serves on without its Emperor, and the next one takes it over; with emperor-die-with = stop use exec-as-user-atexit"), "", "Runs in a vassal whose Emperor is gone."),
    m("emperor-broodlord vassal-sos vassal-sos-backlog", Refused("let the vassal grow by itself: cheaper with busyness, or more processes"), "", "More processes for a vassal from others."),
    s("emperor-wrapper", set(|i| (&i.emperor.wrapper).into()), "", "Program in the place of uswgi-master for vassals: it is given the same arguments, and has to become one."),
    s("emperor-wrapper-override", set(|i| (&i.emperor.wrapper_override).into()), "", "Program that is tried before it; the first that can be run counts. Repeatable."),
    s("emperor-wrapper-fallback", set(|i| (&i.emperor.wrapper_fallback).into()), "", "Program that is tried where that one cannot be run. Repeatable."),
    m("emperor-magic-exec", Refused("let a vassal's file say ini = exec://PROGRAM, with the whole path"), "", "Runs vassals' files that are executable, and reads what they print."),
    m("emperor-proxy-socket", Refused("the Emperor talks to its vassals directly; uswgi-ctl emperor talks to it"), "", "Talks to vassals over a socket."),
    m("emperor-use-clone", Refused("let systemd give a vassal its namespaces: one unit uswgi-app@ for each site"), "", "Starts vassals in new namespaces."),
    m("emperor-cap vassals-cap vassal-cap", Refused("vassals have no capabilities of root's: let a port below 1024 be held by emperor-on-demand-extension or by systemd, or give a site a unit of its own with AmbientCapabilities="), "", "Capabilities that a tyrant's vassals keep."),
    s("emperor-pidfile", set(|i| (&i.emperor.pidfile).into()), "", "File for the Emperor's pid."),
    // The language.
    s("strict", Nothing, "false", "Unknown options stop the start."),
    m("plugins plugin", Harmless("Python, HTTP and logging are built in"), "", "Loads plugins."),
    m("plugins-dir plugin-dir autoload", Harmless(NO_PLUGIN_DIR), "", "Where plugins are."),
    m("need-plugin need-plugins", Harmless("Python, HTTP and logging are built in; others are said at start"), "", "Loads plugins, or ends."),
    s("alarm", set(|i| Written::each(&i.alarms.all, written::alarm)), "", "Something that is told when it is raised, by uwsgi.alarm(NAME, MESSAGE) or the options below: NAME cmd:COMMAND (the message is its standard input), NAME signal:NUMBER, NAME mule:NUMBER (none: any mule), NAME log:TEXT. Repeatable."),
    s("alarm-freq", set(|i| i.alarms.freq.into()), "{}", "Seconds within which an alarm does not tell the same message again; 0: it always does."),
    s("alarm-msg-size", set(|i| i.alarms.message_size.into()), "{}", "Bytes of a message of an alarm, at most 8192; a longer one is cut."),
    s("alarm-segfault segfault-alarm", set(|i| (&i.alarms.segfault).into()), "", "Alarm that is raised when a worker, mule or spooler crashes. Repeatable."),
    s("alarm-backlog backlog-alarm lq-alarm alarm-lq alarm-listen-queue listen-queue-alarm", set(|i| (&i.alarms.backlog).into()), "", "Alarm that is raised each second in which the queue of a listening socket is full. Repeatable."),
    s("alarm-log log-alarm", set(|i| Written::named(i.log.alarms.iter().map(written::log_alarm))), "", "Lines of the log that match raise alarms: NAME[,NAME...] PATTERN. Repeatable, in order."),
    s("not-alarm-log not-log-alarm", With("alarm-log"), "", "Lines that match raise none of the alarms of later lines: NAME PATTERN. Repeatable."),
    m("alarm-cheap", Harmless("alarms need no threads"), "", "One thread for all alarms."),
    m("alarm-fd", Refused("the master reads no descriptors of others: wait for it in a mule, and call uwsgi.alarm there"), "", "A descriptor that raises an alarm when it can be read: NAME FD[:BYTES] MESSAGE."),
    s("metric-threshold metric-alarm alarm-metric", set(|i| Written::each(&i.alarms.thresholds, written::threshold)), "", "A number of `metric` that raises an alarm while it has at least this value, looked at each second: key=NAME,value=N,alarm=ALARM, and msg=TEXT (else the name), rate=SECONDS between two times, reset=N (what it becomes). Repeatable."),
    s("print iprint", Nothing, "", "Prints a text while the configuration is read."),
    s("fallback-config", set(|i| (&i.startup.fallback).into()), "", "Configuration that is started in the place of an instance that ends with exit code 1: one that cannot start, as a rule."),
    s("flock flock-wait flock2 flock-wait2", With("attach-daemon"), "", "File that is locked as long as the instance runs, so that a second one does not start; with -wait it waits. Those with a 2 are locked when the log is open."),
    s("wait-for-file wait-for-dir wait-for-fs wait-for-mountpoint wait-for-socket", With("attach-daemon"), "", "Path that the start waits for. Repeatable."),
    s("wait-for-interface wait-interface wait-for-iface wait-iface", With("attach-daemon"), "", "Network interface that the start waits for. Repeatable."),
    s("wait-for-fs-timeout wait-for-socket-timeout wait-for-interface-timeout wait-interface-timeout wait-for-iface-timeout wait-iface-timeout", With("attach-daemon"), "a minute", "Seconds that the start waits before it fails; wait-for-fs-timeout is for paths of every kind but sockets."),
    s("stop", Nothing, "", "Stops the instance of a pidfile and ends; on the command line only."),
    s("reload", Nothing, "", "Reloads the instance of a pidfile and ends; on the command line only. `uswgi-ctl --pidfile FILE reload --wait` tells how it went."),
    s("pause suspend", Nothing, "", "The instance of a pidfile accepts no connections; on the command line only."),
    s("resume", Nothing, "", "The instance of a pidfile accepts connections again; on the command line only."),
    s("connect-and-read", Nothing, "", "Prints to standard error what an address (host:port, a path, @abstract) sends, as a stats server does, and ends; on the command line only."),
    s("signal", Nothing, "", "ADDRESS,NUMBER: raises a signal of the application (uwsgi.register_signal) of the instance with this uwsgi socket, and ends; on the command line only."),
    s("python-version", Nothing, "", "Prints the version of the Python that would run, and ends; `home` before it counts; on the command line only."),
    s("extract", Nothing, "", "Prints a file, or what exec:// or http:// gives, and ends; on the command line only."),
    s("help usage", Nothing, "", "Prints the options and ends."),
    s("version", Nothing, "", "Prints the version and ends."),
    s("get", Nothing, "", "Prints the value of an option and ends."),
    s("exit", Nothing, "", "Ends with this exit code."),
    m("no-server", Harmless("uswgi-conf lint FILE checks a configuration without a start"), "", "Ends after the start."),
    // What tunes a part that is refused by itself, or that is not here: alone it does nothing on uWSGI 2.0.31 either.
    m("fastrouter-processes fastrouter-workers fastrouter-use-cache fastrouter-use-pattern fastrouter-use-base fastrouter-fallback fastrouter-use-code-string fastrouter-use-socket fastrouter-to fastrouter-gracetime fastrouter-events fastrouter-quiet fastrouter-cheap fastrouter-subscription-server fastrouter-subscription-slot fastrouter-timeout fastrouter-post-buffering fastrouter-post-buffering-dir fastrouter-stats fastrouter-stats-server fastrouter-ss fastrouter-harakiri fastrouter-uid fastrouter-gid fastrouter-resubscribe fastrouter-resubscribe-bind fastrouter-buffer-size fastrouter-fallback-on-no-key fastrouter-subscription-fallback-key", Harmless("it matters only beside fastrouter, which is refused by itself"), "", "Belongs to the fastrouter."),
    m("rawrouter-processes rawrouter-workers rawrouter-use-cache rawrouter-use-pattern rawrouter-use-base rawrouter-fallback rawrouter-use-code-string rawrouter-use-socket rawrouter-to rawrouter-gracetime rawrouter-events rawrouter-max-retries rawrouter-quiet rawrouter-cheap rawrouter-subscription-slot rawrouter-timeout rawrouter-stats rawrouter-stats-server rawrouter-ss rawrouter-harakiri rawrouter-xclient rawrouter-buffer-size", Harmless("it matters only beside rawrouter, which is refused by itself"), "", "Belongs to the rawrouter."),
    m("sslrouter-session-context sslrouter-processes sslrouter-workers sslrouter-use-cache sslrouter-use-pattern sslrouter-use-base sslrouter-fallback sslrouter-use-code-string sslrouter-use-socket sslrouter-to sslrouter-gracetime sslrouter-events sslrouter-max-retries sslrouter-quiet sslrouter-cheap sslrouter-timeout sslrouter-stats sslrouter-stats-server sslrouter-ss sslrouter-harakiri sslrouter-sni sslrouter-buffer-size", Harmless("it matters only beside sslrouter, which is refused by itself"), "", "Belongs to the sslrouter."),
    m("legion-freq legion-tolerance legion-death-on-lord-error legion-skew-tolerance legion-scroll-max-size legion-scroll-list-max-size", Harmless("it matters only beside legion, which is refused by itself"), "", "Tunes the Legion."),
    m("subscribe-freq subscription-tolerance unsubscribe-on-graceful-reload subscriptions-sign-check-tolerance subscriptions-sign-skip-uid subscription-algo subscription-dotsplit subscriptions-use-credentials start-unsubscribed subscribe-with-modifier1 weight auto-weight", Harmless("it matters only beside subscribe-to or a subscription server, which are refused by themselves"), "", "Tunes subscriptions."),
    m("zerg-fallback", Harmless("it matters only beside zerg, which is refused by itself"), "", "Binds sockets where no zerg server is."),
    m("rrdtool-freq rrdtool-lib", Harmless("it matters only beside rrdtool, which is refused by itself"), "", "Tunes RRD files."),
    m("snmp-community", Harmless("it matters only beside snmp, which is refused by itself"), "", "Name for the SNMP server."),
    m("namespace-keep-mount namespace-net ns-net", Harmless("it matters only beside namespace, which is refused by itself"), "", "Belongs to `namespace`."),
    m("cgroup-opt cgroup-dir-mode", Harmless("it matters only beside cgroup, which is refused by itself"), "", "Belongs to `cgroup`."),
    m("setns-preopen setns-socket-skip setns-skip", Harmless("it matters only beside setns or setns-socket, which are refused by themselves"), "", "Belongs to `setns`."),
    m("fastcgi-modifier1 fastcgi-modifier2 raw-modifier1 raw-modifier2 https-socket-modifier1 https-socket-modifier2", Harmless("it matters only beside the socket of its protocol"), "", "Modifier of requests on a socket of another protocol."),
    m("multicast-ttl multicast-loop", Harmless("it matters only beside multicast, which is refused by itself"), "", "Tunes multicast."),
    m("ugreen-stacksize", Harmless("it matters only beside ugreen, which is refused by itself"), "", "Stack of a green thread of uGreen."),
    m("dumbloop-modifier1 dumbloop-code dumbloop-function", Harmless("it matters only beside loop = dumb, which is refused by itself"), "", "Belongs to a loop for tests."),
    m("symcall-use-next", Harmless("it matters only beside symcall, which is refused by itself"), "", "Belongs to symcall."),
    m("ping-timeout", Harmless("it matters only beside ping, which is refused by itself"), "", "Seconds that an answer to a ping may take."),
    m("backtrace-depth", Harmless("a crash is told with the stacks of Python, whole"), "", "Frames of C in the report of a crash."),
    m("max-apps", Harmless("any number of applications may be mounted"), "", "Most applications of an instance."),
    m("alarm-list alarms-list imperial-monitor-list imperial-monitors-list loop-list loops-list loggers-list logger-list clock-list clocks-list router-list routers-list plugins-list plugin-list", Harmless("the list is printed by nobody; uswgi-conf options says what there is"), "", "Prints what the build has."),
    m("force-gateway", Harmless("it starts a gateway without a master, and there always is a master"), "", "Starts a gateway without a master."),
    m("no-fd-passing", Harmless("no descriptor that comes with a request is ever taken"), "", "Takes no descriptors with requests."),
    m("mem-collector-freq", Harmless("the master looks at memory limits once a second"), "", "Seconds between two looks at memory limits."),
    m("propagate-touch", Harmless("every touch of a file reaches the workers"), "", "Tells workers of touches."),
    m("shutdown-sockets", Harmless("a listening socket ends with the instance, no process keeps it"), "", "Shuts sockets down when they are closed."),
    m("chunked-input-limit", Harmless("chunks are streamed, and limit-post bounds a body"), "", "Largest chunk of a body."),
    m("chunked-input-timeout", Harmless("socket-timeout and http-timeout bound how long a body may take"), "", "Seconds that a chunk may take."),
    m("clock", Harmless("the clocks of the system are used"), "", "Source of time."),
    m("response-headers-limit", Harmless("the head of an answer is as long as the app makes it"), "", "Largest head of an answer."),
    m("tcp-fast-open-client tcp-fastopen-client", Harmless("nothing here connects to workers over TCP"), "", "TCP fast open for connections of routers."),
    m("http-manage-expect", Harmless("100 Continue is sent when the app reads the body"), "", "Answers Expect: 100-continue in the router."),
    m("http-gracetime http-quiet", Harmless("no router connects to workers: they take the connections themselves"), "", "Connections of the HTTP router to workers that fail."),
    m("http-cheap", Harmless("nothing accepts where no worker serves"), "", "The HTTP router accepts only while there are workers."),
    m("cgi-map-helper cgi-helper cgi-from-docroot cgi-buffer-size cgi-timeout cgi-index cgi-allowed-ext cgi-unset cgi-optimize cgi-optimized cgi-path-info cgi-do-not-kill-on-error cgi-async-max-attempts cgi-close-stdin-on-eof cgi-safe", Harmless("it matters only beside cgi, which is refused by itself"), "", "Belongs to CGI scripts."),
    m("forkptyrouter-command forkpty-router-command forkptyrouter-cmd forkpty-router-cmd forkptyrouter-rows forkptyrouter-cols forkptyrouter-processes forkptyrouter-workers forkptyrouter-fallback forkptyrouter-events forkptyrouter-cheap forkptyrouter-timeout forkptyrouter-stats forkptyrouter-stats-server forkptyrouter-ss forkptyrouter-harakiri", Harmless("it matters only beside forkptyrouter, which is refused by itself"), "", "Belongs to the forkptyrouter."),
    m("webdav-css webdav-javascript webdav-js webdav-class-directory webdav-div webdav-lock-cache webdav-principal-base webdav-add-option webdav-add-prop webdav-add-collection-prop webdav-add-object-prop webdav-add-prop-href webdav-add-collection-prop-href webdav-add-object-prop-href webdav-add-prop-comp webdav-add-collection-prop-comp webdav-add-object-prop-comp webdav-add-rtype-prop webdav-add-rtype-collection-prop webdav-add-rtype-object-prop webdav-skip-prop", Harmless("it matters only beside webdav-mount, which is refused by itself"), "", "Belongs to WebDAV."),
    m("glusterfs-timeout", Harmless("it matters only beside glusterfs-mount, which is refused by itself"), "", "Seconds that GlusterFS may take."),
    m("rados-timeout", Harmless("it matters only beside rados-mount, which is refused by itself"), "", "Seconds that RADOS may take."),
    m("body-read-warning", Harmless("a body takes no more than 64 KiB of memory before the app reads it"), "", "Warns of bodies that take much memory."),
    m("disable-sendfile", Harmless("files are sent whole in any case"), "", "Does not use sendfile(2)."),
    m("hook-as-gateway", Harmless("there is no gateway process in which it could run"), "", "Runs in the processes of routers."),
    m("http-uid http-gid", Harmless("there is no router process: workers take the connections, as the user of the instance"), "", "User and group of the HTTP router."),
    m("http-resubscribe", Harmless("it matters only beside http-subscription-server, which is refused by itself"), "", "Passes subscriptions on."),
];
