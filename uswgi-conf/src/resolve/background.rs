//! Work beside requests: spoolers, mules and farms.

use super::draft::Draft;
use super::value::written;
use crate::expand::{Applied, Expansion, truth};
use std::path::PathBuf;
use uswgi_proto::background::{BesideRequests, Farm, MOST_AIDES, MuleRules, SpoolFolder, SpoolRules};

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let (said, to) = (&mut d.said, &mut d.instance.background);
    let on = truth(a.value.as_deref());
    let spool = &mut to.spool;
    match a.fact.name {
        "spooler" | "spooler-external" => {
            let external = a.fact.name == "spooler-external";
            let path = said.filled(a).map(PathBuf::from);
            to.folders.extend(path.map(|path| SpoolFolder { path, external }));
        }
        "spooler-processes" => spool.processes = said.number32(a).unwrap_or(0).max(1),
        "spooler-frequency" | "spooler-freq" => {
            let given = said.number32(a).filter(|n| *n > 0);
            spool.frequency = given.unwrap_or_else(|| SpoolRules::default().frequency);
        }
        "spooler-max-tasks" => spool.max_tasks = said.number32(a).unwrap_or(0),
        "spooler-ordered" => spool.ordered = on,
        "spooler-harakiri" => spool.harakiri = said.number32(a).unwrap_or(0),
        "spooler-chdir" => spool.chdir = said.filled(a).map(PathBuf::from),
        "spooler-import" | "spooler-pyimport" | "spooler-py-import" | "spooler-python-import" => {
            spool.imports.extend(said.filled(a));
        }
        "spooler-quiet" => spool.quiet = on,
        "spooler-fsync" => spool.fsync = on,
        "spooler-max-attempts" => spool.max_attempts = said.number32(a).unwrap_or(0),
        "spooler-retry-delay" => spool.retry_delay = said.number32(a).unwrap_or(0),
        "spooler-allow-ips" => allow(d, a),
        "mule" => {
            let text = said.text(a).unwrap_or_default();
            to.mules.push(Some(text).filter(|t| !matches!(t.as_str(), "" | "true" | "1")));
        }
        "mules" => {
            let count = said.number32(a).unwrap_or(0) as usize;
            to.mules.extend(std::iter::repeat_n(None, count.min(MOST_AIDES + 1)));
        }
        "farm" => farm(d, a),
        "mule-msg-size" => {
            let given = said.number32(a).filter(|n| *n > 0);
            to.mule.message_size = given.unwrap_or_else(|| MuleRules::default().message_size);
        }
        "mule-harakiri" => to.mule.harakiri = said.number32(a).unwrap_or(0),
        "mule-reload-mercy" => to.mule.mercy = said.number32(a).unwrap_or(0).max(1),
        "touch-mules-reload" => d.instance.touch_mules.extend(said.filled(a).map(PathBuf::from)),
        "touch-spoolers-reload" => d.instance.touch_spoolers.extend(said.filled(a).map(PathBuf::from)),
        "signal-timer" | "timer" | "signal-rbtimer" | "rbtimer" => {
            let help = "write a signal from 0 to 255 and seconds: signal-timer = 17 30";
            if let Some((number, seconds)) = two(d, a, help) {
                match (number.parse(), seconds.parse()) {
                    (Ok(number), Ok(seconds)) if seconds > 0 => {
                        d.instance.signals.timers.push((number, seconds));
                    }
                    _ => d.said.bad(a, "these are no signal and no seconds", help),
                }
            }
        }
        "touch-signal" | "fs-signal" => {
            let help = "write a file and a signal from 0 to 255: touch-signal = /run/file 17";
            if let Some((path, number)) = two(d, a, help) {
                match number.parse() {
                    Ok(number) => d.instance.signals.files.push((path.into(), number)),
                    Err(_) => d.said.bad(a, "what is behind the file is no signal", help),
                }
            }
        }
        "signals-pile-up" => d.instance.signals.pile_up = on,
        _ => return false,
    }
    true
}

/// `spooler-allow-ips = LIST`: the first one takes the place of the default.
fn allow(d: &mut Draft, a: &Applied) {
    let Some(text) = super::forms::peers(d, a) else { return };
    let first = SpoolRules::default().allow;
    let to = &mut d.instance.background.spool.allow;
    *to = if *to == first { text } else { format!("{to},{text}") };
}

/// Two words.
fn two(d: &mut Draft, a: &Applied, help: &str) -> Option<(String, String)> {
    let text = d.said.filled(a)?;
    match text.trim().rsplit_once(' ') {
        Some((first, second)) => Some((first.trim().into(), second.into())),
        None => {
            d.said.bad(a, "there are no two words", help);
            None
        }
    }
}

/// `farm = NAME:MULE[,MULE...]`.
fn farm(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let help = "write a name and the numbers of mules: farm = name:1,2";
    let Some((name, mules)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        return d.said.bad(a, "there is no `:` between a name and the numbers of its mules", help);
    };
    let mules: Option<Vec<u32>> =
        mules.split(',').map(|n| n.trim().parse().ok().filter(|n| *n > 0)).collect();
    let Some(mules) = mules else {
        return d.said.bad(a, "what is behind `:` is no list of mule numbers", help);
    };
    d.instance.background.farms.push(Farm { name: name.into(), mules });
}

/// What needs more than one option.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let given = |name: &str| expansion.applied.iter().rfind(|a| a.fact.name == name);
    let BesideRequests { folders, mules, farms, .. } = &d.instance.background;
    let (none, own) = (folders.is_empty(), folders.iter().any(|f| !f.external));
    let spooler_options = expansion.applied.iter().rfind(|a| a.fact.name.starts_with("spooler-"));
    if let Some(a) = spooler_options.filter(|_| none) {
        let message = format!("{} has no effect without spooler", a.fact.name);
        d.said.warning(a, "no-effect", message).help = Some("add spooler, a folder for tasks".into());
    }
    if let Some(a) = given("spooler-processes").filter(|_| !none && !own) {
        let message = "spooler-processes has no effect: every folder is spooler-external".to_string();
        d.said.warning(a, "no-effect", message);
    }
    for farm in expansion.applied.iter().filter(|a| a.fact.name == "farm") {
        let text = String::from_utf8_lossy(farm.value.as_deref().unwrap_or_default()).into_owned();
        let name = text.split(':').next().unwrap_or_default();
        let Some(known) = farms.iter().find(|f| f.name == name) else { continue };
        if let Some(n) = known.mules.iter().find(|n| **n as usize > mules.len()) {
            let message = format!("{}: there is no mule {n}, only {}", written(farm), mules.len());
            d.said.error(farm, "bad-value", message).help =
                Some("add mule or mules, or correct the number".into());
            break;
        }
    }
    let aides = d.instance.background.aides().len();
    if aides > MOST_AIDES
        && let Some(a) = expansion
            .applied
            .iter()
            .rfind(|a| matches!(a.fact.name, "mules" | "mule" | "spooler" | "spooler-processes"))
    {
        let message =
            format!("{aides} spoolers and mules are more than this program has room for ({MOST_AIDES})");
        d.said.error(a, "bad-number", message).help = Some("use fewer, or a second instance".into());
    }
}
