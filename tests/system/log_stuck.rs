//! A log that nobody reads, or that has no room, stops no request for long; what is lost is counted and said.

use nix::sys::stat::Mode;
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use uswgi_tests::temp::SmallDisk;
use uswgi_tests::{Need, Server, Site, lacks, paths, process, until};

/// Enough for any pipe.
const REQUESTS: u32 = 1500;

/// The server with its stderr and stdout in a FIFO that nobody reads.
fn into_fifo(site: Site) -> (Site, PathBuf) {
    let fifo = site.dir.join("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let script = site.dir.join("start");
    let master = paths::command("uswgi-master");
    let text = format!("#!/bin/sh\nexec '{}' \"$@\" 1<>'{}' 2>&1\n", master.display(), fifo.display());
    let draft = site.dir.join("start.sh");
    fs::write(&draft, text).unwrap();
    process::install(&draft, &script);
    (site.program(script), fifo)
}

fn lost(server: &Server) -> u64 {
    server.instance().unwrap().board.header().log_lines_lost.load(Relaxed)
}

/// More requests than the log takes; returns the longest.
fn ask_many(server: &Server) -> Duration {
    let uri = format!("/hello?{}", "x".repeat(200));
    let mut longest = Duration::ZERO;
    for _ in 0..REQUESTS {
        let begin = Instant::now();
        server.get(&uri).expect(200);
        longest = longest.max(begin.elapsed());
    }
    longest
}

fn read_until(fifo: &Path, part: &str) -> String {
    let mut file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(fifo).unwrap();
    let mut text = Vec::new();
    until(part, || {
        let _ = file.read_to_end(&mut text);
        String::from_utf8_lossy(&text).contains(part).then_some(())
    });
    String::from_utf8(text).unwrap()
}

#[test]
fn a_stderr_that_nobody_reads_stops_no_request() {
    let (site, fifo) = into_fifo(Site::probe());
    let server = site.start();
    let longest = ask_many(&server);
    assert!(longest < Duration::from_secs(5), "a request waited {longest:?} for the log");
    until("the count of lost lines", || (lost(&server) > 100).then_some(()));
    let status = server.ctl(&["status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains(" lines lost"), "{status:?}");
    let before = read_until(&fifo, "GET /hello");
    assert!(before.lines().all(|l| !l.contains("GET /hello") || l.starts_with("[pid: ")), "torn lines");
    server.get("/hello?after").expect(200);
    let after = read_until(&fifo, "GET /hello?after");
    assert!(after.contains(" log lines were lost here"), "{after}");
}

#[test]
fn a_full_disk_stops_no_request() {
    let server = Site::probe().option("logto", "/dev/full").start();
    let longest = ask_many(&server);
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    until("the count of lost lines", || (lost(&server) > 100).then_some(()));
}

/// A small file system that fills up and gets room again.
#[test]
fn a_disk_that_gets_room_again_gets_whole_lines_again() {
    if lacks(Need::Mounts) {
        return;
    }
    let site = Site::probe();
    let disk = site.dir.join("disk");
    fs::create_dir(&disk).unwrap();
    let _mounted = SmallDisk::new(&disk);
    let log = disk.join("app.log");
    let filler = disk.join("filler");
    let server = site.option("logto", log.display()).start();
    fs::write(&filler, vec![0; 40 * 1024]).unwrap();
    ask_many(&server);
    until("the count of lost lines", || (lost(&server) > 100).then_some(()));
    fs::remove_file(&filler).unwrap();
    server.get("/hello?after").expect(200);
    let text =
        until("the line after", || fs::read_to_string(&log).ok().filter(|t| t.contains("GET /hello?after")));
    assert!(text.contains(" log lines were lost here"), "{text}");
    let mentions = text.lines().filter(|l| l.contains("GET /hello")).filter(|l| l.ends_with(" on core 0)"));
    assert!(mentions.count() > 10);
    assert!(
        text.lines().filter(|l| l.contains("[pid: ")).all(|l| l.starts_with("[pid: ")),
        "glued lines: {text}"
    );
}
