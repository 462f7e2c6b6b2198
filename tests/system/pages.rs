//! Man pages and completions against `--help` of the binaries: what one knows the others know, verb by verb.

use std::collections::BTreeSet;
use std::fs;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{paths, process};

type Flags = BTreeSet<String>;

fn output(program: &str, words: &[&str]) -> String {
    let mut command = process::command(paths::command(program));
    command.args(words).arg("--help");
    let out = process::run(command, PATIENCE);
    assert_eq!(out.status.code(), Some(0), "{program} {words:?} --help: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// Long options in words like `-p, --pidfile <FILE>`.
fn long(words: &str) -> impl Iterator<Item = String> + '_ {
    let ends = |c: char| !(c.is_alphanumeric() || c == '-');
    words.split([',', ' ']).filter(|w| w.starts_with("--")).map(move |w| w.split(ends).next().unwrap().into())
}

/// The long options that `--help` lists: the words before the gap of every line that starts with a hyphen.
fn in_help(program: &str, words: &[&str]) -> Flags {
    let text = output(program, words);
    let lines = text.lines().map(str::trim_start).filter(|l| l.starts_with('-'));
    lines.flat_map(|l| long(l.split("  ").next().unwrap()).collect::<Vec<_>>()).collect()
}

fn verbs(program: &str) -> Vec<String> {
    let text = output(program, &[]);
    let list = text.split("Commands:\n").nth(1).expect("a list of commands");
    let names = list.lines().take_while(|l| l.starts_with("  ")).filter(|l| !l.starts_with("   "));
    names.map(|l| l.split_whitespace().next().unwrap().to_string()).filter(|v| v != "help").collect()
}

fn page(file: &str) -> String {
    fs::read_to_string(paths::root().join("man").join(file)).unwrap().replace("\\-", "-")
}

/// The text of a page from a heading up to the next one of its kind.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let rest = &page[begin + heading.len()..];
    let end = ["\n.Sh ", "\n.Ss "].iter().filter_map(|h| rest.find(h)).min().unwrap_or(rest.len());
    &rest[..end]
}

fn in_part(text: &str) -> Flags {
    text.lines().filter_map(|l| l.strip_prefix(".It Ic ")).flat_map(|l| long(l).collect::<Vec<_>>()).collect()
}

/// What bash offers after these words and a hyphen: the script is run, not read.
fn in_bash(program: &str, words: &[&str]) -> Flags {
    let script = "source \"$1\"; shift\n\
        function=$(complete -p \"$1\" | sed 's/.* -F \\([^ ]*\\) .*/\\1/')\n\
        COMP_WORDS=(\"$@\" -); COMP_CWORD=$#; COMPREPLY=()\n\
        \"$function\" \"$1\" - \"${@: -1}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = process::command(paths::tool("bash"));
    bash.args(["--norc", "-c", script, "bash"]);
    bash.arg(paths::root().join(format!("completions/{program}.bash"))).arg(program).args(words);
    let out = process::run(bash, PATIENCE);
    assert!(out.status.success() && out.stderr.is_empty(), "{program} {words:?}: {out:?}");
    String::from_utf8_lossy(&out.stdout).lines().filter(|l| l.starts_with("--")).map(String::from).collect()
}

