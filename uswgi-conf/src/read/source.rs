//! Opening what a configuration names: files, standard input, `fd://`, and, where they are allowed,
//! `exec://` and `http://`. Bounded in size and, for pipes, in time. It knows no syntax.

use crate::jail;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Largest text that is read, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Milliseconds a pipe may stay silent.
const PATIENCE: u16 = 5000;

/// What sources may do beside reading files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// Run the command of `exec://`.
    pub exec: bool,
    /// Fetch from `http://` and look names up.
    pub fetch: bool,
}

/// Why a source gives no text.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not allowed here.
    #[error("{name} is left out: this command {what} only with {option}")]
    NotAllowed {
        /// The source.
        name: String,
        /// "runs commands" or "fetches".
        what: &'static str,
        /// The option that allows it.
        option: &'static str,
    },
    /// The system said no.
    #[error("cannot read {name}: {why}")]
    Io {
        /// The source.
        name: String,
        /// What the system said.
        why: String,
    },
    /// Something else than a text of reasonable size.
    #[error("cannot read {name}: it is {what}")]
    Unfit {
        /// The source.
        name: String,
        /// What it is.
        what: String,
    },
    /// A scheme that only the program uWSGI itself can serve.
    #[error("cannot read {name}: {scheme}:// lies inside the uWSGI program")]
    Scheme {
        /// The source.
        name: String,
        /// Its scheme.
        scheme: String,
    },
}

/// The scheme of a URL, if the name is one.
pub fn scheme(name: &[u8]) -> Option<&[u8]> {
    let at = name.windows(3).position(|w| w == b"://")?;
    (at > 0 && name[..at].iter().all(u8::is_ascii_alphanumeric)).then(|| &name[..at])
}

/// All bytes of a source.
pub fn read(name: &[u8], allow: Allow) -> Result<Vec<u8>, SourceError> {
    let shown = crate::diag::shown(name);
    let io = |e: std::io::Error| SourceError::Io { name: shown.clone(), why: why(&e) };
    let rest = |n: usize| &name[n..];
    match scheme(name) {
        _ if name == b"-" => limited(&mut std::io::stdin().lock(), &shown),
        Some(b"exec") if !allow.exec => {
            Err(SourceError::NotAllowed { name: shown, what: "runs commands", option: "--allow-exec" })
        }
        Some(b"exec") => run(rest(7), &shown),
        Some(b"http") if !allow.fetch => {
            Err(SourceError::NotAllowed { name: shown, what: "fetches", option: "--allow-fetch" })
        }
        Some(b"http") => fetch(rest(7), &shown),
        Some(b"fd") => {
            let digits: Vec<u8> = rest(5).iter().copied().take_while(u8::is_ascii_digit).collect();
            let path = [b"/dev/fd/".as_slice(), &digits].concat();
            patiently(File::open(Path::new(std::ffi::OsStr::from_bytes(&path))).map_err(io)?, &shown)
        }
        Some(s @ (b"data" | b"sym" | b"section" | b"call" | b"callint" | b"emperor")) => {
            Err(SourceError::Scheme { name: shown, scheme: String::from_utf8_lossy(s).into_owned() })
        }
        _ => {
            let file = std::fs::OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC)
                .open(jail::seen(Path::new(std::ffi::OsStr::from_bytes(name))))
                .map_err(io)?;
            patiently(file, &shown)
        }
    }
}

fn why(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => e.to_string(),
    }
}

fn patiently(mut file: File, shown: &str) -> Result<Vec<u8>, SourceError> {
    let io = |e: std::io::Error| SourceError::Io { name: shown.into(), why: why(&e) };
    let unfit = |what: &str| SourceError::Unfit { name: shown.into(), what: what.into() };
    let meta = file.metadata().map_err(io)?;
    if meta.is_dir() {
        return Err(unfit("a directory"));
    }
    if meta.is_file() {
        if meta.len() > MAX_BYTES {
            return Err(too_large(shown));
        }
        return limited(&mut file, shown);
    }
    if meta.file_type().is_block_device() {
        return Err(unfit("a block device"));
    }
    let mut out = Vec::new();
    let mut chunk = [0u8; 65536];
    loop {
        use nix::poll::{PollFd, PollFlags, poll};
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PATIENCE).map_err(|e| io(e.into()))? == 0 {
            return Err(unfit("a pipe that nobody writes to"));
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok(out),
            Ok(n) => out.extend_from_slice(&chunk[..n]),
            Err(e)
                if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted) => {}
            Err(e) => return Err(io(e)),
        }
        if out.len() as u64 > MAX_BYTES {
            return Err(too_large(shown));
        }
    }
}

