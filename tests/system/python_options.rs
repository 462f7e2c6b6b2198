//! Options about Python around the application and about which sockets a worker has, beside the original where it answers.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Server, Site, paths, until};

/// What the application of both programs is: it tells what it sees.
const SEES: &str = r#"
import os, sys, uwsgi
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/boom":
        raise ValueError("boom")
    if path == "/key":
        raise KeyError("a")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/pid":
        return [b"%d" % os.getpid()]
    if path == "/worker":
        return [b"%d" % uwsgi.worker_id()]
    names = {n: sys.modules[n].__name__ for n in ("second", "third") if n in sys.modules}
    told = (names, sys.flags.optimize, sys.flags.no_site, "site" in sys.modules, getattr(uwsgi, "noted", None))
    return [repr(told).encode()]
"#;

fn site() -> Site {
    let site =
        Site::new().source("sees.py", SEES).http().option("master", "true").option("wsgi-file", "sees.py");
    let chdir = site.dir.join("app").display().to_string();
    site.option("chdir", &chdir).option("pythonpath", chdir)
}

fn ours(site: Site) -> Server {
    site.home(&paths::pythons()[0].1).start()
}

/// The answer of both, which is the same.
fn both(make: impl Fn() -> Site, target: &str) -> String {
    let text = |server: Server| server.get(target).expect(200).text();
    let (theirs, ours) = (text(make().original()), text(ours(make())));
    assert_eq!(theirs, ours, "{}", make().text());
    ours
}

#[test]
fn modules_have_second_names_and_are_imported_everywhere() {
    let modules = |site: Site| {
        site.source("real.py", "X = 1\n")
            .source("noted.py", "import uwsgi\nuwsgi.noted = uwsgi.worker_id()\n")
    };
    let told = both(
        || {
            modules(site())
                .option("pymodule-alias", "second=real")
                .option("post-pymodule-alias", "third=json")
        },
        "/",
    );
    assert!(told.starts_with("({'second': 'real', 'third': 'json'}"), "{told}");
    // A file gets the new name itself.
    let told = both(
        || {
            let site = modules(site());
            let file = site.dir.join("app/real.py").display().to_string();
            site.option("pymodule-alias", format!("second={file}"))
        },
        "/",
    );
    assert!(told.starts_with("({'second': 'second'}"), "{told}");
    for name in ["shared-import", "shared-pyimport", "shared-py-import", "shared-python-import"] {
        let told = both(|| modules(site()).option(name, "noted"), "/");
        assert!(told.ends_with(", 0)"), "{name}: {told}");
    }
    // One that is not there ends the start of both.
    let failed = site().option("pymodule-alias", "second=nowhere").home(&paths::pythons()[0].1).refused();
    assert!(failed.text.contains("pymodule-alias = second=nowhere"), "{}", failed.text);
}

#[test]
fn the_interpreter_is_started_as_the_options_say() {
    for (name, value) in [("optimize", "2"), ("optimize", "1"), ("no-site", "true")] {
        let told = both(|| site().option(name, value), "/");
        let flag = if name == "optimize" { format!("}}, {value}, 0, True") } else { "}, 0, 1, False".into() };
        assert!(told.contains(&flag), "{name} = {value}: {told}");
    }
    let source =
        "import sys\ndef application(e, s):\n    s('200 OK', [])\n    return [sys.executable.encode()]\n";
    for name in ["py-executable", "py-sys-executable"] {
        let told = both(|| site().source("sees.py", source).option(name, "/opt/site/python"), "/");
        assert_eq!(told, "/opt/site/python");
    }
}

#[test]
fn code_of_the_configuration_is_an_application() {
    let code = "application = lambda e, s: (s('200 OK', []), [__name__.encode()])[1]";
    assert_eq!(both(|| site().without("wsgi-file").option("eval", code), "/"), "uwsgi_eval_config");
    // A file has the mount point first, in both.
    assert_ne!(both(|| site().option("eval", code), "/"), "uwsgi_eval_config");
    let failed = site().without("wsgi-file").option("eval", "x = 1").home(&paths::pythons()[0].1).refused();
    assert_eq!(failed.code, Some(22), "{}", failed.text);
}

