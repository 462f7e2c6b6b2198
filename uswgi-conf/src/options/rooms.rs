//! Where an option that people use stands in `--help` and uswgi.ini(5). uWSGI keeps most of them in one list
//! without headings; the long tail is sorted by `tail`.

use super::facts::Fact;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Headings, and the names below each; a star stands for any end.
#[rustfmt::skip]
const ROOMS: &[(&str, &str)] = &[
    ("sockets", "socket uwsgi-socket http-socket https https-socket https2 http-to-https sni sni-* https-export-cert ssl-* scgi-socket scgi-nph-socket fastcgi-socket fastcgi-nph-socket http11-socket http httprouter protocol socket-protocol abstract-socket listen \
        chmod-socket chmod chown-socket shared-socket undeferred-shared-socket reuse-port so-keepalive tcp-nodelay \
        no-defer-accept freebind socket-sndbuf socket-rcvbuf tcp-fast-open tcp-fastopen enable-proxy-protocol"),
    ("application", "chdir chdir2 env envdir early-envdir unenv home virtualenv venv pyhome module wsgi wsgi-file file callable mount vhost vhost-host manage-script-name \
        pythonpath python-path pp import pyimport py-import python-import pyargv need-app django-preload no-default-app lazy-apps lazy enable-threads \
        single-interpreter no-threads-wait catch-exceptions"),
    ("workers", "master processes workers threads asgi asgi-tasks asyncio-loop gevent* loop-lag-warn cheap cheaper* idle thunder-lock lock-engine cpu-affinity offload-thread* reaper \
        close-on-exec* no-orphans forkbomb-delay harakiri* no-harakiri-* reload-mercy worker-reload-mercy max-requests* \
        min-worker-lifetime max-worker-lifetime* reload-on-* limit-as max-surplus reload-boost worker-id-exclusive"),
    ("reload and stop", "warmup warmup-header warmup-expect warmup-timeout reload-watch keep-previous canary-share canary-for canary-max-5xx canary-max-slower canary-min-requests die-on-term shutdown-delay exit-on-reload touch-reload fs-reload fs-brutal-reload touch-workers-reload touch-chain-reload py-autoreload \
        python-autoreload py-auto-reload python-auto-reload py-auto-reload-ignore master-fifo"),
    ("beside requests", "spooler spooler-* mule mules mule-* farm touch-mules-reload touch-spoolers-reload \
        signal-timer timer signal-rbtimer rbtimer touch-signal fs-signal signal-bufsize signals-* rpc-*"),
    ("instance", "fallback-config flock* wait-* prio no-initgroups pidfile pidfile2 safe-pidfile* daemonize daemonize2 vacuum uid gid immediate-uid immediate-gid add-gid no-new-privs umask master-as-root limit-nproc max-fd \
        ksm procname* auto-procname binary-path honour-stdin"),
    ("requests", "buffer-size max-vars limit-post post-buffering* socket-timeout http-timeout http-keepalive forwarded-allow-ips so-send-timeout \
        socket-send-timeout so-write-timeout socket-write-timeout websocket* add-header rem-header del-header collect-header response-header-collect pull-header error-page-* file-serve-mode fileserve-mode ignore-sigpipe \
        ignore-write-errors write-errors-* disable-write-exception http-*"),
    ("routing", "route route-* error-route* response-route* final-route*"),
    ("static files", "static-map static-map2 check-static static-check static-* mime-file mimefile honour-range"),
    ("logs", "disable-logging memory-report threaded-logger log* slow-request req-logger touch-logrotate touch-logreopen"),
    ("metrics", "stats* metric metric-dir* metrics-* enable-metrics carbon carbon-*"),
    ("alarms", "alarm alarm-* log-alarm not-log-alarm not-alarm-log segfault-alarm backlog-alarm lq-alarm listen-queue-alarm metric-threshold metric-alarm"),
    ("emperor", "emperor* vassal* early-emperor"),
    ("configuration", "strict allow-unsupported plugin plugins plugin-dir plugins-dir need-plugin need-plugins autoload show-config get \
        no-server help usage version print iprint exit"),
];

/// The heading of an option; None: `tail` knows.
pub(super) fn room(f: &Fact) -> Option<&'static str> {
    // A name itself is stronger than the beginning of one, a room in front than one behind.
    let (named, begun) = patterns();
    let begins = || begun.iter().find(|(start, _)| f.name.starts_with(start)).map(|(_, room)| *room);
    named.get(f.name).copied().or_else(begins)
}

/// What `ROOMS` says: names with their rooms, and beginnings of names in their order.
type Patterns = (HashMap<&'static str, &'static str>, Vec<(&'static str, &'static str)>);

/// `ROOMS`, taken apart once.
fn patterns() -> &'static Patterns {
    static PATTERNS: OnceLock<Patterns> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let (mut named, mut begun) = (HashMap::new(), Vec::new());
        for (room, names) in ROOMS {
            for name in names.split_whitespace() {
                match name.strip_suffix('*') {
                    Some(start) => begun.push((start, *room)),
                    None => _ = named.entry(name).or_insert(*room),
                }
            }
        }
        (named, begun)
    })
}

/// Where a heading stands among the others.
pub(super) fn rank(room: &str) -> usize {
    ROOMS.iter().position(|(name, _)| *name == room).unwrap_or(ROOMS.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{own, row};

    #[test]
    fn every_name_of_a_room_is_an_option() {
        for (room, names) in ROOMS {
            for name in names.split_whitespace() {
                let known = match name.strip_suffix('*') {
                    Some(start) => crate::options::FACTS.iter().any(|f| f.name.starts_with(start)),
                    None => row(name).is_some() || own(name).is_some(),
                };
                assert!(known, "{room}: {name}");
            }
        }
    }

    #[test]
    fn aliases_stand_together() {
        for one in crate::options::rows().filter(|r| !matches!(r.status, crate::options::Status::Refused(_)))
        {
            let canonical = row(one.canonical()).map(|r| r.category());
            assert_eq!(Some(one.category()), canonical, "{}", one.fact.name);
        }
    }
}