fn too_large(shown: &str) -> SourceError {
    SourceError::Unfit { name: shown.into(), what: format!("larger than {} MiB", MAX_BYTES >> 20) }
}

fn limited(from: &mut dyn Read, shown: &str) -> Result<Vec<u8>, SourceError> {
    let mut out = Vec::new();
    from.take(MAX_BYTES + 1)
        .read_to_end(&mut out)
        .map_err(|e| SourceError::Io { name: shown.into(), why: why(&e) })?;
    if out.len() as u64 > MAX_BYTES {
        return Err(too_large(shown));
    }
    Ok(out)
}

fn run(command: &[u8], shown: &str) -> Result<Vec<u8>, SourceError> {
    use std::process::{Command, Stdio};
    let io = |e: std::io::Error| SourceError::Io { name: shown.into(), why: why(&e) };
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(std::ffi::OsStr::from_bytes(command))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let text = match child.stdout.take() {
        Some(mut out) => limited(&mut out, shown),
        None => Ok(Vec::new()),
    };
    if text.is_err() {
        // It would wait for ever to write what nobody reads.
        let _ = child.kill();
    }
    child.wait().map_err(io)?;
    text
}

fn fetch(url: &[u8], shown: &str) -> Result<Vec<u8>, SourceError> {
    let wait = Some(Duration::from_secs(10));
    let io = |e: std::io::Error| SourceError::Io { name: shown.into(), why: why(&e) };
    let unfit = |what: String| SourceError::Unfit { name: shown.into(), what };
    let text = std::str::from_utf8(url).map_err(|_| unfit("no URL".into()))?;
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    if text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Err(unfit("no URL".into()));
    }
    let address =
        if host.rsplit(']').next().unwrap_or("").contains(':') { host.into() } else { format!("{host}:80") };
    let mut socket = std::net::TcpStream::connect(&address).map_err(io)?;
    socket.set_read_timeout(wait).and_then(|()| socket.set_write_timeout(wait)).map_err(io)?;
    write!(socket, "GET /{path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: uswgi\r\nConnection: close\r\n\r\n")
        .map_err(io)?;
    let answer = limited(&mut socket, shown)?;
    let end =
        answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(|| unfit("no HTTP answer".into()))?;
    let status = String::from_utf8_lossy(&answer[..end.min(200)]).split(' ').nth(1).unwrap_or("").to_string();
    if !status.starts_with('2') {
        return Err(unfit(format!("answered with status {status}")));
    }
    Ok(answer[end + 4..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_from_paths() {
        assert_eq!(scheme(b"exec://x"), Some(&b"exec"[..]));
        assert_eq!(scheme(b"/a/b://c"), None);
        assert_eq!(scheme(b"://c"), None);
        assert_eq!(scheme(b"a.ini"), None);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for (name, what) in [
            ("/", "a directory"),
            ("/no/such", "no such file"),
            ("data://1", "inside"),
            ("exec://true", "--allow-exec"),
        ] {
            let e = read(name.as_bytes(), Allow::default()).unwrap_err().to_string();
            assert!(e.contains(what), "{e}");
        }
        assert!(read(b"/dev/zero", Allow::default()).unwrap_err().to_string().contains("larger than"));
        assert_eq!(read(b"exec://echo hi", Allow { exec: true, fetch: false }).unwrap(), b"hi\n");
        assert_eq!(read(b"/dev/null", Allow::default()).unwrap(), b"");
    }
}
