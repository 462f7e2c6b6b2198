//! Monitors: the folders and patterns in which vassals' files are, looked at. It must never open a file.
//!
//! Observed on uWSGI 2.0.31: `emperor = X` is a folder where X is one, and a pattern otherwise (a file's name is one that fits itself);
//! `dir://` and `glob://` say which. In a folder names are relative to it, and it is where the vassals start; of a pattern the paths are
//! as it was written, and vassals start where the Emperor is. What is no plain file (behind a link too) is no vassal.
#![forbid(unsafe_code)]

use crate::demand;
use crate::files::{Found, Owner, Stamp};
use crate::name::{option_of, shown};
use crate::tyrant::refusal;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use uswgi_conf::emperor::EmperorSettings;
use uswgi_conf::glob::glob;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// As it was written.
    pub name: String,
    /// Absolute.
    path: PathBuf,
    kind: SourceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    Folder,
    Pattern,
    /// What is there decides, and a folder stays one.
    Either {
        was_folder: bool,
    },
}

/// What one look has found.
#[derive(Debug, Default)]
pub struct Sight {
    /// The vassals' files, by monitor and name.
    pub found: Vec<Found>,
    /// Numbers of the monitors that could not be looked at.
    pub unread: BTreeSet<usize>,
    /// Directories in which something may change.
    pub places: BTreeSet<PathBuf>,
    /// What is odd: where, and a sentence about it.
    pub odd: BTreeMap<PathBuf, String>,
}

impl Monitor {
    /// From the value of `emperor`.
    pub fn new(name: &str) -> Monitor {
        let (kind, path) = match name.split_once("://") {
            Some(("dir", path)) => (SourceKind::Folder, path),
            Some(("glob", path)) => (SourceKind::Pattern, path),
            _ if name.contains(['*', '?', '[']) => (SourceKind::Pattern, name),
            _ => (SourceKind::Either { was_folder: false }, name),
        };
        let path = match kind {
            // Matches are shown as they were asked for.
            SourceKind::Pattern => path.into(),
            _ => std::path::absolute(path).unwrap_or_else(|_| path.into()),
        };
        Monitor { name: name.into(), path, kind }
    }

    /// What makes it the same as another one, of another Emperor perhaps: its absolute path.
    pub fn key(&self) -> PathBuf {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        fs::canonicalize(&absolute).unwrap_or(absolute)
    }

    fn is_folder(&mut self) -> bool {
        match &mut self.kind {
            SourceKind::Folder => true,
            SourceKind::Pattern => false,
            SourceKind::Either { was_folder } => {
                let is_file = || self.path.exists() || option_of(self.path.as_os_str(), &[]).is_some();
                *was_folder |= self.path.is_dir() || !is_file();
                *was_folder
            }
        }
    }
}

/// Look at all monitors.
pub fn look(monitors: &mut [Monitor], settings: &EmperorSettings) -> Sight {
    let mut sight = Sight::default();
    let mut ids = BTreeSet::new();
    for (number, monitor) in monitors.iter_mut().enumerate() {
        let before = sight.found.len();
        if monitor.is_folder() {
            folder(monitor, number, settings, &mut sight);
        } else {
            pattern(monitor, number, settings, &mut sight);
        }
        for found in &mut sight.found[before..] {
            if !ids.insert(found.id.clone()) {
                found.id = found.path.clone().into();
                ids.insert(found.id.clone());
            }
        }
    }
    // The same file twice is one vassal.
    let mut paths = BTreeSet::new();
    sight.found.retain(|f| paths.insert(f.path.clone()));
    sight
}

fn folder(monitor: &Monitor, number: usize, settings: &EmperorSettings, sight: &mut Sight) {
    let dir = &monitor.path;
    sight.places.insert(dir.clone());
    sight.places.extend(dir.parent().map(Path::to_path_buf));
    let listed = fs::read_dir(dir).and_then(|all| all.map(|e| e.map(|e| e.file_name())).collect());
    let mut names: Vec<OsString> = match listed {
        Ok(names) => names,
        Err(e) => {
            sight.unread.insert(number);
            sight.odd.insert(
                dir.clone(),
                format!("{} cannot be looked at ({e}): its vassals stay as they are", dir.display()),
            );
            return;
        }
    };
    names.sort();
    for name in names {
        let path = dir.join(&name);
        let argument = name.clone();
        add(Candidate { id: name, argument, path, directory: Some(dir), number }, settings, sight);
    }
}

