//! The clocks of docs/LIFECYCLE.md against what is in force: an option's default where one sets it, else the constant in the
//! source. A row that is in neither list fails, so that a new clock is compared too.

use std::path::Path;
use uswgi_conf::options;

/// Clocks that no option sets: the numbers of their length, each from the constant that has it.
const CONSTANTS: &[(&str, &[(&str, &str)])] = &[
    ("steps of a reload", &[("uswgi-master/src/reading.rs", "STEPS")]),
    ("load", &[("uswgi-master/src/reload.rs", "LOAD_TIMEOUT")]),
    ("fork", &[("uswgi-master/src/supervisor/child.rs", "FORK_TIMEOUT")]),
    ("second signal", &[("uswgi-master/src/supervisor/stop.rs", "SECOND_SIGNAL")]),
    ("never served", &[("uswgi-master/src/supervisor/stop.rs", "NEVER_SERVED")]),
    ("template's end", &[("uswgi-master/src/supervisor/generation.rs", "TEMPLATE_MERCY")]),
    ("left behind", &[("uswgi-keep/src/group.rs", "UNKILLABLE")]),
    ("harakiri's backstop", &[("uswgi-master/src/reload.rs", "BACKSTOP")]),
    (
        "lingering",
        &[
            ("uswgi-serve/src/native/linger.rs", "PATIENCE_US"),
            ("uswgi-serve/src/native/linger.rs", "MOST_BYTES"),
        ],
    ),
    ("orphan", &[("uswgi-serve/src/native.rs", "ORPHAN_SECONDS")]),
    ("coarse look", &[("uswgi-master/src/master/mod.rs", "COARSE")]),
    (
        "back-off",
        &[
            ("uswgi-keep/src/backoff.rs", "FREE"),
            ("uswgi-keep/src/backoff.rs", "FIRST_WAIT"),
            ("uswgi-keep/src/backoff.rs", "LONGEST_WAIT"),
        ],
    ),
    (
        "daemon's pause",
        &[
            ("uswgi-master/src/supervisor/daemon.rs", "LIVED"),
            ("uswgi-master/src/supervisor/daemon.rs", "MOST"),
        ],
    ),
];

/// Clocks whose length is no number of ours.
const WORDS: &[&str] = &["cron", "cron's end", "service manager"];

fn text(file: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn numbers(text: &str) -> Vec<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    digits.filter_map(|word| word.parse().ok()).collect()
}

/// The number of a constant, in the unit of the table: seconds, or MiB.
fn constant(file: &str, name: &str) -> u64 {
    let source = text(file);
    let line = source.lines().find(|l| l.contains(&format!("const {name}: ")));
    let line = line.unwrap_or_else(|| panic!("{file} has no {name} any more"));
    let value = line.split_once(" = ").expect("a value").1;
    let number =
        ["Duration::from_secs(", ""].iter().find_map(|front| value.strip_prefix(front)).unwrap_or(value);
    let number = [");", " * SECOND_US;", " << 20;", ";"].iter().find_map(|end| number.strip_suffix(end));
    let number = number.and_then(|n| n.parse().ok());
    number.unwrap_or_else(|| panic!("{file}: {name} is {value:?}, which this test does not read"))
}

#[test]
fn every_clock_of_the_page_has_the_length_that_is_in_force() {
    let page = text("docs/LIFECYCLE.md");
    let table = page.split_once("## Every clock").expect("the table of clocks").1;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip_while(|l| !l.starts_with("|---"))
        .skip(1)
        .take_while(|l| l.starts_with('|'))
        .map(|l| l.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let [clock, length, set_by, _] = row[..] else { panic!("{row:?}") };
        if let Some((_, constants)) = CONSTANTS.iter().find(|(name, _)| *name == clock) {
            for (file, name) in *constants {
                let value = constant(file, name);
                assert!(numbers(length).contains(&value), "{clock}: {length:?}, but {name} is {value}");
            }
            continue;
        }
        if WORDS.contains(&clock) {
            assert!(numbers(length).is_empty(), "{clock}: {length:?} has a number now: compare it");
            continue;
        }
        // What stands in `set by` has numbers of its own: `reload-mercy`, else 3 s.
        let names: Vec<&str> = set_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{clock}: no option sets it; name its constant in this test");
        let defaults: Vec<u64> =
            names.iter().flat_map(|n| numbers(&options::row(n).expect("an option").default())).collect();
        let off = length == "off" && defaults.iter().all(|n| *n == 0);
        let first = numbers(length).first().or(numbers(set_by).first()).copied();
        assert!(
            off || first.is_some_and(|n| defaults.contains(&n)),
            "{clock}: {length:?}, but {names:?}: {defaults:?}"
        );
    }
}
