//! Tasks from the network: a uwsgi packet with modifier1 17 is a task, and is written into a spool folder.
//!
//! Who may is decided here (`spooler-allow-ips`). The answer is that of uWSGI 2.0.31: four bytes, the last one 1 when the
//! task is accepted. It must never answer so before the task is a file, and never read beyond the packet.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use uswgi_proto::background::BesideRequests;
use uswgi_proto::packet::{HEADER_LEN, header};
use uswgi_proto::trust::Trust;
use uswgi_spool::task::BODY;
use uswgi_spool::{SpoolTask, Writers};

/// Where tasks from the network go.
pub(crate) struct SpoolDoor {
    writers: Writers,
    allowed: Trust,
}

impl SpoolDoor {
    /// None: there is no spool folder.
    pub(crate) fn new(background: &BesideRequests) -> Option<SpoolDoor> {
        let rules = &background.spool;
        let folders = background.folders.iter().map(|f| f.path.as_path());
        let allowed = Trust::parse(&rules.allow).ok()?;
        (!background.folders.is_empty())
            .then(|| SpoolDoor { writers: Writers::new(folders, rules.fsync), allowed })
    }

    /// Take the packet at the start of these bytes, which `peer` has sent (None: through a unix socket). The error says why not.
    pub(crate) fn accept(&self, peer: Option<IpAddr>, bytes: &[u8]) -> Result<(), String> {
        if !self.allowed.allows(peer) {
            return Err("it may not (spooler-allow-ips)".into());
        }
        let end = header(bytes).map_or(0, |h| HEADER_LEN + usize::from(h.size));
        self.take(bytes.get(..end).unwrap_or_default())
    }

    /// Write the task that these bytes are.
    fn take(&self, packet: &[u8]) -> Result<(), String> {
        let mut task = SpoolTask::decode(packet).map_err(|e| e.to_string())?;
        if let Some(at) = task.pairs.iter().rposition(|(key, _)| key == BODY) {
            task.body = task.pairs.remove(at).1;
        }
        self.writers.spool(&task).map(drop).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::background::SpoolFolder;

    fn files(root: &std::path::Path) -> Vec<Vec<u8>> {
        std::fs::read_dir(root).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn a_packet_is_a_task_and_nothing_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let folders = vec![SpoolFolder { path: dir.path().into(), external: false }];
        let background = BesideRequests { folders, ..BesideRequests::default() };
        let door = SpoolDoor::new(&background).unwrap();
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let packet =
            SpoolTask { pairs: pairs(&[("k", "v"), ("body", "b")]), body: Vec::new() }.encode().unwrap();
        door.take(&packet).unwrap();
        let found = SpoolTask::decode(&files(dir.path())[0]).unwrap();
        assert_eq!(found, SpoolTask { pairs: pairs(&[("k", "v")]), body: b"b".to_vec() });
        assert!(door.take(&packet[..packet.len() - 1]).is_err(), "half of one");
        assert!(door.take(b"\x11\x03\x00\x00\x01\x00k").is_err(), "a key without a value");
        assert_eq!(files(dir.path()).len(), 1);
        assert!(!door.allowed.allows(Some("10.0.0.1".parse().unwrap())) && door.allowed.allows(None));
        assert!(SpoolDoor::new(&BesideRequests::default()).is_none());
    }
}
