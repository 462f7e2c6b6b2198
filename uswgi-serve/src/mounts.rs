//! Which of several applications a request is for. Knows nothing of applications but where they are mounted.
//!
//! Observed on uWSGI 2.0.31 (nine requests, ten configurations): with `manage-script-name` the longest mount point that
//! the path is at or below; then the one that SCRIPT_NAME is, none being `""`; then, unless `no-default-app` is set, the
//! default application: the one that is mounted nowhere, or else the first of the configuration.
//!
//! With `vhost` a mount point may be `HOST|/prefix` (measured there: what is behind `|` is SCRIPT_NAME, none being `""`;
//! `vhost-host` means the same; such an application is never the default one). There the host is compared byte by byte;
//! here letters are of one case, and a port counts only where the mount point has one.

/// How requests find their application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// `""` or `/prefix`, in the order of the configuration.
    points: Vec<Vec<u8>>,
    /// `manage-script-name`.
    by_path: bool,
    /// For what nobody else owns.
    default: Option<usize>,
    /// Some are for one host (`vhost`).
    hosts: bool,
}

/// An application and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// Position in the configuration.
    pub app: usize,
    /// So many bytes of the path are the mount point and become SCRIPT_NAME; 0: the request stays as it is.
    pub mounted: usize,
}

impl Mounts {
    /// Mount points in the order of the configuration. `by_path` is `manage-script-name`, `fallback` false is
    /// `no-default-app`.
    pub fn new(points: Vec<Vec<u8>>, by_path: bool, fallback: bool) -> Mounts {
        let nowhere = points.iter().position(Vec::is_empty);
        let first = points.iter().position(|p| of_host(p).is_none());
        let default = if fallback { nowhere.or(first) } else { None };
        let hosts = points.iter().any(|p| of_host(p).is_some());
        Mounts { points, by_path, default, hosts }
    }

    /// Whether the path decides (`manage-script-name`).
    pub fn is_by_path(&self) -> bool {
        self.by_path
    }

    /// How much of the path is the mount point that it is at or below; 0: none, or the path does not decide.
    pub fn point_of(&self, path: &[u8]) -> usize {
        self.longest(path).map_or(0, |(_, point)| point.len())
    }

    /// The application that every request is for.
    pub fn only(&self) -> Option<Chosen> {
        (self.points.len() == 1 && self.points[0].is_empty() && self.default.is_some())
            .then_some(Chosen { app: 0, mounted: 0 })
    }

    fn longest(&self, path: &[u8]) -> Option<(usize, &Vec<u8>)> {
        let owns = |point: &[u8]| {
            !point.is_empty()
                && path.strip_prefix(point).is_some_and(|rest| rest.first().is_none_or(|&c| c == b'/'))
        };
        // Of equal ones the first counts, hence the last of the reversed.
        let below = self.points.iter().enumerate().rev().filter(|(_, p)| self.by_path && owns(p));
        below.max_by_key(|(_, p)| p.len())
    }

