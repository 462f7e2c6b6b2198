//! What distributions start uWSGI by, from their packages and with their words, with our program behind `uwsgi`: nobody touches a file.
//!
//! Debian's packages are unpacked onto a copy of this machine (`Stage`). Observed on Debian 12 with its own uwsgi 2.0.21-5.1 behind the same
//! scripts: the exit codes of `/etc/init.d/uwsgi` are those below; that of the Emperor fails from its second command on, because
//! start-stop-daemon believes no pidfile that everybody can write.

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use uswgi_tests::request::Address;
use uswgi_tests::stage::Stage;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Request, lacks, packet, paths, until};

/// Its answers name the process and its master, as their machine numbers them.
const APP: &str = "import os, pwd\ndef application(environ, start_response):\n    start_response('200 OK', [])\n    \
     who = pwd.getpwuid(os.getuid()).pw_name\n    return [('%d %d %s' % (os.getpid(), os.getppid(), who)).encode()]\n";

struct Answer {
    worker: i32,
    master: i32,
    user: String,
}

fn ask(stage: &Stage, port: u16) -> Answer {
    let text = stage.get(port, "/").text();
    let words: Vec<&str> = text.split(' ').collect();
    Answer {
        worker: words[0].parse().unwrap(),
        master: words[1].parse().unwrap(),
        user: words[2].to_string(),
    }
}

/// Another worker than this one has answered.
fn anew(stage: &Stage, port: u16, before: i32) -> Answer {
    until("a new worker", || Some(ask(stage, port)).filter(|a| a.worker != before))
}

fn site(stage: &Stage, file: &str, port: u16) {
    stage.write("/srv/app/app.py", APP);
    stage.write(
        file,
        &format!(
            "[uwsgi]\nplugins = python3\nchdir = /srv/app\nmodule = app\nhttp-socket = 127.0.0.1:{port}\n"
        ),
    );
}

#[test]
fn debians_script_runs_its_instances() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&["uwsgi-12.deb"]);
    let port = paths::free_port();
    site(&stage, "/etc/uwsgi/apps-available/site.ini", port);
    stage.good(
        "mkdir -p /var/log/uwsgi/app && ln -s ../apps-available/site.ini /etc/uwsgi/apps-enabled/site.ini",
    );
    let init = |words: &str| stage.sh(&format!("/etc/init.d/uwsgi {words}"));
    let good = |words: &str| stage.good(&format!("/etc/init.d/uwsgi {words}"));
    assert_eq!(init("status site").0, Some(3));
    assert!(good("start").contains('.'));
    assert!(good("status site").contains("is running"));
    let first = ask(&stage, port);
    assert_eq!(first.user, "www-data", "default.ini says so");
    assert_eq!(stage.read("/run/uwsgi/app/site/pid").trim(), first.master.to_string());
    assert_eq!(stage.good("stat -c '%U %a' /run/uwsgi/app/site/socket").trim(), "www-data 660");
    // One that runs already.
    good("start");
    assert_eq!(ask(&stage, port).master, first.master);
    good("reload");
    let second = anew(&stage, port, first.worker);
    // TERM, which has to reload here.
    good("force-reload");
    let third = anew(&stage, port, second.worker);
    assert_eq!((second.master, third.master), (first.master, first.master));
    // Its rotation copies and truncates: the next line stands in the emptied file.
    if stage.sh("command -v logrotate").0 == Some(0) {
        stage.good("logrotate -f /etc/logrotate.d/uwsgi");
    } else {
        stage.good("cd /var/log/uwsgi/app && cp site.log site.log.1 && : >site.log");
    }
    assert!(stage.read("/var/log/uwsgi/app/site.log.1").contains("reload done"));
    ask(&stage, port);
    until("a line behind the rotation", || {
        let log = stage.read("/var/log/uwsgi/app/site.log");
        (log.contains("GET / =>") && !log.contains('\0')).then_some(())
    });
    good("restart");
    let fourth = anew(&stage, port, third.worker);
    assert_ne!(fourth.master, first.master);
    good("reload site");
    assert!(good("reload nosuch").contains('?'));
    good("stop");
    assert_eq!(init("status site").0, Some(3));
    assert!(!stage.path("/run/uwsgi/app/site").exists());
    good("stop");
    assert_eq!(init("reload").0, Some(1));
    assert!(stage.sh("cat /proc/[0-9]*/comm").1.lines().all(|name| name != "uwsgi"), "nothing is left");
}

