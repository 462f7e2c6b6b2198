//! What the configuration language may ask the system: host name, users, CPUs, directory. Read only.

#![forbid(unsafe_code)]

use std::os::unix::ffi::OsStringExt;

/// The host's name.
pub(crate) fn hostname() -> Vec<u8> {
    nix::unistd::gethostname().map(OsStringExt::into_vec).unwrap_or_default()
}

/// CPUs that this process may use: affinity mask and cgroup quota count.
pub(crate) fn cpus() -> usize {
    if let Some(cpus) = crate::jail::cpus() {
        return cpus;
    }
    crate::cpus::usable(crate::cpus::mask(), std::path::Path::new("/"))
}

/// The directory of the start: the current one, unless the process went into a jail meanwhile.
pub(crate) fn cwd() -> Vec<u8> {
    if let Some(start) = crate::jail::start() {
        return start.as_os_str().as_encoded_bytes().to_vec();
    }
    std::env::current_dir().map(|d| d.into_os_string().into_vec()).unwrap_or_default()
}

/// Name of the user, or its number.
pub(crate) fn user_name() -> String {
    let uid = nix::unistd::getuid();
    nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |u| u.name)
}

/// Name of the group, or its number.
pub(crate) fn group_name() -> String {
    let gid = nix::unistd::getgid();
    nix::unistd::Group::from_gid(gid).ok().flatten().map_or_else(|| gid.to_string(), |g| g.name)
}

/// Whether this program was started under that name.
pub(crate) fn is_called(name: &str) -> bool {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    path.and_then(|p| Some(p.file_name()? == name)).unwrap_or(false)
}
