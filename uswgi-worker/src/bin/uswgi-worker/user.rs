//! Another user, for a check as root of what will run without its rights.

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use std::ffi::OsStr;

/// A user and its groups, the own one first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct User {
    uid: Uid,
    gids: Vec<Gid>,
}

impl User {
    /// `UID:GID,GID`.
    pub(crate) fn read(text: &OsStr) -> Option<User> {
        let (uid, gids) = text.to_str()?.split_once(':')?;
        let gids: Option<Vec<Gid>> = gids.split(',').map(|g| g.parse().ok().map(Gid::from_raw)).collect();
        Some(User { uid: Uid::from_raw(uid.parse().ok()?), gids: gids? })
    }

    /// Once and for good; nothing of root is left.
    pub(crate) fn become_it(&self) -> nix::Result<()> {
        setgroups(&self.gids)?;
        setgid(self.gids[0])?;
        setuid(self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_with_its_groups() {
        let read = |text: &str| User::read(OsStr::new(text));
        let gids = [33, 4].map(Gid::from_raw).to_vec();
        assert_eq!(read("33:33,4"), Some(User { uid: Uid::from_raw(33), gids }));
        for wrong in ["33", "33:", "a:1", "1:a", ":", "-1:1", "1:1,"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
