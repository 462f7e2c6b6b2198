//! `uswgi-worker` without a master: does an application load, and serving it under socket activation; and
//! `uswgi-conf lint --check-app`, which asks the same.

use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use uswgi_proto::exit::Exit;
use uswgi_tests::process::{self, Process};
use uswgi_tests::request::Address;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::{PATIENCE, until};
use uswgi_tests::{Need, Request, Site, http, lacks, paths};

fn worker(args: &[&str]) -> std::process::Output {
    let mut command = process::command(paths::command("uswgi-worker"));
    command.arg("--home").arg(paths::venv()).args(args);
    process::run(command, PATIENCE)
}

#[test]
fn check_tells_whether_an_application_loads() {
    let dir = TempDir::new();
    fs::write(dir.join("fine.py"), "def application(e, s): pass\ndef make(): return application\n").unwrap();
    fs::write(dir.join("broken.py"), "import nowhere_to_be_found\n").unwrap();
    let at = dir.path().display().to_string();
    let check = |app: &str| worker(&["--chdir", &at, "--check", app]);
    for app in ["fine", "fine:application", "fine:make()", "fine.py", "fine.py:make()"] {
        let out = check(app);
        assert_eq!(out.status.code(), Some(Exit::Ok.code()), "{app}: {out:?}");
    }
    for (app, part) in
        [("broken", "nowhere_to_be_found"), ("fine:nothing", "no \"nothing\""), ("gone.py", "gone.py")]
    {
        let out = check(app);
        assert_eq!(out.status.code(), Some(Exit::AppFailed.code()), "{app}: {out:?}");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains(part) && (app != "broken" || said.contains("Traceback")), "{app}: {out:?}");
    }
    // It ends the process in its own way.
    for (module, text, part) in [
        ("ends", "import os; os._exit(0)", "code 0"),
        ("fails", "import os; os._exit(7)", "code 7"),
        ("crashes", "import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("leaves", "import sys; sys.exit(0)", "SystemExit"),
    ] {
        fs::write(dir.join(module).with_extension("py"), text).unwrap();
        let out = check(module);
        assert_eq!(out.status.code(), Some(Exit::AppFailed.code()), "{text}: {out:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains(part), "{text}: {out:?}");
    }
    assert_eq!(worker(&["--serve", "fine"]).status.code(), Some(Exit::Usage.code()), "no sockets");
}

#[test]
fn serves_under_socket_activation_until_term() {
    let dir = TempDir::new();
    let text = "import os, time\ndef application(e, s):\n    s('200 OK', [])\n    if e['PATH_INFO'] == '/hold':\n        open('in', 'w').close()\n        \
                while not os.path.exists('go'):\n            time.sleep(0.01)\n    return [b'alone ' + e['wsgi.input'].read()]\n";
    fs::write(dir.join("app.py"), text).unwrap();
    let port = paths::free_port();
    let mut command = process::command(paths::tool("systemd-socket-activate"));
    command.arg("-l").arg(format!("127.0.0.1:{port}")).arg(paths::command("uswgi-worker"));
    command.arg("--home").arg(paths::venv()).arg("--chdir").arg(dir.path()).args(["--serve", "app"]);
    let mut server = Process::start(command, &dir.join("log"));
    let address = Address::Tcp(format!("127.0.0.1:{port}"));
    let reply = until("an answer", || http::ask(&address, &Request::post("/", "body")).ok());
    assert_eq!(reply.expect(200).text(), "alone body");
    // A stop cuts no request.
    let held = std::thread::spawn({
        let address = address.clone();
        move || http::ask(&address, &Request::post("/hold", "held"))
    });
    until("the request inside", || dir.join("in").exists().then_some(()));
    server.signal(Signal::SIGTERM);
    fs::write(dir.join("go"), "").unwrap();
    assert_eq!(held.join().unwrap().unwrap().expect(200).text(), "alone held");
    assert_eq!(server.wait().code(), Some(0), "{}", fs::read_to_string(dir.join("log")).unwrap());
}

#[test]
fn lint_can_load_the_application() {
    let site = Site::probe();
    fs::write(site.ini(), site.text()).unwrap();
    let lint = |ini: &std::path::Path| {
        let mut command = process::command(paths::command("uswgi-conf"));
        command.args(["lint", "--level", "error", "--check-app"]).arg(ini);
        process::run(command, PATIENCE)
    };
    assert_eq!(lint(&site.ini()).status.code(), Some(0), "{:?}", lint(&site.ini()));
    let broken = Site::probe().without("module").app("broken_import");
    fs::write(broken.ini(), broken.text()).unwrap();
    let out = lint(&broken.ini());
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(String::from_utf8_lossy(&out.stderr).contains("Traceback"), "{out:?}");
}

/// As root everything could be read, and the deploy that followed served nothing.
#[test]
fn a_check_as_root_is_one_of_the_user_that_will_run() {
    if lacks(Need::Root) {
        return;
    }
    let nobody = super::privileges::user("nobody");
    let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    let site = Site::probe().home(&paths::public_venv()).option("uid", uid).option("gid", gid);
    let site = site.without("module").option("module", "who:application");
    // The application says who imports it, and may read what the groups of the user may.
    let source = "import os\nopen('ours.txt').close()\nassert os.getresuid() == (UID,) * 3 and 0 not in os.getgroups()\n\
                  def application(e, s): pass\n";
    let site = site.source("who.py", &source.replace("UID", &uid.to_string()));
    let app = site.dir.join("app");
    let file = app.join("ours.txt");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(&file, Some(0), Some(gid)).unwrap();
    fs::write(site.ini(), site.text()).unwrap();
    let lint = || {
        let mut command = process::command(paths::command("uswgi-conf"));
        command.args(["lint", "--level", "error", "--check-app"]).arg(site.ini());
        let out = process::run(command, PATIENCE);
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    assert_eq!(lint().0, Some(0), "{}", lint().1);
    fs::set_permissions(&app, fs::Permissions::from_mode(0o700)).unwrap();
    let (code, told) = lint();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("does not load as user {uid}:")), "{told}");
    assert!(told.contains("cannot change to chdir") && told.contains("Permission denied"), "{told}");
}

