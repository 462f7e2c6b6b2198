//! Sockets that a service manager holds for the instance (`LISTEN_FDS`, sd_listen_fds(3)): taken without an option, as
//! uWSGI takes them, or in the place of the option that names the same address. The master owns the descriptors.

#![forbid(unsafe_code)]

use crate::instance::{Address, Origin, Socket};
use nix::sys::socket::{SockaddrStorage, getsockname};
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::OnceLock;
use uswgi_proto::settings::Protocol;

/// A socket and its descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    fd: RawFd,
    address: Address,
    /// For logs.
    name: String,
}

/// What this process was given. It is asked once: a process that reads the configuration again has closed them.
pub(crate) fn held(env: &[(OsString, OsString)]) -> &'static [Held] {
    static HELD: OnceLock<Vec<Held>> = OnceLock::new();
    HELD.get_or_init(|| {
        let number = |name: &str| {
            let value = env.iter().find(|(k, _)| k == name).and_then(|(_, v)| v.to_str());
            value.and_then(|v| v.trim().parse::<u32>().ok())
        };
        let ours = number("LISTEN_PID") == Some(std::process::id());
        let count = number("LISTEN_FDS").filter(|n| ours && *n <= 128).unwrap_or(0);
        (3..).zip(0..count).filter_map(|(fd, _)| named(fd)).collect()
    })
}

/// The address of a descriptor; None: it is no socket that can be listened on.
fn named(fd: RawFd) -> Option<Held> {
    let address: SockaddrStorage = getsockname(fd).ok()?;
    let name = if address.as_unix_addr().is_some() { String::new() } else { address.to_string() };
    let address = if let Some(unix) = address.as_unix_addr() {
        match unix.path() {
            Some(path) => Address::Unix(path.to_path_buf()),
            None => Address::Abstract(String::from_utf8_lossy(unix.as_abstract()?).into_owned()),
        }
    } else {
        let ip: std::net::SocketAddr = name.parse().ok()?;
        Address::Tcp { host: ip.ip().to_string(), port: ip.port() }
    };
    let name = match &address {
        Address::Unix(path) => path.display().to_string(),
        Address::Abstract(name) => format!("@{name}"),
        _ => name,
    };
    Some(Held { fd, address, name })
}

/// Whether an option names this address. Every IPv4 address has several names.
fn same(asked: &Address, held: &Address) -> bool {
    let any = |host: &str| if host.is_empty() { "0.0.0.0".to_string() } else { host.to_string() };
    match (asked, held) {
        (Address::Tcp { host, port }, Address::Tcp { host: h, port: p }) => {
            port == p && (any(host) == *h || (host == "localhost" && h == "127.0.0.1"))
        }
        (Address::Unix(asked), Address::Unix(held)) => {
            std::path::absolute(asked).unwrap_or_else(|_| PathBuf::from(asked)) == *held
        }
        (asked, held) => asked == held,
    }
}

/// Put what is held into the list: in the place of the socket that names it, else behind the others.
pub(crate) fn take(sockets: &mut Vec<Socket>, held: &[Held], protocol: Protocol) {
    for h in held {
        if let Some(s) = sockets.iter_mut().find(|s| same(&s.address, &h.address)) {
            s.address = Address::Fd(h.fd);
        } else if !sockets.iter().any(|s| s.address == Address::Fd(h.fd)) {
            let (name, address) = (h.name.clone(), Address::Fd(h.fd));
            sockets.push(Socket {
                name,
                address,
                protocol,
                early: false,
                workers: Vec::new(),
                proxied: false,
                front: uswgi_front::plan::FrontSpec::None,
                origin: Origin::default(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    fn socket(address: Address) -> Socket {
        Socket {
            name: "x".into(),
            address,
            protocol: Protocol::Http,
            early: false,
            workers: Vec::new(),
            proxied: false,
            front: uswgi_front::plan::FrontSpec::None,
            origin: Origin::default(),
        }
    }

    #[test]
    fn what_is_named_is_taken_in_its_place_and_the_rest_behind() {
        let held = |fd, address| Held { fd, address, name: "held".into() };
        let given =
            [held(3, Address::Unix("/run/a".into())), held(4, tcp("0.0.0.0", 80)), held(5, tcp("::1", 81))];
        let mut sockets = vec![
            socket(tcp("", 80)),
            socket(Address::Unix("/run/b".into())),
            socket(Address::Unix("/run/a".into())),
        ];
        take(&mut sockets, &given, Protocol::Uwsgi);
        let got: Vec<_> = sockets.iter().map(|s| (s.address.clone(), s.protocol)).collect();
        assert_eq!(
            got,
            [
                (Address::Fd(4), Protocol::Http),
                (Address::Unix("/run/b".into()), Protocol::Http),
                (Address::Fd(3), Protocol::Http),
                (Address::Fd(5), Protocol::Uwsgi),
            ]
        );
        take(&mut sockets, &given, Protocol::Uwsgi);
        assert_eq!(sockets.len(), 4, "fd://N names it too");
    }

    #[test]
    fn sockets_for_another_process_are_left_alone() {
        let env = [("LISTEN_PID", "1"), ("LISTEN_FDS", "1")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(held(&env), []);
    }
}
