//! `shutdown-delay`: TERM, and not ready at once; everything served for a while; then the stop.

use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use uswgi_tests::{Load, Server, Site, paths, until};

fn site(delay: u32) -> Site {
    Site::probe().option("workers", 2).option("shutdown-delay", delay).option("vacuum", true)
}

fn ping(server: &Server) -> (Option<i32>, String) {
    let out = server.ctl(&["ping"]);
    (out.status.code(), String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned())
}

#[test]
fn everything_is_served_while_it_says_that_it_is_not_ready() {
    let port = paths::free_port();
    let site = site(3).option("stats", format!("127.0.0.1:{port}")).option("stats-http", true);
    let mut server = site.start();
    let readyz = || {
        uswgi_tests::http::ask(
            &uswgi_tests::request::Address::Port(port),
            &uswgi_tests::Request::get("/readyz"),
        )
    };
    assert_eq!(ping(&server).0, Some(0));
    readyz().unwrap().expect(200);
    let load = Load::start(&server.doors(), 4, "/hello");
    load.wait_more(50);
    let term = Instant::now();
    server.signal(Signal::SIGTERM);
    server.wait_log("the stop begins in 3 s (shutdown-delay)");
    let (code, said) = ping(&server);
    assert!(code == Some(1) && said.contains("leaving"), "{said}");
    let reply = readyz().unwrap();
    assert!(reply.status == 503 && reply.text().contains("leaving"), "{reply:?}");
    let healthz = uswgi_tests::http::ask(
        &uswgi_tests::request::Address::Port(port),
        &uswgi_tests::Request::get("/healthz"),
    );
    healthz.unwrap().expect(200);
    let out = server.ctl(&["reload", "--wait"]);
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && error.contains("stop"), "{error}");
    // New connections all the time, and none of them is refused.
    load.wait_more(50);
    let seen = load.stop();
    assert!(term.elapsed() < Duration::from_secs(3), "too slow a machine to tell: {:?}", term.elapsed());
    assert!(seen.failures.is_empty(), "{:?}", &seen.failures[..seen.failures.len().min(5)]);
    assert_eq!(server.wait().code(), Some(0));
    assert!(term.elapsed() >= Duration::from_secs(3), "{:?}", term.elapsed());
    server.wait_gone();
    assert!(!server.dir.join("uwsgi.sock").exists() && !server.dir.join("uwsgi.pid").exists());
}

#[test]
fn who_does_not_want_to_wait_need_not() {
    for how in ["INT", "stop", "TERM twice"] {
        let mut server = site(600).start();
        server.signal(Signal::SIGTERM);
        server.wait_log("shutdown-delay");
        match how {
            "INT" => server.signal(Signal::SIGINT),
            "stop" => assert!(server.ctl(&["stop", "--wait"]).status.success()),
            _ => {
                // It counts a second after the first; when that has passed only the master knows.
                until("the end", || {
                    server.signal(Signal::SIGTERM);
                    server.log().contains("stopping: workers finish").then_some(())
                });
            }
        }
        assert_eq!(server.wait().code(), Some(0), "{how}");
        server.wait_gone();
    }
}

#[test]
fn it_is_read_again_and_0_is_as_before() {
    let server = site(0).start();
    let ini = server.dir.join("uwsgi.ini");
    let text = std::fs::read_to_string(&ini).unwrap();
    std::fs::write(&ini, text.replace("shutdown-delay = 0", "shutdown-delay = 600")).unwrap();
    server.reload();
    server.signal(Signal::SIGTERM);
    server.wait_log("the stop begins in 600 s");
    drop(server);
    let mut server = site(0).start();
    server.stop(Signal::SIGTERM);
    assert!(!server.log().contains("shutdown-delay)"));
}
