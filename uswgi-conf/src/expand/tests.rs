//! Tests of expansion on small configurations.

use super::*;

/// Expand a command line; entries as `key=value`, or the error's code.
fn run(args: &[&str], env: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
    let env: Vec<(Vec<u8>, Vec<u8>)> =
        env.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let mode = Mode { compat: true, ..Mode::default() };
    let (out, result) = expand(&args, &env, mode);
    match result {
        Ok(()) => Ok(out
            .entries
            .iter()
            .map(|e| {
                let key = String::from_utf8_lossy(&e.key);
                match &e.value {
                    Some(v) => format!("{key}={}", String::from_utf8_lossy(v)),
                    None => key.into_owned(),
                }
            })
            .collect()),
        Err(Halt::Error(d)) => Err(d.code.into()),
        Err(Halt::Exit(text, exit)) => {
            Err(format!("exit {} {}", exit.code(), String::from_utf8_lossy(&text)))
        }
    }
}

#[test]
fn environment_comes_first_and_keeps_its_own_names() {
    let env = [("UWSGI_MAX_REQUESTS", "5"), ("UWSGI_RELOADS", "1"), ("uwsgi_x", "1"), ("HOME", "/h")];
    assert_eq!(
        run(&["-M", "--chdir", "$(HOME)/a"], &env).unwrap(),
        ["max-requests=5", "master", "chdir=/h/a"]
    );
}

#[test]
fn placeholders_take_the_first_entry() {
    let got = run(&["--set", "x=1", "--set", "x=2", "--mode", "m%(x)"], &[]).unwrap();
    assert_eq!(got, ["set=x=1", "x=1", "set=x=2", "x=2", "mode=m1"]);
}

#[test]
fn blocks_work_on_the_command_line() {
    let got = run(
        &["--if-env", "HOME", "--mode", "%(_)", "--endif", "--if-env", "NO", "--mode", "x", "--endif"],
        &[("HOME", "/h")],
    );
    assert_eq!(got.unwrap(), ["if-env=HOME", "mode=/h", "endif", "if-env=NO", "endif"]);
    assert_eq!(run(&["--for", "a b", "--for", "c", "--mode", "x"], &[]), Err("nested-block".into()));
    assert_eq!(run(&["--for-times", "999999999", "--mode", "x"], &[]), Err("too-large".into()));
    assert_eq!(
        run(&["--for-times", "99999", "--mode", "x", "--mode", "y", "--mode", "z"], &[]),
        Err("too-large".into())
    );
}

#[test]
fn declared_options_run_their_targets() {
    let (out, result) = {
        let args: Vec<Vec<u8>> = ["--declare-option", "app=module=$1;processes=$2", "--app", "m 5"]
            .iter()
            .map(|a| a.as_bytes().to_vec())
            .collect();
        expand(&args, &[], Mode::default())
    };
    assert!(result.is_ok());
    let applied: Vec<_> = out.applied.iter().map(|a| (a.fact.name, a.value.clone().unwrap())).collect();
    assert_eq!(applied, [("module", b"m".to_vec()), ("processes", b"5".to_vec())]);
}

#[test]
fn get_prints_first_values_and_ends() {
    assert_eq!(
        run(&["-p", "2", "-p", "3", "--get", "processes", "--get", "nope"], &[]),
        Err("exit 0 2\n".into())
    );
    assert_eq!(run(&["--exit=7"], &[]), Err("exit 7 ".into()));
}

#[test]
fn a_value_that_holds_itself_is_an_error() {
    assert_eq!(run(&["--set", "a=x%(a)"], &[]), Err("endless-value".into()));
    assert_eq!(run(&["--set", "a=x%(b)", "--set", "b=y%(a)"], &[]), Err("endless-value".into()));
}

#[test]
fn strict_refuses_names_that_are_no_options() {
    assert_eq!(run(&["--strict", "--set", "foo=1"], &[]), Err("unknown-option".into()));
    assert!(run(&["--strict", "--set-ph", "foo=1"], &[]).is_ok());
    assert_eq!(run(&["--strict"], &[("UWSGI_FOO", "1")]), Err("unknown-option".into()));
}
