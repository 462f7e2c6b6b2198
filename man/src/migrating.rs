//! The table of docs/MIGRATING.md: the options that people use most, and what happens to each here.

use std::path::Path;
use uswgi_conf::options::{self, Status};

/// The 120 names that most of 334 public configuration files (of 261 repositories) hold, and in how many of them.
#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("master", "78.4%"),
    ("processes", "66.8%"),
    ("module", "61.1%"),
    ("socket", "61.1%"),
    ("chdir", "53.9%"),
    ("vacuum", "43.1%"),
    ("uid", "36.8%"),
    ("chmod-socket", "33.2%"),
    ("gid", "32.0%"),
    ("threads", "31.1%"),
    ("enable-threads", "28.1%"),
    ("pidfile", "23.7%"),
    ("die-on-term", "22.8%"),
    ("buffer-size", "22.8%"),
    ("wsgi-file", "22.5%"),
    ("max-requests", "20.7%"),
    ("harakiri", "20.1%"),
    ("callable", "18.9%"),
    ("http", "18.3%"),
    ("env", "16.5%"),
    ("virtualenv", "16.5%"),
    ("logto", "15.3%"),
    ("http-socket", "14.7%"),
    ("static-map", "13.5%"),
    ("disable-logging", "11.4%"),
    ("workers", "11.4%"),
    ("plugins", "11.4%"),
    ("stats", "10.5%"),
    ("daemonize", "10.2%"),
    ("home", "9.3%"),
    ("single-interpreter", "9.3%"),
    ("pythonpath", "9.0%"),
    ("touch-reload", "8.7%"),
    ("plugin", "8.4%"),
    ("memory-report", "8.4%"),
    ("lazy-apps", "8.1%"),
    ("logger", "8.1%"),
    ("thunder-lock", "7.8%"),
    ("need-app", "7.8%"),
    ("ini", "7.2%"),
    ("http-timeout", "6.6%"),
    ("manage-script-name", "6.6%"),
    ("chown-socket", "6.3%"),
    ("mount", "6.3%"),
    ("disable-write-exception", "6.0%"),
    ("ignore-write-errors", "5.7%"),
    ("strict", "5.4%"),
    ("listen", "5.4%"),
    ("reload-on-rss", "5.4%"),
    ("ignore-sigpipe", "5.4%"),
    ("post-buffering", "5.1%"),
    ("socket-timeout", "5.1%"),
    ("log-master", "4.5%"),
    ("http-keepalive", "4.5%"),
    ("worker-reload-mercy", "4.2%"),
    ("cheaper", "4.2%"),
    ("hook-master-start", "4.2%"),
    ("req-logger", "3.9%"),
    ("log-format", "3.6%"),
    ("log-5xx", "3.6%"),
    ("auto-procname", "3.3%"),
    ("offload-threads", "3.0%"),
    ("gevent", "3.0%"),
    ("log-4xx", "3.0%"),
    ("attach-daemon", "3.0%"),
    ("no-orphans", "2.7%"),
    ("max-worker-lifetime", "2.7%"),
    ("protocol", "2.4%"),
    ("log-date", "2.4%"),
    ("logformat", "2.4%"),
    ("py-autoreload", "2.4%"),
    ("reload-mercy", "2.1%"),
    ("harakiri-verbose", "2.1%"),
    ("if-env", "2.1%"),
    ("endif", "2.1%"),
    ("http-auto-chunked", "2.1%"),
    ("cache2", "1.8%"),
    ("log-maxsize", "1.8%"),
    ("vhost", "1.8%"),
    ("route", "1.8%"),
    ("stats-http", "1.8%"),
    ("wsgi-disable-file-wrapper", "1.8%"),
    ("show-config", "1.8%"),
    ("check-static", "1.5%"),
    ("python-path", "1.5%"),
    ("http-websockets", "1.5%"),
    ("cheaper-initial", "1.5%"),
    ("no-defer-accept", "1.5%"),
    ("http-enable-proxy-protocol", "1.5%"),
    ("log-x-forwarded-for", "1.5%"),
    ("static-gzip-all", "1.2%"),
    ("log-slow", "1.2%"),
    ("uwsgi-socket", "1.2%"),
    ("import", "1.2%"),
    ("logformat-strftime", "1.2%"),
    ("gevent-early-monkey-patch", "1.2%"),
    ("idle", "1.2%"),
    ("py-call-osafterfork", "1.2%"),
    ("log-reopen", "1.2%"),
    ("if-not-env", "1.2%"),
    ("lazy", "0.9%"),
    ("procname-prefix-spaced", "0.9%"),
    ("optimize", "0.9%"),
    ("static-expires", "0.9%"),
    ("carbon-hostname-dots", "0.9%"),
    ("carbon-root", "0.9%"),
    ("limit-post", "0.9%"),
    ("file", "0.9%"),
    ("http11-socket", "0.9%"),
    ("alarm-segfault", "0.9%"),
    ("plugin-dir", "0.9%"),
    ("harakiri-graceful-timeout", "0.9%"),
    ("umask", "0.9%"),
    ("log-encoder", "0.9%"),
    ("cheaper-step", "0.9%"),
    ("wsgi", "0.9%"),
    ("close-on-exec", "0.9%"),
    ("log-route", "0.9%"),
    ("no-default-app", "0.9%"),
    ("emperor", "0.9%"),
];

const BEGIN: &str = "<!-- made by cargo run -p uswgi-man -->\n";
const END: &str = "<!-- end -->\n";

fn row(name: &str, share: &str) -> String {
    let Some(row) = options::row(name) else { return String::new() };
    let (status, text) = match row.status {
        Status::Supported => ("does it", row.help),
        Status::Harmless(why) => ("no effect needed", why),
        Status::Noticed(why) => ("no effect, said at start", why),
        Status::Refused(instead) => ("refused", instead),
    };
    let text = text.trim_end_matches('.').replace('|', "\\|");
    format!("| `{name}` | {share} | {status} | {text} |\n")
}

/// The document with its table as it is now; None where there is no place for it.
pub(crate) fn document(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("docs/MIGRATING.md")).ok()?;
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let rows: String = NAMES.iter().map(|(name, share)| row(name, share)).collect();
    let head = "| option | in files | here | what it does, why nothing is lost, or what to do instead |\n|---|---|---|---|\n";
    Some(format!("{before}{BEGIN}\n{head}{rows}\n{END}{after}"))
}