#[test]
fn debians_script_runs_the_emperor() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&["uwsgi-emperor-12.deb"]);
    let port = paths::free_port();
    stage.good("mkdir -p /var/log/uwsgi");
    site(&stage, "/etc/uwsgi-emperor/vassals/site.ini", port);
    // Its first line names an interpreter by which it does nothing at all on Debian 12 without systemd; so does this.
    let init = |words: &str| stage.sh(&format!("sh /etc/init.d/uwsgi-emperor {words}"));
    let good = |words: &str| stage.good(&format!("sh /etc/init.d/uwsgi-emperor {words}"));
    let pid = || stage.read("/run/uwsgi-emperor.pid").trim().to_string();
    assert_eq!(init("status").0, Some(3));
    good("start");
    let first = ask(&stage, port);
    assert_eq!(first.user, "www-data", "emperor.ini says so");
    let emperor = pid();
    good("status");
    good("start");
    assert_eq!(pid(), emperor);
    good("reload");
    let second = anew(&stage, port, first.worker);
    good("force-reload");
    let third = anew(&stage, port, second.worker);
    assert_eq!((second.master, third.master), (first.master, first.master));
    assert_eq!(pid(), emperor);
    good("restart");
    let fourth = anew(&stage, port, third.worker);
    assert_ne!(pid(), emperor);
    good("try-restart");
    anew(&stage, port, fourth.worker);
    good("stop");
    assert_eq!(init("status").0, Some(3));
    assert!(
        stage.sh("cat /proc/[0-9]*/comm").1.lines().all(|name| !name.contains("wsgi")),
        "nothing is left"
    );
    let log = stage.read("/var/log/uwsgi/emperor.log");
    assert!(!log.contains("SIGKILL"), "{log}");
}

/// The value of a line of a unit.
fn of_unit(stage: &Stage, file: &str, name: &str) -> String {
    let text = stage.read(file);
    let line = text.lines().find_map(|l| l.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("{file} has no {name}: {text}")).to_string()
}

/// Somebody who hears what systemd is told; in the abstract namespace, which has no folder.
struct Notified(UnixDatagram, String);

impl Notified {
    fn new(name: &str) -> Notified {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("uswgi-test-{}-{name}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Notified(socket, format!("@{name}"))
    }

    fn until(&self, line: &str) {
        let mut buffer = [0; 4096];
        until(line, || {
            let n = self.0.recv(&mut buffer).expect("a notification");
            String::from_utf8_lossy(&buffer[..n]).lines().any(|l| l.contains(line)).then_some(())
        });
    }
}

#[test]
fn debians_unit_runs_the_emperor() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&["uwsgi-emperor-12.deb"]);
    let unit = "/lib/systemd/system/uwsgi-emperor.service";
    let port = paths::free_port();
    site(&stage, "/etc/uwsgi-emperor/vassals/site.ini", port);
    assert_eq!(
        (of_unit(&stage, unit, "Type"), of_unit(&stage, unit, "KillSignal")),
        ("notify".into(), "SIGQUIT".into())
    );
    let told = Notified::new("emperor");
    let start = of_unit(&stage, unit, "ExecStart");
    // In the group of its unit, and with its folder.
    let script =
        format!("mkdir -m 775 /run/uwsgi; echo $$ >/run/main.pid; NOTIFY_SOCKET={} exec {start}", told.1);
    let mut main = stage.start(&script, "unit.log");
    told.until("READY=1");
    told.until("STATUS=1 of 1 vassals serve");
    assert_eq!(ask(&stage, port).user, "www-data");
    stage.good("kill -QUIT $(cat /run/main.pid)");
    assert_eq!(main.wait().code(), Some(0), "{}", stage.log("unit.log"));
    assert!(stage.log("unit.log").contains("vassal site.ini has stopped"));
}

