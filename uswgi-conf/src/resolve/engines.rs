//! In what requests run: threads, greenlets or tasks. One kind an instance.

use super::draft::Draft;
use super::value::written;
use crate::diag::Diagnostic;
use crate::expand::{Applied, Expansion, truth};
use uswgi_proto::settings::{AsyncioLoop, LaneKind, Lanes, WebSocketReload};

/// How many greenlets: `gevent = N`, and, as on uWSGI 2.0.31, `async = N` beside it or beside `loop = gevent`; the last of
/// them counts. It takes 0 and 1, and its workers then end as soon as they are started ("requires async mode").
fn greenlets(d: &mut Draft, expansion: &Expansion) {
    let is_loop = |a: &&Applied| a.fact.name == "loop" && a.value.as_deref() == Some(b"gevent");
    let by_loop = expansion.applied.iter().rfind(is_loop);
    let last = |names: &[&str]| expansion.applied.iter().rfind(|a| names.contains(&a.fact.name));
    let Some(asked) = last(&["gevent"]).or(by_loop) else { return };
    d.said.take_back("async");
    if by_loop.is_some() {
        d.said.take_back("loop");
    }
    let number = last(&["gevent", "async"]);
    match number.map_or(Some(0), |a| d.said.number32(a)) {
        Some(n) if n >= 2 => d.greenlets = Some(n),
        Some(_) => {
            let a = number.unwrap_or(asked);
            let message = format!("{}: there must be at least two greenlets", written(a));
            d.said.error(a, "bad-number", message).help = Some(
                "each runs one request: gevent = 100 is common; without the line requests run in threads"
                    .into(),
            );
        }
        None => {}
    }
}

/// `asgi-tasks = N`.
pub(super) fn tasks(d: &mut Draft, a: &Applied) {
    match d.said.number32(a) {
        Some(n) if n >= 2 => d.tasks = Some(n),
        Some(_) => {
            let message = format!("{}: there must be at least two tasks", written(a));
            d.said.error(a, "bad-number", message).help = Some("each runs one request".into());
        }
        None => {}
    }
}

/// `asyncio-loop = NAME`.
pub(super) fn asyncio_loop(d: &mut Draft, a: &Applied) {
    d.instance.lanes.asyncio_loop = match a.value.as_deref() {
        Some(b"auto") => AsyncioLoop::Auto,
        Some(b"asyncio") => AsyncioLoop::Asyncio,
        Some(b"uvloop") => AsyncioLoop::Uvloop,
        _ => return d.said.bad(a, "no loop of that name is known", "write auto, asyncio or uvloop"),
    };
}

/// `websockets-max-size = KIB`.
pub(super) fn max_size(d: &mut Draft, a: &Applied) {
    match d.said.number(a) {
        Some(0) => d.said.bad(a, "no message would fit", "write a number of KiB, as in uWSGI: 1024 is a MiB"),
        Some(kib) => d.instance.websockets.max_kib = kib,
        None => {}
    }
}

/// `websocket-reload = close|drain`.
pub(super) fn websocket_reload(d: &mut Draft, a: &Applied) {
    d.instance.websockets.reload = match a.value.as_deref() {
        Some(b"close") => WebSocketReload::Close,
        Some(b"drain") => WebSocketReload::Drain,
        _ => return d.said.bad(a, "that is no way to end WebSockets", "write close or drain"),
    };
}

/// The kind of the lanes, once all was said.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    greenlets(d, expansion);
    if d.asgi {
        for name in ["gevent", "threads"] {
            let given = if name == "gevent" { d.greenlets.is_some() } else { d.instance.threads > 1 };
            if given && let Some(a) = expansion.applied.iter().rfind(|a| a.fact.name == name) {
                let message = format!(
                    "{} and asgi: a worker runs requests in threads, in greenlets or in tasks",
                    written(a)
                );
                let help = format!("remove `{name}`: tasks share the main thread");
                d.said.0.push(Diagnostic::error("two-engines", message).at(&a.place.value()).help(help));
            }
        }
        d.instance.threads = d.tasks.unwrap_or(Lanes::TASKS);
        d.instance.lanes.kind = LaneKind::Tasks;
        return;
    }
    let Some(greenlets) = d.greenlets else {
        for name in ["gevent-monkey-patch", "gevent-early-monkey-patch", "gevent-wait-for-hub"] {
            let on = |a: &&Applied| a.fact.name == name && truth(a.value.as_deref());
            if let Some(a) = expansion.applied.iter().rfind(on) {
                let message = format!("{} has no effect without `gevent = N`, as in uWSGI", written(a));
                d.said.warning(a, "no-gevent", message);
            }
        }
        return;
    };
    if d.instance.threads > 1
        && let Some(a) = expansion.applied.iter().rfind(|a| a.fact.name == "threads")
    {
        let message = format!(
            "{} and gevent = {greenlets}: a worker runs requests in threads or in greenlets",
            written(a)
        );
        let help = "remove `threads`: greenlets share the main thread (uWSGI would run as many greenlets as there are threads)";
        d.said.0.push(Diagnostic::error("two-engines", message).at(&a.place.value()).help(help));
    }
    d.instance.threads = greenlets;
    d.instance.lanes.kind = LaneKind::Greenlets;
}

#[cfg(test)]
mod tests {
    use crate::expand::{Mode, expand};
    use crate::resolve::resolve;
    use uswgi_proto::settings::LaneKind;

    /// How many greenlets, or the codes of what is said.
    fn greenlets(args: &[&str]) -> Result<u32, Vec<&'static str>> {
        let all = [&["--http-socket", ":0", "--wsgi-file", "a.py"], args].concat();
        let all: Vec<Vec<u8>> = all.iter().map(|a| a.as_bytes().to_vec()).collect();
        let r = resolve(&expand(&all, &[], Mode::default()).0);
        let codes: Vec<&str> = r.diagnostics.iter().map(|d| d.code).collect();
        let kind = r.instance.lanes.kind;
        if codes.is_empty() && kind == LaneKind::Greenlets { Ok(r.instance.threads) } else { Err(codes) }
    }

    /// As uWSGI 2.0.31 was seen to count them.
    #[test]
    fn async_is_the_number_of_greenlets_beside_gevent() {
        assert_eq!(greenlets(&["--gevent", "100"]), Ok(100));
        assert_eq!(greenlets(&["--gevent", "true", "--async", "100"]), Ok(100));
        assert_eq!(greenlets(&["--gevent", "8", "--async", "4"]), Ok(4));
        assert_eq!(greenlets(&["--async", "4", "--gevent", "8"]), Ok(8));
        assert_eq!(greenlets(&["--loop", "gevent", "--async", "4"]), Ok(4));
        assert_eq!(greenlets(&["--gevent", "4", "--loop", "gevent"]), Ok(4));
        assert_eq!(greenlets(&["--async", "4"]), Err(vec!["unsupported"]));
        assert_eq!(greenlets(&["--loop", "asyncio", "--gevent", "4"]), Err(vec!["unsupported"]));
        for few in [&["--gevent", "1"][..], &["--gevent", "8", "--async", "1"], &["--loop", "gevent"]] {
            assert_eq!(greenlets(few), Err(vec!["bad-number"]), "{few:?}");
        }
    }
}
