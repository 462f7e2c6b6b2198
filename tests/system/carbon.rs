//! Numbers that are sent to carbon, beside the original.

use std::io::Read;
use std::net::TcpListener;
use uswgi_tests::{Server, Site, paths, until};

/// What one connection brings.
fn text(listener: &TcpListener) -> String {
    let mut text = String::new();
    until("carbon to be sent something", || listener.accept().ok()).0.read_to_string(&mut text).unwrap();
    text
}

/// Keys without what differs by its nature, with the values that do not hang on time.
fn lines(text: &str) -> Vec<String> {
    let one = |line: &str| {
        let [key, value, seconds] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        assert!(seconds.parse::<u64>().is_ok_and(|n| n > 1_700_000_000), "{line}");
        let value: u64 = value.parse().unwrap();
        let steady = ["requests", "active_workers", "cheaped_workers", "harakiri"];
        let kept = steady.iter().any(|name| key.ends_with(name)) && !key.contains(".worker");
        if kept { format!("{key} {value}") } else { key.to_string() }
    };
    text.lines().map(one).collect()
}

/// The text after four requests, with these options.
fn after_requests(original: bool, options: &[(&str, &str)]) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let site = Site::new().app("background").http().option("workers", 2).option("master", "true");
    let site = site.option("carbon", listener.local_addr().unwrap()).option("carbon-freq", 1);
    let site = options.iter().fold(site, |site, (key, value)| site.option(key, value));
    let site = if original { site.program(paths::uwsgi()) } else { site.home(&paths::pythons()[0].1) };
    let server = Server::begin(site);
    let address = server.http.clone().unwrap();
    until("it to listen", || address.connect().ok());
    (0..4).for_each(|_| drop(crate::spooler::ask(&server, "1")));
    until("the four requests", || {
        let all = lines(&text(&listener));
        // The other worker may come later than the first of them.
        let there = |what: &str| all.iter().any(|l| l.ends_with(what));
        let settled = there("active_workers 2") || there("cheaped_workers 1");
        (there(".requests 4") && settled).then_some(all)
    })
}

/// Observed on uWSGI 2.0.31: these keys in this order, over a connection for each time.
#[test]
fn carbon_gets_the_lines_of_the_original() {
    let all: [&[(&str, &str)]; 2] = [
        &[("carbon-id", "site"), ("carbon-hostname-dots", "_"), ("carbon-root", "a.b.")],
        &[("carbon-id", "x.y"), ("carbon-no-workers", "true"), ("cheaper", "1"), ("carbon-root", "")],
    ];
    for options in all {
        let ours = after_requests(false, options);
        assert!(ours[0].ends_with(".requests 4"), "{ours:?}");
        if paths::original().is_none() {
            assert_eq!(ours, after_requests(true, options));
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let site = Site::new().app("background").http().home(&paths::pythons()[0].1);
    let server = site.option("carbon", address).start();
    server.wait_log(&format!("carbon {address} has not got the numbers, tries: 1: "));
    assert!(crate::spooler::ask(&server, "1") == "1");
}
