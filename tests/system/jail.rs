//! `chroot`: what is seen from outside and from inside, reloads from inside, and the starts that are refused. These
//! tests start as root. Nothing is copied into a jail: the server runs in a mount namespace of its own, in which
//! /usr, the checkout and the virtualenv are mounted into it; the mounts go with the last process.

use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use uswgi_tests::request::{Address, Request};
use uswgi_tests::server::Door;
use uswgi_tests::wait::{PATIENCE, until};
use uswgi_tests::{Need, Site, lacks, paths};

/// A user that only the jail knows, of a group that only the jail knows.
const USER: u64 = 4242;
const APP: &str = r#"
import json, os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    ids = [os.getuid(), os.getgid()] + sorted(set(os.getgroups()) - {os.getgid()})
    seen = {"root": sorted(os.listdir("/")), "cwd": os.getcwd(), "ids": ids, "code": CODE}
    seen["outside"] = os.path.exists(OUTSIDE)
    return [json.dumps(seen).encode()]
"#;

fn write_app(to: &Path, outside: &Path, code: u32) {
    fs::write(to, format!("{APP}\nCODE = {code}\nOUTSIDE = {:?}\n", outside.display().to_string())).unwrap();
}

/// Directories that a jail takes from the machine.
fn mounted() -> BTreeSet<PathBuf> {
    let venv = paths::public_venv();
    let real = fs::canonicalize(&venv).unwrap();
    [PathBuf::from("/usr"), paths::bin_dir(), venv, real].into()
}

