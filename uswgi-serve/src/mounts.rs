//! Which of several applications a request is for. Knows nothing of applications but where they are mounted.
//!
//! Observed on uWSGI 2.0.31 (nine requests, ten configurations): with `manage-script-name` the longest mount point that
//! the path is at or below; then the one that SCRIPT_NAME is, none being `""`; then, unless `no-default-app` is set, the
//! default application: the one that is mounted nowhere, or else the first of the configuration.

/// How requests find their application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// `""` or `/prefix`, in the order of the configuration.
    points: Vec<Vec<u8>>,
    /// `manage-script-name`.
    by_path: bool,
    /// For what nobody else owns.
    default: Option<usize>,
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
        let default = if fallback { nowhere.or((!points.is_empty()).then_some(0)) } else { None };
        Mounts { points, by_path, default }
    }

    /// The application for a path and a SCRIPT_NAME.
    pub fn choose(&self, path: &[u8], script: &[u8]) -> Option<Chosen> {
        if self.points.len() == 1 && self.points[0].is_empty() && self.default.is_some() {
            return Some(Chosen { app: 0, mounted: 0 });
        }
        let owns = |point: &[u8]| {
            !point.is_empty()
                && path.strip_prefix(point).is_some_and(|rest| rest.first().is_none_or(|&c| c == b'/'))
        };
        let whole = || self.points.iter().position(|p| p == script).or(self.default);
        // Of equal ones the first counts, hence the last of the reversed.
        let longest = self.points.iter().enumerate().rev().filter(|(_, p)| self.by_path && owns(p));
        match longest.max_by_key(|(_, p)| p.len()) {
            Some((app, point)) => Some(Chosen { app, mounted: point.len() }),
            None => whole().map(|app| Chosen { app, mounted: 0 }),
        }
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
        move |path, script| mounts.choose(path.as_bytes(), script.as_bytes()).map(|c| (c.app, c.mounted))
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
}
