//! Users, groups and modes: a root-started instance that drops to another user, and nginx as www-data in front.
//! They start as root, as the instance does.

use nix::unistd::{Group, User};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use uswgi_tests::authority::Authority;
use uswgi_tests::proxy::Proxy;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::{Need, Site, lacks, paths};

pub(crate) fn user(name: &str) -> User {
    User::from_name(name).unwrap().unwrap_or_else(|| panic!("no user {name}"))
}

/// Give the site to nobody and start it as nobody.
pub(crate) fn as_nobody(site: Site) -> Site {
    let nobody = user("nobody");
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let ini = site.ini().display().to_string();
    let site = public_bins(site);
    site.run_as(nobody.uid.as_raw(), nobody.gid.as_raw()).arg("--ini").arg(ini)
}

/// The commands are somewhere that other users can reach.
fn public_bins(site: Site) -> Site {
    let mut reachable = paths::bin_dir();
    loop {
        let mode = fs::metadata(&reachable).map(|m| m.permissions().mode()).unwrap_or(0);
        assert!(
            mode & 0o005 == 0o005,
            "{} is closed to other users; keep the checkout where they can enter",
            reachable.display()
        );
        match reachable.parent() {
            Some(parent) if parent != Path::new("/") => reachable = parent.into(),
            _ => return site,
        }
    }
}

fn own(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).unwrap();
    for name in uswgi_tests::temp::names(path) {
        let path = path.join(name);
        if path.is_dir() {
            own(&path, uid, gid);
        } else {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }
}

#[test]
fn a_root_started_instance_drops_to_its_user() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = user("nobody");
    let site = public_bins(Site::probe()).home(&paths::public_venv());
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let mut server = site
        .option("uid", "nobody")
        .option("gid", "nogroup")
        .option("vacuum", "true")
        .option("workers", 2)
        .start();
    let ids = server.get("/ids").expect(200).json();
    assert_eq!(ids["uid"].as_u64(), Some(nobody.uid.as_raw().into()));
    assert_eq!(ids["gid"].as_u64(), Some(nobody.gid.as_raw().into()));
    let extra =
        ids["groups"].as_array().unwrap().iter().filter(|g| g.as_u64() != ids["gid"].as_u64()).count();
    assert_eq!(extra, 0, "no group of root is kept: {ids}");
    for pid in server.family() {
        let owner = fs::metadata(format!("/proc/{pid}")).unwrap().uid();
        assert_eq!(owner, nobody.uid.as_raw(), "process {pid}");
    }
    // The unix socket belongs to the user, the pidfile to root; both go.
    assert_eq!(fs::metadata(server.dir.join("uwsgi.sock")).unwrap().uid(), nobody.uid.as_raw());
    // The same user and root can steer it.
    assert_eq!(server.ctl(&["ping"]).status.code(), Some(0));
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    server.stop(nix::sys::signal::Signal::SIGTERM);
    assert!(
        !server.dir.join("uwsgi.sock").exists() && !server.dir.join("uwsgi.pid").exists(),
        "{:?}",
        server.dir.names()
    );
}

/// The supplementary groups of a process, as the kernel has them.
fn groups_of(pid: i32) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("Groups:")).unwrap();
    line.split_whitespace().map(|n| n.parse().unwrap()).collect()
}

/// The user is a member of a group beside its own in a mount namespace, so that no file of the machine is changed.
#[test]
fn no_initgroups_leaves_out_what_the_user_is_a_member_of() {
    if lacks(Need::Mounts) {
        return;
    }
    const TEAM: u32 = 54_321;
    let nobody = user("nobody");
    for alone in [false, true] {
        let site = public_bins(Site::probe()).home(&paths::public_venv());
        let (groups, start) = (site.dir.join("group"), site.dir.join("start"));
        let text = fs::read_to_string("/etc/group").unwrap();
        fs::write(&groups, format!("{}\nuswgi-team:x:{TEAM}:nobody\n", text.trim_end())).unwrap();
        let (unshare, master) = (paths::tool("unshare"), paths::command("uswgi-master"));
        let script = format!(
            "#!/bin/sh\nexec {} --mount sh -c 'mount --bind {} /etc/group && exec {} \"$@\"' sh \"$@\"\n",
            unshare.display(),
            groups.display(),
            master.display()
        );
        fs::write(&start, script).unwrap();
        fs::set_permissions(&start, fs::Permissions::from_mode(0o755)).unwrap();
        own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
        let ini = site.ini().display().to_string();
        let site = site.option("uid", "nobody").program(start).arg("--ini").arg(ini);
        let server = if alone { site.option("no-initgroups", "true") } else { site }.start();
        for pid in server.family() {
            let groups = groups_of(pid);
            assert_eq!(groups.contains(&TEAM), !alone, "{pid}: {groups:?}");
            assert!(!groups.contains(&0), "{pid} has a group of root: {groups:?}");
        }
    }
}

