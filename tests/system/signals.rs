//! Signals of an application and what raises them: timers, the clock, files; the decorators over them, those of the
//! original too.

use nix::sys::signal::Signal;
use std::fs;
use std::time::Duration;
use uswgi_tests::process::send;
use uswgi_tests::request::quote;
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, Site, paths, until};

fn plain() -> Site {
    Site::new().file("background").app("signals").http().option("master", "true")
}

fn site() -> Site {
    with_spooler(plain()).option("workers", 2).option("mules", 2).option("farm", "f:1,2")
}

/// An application that stands here, beside background.py.
fn other(name: &str, text: &str) -> Site {
    let site = Site::new().app("background").without("module").http();
    site.source(&format!("{name}.py"), text).option("module", name)
}

/// The original wants the folder to be there.
fn with_spooler(site: Site) -> Site {
    let folder = site.dir.join("sp");
    fs::create_dir(&folder).unwrap();
    site.option("spooler", folder.display())
}

fn ours(site: Site) -> Server {
    site.home(&paths::pythons()[0].1).start()
}

fn ask(server: &Server, question: &str) -> String {
    let address = server.http.clone().unwrap();
    let request = Request::get(&format!("/?{}", quote(question)));
    uswgi_tests::http::ask(&address, &request).unwrap().expect(200).text().trim_end().into()
}

fn lines(server: &Server, start: &str) -> Vec<String> {
    let text = fs::read_to_string(server.dir.join("hold/ran")).unwrap_or_default();
    text.lines().filter(|l| l.starts_with(start)).map(str::to_string).collect()
}

/// Each target's number, and who has to run it: one of them, or all.
const WHO: [(u8, bool, &[&str]); 12] = [
    (10, false, &["worker1", "worker2"]),
    (11, false, &["worker1", "worker2"]),
    (12, true, &["worker1", "worker2"]),
    (13, true, &["worker1"]),
    (14, true, &["worker2"]),
    (15, true, &["worker1", "worker2"]),
    (16, false, &["mule1", "mule2"]),
    (17, true, &["mule1", "mule2"]),
    (18, true, &["mule1"]),
    (19, true, &["mule2"]),
    (20, false, &["mule1", "mule2"]),
    (21, true, &["spooler"]),
];

/// Both serve the same application: every target reaches the same processes, and every function gives the same.
#[test]
fn signals_reach_whom_they_reach_on_the_original() {
    let mut servers = vec![ours(site())];
    if paths::original().is_none() {
        servers.push(site().original());
    }
    for server in &servers {
        // Mules and spoolers of the original lose what comes before they wait.
        until("everybody to be there", || {
            let _ = ask(server, "[uwsgi.signal(n) for n in (12, 17, 21)]");
            (lines(server, "signal")
                .iter()
                .map(|l| l.rsplit(' ').next().unwrap_or_default())
                .collect::<std::collections::BTreeSet<_>>()
                .len()
                == 5)
                .then_some(())
        });
        assert_eq!(lines(server, "registered"), vec!["registered None"; 15]);
        for (number, all, who) in WHO {
            let of = format!("signal {number} int");
            let settled = || {
                let seen = lines(server, &of).len();
                stays(Duration::from_millis(300), || lines(server, &of).len() == seen);
                lines(server, &of).len()
            };
            let before = settled();
            assert_eq!(ask(server, &format!("uwsgi.signal({number})")), "None");
            let new = || lines(server, &of).split_off(before);
            let want = if all { who.len() } else { 1 };
            until(&format!("signal {number}"), || (new().len() >= want).then_some(()));
            let mut seen: Vec<String> =
                new().iter().map(|l| l.rsplit(' ').next().unwrap_or_default().to_string()).collect();
            seen.sort();
            match all {
                true => assert_eq!(seen, who, "signal {number}"),
                false => {
                    assert!(seen.len() == 1 && who.contains(&seen[0].as_str()), "signal {number}: {seen:?}")
                }
            }
        }
    }
    for (question, answer) in [
        ("uwsgi.signal(200)", "None"),
        ("uwsgi.signal(23)", "None"),
        ("uwsgi.signal_registered(200)", "None"),
        ("uwsgi.signal_registered(10)", "True"),
        ("register(60, '')", "None"),
        ("uwsgi.signal_received()", "0"),
        ("uwsgi.add_timer(200, 0)", "None"),
        ("uwsgi.add_timer(200, 3600)", "None"),
        ("uwsgi.add_rb_timer(200, 3600, 2)", "None"),
        ("uwsgi.add_rb_timer(200, 3600)", "None"),
        ("uwsgi.add_cron(200, 1, 1, 1, 1, 1)", "True"),
        ("uwsgi.add_file_monitor(200, '/nonexistent')", "None"),
        ("uwsgi.signal('a')", "TypeError: "),
        ("uwsgi.signal()", "TypeError: "),
        ("register(60)", "TypeError: "),
        ("uwsgi.add_timer(5, 1.5)", "TypeError: "),
        ("uwsgi.add_cron(5, 1, 1, 1, 1)", "TypeError: "),
        ("uwsgi.add_file_monitor(5, b'/tmp')", "TypeError: "),
    ] {
        for server in &servers {
            let said = ask(server, question);
            let right = if answer.ends_with(": ") { said.starts_with(answer) } else { said == answer };
            assert!(right, "{question}: {said}");
        }
    }
    // It waits for the one that it names; handlers of the others run meanwhile.
    for server in &servers {
        assert_eq!(
            ask(
                server,
                "[uwsgi.signal(13), uwsgi.signal(14), uwsgi.signal(15), uwsgi.signal_wait(15), uwsgi.signal_received()]"
            ),
            "[None, None, None, b'', 15]"
        );
    }
    let server = &servers[0];
    assert!(ask(server, "uwsgi.signal(256)").starts_with("ValueError: a signal is a number from 0 to 255"));
    ask(server, "uwsgi.signal(50)");
    server.wait_log("the handler of signal 50 has raised an exception:");
    server.wait_log("RuntimeError: as it was asked for");
    ask(server, "uwsgi.signal(23)");
    server.wait_log("signal 23 was raised, and nobody runs its handler: \"nonsense\" names nobody");
    ask(server, "uwsgi.signal(24)");
    server.wait_log("signal 24 was raised, and nobody runs its handler: there is no mule 9");
}