/// `uwsgi-app@NAME` of Debian 13: systemd holds `/run/uwsgi/NAME.socket`, and the file says nothing of a socket.
#[test]
fn debians_app_unit_is_started_by_its_socket() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&["uwsgi-core-13.deb"]);
    // The package brings uWSGI itself; ours is behind the name.
    stage.good("ln -sf uswgi-master /usr/bin/uwsgi-core");
    let (service, socket) =
        ("/usr/lib/systemd/system/uwsgi-app@.service", "/usr/lib/systemd/system/uwsgi-app@.socket");
    stage.write("/srv/app/app.py", APP);
    stage.write(
        "/etc/uwsgi/apps-available/site.ini",
        "[uwsgi]\nplugins = python3\nchdir = /srv/app\nmodule = app\n",
    );
    let start = of_unit(&stage, service, "ExecStart").replace("%i", "site");
    let place = of_unit(&stage, socket, "ListenStream").replace("%i", "site");
    assert_eq!(of_unit(&stage, service, "KillSignal"), "SIGQUIT");
    // As systemd: the socket as descriptor 3, another user, told when it is ready.
    stage.good("mkdir -p /run/uwsgi");
    let listener = UnixListener::bind(stage.path(&place)).unwrap();
    let told = Notified::new("app");
    // The first request, there before anybody accepts.
    let door = Address::Unix(stage.path(&place));
    let waiting = std::thread::spawn(move || packet::ask(&door, &Request::get("/")));
    let script = format!(
        "exec 3<&0 </dev/null; echo $$ >/run/main.pid; export LISTEN_PID=$$ LISTEN_FDS=1 NOTIFY_SOCKET={}; \
         exec setpriv --reuid www-data --regid www-data --clear-groups {start}",
        told.1
    );
    let mut main = stage.start_with(&script, "app.log", OwnedFd::from(listener).into());
    told.until("READY=1");
    let answer = waiting.join().unwrap().expect("the first request").expect(200);
    assert!(answer.text().ends_with(" www-data"), "{}", answer.text());
    stage.good("kill -QUIT $(cat /run/main.pid)");
    assert_eq!(main.wait().code(), Some(0), "{}", stage.log("app.log"));
}

/// Fedora's and EPEL's `/etc/uwsgi.ini` with `/etc/uwsgi.d`: the tyrant Emperor, as its unit starts it.
#[test]
fn fedoras_tyrant() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&[]);
    stage.good("useradd --system --user-group uwsgi && mkdir -p /run/uwsgi /etc/uwsgi.d && chown uwsgi:uwsgi /run/uwsgi");
    stage.write(
        "/etc/uwsgi.ini",
        "[uwsgi]\nuid = uwsgi\ngid = uwsgi\npidfile = /run/uwsgi/uwsgi.pid\nemperor = /etc/uwsgi.d\n\
         stats = /run/uwsgi/stats.sock\nchmod-socket = 660\nemperor-tyrant = true\ncap = setgid,setuid\n",
    );
    let (mine, roots) = (paths::free_port(), paths::free_port());
    site(&stage, "/etc/uwsgi.d/site.ini", mine);
    site(&stage, "/etc/uwsgi.d/of-root.ini", roots);
    stage.good("chown www-data:www-data /etc/uwsgi.d/site.ini");
    let told = Notified::new("fedora");
    let mut main = stage.start(
        &format!("echo $$ >/run/main.pid; NOTIFY_SOCKET={} exec uwsgi --ini /etc/uwsgi.ini", told.1),
        "fedora.log",
    );
    told.until("READY=1");
    let first = ask(&stage, mine);
    assert_eq!(first.user, "www-data", "the owner of the file");
    until("one sentence on the file of root", || {
        stage.log("fedora.log").contains("of-root.ini").then_some(())
    });
    assert_eq!(stage.good("cat /run/uwsgi/uwsgi.pid").trim(), stage.good("cat /run/main.pid").trim());
    // systemctl reload, and the touch of a deploy.
    stage.good("kill -HUP $(cat /run/main.pid)");
    let second = anew(&stage, mine, first.worker);
    stage.good("touch /etc/uwsgi.d/site.ini");
    anew(&stage, mine, second.worker);
    stage.good("kill -QUIT $(cat /run/main.pid)");
    assert_eq!(main.wait().code(), Some(0), "{}", stage.log("fedora.log"));
}

