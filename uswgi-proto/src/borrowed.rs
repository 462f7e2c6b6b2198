//! Descriptors of another process, opened by their numbers in `/proc/PID/fd`.
//!
//! The other process may be a stranger's, or a worker whose application is hostile, and who looks at it may be root: opening such a
//! link gives root's rights on whatever stands behind it. So nothing is opened that is not of the kind that is expected: what was looked
//! at is what is opened, however quickly the other process changes its descriptors.
#![forbid(unsafe_code)]

use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

/// What stands behind a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorKind {
    /// Memory with this name, to be read.
    Memory(&'static str),
    /// A pipe without a name, to be written to; nothing waits.
    Pipe,
}

/// Open it. What is of another kind is InvalidInput, and was not opened.
pub fn open(pid: i32, number: u32, kind: DescriptorKind) -> io::Result<File> {
    let theirs = format!("/proc/{pid}/fd/{number}");
    let held = OpenOptions::new().read(true).custom_flags(OFlag::O_PATH.bits()).open(&theirs)?;
    // Ours leads to the same file for ever, and to open it by this name asks for no more than that.
    let ours = format!("/proc/self/fd/{}", held.as_raw_fd());
    let link = fs::read_link(&ours)?.to_string_lossy().into_owned();
    let file_type = held.metadata()?.file_type();
    let fits = match kind {
        DescriptorKind::Memory(name) => {
            file_type.is_file() && link.strip_prefix("/memfd:").is_some_and(|l| l.starts_with(name))
        }
        DescriptorKind::Pipe => file_type.is_fifo() && link.starts_with("pipe:["),
    };
    if !fits {
        let what =
            format!("descriptor {number} of process {pid} is {link}, and no {kind:?}: it is not opened");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut options = OpenOptions::new();
    match kind {
        DescriptorKind::Memory(_) => options.read(true),
        DescriptorKind::Pipe => options.write(true).custom_flags(OFlag::O_NONBLOCK.bits()),
    };
    options.open(ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    fn of(file: &impl AsRawFd, kind: DescriptorKind) -> io::Result<File> {
        open(std::process::id() as i32, file.as_raw_fd() as u32, kind)
    }

    #[test]
    fn what_is_expected_is_opened_and_nothing_else() {
        let (mut reader, writer) = io::pipe().unwrap();
        of(&writer, DescriptorKind::Pipe).unwrap().write_all(b"q").unwrap();
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"q");
        let memory = File::from(memfd_create(c"uswgi-stacks", MFdFlags::MFD_CLOEXEC).unwrap());
        assert!(of(&memory, DescriptorKind::Memory("uswgi-stacks")).is_ok());
        assert!(of(&memory, DescriptorKind::Memory("uswgi-scoreboard")).is_err());
        // A file that the other process may only read, or only see.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "precious").unwrap();
        let seen = OpenOptions::new().read(true).custom_flags(OFlag::O_PATH.bits()).open(&path).unwrap();
        let read = File::open(&path).unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Its other end is open nowhere: who opened it would wait for ever.
        let named = OpenOptions::new().read(true).custom_flags(OFlag::O_PATH.bits()).open(&fifo).unwrap();
        for strange in [&seen, &read, &named] {
            for kind in [DescriptorKind::Pipe, DescriptorKind::Memory("uswgi-stacks")] {
                assert_eq!(of(strange, kind).unwrap_err().kind(), io::ErrorKind::InvalidInput);
            }
        }
    }
}
