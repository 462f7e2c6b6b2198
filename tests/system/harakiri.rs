//! harakiri: 504, the stack in the log, the other requests spared, the worker replaced only if it must be.

use uswgi_tests::{Request, Site, packet, until};

fn site() -> Site {
    Site::probe().option("harakiri", 1)
}

#[test]
fn a_sleeping_request_gets_504_and_its_stack_is_logged() {
    let server = site().start();
    for door in server.doors() {
        let pid = door.get("/pid").text();
        let reply = door.get("/sleep?s=300").expect(504);
        assert!(!reply.text().contains("Traceback"));
        let log = server.wait_log("time.sleep");
        for part in ["harakiri", "GET", "/sleep?s=300", "in sleep", "probe.py"] {
            assert!(log.to_lowercase().contains(&part.to_lowercase()), "{part:?} is not in the log: {log}");
        }
        // The interrupted thread serves on, in the same process.
        assert_eq!(door.get("/pid").expect(200).text(), pid);
    }
}

#[test]
fn a_spinning_request_gets_504() {
    let server = site().start();
    let door = server.door();
    door.get("/spin?s=300").expect(504);
    door.get("/hello").expect(200);
}

#[test]
fn other_threads_are_spared() {
    let server = site().option("threads", 2).option("reload-mercy", 30).start();
    let door = server.door();
    let slow = door.ask_later(Request::get("/sleep?s=20"));
    // The neighbour goes on answering while the other one is interrupted.
    let until_then = std::time::Instant::now();
    while until_then.elapsed() < std::time::Duration::from_secs(3) {
        door.get("/hello").expect(200);
    }
    assert_eq!(slow.join().unwrap().unwrap().status, 504);
}

#[test]
fn a_request_beside_one_that_cannot_be_interrupted_has_all_its_time() {
    let site = Site::probe().option("harakiri", 6).option("harakiri-graceful-timeout", 1);
    let server = site.option("threads", 2).option("reload-mercy", 30).start();
    let door = server.door();
    let worker = server.worker_pids();
    door.get("/swallow?s=300").expect(504);
    // It begins while the worker hopes for the first one, and ends after the master's backstop would have ended it.
    assert_eq!(door.get("/sleep?s=5.7").expect(200).text(), "slept");
    assert_ne!(server.worker_pids(), worker, "the worker has been replaced meanwhile");
}

#[test]
fn a_request_that_cannot_be_interrupted_costs_its_worker() {
    for target in ["/swallow?s=300", "/stuck"] {
        let server = site().option("reload-mercy", 2).start();
        let door = server.door();
        let before = server.worker_pids();
        door.get(target).expect(504);
        until("another worker", || {
            let now = server.worker_pids();
            (now.len() == 1 && now != before).then_some(())
        });
        door.get("/hello").expect(200);
        until("the end of the old one", || (!uswgi_tests::process::alive(before[0])).then_some(()));
    }
}

#[test]
fn a_quick_request_is_left_alone() {
    let server = site().start();
    for door in server.doors() {
        for _ in 0..50 {
            door.get("/hello").expect(200);
        }
        assert_eq!(door.get("/sleep?s=0.2").expect(200).text(), "slept");
    }
    assert!(!server.log().to_lowercase().contains("harakiri on"), "{}", server.log());
}

#[test]
fn after_the_head_the_connection_is_cut() {
    let server = site().start();
    for (n, door) in server.doors().iter().enumerate() {
        let reply = door.try_ask(&Request::get(&format!("/half?name=h{n}")));
        match reply {
            Err(_) => {}
            Ok(reply) => {
                assert_eq!(
                    (reply.status, reply.text().as_str()),
                    (200, "first "),
                    "nothing false is appended"
                );
                assert!(reply.header("Content-Length").is_none());
            }
        }
        door.get("/hello").expect(200);
    }
}

#[test]
fn the_graceful_signal_gives_the_app_its_grace_time() {
    let app = "import signal, time\nfrom probe import application as probe\n\
        class Late(Exception):\n    pass\n\
        def tell(number, frame):\n    raise Late()\n\
        signal.signal(signal.SIGUSR2, tell)\n\
        def application(e, s):\n    if e['PATH_INFO'] != '/late':\n        return probe(e, s)\n\
        \x20   try:\n        time.sleep(300)\n    except Late:\n        pass\n\
        \x20   s('200 OK', [('Content-Length', '4')])\n    return [b'late']\n";
    let server = site()
        .source("site_app.py", app)
        .without("module")
        .option("module", "site_app")
        .option("harakiri-graceful-signal", 12)
        .option("harakiri-graceful-timeout", 20)
        .start();
    let pid = server.get("/pid").text();
    // The handler ends the request in time: it is answered by the application.
    assert_eq!(server.get("/late").expect(200).text(), "late");
    assert_eq!(server.get("/pid").text(), pid);
    server.wait_log("told by signal 12");
}

#[test]
fn without_a_handler_the_graceful_signal_is_not_sent() {
    for signal in [10, 12, 34] {
        let server = site().option("harakiri-graceful-signal", signal).start();
        let pid = server.get("/pid").text();
        server.get("/sleep?s=300").expect(504);
        assert_eq!(server.get("/pid").expect(200).text(), pid, "the default action would end the worker");
        assert!(!server.log().contains("told by signal"), "{signal}: {}", server.log());
    }
}

#[test]
fn workers_that_all_hang_do_not_wait_for_each_other() {
    let server = site().option("workers", 4).option("reload-mercy", 60).start();
    let door = server.door();
    let before = server.worker_pids();
    let hang = |_| door.ask_later(Request::get("/stuck"));
    let asked: Vec<_> = (0..4).map(hang).collect();
    asked.into_iter().for_each(|a| assert_eq!(a.join().unwrap().unwrap().status, 504));
    until("four others", || {
        let now = server.worker_pids();
        (now.len() == 4 && now.iter().all(|pid| !before.contains(pid))).then_some(())
    });
}

#[test]
fn a_late_request_runs_on_while_few_wait_for_it() {
    let server = site().option("harakiri-queue-threshold", 1).start();
    let door = server.door();
    assert_eq!(door.get("/sleep?s=1.8").expect(200).text(), "slept");
    // With two that wait it is over.
    let mut late = door.sent(&Request::get("/sleep?s=300"));
    let waiting: Vec<_> = (0..2).map(|_| door.ask_later(Request::get("/hello"))).collect();
    assert_eq!(packet::read_reply(&mut *late).unwrap().status, 504);
    assert!(waiting.into_iter().all(|w| w.join().unwrap().unwrap().status == 200));
}
