//! The touch files of an instance: what follows from each, and from several at a time. Pure.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use uswgi_conf::instance::Instance;
use uswgi_proto::background::AideKind;

/// What follows from a touched file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// A reload.
    Reload,
    /// The workers are replaced.
    Renew,
    /// The mules, or the spoolers, are replaced.
    RenewAides(AideKind),
    /// Its steps run.
    Steps,
    /// This signal of the application is raised.
    Signal(u8),
}

/// The files that a configuration names, and those that raise `signals`. A file that has several steps is there once.
pub(crate) fn named(i: &Instance, signals: &[(u8, PathBuf)]) -> Vec<(Follows, Vec<PathBuf>)> {
    let steps: BTreeSet<PathBuf> = i.tasks.touched.iter().map(|t| t.path.clone()).collect();
    let mut all = vec![
        (Follows::Reload, i.touch_reload.clone()),
        (Follows::Renew, i.touch_workers.clone()),
        (Follows::RenewAides(AideKind::Mule), i.touch_mules.clone()),
        (Follows::RenewAides(AideKind::Spooler), i.touch_spoolers.clone()),
        (Follows::Steps, steps.into_iter().collect()),
    ];
    let mut raised: BTreeMap<u8, Vec<PathBuf>> = BTreeMap::new();
    for (number, path) in signals {
        raised.entry(*number).or_default().push(path.clone());
    }
    all.extend(raised.into_iter().map(|(number, paths)| (Follows::Signal(number), paths)));
    all
}

/// What is done about files that were touched at a time: one reload, or one replacement of the workers, of the mules and of
/// the spoolers, which a full reload does too; and all steps and signals.
pub(crate) fn reduce(touched: Vec<(PathBuf, Follows)>) -> Vec<(PathBuf, Follows)> {
    let first = |wanted| touched.iter().position(|(_, f)| *f == wanted);
    let renewed =
        [Follows::Renew, Follows::RenewAides(AideKind::Mule), Follows::RenewAides(AideKind::Spooler)];
    let chosen: Vec<usize> = match first(Follows::Reload) {
        Some(at) => vec![at],
        None => renewed.into_iter().filter_map(first).collect(),
    };
    let kept = touched.into_iter().enumerate();
    let each = |f: &Follows| matches!(f, Follows::Steps | Follows::Signal(_));
    kept.filter(|(at, (_, f))| each(f) || chosen.contains(at)).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_replaces_the_workers_too_and_steps_run_beside_it() {
        use Follows::{Reload, Renew, Signal, Steps};
        let seen = |all: &[(&str, Follows)]| all.iter().map(|(p, f)| (PathBuf::from(p), *f)).collect();
        let all =
            seen(&[("a", Reload), ("b", Reload), ("c", Renew), ("a", Steps), ("c", Steps), ("a", Signal(1))]);
        let want: Vec<_> = seen(&[("a", Reload), ("a", Steps), ("c", Steps), ("a", Signal(1))]);
        assert_eq!(reduce(all), want);
        let want: Vec<_> = seen(&[("c", Renew)]);
        assert_eq!(reduce(seen(&[("c", Renew), ("d", Renew)])), want);
        assert_eq!(reduce(Vec::new()), []);
    }
}
