//! `need-app = false`: an instance that has no application says so wherever it is asked, and no process without one takes
//! the place of one that works.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs;
use uswgi_tests::request::Address;
use uswgi_tests::{Load, Request, Server, Site, http, paths, process, until};

const BROKEN: &str = "import a_module_that_does_not_exist\n";
const WHY: &str = "No module named 'a_module_that_does_not_exist'";

fn app(version: &str) -> String {
    format!("def application(e, s):\n    s('200 OK', [('Content-Length', '3')])\n    return [b'{version}']\n")
}

fn site(source: &str, lazy: bool) -> Site {
    let site = Site::probe().source("site_app.py", source).without("module").option("module", "site_app");
    site.option("need-app", "false").option("workers", 2).option("lazy-apps", lazy)
}

/// New code on disk.
fn write(server: &Server, text: &str) {
    fs::write(server.dir.join("app/site_app.py"), text).unwrap();
    let _ = fs::remove_dir_all(server.dir.join("app/__pycache__"));
}

fn text(server: &Server, verb: &[&str]) -> String {
    let out = server.ctl(verb);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

fn status(server: &Server) -> Value {
    serde_json::from_str(&text(server, &["status", "--json"])).unwrap()
}

fn kill(pid: i32) {
    process::send(pid, Signal::SIGKILL);
    until("the end of what was killed", || (!process::alive(pid)).then_some(()));
}

fn kill_template(server: &Server) {
    kill(server.template().expect("a template"));
    until("the master to know it", || server.template().is_none().then_some(()));
}

fn has_none(lazy: bool) {
    let port = paths::free_port();
    let site = site(BROKEN, lazy).option("stats", format!("127.0.0.1:{port}")).option("stats-http", "true");
    let server = site.start();
    let page =
        |target: &str| http::ask(&Address::Port(port), &Request::get(target)).unwrap().expect(200).text();
    for door in server.doors() {
        door.get("/").expect(500);
    }
    let log = server.wait_log("ready: generation 1");
    assert!(!log.contains("was loaded"), "{log}");
    assert!(
        log.contains("no application is loaded, requests are answered 500 (need-app = false): cannot load")
    );
    assert_eq!(
        log.matches(&format!("ModuleNotFoundError: {WHY}")).count(),
        if lazy { 2 } else { 1 },
        "{log}"
    );
    assert_eq!(log.matches("Traceback").count(), 1, "{log}");
    let ready = log.lines().find(|l| l.contains("ready: generation 1")).unwrap();
    assert!(ready.ends_with("; 2 of 2 workers have no application and answer 500"), "{ready}");

    let seen = status(&server);
    assert_eq!(
        (&seen["application"]["loaded"], &seen["application"]["workers_without"]),
        (&json!(false), &json!(2))
    );
    assert!(seen["application"]["reason"].as_str().unwrap().contains(WHY), "{seen}");
    let shown = text(&server, &["status"]);
    assert!(shown.contains("2 of 2 workers have no application") && shown.contains(WHY), "{shown}");
    assert!(
        text(&server, &["ping"]).contains("2 of 2 workers have no application"),
        "who asked for it gets it, and knows"
    );
    assert_eq!(page("/healthz"), "ok\n");
    assert_eq!(page("/readyz"), "ready; 2 of 2 workers have no application and answer 500\n");
    let metrics = page("/metrics");
    assert!(metrics.contains("\nuswgi_workers_without_app 2\n"), "{metrics}");
    assert!(metrics.contains("\nuwsgi_worker_apps{worker_id=\"1\"} 0\n"), "{metrics}");
    let statistics: Value = serde_json::from_str(&page("/")).unwrap();
    assert_eq!(statistics["workers"][0]["apps"], json!([]));

    write(&server, &app("new"));
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert_eq!(server.get("/").expect(200).text(), "new");
    assert_eq!(status(&server)["application"], json!({ "loaded": true, "workers_without": 0, "reason": "" }));
    assert!(!text(&server, &["status"]).contains("answer 500"));
    assert_eq!(page("/readyz"), "ready\n");
    assert!(page("/metrics").contains("\nuswgi_workers_without_app 0\n"));
}

#[test]
fn a_start_without_an_application_says_so_everywhere() {
    has_none(false);
}

#[test]
fn a_start_without_an_application_says_so_everywhere_with_lazy_apps() {
    has_none(true);
}

/// A worker dies, and with it what it came from, while the code on disk is broken: nobody sees an error of it.
fn keeps_what_works(lazy: bool) {
    let server = site(&app("one"), lazy).start();
    assert_eq!(server.get("/").expect(200).text(), "one");
    let survivor = server.worker_pids()[1];
    write(&server, BROKEN);
    if !lazy {
        kill_template(&server);
    }
    kill(server.worker_pids()[0]);
    let load = Load::start(&server.doors(), 2, "/");
    server.wait_log("the application does not load: ModuleNotFoundError");
    // The next try comes, and ends as the first one did.
    until("a second try", || {
        (server.log().matches("the application does not load").count() > 1).then_some(())
    });
    load.wait_more(20);
    assert_eq!(server.worker_pids(), [survivor]);
    let seen = status(&server);
    assert_eq!(seen["application"]["loaded"], true);
    assert!(seen["reason"].as_str().unwrap().contains(WHY), "{seen}");
    write(&server, &app("two"));
    until("both workers", || (server.worker_pids().len() == 2).then_some(()));
    load.wait_more(20);
    let seen = load.stop();
    assert_eq!(seen.failures, Vec::<String>::new());
    assert!(seen.bodies.keys().all(|body| body == "one" || body == "two"), "{seen:?}");
}

#[test]
fn a_respawned_template_without_an_application_does_not_take_over() {
    keeps_what_works(false);
}

#[test]
fn a_respawned_lazy_worker_without_an_application_does_not_take_over() {
    keeps_what_works(true);
}

#[test]
fn what_never_had_an_application_goes_on_without_one_until_there_is_one() {
    let server = site(BROKEN, false).start();
    let without = |n: u64| (status(&server)["application"]["workers_without"] == n).then_some(());
    let replace = || {
        kill_template(&server);
        let (before, all) = (server.worker_pids(), 2);
        kill(before[0]);
        until("another worker", || {
            let now = server.worker_pids();
            (now.len() == all && now[0] != before[0]).then_some(())
        });
    };
    replace();
    until("two workers without", || without(2));
    server.get("/").expect(500);
    // Mended on disk: from then on there is one, and nothing goes back behind it.
    write(&server, &app("two"));
    replace();
    until("one worker without", || without(1));
    let shown = text(&server, &["status"]);
    assert!(shown.contains("1 of 2 workers have no application"), "{shown}");
    write(&server, BROKEN);
    kill_template(&server);
    kill(server.worker_pids()[1]);
    server.wait_log("the application does not load: ModuleNotFoundError");
    for _ in 0..5 {
        assert_eq!(server.get("/").expect(200).text(), "two");
    }
    assert_eq!(status(&server)["application"], json!({ "loaded": true, "workers_without": 0, "reason": "" }));
}

#[test]
fn a_configuration_that_names_no_application_says_so_and_reloads() {
    let server = Site::probe().without("module").option("need-app", "false").start();
    server.get("/").expect(500);
    let log = server.wait_log("ready: generation 1");
    assert!(
        log.contains("no application is loaded, requests are answered 500 (need-app = false): none is named")
    );
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    let seen = status(&server);
    assert_eq!(
        (&seen["generation"], &seen["application"]["workers_without"]),
        (&json!(2), &json!(1)),
        "{seen}"
    );
    assert!(seen["application"]["reason"].as_str().unwrap().starts_with("none is named"), "{seen}");
}