/// As certbot leaves it: root alone reads the key, and the instance is another user when it serves.
#[test]
fn a_key_of_root_alone_is_served_by_another_user() {
    if lacks(Need::Root) {
        return;
    }
    let (ca, nobody) = (Authority::new(), user("nobody"));
    let (files, port) = (ca.sign("localhost"), paths::free_port());
    let key = ca.path("localhost.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().uid(), 0);
    let site = public_bins(Site::probe()).home(&paths::public_venv());
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let server = site
        .option("uid", "nobody")
        .option("gid", "nogroup")
        .option("https", format!("127.0.0.1:{port},{files}"))
        .start();
    let door = Door::Http(Address::Tls(ca.client(port, "localhost", None)));
    let uid = || door.get("/ids").expect(200).json()["uid"].as_u64();
    assert_eq!(uid(), Some(nobody.uid.as_raw().into()));
    for pid in server.family() {
        assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), nobody.uid.as_raw());
    }
    // A reload is done as that user: it says which file it is, and everything goes on.
    let output = server.ctl(&["reload", "--wait"]);
    assert_eq!(output.status.code(), Some(1));
    server.wait_log("localhost.key");
    assert_eq!(uid(), Some(nobody.uid.as_raw().into()));
}

#[test]
fn a_pidfile_in_a_folder_of_root_is_emptied() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = user("nobody");
    let site = public_bins(Site::probe()).home(&paths::public_venv());
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let etc = site.dir.join("etc");
    fs::create_dir(&etc).unwrap();
    let pidfile = etc.join("uwsgi.pid");
    let site = site
        .without("pidfile")
        .option("pidfile", pidfile.display())
        .option("uid", "nobody")
        .option("gid", "nogroup");
    let mut server = site.option("vacuum", "true").start();
    assert_eq!(fs::read_to_string(&pidfile).unwrap(), format!("{}\n", server.pid()));
    assert_eq!(fs::metadata(&pidfile).unwrap().uid(), 0);
    server.stop(nix::sys::signal::Signal::SIGTERM);
    let left = fs::read_to_string(&pidfile).unwrap_or_default();
    assert_eq!(left, "", "no stale pid stays behind");
}

#[test]
fn nginx_as_www_data_reaches_the_socket() {
    if lacks(Need::Root) {
        return;
    }
    let (nobody, www) = (user("nobody"), Group::from_name("www-data").unwrap().expect("group www-data"));
    // The usual ways: the group of nginx by chown-socket and 660; everybody by 666.
    for (chown, chmod) in [(Some("nobody:www-data"), "660"), (None, "666")] {
        let site = public_bins(Site::probe()).home(&paths::public_venv()).without("http-socket");
        own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
        let mut site = site.option("uid", "nobody").option("gid", "nogroup").option("chmod-socket", chmod);
        if let Some(chown) = chown {
            site = site.option("chown-socket", chown);
        }
        let mut site = site;
        site.http = None;
        let server = site.start();
        let meta = fs::metadata(server.dir.join("uwsgi.sock")).unwrap();
        assert_eq!(format!("{:o}", meta.permissions().mode() & 0o777), chmod);
        assert_eq!(meta.uid(), nobody.uid.as_raw());
        if chown.is_some() {
            assert_eq!(meta.gid(), www.gid.as_raw());
        }
        let proxy = Proxy::nginx(&server, "");
        assert_eq!(proxy.get("/hello").expect(200).text(), "hello");
        server.reload();
        assert_eq!(proxy.get("/ids").expect(200).json()["uid"].as_u64(), Some(nobody.uid.as_raw().into()));
    }
}

#[test]
fn immediate_uid_leaves_nothing_to_root() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = user("nobody");
    let site = public_bins(Site::probe()).home(&paths::public_venv());
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let seen = site.dir.join("hold/seen");
    let step = format!("id -u > {}", seen.display());
    let daemon = format!("id -u > {}.daemon; exec sleep 1000", seen.display());
    let site = site.option("immediate-uid", "nobody").option("immediate-gid", "nogroup");
    let site = site.option("exec-pre-jail", step).option("exec-as-root", "exit 1");
    let mut server = site.option("attach-daemon", daemon).option("vacuum", "true").start();
    for file in ["uwsgi.sock", "uwsgi.pid"] {
        assert_eq!(fs::metadata(server.dir.join(file)).unwrap().uid(), nobody.uid.as_raw(), "{file}");
    }
    let nobody = format!("{}\n", nobody.uid);
    assert_eq!(fs::read_to_string(&seen).unwrap(), nobody, "steps run as the user");
    let daemon = uswgi_tests::server::wait_file(&server.dir.join("hold/seen.daemon"));
    assert_eq!(daemon, nobody);
    server.stop(nix::sys::signal::Signal::SIGTERM);
}

