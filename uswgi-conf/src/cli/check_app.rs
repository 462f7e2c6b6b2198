//! `lint --check-app`: whether the application of a file loads, tried by `uswgi-worker --check` in the interpreter,
//! directory and environment that the file names, as the user that root becomes with it. It runs the application's own code, which is why it has to be
//! asked for.

use super::app_findings;
use crate::diag::Diagnostic;
use crate::instance::Instance;
use crate::jail::Jail;
use crate::user::Becomes;
use crate::{Invocation as Loaded, load};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use uswgi_proto::settings::{App, AppSource};

/// The launcher: beside this program, else on PATH.
fn launcher() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|p| Some(p.parent()?.join("uswgi-worker")));
    beside.filter(|p| p.is_file()).unwrap_or_else(|| "uswgi-worker".into())
}

/// `module:callable` as the launcher takes it.
fn source(app: &App, callable: &str) -> String {
    let text = match &app.source {
        AppSource::Module(text) => text.clone(),
        // A slash makes it a path, whatever its end: `site.wsgi` could be a module.
        AppSource::File(text) if !text.contains('/') => format!("./{text}"),
        AppSource::File(text) | AppSource::Paste(text) | AppSource::Eval(text) => text.clone(),
    };
    if text.contains(':') || callable == "application" { text } else { format!("{text}:{callable}") }
}

/// The launcher, or `chroot` with the launcher in the jail: an app there sees what is inside alone.
fn command(jail: Option<&Jail>) -> Result<Command, String> {
    let outside = launcher();
    let Some(jail) = jail else { return Ok(Command::new(outside)) };
    if !nix::unistd::Uid::effective().is_root() {
        let root = jail.written.display();
        return Err(format!(
            "the application lives in the jail {root}, which only root can enter: run this as root"
        ));
    }
    let mut command = Command::new("chroot");
    command.arg(&jail.root).arg(jail.inside(&outside).unwrap_or(outside));
    Ok(command)
}

fn check(instance: &Instance, app: &App) -> Result<Vec<Diagnostic>, String> {
    if let AppSource::Paste(_) | AppSource::Eval(_) = app.source {
        return Err("--check-app tries module, wsgi-file and mount; an application of paste or eval is tried by the start".into());
    }
    let mut command = command(crate::lint::jail_of(instance).as_ref())?;
    // root sees what the application will not.
    let root = nix::unistd::Uid::effective().is_root();
    let user = Becomes::of(instance).filter(|u| root && !u.is_root());
    if let Some(user) = &user {
        command.arg("--as").arg(user.written());
    }
    if let Some(home) = &instance.home {
        command.arg("--home").arg(home);
    }
    if let Some(dir) = &instance.app.chdir {
        command.arg("--chdir").arg(dir);
    }
    for entry in &instance.app.pythonpath {
        command.arg("--pythonpath").arg(entry);
    }
    for (name, value) in &instance.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if !instance.app.django_preload {
        command.arg("--no-django-preload");
    }
    let source = source(app, &instance.app.callable);
    let output = command
        .arg("--check")
        .arg(&source)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run {}: {e}", launcher().display()))?;
    if output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Ok(said.lines().filter_map(|line| app_findings::of_line(line, instance)).collect());
    }
    let whose = user.map(|u| format!(" as user {}", u.name)).unwrap_or_default();
    let mut text = format!("the application {source} does not load{whose}:\n");
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(text)
}

/// Load the file as the master would and try its applications: what is found in those that load, or the text for people
/// when one does not.
pub(super) fn run(file: &OsString) -> Result<Vec<Diagnostic>, String> {
    // A positional word has no section; `--ini` takes every form, and the readers go by the name's end.
    let name = file.to_string_lossy();
    let path = name.rsplit_once(':').map_or(&name[..], |(path, _)| path);
    let kind = crate::convert::Syntax::of(path).option();
    match load(&["--allow-unsupported".into(), kind.into(), file.clone()], std::env::vars_os()) {
        Ok(Loaded::Run(loaded)) => {
            let instance = &loaded.instance;
            let mut found = Vec::new();
            for app in &instance.app.apps {
                for mut d in check(instance, app)? {
                    d.origin.source = path.to_string();
                    if !found.contains(&d) {
                        found.push(d);
                    }
                }
            }
            Ok(found)
        }
        Ok(Loaded::Print { .. }) => Ok(Vec::new()),
        Err(e) => {
            Err(format!("the application was not tried, because the configuration does not load:\n{e}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callable_goes_with_a_source_that_names_none() {
        let app = |text: &str| App { mountpoint: String::new(), source: AppSource::Module(text.into()) };
        assert_eq!(source(&app("a.b"), "application"), "a.b");
        assert_eq!(source(&app("a.b"), "app"), "a.b:app");
        assert_eq!(source(&app("a.b:make()"), "app"), "a.b:make()");
        let file = App { mountpoint: String::new(), source: AppSource::File("site.wsgi".into()) };
        assert_eq!(source(&file, "application"), "./site.wsgi");
    }
}