    /// The application for a path and a SCRIPT_NAME; the host is asked for only where mount points have one. `placed`: the
    /// mount point was taken off the path already, and is the SCRIPT_NAME, so the path is not looked at.
    pub fn choose<'h>(
        &self,
        path: &[u8],
        script: &[u8],
        placed: bool,
        host: impl FnOnce() -> &'h [u8],
    ) -> Option<Chosen> {
        if let Some(only) = self.only() {
            return Some(only);
        }
        let whole = || self.points.iter().position(|p| p == script).or(self.default);
        let longest = if placed { None } else { self.longest(path) };
        let mounted = longest.map_or(0, |(_, p)| p.len());
        let at_host = || {
            let script = if mounted > 0 { &path[..mounted] } else { script };
            self.at_host(host(), script).map(|app| Chosen { app, mounted })
        };
        if self.hosts
            && let Some(chosen) = at_host()
        {
            return Some(chosen);
        }
        match longest {
            Some((app, _)) => Some(Chosen { app, mounted }),
            None => whole().map(|app| Chosen { app, mounted: 0 }),
        }
    }

    /// The application that is mounted at a point, without a look at the path (`setapp`); where there is none, the default one.
    pub fn at(&self, point: &[u8]) -> Option<Chosen> {
        // As the configuration may have it: with a slash at its end, and with none at its beginning.
        let bare = &point[..point.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1)];
        let is = |p: &Vec<u8>| p == bare || (!bare.is_empty() && p.strip_prefix(b"/") == Some(bare));
        let app = self.points.iter().position(is).or(self.default)?;
        Some(Chosen { app, mounted: 0 })
    }

    /// Whether there is a mount point of this name, of whichever host.
    pub(crate) fn has(&self, script: &[u8]) -> bool {
        self.points.iter().any(|p| of_host(p).map_or(p.as_slice(), |(_, s)| s) == script)
    }

    /// The application of a host at a SCRIPT_NAME.
    fn at_host(&self, host: &[u8], script: &[u8]) -> Option<usize> {
        let of = |host: &[u8]| {
            let is =
                |p: &Vec<u8>| of_host(p).is_some_and(|(h, s)| h.eq_ignore_ascii_case(host) && s == script);
            self.points.iter().position(is)
        };
        of(host).or_else(|| of(without_port(host)))
    }
}

/// The parts of `HOST|SCRIPT_NAME`.
fn of_host(point: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = point.iter().position(|b| *b == b'|')?;
    Some((&point[..at], &point[at + 1..]))
}

