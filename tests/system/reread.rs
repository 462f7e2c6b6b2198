//! The configuration read again: what changes then, what it may cost, and which files cause it.

use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;
use uswgi_proto::steer::{self, Answer, SteerRequest};
use uswgi_tests::wait::stays;
use uswgi_tests::{Server, Site, paths, until};

fn text(server: &Server) -> String {
    fs::read_to_string(server.dir.join("uwsgi.ini")).unwrap()
}

fn rewrite(server: &Server, text: &str) {
    fs::write(server.dir.join("uwsgi.ini"), text).unwrap();
}

fn stats(port: u16) -> Option<String> {
    let mut text = String::new();
    TcpStream::connect(("127.0.0.1", port)).ok()?.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn stats_and_pidfiles_move() {
    let (one, two, three) = (paths::free_port(), paths::free_port(), paths::free_port());
    let mut server = Site::probe()
        .option("stats", format!("127.0.0.1:{one}"))
        .option("stats", format!("127.0.0.1:{two}"))
        .option("vacuum", "true")
        .start();
    let (old, new) = (server.dir.join("uwsgi.pid"), server.dir.join("other.pid"));
    let changed = text(&server)
        .replace(&format!("stats = 127.0.0.1:{one}"), &format!("stats = 127.0.0.1:{three}"))
        .replace(&old.display().to_string(), &new.display().to_string());
    rewrite(&server, &changed);
    server.reload();
    for port in [two, three] {
        assert!(stats(port).unwrap().contains("\"workers\""), "{port}");
    }
    assert!(stats(one).is_none());
    assert_eq!(fs::read_to_string(&new).unwrap().trim(), server.pid().to_string());
    assert!(!old.exists());
    // One that cannot be bound changes nothing.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bad = format!("127.0.0.1:{}", taken.local_addr().unwrap().port());
    rewrite(&server, &changed.replace(&format!("127.0.0.1:{three}"), &bad));
    server.reload();
    server.wait_log("reload failed");
    assert!(stats(three).is_some());
    server.stop(Signal::SIGTERM);
    assert!(!new.exists(), "vacuum");
}

#[test]
fn a_configuration_that_takes_its_time_delays_nothing() {
    let site = Site::probe();
    let script = site.dir.join("config.sh");
    // The first reading is quick; later ones wait for a file.
    let ini = "printf '[uwsgi]\\nharakiri = 77\\n'";
    fs::write(
        &script,
        format!(
            "cd {}; if [ -e started ]; then touch reading; while [ ! -e go ]; do sleep 0.05; done; fi; touch started; {ini}\n",
            site.dir.path().display()
        ),
    )
    .unwrap();
    let mut server = site.option("ini", format!("exec://sh {}", script.display())).start();
    server.signal(Signal::SIGHUP);
    until("the reading", || server.dir.join("reading").exists().then_some(()));
    let ask =
        || steer::ask(&server.instance().unwrap(), &SteerRequest::Ping, Duration::from_secs(30)).unwrap();
    assert!(matches!(ask(), Answer::Pong { .. }), "the master has time for others");
    server.get("/hello").expect(200);
    let before = server.worker_pids();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before[0]), Signal::SIGKILL).unwrap();
    until("a new worker", || {
        let now = server.worker_pids();
        (now.len() == 1 && now != before).then_some(())
    });
    assert_eq!(server.reloads_done(), 0);
    fs::write(server.dir.join("go"), "").unwrap();
    until("the end of the reload", || (server.reloads_done() == 1).then_some(()));
    // And a stop does not wait for it; what it runs ends too.
    fs::remove_file(server.dir.join("go")).unwrap();
    fs::remove_file(server.dir.join("reading")).unwrap();
    server.signal(Signal::SIGHUP);
    until("the reading", || server.dir.join("reading").exists().then_some(()));
    server.stop(Signal::SIGTERM);
}

#[test]
fn a_configuration_that_dies_while_it_is_read_changes_nothing() {
    let site = Site::probe();
    let script = site.dir.join("config.sh");
    fs::write(&script, "printf '[uwsgi]\\nharakiri = 77\\n'\n").unwrap();
    let server = site.option("ini", format!("exec://sh {}", script.display())).start();
    let before = server.worker_pids();
    // It kills the process that reads, which is in its group.
    fs::write(&script, "kill -9 0\n").unwrap();
    server.reload();
    server.wait_log("reload failed");
    assert_eq!(server.worker_pids(), before);
    server.get("/hello").expect(200);
    fs::write(&script, "printf '[uwsgi]\\nworkers = 2\\n'\n").unwrap();
    server.reload();
    assert_eq!(server.worker_pids().len(), 2);
}

#[test]
fn if_reload_still_counts() {
    let site = Site::probe();
    let server = site.option("if-not-reload", "").option("workers", 1).option("endif", "");
    let server = server.option("if-reload", "").option("workers", 2).option("endif", "").start();
    assert_eq!(server.worker_pids().len(), 1);
    for _ in 0..2 {
        server.reload();
        assert_eq!(server.worker_pids().len(), 2);
    }
}

