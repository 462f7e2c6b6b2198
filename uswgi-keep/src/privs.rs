//! Users, groups, umask: looked up before anything is touched, dropped once and for good.
#![forbid(unsafe_code)]

use crate::names::Names;
use nix::unistd::{self, Gid, Group, Uid, User};
use std::ffi::CString;
use std::io;
use std::path::Path;

/// A user or group that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum PrivsError {
    /// There is no such user or group.
    #[error("{option} = {name}: there is no such {what} on this machine; create it or name another")]
    Unknown {
        /// Option.
        option: &'static str,
        /// Its value.
        name: String,
        /// "user" or "group".
        what: &'static str,
    },
    /// Somebody who is not root wants to be somebody else.
    #[error(
        "{option} = {name}: only root can change to it, and this is user {user}; start as root, or as that user, or remove uid and gid"
    )]
    NotRoot {
        /// Option.
        option: &'static str,
        /// Its value.
        name: String,
        /// Who we are.
        user: Uid,
    },
    /// The system refused.
    #[error("cannot become {who}: {what}: {source}")]
    Refused {
        /// User and group.
        who: String,
        /// Which call.
        what: &'static str,
        /// What the system said.
        source: nix::Error,
    },
}

/// Whom to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalUser {
    /// User; None: stays.
    pub uid: Option<Uid>,
    /// Group; None: stays.
    pub gid: Option<Gid>,
    /// Name of the user, for its supplementary groups and for messages.
    name: Option<String>,
    extra: Vec<Gid>,
    /// Its supplementary groups, where they were looked up already: the lookup is another one in a jail.
    groups: Option<Vec<Gid>>,
}

/// A user by name or number.
pub fn user(option: &'static str, name: &str) -> Result<(Uid, Option<User>), PrivsError> {
    let unknown = || PrivsError::Unknown { option, name: name.into(), what: "user" };
    if let Some(found) = User::from_name(name).ok().flatten() {
        return Ok((found.uid, Some(found)));
    }
    let uid = Uid::from_raw(name.parse().map_err(|_| unknown())?);
    Ok((uid, User::from_uid(uid).ok().flatten()))
}

/// A group by name or number.
pub fn group(option: &'static str, name: &str) -> Result<Gid, PrivsError> {
    if let Some(found) = Group::from_name(name).ok().flatten() {
        return Ok(found.gid);
    }
    name.parse().map(Gid::from_raw).map_err(|_| PrivsError::Unknown {
        option,
        name: name.into(),
        what: "group",
    })
}

/// Give a file to a user and a group, each by name or number.
pub fn chown(path: &Path, user_name: &str, group_name: &str) -> io::Result<()> {
    let uid = user("chown", user_name).map_err(io::Error::other)?.0;
    let gid = group("chown", group_name).map_err(io::Error::other)?;
    Ok(nix::unistd::chown(path, Some(uid), Some(gid))?)
}

/// `user[:group]`, `:group`.
pub fn owner(option: &'static str, text: &str) -> Result<(Option<Uid>, Option<Gid>), PrivsError> {
    let (u, g) = text.split_once(':').unwrap_or((text, ""));
    let uid = if u.is_empty() { None } else { Some(user(option, u)?.0) };
    let gid = if g.is_empty() { None } else { Some(group(option, g)?) };
    Ok((uid, gid))
}

/// Whom a configuration names, by name or number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// `uid`.
    pub uid: Option<&'a str>,
    /// `gid`.
    pub gid: Option<&'a str>,
    /// `add-gid`: groups beside those of the user.
    pub add_gid: &'a [String],
    /// The user's own groups are left out (`no-initgroups`).
    pub alone: bool,
}