/// A package that stands for paste.deploy: it tells how it is called.
fn with_paste(site: Site) -> Site {
    let folder = site.dir.join("app/paste/deploy");
    fs::create_dir_all(&folder).unwrap();
    fs::write(site.dir.join("app/paste/__init__.py"), "").unwrap();
    let text = "import logging\ndef loadapp(uri, **options):\n    level = logging.getLogger('told').level\n    def app(e, s):\n        s('200 OK', [])\n        return [('%s %d' % (uri.rsplit('/', 1)[-1], level)).encode()]\n    return app\n";
    fs::write(folder.join("__init__.py"), text).unwrap();
    let ini = "[app:main]\nuse = egg:x\n[uwsgi]\nset-placeholder = seen=1\nenv = SEEN=%(seen)\n[loggers]\nkeys = root,told\n[handlers]\nkeys = h\n[formatters]\nkeys =\n[logger_root]\nhandlers = h\n[logger_told]\nlevel = ERROR\nqualname = told\nhandlers =\n[handler_h]\nclass = StreamHandler\nargs = (sys.stderr,)\n";
    fs::write(site.dir.join("app/site.ini"), ini).unwrap();
    site.without("wsgi-file")
}

#[test]
fn applications_of_paste_are_loaded_from_their_files() {
    let file = |site: &Site| site.dir.join("app/site.ini").display().to_string();
    let make = |name: &'static str, logger: bool| {
        move || {
            let site = with_paste(site());
            let path = file(&site);
            let site = match name {
                "paste" if logger => site.option(name, format!("config:{path}")),
                "paste" => site.option(name, format!("config:{path}#main")),
                _ => site.option(name, path),
            };
            if logger { site.option("paste-logger", "true") } else { site }
        }
    };
    assert_eq!(both(make("paste", false), "/"), "site.ini#main 0");
    assert_eq!(both(make("paste", true), "/"), "site.ini 40");
    assert_eq!(both(make("ini-paste", false), "/"), "site.ini 0");
    assert_eq!(both(make("ini-paste-logged", false), "/"), "site.ini 40");
}

#[test]
fn an_exception_that_is_named_replaces_the_worker() {
    // Whether the worker is another one after each path: there with what works on uWSGI, and here with all.
    for (name, value, boom, key, there) in [
        ("reload-on-exception", "true", true, true, true),
        ("reload-on-exception-value", "boom", true, false, true),
        ("reload-on-exception-type", "KeyError", false, true, false),
        ("reload-on-exception-type", "builtins.ValueError", true, false, false),
        ("reload-on-exception-repr", "ValueError: boom", true, false, false),
    ] {
        let servers =
            [Some(ours(site().option(name, value))), there.then(|| site().option(name, value).original())];
        for server in servers.into_iter().flatten() {
            for (target, changes) in [("/boom", boom), ("/key", key)] {
                let before = server.get("/pid").text();
                let _ = server.door().try_ask(&Request::get(target));
                let now = || server.door().try_ask(&Request::get("/pid")).ok().map(|r| r.text());
                if changes {
                    until("another worker", || now().filter(|pid| !pid.is_empty() && *pid != before));
                } else {
                    assert_eq!(now(), Some(before), "{name} = {value}: {target}");
                }
            }
        }
    }
    let server = ours(site().option("reload-on-exception", "true"));
    let _ = server.get("/boom");
    server.wait_log("an exception of reload-on-exception left the application");
}