fn touch(path: &Path) {
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::options().append(true).create(true).open(path).unwrap().set_modified(later).unwrap();
}

#[test]
fn each_touch_file_has_its_meaning() {
    let count = "import os\nopen(os.path.join(os.environ['HOLD_DIR'], 'imports'), 'a').write('x')\n";
    let site = Site::probe().source("counted.py", count).option("import", "counted").option("workers", 2);
    let files = ["all", "all2", "workers", "chain"].map(|n| site.dir.join("hold").join(n));
    for file in &files[..3] {
        fs::write(file, "").unwrap();
    }
    let server = site
        .option("touch-reload", files[0].display())
        .option("touch-reload", files[1].display())
        .option("touch-workers-reload", files[2].display())
        .option("touch-chain-reload", files[3].display())
        .start();
    let imports = || fs::read_to_string(server.dir.join("hold/imports")).unwrap().len();
    let others = |before: &[i32]| {
        until("other workers", || {
            let now = server.worker_pids();
            (now.len() == 2 && now.iter().all(|pid| !before.contains(pid))).then_some(())
        })
    };
    for (file, expected) in [(&files[2], 1), (&files[3], 1), (&files[0], 2), (&files[1], 3)] {
        let before = server.worker_pids();
        touch(file);
        others(&before);
        assert_eq!(imports(), expected, "{}", file.display());
        until("rest", || (server.workers().len() == 2).then_some(()));
    }
    assert_eq!(server.reloads_done(), 2);
    let said = server.ctl(&["--json", "status"]).stdout;
    let restarts = &serde_json::from_slice::<serde_json::Value>(&said).unwrap()["restarts"];
    assert_eq!((&restarts["reload"], &restarts["operator"]), (&8.into(), &0.into()), "{restarts}");
    // Another file in its place counts, its removal does not.
    let other = server.dir.join("hold/new");
    fs::write(&other, "").unwrap();
    fs::rename(&other, &files[0]).unwrap();
    until("the third reload", || (server.reloads_done() == 3).then_some(()));
    files.iter().for_each(|f| fs::remove_file(f).unwrap());
    assert!(stays(Duration::from_millis(2500), || server.reloads_done() == 3));
}

#[test]
fn what_a_new_configuration_is_warned_of_is_told_to_who_waits() {
    let server = Site::probe().option("umask", "022").start();
    let warned = |args: &[&str]| -> serde_json::Value {
        let out = server.ctl(&[&["--json"], args].concat());
        assert!(out.status.success(), "{out:?}");
        serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()["warnings"].clone()
    };
    assert_eq!(warned(&["config"]), serde_json::json!([]));
    let clean = text(&server);
    rewrite(&server, &(clean.replace("umask = 022", "umask = 027") + "http-auto-gzip = true\n"));
    // What needs a restart is wanted as long as it is not there.
    for _ in 0..2 {
        let out = server.ctl(&["reload", "--wait"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{said}");
        let line = |part| said.lines().any(|l| l.starts_with("warning: ") && l.contains(part));
        assert!(line("http-auto-gzip has no effect here"), "{said}");
        assert!(line("umask has changed in the configuration; that needs a restart"), "{said}");
    }
    let out = server.ctl(&["config", "umask"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "umask = 022\n", "as it is in force");
    assert_eq!(warned(&["reload", "--wait"]).as_array().unwrap().len(), 2);
    assert_eq!(warned(&["config"]).as_array().unwrap().len(), 2);
    let out = server.ctl(&["--quiet", "reload", "--wait"]);
    assert!(out.status.success() && out.stderr.is_empty() && out.stdout.is_empty(), "{out:?}");
    rewrite(&server, &clean);
    assert_eq!(warned(&["reload", "--wait"]), serde_json::json!([]));
}

#[test]
fn who_waits_in_vain_for_a_generation_reads_which_one_is_there() {
    let server = Site::probe().start();
    let out = server.ctl(&["wait", "--generation", "7", "--timeout", "0.2"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert!(said.contains("generation 7 or a later one did not"), "{said}");
    assert!(said.contains("ready, generation 1"), "{said}");
}

#[test]
fn a_socket_that_stays_gets_its_new_mode() {
    let site = Site::probe().option("chmod-socket", "660");
    let path = site.dir.join("s.sock");
    let server = site.option("socket", path.display()).start();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o660);
    // What was set by hand stays as long as the configuration says nothing else.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    server.reload();
    assert_eq!(mode(), 0o600);
    rewrite(&server, &text(&server).replace("chmod-socket = 660", "chmod-socket = 666"));
    let before = fs::metadata(&path).unwrap().ino();
    server.reload();
    assert_eq!((mode(), fs::metadata(&path).unwrap().ino()), (0o666, before));
}
