//! Where the commands, the virtualenvs and free ports are.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// One of our commands. Panics when it is not built: nothing here is skipped.
pub fn command(name: &str) -> PathBuf {
    let path = bin_dir().join(name);
    assert!(path.exists(), "{} is not built; run `cargo build --workspace` (make test does)", path.display());
    path
}

/// The folder of our commands: where they were built, or a copy in an open place where other users cannot enter that.
pub fn bin_dir() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let built = built_dir();
        let closed = nix::unistd::geteuid().is_root() && !is_open(&built);
        if closed { open_copy(&built) } else { built }
    })
    .clone()
}

/// Where cargo has put our commands.
fn built_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("USWGI_TEST_BIN") {
        return dir.into();
    }
    // .../target/debug/deps/system-0123: two up.
    let exe = std::env::current_exe().unwrap_or_default();
    exe.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
}

/// Whether every user may enter a folder.
fn is_open(dir: &Path) -> bool {
    let open = |d: &Path| fs::metadata(d).is_ok_and(|m| m.permissions().mode() & 0o001 != 0);
    fs::canonicalize(dir).is_ok_and(|real| real.ancestors().all(open))
}

/// The commands and the module, copied beside the virtualenvs, which tests/setup.sh has put into an open place. A run
/// beside this one may have copied them: a file comes whole or not at all.
fn open_copy(built: &Path) -> PathBuf {
    let into = prepared_dir().join(built.file_name().unwrap_or_default());
    assert!(is_open(&prepared_dir()), "{} is closed to other users; run tests/setup.sh", into.display());
    fs::create_dir_all(&into).expect("folder of the commands");
    for entry in fs::read_dir(built).expect("folder of the commands").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with("uswgi-") && !name.contains('.') || name == "libuswgi_worker.so";
        if ours && entry.file_type().is_ok_and(|t| t.is_file()) {
            let new = into.join(format!(".{name}-{}", std::process::id()));
            fs::copy(entry.path(), &new).and_then(|_| fs::rename(&new, into.join(&name))).expect("a command");
        }
    }
    into
}

/// The original to compare with, when that is what is tested.
pub fn original() -> Option<PathBuf> {
    std::env::var_os("USWGI_TEST_SERVER").filter(|s| !s.is_empty()).map(PathBuf::from)
}

/// What tests/setup.sh prepares: build/test, or where that leads when the checkout is closed to other users.
pub(crate) fn prepared_dir() -> PathBuf {
    let link = root().join("build/test");
    fs::read_link(&link).unwrap_or(link)
}

/// A path below [`prepared_dir`].
fn prepared(name: &str) -> PathBuf {
    let path = prepared_dir().join(name);
    assert!(path.exists(), "{} is missing; run tests/setup.sh (make test does)", path.display());
    path
}

/// The virtualenvs of the applications that other people wrote.
pub fn applications() -> PathBuf {
    prepared("realworld")
}

/// The virtualenv with Django, Flask and web.py.
pub fn venv() -> PathBuf {
    prepared("venv")
}

/// The virtualenv with the libraries that look for the module uwsgi.
pub fn clients() -> PathBuf {
    prepared("clients")
}

/// The virtualenv with libraries that work beside requests.
pub fn background() -> PathBuf {
    prepared("background")
}

/// The virtualenv with gevent.
pub fn engines() -> PathBuf {
    prepared("engines")
}

/// uWSGI itself, to compare with.
pub fn uwsgi() -> PathBuf {
    prepared("uwsgi/bin/uwsgi")
}

/// `uwsgidecorators.py` as uWSGI's own package has it.
pub fn uwsgi_decorators() -> PathBuf {
    let lib = prepared("uwsgi/lib");
    let all = fs::read_dir(lib).expect("uWSGI's packages").flatten();
    let file = all.map(|e| e.path().join("site-packages/uwsgidecorators.py")).find(|p| p.exists());
    file.expect("uwsgidecorators.py of the original")
}

/// The virtualenv with other servers.
pub fn peers() -> PathBuf {
    prepared("peers")
}

/// A package of Debian, whose scripts and units are tried.
pub fn layout(name: &str) -> PathBuf {
    prepared("layouts").join(name)
}

/// The checker of manifests of Kubernetes.
pub fn kubernetes_validate() -> PathBuf {
    prepared("kubernetes/bin/kubernetes-validate")
}

/// Bare virtualenvs of every CPython that the machine has: version, folder.
pub fn pythons() -> Vec<(String, PathBuf)> {
    let list = fs::read_to_string(prepared("pythons")).expect("list of pythons");
    list.lines().map(|tag| (tag.to_string(), prepared(&format!("python-{tag}")))).collect()
}

/// A virtualenv whose interpreter other users may execute.
pub fn public_venv() -> PathBuf {
    for (_, venv) in pythons() {
        let real = fs::canonicalize(venv.join("bin/python")).unwrap_or_default();
        if real.parent().is_some_and(is_open) {
            return venv;
        }
    }
    panic!("no python that other users may execute: install the system's python3 and python3-venv");
}

/// A program of the system, also from the sbin folders, or one that tests/setup.sh prepared.
pub fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(extra)
        .chain([prepared_dir().join("tools/bin")])
        .map(|dir| dir.join(name))
        .find(|p| p.exists())
        .unwrap_or_else(|| panic!("{name} is not installed; run tests/setup.sh (make test does)"))
}

/// A TCP port that nobody uses, outside the range from which the kernel takes its own. It stays ours until this process
/// ends: a name in the abstract namespace keeps it from other runs of the tests.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(|e| e.into_inner());
    let mut port = 10_000 + (std::process::id() as u16 % 97) * 200;
    loop {
        port = if port >= 32_000 { 10_000 } else { port + 1 };
        let name = SocketAddr::from_abstract_name(format!("uswgi-test-port-{port}")).expect("short name");
        let Ok(claim) = UnixListener::bind_addr(&name) else { continue };
        if is_free(port) {
            given.push(claim);
            return port;
        }
    }
}

/// Whether a server could have this port. It is not listened on: a process that another thread forks at this moment
/// has a copy of the socket until it executes its program, and a listening copy would keep the server away.
fn is_free(port: u16) -> bool {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("socket");
    setsockopt(&socket, sockopt::ReuseAddr, &true).expect("SO_REUSEADDR");
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_port_is_given_once_and_a_server_can_have_it() {
        let (a, b) = (free_port(), free_port());
        assert_ne!(a, b);
        // As if a child had inherited the socket that was tried.
        let tried = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&tried, sockopt::ReuseAddr, &true).unwrap();
        bind(tried.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, a)).unwrap();
        let server = TcpListener::bind(("127.0.0.1", a)).unwrap();
        assert!(!is_free(a) && is_free(b));
        drop(server);
        assert!(is_free(a));
        let name = SocketAddr::from_abstract_name(format!("uswgi-test-port-{a}")).unwrap();
        assert!(UnixListener::bind_addr(&name).is_err(), "another run does not get it");
    }
}
