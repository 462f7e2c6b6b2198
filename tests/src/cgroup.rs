//! A cgroup with a limit of memory, of version 1 or 2, wherever this machine lets root make one.

use crate::until;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The group; it goes with this value, after its last process.
pub struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// So many bytes for all of its processes. None: this machine allows no such group.
    pub fn new(bytes: u64) -> Option<MemoryGroup> {
        let name = format!("uswgi-t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let roots = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        roots.into_iter().find_map(|(root, limit)| {
            let group = Path::new(root).join(&name);
            fs::create_dir(&group).ok()?;
            let group = MemoryGroup(group);
            let file = group.0.join(limit);
            // Without the controller the folder is there and the file is not: it must not be made.
            (file.exists() && fs::write(file, bytes.to_string()).is_ok()).then_some(group)
        })
    }

    /// From now on this process takes its memory from the group.
    pub fn add(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("a process for the cgroup");
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = fs::remove_dir(&self.0);
        } else {
            until("an empty cgroup", || fs::remove_dir(&self.0).ok());
        }
    }
}
