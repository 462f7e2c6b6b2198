//! Applications that other people wrote, unmodified: five small ones of `make realworld`, directly and through nginx.

use std::time::Duration;
use uswgi_tests::{paths, process};

/// All five at once: each waits for itself most of the time.
#[test]
fn five_small_ones_are_served_reloaded_and_stopped() {
    let names = ["radicale", "isso", "pypiserver", "wsgidav", "small"];
    let run = |name: &'static str| {
        let mut python = process::command(paths::venv().join("bin/python"));
        python.arg("-B").arg(paths::root().join("tests/realworld/run.py"));
        python.arg("--bin").arg(paths::bin_dir()).arg("--venvs").arg(paths::applications());
        python.arg(name);
        process::good(python, Duration::from_secs(600))
    };
    std::thread::scope(|scope| {
        for thread in names.map(|name| scope.spawn(move || (name, run(name)))) {
            let (name, said) = thread.join().unwrap();
            assert!(said.starts_with(name) && said.contains(" good: "), "{said}");
        }
    });
}