/// `host` of `host:port`; `[v6]` of `[v6]:port`.
fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|b| *b == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        points: &[&str],
        by_path: bool,
        fallback: bool,
    ) -> impl Fn(&str, &str) -> Option<(usize, usize)> {
        let mounts = Mounts::new(points.iter().map(|p| p.as_bytes().to_vec()).collect(), by_path, fallback);
        move |path, script| {
            mounts.choose(path.as_bytes(), script.as_bytes(), false, || b"").map(|c| (c.app, c.mounted))
        }
    }

    #[test]
    fn the_longest_mount_point_of_a_path_wins() {
        let ask = chosen(&["/b", "/b/long", ""], true, true);
        assert_eq!(ask("/b/long/x", ""), Some((1, 7)));
        assert_eq!(ask("/b/longer", ""), Some((0, 2)));
        assert_eq!(ask("/b", ""), Some((0, 2)));
        assert_eq!(ask("/bx", ""), Some((2, 0)));
        // The path says more than SCRIPT_NAME.
        assert_eq!(ask("/b/x", "/b/long"), Some((0, 2)));
        // A server in front that took the mount point off the path.
        assert_eq!(ask("/x", "/b/long"), Some((1, 0)));
    }

    #[test]
    fn without_manage_script_name_only_script_name_counts() {
        let ask = chosen(&["/b", ""], false, true);
        assert_eq!(ask("/b/x", ""), Some((1, 0)));
        assert_eq!(ask("/b/x", "/b"), Some((0, 0)));
        assert_eq!(ask("/x", "/other"), Some((1, 0)));
    }

    #[test]
    fn what_nobody_owns_goes_to_the_default_application_or_nowhere() {
        assert_eq!(chosen(&["/b", "/app"], true, true)("/other", ""), Some((0, 0)));
        assert_eq!(chosen(&["/b", "/app"], true, false)("/other", ""), None);
        assert_eq!(chosen(&["/b", ""], true, true)("/other", "/nope"), Some((1, 0)));
        assert_eq!(chosen(&["/b", ""], true, false)("/other", "/nope"), None);
        assert_eq!(chosen(&["/b", ""], true, false)("/other", ""), Some((1, 0)));
        assert_eq!(chosen(&[""], false, true)("/", "/nope"), Some((0, 0)));
        assert_eq!(chosen(&[""], false, false)("/", "/nope"), None);
        assert_eq!(chosen(&[], true, true)("/", ""), None);
    }

    #[test]
    fn the_first_of_two_with_one_mount_point_wins() {
        assert_eq!(chosen(&["/b", "/b"], true, true)("/b/x", ""), Some((0, 2)));
        assert_eq!(chosen(&["", ""], false, true)("/", ""), Some((0, 0)));
    }

    #[test]
    fn an_application_is_named_as_its_mount() {
        let points = ["/b", "", "/two"].map(|p| p.as_bytes().to_vec()).to_vec();
        let mounts = Mounts::new(points.clone(), false, true);
        let app = |point: &str| mounts.at(point.as_bytes()).map(|c| (c.app, c.mounted));
        assert_eq!(["/b", "/b/", "b", "/two", "two"].map(app), [0, 0, 0, 2, 2].map(|n| Some((n, 0))));
        assert_eq!(["", "/", "/nope", "/tw"].map(app), [Some((1, 0)); 4]);
        assert_eq!(Mounts::new(points, false, false).at(b"/nope"), None);
    }

    /// What was rewritten inside a mount stays inside of it.
    #[test]
    fn a_mount_point_is_taken_off_once() {
        let points = ["/m", "/other", ""].map(|p| p.as_bytes().to_vec()).to_vec();
        let mounts = Mounts::new(points.clone(), true, true);
        assert_eq!((mounts.point_of(b"/m/x"), mounts.point_of(b"/mx"), mounts.point_of(b"/m")), (2, 0, 2));
        let choose = |path: &[u8], script: &[u8]| mounts.choose(path, script, true, || b"").unwrap();
        assert_eq!(choose(b"/other/y", b"/m"), Chosen { app: 0, mounted: 0 });
        assert_eq!(choose(b"/other/y", b""), Chosen { app: 2, mounted: 0 });
        assert_eq!(Mounts::new(points, false, true).point_of(b"/m/x"), 0);
    }

    /// The table of what was asked of 2.0.31: three applications, one of them without a host.
    #[test]
    fn a_host_has_applications_of_its_own() {
        let points = |all: &[&str]| all.iter().map(|p| p.as_bytes().to_vec()).collect::<Vec<_>>();
        let mounts = Mounts::new(points(&["a.example|", "", "a.example|/m", "b.example:81|"]), false, true);
        let ask = |host: &'static str, script: &str| {
            let chosen = mounts.choose(b"/x", script.as_bytes(), false, || host.as_bytes());
            chosen.map(|c| (c.app, c.mounted))
        };
        assert_eq!(ask("a.example", ""), Some((0, 0)));
        assert_eq!(ask("a.example", "/m"), Some((2, 0)));
        assert_eq!(ask("a.example", "/other"), Some((1, 0)));
        assert_eq!(ask("c.example", ""), Some((1, 0)));
        assert_eq!(ask("", ""), Some((1, 0)));
        // Ours: a host is the same in capitals and with a port.
        assert_eq!(ask("A.example:8080", ""), Some((0, 0)));
        assert_eq!((ask("b.example:81", ""), ask("b.example", "")), (Some((3, 0)), Some((1, 0))));
        let strict = Mounts::new(points(&["a.example|", "b.example|"]), true, true);
        assert_eq!(strict.choose(b"/x", b"", false, || b"c.example"), None);
        // A mount point of all hosts gives SCRIPT_NAME; whose it is there is asked then.
        let both = Mounts::new(points(&["", "/m", "a.example|/m"]), true, true);
        assert_eq!(both.choose(b"/m/x", b"", false, || b"a.example"), Some(Chosen { app: 2, mounted: 2 }));
        assert_eq!(both.choose(b"/m/x", b"", false, || b"b.example"), Some(Chosen { app: 1, mounted: 2 }));
        assert_eq!(both.choose(b"/x", b"", false, || b"a.example"), Some(Chosen { app: 0, mounted: 0 }));
    }
}