#[test]
fn steps_as_root_come_before_the_drop_and_safe_pidfiles_keep_their_owners() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = user("nobody");
    let site = public_bins(Site::probe()).home(&paths::public_venv());
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let order = site.dir.join("hold/order").display().to_string();
    fs::create_dir(site.dir.join("etc")).unwrap();
    let step = |name: &str| format!("echo {name} $(id -u) >> {order}");
    let (safe, safe2) = (site.dir.join("etc/safe.pid"), site.dir.join("safe2.pid"));
    let site = site.option("exec-as-root", step("root") + "; chmod 666 " + &order);
    let site = site.option("exec-as-user", step("user")).option("exec-as-user-atexit", step("exit"));
    let site = site.option("safe-pidfile", safe.display()).option("safe-pidfile2", safe2.display());
    let site = site.option("uid", "nobody").option("gid", "nogroup").option("add-gid", "www-data");
    let mut server = site.option("logto", "/dev/stdout").start();
    let text = format!("{}\n", server.pid());
    assert_eq!((fs::read_to_string(&safe).unwrap(), fs::metadata(&safe).unwrap().uid()), (text.clone(), 0));
    let owner = nobody.uid.as_raw();
    assert_eq!((fs::read_to_string(&safe2).unwrap(), fs::metadata(&safe2).unwrap().uid()), (text, owner));
    let www = Group::from_name("www-data").unwrap().unwrap().gid.as_raw();
    let ids = server.get("/ids").expect(200).json();
    let groups: Vec<u64> = ids["groups"].as_array().unwrap().iter().filter_map(|g| g.as_u64()).collect();
    assert!(groups.contains(&www.into()), "{ids}");
    // After the drop the log goes on.
    server.wait_log("GET /ids");
    server.stop(nix::sys::signal::Signal::SIGTERM);
    let seen = fs::read_to_string(server.dir.join("hold/order")).unwrap();
    assert_eq!(seen, format!("root 0\nuser {owner}\nexit {owner}\n"));
}

#[test]
fn a_daemon_of_another_user_needs_a_master_that_stays_root() {
    if lacks(Need::Root) {
        return;
    }
    let site = public_bins(Site::probe()).home(&paths::public_venv());
    let pid = site.dir.join("hold/daemon");
    let keys = format!("cmd=id -u > {}; exec sleep 1000,uid=www-data,gid=www-data", pid.display());
    let failure = {
        let site = public_bins(Site::probe()).home(&paths::public_venv());
        own(site.dir.path(), user("nobody").uid.as_raw(), user("nobody").gid.as_raw());
        site.option("uid", "nobody").option("attach-daemon2", &keys).refused()
    };
    assert_eq!(failure.code, Some(1));
    assert!(failure.text.contains("another user than the instance"), "{}", failure.text);
    let _server = site.option("attach-daemon2", keys).start();
    assert_eq!(uswgi_tests::server::wait_file(&pid).trim(), user("www-data").uid.to_string());
}

#[test]
fn umask_and_mode_of_the_socket() {
    let server = Site::probe().option("umask", "027").start();
    let mode = |s: &uswgi_tests::Server| {
        fs::metadata(s.dir.join("uwsgi.sock")).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(format!("{:o}", mode(&server)), "750");
    assert_eq!(server.get("/ids").json()["umask"], 0o027);
    let server = Site::probe().option("chmod-socket", "600").start();
    assert_eq!(format!("{:o}", mode(&server)), "600");
}

#[test]
fn a_port_below_1024_is_bound_before_the_drop() {
    if lacks(Need::Root) {
        return;
    }
    let port =
        (600..1000).find(|p| std::net::TcpListener::bind(("127.0.0.1", *p)).is_ok()).expect("a free port");
    let nobody = user("nobody");
    let site = public_bins(Site::probe()).home(&paths::public_venv()).without("http-socket");
    own(site.dir.path(), nobody.uid.as_raw(), nobody.gid.as_raw());
    let site = site
        .at_http(uswgi_tests::request::Address::Port(port))
        .option("http-socket", format!("127.0.0.1:{port}"));
    let server = site.option("uid", "nobody").option("gid", "nogroup").start();
    assert_eq!(server.get("/ids").expect(200).json()["uid"].as_u64(), Some(nobody.uid.as_raw().into()));
    server.reload();
    server.get("/hello").expect(200);
}
