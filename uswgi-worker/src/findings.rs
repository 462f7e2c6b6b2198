//! What `uswgi-worker --check` finds in an application that loads: what breaks, or is open to everybody, below a server that
//! forks. A line each on stderr, `finding KIND DETAIL`, which `uswgi-conf lint --check-app` explains. It must change nothing.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::collections::BTreeSet;
use std::ffi::CStr;

/// Descriptors that are open.
pub(crate) fn open_descriptors() -> BTreeSet<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let seen: Vec<i32> = entries.filter_map(|e| e.file_name().to_string_lossy().parse().ok()).collect();
    // The one by which they were read is closed by now.
    seen.into_iter().filter(|fd| std::fs::read_link(format!("/proc/self/fd/{fd}")).is_ok()).collect()
}

/// Looks at the process; `apps` and `before` are given, `found` is what it leaves.
const LOOK: &CStr = cr##"
import fcntl, os, re, socket, stat, sys, warnings

found = []

def kind(name):
    return re.sub(r"\d+", "#", name)

def made_by(thread):
    made = getattr(thread, "function", None) or getattr(thread, "_target", None) or type(thread)
    return getattr(made, "__module__", None) or "an unknown module"

def threads():
    threading = sys.modules.get("threading")
    here = [t for t in threading.enumerate() if t is not threading.main_thread()] if threading else []
    if not here:
        return
    back, forth = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pid = os.fork()
    if pid == 0:
        try:
            os.write(forth, "\n".join(t.name for t in threading.enumerate()).encode())
        finally:
            os._exit(0)
    os.close(forth)
    with open(back, "rb") as pipe:
        there = [kind(name) for name in pipe.read().decode().split("\n")]
    os.waitpid(pid, 0)
    for thread in here:
        if kind(thread.name) in there:
            there.remove(kind(thread.name))
        else:
            found.append(("threads", f"{thread.name} of {made_by(thread)}"))

def shown(address):
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else os.fsdecode(address)

def descriptor(fd):
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        with socket.socket(fileno=os.dup(fd)) as s:
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return f"a socket that listens on {shown(s.getsockname())}"
            try:
                peer = s.getpeername()
            except OSError:
                return None
            return f"a connection to {shown(peer)}" if peer else None
    if stat.S_ISREG(mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        if os.pread(fd, 16, 0) == b"SQLite format 3\0":
            return f"the SQLite database {os.readlink(f'/proc/self/fd/{fd}')}"
    return None

def descriptors():
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in before:
            try:
                what = descriptor(int(name))
            except OSError:
                continue
            if what:
                found.append(("open", what))

def frameworks():
    for app in apps:
        if type(app).__module__.partition(".")[0] == "flask" and getattr(app, "debug", False):
            found.append(("debug", "Flask's debug"))
    django = sys.modules.get("django.conf")
    if django is None or not django.settings.configured:
        return
    settings = django.settings
    if settings.DEBUG:
        found.append(("debug", "Django's DEBUG"))
    elif not settings.ALLOWED_HOSTS:
        found.append(("hosts", ""))
    url = str(settings.STATIC_URL or "")
    served = any("whitenoise" in str(m).lower() for m in settings.MIDDLEWARE)
    if "django.contrib.staticfiles" in settings.INSTALLED_APPS and url.startswith("/") and not served:
        found.append(("static", url))

for look in (threads, descriptors, frameworks):
    try:
        look()
    except Exception as e:
        found.append(("unknown", f"{look.__name__}: {e!r}"))
"##;

/// Look, and print what is found.
pub(crate) fn print(py: Python<'_>, apps: &[Py<PyAny>], before: &BTreeSet<i32>) {
    let look = || -> PyResult<Vec<(String, String)>> {
        let names = PyDict::new(py);
        names.set_item("apps", PyList::new(py, apps)?)?;
        names.set_item("before", before)?;
        py.run(LOOK, Some(&names), None)?;
        names.as_any().get_item("found")?.extract()
    };
    match look() {
        Ok(found) => {
            for (kind, detail) in found {
                eprintln!("finding {kind} {}", detail.replace('\n', " "));
            }
        }
        Err(e) => crate::py::print_exception(py, &e),
    }
}
