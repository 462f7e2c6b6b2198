//! Libraries that look for the module uwsgi, as pip installs them.

use serde_json::{Value, json};
use uswgi_tests::{Server, Site, paths, until};

fn site(app: &str) -> Site {
    Site::new()
        .app(app)
        .home(&paths::clients())
        .http()
        .option("workers", 2)
        .option("cache2", "name=django,items=100")
        // A library must find no switch that it wants and the configuration forgot.
        .without("master")
}

fn said(server: &Server, target: &str) -> Value {
    server.get(target).expect(200).json()
}

#[test]
fn monitoring_libraries_find_what_they_look_for() {
    let server = site("client_app").env("DDTRACE", "1").start();
    let sentry = said(&server, "/sentry");
    assert_eq!(sentry, json!({"threads": true, "warned": [], "sent": 1}));
    let ddtrace = said(&server, "/ddtrace");
    assert_eq!(ddtrace, json!({"state": "fine", "traced": true, "atexit": true}));
    let elastic = said(&server, "/elastic");
    assert_eq!(elastic, json!({"master": false, "postfork": "uwsgidecorators", "hook": true}));
    let newrelic = said(&server, "/newrelic");
    assert_eq!((&newrelic["dispatcher"], &newrelic["warned"]), (&json!("uWSGI"), &json!([])));
    // The process that imports the application for all workers is the one that libraries take for the master.
    let import = said(&server, "/import");
    assert_eq!(
        (&import["elastic-master"], &import["state"], &import["traced"]),
        (&json!(true), &json!("fine"), &json!(true))
    );
}

#[test]
fn monitoring_libraries_start_in_each_worker_with_lazy_apps() {
    let server = site("client_app").option("lazy-apps", "true").env("DDTRACE", "1").start();
    let import = said(&server, "/import");
    assert_eq!((&import["elastic-master"], &import["state"]), (&json!(false), &json!("fine")));
    assert_eq!(said(&server, "/sentry")["warned"], json!([]));
}

#[test]
fn django_keeps_its_cache_in_it_and_shows_its_status() {
    let server = site("client_django").start();
    let used = said(&server, "/use");
    for backend in ["default", "ng"] {
        assert_eq!(
            used[backend],
            json!([{"b": [1, "é"]}, false, true, "none", {"a": {"b": [1, "é"]}, "n": 5}, null, null]),
            "{backend}"
        );
    }
    assert_eq!(used["gone"], Value::Null);
    // The other worker sees what this one has kept.
    until("the other worker", || (said(&server, "/kept")["pid"] != used["pid"]).then_some(()));
    assert_eq!(said(&server, "/kept")["kept"], used["pid"]);
    let page = server.get("/uwsgi/").expect(200).text();
    for part in ["uWSGI Stats", "cache2", "name=django,items=100", "busy"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for pid in server.worker_pids() {
        assert!(page.contains(&pid.to_string()), "{pid}: {page}");
    }
    // Its buttons.
    let before = server.reloads_done();
    server.get("/uwsgi/reload/").expect(302);
    until("the reload", || (server.reloads_done() > before).then_some(()));
    assert_eq!(said(&server, "/kept")["kept"], used["pid"]);
    server.get("/uwsgi/cache_clear/").expect(302);
    assert_eq!(said(&server, "/kept")["kept"], Value::Null);
}