/// Look up whom to become. A user without a group gets its own primary group, and a number without a
/// name the group of the same number: never root's. Names of the jail come first, then those of this system.
pub fn target(wanted: &Wanted<'_>, jail: Option<&Names>) -> Result<FinalUser, PrivsError> {
    let mut target = FinalUser { uid: None, gid: None, name: None, extra: Vec::new(), groups: None };
    let group = |option, name: &str| match jail.and_then(|names| names.group(name)) {
        Some(gid) => Ok(gid),
        None => group(option, name),
    };
    let jailed = wanted.uid.and_then(|name| Some((jail?, jail?.user(name)?)));
    if let Some((names, (name, uid, gid))) = jailed {
        target.groups = Some(names.groups_of(&name));
        (target.uid, target.gid, target.name) = (Some(uid), Some(gid), Some(name));
    } else if let Some(name) = wanted.uid {
        let (uid, found) = user("uid", name)?;
        target.uid = Some(uid);
        target.gid = Some(Gid::from_raw(uid.as_raw()));
        if let Some(found) = found {
            target.gid = Some(found.gid);
            target.name = Some(found.name);
        }
    }
    if let Some(name) = wanted.gid {
        target.gid = Some(group("gid", name)?);
    }
    let me = Uid::effective();
    if !me.is_root() {
        let foreign = [
            ("uid", wanted.uid, target.uid.is_some_and(|u| u != me)),
            ("gid", wanted.gid, wanted.gid.is_some() && target.gid.is_some_and(|g| g != Gid::effective())),
        ];
        for (option, value, differs) in foreign {
            if let Some(name) = value.filter(|_| differs) {
                return Err(PrivsError::NotRoot { option, name: name.into(), user: me });
            }
        }
    }
    for name in wanted.add_gid {
        target.extra.push(group("add-gid", name)?);
    }
    if wanted.alone {
        target.groups = Some(Vec::new());
    }
    if let (Some(_), None, Some(name), Some(gid)) = (jail, &target.groups, &target.name, target.gid) {
        let name = CString::new(name.as_str()).unwrap_or_default();
        target.groups = Some(unistd::getgrouplist(&name, gid).map_err(target.refused("getgrouplist"))?);
    }
    Ok(target)
}

impl FinalUser {
    /// Whether there is something to drop. Without root there never is: `target` refused it.
    pub fn drops(&self) -> bool {
        Uid::effective().is_root() && (self.uid.is_some() || self.gid.is_some())
    }

    fn refused(&self, what: &'static str) -> impl Fn(nix::Error) -> PrivsError + use<> {
        let who = format!(
            "uid {} gid {}",
            self.uid.map_or("unchanged".into(), |u| u.to_string()),
            self.gid.map_or("unchanged".into(), |g| g.to_string())
        );
        move |source| PrivsError::Refused { who: who.clone(), what, source }
    }

    fn take_groups(&self, gid: Gid) -> Result<(), PrivsError> {
        match self.name.as_ref().and_then(|n| CString::new(n.as_str()).ok()) {
            Some(_) if let Some(groups) = &self.groups => {
                let mut all = vec![gid];
                all.extend(groups.iter().filter(|g| **g != gid));
                unistd::setgroups(&all).map_err(self.refused("setgroups"))?;
            }
            Some(name) => unistd::initgroups(&name, gid).map_err(self.refused("initgroups"))?,
            None => unistd::setgroups(&[gid]).map_err(self.refused("setgroups"))?,
        }
        if !self.extra.is_empty() {
            let mut all = unistd::getgroups().map_err(self.refused("getgroups"))?;
            all.extend(&self.extra);
            unistd::setgroups(&all).map_err(self.refused("setgroups"))?;
        }
        Ok(())
    }

