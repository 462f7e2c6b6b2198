//! Whom an instance becomes, as `lint` and `lint --check-app` need to know it: numbers, and the groups that come with
//! them. It must judge as the master does, and change nothing.

#![forbid(unsafe_code)]

use crate::instance::Instance;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A user with its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Becomes {
    /// Its name, or its number.
    pub(crate) name: String,
    uid: u32,
    /// The own one first.
    gids: Vec<u32>,
}

impl Becomes {
    /// Whom root becomes with this configuration; None: it stays, or who is named is not known here.
    pub(crate) fn of(i: &Instance) -> Option<Becomes> {
        let name = i.immediate.0.as_ref().or(i.uid.as_ref())?;
        let user = User::from_name(name).ok().flatten();
        let uid = user.as_ref().map(|u| u.uid).or_else(|| name.parse().ok().map(Uid::from_raw))?;
        let user = user.or_else(|| User::from_uid(uid).ok().flatten());
        let group = |name: &String| {
            let found = Group::from_name(name).ok().flatten().map(|g| g.gid);
            found.or_else(|| name.parse().ok().map(Gid::from_raw))
        };
        // A number without a name has the group of the same number.
        let own = user.as_ref().map_or(Gid::from_raw(uid.as_raw()), |u| u.gid);
        let gid = i.immediate.1.as_ref().or(i.gid.as_ref()).map_or(Some(own), group)?;
        let listed =
            user.and_then(|u| getgrouplist(&CString::new(u.name).ok()?, gid).ok()).unwrap_or_default();
        let mut gids = vec![gid.as_raw()];
        gids.extend(listed.into_iter().chain(i.add_gid.iter().filter_map(group)).map(Gid::as_raw));
        Some(Becomes { name: name.clone(), uid: uid.as_raw(), gids })
    }

    /// As the launcher takes it: `UID:GID,GID`.
    pub(crate) fn written(&self) -> String {
        let gids: Vec<String> = self.gids.iter().map(u32::to_string).collect();
        format!("{}:{}", self.uid, gids.join(","))
    }

    /// Whether it is root, whom nothing stops.
    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// The first component of a path that it may not pass or, at the end, not use with `bits` (4 read, 2 write, 1 pass). What
    /// cannot be looked at counts as open. The way to a link counts, and the way to where it leads.
    pub(crate) fn stopped_at(&self, path: &Path, bits: u32) -> Option<PathBuf> {
        let stop = |path: &Path| {
            let way = path.ancestors().filter(|p| !p.as_os_str().is_empty()).enumerate();
            way.filter(|(n, p)| !self.may(p, if *n == 0 { bits } else { 1 }))
                .last()
                .map(|(_, p)| p.to_path_buf())
        };
        stop(path).or_else(|| stop(&std::fs::canonicalize(path).ok()?))
    }

    /// What the mode of a file or directory says.
    pub(crate) fn may(&self, path: &Path, bits: u32) -> bool {
        let Ok(meta) = path.metadata() else { return true };
        let shift = match () {
            () if meta.uid() == self.uid => 6,
            () if self.gids.contains(&meta.gid()) => 3,
            () => 0,
        };
        self.is_root() || (meta.mode() >> shift) & bits == bits
    }
}
