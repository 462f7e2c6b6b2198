//! Any bytes as a scoreboard: refused, or readable to its last slot without a fault, and shown in every form.
//!
//! Half of the inputs are laid over a well-made board, so that more than the magic is tried.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::scoreboard::{
    InstanceState, Outcome, Reader, Scoreboard, ThreadState, WorkerState, layout,
};
use uswgi_proto::show::{Snapshot, metrics, readiness, uwsgi};

fuzz_target!(|data: &[u8]| {
    let [kind, high, low, bytes @ ..] = data else { return };
    let file = if kind & 1 == 0 {
        let Ok(fd) = memfd_create(c"fuzz", MFdFlags::MFD_ALLOW_SEALING) else { return };
        let file = File::from(fd);
        // Sizes near those of real boards.
        let size = bytes.len().max(usize::from(*high) * 1024);
        file.set_len(size as u64).expect("a memory file can be sized");
        file
    } else {
        let Ok((_, fd)) = Scoreboard::create(u32::from(kind >> 6), u32::from(kind >> 4 & 3)) else { return };
        File::from(fd)
    };
    let size = file.metadata().map(|m| m.len()).unwrap_or(0);
    let at = if kind & 2 == 0 { 0 } else { u64::from(u16::from_be_bytes([*high, *low])) };
    let room = size.saturating_sub(at) as usize;
    file.write_all_at(&bytes[..bytes.len().min(room)], at).expect("a memory file can be written");
    let _ = fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW));
    let Ok(board) = Reader::open(file.as_fd()) else { return };
    let snapshot = Snapshot::read(1, &board);
    let facts = uwsgi::Facts { apps: vec![uwsgi::AppFacts::default()], ..uwsgi::Facts::default() };
    let _ = uwsgi::text(&uwsgi::document(&snapshot, &facts), kind & 8 == 0);
    let _ = metrics::openmetrics(&snapshot, &facts);
    let _ = readiness(&snapshot);
    let header = board.header();
    InstanceState::from_number(header.state.load(Relaxed));
    Outcome::from_number(header.last_outcome.load(Relaxed));
    let _ = (header.reason.read(), header.version.read());
    for i in 0..=layout::SOCKETS {
        let _ = board.socket(i).map(|s| s.name.read());
    }
    for slot in 0..=board.worker_capacity() {
        let Some(worker) = board.worker(slot) else { continue };
        WorkerState::from_number(worker.state.load(Relaxed));
        let _ = board.totals(slot) + layout::Totals::load(&worker.carried);
        for thread in 0..=board.threads_capacity() {
            if let Some(thread) = board.thread(slot, thread) {
                ThreadState::from_number(thread.state.load(Relaxed));
                let _ = thread.request.read();
            }
        }
    }
});
