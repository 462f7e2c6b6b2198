//! Which interpreter, and which module. Reads the file system, changes nothing, runs nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Why there is no interpreter or no module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotFound(pub(crate) String);

impl std::fmt::Display for NotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this user may run the file.
fn executable(path: &Path) -> std::io::Result<()> {
    let kind = fs::metadata(path)?;
    if !kind.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).map_err(Into::into)
}

/// The interpreter of a virtual environment or prefix. The path is absolute and keeps its symlinks:
/// the interpreter finds its prefix by the name it was started with.
pub(crate) fn in_home(home: &Path) -> Result<PathBuf, NotFound> {
    let shown = home.display();
    let home = std::path::absolute(home).map_err(|e| NotFound(format!("home {shown}: {e}")))?;
    match fs::metadata(&home) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(NotFound(format!(
                "home = {shown}: there is no such directory; create the virtual environment with `python3 -m venv {shown}`"
            )));
        }
        Err(e) => return Err(NotFound(format!("home = {shown}: {e}{}", as_whom()))),
        Ok(m) if !m.is_dir() => return Err(NotFound(format!("home = {shown}: it is not a directory"))),
        Ok(_) => {}
    }
    let mut refused = None;
    for name in ["python3", "python"] {
        let path = home.join("bin").join(name);
        match executable(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                if fs::symlink_metadata(&path).is_ok() {
                    refused = Some(NotFound(format!(
                        "home = {shown}: bin/{name} points to an interpreter that is gone; create the virtual environment again"
                    )));
                }
            }
            Err(e) => {
                refused = Some(NotFound(format!("home = {shown}: bin/{name}: {e}{}", as_whom())));
            }
        }
    }
    Err(refused.unwrap_or_else(|| {
        NotFound(format!(
            "home = {shown}: it is no virtual environment (bin/python3 is missing); create one with `python3 -m venv {shown}`"
        ))
    }))
}

fn as_whom() -> String {
    let uid = nix::unistd::geteuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => format!(" (as user {})", user.name),
        _ => format!(" (as uid {uid})"),
    }
}

/// The first of: `home`, VIRTUAL_ENV, the virtual environment this program is installed in, PATH; and which of them.
pub(crate) fn interpreter(
    home: Option<&OsStr>,
    virtual_env: Option<OsString>,
    own_directory: Option<&Path>,
    path: Option<OsString>,
) -> Result<(PathBuf, &'static str), NotFound> {
    if let Some(home) = home {
        return Ok((in_home(Path::new(home))?, "home"));
    }
    if let Some(dir) = virtual_env.filter(|v| !v.is_empty()) {
        let found = in_home(Path::new(&dir)).map_err(|e| NotFound(format!("VIRTUAL_ENV: {e}")))?;
        return Ok((found, "VIRTUAL_ENV"));
    }
    if let Some(prefix) = own_directory.and_then(Path::parent)
        && prefix.join("pyvenv.cfg").is_file()
    {
        return Ok((in_home(prefix)?, "where uswgi is installed"));
    }
    let path = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    env::split_paths(&path)
        .map(|d| d.join("python3"))
        .find(|p| p.is_absolute() && executable(p).is_ok())
        .map(|found| (found, "PATH"))
        .ok_or_else(|| {
            NotFound("there is no python3 on PATH; install Python, or name a virtual environment with `home = DIR`".into())
        })
}

/// The module: `USWGI_MODULE`, beside this program, in `../lib/uswgi`, or in the site-packages that this
/// program was installed with.
pub(crate) fn module(named: Option<OsString>, own_directory: Option<&Path>) -> Result<PathBuf, NotFound> {
    if let Some(path) = named {
        return Ok(PathBuf::from(path));
    }
    let own = own_directory.ok_or_else(|| NotFound("cannot tell where uswgi-worker is installed".into()))?;
    let mut candidates = vec![
        own.join("libuswgi_worker.so"),
        own.join("uswgi_worker.abi3.so"),
        own.join("../lib/uswgi/uswgi_worker.abi3.so"),
    ];
    for lib in ["../lib", "../lib64"] {
        let Ok(entries) = fs::read_dir(own.join(lib)) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("python3") {
                candidates.push(entry.path().join("site-packages/uswgi_worker.abi3.so"));
                candidates.push(entry.path().join("dist-packages/uswgi_worker.abi3.so"));
            }
        }
    }
    candidates.into_iter().find(|p| p.is_file()).ok_or_else(|| {
        NotFound(format!(
            "the module uswgi_worker.abi3.so is neither beside {0}/uswgi-worker nor in {0}/../lib/uswgi; is the installation complete?",
            own.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn temp(name: &str) -> PathBuf {
        let dir = env::temp_dir().join(format!("uswgi-find-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("bin")).unwrap();
        dir
    }

    fn program(path: &Path) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_home_gives_its_own_interpreter_and_says_what_is_wrong_with_it() {
        let home = temp("home");
        assert!(in_home(&home).unwrap_err().0.contains("no virtual environment"));
        symlink("/nonexistent/python3", home.join("bin/python3")).unwrap();
        assert!(in_home(&home).unwrap_err().0.contains("is gone"));
        program(&home.join("bin/python"));
        assert_eq!(in_home(&home).unwrap(), home.join("bin/python"));
        assert!(in_home(Path::new("/nonexistent")).unwrap_err().0.contains("no such directory"));
        assert!(in_home(&home.join("bin/python")).unwrap_err().0.contains("not a directory"));
    }

    #[test]
    fn home_wins_over_everything() {
        let (a, b) = (temp("a"), temp("b"));
        for d in [&a, &b] {
            program(&d.join("bin/python3"));
            fs::write(d.join("pyvenv.cfg"), "").unwrap();
        }
        let own = b.join("bin");
        let virtual_env = Some(b.clone().into_os_string());
        let path = Some(b.join("bin").into_os_string());
        let found = |home, venv, own, path| interpreter(home, venv, own, path).unwrap();
        let of = |dir: &Path, by| (dir.join("bin/python3"), by);
        assert_eq!(found(Some(a.as_os_str()), virtual_env.clone(), Some(&own), path.clone()), of(&a, "home"));
        assert_eq!(found(None, virtual_env, None, None), of(&b, "VIRTUAL_ENV"));
        let installed = of(&b, "where uswgi is installed");
        assert_eq!(found(None, None, Some(&own), Some(a.join("bin").into())), installed);
        assert_eq!(found(None, None, None, Some(a.join("bin").into())), of(&a, "PATH"));
        assert!(interpreter(None, None, None, Some("/nonexistent".into())).is_err());
    }
}
