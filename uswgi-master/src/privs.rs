//! Whom the master becomes: what the configuration says about users and groups.
#![forbid(unsafe_code)]

use uswgi_conf::instance::Instance;
use uswgi_keep::names::Names;
use uswgi_keep::privs::{self, Wanted};
pub use uswgi_keep::privs::{
    FinalUser, LimitError, PrivsError, chown, group, limit_descriptors, make_room_for, owner, user,
};

/// Look up whom to become. Names of the jail come first, then those of this system.
pub fn target(instance: &Instance, jail: Option<&Names>) -> Result<FinalUser, PrivsError> {
    let (uid, gid) = (instance.uid.as_deref(), instance.gid.as_deref());
    privs::target(
        &Wanted { uid, gid, add_gid: &instance.add_gid, alone: instance.startup.no_initgroups },
        jail,
    )
}

/// `immediate-uid` and `immediate-gid`: become them before anything else. Nothing is left of root then.
pub fn immediately(instance: &Instance) -> Result<(), PrivsError> {
    let (uid, gid) = &instance.immediate;
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    let only = Wanted { uid: uid.as_deref(), gid: gid.as_deref(), add_gid: &[], alone: false };
    privs::target(&only, None)?.become_it()
}