fn pattern(monitor: &Monitor, number: usize, settings: &EmperorSettings, sight: &mut Sight) {
    let text = monitor.path.as_os_str().as_bytes();
    // Notices come from the last directory without a star; what is below it is found by looking.
    let fixed: PathBuf = monitor
        .path
        .components()
        .take_while(|c| !c.as_os_str().as_bytes().iter().any(|b| b"*?[".contains(b)))
        .collect();
    let fixed =
        if fixed == monitor.path { fixed.parent().map(Path::to_path_buf).unwrap_or_default() } else { fixed };
    let here = |p: &Path| std::path::absolute(if p.as_os_str().is_empty() { Path::new(".") } else { p });
    sight.places.extend(here(&fixed).ok());
    for name in glob(text).unwrap_or_default() {
        let name = OsString::from_vec(name);
        let Ok(path) = std::path::absolute(&name) else { continue };
        sight.places.extend(path.parent().map(Path::to_path_buf));
        add(Candidate { id: name.clone(), argument: name, path, directory: None, number }, settings, sight);
    }
}

struct Candidate<'a> {
    id: OsString,
    argument: OsString,
    path: PathBuf,
    directory: Option<&'a PathBuf>,
    number: usize,
}

fn add(c: Candidate<'_>, settings: &EmperorSettings, sight: &mut Sight) {
    let file_name = c.path.file_name().unwrap_or_default();
    let Some(option) = option_of(file_name, &settings.extra_extensions) else { return };
    let own = match fs::symlink_metadata(&c.path) {
        Ok(own) => own,
        // It has gone since its folder was read.
        Err(_) => return,
    };
    let link = own.file_type().is_symlink();
    if link
        && let Some(place) = fs::canonicalize(&c.path).ok().and_then(|p| p.parent().map(Path::to_path_buf))
    {
        sight.places.insert(place);
    }
    let target = if link { fs::metadata(&c.path) } else { Ok(own.clone()) };
    let why = match &target {
        Ok(t) if t.is_file() => None,
        Ok(t) if t.is_dir() => Some("a folder"),
        Ok(t) if t.file_type().is_fifo() => Some("a FIFO"),
        Ok(t) if t.file_type().is_socket() => Some("a socket"),
        Ok(_) => Some("no plain file"),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Some("a link that leads nowhere"),
        Err(_) => Some("a link that cannot be followed"),
    };
    let target = match (why, target) {
        (None, Ok(target)) => target,
        (why, _) => {
            let said = format!("{} is no vassal: it is {}", shown(c.path.as_os_str()), why.unwrap_or("odd"));
            sight.odd.insert(c.path, said);
            return;
        }
    };
    let of = |m: &Metadata| Stamp {
        inode: (m.dev(), m.ino()),
        modified: (m.mtime(), m.mtime_nsec()),
        size: m.len(),
    };
    let stamp = of(if settings.nofollow { &own } else { &target });
    let whose = if settings.tyrant_nofollow { &own } else { &target };
    // A link has no mode of its own.
    let owner =
        settings.tyrant.then(|| Owner { uid: whose.uid(), gid: whose.gid(), mode: target.mode() & 0o7777 });
    let mut found = Found {
        id: c.id,
        argument: c.argument,
        option,
        directory: c.directory.cloned(),
        monitor: c.number,
        stamp,
        refusal: owner.and_then(|owner| refusal(owner, folder_mode(&c.path))),
        owner,
        demand: None,
        path: c.path,
    };
    found.demand = demand::address(&found, settings);
    sight.found.push(found);
}