    /// Do something with the rights of the target, and be root again: what fails then can still be
    /// undone.
    pub fn for_a_moment<T, E: From<PrivsError>>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if !self.drops() {
            return f();
        }
        let (gid, groups) = (Gid::effective(), unistd::getgroups().map_err(self.refused("getgroups"))?);
        let back = || -> Result<(), PrivsError> {
            unistd::seteuid(Uid::from_raw(0)).map_err(self.refused("seteuid"))?;
            unistd::setegid(gid).map_err(self.refused("setegid"))?;
            unistd::setgroups(&groups).map_err(self.refused("setgroups"))
        };
        let target = self.gid.unwrap_or(gid);
        let there = self
            .take_groups(target)
            .and_then(|()| unistd::setegid(target).map_err(self.refused("setegid")))
            .and_then(|()| {
                self.uid.map_or(Ok(()), |uid| unistd::seteuid(uid).map_err(self.refused("seteuid")))
            });
        let result = there.map_err(E::from).and_then(|()| f());
        back()?;
        result
    }

    /// Become it: groups first, as only root may change them.
    pub fn become_it(&self) -> Result<(), PrivsError> {
        if !self.drops() {
            return Ok(());
        }
        let refused = |what| self.refused(what);
        let gid = self.gid.unwrap_or_else(Gid::current);
        self.take_groups(gid)?;
        unistd::setgid(gid).map_err(refused("setgid"))?;
        if let Some(uid) = self.uid {
            unistd::setuid(uid).map_err(refused("setuid"))?;
        }
        // The change of user cleared it; the same user may look at our scoreboard.
        let _ = nix::sys::prctl::set_dumpable(true);
        Ok(())
    }
}

/// Descriptors cannot be limited as wanted.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The limits in force cannot be read.
    #[error(transparent)]
    Unknown(nix::Error),
    /// The system refuses it.
    #[error("max-fd = {wanted}: {source} (the hard limit is {hard})")]
    Refused {
        /// What was to be.
        wanted: u64,
        /// What the system said.
        source: nix::Error,
        /// The hard limit in force.
        hard: u64,
    },
    /// Nothing can be open at a number that others have to know.
    #[error(
        "{most} open files are too few, at least {least} have to be possible (max-fd, ulimit -n, LimitNOFILE=)"
    )]
    TooFew {
        /// The limit in force.
        most: u64,
        /// What is needed.
        least: u64,
    },
}

/// Make room for a descriptor of this number: a soft limit below it is raised, as far as the hard one allows.
pub fn make_room_for(number: std::os::fd::RawFd) -> Result<(), LimitError> {
    use nix::sys::resource::{Resource::RLIMIT_NOFILE, getrlimit, setrlimit};
    let least = number as u64 + 1;
    let (soft, hard) = getrlimit(RLIMIT_NOFILE).map_err(LimitError::Unknown)?;
    match soft {
        enough if enough >= least => Ok(()),
        _ if hard >= least => setrlimit(RLIMIT_NOFILE, least, hard).map_err(LimitError::Unknown),
        most => Err(LimitError::TooFew { most, least }),
    }
}

/// Raise or lower the limit of descriptors of this process and its children. The hard limit where it may not go beyond
/// (root of a container may lack CAP_SYS_RESOURCE, too): that is given back, to be said.
pub fn limit_descriptors(wanted: u64) -> Result<Option<u64>, LimitError> {
    use nix::sys::resource::{Resource::RLIMIT_NOFILE, getrlimit, setrlimit};
    let (_, hard) = getrlimit(RLIMIT_NOFILE).map_err(LimitError::Unknown)?;
    let refused = |source| LimitError::Refused { wanted, source, hard };
    match setrlimit(RLIMIT_NOFILE, wanted, wanted.max(hard)) {
        Ok(()) => Ok(None),
        Err(nix::Error::EPERM) if wanted > hard => {
            setrlimit(RLIMIT_NOFILE, hard, hard).map_err(refused).map(|()| Some(hard))
        }
        Err(source) => Err(refused(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_and_strangers_refused() {
        assert_eq!(
            owner("chown-socket", "root:0").unwrap(),
            (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))
        );
        assert_eq!(owner("chown-socket", "12345").unwrap(), (Some(Uid::from_raw(12345)), None));
        assert_eq!(owner("chown-socket", ":0").unwrap(), (None, Some(Gid::from_raw(0))));
        let error = owner("chown-socket", "no-such-user").unwrap_err().to_string();
        assert!(error.contains("chown-socket = no-such-user"), "{error}");
        assert!(owner("chown-socket", "root:no-such-group").unwrap_err().to_string().contains("group"));
    }
}
