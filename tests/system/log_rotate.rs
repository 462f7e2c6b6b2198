//! Log files: rotation and reopening lose no line and write none twice, whoever writes.

use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use uswgi_tests::{Need, Server, Site, lacks, process, until};

/// Writes numbered lines from everywhere: the request line, stdout, stderr, and a long line.
const APP: &str = r#"
import os, sys, logging
logging.basicConfig(stream=sys.stderr, format="%(message)s")
def application(environ, start_response):
    n = environ["QUERY_STRING"]
    print("stdout " + n + " end")
    sys.stderr.write("stderr " + n + " " + "x" * 3000 + " end\n")
    try:
        raise ValueError("number " + n + " end")
    except ValueError:
        logging.exception("logged " + n + " end")
    os.write(1, ("written " + n + " end\n").encode())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"#;

pub(crate) const KINDS: [&str; 6] =
    ["stdout", "stderr", "logged", "ValueError: number", "written", "request"];

pub(crate) fn site() -> Site {
    let site = Site::new();
    let app = site.dir.join("app").display().to_string();
    site.home(&uswgi_tests::paths::pythons()[0].1)
        .source("numbers.py", APP)
        .option("chdir", app)
        .option("module", "numbers")
        .both()
        .option("log-format", "request %(var.QUERY_STRING) end")
}

fn touch(path: &Path) {
    fs::write(path, "").unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    // Every touch is newer than the last, whatever the clock's grain.
    let seen = file.metadata().unwrap().modified().unwrap();
    file.set_modified(seen.max(SystemTime::now()) + Duration::from_secs(1)).unwrap();
}

/// The log and everything it was rotated to.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("app.log")))
        .collect();
    found.sort();
    found
}

fn text(dir: &Path) -> String {
    files(dir)
        .iter()
        .map(|p| String::from_utf8_lossy(&fs::read(p).unwrap_or_default()).into_owned())
        .collect()
}

/// How often each numbered line stands in the logs; every line that mentions a number is whole.
pub(crate) fn count(text: &str) -> BTreeMap<String, u32> {
    let mut seen = BTreeMap::new();
    for line in text.lines() {
        let Some(kind) = KINDS.iter().find(|k| line.starts_with(&format!("{k} "))) else { continue };
        let number = line[kind.len() + 1..].split(' ').next().unwrap();
        assert!(line.ends_with(" end"), "torn: {line}");
        *seen.entry(format!("{kind} {number}")).or_default() += 1;
    }
    seen
}

/// Ask from several clients, while `meanwhile` disturbs, until it is done; how many requests there were.
pub(crate) fn under_load(server: &Server, meanwhile: impl FnOnce()) -> u64 {
    let next = std::sync::atomic::AtomicU64::new(0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    use std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let door = server.door();
            let (next, stop) = (&next, &stop);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    let n = next.fetch_add(1, Relaxed);
                    door.get(&format!("/?{n}")).expect(200);
                }
            });
        }
        // An assertion that fails must not leave the clients running for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        stop.store(true, Relaxed);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
    next.into_inner()
}

fn all_are_there_once(dir: &Path, requests: u64) {
    let wanted = u32::try_from(requests).unwrap() as usize * KINDS.len();
    let seen = until("every line", || {
        let seen = count(&text(dir));
        (seen.len() >= wanted).then_some(seen)
    });
    let twice: Vec<_> = seen.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(seen.len(), wanted);
}

fn rotates_under_load(site: Site) {
    let rotate = site.dir.join("rotate");
    fs::write(&rotate, "").unwrap();
    let log = site.dir.join("app.log");
    let server = site
        .option("processes", 4)
        .option("logto", log.display())
        .option("touch-logrotate", rotate.display())
        .start();
    let dir = server.dir.path().to_path_buf();
    let requests = under_load(&server, || {
        for n in 1..=4 {
            touch(&rotate);
            until("the rotation", || (files(&dir).len() > n).then_some(()));
            // New lines come into the new file before it is rotated again.
            until("lines in the new file", || {
                fs::read_to_string(&log).unwrap_or_default().contains("request ").then_some(())
            });
        }
    });
    assert!(requests > 20, "{requests}");
    all_are_there_once(&dir, requests);
    assert_eq!(files(&dir).len(), 5);
}

