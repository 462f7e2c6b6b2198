//! Options of an Emperor.

use super::address;
use super::draft::Draft;
use super::forms::bad_address;
use super::value::written;
use crate::expand::{Applied, Expansion, truth};
use std::path::PathBuf;

/// Monitors that are plugins of uWSGI, and what takes their place.
const MONITORS: [(&str, &str); 8] = [
    ("pg", "a database"),
    ("mongodb", "a database"),
    ("ldap", "a directory service"),
    ("zmq", "messages"),
    ("amqp", "messages"),
    ("sqlite", "a database"),
    ("redis", "a database"),
    ("imperial", "another host"),
];

/// Give an option's value to the draft. False: no arm knows it.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let on = truth(a.value.as_deref());
    let (said, e) = (&mut d.said, &mut d.instance.emperor);
    match a.fact.name {
        "emperor" => monitor(d, a),
        "emperor-nofollow" => e.nofollow = on,
        "emperor-freq" => e.freq = said.number32(a).unwrap_or(0),
        "emperor-extra-extension" | "emperor-extra-ext" => e.extra_extensions.extend(said.filled(a)),
        "vassals-include" => e.include.extend(said.filled(a)),
        "vassals-include-before" => e.include_before.extend(said.filled(a)),
        "vassals-inherit" => e.inherit.extend(said.filled(a)),
        "vassals-inherit-before" => e.inherit_before.extend(said.filled(a)),
        "vassals-set" | "vassal-set" => e.set.extend(said.filled(a)),
        "vassals-start-hook" => e.start_hook = said.filled(a),
        "vassals-stop-hook" => e.stop_hook = said.filled(a),
        "emperor-wrapper" => e.wrapper = said.filled(a),
        "emperor-wrapper-override" => e.wrapper_override.extend(said.filled(a)),
        "emperor-wrapper-fallback" => e.wrapper_fallback.extend(said.filled(a)),
        "emperor-on-demand-exec" => e.on_demand_exec = said.filled(a),
        "emperor-no-blacklist" => e.no_blacklist = on,
        "emperor-throttle" => e.throttle = said.number32(a).unwrap_or(e.throttle),
        "emperor-max-throttle" => e.max_throttle = said.number32(a).unwrap_or(e.max_throttle),
        "emperor-pidfile" => e.pidfile = said.filled(a).map(PathBuf::from),
        "emperor-tyrant" => e.tyrant = on,
        "emperor-tyrant-nofollow" => e.tyrant_nofollow = on,
        "emperor-on-demand-extension" | "emperor-on-demand-ext" => e.on_demand_extension = said.filled(a),
        "emperor-on-demand-directory" | "emperor-on-demand-dir" => {
            e.on_demand_directory = said.filled(a).map(PathBuf::from);
        }
        "emperor-required-heartbeat" => {
            e.required_heartbeat = said.number32(a).unwrap_or(e.required_heartbeat)
        }
        "heartbeat" => d.instance.heartbeat = said.number32(a).unwrap_or(0),
        "emperor-stats" | "emperor-stats-server" => stats(d, a),
        "emperor-die-with" => match said.filled(a).as_deref() {
            Some("stop") => e.die_with = true,
            Some("nothing") => e.die_with = false,
            Some(_) => said.bad(
                a,
                "no such way",
                "write stop: vassals end with an Emperor that is killed; or nothing",
            ),
            None => {}
        },
        "emperor-start-concurrency" => e.start_concurrency = said.number32(a).unwrap_or(0),
        _ => return false,
    }
    true
}

fn stats(d: &mut Draft, a: &Applied) {
    let Some(name) = d.said.text(a) else { return };
    match address::parse(&name) {
        Ok((address, _)) => d.instance.emperor.stats.push(address),
        Err(e) => bad_address(d, a, e),
    }
}

/// After the steps: those of the Emperor are its own. A tyrant stays root, and one that is none keeps its user: capabilities for
/// the way to the vassals' users (`cap = setgid,setuid`, in the file that Fedora ships) are not needed.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let (phases, e) = (&mut d.instance.tasks.phases, &mut d.instance.emperor);
    e.at_start = std::mem::take(&mut phases.emperor_start);
    e.as_vassal = std::mem::take(&mut phases.as_vassal);
    e.as_emperor = std::mem::take(&mut phases.as_emperor);
    let only_users = |a: &Applied| {
        let value = a.value.as_deref().unwrap_or_default();
        value.split(|b| *b == b',').all(|name| matches!(name.trim_ascii(), b"setgid" | b"setuid"))
    };
    let unneeded = || expansion.applied.iter().filter(|a| a.fact.name == "cap").all(only_users);
    if d.instance.emperor.is_wanted() && (d.instance.emperor.tyrant || unneeded()) {
        d.said.take_back("cap");
    }
}

fn monitor(d: &mut Draft, a: &Applied) {
    let Some(name) = d.said.filled(a) else { return };
    if let Some((scheme, _)) = name.split_once("://").filter(|(s, _)| !matches!(*s, "dir" | "glob")) {
        let known = MONITORS.iter().find(|(name, _)| *name == scheme);
        let what = known.map_or("a monitor that is not here", |(_, what)| what);
        let said = d.said.error(
            a,
            "unsupported",
            format!("{} is not supported: vassals come from files", written(a)),
        );
        said.help = Some(format!(
            "instead of {what} let something write one file a vassal into a folder, and name the folder (emperor = /etc/uwsgi/vassals)"
        ));
        return;
    }
    d.instance.emperor.monitors.push(name);
}

#[cfg(test)]
mod tests {
    use crate::expand::{Mode, expand};
    use crate::resolve::resolve;

    #[test]
    fn capabilities_for_the_users_of_vassals_are_not_needed() {
        let codes = |args: &[&str]| -> Vec<&'static str> {
            let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
            let said = resolve(&expand(&args, &[], Mode::default()).0).diagnostics;
            said.iter().map(|d| d.code).filter(|code| *code == "unsupported").collect()
        };
        assert_eq!(codes(&["--emperor", "/d", "--set=cap=setgid,setuid"]), [""; 0]);
        assert_eq!(codes(&["--emperor", "/d", "--emperor-tyrant", "--set=cap=sys_admin"]), [""; 0]);
        assert_eq!(codes(&["--emperor", "/d", "--set=cap=setgid,net_bind_service"]), ["unsupported"]);
        assert_eq!(codes(&["--set=cap=setgid,setuid"]), ["unsupported"]);
    }
}
