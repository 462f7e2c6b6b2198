//! Numbers under the names of uWSGI's metrics, sent over UDP and written into files, beside the original.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;
use uswgi_tests::temp::{TempDir, names};
use uswgi_tests::{Server, Site, paths, until};

/// A site that pushes to a socket and into a folder.
fn site(original: bool, there: &UdpSocket, dir: &Path) -> Site {
    let site = Site::new()
        .app("background")
        .http()
        .option("workers", 2)
        .option("threads", 2)
        .option("master", "true");
    let site = site.option("stats-push", format!("socket:{},x", there.local_addr().unwrap()));
    let site = site.option("stats-pusher-default-freq", 1).option("metrics-dir", dir.display());
    let site = site.option("metric", "name=mine,type=gauge,initial_value=5");
    if original { site.program(paths::uwsgi()) } else { site.home(&paths::pythons()[0].1) }
}

fn begin(site: Site) -> Server {
    let server = Server::begin(site);
    let address = server.http.clone().unwrap();
    until("it to listen", || address.connect().ok());
    server
}

/// The datagrams of one time, which the number of the application ends.
fn round(there: &UdpSocket) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        let size = there.recv(&mut buffer).expect("a datagram");
        all.push(String::from_utf8_lossy(&buffer[..size]).into_owned());
        if all.last().is_some_and(|l| l.starts_with("x.mine ")) {
            return all;
        }
    }
}

/// What is steady stays, of the rest the name and the type.
fn shape(all: &[String]) -> Vec<String> {
    let steady =
        ["x.core.", "x.worker.0.requests", "x.worker.2.respawns", "x.socket.", "x.rss_size", "x.mine"];
    let own = ["workers ", "signals ", "overloaded "];
    let one = |line: &String| {
        let kept = steady.iter().any(|s| line.starts_with(s))
            && (!line.starts_with("x.core.") || own.iter().any(|o| line.contains(o)));
        if kept { line.clone() } else { line.rsplit_once(' ').unwrap().0.to_string() }
    };
    all.iter().map(one).collect()
}

/// Observed on uWSGI 2.0.31: these names in this order with these types, a datagram each; a file for each of them. What ours
/// has beyond it: files of 0, files of the application's numbers, and these are restored.
#[test]
fn numbers_are_those_of_the_original() {
    let there = UdpSocket::bind("127.0.0.1:0").unwrap();
    there.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let seen = |original: bool| {
        let keep = TempDir::new();
        let server = begin(site(original, &there, keep.path()));
        (0..4).for_each(|_| drop(crate::spooler::ask(&server, "1")));
        let shape = until("the four requests", || {
            let all = shape(&round(&there));
            let settled = ["x.worker.0.requests 0 4", "x.core.idle_workers 1 2"];
            settled.iter().all(|s| all.iter().any(|l| l == s)).then_some(all)
        });
        let requests = keep.join("worker.0.requests");
        let text = || fs::read_to_string(&requests).ok().map(|t| t.trim_end_matches('\0').to_string());
        until("the file", || text().filter(|t| t == "4\n"));
        until("the last file", || keep.join("mine").exists().then_some(()));
        let mut files = names(keep.path());
        files.retain(|n| !n.starts_with('.'));
        files.sort();
        (server, keep, shape, files)
    };
    let (mut server, keep, ours, files) = seen(false);
    assert_eq!((ours.len(), files.len()), (5 + 9 + 2 * (9 + 14) + 5 + 1 + 2 + 1, ours.len()), "{files:?}");
    crate::spooler::ask(&server, "uwsgi.metric_set('mine', 42)");
    let mine = || fs::read_to_string(keep.join("mine")).ok().filter(|t| t == "42\n");
    until("the application's number", mine);
    server.stop(nix::sys::signal::Signal::SIGTERM);
    let server = begin(site(false, &there, keep.path()).option("metrics-dir-restore", "true"));
    assert_eq!(crate::spooler::ask(&server, "uwsgi.metric_get('mine')"), "42");
    // The four requests of before, the one that set, and this one.
    until("a counter that goes on", || {
        fs::read_to_string(keep.join("worker.0.requests")).ok().filter(|t| t == "6\n")
    });
    drop(server);
    if paths::original().is_none() {
        let (_server, _keep, theirs, their_files) = seen(true);
        assert_eq!((ours, files), (theirs, their_files));
    }
}

#[test]
fn a_folder_that_is_not_there_stops_the_start() {
    let site = Site::new().app("background").http().home(&paths::pythons()[0].1);
    let said = format!("{:?}", site.option("metrics-dir", "/nowhere/m").refused());
    assert!(said.contains("metrics-dir = /nowhere/m: No such file"), "{said}");
}