#[test]
fn a_module_named_wsgi_is_a_module_and_a_file_of_that_name_a_file() {
    let site = Site::probe();
    let app = site.dir.join("app");
    fs::create_dir(app.join("mysite")).unwrap();
    fs::write(app.join("mysite/wsgi.py"), "def application(e, s): pass\n").unwrap();
    let home = paths::pythons()[0].1.display().to_string();
    let check = |name: &str| {
        let chdir = app.display().to_string();
        worker(&["--home", &home, "--chdir", &chdir, "--check", name]).status.code()
    };
    assert_eq!(check("mysite.wsgi"), Some(0), "the module that every Django project has");
    assert_eq!(check("other.wsgi"), Some(22));
    fs::write(app.join("other.wsgi"), "def application(e, s): pass\n").unwrap();
    assert_eq!(check("other.wsgi"), Some(0));
    let site = site.without("module").option("module", "mysite.wsgi");
    fs::write(site.ini(), site.text()).unwrap();
    let mut lint = process::command(paths::command("uswgi-conf"));
    lint.args(["lint", "--level", "error", "--check-app"]).arg(site.ini());
    let out = process::run(lint, PATIENCE);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
}

/// Each of these broke a site that had loaded well.
#[test]
fn lint_finds_what_breaks_below_a_server_that_forks() {
    let told = |source: &str, home: &std::path::Path, options: &[(&str, &str)]| -> String {
        let site = Site::new().source("app.py", source).home(home).http();
        let chdir = site.dir.join("app").display().to_string();
        let site = site.option("chdir", chdir).option("module", "app");
        let site = options.iter().fold(site, |site, (name, value)| site.option(name, value));
        fs::write(site.ini(), site.text()).unwrap();
        let mut command = process::command(paths::command("uswgi-conf"));
        command.args(["lint", "--check-app"]).arg(site.ini());
        let out = process::run(command, PATIENCE);
        String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned()
    };
    let bare = &paths::pythons()[0].1;
    let good = "def application(environ, start_response): pass\n";
    let codes = ["threads-at-import", "open-at-fork", "debug-on", "no-allowed-hosts", "static-unserved"];
    let clean = |text: &str| codes.iter().all(|code| !text.contains(code));
    assert!(clean(&told(good, bare, &[])), "{}", told(good, bare, &[]));
    // Threads: one that stays away, one that comes again by itself.
    let thread = format!(
        "import threading, time, os\ndef beat():\n    time.sleep(100)\ndef begin():\n    threading.Thread(target=beat, name='beat-1', daemon=True).start()\nbegin()\n{good}"
    );
    let text = told(&thread, bare, &[]);
    assert!(text.contains("warning[threads-at-import]: thread beat-1 of app was started"), "{text}");
    assert!(clean(&told(&thread, bare, &[("lazy-apps", "true")])));
    assert!(clean(&told(&format!("{thread}os.register_at_fork(after_in_child=begin)\n"), bare, &[])));
    // Connections and databases.
    let open = format!(
        "import socket, sqlite3\nL = socket.socket(); L.bind(('127.0.0.1', 0)); L.listen()\nC = socket.create_connection(L.getsockname())\nD = sqlite3.connect('a.sqlite3'); D.execute('create table a (b)'); D.commit()\nP = socket.socketpair()\nLOG = open('a.log', 'a')\n{good}"
    );
    let text = told(&open, bare, &[]);
    assert!(text.contains("a connection to 127.0.0.1:") && text.contains("listens on 127.0.0.1:"), "{text}");
    assert!(text.contains("the SQLite database /") && text.matches("[open-at-fork]").count() == 3, "{text}");
    // Django.
    let django = |settings: &str| {
        format!(
            "from django.conf import settings\nsettings.configure(ROOT_URLCONF=__name__, SECRET_KEY='x', {settings})\nfrom django.core.wsgi import get_wsgi_application\nurlpatterns = []\napplication = get_wsgi_application()\n"
        )
    };
    let venv = &paths::venv();
    let text = told(&django("DEBUG=True"), venv, &[]);
    assert!(
        text.contains("warning[debug-on]: Django's DEBUG") && !text.contains("no-allowed-hosts"),
        "{text}"
    );
    assert!(told(&django(""), venv, &[]).contains("warning[no-allowed-hosts]"));
    let files =
        django("ALLOWED_HOSTS=['*'], STATIC_URL='/static/', INSTALLED_APPS=['django.contrib.staticfiles']");
    assert!(
        told(&files, venv, &[]).contains("warning[static-unserved]: nobody serves STATIC_URL (/static/)")
    );
    assert!(clean(&told(&files, venv, &[("static-map", "/static=/srv")])));
}
