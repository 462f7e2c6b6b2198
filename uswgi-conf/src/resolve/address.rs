//! Socket names: `host:port`, `:port`, `[v6]:port`, a path, `@abstract`, `fd://N`. Pure; it binds and
//! looks up nothing.

use crate::instance::Address;

/// A name that is no address: what is wrong, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub struct BadAddress {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// uWSGI takes it, and it means what it says there.
    pub unsupported: bool,
    /// Bytes to drop in front to repair it.
    pub drop: Option<usize>,
}

/// Longest path of a unix socket in bytes (sun_path without its NUL).
const MAX_PATH: usize = 107;

fn bad<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, BadAddress> {
    Err(BadAddress { message: message.into(), help: help.into(), unsupported: false, drop: None })
}

fn unsupported<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, BadAddress> {
    Err(BadAddress { message: message.into(), help: help.into(), unsupported: true, drop: None })
}

/// `=N` without its shared socket.
pub(super) fn no_shared_socket() -> BadAddress {
    BadAddress {
        message: "refers to a shared-socket that is not there".into(),
        help: "write shared-socket = ADDRESS above it; the first one is =0".into(),
        unsupported: false,
        drop: None,
    }
}

/// Read a socket's name. The second value is a warning.
pub fn parse(name: &str) -> Result<(Address, Option<String>), BadAddress> {
    if name.is_empty() {
        return bad("is empty", "write host:port or the path of a unix socket");
    }
    if let Some(n) = name.strip_prefix("fd://") {
        return match n.parse::<i32>() {
            Ok(n) if n >= 0 => Ok((Address::Fd(n), None)),
            _ => bad("names no descriptor", "write fd://N with a number"),
        };
    }
    if let Some(path) = name.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Err(BadAddress {
            message: "is no unix socket: `unix:` is read as the name of a host (uWSGI then listens on an address that nobody can reach)".into(),
            help: format!("write {path}"),
            unsupported: false,
            drop: Some(name.len() - path.len()),
        });
    }
    if let Some((scheme, rest)) = name.split_once("://") {
        return bad(
            format!("begins with {scheme}://, which is no address"),
            format!("write {}", rest.trim_end_matches('/')),
        );
    }
    if let Some(name) = name.strip_prefix('@').or_else(|| name.strip_prefix("\\0")) {
        return Ok((Address::Abstract(name.into()), None));
    }
    if name.starts_with('=') {
        return unsupported("refers to a shared-socket, which has no place here", "write the address itself");
    }
    let Some((host, port)) = name.rsplit_once(':') else {
        if name.len() > MAX_PATH {
            return bad(format!("is longer than {MAX_PATH} bytes"), "use a shorter path");
        }
        let warning = name
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| format!("{name} is read as the path of a unix socket; write :{name} for the port"));
        return Ok((Address::Unix(name.into()), warning));
    };
    let (port, warning) = port_number(name, port)?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6,
        None if host.contains(',') => {
            return bad("holds more than one address", "write one line for each address");
        }
        None if host.contains(':') => {
            return bad("holds more than one colon", "write an IPv6 address as [address]:port");
        }
        None if host.contains('*') => {
            return unsupported(
                "has a pattern as its host",
                "write the address itself, or :port for all addresses",
            );
        }
        None if host.contains('/') => {
            return bad("has a path as its host", "paths of unix sockets hold no colon");
        }
        None => host,
    };
    Ok((Address::Tcp { host: host.into(), port }, warning))
}

fn port_number(name: &str, text: &str) -> Result<(u16, Option<String>), BadAddress> {
    if text.is_empty() {
        return Ok((0, None));
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at(digits);
    match number.parse::<u16>() {
        Ok(port) if rest.is_empty() => Ok((port, None)),
        Ok(port) if rest.starts_with([' ', '\t', ';', '#']) => Ok((
            port,
            Some(format!(
                "only port {port} counts: the rest of the value is ignored; comments stand on lines of their own"
            )),
        )),
        _ if name.starts_with(['/', '.']) => {
            bad("has a colon in it and is no path of a unix socket to uWSGI", "use a path without a colon")
        }
        _ => bad(format!("has no port number: {text:?}"), "write host:port with a port from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(name: &str) -> Address {
        parse(name).unwrap().0
    }

    #[test]
    fn every_form_of_an_address() {
        let tcp = |host: &str, port| Address::Tcp { host: host.into(), port };
        assert_eq!(ok("127.0.0.1:8001"), tcp("127.0.0.1", 8001));
        assert_eq!(ok(":8001"), tcp("", 8001));
        assert_eq!(ok("[::1]:80"), tcp("::1", 80));
        assert_eq!(ok("localhost:0"), tcp("localhost", 0));
        assert_eq!(ok("localhost:"), tcp("localhost", 0));
        assert_eq!(ok("/run/a.sock"), Address::Unix("/run/a.sock".into()));
        assert_eq!(ok("a.sock"), Address::Unix("a.sock".into()));
        assert_eq!(ok("@name"), Address::Abstract("name".into()));
        assert_eq!(ok("fd://3"), Address::Fd(3));
    }

    #[test]
    fn nonsense_is_refused_with_a_way_out() {
        for (name, help) in [
            ("unix:/run/a.sock", "write /run/a.sock"),
            ("unix:///run/a.sock", "write /run/a.sock"),
            ("http://:80/", "write :80"),
            ("127.0.0.1:http", "port"),
            ("127.0.0.1:70000", "port"),
            (":1,:2", "one line for each"),
            ("::1:80", "[address]:port"),
            ("127*:80", "the address itself"),
            ("/a:b", "without a colon"),
            ("=0", "itself"),
            ("", "host:port"),
            ("fd://x", "number"),
        ] {
            let e = parse(name).unwrap_err();
            assert!(e.help.contains(help), "{name}: {e:?}");
        }
        assert!(parse(&"x".repeat(108)).is_err());
    }

    #[test]
    fn doubtful_ones_carry_a_warning() {
        assert!(parse("8000").unwrap().1.unwrap().contains(":8000"));
        assert!(parse(":8000 ; main").unwrap().1.unwrap().contains("8000"));
        assert_eq!(parse(":8000").unwrap().1, None);
    }
}
