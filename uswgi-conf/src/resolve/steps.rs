//! Steps: what runs at points of an instance's life (`exec-*`, `hook-*`) and when a file was touched. What cannot be
//! done here is refused with a way out.

use super::draft::Draft;
use super::value::{integer, written};
use crate::expand::Applied;
use crate::instance::OnTerm;
use crate::tasks::{Phases, Touched};
use uswgi_proto::step::{Act, Awaited, Step};

/// Seconds that `wait_for_*` waits, as in uWSGI.
const WAIT: u32 = 60;

/// The steps of a phase, by the rest of the name of an `exec-` or `hook-` option.
pub(super) fn phase<'a>(p: &'a mut Phases, name: &str) -> Option<&'a mut Vec<Step>> {
    Some(match name {
        "asap" => &mut p.asap,
        "pre-jail" => &mut p.jail,
        "in-jail" => &mut p.in_jail,
        "as-root" => &mut p.as_root,
        "as-user" => &mut p.as_user,
        "master-start" => &mut p.master_start,
        "pre-app" => &mut p.pre_app,
        "post-app" => &mut p.post_app,
        "post-fork" => &mut p.post_fork,
        "accepting" | "accepting-once" => &mut p.accepting,
        "accepting1" | "accepting1-once" => &mut p.accepting_first,
        "as-user-atexit" => &mut p.at_exit,
        "emperor-start" => &mut p.emperor_start,
        "as-vassal" => &mut p.as_vassal,
        "as-emperor" => &mut p.as_emperor,
        _ => return None,
    })
}

/// `exec-PHASE = command`.
pub(super) fn exec(d: &mut Draft, a: &Applied) {
    let Some(command) = d.said.filled(a) else { return };
    let step = Step { name: written(a), act: Act::Exec(command) };
    // Hooks of a phase run before its commands.
    if let Some(steps) = a.fact.name.strip_prefix("exec-").and_then(|p| phase(&mut d.exec_steps, p)) {
        steps.push(step);
    }
}

/// `hook-PHASE = [!]action:arguments`.
pub(super) fn hook(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let Some(step) = action(d, a, &text) else { return };
    if let Some(steps) = a.fact.name.strip_prefix("hook-").and_then(|p| phase(&mut d.hook_steps, p)) {
        steps.push(step);
    }
}

/// `touch-exec = file command`, `hook-touch = file [!]action:arguments`.
pub(super) fn touched(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let Some((path, rest)) = text.trim_start().split_once(' ') else {
        let help = match a.fact.name {
            "touch-exec" => "write a file and a command: /run/x/deployed touch /run/x/seen",
            _ => "write a file and an action: /run/x/deployed exec:touch /run/x/seen",
        };
        return d.said.bad(a, "nothing follows the file", help);
    };
    let step = match a.fact.name {
        "touch-exec" => Some(Step { name: written(a), act: Act::Exec(rest.trim().to_string()) }),
        _ => action(d, a, rest.trim_start()),
    };
    d.instance.tasks.touched.extend(step.map(|step| Touched { path: path.into(), step }));
}

/// `[!]action:arguments`. None: there is no such step, which is said.
fn action(d: &mut Draft, a: &Applied, text: &str) -> Option<Step> {
    let (private, text) = text.strip_prefix('!').map_or((false, text), |t| (true, t));
    let Some((action, arguments)) = text.split_once(':') else {
        d.said.bad(a, "there is no action", "write action:arguments, as exec:touch /run/x");
        return None;
    };
    if action == "unix_signal" {
        on_signal(d, a, arguments);
        return None;
    }
    let in_worker = ["app", "fork", "accepting", "accepting1", "once"];
    match act(action, arguments) {
        Ok(Act::Chdir(_)) if !in_worker.iter().any(|end| a.fact.name.ends_with(end)) => {
            let message = format!("{}: cd is not supported in this phase", a.fact.name);
            d.said.error(a, "unsupported", message).help = Some("set chdir = DIRECTORY".into());
        }
        Ok(act) => {
            let name = if private { format!("{} (private)", a.fact.name) } else { written(a) };
            return Some(Step { name, act });
        }
        Err(BadAct::Unknown) => {
            let message = format!("{}: the action {action:?} is not supported", a.fact.name);
            let help = match action {
                "mount" | "umount" => {
                    "mount it before the start: /etc/fstab, or BindPaths= and RequiresMountsFor= of systemd; a container has volumes"
                }
                _ => ACTIONS,
            };
            d.said.error(a, "unsupported", message).help = Some(help.into());
        }
        Err(BadAct::Form(form)) => d.said.bad(a, "its arguments do not fit", &format!("write {form}")),
    }
    None
}

