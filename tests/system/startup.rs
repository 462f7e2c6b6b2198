//! What a start locks, waits for and sets, and what is started when it fails; with the original where it answers.

use std::fs;
use std::process::Command;
use std::time::Duration;
use uswgi_tests::request::Address;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Server, Site, paths, process, until};

/// Whether the original starts with these options and a free port: its exit code, and what it said.
fn theirs(options: &[&str], dir: &TempDir) -> (Option<i32>, String) {
    let mut command = process::command(paths::uwsgi());
    command
        .args(["--http-socket", "127.0.0.1:0", "--master", "--die-on-term"])
        .args(options)
        .current_dir(dir.path());
    let out = process::run(command, PATIENCE);
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

#[test]
fn a_locked_file_keeps_a_second_instance_from_starting() {
    for option in ["flock", "flock2"] {
        let dir = TempDir::new();
        let lock = dir.join("instance.lock");
        let path = lock.display().to_string();
        fs::write(&lock, "").unwrap();
        let server = Site::probe().option(option, &path).start();
        let failure = Site::probe().option(option, &path).refused();
        assert!(failure.text.contains("is locked by another instance"), "{option}: {failure:?}");
        // The original sees our lock, and ends by the same code.
        let (code, text) = theirs(&[&format!("--{option}"), &path], &dir);
        assert_eq!((code, failure.code), (Some(1), Some(1)), "{text}");
        assert!(text.contains("is locked by another instance"), "{text}");
        // It is held over a reload, and free with the end.
        server.reload();
        drop(server);
        Site::probe().option(option, &path).start();
    }
    let failure = Site::probe().option("flock", "/no/such/file").refused();
    assert!(failure.text.contains("flock = /no/such/file: No such file"), "{failure:?}");
}

#[test]
fn a_start_waits_for_what_it_needs() {
    let site = Site::probe();
    let (file, folder) = (site.dir.join("ready"), site.dir.join("data"));
    let site = site
        .option("wait-for-interface", "lo")
        .option("wait-for-mountpoint", "/")
        .option("wait-for-dir", folder.display())
        .option("wait-for-file", file.display());
    let server = Server::begin(site);
    server.wait_log("running wait-for-dir");
    fs::create_dir(&folder).unwrap();
    server.wait_log("running wait-for-file");
    assert!(!server.log().contains("is ready"), "{}", server.log());
    fs::write(&file, "").unwrap();
    server.ready().get("/hello").expect(200);

    // In vain: both end by 1.
    let missing = ["wait-for-socket", "wait-for-socket-timeout"];
    let failure = Site::probe().option(missing[0], "/no/such/socket").option(missing[1], 1).refused();
    assert!(failure.text.contains("/no/such/socket was not there after 1 s"), "{failure:?}");
    let dir = TempDir::new();
    let (code, text) =
        theirs(&["--wait-for-socket", "/no/such/socket", "--wait-for-socket-timeout", "1"], &dir);
    assert_eq!((code, failure.code), (Some(1), Some(1)), "{text}");
}

#[test]
fn what_cannot_start_is_followed_by_its_fallback() {
    // The good configuration is one of ours, to be started by the bad one.
    let good = Site::probe();
    let address = Address::Port(good.http_port());
    fs::write(good.ini(), good.text()).unwrap();
    let fallback = good.ini();
    let bad = Site::probe();
    let text = format!(
        "[uwsgi]\nfallback-config = {}\nhttp-socket = 127.0.0.1:0\nworkers = abc\n",
        fallback.display()
    );
    let ini = bad.dir.join("bad.ini");
    fs::write(&ini, text).unwrap();
    let mut command = Command::new(paths::command("uswgi-master"));
    command.arg("--ini").arg(&ini);
    let log = bad.dir.join("fallback.log");
    let mut started = process::Process::start(command, &log);
    until("the fallback to serve", || {
        uswgi_tests::http::ask(&address, &uswgi_tests::Request::get("/hello")).ok()
    });
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("fallback-config: starting with"), "{said}");
    started.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(started.wait().code(), Some(0));

    // One whose fallback is itself ends.
    let text = format!("[uwsgi]\nfallback-config = {}\nworkers = abc\n", ini.display());
    fs::write(&ini, text).unwrap();
    let mut command = process::command(paths::command("uswgi-master"));
    command.arg(&ini);
    let out = process::run(command, Duration::from_secs(20));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && said.contains("has just failed"), "{said}");
}