/// Alpine's and Gentoo's scripts of OpenRC, and SysV scripts of guides: a daemon with a pidfile, known by its file, stopped and reloaded
/// by signals or by `uwsgi --stop` and `--reload`.
#[test]
fn daemons_of_openrc_and_of_guides() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&[]);
    let port = paths::free_port();
    site(&stage, "/etc/uwsgi/conf.d/site.ini", port);
    let daemon = "start-stop-daemon --exec /usr/bin/uwsgi --pidfile /run/u.pid";
    for (words, stop) in [
        ("--master --die-on-term --ini /etc/uwsgi/conf.d/site.ini", "TERM"),
        ("--master --die-on-term --ini /etc/uwsgi/conf.d/site.ini", "QUIT"),
        ("--emperor /etc/uwsgi/conf.d --die-on-term --master", "TERM"),
        ("--emperor /etc/uwsgi/conf.d --uid www-data --gid www-data", "QUIT"),
        ("--emperor /etc/uwsgi/conf.d --uid www-data --gid www-data", "INT"),
    ] {
        stage.good(&format!("{daemon} --start -- --daemonize /var/log/u.log --pidfile /run/u.pid {words}"));
        let first = ask(&stage, port);
        if words.contains("--uid") {
            assert_eq!(first.user, "www-data");
        }
        assert_eq!(stage.sh(&format!("{daemon} --status")).0, Some(0), "{words}");
        stage.good(&format!("{daemon} --stop --signal HUP"));
        anew(&stage, port, first.worker);
        stage.good(&format!("{daemon} --stop --retry {stop}/60"));
        assert_eq!(stage.sh(&format!("{daemon} --status")).0.map(|code| code != 0), Some(true));
    }
    // By the program itself.
    for words in ["--ini /etc/uwsgi/conf.d/site.ini -M", "--emperor /etc/uwsgi/conf.d -M"] {
        stage.good(&format!("uwsgi {words} -d /var/log/u.log --pidfile /run/u.pid"));
        let first = ask(&stage, port);
        let pid = stage.read("/run/u.pid").trim().to_string();
        stage.good("uwsgi --reload /run/u.pid");
        anew(&stage, port, first.worker);
        stage.good("uwsgi --stop /run/u.pid");
        until("its end", || (!stage.path(&format!("/proc/{pid}")).exists()).then_some(()));
    }
}

/// First steps of the usual guides: from the directory of the project, in the foreground.
#[test]
fn lines_of_guides() {
    if lacks(Need::Mounts) {
        return;
    }
    let stage = Stage::new(&[]);
    let port = paths::free_port();
    stage.write("/srv/mysite/mysite/__init__.py", "");
    stage.write("/srv/mysite/mysite/wsgi.py", APP);
    stage.write("/srv/mysite/test.py", APP);
    stage.write("/etc/uwsgi/sites/site.ini", &format!("[uwsgi]\nchdir = /srv/mysite\nmodule = mysite.wsgi:application\nhttp-socket = :{port}\nuid = www-data\n"));
    for line in [
        format!("uwsgi --http :{port} --module mysite.wsgi"),
        format!("uwsgi --http :{port} --wsgi-file test.py"),
        format!("uwsgi --http-socket :{port} --plugin python3 --wsgi-file test.py --master --processes 2"),
        format!("uwsgi --http 0.0.0.0:{port} --chdir /srv/mysite -w mysite.wsgi -p 2"),
        format!("uwsgi --http 127.0.0.1:{port} --socket mysite.sock --wsgi-file test.py --chmod-socket=664"),
        "uwsgi --emperor /etc/uwsgi/sites --uid www-data --gid www-data".to_string(),
        "uwsgi --emperor /etc/uwsgi/sites --logto /var/log/emperor.log".to_string(),
    ] {
        let mut main =
            stage.start(&format!("cd /srv/mysite; echo $$ >/run/main.pid; exec {line}"), "guide.log");
        ask(&stage, port);
        if line.contains("chmod-socket") {
            assert_eq!(stage.good("stat -c %a /srv/mysite/mysite.sock").trim(), "664");
        }
        // Ctrl-C.
        stage.good("kill -INT $(cat /run/main.pid)");
        assert_eq!(main.wait().code(), Some(0), "{line}: {}", stage.log("guide.log"));
    }
}
