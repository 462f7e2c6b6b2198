//! Another user of the machine, and the application itself: who can reach what, as docs/SECURITY.md says it, tried as these users;
//! forged pidfiles, scoreboards and links against root.

use super::privileges::user;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};
use uswgi_tests::process::{self, Process};
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Server, Site, lacks, paths, until};

/// What is tried, each as one word of Python; `m` and `w` are pids, `d` the folder.
const THINGS: &[(&str, &str)] = &[
    ("the HTTP port: connect", "connect_port(port)"),
    ("the unix socket, `chmod-socket = 660`: connect", "connect(d + '/uwsgi.sock')"),
    ("the stats socket: connect", "connect(d + '/stats.sock')"),
    ("signals to the master", "os.kill(m, 0)"),
    ("signals to a worker", "os.kill(w, 0)"),
    ("the scoreboard: read", "open('/proc/%d/fd/100' % m, 'rb').close()"),
    ("the scoreboard: write", "open('/proc/%d/fd/100' % m, 'r+b').close()"),
    ("the steering socket: connect", "connect('/proc/%d/fd/101' % m)"),
    ("the master's descriptors: list", "os.listdir('/proc/%d/fd' % m)"),
    ("a worker's descriptors: list", "os.listdir('/proc/%d/fd' % w)"),
    ("the master's memory: write", "open('/proc/%d/mem' % m, 'r+b').close()"),
    ("a worker's memory: write", "open('/proc/%d/mem' % w, 'r+b').close()"),
    ("a worker's environment: read", "open('/proc/%d/environ' % w).close()"),
    ("the FIFO: write", "os.close(os.open(d + '/fifo', os.O_WRONLY | os.O_NONBLOCK))"),
    ("the pidfile in a folder of root: read", "open(d + '/etc/uwsgi.pid').close()"),
    ("the pidfile in a folder of root: write", "open(d + '/etc/uwsgi.pid', 'r+').close()"),
    ("the log: read", "open(d + '/etc/app.log').close()"),
    ("the log: write", "open(d + '/etc/app.log', 'a').close()"),
    ("a task of the spooler: read", "open(glob.glob(d + '/tasks/*uwsgi_spoolfile*')[0]).close()"),
    (
        "the folder of the spooler: write",
        "os.close(os.open(d + '/tasks/x', os.O_CREAT | os.O_WRONLY)); os.unlink(d + '/tasks/x')",
    ),
];

const TRY: &str = r#"
import glob, json, os, socket, sys
m, w, port, d, things = json.loads(sys.argv[1])
def connect(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
def connect_port(port):
    socket.create_connection(("127.0.0.1", port)).close()
said = []
for thing in things:
    try:
        exec(thing)
        said.append(True)
    except (PermissionError, FileNotFoundError, IndexError):
        said.append(False)
print(json.dumps(said))
"#;

/// What this user can do.
fn tried(server: &Server, uid: u32, gid: u32) -> Vec<bool> {
    let words: Vec<&str> = THINGS.iter().map(|(_, word)| *word).collect();
    let worker = server.worker_pids()[0];
    let about = serde_json::json!([server.pid(), worker, server.http_port(), server.dir.path(), words]);
    let mut python = process::command("/usr/bin/python3");
    python.args(["-c", TRY, &about.to_string()]).uid(uid).gid(gid).current_dir("/");
    serde_json::from_str(&process::good(python, PATIENCE)).unwrap()
}

/// A root-started instance of www-data with one of everything; the spooler has a task that nobody runs.
fn instance() -> Server {
    let www = user("www-data");
    let site = Site::new().app("background").home(&paths::public_venv()).both();
    chown(site.dir.path(), Some(www.uid.as_raw()), Some(www.gid.as_raw())).unwrap();
    for (name, owner) in [("etc", 0), ("tasks", www.uid.as_raw())] {
        fs::create_dir(site.dir.join(name)).unwrap();
        chown(site.dir.join(name), Some(owner), None).unwrap();
    }
    let at = |name: &str| site.dir.join(name).display().to_string();
    let (stats, fifo, tasks, log, pid) =
        (at("stats.sock"), at("fifo"), at("tasks"), at("etc/app.log"), at("etc/uwsgi.pid"));
    let site = site.without("pidfile").option("pidfile", pid).option("logto", log).option("uid", "www-data");
    let site = site.option("gid", "www-data").option("chmod-socket", "660").option("stats", stats);
    let server =
        site.option("master-fifo", fifo).option("spooler-external", tasks).option("workers", 2).start();
    let said = super::spooler::ask(&server, "uwsgi.spool({b'name': b'n'})");
    assert!(said.starts_with("b'/"), "{said}");
    server
}

/// What stands between two marks of docs/SECURITY.md.
fn documented(mark: &str) -> String {
    let text = fs::read_to_string(paths::root().join("docs/SECURITY.md")).unwrap();
    let begin =
        text.split_once(&format!("<!-- {mark}: tried by tests/system/strangers.rs -->\n\n")).expect(mark).1;
    begin.split_once("\n\n<!-- end -->").expect("its end").0.to_string()
}

#[test]
fn who_can_reach_what_is_what_the_document_says() {
    if lacks(Need::Root) {
        return;
    }
    let server = instance();
    let (nobody, www) = (user("nobody"), user("www-data"));
    let stranger = tried(&server, nobody.uid.as_raw(), nobody.gid.as_raw());
    let own = tried(&server, www.uid.as_raw(), www.gid.as_raw());
    let word = |can: bool| if can { "yes" } else { "-" };
    let rows = THINGS.iter().zip(stranger.into_iter().zip(own));
    let rows =
        rows.map(|((thing, _), (other, own))| format!("| {thing} | {} | {} |", word(other), word(own)));
    let head =
        "| what | another user | the instance's user, so the application |\n|---|---|---|\n".to_string();
    let table = head + &rows.collect::<Vec<_>>().join("\n");
    assert_eq!(table, documented("who can reach what"), "left: tried, right: docs/SECURITY.md\n{table}");
}

/// A descriptor without what differs from run to run.
fn kind(link: &Path, dir: &Path) -> String {
    let text = link.display().to_string();
    let text = text.replace(&dir.display().to_string(), "DIR");
    let text = text.split(":[").next().unwrap_or_default().to_string();
    text.trim_end_matches(" (deleted)").to_string()
}

#[test]
fn what_a_dropped_worker_holds_is_what_the_document_says() {
    if lacks(Need::Root) {
        return;
    }
    let server = instance();
    let worker = server.worker_pids()[0];
    let entries = fs::read_dir(format!("/proc/{worker}/fd")).unwrap().flatten();
    let mut kinds: Vec<String> = entries
        .filter_map(|e| fs::read_link(e.path()).ok())
        // What it looks up of itself, and what its application has opened.
        .filter(|link| !link.starts_with(format!("/proc/{worker}")) && !link.ends_with("hold/ran"))
        .map(|link| kind(&link, server.dir.path()))
        .collect();
    kinds.sort();
    kinds.dedup();
    let status = fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).expect(name);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let www = user("www-data");
    let ids = format!("{0} {0} {0} {0}", www.uid);
    assert_eq!((field("Uid"), field("Groups")), (ids, www.gid.to_string()));
    let rights: Vec<String> = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(field).into();
    assert!(rights.iter().all(|r| r.trim_matches('0').is_empty()), "{rights:?}");
    let mut text = String::from("| a worker holds | |\n|---|---|\n");
    text += &format!(
        "| descriptors | {} |\n",
        kinds.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")
    );
    text += "| user, group and groups | its own, saved ones too; no group of root |\n";
    text += "| capabilities | none: inheritable, permitted, effective, ambient |";
    assert_eq!(
        text,
        documented("what a dropped worker holds"),
        "left: seen, right: docs/SECURITY.md\n{text}"
    );
}