#[test]
fn priority_and_kernel_options_are_in_force() {
    let server = Site::probe()
        .http()
        .option("prio", 5)
        .option("freebind", "true")
        .option("tcp-fast-open", 16)
        .option("socket-sndbuf", 40_000)
        .option("socket-rcvbuf", 50_000)
        .option("no-initgroups", "true")
        .start();
    for pid in [server.pid(), server.worker_pids()[0]] {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        assert_eq!(fields[16], "5", "nice of {pid}: {stat}");
    }
    server.get("/hello").expect(200);
    assert!(!server.log().contains("warning"), "{}", server.log());
    let plain = Site::probe().http().start();
    let (tuned, usual) = (listener_of(&server), listener_of(&plain));
    // The kernel doubles what is asked for (socket(7)).
    assert_eq!((tuned.send, tuned.receive, tuned.fast_open), (80_000, 100_000, 16));
    assert!(usual.send != tuned.send && usual.receive != tuned.receive && usual.fast_open == 0);
    // An address that no interface has (RFC 5737).
    let foreign = |site: Site| site.option("socket", format!("192.0.2.1:{}", paths::free_port()));
    foreign(Site::probe().option("freebind", "true")).start().get("/hello").expect(200);
    let failure = foreign(Site::probe()).refused();
    assert!(failure.text.contains("192.0.2.1"), "{failure:?}");
    let failure = Site::probe().option("prio", "40").refused();
    assert!(failure.text.contains("-20"), "{failure:?}");
}

/// What the kernel keeps of a listening socket.
struct Kernel {
    send: usize,
    receive: usize,
    fast_open: i32,
}

/// Ask it of a worker's HTTP socket: by its inode in /proc/net/tcp, through a copy of the descriptor (pidfd_getfd(2)).
fn listener_of(server: &Server) -> Kernel {
    let pid = server.worker_pids()[0];
    let local = format!("0100007F:{:04X}", server.http_port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let row = table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|f| f.get(1) == Some(&local.as_str()) && f[3] == "0A").unwrap();
    let wanted = format!("socket:[{}]", row[9]);
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|e| e.unwrap().path());
    let fd = fds.into_iter().find(|p| fs::read_link(p).is_ok_and(|l| l.to_str() == Some(&wanted))).unwrap();
    let number = fd.file_name().unwrap().to_str().unwrap();
    let script = format!(
        "import ctypes, os, socket\n\
         pidfd = os.pidfd_open({pid})\n\
         fd = ctypes.CDLL(None, use_errno=True).syscall(438, pidfd, {number}, 0)\n\
         assert fd >= 0, os.strerror(ctypes.get_errno())\n\
         s = socket.socket(fileno=fd)\n\
         print(*(s.getsockopt(*o) for o in ((socket.SOL_SOCKET, socket.SO_SNDBUF), (socket.SOL_SOCKET, socket.SO_RCVBUF), (socket.IPPROTO_TCP, 23))))\n"
    );
    let mut command = process::command(paths::pythons()[0].1.join("bin/python"));
    command.arg("-c").arg(script);
    let out = process::run(command, Duration::from_secs(20));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let numbers: Vec<usize> = said.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 3, "{said} {}", String::from_utf8_lossy(&out.stderr));
    Kernel { send: numbers[0], receive: numbers[1], fast_open: numbers[2] as i32 }
}
