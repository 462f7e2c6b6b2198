//! Under systemd (its notification protocol) and under a real supervisord.

use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use uswgi_tests::process::{self, Process};
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Request, Site, paths, until};

#[test]
fn systemd_is_told() {
    let site = Site::probe().option("vacuum", "true");
    let path = site.dir.join("hold/notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut server = site.env("NOTIFY_SOCKET", path.display()).start();
    let next = |wanted: &str| {
        until(wanted, || {
            let mut buffer = [0; 4096];
            let n = socket.recv(&mut buffer).expect("a notification");
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            text.lines().any(|l| l == wanted).then_some(text)
        })
    };
    next("READY=1");
    server.signal(Signal::SIGHUP);
    let text = next("RELOADING=1");
    assert!(text.contains("MONOTONIC_USEC="), "{text}");
    next("READY=1");
    server.signal(Signal::SIGTERM);
    next("STOPPING=1");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn who_hears_that_it_is_ready_finds_it_ready() {
    let site = Site::probe();
    let path = site.dir.join("hold/notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    // A full queue holds the master at the very moment at which it tells that it is ready.
    let full = UnixDatagram::unbound().unwrap();
    full.connect(&path).unwrap();
    full.set_nonblocking(true).unwrap();
    while full.send(b"full").is_ok() {}
    let mut server = uswgi_tests::Server::begin(site.env("NOTIFY_SOCKET", path.display()));
    server.wait_log("ready: generation 1");
    let ping = server.ctl(&["ping"]);
    drop(socket);
    assert_eq!(ping.status.code(), Some(0), "{ping:?}");
    server.stop(Signal::SIGTERM);
}

#[test]
fn the_watchdog_is_fed_as_long_as_a_worker_answers() {
    let site = Site::probe().option("workers", 2);
    let path = site.dir.join("hold/notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let site = site.env("NOTIFY_SOCKET", path.display()).env("WATCHDOG_USEC", "2000000");
    let mut server = site.start();
    let next = |wanted: &str| {
        until(wanted, || {
            let mut buffer = [0; 4096];
            let n = socket.recv(&mut buffer).expect("a notification");
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            text.lines().any(|l| l == wanted).then_some(())
        });
    };
    next("READY=1");
    // A request that takes long is no reason: the worker's native thread answers.
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    let busy = server.held("a");
    for _ in 0..6 {
        next("WATCHDOG=1");
    }
    for pid in server.worker_pids() {
        process::send(pid, Signal::SIGSTOP);
    }
    next("STATUS=no worker answers");
    process::send(busy, Signal::SIGCONT);
    next("WATCHDOG=1");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    for pid in server.worker_pids() {
        process::send(pid, Signal::SIGCONT);
    }
    // A reload is no reason either.
    server.reload();
    next("WATCHDOG=1");
    server.stop(Signal::SIGTERM);
}

#[test]
fn socket_activation() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::probe().option("http-socket", "fd://5").descriptor_5(listener);
    let server = site.start();
    uswgi_tests::http::ask(&uswgi_tests::request::Address::Port(port), &Request::get("/hello"))
        .unwrap()
        .expect(200);
    drop(server);
}

#[test]
fn supervisord_starts_restarts_and_stops_it() {
    let site = Site::probe().option("vacuum", "true").option("workers", 2).option("reload-mercy", 20);
    fs::write(site.ini(), site.text()).unwrap();
    let door = uswgi_tests::server::Door::Http(uswgi_tests::request::Address::Port(site.http_port()));
    let dir = &site.dir;
    let here = dir.path().display();
    let text = format!(
        "[supervisord]\nnodaemon=true\nlogfile={here}/hold/sv.log\npidfile={here}/hold/sv.pid\nchildlogdir={here}/hold\n\
         [unix_http_server]\nfile={here}/hold/sv.sock\n[supervisorctl]\nserverurl=unix://{here}/hold/sv.sock\n\
         [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [program:site]\ncommand={} --ini {}\nautorestart=unexpected\nexitcodes=0\nstopsignal=TERM\nstopwaitsecs=30\nstopasgroup=true\nkillasgroup=true\n\
         redirect_stderr=true\nstdout_logfile={here}/hold/site.log\nstartsecs=1\n",
        paths::command("uswgi-master").display(),
        site.ini().display()
    );
    let conf = dir.join("hold/sv.conf");
    fs::write(&conf, text).unwrap();
    let ctl = |args: &[&str]| {
        let mut command = process::command(paths::tool("supervisorctl"));
        command.arg("-c").arg(&conf).args(args);
        process::run(command, PATIENCE)
    };
    let mut command = process::command(paths::tool("supervisord"));
    command.arg("-c").arg(&conf);
    let mut daemon = Process::start(command, &dir.join("hold/out.log"));
    until("the site", || {
        assert!(
            daemon.ended().is_none(),
            "{}",
            fs::read_to_string(dir.join("hold/out.log")).unwrap_or_default()
        );
        door.try_ask(&Request::get("/hello")).ok()
    });
    let held = door.ask_later(Request::get("/hold?name=a"));
    uswgi_tests::server::wait_file(&dir.join("hold/a.started"));
    // Stop signals the whole group: the request inside is finished nevertheless.
    let stopper = std::thread::scope(|scope| {
        let stop = scope.spawn(|| ctl(&["stop", "site"]));
        until("the stop to begin", || {
            let log = fs::read_to_string(dir.join("hold/site.log")).unwrap_or_default();
            log.contains("stopping").then_some(())
        });
        fs::write(dir.join("hold/a.go"), "").unwrap();
        stop.join().unwrap()
    });
    assert!(stopper.status.success(), "{stopper:?}");
    held.join().unwrap().unwrap().expect(200);
    assert!(!dir.join("uwsgi.sock").exists() && !dir.join("uwsgi.pid").exists());
    let started = ctl(&["start", "site"]);
    assert!(started.status.success(), "{started:?}");
    door.get("/hello").expect(200);
    // Killed, it is started again.
    let master: i32 = fs::read_to_string(dir.join("uwsgi.pid")).unwrap().trim().parse().unwrap();
    process::send(master, Signal::SIGKILL);
    until("another master that serves", || {
        let now: i32 = fs::read_to_string(dir.join("uwsgi.pid")).ok()?.trim().parse().ok()?;
        (now != master && door.try_ask(&Request::get("/hello")).is_ok()).then_some(())
    });
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    daemon.wait_gone(PATIENCE);
}

/// Its script starts `uwsgi --ini default.ini --ini FILE --daemonize LOG` with two variables, reloads by HUP, stops by QUIT, and
/// sends TERM for `force-reload`: seen with Debian's uwsgi 2.0.21-5.1, where it reloads.
#[test]
fn the_force_reload_of_debians_script_reloads() {
    let site = |name: &str, more: &str| {
        let site = Site::probe().option("declare-option", "deb-confnamespace=$1");
        let site = site.option("declare-option", "deb-confname=$1");
        let site = if more.is_empty() { site } else { site.option("die-on-term", more) };
        let program = site.dir.join(name);
        symlink(paths::command("uswgi-master"), &program).unwrap();
        site.program(program).env("UWSGI_DEB_CONFNAMESPACE", "app").env("UWSGI_DEB_CONFNAME", "probe")
    };
    let mut server = site("uwsgi", "").start();
    let before = server.worker_pids();
    server.signal(Signal::SIGTERM);
    until("a reload", || (server.reloads_done() == 1 && server.worker_pids() != before).then_some(()));
    server.get("/hello").expect(200);
    server.stop(Signal::SIGQUIT);
    for (name, more) in [("uswgi-master", ""), ("uwsgi", "true")] {
        let mut server = site(name, more).start();
        server.stop(Signal::SIGTERM);
        assert!(!server.log().contains("reload"), "{name} {more}: {}", server.log());
    }
}