fn stacks(path: &Path) -> String {
    let mut text = String::new();
    UnixStream::connect(path).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn each_worker_prints_its_stacks_at_a_socket() {
    let make = || {
        let site = site().option("workers", 2).option("enable-threads", "true").option("vacuum", "true");
        let base = site.dir.join("stacks").display().to_string();
        site.option("py-tracebacker", base)
    };
    let (theirs, mut ours) = (make().original(), ours(make()));
    for n in ["stacks1", "stacks2"] {
        let path = theirs.dir.join(n);
        until("the original's socket", || path.exists().then_some(()));
        let title = stacks(&path).lines().next().map(str::to_string).unwrap();
        let text = stacks(&ours.dir.join(n));
        assert_eq!(text.lines().next(), Some(title.as_str()));
        assert!(text.contains("Thread 0x"), "{text}");
    }
    // Workers that follow have their own, and none is left behind.
    ours.reload();
    assert!(stacks(&ours.dir.join("stacks2")).contains("Thread 0x"));
    ours.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(ours.wait().success());
    assert!(!ours.dir.names().iter().any(|n| n.starts_with("stacks")), "{:?}", ours.dir.names());
}

#[test]
fn a_worker_ends_without_what_is_to_be_skipped() {
    let source = "import atexit, uwsgi\natexit.register(print, 'python has ended', flush=True)\nuwsgi.atexit = lambda: print('the hook has run', flush=True)\ndef application(e, s):\n    s('200 OK', [])\n    return [b'x']\n";
    for (name, python, hook) in
        [("need-app", true, true), ("skip-atexit", false, false), ("skip-atexit-teardown", false, true)]
    {
        for original in [true, false] {
            let site = site().source("sees.py", source).option(name, "true");
            let mut server = if original { site.original() } else { ours(site) };
            assert_eq!(server.get("/").text(), "x");
            // The original kills a worker that is not back from its request.
            server.wait_log("GET /");
            server.signal(nix::sys::signal::Signal::SIGINT);
            assert!(server.wait().success());
            let log = server.log();
            let seen = (log.contains("python has ended"), log.contains("the hook has run"));
            assert_eq!(seen, (python, hook), "{name}, original: {original}\n{log}");
        }
    }
}

#[test]
fn a_reload_can_end_the_instance() {
    for original in [true, false] {
        let site = site().option("exit-on-reload", "true");
        let mut server = if original { site.original() } else { ours(site) };
        // The original hears no signal before it serves.
        server.get("/").expect(200);
        server.signal(nix::sys::signal::Signal::SIGHUP);
        assert_eq!(server.wait().code(), Some(0), "original: {original}\n{}", server.log());
    }
}

#[test]
fn stacks_of_threads_have_the_size_that_is_asked_for() {
    let source = "import threading\ndef application(e, s):\n    s('200 OK', [])\n    for line in open('/proc/thread-self/maps'):\n        pass\n    return [b'%d' % threading.stack_size()]\n";
    let server = ours(site().source("sees.py", source).option("threads", 2).option("thread-stacksize", 512));
    // As on uWSGI the application's own threads have the system's.
    assert_eq!(server.get("/").text(), "0");
    let deep = "import sys\nsys.setrecursionlimit(10**6)\ndef application(e, s):\n    s('200 OK', [])\n    return [b'x' * 10]\n";
    let server =
        ours(site().source("sees.py", deep).option("threads", 2).option("threads-stack-size", 65536));
    let worker = server.worker_pids()[0];
    let maps = fs::read_to_string(format!("/proc/{worker}/maps")).unwrap();
    let sizes = maps.lines().filter_map(|l| {
        let (from, to) = l.split(' ').next()?.split_once('-')?;
        Some(u64::from_str_radix(to, 16).ok()? - u64::from_str_radix(from, 16).ok()?)
    });
    assert!(sizes.filter(|s| (64 << 20..65 << 20).contains(s)).count() >= 2, "{maps}");
}

#[test]
fn sockets_refer_to_shared_ones_and_belong_to_some_workers() {
    let (one, two) = (paths::free_port(), paths::free_port());
    let make = |one: u16, two: u16| {
        site()
            .without("http-socket")
            .option("shared-socket", format!("127.0.0.1:{one}"))
            .option("undeferred-shared-socket", format!("127.0.0.1:{two}"))
            .option("http-socket", "=1")
            .option("http-socket", "=0")
            .option("workers", 2)
            .option("map-socket", "0:2")
            .at_http(Address::Port(two))
    };
    let theirs = make(one, two).original();
    let (three, four) = (paths::free_port(), paths::free_port());
    let ours = ours(make(three, four));
    for (at, mapped) in [(one, false), (two, true), (three, false), (four, true)] {
        let door = Door::Http(Address::Port(at));
        let seen: Vec<String> = (0..8).map(|_| door.get("/worker").expect(200).text()).collect();
        assert!(!mapped || seen.iter().all(|w| w == "2"), "{at}: {seen:?}");
    }
    drop(theirs);
    // Its successor has the same sockets.
    ours.reload();
    let door = Door::Http(Address::Port(four));
    assert_eq!(door.get("/worker").expect(200).text(), "2");
    let failed =
        site().without("http-socket").option("http-socket", "=0").home(&paths::pythons()[0].1).refused();
    assert!(failed.text.contains("refers to a shared-socket that is not there"), "{}", failed.text);
}
