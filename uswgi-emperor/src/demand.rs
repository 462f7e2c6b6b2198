//! Sockets of vassals that start when somebody connects: which, and held here while nobody serves them.
//!
//! Observed on uWSGI 2.0.31: with `emperor-on-demand-extension = .socket` the file `a.ini.socket` holds the address; with
//! `emperor-on-demand-directory = DIR` it is `DIR/a.socket`, of mode 666. It must never accept.
#![forbid(unsafe_code)]

use crate::files::Found;
use nix::sys::stat::Mode;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use uswgi_conf::emperor::EmperorSettings;

/// Longest address in bytes.
const LONGEST: u64 = 4096;

/// A socket that listens. Its path, if it has one, is removed by [`Held::remove`] alone.
#[derive(Debug)]
pub struct Held {
    fd: OwnedFd,
    path: Option<PathBuf>,
}

/// The address at which a vassal is waited for; None: it starts at once.
pub fn address(found: &Found, settings: &EmperorSettings) -> Option<String> {
    if let Some(extension) = &settings.on_demand_extension {
        let mut name = found.path.clone().into_os_string();
        name.push(extension);
        let mut text = String::new();
        // What is no plain file is none of ours to wait for.
        let file = fs::metadata(&name).ok().filter(|m| m.is_file()).and_then(|_| File::open(&name).ok())?;
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        return text.lines().next().map(str::trim).filter(|t| !t.is_empty()).map(String::from);
    }
    let directory = settings.on_demand_directory.as_ref()?;
    let stem = Path::new(found.path.file_stem()?).to_str()?;
    Some(directory.join(format!("{stem}.socket")).display().to_string())
}

impl Held {
    /// Listen there. A dead socket is replaced, a live one is not.
    pub fn bind(address: &str, mode: Option<u32>) -> io::Result<Held> {
        if let Some(name) = address.strip_prefix('@') {
            let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
            listener.set_nonblocking(true)?;
            return Ok(Held { fd: listener.into(), path: None });
        }
        if let Some((host, port)) = address.rsplit_once(':') {
            let host = if host.is_empty() { "0.0.0.0" } else { host.trim_matches(['[', ']']) };
            let port: u16 = port.parse().map_err(|_| io::Error::other("the port is no number"))?;
            let listener = TcpListener::bind((host, port))?;
            listener.set_nonblocking(true)?;
            return Ok(Held { fd: listener.into(), path: None });
        }
        let path = std::path::absolute(address)?;
        // What is no socket refuses connections too, and is somebody's file.
        let is_socket = fs::symlink_metadata(&path).is_ok_and(|m| m.file_type().is_socket());
        if is_socket
            && UnixStream::connect(&path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
        {
            let _ = fs::remove_file(&path);
        }
        // Its mode is right from its birth on: the path may lead somewhere else by the time it could be changed.
        let before = nix::sys::stat::umask(Mode::from_bits_truncate(!mode.unwrap_or(0o666) & 0o777));
        let listener = UnixListener::bind(&path);
        nix::sys::stat::umask(before);
        let listener = listener?;
        listener.set_nonblocking(true)?;
        Ok(Held { fd: listener.into(), path: Some(path) })
    }

    /// Nobody listens there any more.
    pub fn remove(self) {
        if let Some(path) = self.path {
            let _ = fs::remove_file(path);
        }
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::found;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_address_stands_beside_the_file_or_follows_from_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = found("a.ini", 1, 1);
        file.path = dir.path().join("a.ini");
        let by_file =
            EmperorSettings { on_demand_extension: Some(".socket".into()), ..EmperorSettings::default() };
        assert_eq!(address(&file, &by_file), None, "it starts at once");
        fs::write(dir.path().join("a.ini.socket"), " /run/a.sock \nmore\n").unwrap();
        assert_eq!(address(&file, &by_file).as_deref(), Some("/run/a.sock"));
        let by_name =
            EmperorSettings { on_demand_directory: Some("/run/od".into()), ..EmperorSettings::default() };
        assert_eq!(address(&file, &by_name).as_deref(), Some("/run/od/a.socket"));
        assert_eq!(address(&file, &EmperorSettings::default()), None);
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s").display().to_string();
        drop(UnixListener::bind(&path).unwrap());
        let held = Held::bind(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        UnixStream::connect(&path).unwrap();
        assert_eq!(Held::bind(&path, None).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        held.remove();
        assert!(!Path::new(&path).exists());
        // A file refuses connections as well, and is no dead socket.
        fs::write(&path, "precious").unwrap();
        assert!(Held::bind(&path, None).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert!(Held::bind("127.0.0.1:0", None).is_ok());
    }
}
