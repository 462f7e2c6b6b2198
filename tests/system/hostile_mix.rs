//! Everybody who means harm at once: half-open heads, heads that trickle, endless chunked bodies, readers that take nothing, resets. The
//! worker's memory stays below the sum that docs/SECURITY.md gives for each of them, and a good client is answered meanwhile.

use super::hostile::{many_descriptors, reset, worker};
use nix::sys::socket::{setsockopt, sockopt};
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uswgi_tests::http::Connection;
use uswgi_tests::process::own_memory;
use uswgi_tests::request::{Address, Stream};
use uswgi_tests::{Request, Site, until};

/// Heads without an end, with 60,000 bytes of them there, or a byte.
const LONG_HEADS: usize = 100;
const HALF_HEADS: usize = 1900;
/// Chunked bodies that go on: they have 60,000 bytes, then a byte now and then.
const BODIES: usize = 100;
/// Clients that read nothing of a file of 100 MiB, or of 900,000 bytes.
const OF_FILES: usize = 200;
const OF_ANSWERS: usize = 100;

/// docs/SECURITY.md, "Memory of a connection", in bytes.
const MOST: usize =
    LONG_HEADS * 71_000 + HALF_HEADS * 4096 + BODIES * 195_297 + OF_FILES * 8192 + OF_ANSWERS * (1 << 20);

fn open(address: &Address, said: &[u8]) -> Box<dyn Stream> {
    let mut stream = address.connect().unwrap();
    stream.write_all(said).unwrap();
    stream
}

/// One who asks and does not read.
fn deaf(address: &Address, target: &str) -> Box<dyn Stream> {
    let stream = address.connect().unwrap();
    let _ = setsockopt(&stream.fd().as_fd(), sockopt::RcvBuf, &4096);
    let mut stream = stream;
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    stream
}

/// The 99th percentile of a good client's requests on a connection that it keeps.
fn p99(address: &Address, requests: usize) -> Duration {
    let mut connection = Connection::open(address).unwrap();
    let mut took: Vec<Duration> = (0..requests)
        .map(|_| {
            let begin = Instant::now();
            connection.ask(&Request::get("/hello")).unwrap().expect(200);
            begin.elapsed()
        })
        .collect();
    took.sort();
    took[requests * 99 / 100]
}

#[test]
fn everybody_at_once_costs_the_stated_memory_and_no_good_client() {
    many_descriptors();
    let site = Site::probe().option("disable-logging", "true").option("max-fd", 15_000);
    let file = fs::File::create(site.dir.join("hold/large")).unwrap();
    file.set_len(100 << 20).unwrap();
    let server = site.option("threads", 2).option("limit-post", 1 << 20).option("http-keepalive", 60).start();
    let address = server.http.clone().unwrap();
    let pid = worker(&server);
    let usual = p99(&address, 1000);
    let before = own_memory(pid);
    let long = format!("GET /hello HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(60_000));
    let chunk = format!(
        "POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nea60\r\n{}",
        "x".repeat(60_000)
    );
    let mut trickle: Vec<_> = (0..LONG_HEADS).map(|_| open(&address, long.as_bytes())).collect();
    trickle.extend((0..HALF_HEADS).map(|_| open(&address, b"G")));
    let mut bodies: Vec<_> = (0..BODIES).map(|_| open(&address, chunk.as_bytes())).collect();
    let files: Vec<_> = (0..OF_FILES).map(|_| deaf(&address, "/file?name=large")).collect();
    let answers: Vec<_> = (0..OF_ANSWERS).map(|_| deaf(&address, "/burst?n=1&times=112500")).collect();
    let (stop, resets) = (AtomicBool::new(false), AtomicU64::new(0));
    let (meanwhile, most) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let stream = open(&address, b"GET /hello HTTP/1.1\r\nHost:");
                reset(&*stream);
                resets.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            let letters = [b"X".as_slice(), b"-", b"A", b"x"];
            for letter in letters.iter().cycle() {
                for stream in trickle.iter_mut().skip(LONG_HEADS).step_by(4) {
                    let _ = stream.write_all(letter);
                }
                for stream in &mut bodies {
                    let _ = stream.write_all(b"\r\n1\r\nx");
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        until("resets", || (resets.load(Ordering::Relaxed) > 50).then_some(()));
        let meanwhile = p99(&address, 2000);
        let most = own_memory(pid);
        stop.store(true, Ordering::Relaxed);
        (meanwhile, most)
    });
    let grown = (most - before) * 1024;
    let (resets, clients) =
        (resets.load(Ordering::Relaxed), LONG_HEADS + HALF_HEADS + BODIES + OF_FILES + OF_ANSWERS);
    println!(
        "{clients} clients and {resets} resets: {grown} bytes more, {MOST} may be; p99 {usual:?}, meanwhile {meanwhile:?}"
    );
    assert!(grown <= MOST as i64, "{grown} bytes, {MOST} may be");
    // The processors are shared with those who mean harm, and with other tests.
    assert!(meanwhile < Duration::from_millis(500), "{meanwhile:?} instead of {usual:?}");
    assert_eq!(worker(&server), pid, "the same worker serves on");
    drop((trickle, bodies, files, answers));
    let descriptors = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    until("the end of all of them", || (descriptors() < 60).then_some(()));
    server.get("/hello").expect(200);
}
