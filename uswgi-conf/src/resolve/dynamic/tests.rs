//! Fewer workers: uWSGI's numbers, and what contradicts itself.

use super::super::tests::{base, instance, load_args};
use crate::instance::{Busyness, CheaperAlgorithm, Dynamic, Instance};

#[test]
fn dynamic_workers_have_the_defaults_of_uwsgi() {
    let (i, said) = load_args(&base(&["-p", "8", "--cheaper", "2"])).unwrap();
    assert_eq!(i.dynamic, Dynamic { cheaper: 2, initial: 2, overload: 3, ..Dynamic::default() });
    assert!(said.is_empty(), "{said:?}");
    let given = ["--cheaper-overload", "0", "--cheaper-algo", "backlog", "--cheaper-initial", "4"];
    let i = instance(&[&["-p", "8", "--cheaper", "2", "--cheap", "--idle", "60"], &given[..]].concat());
    assert_eq!((i.dynamic.overload, i.dynamic.initial, i.dynamic.idle), (0, 4, 60));
    assert!(i.dynamic.cheap && i.dynamic.algorithm == CheaperAlgorithm::Backlog);
    let shown = crate::show::effective(&i);
    for (name, value) in
        [("cheaper", "2"), ("cheaper-initial", "4"), ("cheaper-algo", "backlog"), ("idle", "60")]
    {
        assert!(shown.contains(&(name, value.to_string())), "{name}: {shown:?}");
    }
    let i = instance(&["--evil-reload-on-rss", "64", "--evil-reload-on-as", "512", "--cpu-affinity", "2"]);
    assert_eq!((i.evil_reload_on_rss, i.evil_reload_on_as, i.cpu_affinity), (64 << 20, 512 << 20, 2));
}

#[test]
fn dynamic_workers_that_contradict_themselves_are_said() {
    for (args, part) in [
        (&["-p", "2", "--cheaper", "2"][..], "must be below workers (2)"),
        (&["-p", "2", "--cheaper-step", "2"], "no effect without cheaper"),
        (&["-p", "2", "--cheaper", "1", "--cheaper-busyness-max", "5"], "without cheaper-algo = busyness"),
        (&["-p", "2", "--cheaper", "1", "--cheaper-algo", "nosuch"], "no algorithm"),
        (&["--die-on-idle"], "without idle"),
    ] {
        let (i, said) = load_args(&base(args)).unwrap();
        assert!(said.iter().any(|s| s.contains(part)), "{args:?}: {said:?}");
        assert_eq!(i.dynamic.algorithm, CheaperAlgorithm::Spare);
    }
}

/// `cheaper-busyness-NAME` with a value, for busyness.
fn busy(options: &[(&str, &str)]) -> (Instance, Vec<String>) {
    let named: Vec<String> = options.iter().map(|(name, _)| format!("--cheaper-busyness-{name}")).collect();
    let own = named.iter().zip(options).flat_map(|(name, (_, value))| [name.as_str(), value]);
    let all = ["-p", "8", "--cheaper", "2", "--cheaper-algo", "busyness"].into_iter().chain(own);
    load_args(&base(&all.collect::<Vec<_>>())).unwrap()
}

#[test]
fn busyness_has_the_numbers_of_uwsgi_and_takes_others() {
    let (i, said) = busy(&[]);
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(i.dynamic.algorithm, CheaperAlgorithm::Busyness);
    assert_eq!(i.dynamic.busyness, Busyness::default());
    let names =
        ["max", "min", "multiplier", "penalty", "backlog-alert", "backlog-multiplier", "backlog-step"];
    let given: Vec<_> = names.into_iter().zip(["70", "20", "30", "4", "16", "6", "5"]).collect();
    let (i, said) = busy(&[&given[..], &[("backlog-nonzero", "9")]].concat());
    assert!(said.is_empty(), "{said:?}");
    let numbers = Busyness {
        max: 70,
        min: 20,
        multiplier: 30,
        penalty: 4,
        verbose: false,
        alert: 16,
        backlog_multiplier: 6,
        backlog_step: 5,
        nonzero: 9,
    };
    assert_eq!(i.dynamic.busyness, numbers);
    let shown = crate::show::effective(&i);
    for (name, value) in given {
        let name = format!("cheaper-busyness-{name}");
        assert!(shown.iter().any(|(n, v)| *n == name && v == value), "{name}: {shown:?}");
    }
    // 0 is the default, as on uWSGI, also after another number.
    let zero: Vec<_> = names.into_iter().map(|n| (n, "0")).collect();
    assert_eq!(busy(&zero).0.dynamic.busyness, Busyness::default());
    assert_eq!(busy(&[("min", "5"), ("min", "0")]).0.dynamic.busyness.min, 25);
}

#[test]
fn busyness_that_contradicts_itself_is_said() {
    for (options, part) in [
        (&[("min", "50")][..], "min (50) is not below cheaper-busyness-max (50)"),
        (&[("max", "20")], "min (25) is not below cheaper-busyness-max (20)"),
        (&[("max", "100")], "is never passed"),
    ] {
        let (_, said) = busy(options);
        assert!(said.iter().any(|s| s.contains(part)), "{options:?}: {said:?}");
    }
}
