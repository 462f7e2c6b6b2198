//! Libraries that work beside requests, as pip installs them: uwsgi-tasks, django-uwsgi-ng, prometheus_client.

use std::fs;
use uswgi_tests::{Load, Server, Site, paths, until};

fn site() -> Site {
    let site = Site::new().app("task_libraries").home(&paths::background()).http().option("workers", 2);
    let folder = site.ini().with_file_name("tasks");
    site.option("spooler", folder.display()).option("spooler-frequency", 1).option("mules", 1)
}

/// What has run, by whole lines: a large one is written in pieces.
fn ran(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.dir.join("hold/ran")).unwrap_or_default();
    text.split_inclusive('\n').filter_map(|l| l.strip_suffix('\n')).map(str::to_string).collect()
}

#[test]
fn uwsgi_tasks_runs_in_spoolers_and_mules_and_django_shows_the_spooler() {
    let server = site().start();
    server.get("/begin").expect(200);
    let app = server.dir.join("app").canonicalize().unwrap();
    let times = |start: &str| ran(&server).iter().filter(|l| l.starts_with(start)).count();
    until("the tasks", || (times("spooled a 2 True") == 1 && times("spooled large xxx") == 1).then_some(()));
    let own = format!("True {}", app.display());
    assert!(ran(&server).iter().filter(|l| l.starts_with("spooled")).all(|l| l.ends_with(&own)));
    until("the mule", || (times("muled m 1") == 1).then_some(()));
    // It counts its tries itself: three in all.
    until("its tries", || (times("retried r") == 3).then_some(()));
    let name = server.get("/later").expect(200).text();
    // Its name alone: for what it holds the page asks for a file called b'...', by str() of the bytes that it was given.
    let page = server.get("/uwsgi/").expect(200).text();
    assert!(name.starts_with("uwsgi_spoolfile_on_") && page.contains(&name), "{name}: {page}");
}

/// Files are named by the number, so that there are no more of them than workers and the template; no count is lost. Two
/// processes of a number lose a count too seldom to be seen, so each holds a lock of its number from its fork to its end.
#[test]
fn prometheus_client_counts_every_request_in_files_named_by_worker_number_through_reloads() {
    let server = site().option("worker-id-exclusive", "true").start();
    let load = Load::start(&server.doors(), 3, "/count");
    // Requests that are under way when their worker leaves.
    let slow = Load::start(&server.doors(), 1, "/count?slow");
    for _ in 0..2 {
        load.wait_more(40);
        assert_eq!(server.ctl(&["reload", "--wait", "--drain"]).status.code(), Some(0));
    }
    load.wait_more(40);
    let (mut good, mut failures) = (0, Vec::new());
    for seen in [load.stop(), slow.stop()] {
        good += seen.good();
        failures.extend(seen.failures);
    }
    assert!(failures.is_empty(), "{failures:?}");
    let claims = ran(&server);
    let of = |start: &str| claims.iter().filter(|l| l.starts_with(start)).count();
    assert_eq!((of("alone "), of("shared ")), (6, 0), "two workers, three times: {claims:?}");
    let counted: f64 = server.get("/counts").expect(200).text().parse().unwrap();
    assert_eq!(counted as u64, good);
    let mut files = server
        .dir
        .path()
        .join("hold")
        .read_dir()
        .unwrap()
        .flatten()
        .map(|e| e.file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".db"))
        .collect::<Vec<_>>();
    files.sort();
    assert_eq!(files, ["counter_0.db", "counter_1.db", "counter_2.db"]);
}