/// uWSGI runs all of the ticks that came while its only worker was busy, one after the other; ours runs one.
#[test]
fn ticks_do_not_pile_up_behind_a_busy_worker_unless_that_is_wanted() {
    let mut all = vec![(ours(plain().env("TIMER", "1")), false)];
    all.push((ours(plain().env("TIMER", "1").option("signals-pile-up", "true")), true));
    if paths::original().is_none() {
        all.push((plain().env("TIMER", "1").original(), true));
    }
    for (server, pile_up) in &all {
        until("a tick", || lines(server, "tick").pop());
        let said = ask(server, "[ran('busy'), time.sleep(5), ran('free')]");
        assert_eq!(said, "[None, None, None]");
        let text = fs::read_to_string(server.dir.join("hold/ran")).unwrap();
        let (before, _) = text.split_once("free").unwrap();
        assert!(!before.split_once("busy").unwrap().1.contains("tick"), "it was busy: {text}");
        let after = || {
            let text = fs::read_to_string(server.dir.join("hold/ran")).unwrap();
            text.split_once("free").unwrap().1.matches("tick").count()
        };
        if *pile_up {
            // At least four in the time in which one by one they would take as many seconds.
            until("the ticks of before", || (after() >= 4).then_some(()));
        } else {
            until("the next tick", || (after() >= 1).then_some(()));
            assert!(after() <= 2, "{text}");
        }
    }
}

#[test]
fn signals_run_in_greenlets_tasks_and_threads() {
    let app = "import asyncio, uwsgi\nfrom background import ran\n\
        async def later(n):\n    await asyncio.sleep(0.01)\n    ran('later', n)\n\
        uwsgi.register_signal(1, '', later)\nuwsgi.add_ms_timer(1, 200)\n\
        async def application(scope, receive, send):\n    raise RuntimeError\n";
    let server = ours(other("tasks", app).option("asgi", "true"));
    until("a task", || (lines(&server, "later 1").len() > 2).then_some(()));
    let server = plain().env("TIMER", "1").option("gevent", 5).home(&paths::engines()).start();
    until("a greenlet", || (lines(&server, "tick").len() > 1).then_some(()));
    let server = ours(plain().env("TIMER", "1").option("threads", 3));
    until("a thread", || (lines(&server, "tick").len() > 1).then_some(()));
}

/// What was registered with the application counts from the time it serves, and the timers of before are gone.
#[test]
fn a_reload_takes_the_timers_of_the_new_application() {
    let app = |word: &str| {
        format!(
            "import uwsgi\nfrom background import application, ran\n\
            uwsgi.register_signal(1, '', lambda n: ran('{word}', n))\nuwsgi.add_ms_timer(1, 100)\n"
        )
    };
    let mut server = other("changes", &app("old"));
    server = server.option("workers", 2);
    let server = ours(server);
    until("a tick", || (lines(&server, "old").len() > 2).then_some(()));
    fs::write(server.dir.join("app/changes.py"), app("newer")).unwrap();
    server.reload();
    until("a new tick", || (lines(&server, "newer").len() > 2).then_some(()));
    let old = lines(&server, "old").len();
    let new = lines(&server, "newer").len();
    until("ticks", || (lines(&server, "newer").len() > new + 5).then_some(()));
    assert_eq!(lines(&server, "old").len(), old);
    // A reload that fails leaves them as they are.
    fs::write(
        server.dir.join("app/changes.py"),
        "import uwsgi\nuwsgi.add_ms_timer(1, 10)\nraise RuntimeError",
    )
    .unwrap();
    assert_ne!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    let new = lines(&server, "newer").len();
    until("ticks", || (lines(&server, "newer").len() > new + 5).then_some(()));
}

