//! `py-autoreload`: tells the master when the source of a loaded module has changed.
//!
//! A thread of each worker looks each N seconds: modules that a request imports later are known to
//! workers only. Of the directories that hold the application's own modules every `.py` file is watched, so
//! that the repair of a broken edit is seen also when it is in a file that was never loaded. It must never
//! decide to reload: the master does.

use crate::engine::Engine;
use crate::sys;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uswgi_proto::control::ToMaster;

/// Microseconds since the epoch at which a file was modified.
fn modified(path: &Path) -> Option<u64> {
    let m = std::fs::metadata(path).ok()?;
    u64::try_from(m.mtime()).ok().map(|s| s * 1_000_000 + m.mtime_nsec() as u64 / 1000)
}

/// Files of modules, and what Python itself and its packages live below.
struct Loaded {
    files: BTreeSet<PathBuf>,
    ignored: BTreeSet<PathBuf>,
    prefixes: Vec<PathBuf>,
}

fn source(file: &str) -> PathBuf {
    let path = PathBuf::from(file);
    if path.extension().is_some_and(|e| e == "pyc" || e == "pyo") { path.with_extension("py") } else { path }
}

/// What is loaded now. Modules are asked for `__file__` in their dictionary only: their own `__getattr__`
/// is not called.
fn loaded(py: Python<'_>, ignore: &[String]) -> PyResult<Loaded> {
    let sys = PyModule::import(py, "sys")?;
    let mut all = Loaded { files: BTreeSet::new(), ignored: BTreeSet::new(), prefixes: Vec::new() };
    for name in ["prefix", "base_prefix", "exec_prefix", "base_exec_prefix"] {
        all.prefixes.push(sys.getattr(name)?.extract()?);
    }
    let modules = sys.getattr("modules")?.call_method0("copy")?;
    for (name, module) in modules.cast::<PyDict>()?.iter() {
        let Ok(module) = module.cast::<PyModule>() else { continue };
        let Ok(Some(file)) = module.dict().get_item("__file__") else { continue };
        let Ok(file) = file.extract::<String>() else { continue };
        let ignored = name.extract::<String>().is_ok_and(|n| ignore.contains(&n));
        if ignored { &mut all.ignored } else { &mut all.files }.insert(source(&file));
    }
    Ok(all)
}

impl Loaded {
    /// The files to watch: those of modules, and their neighbours in the application's own directories; and
    /// those directories.
    fn watched(self) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
        let own = |p: &PathBuf| p.is_absolute() && !self.prefixes.iter().any(|prefix| p.starts_with(prefix));
        let own_files = self.files.iter().filter(|p| own(p));
        let directories: BTreeSet<PathBuf> =
            own_files.filter_map(|p| p.parent()).map(Path::to_path_buf).collect();
        let mut found: BTreeSet<PathBuf> = self.files.clone();
        for directory in &directories {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            found.extend(entries.flatten().map(|e| e.path()).filter(|p| {
                let name = p.file_name().unwrap_or_default().to_string_lossy();
                name.ends_with(".py") && !name.starts_with(['.', '#'])
            }));
        }
        found.retain(|p| !self.ignored.contains(p));
        (found, directories)
    }
}

/// What was seen of each file.
#[derive(Default)]
struct Seen {
    files: BTreeMap<PathBuf, u64>,
    /// Directories whose files were all seen: another one there has come to be since.
    whole: BTreeSet<PathBuf>,
}

impl Seen {
    /// Look at these files: the first that has changed since it was seen, or that has come to be since. What
    /// was never looked at before is no change: it was imported later.
    fn changed(&mut self, (files, whole): (BTreeSet<PathBuf>, BTreeSet<PathBuf>)) -> Option<(PathBuf, u64)> {
        let mut first = None;
        for path in files {
            let Some(now) = modified(&path) else { continue };
            let changed = match self.files.insert(path.clone(), now) {
                Some(before) => now != before,
                None => path.parent().is_some_and(|d| self.whole.contains(d)),
            };
            if changed && first.is_none() {
                first = Some((path, now));
            }
        }
        self.whole = whole;
        first
    }
}

/// Start to look, if the settings want it.
pub(crate) fn start(engine: &Arc<Engine>) {
    let every = engine.settings.autoreload;
    if every == 0 || engine.control.is_none() {
        return;
    }
    let shared = engine.clone();
    let body = move || {
        sys::block_signals();
        look(&shared, Duration::from_secs(every.into()));
    };
    let started =
        std::thread::Builder::new().name("uswgi-autoreload".into()).stack_size(512 * 1024).spawn(body);
    if let Err(e) = started {
        crate::say!("py-autoreload: no thread can be started: {e}");
    }
}

fn look(engine: &Engine, every: Duration) {
    let mut seen = Seen::default();
    loop {
        // While Python ends, its lock is not to be had any more.
        if engine.is_leaving() {
            return;
        }
        let all = Python::attach(|py| loaded(py, &engine.settings.autoreload_ignore));
        let changed = all.ok().and_then(|all| seen.changed(all.watched()));
        if let (Some((path, modified_us)), Some(control)) = (changed, &engine.control) {
            let path = path.to_string_lossy().into_owned();
            control.send(&ToMaster::SourceChanged { path, modified_us });
        }
        std::thread::sleep(every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn set(path: &Path, seconds: u64) {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options().append(true).create(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn changes_are_told_once_and_late_imports_are_none() {
        let dir = std::env::temp_dir().join(format!("uswgi-autoreload-{}", std::process::id()));
        let (own, lib) = (dir.join("own"), dir.join("lib"));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&lib).unwrap();
        let (a, b) = (own.join("a.py"), own.join("b.py"));
        let (c, d) = (lib.join("c.py"), lib.join("d.py"));
        [&a, &c, &d].iter().for_each(|p| set(p, 100));
        let watch = |files: &[&PathBuf]| {
            let files = files.iter().map(|p| (*p).clone()).collect();
            Loaded { files, ignored: BTreeSet::new(), prefixes: vec![lib.clone()] }.watched()
        };
        let mut seen = Seen::default();
        let mut step = |files: &[&PathBuf]| seen.changed(watch(files)).map(|(p, _)| p);
        assert_eq!(step(&[&a]), None, "the first look");
        set(&a, 200);
        assert_eq!(step(&[&a]), Some(a.clone()));
        assert_eq!(step(&[&a]), None);
        set(&a, 50);
        assert_eq!(step(&[&a]), Some(a.clone()), "an older version counts: somebody went back to it");
        // Imported later: not a change. Changed then: one.
        assert_eq!(step(&[&a, &c]), None);
        set(&c, 300);
        assert_eq!(step(&[&a, &c]), Some(c.clone()));
        assert_eq!(step(&[&a, &c, &d]), None);
        // A new file beside the application's modules.
        set(&b, 100);
        assert_eq!(step(&[&a, &c, &d]), Some(b.clone()));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn compiled_files_stand_for_their_source() {
        assert_eq!(source("/x/a.pyc"), Path::new("/x/a.py"));
        assert_eq!(source("/x/a.so"), Path::new("/x/a.so"));
    }
}
