//! `py-tracebacker`: a socket for each worker that prints where its Python threads stand to whoever connects.
//!
//! A native thread answers, so it does so while every thread of Python is stuck; `uswgi-ctl stack` asks without a socket.

use crate::stacks;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};
use uswgi_proto::settings::WorkerSettings;
use uswgi_serve::{say, sys};

/// What uWSGI begins its text with; scripts may look for it.
const TITLE: &[u8] = b"*** uWSGI Python tracebacker output ***\n\n";

/// How long who asks may take to read.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket of this worker, removed when it ends.
pub(crate) struct Tracebacker {
    path: PathBuf,
    /// Device and inode of what was made: a successor may have put its own there.
    made: (u64, u64),
}

impl Drop for Tracebacker {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.made) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|m| (m.dev(), m.ino()))
}

/// Listen, where the settings want it. What fails is said, and the worker serves.
pub(crate) fn start(settings: &WorkerSettings) -> Option<Tracebacker> {
    let base = settings.python.tracebacker.as_ref()?;
    let mut path = base.clone().into_os_string();
    path.push(settings.worker_id.to_string());
    let path = PathBuf::from(path);
    match listen(&path, settings.python.tracebacker_mode) {
        Ok((listener, made)) => {
            let body = move || {
                sys::block_signals();
                listener.incoming().flatten().for_each(answer);
            };
            let thread = thread::Builder::new().name("uswgi-tracebacker".into()).stack_size(512 * 1024);
            if let Err(e) = thread.spawn(body) {
                say!("py-tracebacker: no thread can be started: {e}");
            }
            Some(Tracebacker { path, made })
        }
        Err(e) => {
            say!("py-tracebacker: cannot listen at {}: {e}", path.display());
            None
        }
    }
}

/// The one of before is replaced, and nothing but a socket. Its name is its own until it listens.
fn listen(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, (u64, u64))> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(io::Error::other("there is another file"));
        }
        Ok(_) => fs::remove_file(path)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let listener = UnixListener::bind(path)?;
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok((listener, identity(path)?))
}

fn answer(mut peer: UnixStream) {
    let _ = peer.set_write_timeout(Some(PATIENCE));
    let text = stacks::current(|_| true);
    let text = text.unwrap_or_else(|| "(no stacks: Python's lock is not to be had)\n".into());
    // Who asks may be gone.
    let _ = peer.write_all(TITLE).and_then(|()| peer.write_all(text.as_bytes()));
}