#[test]
fn rotation_under_load_loses_and_doubles_no_line() {
    rotates_under_load(site());
}

#[test]
fn workers_without_a_template_follow_too() {
    rotates_under_load(site().option("lazy-apps", "true"));
}

#[test]
fn the_log_process_rotates_without_loss() {
    rotates_under_load(site().option("log-master", "true"));
}

fn reopens(site: Site) {
    let again = site.dir.join("again");
    fs::write(&again, "").unwrap();
    let log = site.dir.join("app.log");
    let server = site
        .option("processes", 3)
        .option("logto", log.display())
        .option("touch-logreopen", again.display())
        .option("log-reopen", "true")
        .start();
    let dir = server.dir.path().to_path_buf();
    let requests = under_load(&server, || {
        // As logrotate does it: move away, then tell.
        for n in 1..=2 {
            fs::rename(&log, dir.join(format!("app.log.{n}"))).unwrap();
            touch(&again);
            until("a new file", || {
                fs::read_to_string(&log).unwrap_or_default().contains("request ").then_some(())
            });
        }
        fs::rename(&log, dir.join("app.log.3")).unwrap();
        server.reload();
        until("a new file", || {
            fs::read_to_string(&log).unwrap_or_default().contains("request ").then_some(())
        });
    });
    all_are_there_once(&dir, requests);
}

#[test]
fn a_file_moved_by_logrotate_is_opened_again() {
    reopens(site());
}

#[test]
fn the_log_process_opens_moved_files_again() {
    reopens(site().option("log-master", "true"));
}

#[test]
fn a_size_rotates_to_the_name_that_is_asked_for() {
    let site = site();
    let (log, old) = (site.dir.join("app.log"), site.dir.join("old.log"));
    fs::write(&log, "of last week\n").unwrap();
    let server = site
        .option("logto", log.display())
        .option("log-truncate", "true")
        .option("log-maxsize", 20000)
        .option("log-backupname", old.display())
        .option("logfile-chmod", "604")
        .start();
    assert!(!fs::read_to_string(&log).unwrap().contains("last week"));
    for n in 0..10 {
        server.get(&format!("/?{n}")).expect(200);
    }
    until("the rotation", || old.exists().then_some(()));
    // The worker takes the new file when it hears of it.
    let mut n = 10;
    until("the new file", || {
        server.get(&format!("/?{n}")).expect(200);
        n += 1;
        fs::read_to_string(&log).is_ok_and(|t| t.contains(" end")).then_some(())
    });
    // The line of a request is written after its answer.
    until("every line", || {
        let both = fs::read_to_string(&old).unwrap() + &fs::read_to_string(&log).unwrap();
        (count(&both).len() == n * KINDS.len()).then_some(())
    });
    for file in [&old, &log] {
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o604);
    }
}

#[test]
fn logfile_chown_lets_a_dropped_user_rotate() {
    if lacks(Need::Root) {
        return;
    }
    let site = Site::new().file("probe");
    let logs = site.dir.join("logs");
    fs::create_dir(&logs).unwrap();
    std::os::unix::fs::chown(&logs, Some(65534), Some(65534)).unwrap();
    let (log, rotate) = (logs.join("app.log"), site.dir.join("rotate"));
    fs::write(&rotate, "").unwrap();
    let app = site.dir.join("app").display().to_string();
    let mut server = site
        .option("chdir", app)
        .option("module", "probe")
        .home(&uswgi_tests::paths::public_venv())
        .http()
        .option("uid", 65534)
        .option("gid", 65534)
        .option("logto", log.display())
        .option("logfile-chown", "true")
        .option("touch-logrotate", rotate.display())
        .start();
    assert_eq!(fs::metadata(&log).unwrap().uid(), 65534);
    touch(&rotate);
    until("the rotation", || (files(&logs).len() == 2).then_some(()));
    // The worker takes the new file when it hears of it.
    until("the line", || {
        server.get("/hello").expect(200);
        fs::read_to_string(&log).is_ok_and(|t| t.contains("GET /hello")).then_some(())
    });
    server.stop(Signal::SIGTERM);
    assert!(!process::alive(server.pid()));
}