/// Every flag stands somewhere in the scripts of the two other shells.
fn in_other_shells(program: &str, flags: &Flags) {
    let read = |name: String| fs::read_to_string(paths::root().join("completions").join(name)).unwrap();
    let (zsh, fish) = (read(format!("_{program}")), read(format!("{program}.fish")));
    for flag in flags {
        let ends = |text: &str, word: &str| {
            text.match_indices(word)
                .any(|(i, w)| !text[i + w.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        };
        assert!(ends(&zsh, flag), "zsh: {program} {flag}");
        assert!(ends(&fish, &format!(" -l {}", &flag[2..])), "fish: {program} {flag}");
    }
}

fn with_verbs(program: &str, file: &str) {
    let page = page(file);
    let common = in_part(part(&page, ".Sh OPTIONS"));
    assert_eq!(in_help(program, &[]), common, "{program} --help and its page");
    assert_eq!(in_bash(program, &[]), common, "{program} in bash");
    let sections: BTreeSet<&str> = page.lines().filter_map(|l| l.strip_prefix(".Ss ")).collect();
    let verbs = verbs(program);
    assert_eq!(sections, verbs.iter().map(String::as_str).collect(), "verbs of {program}");
    for verb in &verbs {
        let text = part(&page, &format!(".Ss {verb}"));
        assert!(text.lines().nth(1).is_some_and(|l| l.len() > 10), "{program} {verb} says nothing: {text}");
        // Everything behind `expand` belongs to uWSGI's command line.
        if verb == "expand" {
            continue;
        }
        let help = in_help(program, &[verb]);
        let own = in_part(text);
        let expected: Flags =
            own.union(&common).filter(|f| help.contains(*f) || own.contains(*f)).cloned().collect();
        assert_eq!(help, expected, "{program} {verb}");
        assert_eq!(in_bash(program, &[verb]), help, "{program} {verb} in bash");
        in_other_shells(program, &help);
    }
}

#[test]
fn uswgi_ctl() {
    with_verbs("uswgi-ctl", "uswgi-ctl.1");
}

#[test]
fn uswgi_conf() {
    with_verbs("uswgi-conf", "uswgi-conf.1");
}

#[test]
fn uswgi_worker() {
    let help = in_help("uswgi-worker", &[]);
    assert!(help.contains("--check") && help.len() > 8, "{help:?}");
    assert_eq!(help, in_part(part(&page("uswgi-worker.8"), ".Sh OPTIONS")));
    assert_eq!(help, in_bash("uswgi-worker", &[]));
    in_other_shells("uswgi-worker", &help);
}

#[test]
fn uswgi_emperor() {
    let help = in_help("uswgi-emperor", &[]);
    assert!(help.contains("--vassals-include") && help.contains("--uid") && help.len() > 20, "{help:?}");
    assert_eq!(help, in_part(part(&page("uswgi-emperor.8"), ".Sh OPTIONS")));
    assert_eq!(help, in_bash("uswgi-emperor", &[]));
    in_other_shells("uswgi-emperor", &help);
}

#[test]
fn uswgi_master() {
    let help = in_help("uswgi-master", &[]);
    assert!(help.len() > 120, "{help:?}");
    assert_eq!(help, in_bash("uswgi-master", &[]));
    in_other_shells("uswgi-master", &help);
    assert!(in_part(part(&page("uswgi-master.8"), ".Sh OPTIONS")).is_subset(&help));
    // uswgi.ini(5) has every option, those that are accepted without effect too.
    let page = page("uswgi.ini.5");
    let options = &page[page.find(".Sh OPTIONS").unwrap()..page.find(".Sh NOT SUPPORTED").unwrap()];
    let mut supported = Flags::new();
    for item in options.split("\n.It Ic ").skip(1) {
        let name = item.split_whitespace().next().unwrap();
        if !item
            .lines()
            .any(|l| l.starts_with("Accepted without effect") || l.starts_with("Accepted, and said"))
        {
            supported.insert(format!("--{name}"));
        }
    }
    assert_eq!(help, supported);
}

#[test]
fn every_page_has_its_sections_and_is_clean() {
    let mut pages = 0;
    for entry in fs::read_dir(paths::root().join("man")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        pages += 1;
        let text = fs::read_to_string(entry.path()).unwrap();
        for section in ["NAME", "DESCRIPTION", "FILES", "EXIT STATUS", "EXAMPLES", "NOTES", "SEE ALSO"] {
            let body =
                text.split(&format!("\n.Sh {section}\n")).nth(1).and_then(|t| t.split("\n.Sh ").next());
            assert!(body.is_some_and(|b| b.len() > 5), "{name}: {section} is empty");
        }
        let mut lint = process::command(paths::tool("mandoc"));
        lint.arg("-Tlint").arg(entry.path());
        let out = process::run(lint, PATIENCE);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        // Pages refer to each other, and are not installed here.
        let complaints: Vec<&str> =
            said.lines().filter(|l| !l.contains("referenced manual not found")).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
        for line in text.lines().filter_map(|l| l.strip_prefix(".Xr ")) {
            let mut words = line.split_whitespace();
            let (page, section) = (words.next().unwrap(), words.next().unwrap());
            assert!(paths::root().join(format!("man/{page}.{section}")).exists(), "{name} refers to {line}");
        }
    }
    assert_eq!(pages, 8);
}
