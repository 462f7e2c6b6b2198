//! What somebody takes away while the instance runs: its folder, its virtualenv, its socket, its pidfile; and machines that have less
//! than others: no user of that number, nothing to write to, no IPv4.

use super::privileges::as_nobody;
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use uswgi_tests::process::{Process, alive, send};
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Request, Server, Site, http, lacks, paths, process, until};

fn reloads(server: &Server) {
    let out = server.ctl(&["reload", "--wait", "--drain", "--timeout", "60"]);
    assert_eq!(out.status.code(), Some(0), "{out:?}\n{}", server.log());
    server.get("/hello").expect(200);
}

fn refused(server: &Server, why: &str) {
    let out = server.ctl(&["reload", "--wait", "--timeout", "60"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("the old workers serve on") && said.contains(why), "{why}: {said}");
    server.get("/hello").expect(200);
}

/// uWSGI 2.0.31 ends at such a reload.
#[test]
fn an_application_whose_folder_is_gone_serves_on_and_its_reload_is_refused() {
    let mut server = Site::probe().option("workers", 2).option("vacuum", "true").start();
    let (app, moved) = (server.dir.join("app"), server.dir.join("app.moved"));
    fs::rename(&app, &moved).unwrap();
    refused(&server, "cannot change to chdir");
    // Deleted, as a deployment by folders does it.
    let dead = server.worker_pids()[0];
    send(dead, Signal::SIGKILL);
    until("two workers", || Some(server.worker_pids()).filter(|w| w.len() == 2 && !w.contains(&dead)));
    server.get("/hello").expect(200);
    fs::rename(&moved, &app).unwrap();
    reloads(&server);
    server.stop(Signal::SIGTERM);
}

#[test]
fn a_virtualenv_may_go_and_come_back_and_be_another_one() {
    let site = Site::probe();
    let venv = site.dir.join("venv");
    let own = |python: &Path| {
        let mut make = process::command(python);
        make.args(["-m", "venv", "--without-pip"]).arg(&venv);
        process::good(make, PATIENCE);
    };
    let pythons = paths::pythons();
    own(&pythons[0].1.join("bin/python"));
    let server = site.home(&venv).option("workers", 2).start();
    fs::rename(&venv, server.dir.join("moved")).unwrap();
    refused(&server, "there is no usable Python interpreter");
    let dead = server.worker_pids()[0];
    send(dead, Signal::SIGKILL);
    // The template has what it needs.
    until("two workers", || Some(server.worker_pids()).filter(|w| w.len() == 2 && !w.contains(&dead)));
    fs::rename(server.dir.join("moved"), &venv).unwrap();
    reloads(&server);
    // Another version at the same place.
    fs::remove_dir_all(&venv).unwrap();
    let other = &pythons.last().unwrap().1;
    own(&other.join("bin/python"));
    reloads(&server);
    // Half of one: the names are there and nothing behind them.
    for name in temp_names(&venv.join("bin")) {
        if name.starts_with("python") {
            fs::remove_file(venv.join("bin").join(&name)).unwrap();
            std::os::unix::fs::symlink(&name, venv.join("bin").join(&name)).unwrap();
        }
    }
    refused(&server, "there is no usable Python interpreter");
}

fn temp_names(path: &Path) -> Vec<String> {
    uswgi_tests::temp::names(path)
}

/// uWSGI 2.0.31 does not notice either, and its reload leaves the instance without the socket.
#[test]
fn a_socket_file_that_is_gone_comes_back_with_a_reload_and_a_strangers_stays() {
    let mut server = Site::probe().option("vacuum", "true").start();
    let path = server.dir.join("uwsgi.sock");
    let mut kept = server.uwsgi.clone().unwrap().connect().unwrap();
    fs::remove_file(&path).unwrap();
    assert!(server.uwsgi.as_ref().unwrap().connect().is_err());
    // Who is connected is served.
    uswgi_tests::packet::send(&mut *kept, &Request::get("/hello")).unwrap();
    uswgi_tests::packet::read_reply(&mut kept).unwrap().expect(200);
    server.get("/hello").expect(200);
    // Who asks is told.
    let missing = || {
        let said = |args: &[&str]| String::from_utf8(server.ctl(args).stdout).unwrap();
        let page = said(&["status"]);
        let json: serde_json::Value = serde_json::from_str(&said(&["status", "--json"])).unwrap();
        let of = |s: &serde_json::Value| s["missing"].as_bool().unwrap();
        (
            page.matches("ITS FILE IS GONE").count(),
            json["sockets"].as_array().unwrap().iter().filter(|s| of(s)).count(),
        )
    };
    assert_eq!(missing(), (1, 1));
    reloads(&server);
    assert_eq!(missing(), (0, 0));
    let door = server.doors().pop().unwrap();
    door.get("/hello").expect(200);
    // Somebody else's socket at the same place is left alone, at a reload and at the end.
    fs::remove_file(&path).unwrap();
    let _stranger = UnixListener::bind(&path).unwrap();
    refused(&server, "another program listens on it");
    server.stop(Signal::SIGTERM);
    assert!(path.exists(), "the socket of another program was removed");
}

#[test]
fn a_pidfile_whose_folder_is_gone_keeps_nobody_from_anything() {
    let site = Site::probe().without("pidfile");
    let run = site.dir.join("run");
    fs::create_dir(&run).unwrap();
    let mut server = site.option("pidfile", run.join("uwsgi.pid").display()).option("vacuum", "true").start();
    fs::remove_dir_all(&run).unwrap();
    server.reload();
    server.get("/hello").expect(200);
    // One of another instance there is not removed at the end.
    fs::create_dir(&run).unwrap();
    fs::write(run.join("uwsgi.pid"), "1\n").unwrap();
    server.stop(Signal::SIGTERM);
    assert_eq!(fs::read_to_string(run.join("uwsgi.pid")).unwrap(), "1\n");
}

#[test]
fn a_log_in_a_fifo_needs_no_reader() {
    let site = Site::probe();
    let fifo = site.dir.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut server = site.option("logto", fifo.display()).start();
    server.get("/hello").expect(200);
    // Its reader goes, for whom it was started.
    drop(fs::File::options().read(true).write(true).open(&fifo).unwrap());
    reloads(&server);
    server.stop(Signal::SIGTERM);
}

/// Containers are started as users that nobody knows.
#[test]
fn a_user_without_a_name_or_home_is_one_like_others() {
    if lacks(Need::Root) {
        return;
    }
    let uid = 1_000_670_000;
    let site = as_nobody(Site::probe().home(&paths::public_venv())).run_as(uid, 0);
    let mut chown = process::command(paths::tool("chown"));
    chown.arg("-R").arg(uid.to_string()).arg(site.dir.path());
    process::good(chown, PATIENCE);
    let mut server = site.env("HOME", "/nonexistent").option("workers", 2).start();
    assert_eq!(server.get("/ids").expect(200).json()["uid"], uid);
    let mut ctl = server.ctl_command(&["reload", "--wait"]);
    ctl.uid(uid).gid(0);
    assert_eq!(process::run(ctl, PATIENCE).status.code(), Some(0), "its user steers it");
    assert_eq!(server.ctl(&["ping"]).status.code(), Some(0), "and so does root");
    server.stop(Signal::SIGTERM);
    // Dropped to, and not begun as.
    let site = Site::probe().home(&paths::public_venv());
    let mut chown = process::command(paths::tool("chown"));
    chown.arg("-R").arg(uid.to_string()).arg(site.dir.path());
    process::good(chown, PATIENCE);
    let mut server = site.option("uid", uid).option("gid", uid).start();
    assert_eq!(server.get("/ids").expect(200).json()["gid"], uid);
    reloads(&server);
    server.stop(Signal::SIGTERM);
}

/// Everything but the configuration's own folder is read-only in there, and /dev/shm is not to be had.
const READ_ONLY: &str = "set -e; mount --make-rprivate /; mount --bind \"$1\" \"$1\"; mount -t tmpfs -o ro,size=4k,mode=0 none /dev/shm\n\
    mount -o remount,ro,bind /; mount -o remount,ro,bind \"$1\"; ! touch \"$1/x\" /tmp/x /dev/shm/x 2>/dev/null; shift; exec \"$@\"";

#[test]
fn nothing_has_to_be_writable() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    let site = Site::probe().without("pidfile").without("socket").option("workers", 2);
    fs::write(site.ini(), site.text()).unwrap();
    let mut unshare = process::command(paths::tool("unshare"));
    unshare.args(["--mount", "sh", "-c", READ_ONLY, "sh"]).arg(site.dir.path());
    unshare.arg(paths::command("uswgi-master")).arg("--ini").arg(site.ini()).current_dir("/");
    // The log is open before anything is closed.
    let mut process = Process::start(unshare, &site.dir.join("log"));
    let address = site.http.clone().unwrap();
    let text = || fs::read_to_string(site.dir.join("log")).unwrap_or_default();
    until("an answer", || {
        assert!(process.ended().is_none(), "{}", text());
        http::ask(&address, &Request::get("/hello")).ok().filter(|r| r.status == 200)
    });
    let pid = process.pid();
    let mut ctl = process::command(paths::command("uswgi-ctl"));
    ctl.args(["--pid", &pid.to_string(), "reload", "--wait"]);
    process::good(ctl, PATIENCE);
    http::ask(&address, &Request::get("/hello")).unwrap().expect(200);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait().code(), Some(0), "{}", text());
    process.wait_gone(PATIENCE);
}