/// The mode of a file's folder; one that cannot be looked at is not trusted.
fn folder_mode(path: &Path) -> u32 {
    path.parent().and_then(|p| fs::metadata(p).ok()).map_or(0o777, |m| m.mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn ids(sight: &Sight) -> Vec<String> {
        sight.found.iter().map(|f| shown(&f.id)).collect()
    }

    fn touch(path: &Path) {
        fs::write(path, "").unwrap();
    }

    #[test]
    fn a_folder_has_its_plain_files_behind_links_too() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        ["b.ini", ".a.ini", "x.xml", "b.ini~", "d.txt"].iter().for_each(|n| touch(&at(n)));
        fs::create_dir(at("sub.ini")).unwrap();
        fs::create_dir(at("else")).unwrap();
        touch(&at("else/real"));
        symlink("else/real", at("link.ini")).unwrap();
        symlink("nowhere", at("broken.ini")).unwrap();
        symlink("loop.ini", at("loop.ini")).unwrap();
        nix::unistd::mkfifo(&at("fifo.ini"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let mut monitors = [Monitor::new(&dir.path().display().to_string())];
        let sight = look(&mut monitors, &EmperorSettings::default());
        assert_eq!(ids(&sight), [".a.ini", "b.ini", "link.ini", "x.xml"]);
        assert_eq!(sight.found[1].directory.as_deref(), Some(dir.path()));
        assert_eq!((sight.found[3].option, sight.found[1].path.as_path()), ("--xml", at("b.ini").as_path()));
        let odd: Vec<&str> = sight.odd.values().map(|o| o.rsplit_once("it is ").unwrap().1).collect();
        assert_eq!(
            odd,
            ["a link that leads nowhere", "a FIFO", "a link that cannot be followed", "a folder"]
        );
        let real = fs::canonicalize(at("else")).unwrap();
        assert!(sight.places.contains(dir.path()) && sight.places.contains(&real), "{:?}", sight.places);
    }

    #[test]
    fn a_pattern_has_paths_and_a_second_folder_its_own_names() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["v", "w"] {
            fs::create_dir(at(folder)).unwrap();
            touch(&at(folder).join("a.ini"));
        }
        touch(&at("w/b.ini"));
        let shown_path = |name: &str| at(name).display().to_string();
        let mut glob = [Monitor::new(&format!("glob://{}", shown_path("*/a.ini")))];
        let sight = look(&mut glob, &EmperorSettings::default());
        assert_eq!(ids(&sight), [shown_path("v/a.ini"), shown_path("w/a.ini")]);
        assert_eq!(sight.found[0].directory, None);
        let mut both = [Monitor::new(&shown_path("v")), Monitor::new(&format!("dir://{}", shown_path("w")))];
        assert_eq!(
            ids(&look(&mut both, &EmperorSettings::default())),
            ["a.ini".to_string(), shown_path("w/a.ini"), "b.ini".into()]
        );
        // A file alone, and one that two monitors have.
        let mut file = [Monitor::new(&shown_path("w/b.ini")), Monitor::new(&shown_path("w"))];
        assert_eq!(
            ids(&look(&mut file, &EmperorSettings::default())),
            [shown_path("w/b.ini"), "a.ini".into()]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_and_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        for name in [format!("dir://{}", gone.display()), gone.display().to_string()] {
            let sight = look(&mut [Monitor::new(&name)], &EmperorSettings::default());
            assert!(sight.unread.contains(&0) && sight.odd.len() == 1 && sight.found.is_empty(), "{name}");
            assert!(sight.places.contains(dir.path()));
        }
        // It stays a folder when it goes away; a file that goes is gone.
        let mut monitors = [
            Monitor::new(&gone.display().to_string()),
            Monitor::new(&format!("{}/a.ini", dir.path().display())),
        ];
        fs::create_dir(&gone).unwrap();
        touch(&dir.path().join("a.ini"));
        let sight = look(&mut monitors, &EmperorSettings::default());
        assert!(sight.unread.is_empty() && sight.found.len() == 1);
        fs::remove_dir(&gone).unwrap();
        fs::remove_file(dir.path().join("a.ini")).unwrap();
        let sight = look(&mut monitors, &EmperorSettings::default());
        assert_eq!((sight.unread.into_iter().collect::<Vec<_>>(), sight.found.len()), (vec![0], 0));
    }
}