#[test]
fn a_killed_worker_stops_no_timer_and_with_lazy_apps_it_ticks_once() {
    let server = plain().env("TIMER", "1").option("workers", 2).option("lazy-apps", "true");
    let server = ours(server);
    until("a tick", || lines(&server, "tick").pop());
    for worker in server.worker_pids() {
        send(worker, Signal::SIGKILL);
    }
    let before = lines(&server, "tick").len();
    until("ticks after it", || (lines(&server, "tick").len() > before + 3).then_some(()));
    // Six processes have said so by now; six timers would have brought 18 in three seconds.
    let before = lines(&server, "tick").len();
    stays(Duration::from_secs(3), || true);
    let more = lines(&server, "tick").len() - before;
    assert!(more <= 8, "{more}");
}

#[test]
fn options_raise_signals_by_the_clock_and_by_files() {
    let site = plain().option("signal-timer", "51 1");
    let file = site.dir.join("hold/touched");
    let server = ours(site.option("touch-signal", format!("{} 10", file.display())));
    until("a tick", || lines(&server, "tick 51").pop());
    fs::write(&file, "").unwrap();
    until("the file's signal", || lines(&server, "signal 10").pop());
    // By the application, of a folder.
    let folder = server.dir.join("hold/folder");
    fs::create_dir(&folder).unwrap();
    ask(&server, &format!("uwsgi.add_file_monitor(11, {:?})", folder.display().to_string()));
    until("the folder's signal", || {
        let name = folder.join(format!("f{}", lines(&server, "signal").len()));
        let _ = fs::write(&name, "");
        let _ = fs::remove_file(&name);
        lines(&server, "signal 11").pop()
    });
}

/// The file of uWSGI's package as it is, and ours.
#[test]
fn the_decorators_of_the_original_run_unmodified() {
    let app = "import importlib.util, os, sys, uwsgi\nfrom background import application, ran, who\nimport background\n\
        if 'ORIGINAL' in os.environ:\n\
        \x20   spec = importlib.util.spec_from_file_location('uwsgidecorators', os.environ['ORIGINAL'])\n\
        \x20   module = importlib.util.module_from_spec(spec)\n\
        \x20   sys.modules['uwsgidecorators'] = module\n\
        \x20   spec.loader.exec_module(module)\n\
        from uwsgidecorators import *\n\
        from uwsgidecorators import signal, timer, rbtimer, cron, filemon, get_free_signal\n\
        @timer(1)\ndef by_time(n):\n    ran('timer', n, who())\n\
        @timer(1, target='mule')\ndef in_mule(n):\n    ran('mule timer', n, who())\n\
        @timer(1, signum=77, target='spooler')\ndef in_spooler(n):\n    ran('spooler timer', n, who())\n\
        @rbtimer(1)\ndef by_rb(n):\n    ran('rbtimer', n, who())\n\
        @cron(-1, -1, -1, -1, -1)\ndef by_clock(n):\n    ran('cron', n)\n\
        @filemon(os.environ['HOLD_DIR'] + '/watched')\ndef by_file(n):\n    ran('filemon', n)\n\
        @signal(99, target='workers')\ndef told(n):\n    ran('told', n, who())\n\
        background.free = get_free_signal\n";
    let mut all = vec![None];
    all.extend((paths::original().is_none()).then(|| Some(paths::uwsgi_decorators())));
    for original in all {
        let site = other("decorate", app);
        let mut site = with_spooler(site).option("workers", 2).option("mules", 1);
        if let Some(file) = &original {
            site = site.env("ORIGINAL", file.display());
        }
        let server = ours(site);
        for (line, from) in [
            ("timer 0", "worker"),
            ("mule timer 1", "mule1"),
            ("spooler timer 77", "spooler"),
            ("rbtimer 2", "worker"),
        ] {
            until(line, || lines(&server, line).into_iter().find(|l| l.contains(from)));
        }
        fs::write(server.dir.join("hold/watched"), "").unwrap();
        until("filemon", || lines(&server, "filemon 4").pop());
        ask(&server, "uwsgi.signal(99)");
        until("both workers", || (lines(&server, "told 99").len() == 2).then_some(()));
        assert_eq!(ask(&server, "free()"), "5");
    }
}