/// Run in a network namespace of its own, where the loopback device has no IPv4 address.
const ONLY_V6: &str = "set -e; ip link set lo up; ip -4 addr flush dev lo; exec \"$@\"";

#[test]
fn a_machine_without_ipv4_is_served_over_ipv6() {
    if lacks(Need::Root) || lacks(Need::Mounts) {
        return;
    }
    let in_there = |bind: &str| {
        let site = Site::probe().without("http-socket").without("socket").option("http-socket", bind);
        fs::write(site.ini(), site.text()).unwrap();
        let mut unshare = process::command(paths::tool("unshare"));
        unshare.args(["--net", "sh", "-c", ONLY_V6, "sh"]).arg(paths::command("uswgi-master"));
        unshare.arg("--ini").arg(site.ini());
        let process = Process::start(unshare, &site.dir.join("log"));
        (site, process)
    };
    let get = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())";
    for bind in ["[::1]:8000", "[::]:8000"] {
        let (site, mut process) = in_there(bind);
        let text = || fs::read_to_string(site.dir.join("log")).unwrap_or_default();
        until("the instance", || {
            assert!(process.ended().is_none(), "{}", text());
            text().contains("ready: generation 1").then_some(())
        });
        let mut ask = process::command(paths::tool("nsenter"));
        ask.args(["--target", &process.pid().to_string(), "--net"]).arg(paths::tool("python3"));
        ask.args(["-c", get, "http://[::1]:8000/hello"]);
        assert_eq!(process::good(ask, PATIENCE), "hello\n");
        process.signal(Signal::SIGTERM);
        assert_eq!(process.wait().code(), Some(0), "{}", text());
        process.wait_gone(PATIENCE);
        assert!(!alive(process.pid()));
    }
    let (site, mut process) = in_there("127.0.0.1:8000");
    assert_eq!(process.wait().code(), Some(1));
    let text = fs::read_to_string(site.dir.join("log")).unwrap();
    assert!(text.contains("127.0.0.1 is no address of this machine"), "{text}");
}