/// Make a jail there: mount points, users, and the program that starts the server in a namespace with the mounts.
fn furnish(jail: &Path, script: &Path) {
    for name in ["etc", "run", "srv"] {
        fs::create_dir_all(jail.join(name)).unwrap();
    }
    fs::set_permissions(jail.join("run"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(jail.join("etc/passwd"), format!("jailed:x:{USER}:4243::/:/bin/false\n")).unwrap();
    fs::write(jail.join("etc/group"), "jailed:x:4243:\nextra:x:4244:jailed\n").unwrap();
    let mut dirs = mounted();
    for name in ["/bin", "/lib", "/lib64"].map(Path::new) {
        match fs::read_link(name) {
            Ok(to) => symlink(to, jail.join(name.strip_prefix("/").unwrap())).unwrap(),
            Err(_) => drop(name.is_dir().then(|| dirs.insert(name.into()))),
        }
    }
    let mut text = "#!/bin/sh\nset -e\n".to_string();
    fs::create_dir_all(jail.join("dev")).unwrap();
    fs::write(jail.join("dev/null"), "").unwrap();
    dirs.insert("/dev/null".into());
    for dir in &dirs {
        let inside = jail.join(dir.strip_prefix("/").unwrap());
        if dir.is_dir() {
            fs::create_dir_all(&inside).unwrap();
        }
        text += &format!("mount --bind {0} {1}\n", dir.display(), inside.display());
    }
    // Another program in the same namespace, by its path.
    text += "case \"$1\" in /*) exec \"$@\" ;; esac\n";
    text += &format!("exec {} \"$@\"\n", paths::command("uswgi-master").display());
    executable(&script.with_extension("inner"), &text);
    let unshare = paths::tool("unshare");
    let inner = script.with_extension("inner");
    executable(
        script,
        &format!("#!/bin/sh\nexec {} --mount {} \"$@\"\n", unshare.display(), inner.display()),
    );
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A site with a jail beside its files, and the application in it.
fn site() -> (Site, PathBuf) {
    let site = Site::new();
    let (jail, script) = (site.dir.join("jail"), site.dir.join("start"));
    furnish(&jail, &script);
    write_app(&jail.join("srv/app.py"), site.dir.path(), 1);
    let site = site.program(script).http().home(&paths::public_venv()).option("vacuum", "true");
    let site = site.option("chroot", jail.display()).option("uid", "jailed").option("workers", 2);
    (site.option("chdir", "/srv").option("module", "app"), jail)
}

#[test]
fn everything_after_the_pidfile_and_the_log_is_seen_from_inside() {
    if lacks(Need::Mounts) {
        return;
    }
    let (site, jail) = site();
    let outside = |name: &str| site.dir.join(name).display().to_string();
    let (notify, log, ini) = (outside("notify"), outside("jail.log"), site.ini());
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let pre = format!("exec:touch {}", outside("pre"));
    let site = site.option("logto", &log).option("hook-pre-jail", pre).env("NOTIFY_SOCKET", &notify);
    let site = site.option("hook-as-root", "write:/run/as-root x").option("pidfile2", "/run/two.pid");
    let site = site.option("safe-pidfile", "/run/three.pid").option("socket", "/run/app.sock");
    let site = site.option("stats", "/run/stats.sock").option("master-fifo", "/run/fifo");
    let mut server = site.at_uwsgi(Address::Unix(jail.join("run/app.sock"))).start();
    let next = |wanted: &str| {
        until(wanted, || {
            let mut buffer = [0; 4096];
            let n = manager.recv(&mut buffer).expect("a notification");
            String::from_utf8_lossy(&buffer[..n]).lines().any(|l| l == wanted).then_some(())
        });
    };
    next("READY=1");

    for door in server.doors() {
        let seen = door.get("/").expect(200).json();
        assert_eq!((&seen["cwd"], &seen["outside"]), (&"/srv".into(), &false.into()), "{seen}");
        assert_eq!(seen["ids"], serde_json::json!([USER, 4243, 4244]));
        let root = seen["root"].as_array().unwrap();
        assert!(root.contains(&"srv".into()) && !root.contains(&"boot".into()), "{seen}");
    }
    for pid in server.family() {
        assert_eq!(fs::read_link(format!("/proc/{pid}/root")).unwrap(), jail, "process {pid}");
        assert_eq!(u64::from(fs::metadata(format!("/proc/{pid}")).unwrap().uid()), USER);
        // A directory of outside that is open would be a way out.
        for fd in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
            let leads = fs::read_link(fd.path()).unwrap_or_default();
            let out = fs::metadata(fd.path()).is_ok_and(|m| m.is_dir()) && !leads.starts_with(&jail);
            assert!(!out, "process {pid}: {}", leads.display());
        }
    }
    let owner = |name: &str| fs::metadata(jail.join("run").join(name)).unwrap().uid();
    assert_eq!(["as-root", "three.pid"].map(owner), [0, 0]);
    assert_eq!(["app.sock", "stats.sock", "fifo", "two.pid"].map(owner), [USER as u32; 4]);
    let text = format!("{}\n", server.pid());
    for path in [server.dir.join("uwsgi.pid"), jail.join("run/two.pid"), jail.join("run/three.pid")] {
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "{}", path.display());
    }
    assert!(server.dir.join("pre").exists());
    assert!(fs::read_to_string(&log).unwrap().contains("paths are seen from inside"));

    // uswgi-ctl looks from outside; the configuration is there too, so a reload keeps it and loads the new code.
    assert_eq!(server.ctl(&["ping"]).status.code(), Some(0));
    assert_eq!(server.ctl(&["stack", "1"]).status.code(), Some(0));
    write_app(&jail.join("srv/app.py"), server.dir.path(), 2);
    fs::write(&ini, fs::read_to_string(&ini).unwrap() + "threads = 3\n").unwrap();
    let reload = server.ctl(&["reload", "--wait", "--drain"]);
    let said = String::from_utf8_lossy(&reload.stdout).into_owned();
    assert_eq!(reload.status.code(), Some(0), "{said}");
    assert!(
        said.contains("the configuration stays as it is") && said.contains(ini.to_str().unwrap()),
        "{said}"
    );
    assert_eq!(server.get("/").json()["code"], 2);
    let status = server.ctl(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(status["reason"].as_str().unwrap().contains("lies outside of the jail"), "{status}");
    next("RELOADING=1");

    server.stop(Signal::SIGTERM);
    assert_eq!(uswgi_tests::temp::names(&jail.join("run")), ["as-root"], "vacuum works inside");
    assert_eq!(fs::read_to_string(server.dir.join("uwsgi.pid")).unwrap(), "", "no stale pid stays outside");
    assert!(fs::read_to_string(&log).unwrap().ends_with("stopped\n"));
}

#[test]
fn a_configuration_in_the_jail_is_read_again_from_inside() {
    if lacks(Need::Mounts) {
        return;
    }
    // The folder of the site is the jail: its configuration, pidfile and log lie in it.
    let site = Site::new();
    let (jail, ini) = (site.dir.path().to_path_buf(), site.ini());
    let outside = std::env::temp_dir().join(format!("uswgi-start-{}", std::process::id()));
    furnish(&jail, &outside);
    fs::set_permissions(&jail, fs::Permissions::from_mode(0o777)).unwrap();
    write_app(&jail.join("srv/app.py"), &jail, 1);
    fs::write(jail.join("etc/more.ini"), "[uwsgi]\nmodule = app\n").unwrap();
    let log = jail.join("run/jail.log");
    let site =
        site.program(outside.clone()).http().home(&paths::public_venv()).option("chroot", jail.display());
    let site = site.option("uid", "jailed").option("chdir", "/srv").option("ini", "%detc/more.ini");
    let mut server = site.option("vacuum", "true").option("logto", log.display()).start();
    assert_eq!(server.get("/").expect(200).json()["code"], 1);

    let threads = || {
        let status = server.ctl(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        (status["threads"].as_u64(), status["reason"].as_str().unwrap().to_string())
    };
    let text = fs::read_to_string(&ini).unwrap();
    fs::write(
        jail.join("etc/more.ini"),
        "[uwsgi]\nmodule = app\nthreads = 1\nharakiri = oops\nuid = other\n",
    )
    .unwrap();
    fs::write(&ini, format!("{text}http-socket = /run/second.sock\n")).unwrap();
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    Door::Http(Address::Unix(jail.join("run/second.sock"))).get("/").expect(200);
    assert_eq!(threads().1, "");
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("uid has changed in the configuration"), "{said}");
    fs::write(&ini, format!("{text}socket = unix:/x\n")).unwrap();
    assert_ne!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert!(
        threads().1.contains(ini.to_str().unwrap()),
        "places keep their names of outside: {:?}",
        threads()
    );
    server.get("/").expect(200);
    // The log is within reach by its path of inside.
    assert_eq!(server.ctl(&["logs", "rotate"]).status.code(), Some(0));
    server.stop(Signal::SIGTERM);
    fs::remove_file(&outside).unwrap();
    fs::remove_file(outside.with_extension("inner")).unwrap();
    let logs = uswgi_tests::temp::names(&jail.join("run"));
    assert!(logs.len() == 2 && logs.iter().all(|n| n.starts_with("jail.log")), "{logs:?}");
    assert!(!jail.join("uwsgi.pid").exists(), "a pidfile below the jail is removed");
}

#[test]
fn lint_tries_the_application_inside() {
    if lacks(Need::Mounts) {
        return;
    }
    let (site, jail) = site();
    fs::write(site.ini(), site.text()).unwrap();
    let lint = || {
        let mut lint = uswgi_tests::process::command(site.dir.join("start"));
        lint.arg(paths::command("uswgi-conf")).args(["lint", "--check-app"]).arg(site.ini());
        let out = uswgi_tests::process::run(lint, PATIENCE);
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    };
    let said = lint();
    assert!(said.contains("findings") && !said.contains("does not load"), "{said}");
    assert!(said.contains("jail-config") && !said.contains("jail-incomplete"), "{said}");
    fs::write(jail.join("srv/app.py"), "import nothing_of_this_name\n").unwrap();
    let said = lint();
    assert!(said.contains("app does not load"), "{said}");
    assert!(said.contains("nothing_of_this_name") && said.contains("/srv/app.py"), "{said}");
}

#[test]
fn with_chown_socket_the_sockets_are_bound_outside() {
    if lacks(Need::Mounts) {
        return;
    }
    let (site, jail) = site();
    let path = site.dir.join("a.sock");
    let site = site.option("chown-socket", "nobody").option("socket", path.display());
    let mut server = site.at_uwsgi(Address::Unix(path.clone())).start();
    let inode = || fs::symlink_metadata(&path).unwrap().ino();
    let (before, door) = (inode(), Door::Uwsgi(Address::Unix(path.clone())));
    assert_eq!(door.get("/").expect(200).json()["cwd"], "/srv");
    write_app(&jail.join("srv/app.py"), server.dir.path(), 2);
    server.reload();
    assert_eq!((door.ask(&Request::get("/")).json()["code"].as_u64(), inode()), (Some(2), before));
    server.stop(Signal::SIGTERM);
    // It cannot be removed from inside, and that is said; the next start takes its place.
    let said = server.log();
    assert!(path.exists() && said.contains("cannot remove socket"), "{said}");
}

#[test]
fn a_jail_that_cannot_be_is_refused_and_leaves_nothing() {
    if lacks(Need::Mounts) {
        return;
    }
    let site = Site::probe().option("chroot", "/");
    let failure = crate::privileges::as_nobody(site).refused();
    assert_eq!((failure.code, failure.left.len()), (Some(1), 0), "{failure:?}");
    assert!(failure.text.contains("only root can enter a jail"), "{}", failure.text);
    let failure = Site::probe().option("chroot", "/no/such/jail").refused();
    assert!(failure.text.contains("/no/such/jail: No such file"), "{}", failure.text);
    assert_eq!((failure.code, failure.left.len()), (Some(1), 0), "{failure:?}");

    let site = Site::probe();
    fs::create_dir(site.dir.join("jail")).unwrap();
    let place = site.dir.join("jail").display().to_string() + paths::bin_dir().to_str().unwrap();
    let jail = site.dir.join("jail");
    let failure = site.option("chroot", jail.display()).refused();
    assert_eq!((failure.code, failure.left.len()), (Some(1), 0), "{failure:?}");
    assert!(failure.text.contains("there is no uswgi-worker in the jail"), "{}", failure.text);
    assert!(
        failure.text.contains(&place) && failure.text.contains("uswgi_worker.abi3.so"),
        "{}",
        failure.text
    );

    // The mounts are not there without the namespace, and the launcher neither: a link is believed until it is inside.
    let (site, jail) = self::site();
    fs::remove_file(jail.join("dev/null")).unwrap();
    let launcher = jail.display().to_string() + paths::command("uswgi-worker").to_str().unwrap();
    symlink("/there", launcher).unwrap();
    let failure = site.program(paths::command("uswgi-master")).refused();
    let null = jail.join("dev/null").display().to_string();
    assert!(failure.text.contains(&format!("mknod -m 666 {null} c 1 3")), "{}", failure.text);
    assert_eq!((failure.code, failure.left.len()), (Some(1), 0), "{failure:?}");

    let (site, jail) = self::site();
    let failure = site.option("reload-on-rss", 500).refused();
    let proc = format!("mount -t proc proc {}/proc", jail.display());
    assert!(failure.text.contains(&proc) && failure.text.contains("reload-on-rss"), "{}", failure.text);
    assert_eq!((failure.code, failure.left.len()), (Some(1), 0), "{failure:?}");

    // A path that only exists outside is said to be one of inside.
    let (site, _) = self::site();
    let failure = site.option("socket", "/no/such/dir/a.sock").refused();
    assert!(failure.text.contains("those inside of the jail"), "{}", failure.text);
}
