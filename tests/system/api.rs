//! The module uwsgi: the same application asks the original and ours, line by line; and what no line shows.

use std::collections::BTreeMap;
use uswgi_tests::request::Address;
use uswgi_tests::{Request, Server, Site, paths, until};

/// Where ours answers otherwise, and why.
const KNOWN: &[(&str, &str)] = &[
    ("uwsgi.cache_get('a', None)", "no name means the default cache; uWSGI wants a str"),
    (
        "uwsgi.cache_get('a', 'c@127.0.0.1:1')",
        "a remote cache is refused with a ValueError instead of never being found",
    ),
    (
        "uwsgi.cache_get('over')",
        "what has expired is never returned; uWSGI returns it until its sweeper comes",
    ),
    ("uwsgi.cache_set('i3', b'v', 0, 'small')", "items=4 holds four; uWSGI keeps one for itself"),
    ("sorted(uwsgi.workers()[0]['apps'][0])", "there are no addresses of C objects (interpreter, callable)"),
    ("uwsgi.buffer_size", "the default is 65535, not 4096"),
    ("'enable-threads' in uwsgi.opt", "threads always run, and libraries look for the option"),
];

fn site() -> Site {
    Site::new()
        .app("api")
        .http()
        .option("master", "true")
        .option("workers", 2)
        .option("locks", 2)
        .option("set-placeholder", "x=y")
        .option("cache2", "name=c,items=40")
        .option("cache2", "name=d,items=20")
        .option("cache2", "name=small,items=4")
        .option("cache2", "name=lru,items=4,lru=1")
        .option("cache2", "name=mi,items=20,math_initial=10")
        .option("cache2", "name=bits,items=20,blocks=40,blocksize=100,bitmap=1")
        .option("mode", "word")
        .option("vacuum", "true")
}

fn asked(address: &Address) -> Vec<(String, String)> {
    let reply = uswgi_tests::http::ask(address, &Request::get("/")).unwrap().expect(200).text();
    reply.lines().map(|l| l.split_once("  =>  ").unwrap()).map(|(q, a)| (q.into(), a.into())).collect()
}

