//! What `uswgi-worker --check` has found in an application that loads, as diagnostics.

use crate::diag::Diagnostic;
use crate::instance::Instance;
use uswgi_proto::settings::Protocol;

/// Whether a path of static files is served by this instance, or may be by a server in front of it.
fn is_served(i: &Instance, url: &str) -> bool {
    let covers = |prefix: &str| {
        let prefix = prefix.trim_end_matches('/');
        url.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let in_front = i.sockets.iter().all(|s| s.protocol != Protocol::Http);
    in_front || i.static_files.maps.iter().any(|m| covers(&m.prefix))
}

/// The finding of a line; None: it is none, or nothing to say with these settings.
pub(super) fn of_line(line: &str, i: &Instance) -> Option<Diagnostic> {
    let (kind, detail) = line.strip_prefix("finding ")?.split_once(' ')?;
    Some(match kind {
        "threads" if i.lazy_apps => return None,
        "threads" => Diagnostic::warning(
            "threads-at-import",
            format!("thread {detail} was started while the application was imported: workers do not have it"),
        )
        .help("start it in a post-fork hook (uwsgidecorators.postfork, os.register_at_fork), or set lazy-apps = true"),
        "open" if i.lazy_apps => return None,
        "open" => Diagnostic::warning(
            "open-at-fork",
            format!("{detail} was opened while the application was imported: all workers share it"),
        )
        .help("open it in the first request or in a post-fork hook, or set lazy-apps = true"),
        "debug" => Diagnostic::warning("debug-on", format!("{detail} is on: visitors see code, settings and tracebacks"))
            .help("switch it off for what is served"),
        "hosts" => Diagnostic::warning("no-allowed-hosts", "ALLOWED_HOSTS is empty: Django answers every request with 400")
            .help("ALLOWED_HOSTS = [\"www.example.org\"]"),
        "static" if is_served(i, detail) => return None,
        "static" => Diagnostic::warning("static-unserved", format!("nobody serves STATIC_URL ({detail})"))
            .help(format!("add static-map = {}=STATIC_ROOT, or use WhiteNoise", detail.trim_end_matches('/'))),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::settings::StaticMap;

    fn code(line: &str, i: &Instance) -> Option<&'static str> {
        of_line(line, i).map(|d| d.code)
    }

    #[test]
    fn a_line_is_explained_where_it_matters() {
        let i = Instance::default();
        assert_eq!(code("finding threads beat of celery", &i), Some("threads-at-import"));
        assert_eq!(code("finding nonsense x", &i), None);
        assert_eq!(code("Warning: finding debug x", &i), None);
        let lazy = Instance { lazy_apps: true, ..Instance::default() };
        assert_eq!(code("finding open a connection to [::1]:5432", &lazy), None);
        assert_eq!(code("finding debug Django's DEBUG", &lazy), Some("debug-on"));
    }

    #[test]
    fn static_files_are_somebodys() {
        let mut i = Instance::default();
        assert_eq!(code("finding static /static/", &i), None, "a server in front may have them");
        let http = crate::instance::Socket {
            address: crate::instance::Address::Unix("s".into()),
            protocol: Protocol::Http,
            early: false,
            workers: Vec::new(),
            proxied: false,
            front: uswgi_front::plan::FrontSpec::None,
            name: ":80".into(),
            origin: crate::instance::Origin::default(),
        };
        i.sockets.push(http);
        assert_eq!(code("finding static /static/", &i), Some("static-unserved"));
        let map =
            |prefix: &str| StaticMap { prefix: prefix.into(), target: "/srv".into(), keep_prefix: false };
        i.static_files.maps = vec![map("/stat")];
        assert_eq!(code("finding static /static/", &i), Some("static-unserved"));
        i.static_files.maps = vec![map("/static")];
        assert_eq!(code("finding static /static/", &i), None);
    }
}
