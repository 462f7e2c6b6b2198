//! Tasks from the network (modifier1 17): the answers and the files of uWSGI 2.0.31, and who may.

use crate::spooler::{lines, task_files};
use std::fs;
use std::path::Path;
use uswgi_tests::packet::{raw, with_header};
use uswgi_tests::request::Address;
use uswgi_tests::{Server, Site, paths, until};

fn block(items: &[&[u8]]) -> Vec<u8> {
    items.iter().flat_map(|i| [&(i.len() as u16).to_le_bytes()[..], i].concat()).collect()
}

const ACCEPTED: [u8; 4] = [255, 0, 0, 1];
const REFUSED: [u8; 4] = [255, 0, 0, 0];

/// A site with two folders that nobody works on.
fn folders() -> Site {
    let site = Site::new().app("background").unix().option("workers", 1).option("master", "true");
    ["one", "two"].into_iter().fold(site, |site, name| {
        let folder = site.ini().with_file_name(name);
        fs::create_dir(&folder).unwrap();
        site.option("spooler-external", folder.display())
    })
}

fn socket(server: &Server) -> Address {
    server.uwsgi.clone().unwrap()
}

/// What is in the task files of a folder, and of the folder 3 below it.
fn tasks(dir: &Path) -> Vec<String> {
    let all = [dir.to_path_buf(), dir.join("3")];
    let mut found: Vec<String> = all
        .iter()
        .flat_map(|d| task_files(d).into_iter().map(|f| fs::read(d.join(f)).unwrap()))
        .map(|bytes| bytes.escape_ascii().to_string())
        .collect();
    found.sort();
    found
}

/// The same packets bring the same answers and the same files. (Of a `body` uWSGI makes a pair, ours what stands behind
/// them; its function gets the same dict.)
#[test]
fn a_packet_is_a_task_as_on_uwsgi() {
    if paths::original().is_some() {
        return;
    }
    let seen = |original: bool| {
        let site = folders();
        let site = if original { site.program(paths::uwsgi()) } else { site.home(&paths::pythons()[0].1) };
        let server = Server::begin(site);
        let address = socket(&server);
        until("it to listen", || address.connect().ok());
        let two = server.dir.join("two").canonicalize().unwrap();
        let two = two.as_os_str().as_encoded_bytes();
        let packets: [&[&[u8]]; 6] = [
            &[b"k", b"v", b"name", b"\x00\xff"],
            &[b"k", b"2", b"spooler", two],
            &[b"k", b"3", b"spooler", b"/nowhere"],
            &[b"k", b"4", b"priority", b"3"],
            &[b"k", b"5", b"at", b"4000000000"],
            &[],
        ];
        let answers: Vec<Vec<u8>> =
            packets.iter().map(|p| raw(&address, &with_header(17, &block(p))).unwrap()).collect();
        // The name of a folder is another one on each side.
        let own = two.escape_ascii().to_string();
        let files = |name: &str| -> Vec<String> {
            tasks(&server.dir.join(name)).into_iter().map(|t| t.replace(&own, "TWO")).collect()
        };
        let (one, two) = (files("one"), files("two"));
        // The length of the name is in the file too.
        (answers, one, two.into_iter().map(|t| t.split("spooler").next().unwrap()[9..].to_string()).collect())
    };
    let (theirs, ours): ((_, _, Vec<String>), _) = (seen(true), seen(false));
    assert_eq!(theirs, ours);
    let accepted = ours.0.iter().map(|a| *a == ACCEPTED).collect::<Vec<_>>();
    assert_eq!(accepted, [true, true, false, true, true, true]);
    assert_eq!((ours.1.len(), ours.2.len(), ours.0[2].as_slice()), (4, 1, &REFUSED[..]));
}

#[test]
fn it_runs_and_what_is_no_task_is_refused_and_said() {
    let site = Site::new().app("background").home(&paths::pythons()[0].1).unix();
    let folder = site.ini().with_file_name("tasks");
    let server = site.option("spooler", folder.display()).start();
    let ask = |bytes: &[u8]| raw(&socket(&server), bytes).unwrap();
    let packet = with_header(17, &block(&[b"name", b"n", b"show", b"", b"body", b"B"]));
    assert_eq!(ask(&[&packet[..], b"behind it"].concat()), ACCEPTED);
    until("the task", || (lines(server.dir.path(), "task n").len() == 1).then_some(()));
    assert!(lines(server.dir.path(), "env")[0].contains("('body', b'B')"));
    assert_eq!(ask(&with_header(17, &block(&[b"k"]))), REFUSED);
    server.wait_log("a task from a unix socket was not taken: the lengths in it do not fit each other");
    // One that comes slowly is a task all the same.
    let mut slow = socket(&server).connect().unwrap();
    let (head, rest) = packet.split_at(7);
    slow.write_all(head).unwrap();
    assert_eq!(ask(&packet), ACCEPTED);
    slow.write_all(rest).unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, ACCEPTED);
    until("three tasks", || (lines(server.dir.path(), "task n").len() == 3).then_some(()));
}

/// Whoever reaches a TCP socket does not yet write tasks: uWSGI takes them from everybody.
#[test]
fn only_allowed_peers_may() {
    let site = |allow: &str| {
        let site = folders().without("socket").tcp().home(&paths::pythons()[0].1);
        if allow.is_empty() { site } else { site.option("spooler-allow-ips", allow) }.start()
    };
    let packet = with_header(17, &block(&[b"k", b"v"]));
    for (allow, answer) in [("", ACCEPTED), ("unix", REFUSED), ("unix,127.0.0.0/8", ACCEPTED)] {
        let server = site(allow);
        assert_eq!(raw(&socket(&server), &packet).unwrap(), answer, "{allow:?}");
        if answer == REFUSED {
            server.wait_log("a task from 127.0.0.1 was not taken: it may not (spooler-allow-ips)");
        }
        assert_eq!(tasks(&server.dir.join("one")).len(), usize::from(answer == ACCEPTED));
    }
    let without = Site::new().app("background").home(&paths::pythons()[0].1).unix().start();
    let said = raw(&socket(&without), &packet).unwrap();
    assert!(said.starts_with(b"HTTP/1.1 501"), "{}", said.escape_ascii());
}