/// Somebody's process that says it is an instance: its scoreboard is memory of that name, its steering socket that of root.
const FORGED: &str = r#"
import os, sys, time
memory = os.memfd_create("uswgi-scoreboard")
os.write(memory, b"\xff" * 100_000)
os.dup2(memory if sys.argv[2] == "memory" else os.open(sys.argv[1], os.O_PATH), 100)
os.dup2(os.open(sys.argv[1], os.O_PATH), 101)
open(sys.argv[3], "w").write(str(os.getpid()))
time.sleep(1000)
"#;

#[test]
fn a_forged_instance_gets_nothing_of_root() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = user("nobody");
    let site = Site::new();
    let open = |name: &str| {
        let folder = site.dir.join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        folder
    };
    let folder = open("theirs");
    let precious = site.dir.join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
    let verbs: &[&[&str]] =
        &[&["ping"], &["status"], &["stack"], &["reload"], &["stop"], &["retire", "1"], &["kill", "1"]];
    for what in ["memory", "file"] {
        let pidfile = folder.join(what);
        let mut python = process::command("/usr/bin/python3");
        python.args(["-c", FORGED]).args([&precious]).arg(what).arg(&pidfile);
        python.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw()).current_dir("/");
        let mut forged = Process::start(python, &site.dir.join("forged.log"));
        uswgi_tests::server::wait_file(&pidfile);
        for verb in verbs {
            let mut ctl = process::command(paths::command("uswgi-ctl"));
            ctl.arg("--pidfile").arg(&pidfile).args(*verb);
            let out = process::run(ctl, PATIENCE);
            assert_ne!(out.status.code(), Some(0), "{what} {verb:?}: {out:?}");
        }
        assert!(forged.ended().is_none(), "a stranger was signalled");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
    // What is no file is neither waited for nor read without end.
    let (fifo, endless, secret) = (folder.join("fifo"), folder.join("endless"), folder.join("secret"));
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", &endless).unwrap();
    symlink(&precious, &secret).unwrap();
    for pidfile in [&fifo, &endless, &secret] {
        let begin = Instant::now();
        let mut ctl = process::command(paths::command("uswgi-ctl"));
        ctl.arg("--pidfile").arg(pidfile).arg("stop");
        let out = process::run(ctl, PATIENCE);
        assert_ne!(out.status.code(), Some(0), "{out:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

#[test]
fn root_writes_nothing_through_a_strangers_link() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = user("nobody");
    for option in ["logto", "pidfile", "safe-pidfile", "pidfile2"] {
        let site = Site::probe().without("pidfile");
        let safe = TempDir::new();
        let (folder, precious) = (site.dir.join("theirs"), safe.join("precious"));
        fs::create_dir(&folder).unwrap();
        chown(&folder, Some(nobody.uid.as_raw()), None).unwrap();
        fs::write(&precious, "precious").unwrap();
        let link = folder.join("link");
        symlink(&precious, &link).unwrap();
        let site = site.option(option, link.display());
        lchown(&link, Some(nobody.uid.as_raw()), None).unwrap();
        let failure = site.refused();
        assert!(failure.text.contains(&format!("user {} made", nobody.uid)), "{option}: {}", failure.text);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
    // One of root's is: a log that goes to the output of a container.
    let site = Site::probe();
    let (link, log) = (site.dir.join("link"), site.dir.join("app.log"));
    symlink(&log, &link).unwrap();
    let mut server = site.option("logto", link.display()).start();
    server.get("/hello").expect(200);
    until("the line", || fs::read_to_string(&log).ok().filter(|text| text.contains("GET /hello")));
    server.stop(Signal::SIGTERM);
    assert!(Uid::effective().is_root());
}
