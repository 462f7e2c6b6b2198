//! Options about Python around the application: second names of modules, imports, the end of a worker, exceptions after
//! which it is replaced. Each as measured on uWSGI 2.0.31.

use super::draft::Draft;
use super::value::written;
use crate::expand::{Applied, truth};
use std::path::PathBuf;

/// The smallest stack that Python takes, in KiB.
const LEAST_STACK: u32 = 32;

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let on = truth(a.value.as_deref());
    match a.fact.name {
        "pymodule-alias" => {
            if let Some(pair) = alias(d, a) {
                d.instance.python.aliases.push(pair);
            }
        }
        "post-pymodule-alias" => {
            if let Some(pair) = alias(d, a) {
                d.instance.python.late_aliases.push(pair);
            }
        }
        "shared-import" | "shared-pyimport" | "shared-py-import" | "shared-python-import" => {
            d.instance.python.shared_imports.extend(d.said.filled(a));
        }
        "eval" => d.eval = d.said.filled(a),
        "paste" => d.paste = d.said.filled(a),
        "ini-paste" => d.paste = paste_of(d, a),
        "ini-paste-logged" => {
            d.paste = paste_of(d, a);
            d.instance.app.paste_logger = true;
        }
        "paste-logger" => d.instance.app.paste_logger = on,
        "py-executable" | "py-sys-executable" => d.instance.python.executable = d.said.filled(a),
        "optimize" => d.instance.optimize = d.said.number32(a).unwrap_or(0).min(2),
        "no-site" => d.instance.no_site = on,
        "skip-atexit" => d.instance.python.skip_atexit = on,
        "skip-atexit-teardown" => d.instance.python.skip_teardown = on,
        "py-tracebacker" => d.instance.python.tracebacker = d.said.filled(a).map(PathBuf::from),
        "thread-stacksize" | "threads-stacksize" | "thread-stack-size" | "threads-stack-size" => stack(d, a),
        "reload-on-exception" => d.instance.python.reload_on.any = on,
        "reload-on-exception-type" => d.instance.python.reload_on.types.extend(d.said.filled(a)),
        "reload-on-exception-value" => d.instance.python.reload_on.values.extend(d.said.filled(a)),
        "reload-on-exception-repr" => d.instance.python.reload_on.reprs.extend(d.said.filled(a)),
        _ => return false,
    }
    true
}

/// `NAME=MODULE` or `NAME=FILE`. uWSGI says of another form that it is none, and goes on.
fn alias(d: &mut Draft, a: &Applied) -> Option<(String, String)> {
    let text = d.said.filled(a)?;
    match text.split_once('=') {
        Some((name, module)) if !name.is_empty() && !module.is_empty() => Some((name.into(), module.into())),
        _ => {
            let message = format!("{} names no module and is left out", written(a));
            d.said.warning(a, "bad-value", message).help =
                Some("write NAME=MODULE or NAME=/path/of/file.py".into());
            None
        }
    }
}

/// The file of `ini-paste` as `paste` would have it; its section `[uwsgi]` was read by `expand`.
fn paste_of(d: &mut Draft, a: &Applied) -> Option<String> {
    let file = d.said.filled(a)?;
    let path = std::path::absolute(&file).unwrap_or_else(|_| PathBuf::from(&file));
    Some(format!("config:{}", path.display()))
}

fn stack(d: &mut Draft, a: &Applied) {
    let Some(kib) = d.said.number32(a) else { return };
    if (1..LEAST_STACK).contains(&kib) {
        let message = format!("{}: Python takes no stack below {LEAST_STACK} KiB", written(a));
        d.said.error(a, "bad-number", message).help = Some("the number counts KiB: 512 is half a MiB".into());
        return;
    }
    d.instance.python.stack_kib = kib;
}
