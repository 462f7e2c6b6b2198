//! py-autoreload: what a developer's editor writes is served, or the reason is in the log.

use std::fs;
use uswgi_tests::wait::stays;
use uswgi_tests::{Server, Site, until};

const APP: &str = "from probe import application as probe\nfrom part import VERSION\n\
    def application(e, s):\n    if e['PATH_INFO'] != '/version':\n        return probe(e, s)\n\
    \x20   s('200 OK', [('Content-Length', str(len(VERSION)))])\n    return [VERSION.encode()]\n";

fn start(site: Site) -> Server {
    site.source("site_app.py", APP)
        .source("part.py", "VERSION = 'one'\n")
        .source("quiet.py", "")
        .without("module")
        .option("module", "site_app")
        .option("import", "quiet")
        .option("py-autoreload", 1)
        .option("py-auto-reload-ignore", "quiet")
        .option("workers", 2)
        .start()
}

fn write(server: &Server, name: &str, text: &str) {
    let path = server.dir.join("app").join(name);
    fs::write(server.dir.join("new"), text).unwrap();
    fs::rename(server.dir.join("new"), path).unwrap();
    let _ = fs::remove_dir_all(server.dir.join("app/__pycache__"));
}

/// The text is served, by every worker.
fn serves(server: &Server, version: &str) {
    until(version, || (server.get("/version").text() == version).then_some(()));
    until("two workers", || (server.workers().len() == 2).then_some(()));
}

fn edits(site: Site) {
    let server = start(site);
    serves(&server, "one");
    // A worker has looked once when it serves; this is a new time in any case.
    write(&server, "part.py", "VERSION = 'two'\n");
    serves(&server, "two");
    server.wait_log("part.py has changed");
    // A broken edit: what served serves on, and the reason is told once.
    write(&server, "part.py", "VERSION = \n");
    server.wait_log("reload failed");
    assert!(server.log().contains("SyntaxError"), "{}", server.log());
    assert_eq!(server.get("/version").expect(200).text(), "two");
    let failed = |n: usize| server.log().matches("reload failed").count() == n;
    assert!(stays(std::time::Duration::from_millis(2500), || failed(1)));
    write(&server, "part.py", "from late import VERSION\n");
    until("another failure", || failed(2).then_some(()));
    // The repair is in a file that was never loaded.
    write(&server, "late.py", "VERSION = 'three'\n");
    serves(&server, "three");
    // What is ignored is ignored.
    let before = server.reloads_done();
    write(&server, "quiet.py", "x = 1\n");
    assert!(stays(std::time::Duration::from_millis(2500), || server.reloads_done() == before));
}

#[test]
fn edits_are_served_and_broken_ones_change_nothing() {
    edits(Site::probe());
}

#[test]
fn edits_are_served_with_lazy_apps_and_threads() {
    edits(Site::probe().option("lazy-apps", "true").option("threads", 2));
}

#[test]
fn the_repair_of_an_application_that_never_loaded_is_seen() {
    let broken =
        Site::probe().source("site_app.py", "VERSION = \n").without("module").option("module", "site_app");
    let server = broken.option("need-app", false).option("py-autoreload", 1).start();
    server.get("/").expect(500);
    write(&server, "part.py", "VERSION = 'repaired'\n");
    write(&server, "site_app.py", APP);
    until("the repair", || (server.get("/version").text() == "repaired").then_some(()));
}
