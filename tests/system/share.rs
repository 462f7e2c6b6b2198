//! What the workers of an instance share: connections evenly, and the memory of the imported application.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use uswgi_tests::http::Connection;
use uswgi_tests::{Load, Request, Site};

const WORKERS: usize = 8;

/// How many of the answers came from each process.
fn by_process(pids: impl Iterator<Item = String>) -> HashMap<String, usize> {
    pids.fold(HashMap::new(), |mut counts, pid| {
        *counts.entry(pid).or_default() += 1;
        counts
    })
}

#[test]
fn connections_that_stay_are_shared_evenly() {
    let server = Site::probe().option("workers", WORKERS).start();
    let address = server.http.clone().unwrap();
    // All stay open, so that a worker that has taken one has it for good.
    let mut open = Vec::new();
    let pids = (0..8 * WORKERS).map(|_| {
        let mut connection = Connection::open(&address).unwrap();
        let pid = connection.ask(&Request::get("/pid")).unwrap().text();
        open.push(connection);
        pid
    });
    let counts = by_process(pids);
    assert!(counts.len() == WORKERS && counts.values().all(|n| *n <= 14), "8 each are wanted: {counts:?}");
}

#[test]
fn connections_for_one_request_are_shared_evenly() {
    let server = Site::probe().option("workers", 2).start();
    let counts = by_process((0..800).map(|_| server.doors()[0].get("/pid").text()));
    assert!(counts.len() == 2 && counts.values().all(|n| *n >= 240), "400 each are wanted: {counts:?}");
}

#[test]
fn workers_that_wait_for_a_processor_pass_no_connections_on() {
    let server = Site::probe().option("workers", WORKERS).start();
    let stop = Arc::new(AtomicBool::new(false));
    // Nobody has a processor for long.
    let hogs: Vec<_> = (0..8)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || while !stop.load(Relaxed) {})
        })
        .collect();
    let load = Load::start(&server.doors()[..1], 64, "/hello");
    load.wait_more(8000);
    stop.store(true, Relaxed);
    let seen = load.stop();
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    assert!(seen.failures.is_empty() && seen.cut == 0, "{seen:?}");
    let board = server.instance().unwrap().board;
    let workers = (0..board.worker_capacity()).filter_map(|slot| board.worker(slot));
    let passed_on: u64 = workers.map(|w| w.handed_over.load(Relaxed)).sum();
    assert!(passed_on < 30, "{passed_on} connections passed on");
}

#[test]
fn what_the_template_imported_is_not_written_to_by_collections_in_workers() {
    let app = "import gc\nBEFORE = gc.get_freeze_count()\n\
               def application(environ, start_response):\n    start_response('200 OK', [])\n    \
               return [b'%d %d %d' % (BEFORE, gc.get_freeze_count(), gc.isenabled())]\n";
    let site = || Site::probe().source("frozen.py", app).without("module").option("module", "frozen");
    let ask = |server: &uswgi_tests::Server| -> Vec<u64> {
        let text = server.get("/").expect(200).text();
        text.split(' ').map(|n| n.parse().unwrap()).collect()
    };
    let forked = ask(&site().start());
    assert!(forked[0] == 0 && forked[1] > 1000 && forked[2] == 1, "{forked:?}");
    assert_eq!(
        ask(&site().option("lazy-apps", true).start()),
        [0, 0, 1],
        "nothing is shared: nothing is frozen"
    );
}

#[test]
fn the_collector_is_patient_during_the_import_and_as_the_application_wants_it_after_it() {
    let app = "import gc\n{own}DURING = gc.get_threshold()\n\
               def application(environ, start_response):\n    start_response('200 OK', [])\n    \
               return [repr((DURING[0], *gc.get_threshold(), gc.isenabled())).encode()]\n";
    let ask = |own: &str, lazy: bool| -> String {
        let site = Site::probe().source("collected.py", &app.replace("{own}", own)).without("module");
        site.option("module", "collected").option("lazy-apps", lazy).start().get("/").expect(200).text()
    };
    let question = ["-c", "import gc; print(str(gc.get_threshold())[1:-1], end='')"];
    let python =
        std::process::Command::new(uswgi_tests::paths::venv().join("bin/python")).args(question).output();
    let usual = String::from_utf8(python.unwrap().stdout).unwrap();
    for lazy in [false, true] {
        assert_eq!(ask("", lazy), format!("(10000, {usual}, True)"));
        assert_eq!(ask("gc.set_threshold(900, 5, 4)\n", lazy), "(900, 900, 5, 4, True)");
        assert_eq!(ask("gc.disable()\n", lazy), format!("(10000, {usual}, False)"));
    }
}
