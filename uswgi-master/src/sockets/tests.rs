//! Binding, refusing, replacing, removing.

use super::*;
use std::os::unix::net::{UnixListener, UnixStream};
use uswgi_proto::settings::Protocol;
use uswgi_proto::sock_diag::Queue;

fn socket(address: Address) -> Socket {
    let origin = Origin { source: "u.ini".into(), line: 3, column: 0 };
    Socket {
        name: "NAME".into(),
        address,
        protocol: Protocol::Uwsgi,
        early: false,
        workers: Vec::new(),
        proxied: false,
        front: uswgi_front::plan::FrontSpec::None,
        origin,
    }
}

/// An instance with one uwsgi socket and every default.
pub(crate) fn instance() -> Instance {
    let command = uswgi_conf::load(
        &["--socket", "s", "--module", "m"].map(Into::into),
        std::iter::empty::<(std::ffi::OsString, std::ffi::OsString)>(),
    );
    match command.unwrap() {
        uswgi_conf::Invocation::Run(loaded) => loaded.instance,
        uswgi_conf::Invocation::Print { text, .. } => panic!("{text}"),
    }
}

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), port }
}

#[test]
fn a_port_that_the_system_chose_is_shown_and_connects() {
    for host in ["", "127.0.0.1", "localhost"] {
        let l = bind(&socket(tcp(host, 0)), &instance()).unwrap();
        let port: u16 = l.shown.rsplit(':').next().unwrap().parse().unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(l.queue().map(|q| q.limit), Some(100));
    }
}

#[test]
fn the_queue_of_a_unix_socket_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let l = bind(&socket(Address::Unix(path.clone())), &instance()).unwrap();
    assert_eq!(l.queue(), Some(Queue { waiting: 0, limit: 100 }));
    let waiting: Vec<UnixStream> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(l.queue(), Some(Queue { waiting: 3, limit: 100 }));
    drop(waiting);
}

#[test]
fn a_port_in_use_is_named_with_its_line() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let error = bind(&socket(tcp("127.0.0.1", port)), &instance()).unwrap_err().to_string();
    assert!(error.starts_with("u.ini:3: socket NAME: port ") && error.contains("in use"), "{error}");
}

#[test]
fn a_name_that_is_none_and_a_queue_too_long_are_refused() {
    let error = bind(&socket(tcp("no such host", 1)), &instance()).unwrap_err().to_string();
    assert!(error.contains("cannot be resolved"), "{error}");
    let long = Instance { listen: 1 << 30, ..instance() };
    let error = bind(&socket(tcp("", 0)), &long).unwrap_err().to_string();
    assert!(error.contains("net.core.somaxconn"), "{error}");
    let path = Address::Unix("x".repeat(200).into());
    assert!(bind(&socket(path), &instance()).unwrap_err().to_string().contains("longer than 107"));
}

#[test]
fn a_live_unix_socket_is_refused_and_a_dead_one_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let other = UnixListener::bind(&path).unwrap();
    let wanted = socket(Address::Unix(path.clone()));
    let error = bind(&wanted, &instance()).unwrap_err().to_string();
    assert!(error.contains("another program listens"), "{error}");
    drop(other);
    let dressed = Instance { chmod_socket: Some(0o606), ..instance() };
    let l = bind(&wanted, &dressed).unwrap();
    UnixStream::connect(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o606);
    assert!(l.reachable());
    l.dress(&Instance { chmod_socket: Some(0o660), ..instance() }).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
    let error = l
        .dress(&Instance { chown_socket: Some("no-such-user".into()), ..instance() })
        .unwrap_err()
        .to_string();
    assert!(error.contains("no-such-user") && error.ends_with("; it stays as it was"), "{error}");
    l.vacuum();
    assert!(!path.exists() && !l.reachable());
}

#[test]
fn somebody_elses_socket_at_our_path_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let l = bind(&socket(Address::Unix(path.clone())), &instance()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    l.vacuum();
    assert!(path.exists());
}

#[test]
fn an_owner_that_does_not_exist_leaves_no_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let owned = Instance { chown_socket: Some("no-such-user".into()), ..instance() };
    bind(&socket(Address::Unix(path.clone())), &owned).unwrap_err();
    assert!(!path.exists());
}

#[test]
fn an_abstract_name_leaves_no_file_and_is_exclusive() {
    let name = format!("uswgi-test-{}", std::process::id());
    let wanted = socket(Address::Abstract(name));
    let l = bind(&wanted, &instance()).unwrap();
    assert!(l.made.is_none());
    assert!(bind(&wanted, &instance()).unwrap_err().to_string().contains("in use"));
}

#[test]
fn an_inherited_descriptor_is_taken_and_others_are_refused() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let l = bind(&socket(Address::Fd(other.as_raw_fd())), &instance()).unwrap();
    assert_eq!(l.shown, other.local_addr().unwrap().to_string());
    let file = tempfile::tempfile().unwrap();
    let error = bind(&socket(Address::Fd(file.as_raw_fd())), &instance()).unwrap_err().to_string();
    assert!(error.contains("is no socket"), "{error}");
    let error = bind(&socket(Address::Fd(987)), &instance()).unwrap_err().to_string();
    assert!(error.contains("descriptor 987 is not open"), "{error}");
}