/// What there is instead.
const ACTIONS: &str = "the actions are exec, safeexec, mkdir, cd, putenv, chmod, chown, sticky, create, write, writen, append, appendn, writefifo, unlink, wait_for_fs, wait_for_file, wait_for_dir, wait_for_socket, print, log and unix_signal";

enum BadAct {
    Unknown,
    Form(&'static str),
}

fn act(action: &str, arguments: &str) -> Result<Act, BadAct> {
    let one = arguments.trim().to_string();
    let filled = |form: &'static str| if one.is_empty() { Err(BadAct::Form(form)) } else { Ok(one.clone()) };
    let two = |form| {
        let (path, rest) = one.split_once(' ').ok_or(BadAct::Form(form))?;
        Ok((path.to_string(), rest.to_string()))
    };
    let write = |append: bool, end: &str| {
        two("write:FILE TEXT").map(|(path, text)| Act::Write(path, text + end, append))
    };
    let wait = |wanted| Ok(Act::WaitFor(filled("wait_for_file:FILE")?, wanted, WAIT));
    match action {
        "exec" => Ok(Act::Exec(filled("exec:COMMAND")?)),
        "safeexec" => Ok(Act::SafeExec(filled("safeexec:COMMAND")?)),
        "mkdir" => Ok(Act::Mkdir(filled("mkdir:DIRECTORY")?)),
        "cd" | "chdir" => Ok(Act::Chdir(filled("cd:DIRECTORY")?)),
        "putenv" => Ok(Act::Putenv(filled("putenv:NAME=VALUE")?)),
        "chmod" => {
            const FORM: &str = "chmod:FILE 640";
            let (path, mode) = two(FORM)?;
            let mode = u32::from_str_radix(mode.trim(), 8).ok().filter(|m| *m <= 0o7777);
            Ok(Act::Chmod(path, mode.ok_or(BadAct::Form(FORM))?))
        }
        "sticky" => Ok(Act::Sticky(filled("sticky:DIRECTORY")?)),
        "chown" | "chown2" => {
            const FORM: &str = "chown:FILE USER GROUP";
            let (path, owner) = two(FORM)?;
            let (user, group) = owner.trim().split_once(' ').ok_or(BadAct::Form(FORM))?;
            Ok(Act::Chown(path, user.to_string(), group.trim().to_string()))
        }
        "create" | "creat" => Ok(Act::Create(filled("create:FILE")?)),
        "write" => write(false, ""),
        "writen" => write(false, "\n"),
        "append" => write(true, ""),
        "appendn" => write(true, "\n"),
        "writefifo" => two("writefifo:FIFO TEXT").map(|(path, text)| Act::WriteFifo(path, text)),
        "unlink" => Ok(Act::Unlink(filled("unlink:FILE")?)),
        "wait_for_fs" => wait(Awaited::Any),
        "wait_for_file" => wait(Awaited::File),
        "wait_for_dir" => wait(Awaited::Directory),
        "wait_for_socket" => wait(Awaited::Socket),
        "print" | "log" => Ok(Act::Print(arguments.to_string())),
        _ => Err(BadAct::Unknown),
    }
}

/// `unix_signal:15 gracefully_kill_them_all`: the functions of uWSGI that have a meaning here.
fn on_signal(d: &mut Draft, a: &Applied, arguments: &str) {
    let (n, function) = arguments.trim().split_once(' ').unwrap_or((arguments, ""));
    let stops = match function.trim() {
        "gracefully_kill_them_all" | "kill_them_all" => true,
        "grace_them_all" | "reap_them_all" => false,
        _ => {
            let message = format!("{}: the function {function:?} is not known", written(a));
            d.said.error(a, "unsupported", message).help =
                Some("the functions are gracefully_kill_them_all (stop) and grace_them_all (reload)".into());
            return;
        }
    };
    match (a.fact.name, integer(n), stops) {
        ("hook-master-start", Some(15), stops) => {
            d.hooked_term = Some(if stops { OnTerm::Stop } else { OnTerm::Reload });
        }
        // What they do anyway.
        ("hook-master-start", Some(2 | 3), true) | ("hook-master-start", Some(1), false) => {}
        _ => {
            let message = format!("{} is not supported", written(a));
            d.said.error(a, "unsupported", message).help = Some(
                "in hook-master-start signal 15 may stop or reload, 2 and 3 stop, 1 reloads; other signals are sent by uswgi-ctl's verbs"
                    .into(),
            );
        }
    }
}