#[test]
fn every_function_answers_as_the_original() {
    if paths::original().is_some() {
        return;
    }
    let (theirs, ours) = (site().original(), site().home(&paths::clients()).start());
    let (theirs_said, ours_said) = (asked(theirs.http.as_ref().unwrap()), asked(ours.http.as_ref().unwrap()));
    assert_eq!(theirs_said.len(), ours_said.len());
    assert!(ours_said.len() > 200, "{}", ours_said.len());
    let mut wrong = Vec::new();
    let known: BTreeMap<&str, &str> = KNOWN.iter().copied().collect();
    for ((question, a), (_, b)) in theirs_said.iter().zip(&ours_said) {
        match known.get(question.as_str()) {
            None if a != b => wrong.push(format!("{question}\n  uWSGI {a}\n  uswgi {b}")),
            Some(why) if a == b => wrong.push(format!("{question} is no difference any more: {why}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn more() -> Site {
    Site::new()
        .app("api_more")
        .home(&paths::pythons()[0].1)
        .http()
        .option("workers", 2)
        .option("locks", 2)
        .option("cache2", "name=c,items=40")
        .option("cache2", "name=hammer,items=40,blocksize=4096,purge_lru=1")
}

fn text(server: &Server, target: &str) -> String {
    server.get(target).expect(200).text()
}

#[test]
fn the_lock_of_a_dead_worker_is_free() {
    let server = more().start();
    assert!(server.door().try_ask(&Request::get("/fall")).is_err());
    assert_eq!(text(&server, "/take"), "'taken'");
    assert!(server.log().contains("ended without letting it go"), "{}", server.log());
    assert!(text(&server, "/twice").contains("already"));
}

#[test]
fn harakiri_ends_the_wait_for_a_lock() {
    for threads in [1, 2] {
        let server = more().option("threads", threads).start();
        let door = server.door();
        let holder = std::thread::spawn(move || door.get("/hold?a"));
        server.held("a");
        server.ask(&Request::get("/impatient")).expect(504);
        server.ask(&Request::get("/slow")).expect(504);
        server.wait_log("came out of its harakiri");
        server.let_go("a");
        assert_eq!(holder.join().unwrap().expect(200).text(), "'held'");
        // Nobody was replaced for it.
        assert_eq!(text(&server, "/take"), "'taken'");
        assert!(!server.log().contains("did not come out"), "{}", server.log());
    }
}

#[test]
fn caches_outlive_reloads_and_a_change_needs_a_restart() {
    let server = more().start();
    assert_eq!(text(&server, "/count"), "1");
    server.reload();
    assert_eq!(text(&server, "/count"), "2");
    let ini = server.dir.join("uwsgi.ini");
    let changed = std::fs::read_to_string(&ini).unwrap().replace("name=c,items=40", "name=c,items=50");
    std::fs::write(&ini, changed).unwrap();
    server.reload();
    server.wait_log("cache2 has changed in the configuration; that needs a restart");
    assert_eq!(text(&server, "/count"), "3");
}

#[test]
fn the_application_reloads_and_stops_its_instance() {
    let mut server = more().start();
    let (before, pids) = (server.reloads_done(), server.worker_pids());
    assert_eq!(text(&server, "/reload"), "True");
    until("the reload", || (server.reloads_done() > before).then_some(()));
    for pid in pids {
        let path = server.dir.join("hold").join(format!("exit-{pid}"));
        until("uwsgi.atexit of the old workers", || path.exists().then_some(()));
    }
    assert_eq!(text(&server, "/stop"), "True");
    assert!(server.wait().success());
}

#[test]
fn hooks_and_decorators_work_and_nothing_else_is_there() {
    let server = more().start();
    let said = text(&server, "/decorated");
    let forks = ["['first 1']", "['first 2', 'second']"];
    assert!(forks.iter().any(|f| said == format!("[{f}, ('x', True), 'quick', False, True]")), "{said}");
    assert_eq!(text(&server, "/absent"), "[]");
    assert_eq!(
        server.ask(&Request::get("/other").header("X", "y")).status,
        500,
        "only with manage-script-name"
    );
    let server = more().option("manage-script-name", "true").start();
    assert_eq!(text(&server, "/other/deep"), "other");
    assert_eq!(text(&server, "/absent"), "[]");
}

#[test]
fn the_queue_of_a_unix_socket_is_told_to_the_application() {
    let server = Site::new().app("api_more").home(&paths::pythons()[0].1).http().unix().start();
    let Some(Address::Unix(path)) = &server.uwsgi else { panic!("no unix socket") };
    let said = text(&server, &format!("/waiting?{}", path.display()));
    // The sockets stand in the order of the configuration, or HTTP's last: only the unix one has a queue.
    assert!(["((0, 0), (0, 3))", "((0, 0), (3, 0))"].contains(&said.as_str()), "{said}");
}

#[test]
fn the_log_shows_what_a_request_says() {
    let server = more().option("log-format", "%(uri) by %(who).").start();
    text(&server, "/marked");
    text(&server, "/absent");
    server.wait_log("/marked by Ada \\x22x\\x22\\x0a.\n");
    server.wait_log("/absent by -.\n");
    let server = more().option("disable-logging", "true").start();
    text(&server, "/absent");
    text(&server, "/noted");
    let log = server.wait_log("GET /noted");
    assert!(!log.contains("/absent"), "{log}");
}

#[test]
fn a_disconnected_client_does_not_end_its_request() {
    let server = more().start();
    let reply = server.door().try_ask(&Request::get("/late"));
    assert!(reply.is_err(), "{reply:?}");
    server.let_go("late");
    let done = server.dir.join("hold/late.done");
    until("the end of the request", || done.exists().then_some(()));
    assert_eq!(text(&server, "/take"), "'taken'");
}

#[test]
fn workers_killed_in_the_middle_leave_whole_values() {
    let server = more().option("workers", 3).start();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (door, stop) = (server.door(), stop.clone());
            std::thread::spawn(move || {
                let mut whole = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    if let Ok(reply) = door.try_ask(&Request::get("/hammer")) {
                        assert_eq!(reply.expect(200).text(), "'whole'");
                        whole += 1;
                    }
                }
                whole
            })
        })
        .collect();
    for _ in 0..12 {
        let pid = until("a worker", || server.worker_pids().pop());
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        until("its end", || (!server.worker_pids().contains(&pid)).then_some(()));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let whole: u32 = clients.into_iter().map(|c| c.join().unwrap()).sum();
    assert!(whole > 0);
    until("three workers", || (server.worker_pids().len() == 3).then_some(()));
    assert_eq!(text(&server, "/hammer"), "'whole'");
}

#[test]
fn a_check_of_the_application_and_a_worker_alone_have_the_module() {
    let site = more();
    let mut command = uswgi_tests::process::command(paths::command("uswgi-worker"));
    command.args(["--home", &paths::pythons()[0].1.display().to_string(), "--check", "api_more", "--chdir"]);
    command.arg(site.dir.join("app")).env("HOLD_DIR", site.dir.join("hold"));
    let out = uswgi_tests::process::run(command, uswgi_tests::wait::PATIENCE);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
}

#[test]
fn the_statistics_show_caches_and_locks() {
    use std::io::Read;
    let port = paths::free_port();
    let server = more().option("stats", format!("127.0.0.1:{port}")).start();
    text(&server, "/count");
    let mut said = String::new();
    Address::Port(port).connect().unwrap().read_to_string(&mut said).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(stats["caches"][0]["name"], "c");
    assert_eq!(
        (stats["caches"][0]["items"].as_u64(), stats["caches"][0]["max_items"].as_u64()),
        (Some(1), Some(40))
    );
    assert_eq!(stats["locks"].as_array().unwrap().len(), 3);
}

#[test]
fn a_cache_that_makes_no_sense_is_refused_by_name() {
    for (spec, said) in [
        ("name=x,items=4,store=/tmp/x", "store is not supported"),
        ("items=4", "names no cache"),
        ("name=x,items=4000000000,blocksize=4000000000", "is too large"),
    ] {
        let failure = more().option("cache2", spec).refused();
        assert_eq!(failure.code, Some(1), "{failure:?}");
        assert!(failure.text.contains(said), "{failure:?}");
        assert!(failure.left.is_empty(), "{failure:?}");
    }
}

/// Names of a stub file: of its functions, and of its variables.
fn stubbed(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(paths::root().join("uswgi-worker/stubs").join(file)).unwrap();
    let name = |l: &str| {
        let (name, _) = l.strip_prefix("def ").unwrap_or(l).split_once(['(', ':'])?;
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (plain && !name.starts_with('_')).then(|| name.to_string())
    };
    let mut names: Vec<String> =
        text.lines().filter(|l| !l.starts_with([' ', '#', '"', ')', '@'])).filter_map(name).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_stubs_name_what_is_there() {
    let site = more();
    let folder = site.ini().with_file_name("tasks");
    let server = site.option("mode", "word").option("spooler", folder.display()).start();
    let said = text(&server, "/names");
    let list = |names: Vec<String>| format!("{names:?}").replace('"', "'");
    let (api, decorators) =
        (stubbed("uwsgi-stubs/__init__.pyi"), stubbed("uwsgidecorators-stubs/__init__.pyi"));
    assert!(api.len() > 50, "{api:?}");
    assert_eq!(said, format!("({}, {})", list(api), list(decorators)));
}
