//! What rules ask of the system, whoever has the variables.

use crate::asker::Asker;
use crate::engine::Engine;
use crate::response::AppHead;
use crate::static_files::FileAnswer;
use crate::{sys, title};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use uswgi_proto::app_signals::SignalMessage;
use uswgi_proto::control::{MOST_ALARM_BYTES, ToMaster};
use uswgi_proto::routing::{Draw, PathIs};

/// Longest name that can be an alarm's.
const ALARM_NAME: usize = 1024;

/// A path of bytes.
pub(super) fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Whether a path is something.
pub(super) fn look(at: &[u8], is: PathIs) -> bool {
    let at = path(at);
    let meta = || at.metadata().ok();
    match is {
        PathIs::There => meta().is_some(),
        PathIs::File => meta().is_some_and(|m| m.is_file()),
        PathIs::Directory => meta().is_some_and(|m| m.is_dir()),
        PathIs::Link => at.symlink_metadata().is_ok_and(|m| m.is_symlink()),
        PathIs::Executable => meta().is_some_and(|m| m.permissions().mode() & 0o111 != 0),
    }
}

/// When a file was changed last.
pub(super) fn changed(at: &[u8]) -> Option<i64> {
    path(at).metadata().ok().map(|meta| meta.mtime())
}

/// The type of a file of this name.
pub(super) fn kind<'a>(engine: &'a Engine, at: &[u8]) -> &'a str {
    engine.files.as_ref().map_or("", |files| files.kind(at))
}

/// `${uwsgi[key]}`.
pub(super) fn fact(engine: &Engine, key: &[u8]) -> Vec<u8> {
    match key {
        b"wid" => engine.settings.worker_id.to_string().into_bytes(),
        b"pid" => sys::pid().to_string().into_bytes(),
        b"uuid" => uuid().unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// A random UUID, as the kernel makes them (random(4)).
fn uuid() -> Option<Vec<u8>> {
    let text = std::fs::read("/proc/sys/kernel/random/uuid").ok()?;
    Some(text.trim_ascii().to_vec())
}

/// Raise a signal of the application.
pub(super) fn signal(engine: &Engine, number: &[u8]) {
    let number = std::str::from_utf8(number).ok().and_then(|n| n.trim().parse().ok());
    if let (Some(number), Some(control)) = (number, &engine.control) {
        control.send(&ToMaster::AppSignal { said: SignalMessage::Raise { number } });
    }
}

/// Raise an alarm.
pub(super) fn alarm(engine: &Engine, name: &[u8], message: &[u8]) {
    let (name, message) =
        (String::from_utf8_lossy(name), &message[..message.len().min(MOST_ALARM_BYTES as usize)]);
    if let Some(control) = &engine.control
        && name.len() <= ALARM_NAME
    {
        control.send(&ToMaster::Alarm { name: name.into(), message: message.to_vec() });
    }
}

/// A number that is another one each time.
pub(super) fn draw(draw: Draw) -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let n = DRAWN.fetch_add(1, Relaxed);
    match draw {
        Draw::InTurn => n,
        Draw::Random => mixed(n ^ sys::realtime_us()),
    }
}

/// A number of which every bit depends on every bit of another one (the end of SplitMix64).
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Longest title.
const TITLE: usize = 1024;

/// Show another title of the process.
pub(super) fn title(text: &[u8]) {
    title::set(&String::from_utf8_lossy(&text[..text.len().min(TITLE)]));
}

/// Run a function of the application.
pub(super) fn call(engine: &Engine, words: &[Vec<u8>]) -> Option<Vec<u8>> {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    engine.functions.get().and_then(|functions| functions(&words))
}

/// A file as `static-map` serves them.
pub(super) fn static_file(
    engine: &Engine,
    asker: &impl Asker,
    at: &[u8],
) -> std::io::Result<Option<FileAnswer>> {
    engine.files.as_ref().map_or(Ok(None), |files| files.at(asker, path(at)))
}

/// A file as it is.
pub(super) fn file(at: &[u8], status: u16, status_text: &[u8], kind: &[u8]) -> Option<FileAnswer> {
    let file = File::open(path(at)).ok()?;
    let meta = file.metadata().ok().filter(|m| m.is_file())?;
    let mut head = AppHead { status, status_text: status_text.into(), ..AppHead::default() };
    head.lines = format!("Content-Length: {}\r\n", meta.len()).into_bytes();
    head.content_length = Some(meta.len());
    head.count = 1;
    if !kind.is_empty() {
        head.lines.extend_from_slice(b"Content-Type: ");
        head.lines.extend_from_slice(kind);
        head.lines.extend_from_slice(b"\r\n");
        head.count += 1;
    }
    Some(FileAnswer { head, file: Some((file.into(), 0, meta.len())) })
}
