//! Paths of a jail (`chroot`), seen from outside and from inside. Pure but for [`enter`], which a process says
//! once, before it goes in: from then on the files of a configuration are found by their names of before.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// Where a jail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jail {
    /// Its directory as seen from outside: absolute, without symbolic links.
    pub root: PathBuf,
    /// The same as it was written, absolute.
    pub written: PathBuf,
    /// Directory of the start, from which relative names count.
    pub start: PathBuf,
}

impl Jail {
    /// A name of outside as it is inside; None: it lies elsewhere.
    pub fn inside(&self, path: &Path) -> Option<PathBuf> {
        let path = self.start.join(path);
        // `..` may lead out again: such a name is not judged by its letters.
        if path.components().any(|c| c == Component::ParentDir) {
            return None;
        }
        let rest = [&self.root, &self.written].into_iter().find_map(|r| path.strip_prefix(r).ok())?;
        Some(Path::new("/").join(rest))
    }

    /// A name of inside as it is outside, where no symbolic link leads away from it.
    pub fn outside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// The jail, and the CPUs that were counted outside: inside there may be nothing to count by.
static ENTERED: OnceLock<(Jail, usize)> = OnceLock::new();

/// This process goes into the jail next.
pub fn enter(jail: Jail) {
    let cpus = crate::system::cpus();
    let _ = ENTERED.set((jail, cpus));
}

fn entered() -> Option<&'static Jail> {
    ENTERED.get().map(|(jail, _)| jail)
}

/// The number of CPUs, as it was before.
pub(crate) fn cpus() -> Option<usize> {
    ENTERED.get().map(|(_, cpus)| *cpus)
}

/// The name by which a file of the configuration can be opened now.
pub(crate) fn seen(path: &Path) -> Cow<'_, Path> {
    match entered().and_then(|jail| jail.inside(path)) {
        Some(inside) => inside.into(),
        None => path.into(),
    }
}

/// The absolute name of a file of the configuration, without symbolic links, as it was before.
pub(crate) fn real(path: &Path) -> std::io::Result<PathBuf> {
    let there = seen(path);
    let real = std::fs::canonicalize(&there)?;
    let moved = entered().filter(|_| matches!(there, Cow::Owned(_)));
    Ok(moved.map_or(real.clone(), |jail| jail.outside(&real)))
}

/// The directory of the start, when it is not the current one any more.
pub(crate) fn start() -> Option<&'static Path> {
    entered().map(|jail| jail.start.as_path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_jail_and_get_it_back() {
        let path = |p: &str| Some(PathBuf::from(p));
        let (root, written) = ("/data/jail".into(), "/srv/jail".into());
        let jail = Jail { root, written, start: "/srv/jail/etc".into() };
        assert_eq!(jail.inside(Path::new("/data/jail/etc/a.ini")), path("/etc/a.ini"));
        assert_eq!(jail.inside(Path::new("/srv/jail/etc/a.ini")), path("/etc/a.ini"));
        assert_eq!(jail.inside(Path::new("a.ini")), path("/etc/a.ini"));
        assert_eq!(jail.inside(Path::new("/srv/jail")), path("/"));
        for elsewhere in ["/etc/a.ini", "/srv/jailer/a.ini", "/srv/jail/../a.ini", "../../../a.ini"] {
            assert_eq!(jail.inside(Path::new(elsewhere)), None, "{elsewhere}");
        }
        assert_eq!(jail.outside(Path::new("/run/a.pid")), Path::new("/data/jail/run/a.pid"));
        assert_eq!(jail.outside(Path::new("a.pid")), Path::new("/data/jail/a.pid"));
    }
}
