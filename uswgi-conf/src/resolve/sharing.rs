//! What applications share beside locks and caches: the queue, areas of bytes, numbers; and functions for others (`rpc`).

use super::draft::Draft;
use super::value::written;
use crate::expand::{Applied, Expansion};
use uswgi_proto::background::RpcRules;
use uswgi_proto::shared::{MetricKind, MetricSpec, QueueSpec};

/// Bytes of a page, in which areas and queues are counted.
const PAGE: u64 = 4096;

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let shared = &mut d.instance.shared;
    match a.fact.name {
        "queue" => shared.queue.slots = d.said.number32(a).unwrap_or(0),
        "queue-blocksize" => {
            let given = d.said.number32(a).filter(|n| *n > 0);
            shared.queue.blocksize = given.unwrap_or_else(|| QueueSpec::default().blocksize);
        }
        "sharedarea" => area(d, a),
        "metric" => metric(d, a),
        "rpc-max" => {
            let given = d.said.number32(a).filter(|n| *n > 0);
            d.instance.background.rpc.most = given.unwrap_or_else(|| RpcRules::default().most);
        }
        "rpc-allow-ips" => {
            let Some(text) = super::forms::peers(d, a) else { return true };
            let to = &mut d.instance.background.rpc.allow;
            *to = if *to == RpcRules::default().allow { text } else { format!("{to},{text}") };
        }
        _ => return false,
    }
    true
}

fn items(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').map(|item| item.split_once('=').unwrap_or((item, "")))
}

/// `sharedarea = PAGES`, or `pages=N`, or `size=BYTES`, which is rounded up to pages as on uWSGI.
fn area(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| (1..=1 << 40).contains(n));
    let mut bytes = None;
    for (key, value) in items(&text) {
        bytes = match key {
            "pages" => number(value).and_then(|n| n.checked_mul(PAGE)),
            "size" => number(value).map(|n| n.next_multiple_of(PAGE)),
            "file" | "fd" | "offset" | "ptr" => {
                let message =
                    format!("sharedarea: {key} is not supported: an area is memory of its own here");
                d.said.error(a, "unsupported", message).help =
                    Some("write a number of pages, and fill it when the app is loaded; or map the file in the app (mmap)".into());
                return;
            }
            pages => number(pages).and_then(|n| n.checked_mul(PAGE)),
        };
    }
    match bytes {
        Some(bytes) => d.instance.shared.areas.push(bytes),
        None => d.said.bad(a, "it has no number of pages", "write sharedarea = 4: pages of 4096 bytes"),
    }
}

/// `metric = NAME`, or `name=NAME,type=...`.
fn metric(d: &mut Draft, a: &Applied) {
    const HELP: &str =
        "write metric = name=NAME,type=gauge,initial_value=0; uwsgi.metric_set and its kin change it";
    let Some(text) = d.said.filled(a) else { return };
    let mut spec =
        MetricSpec { name: String::new(), kind: MetricKind::Counter, initial: 0, oid: String::new() };
    if !text.contains('=') {
        spec.name = text.clone();
    }
    for (key, value) in items(&text).filter(|_| text.contains('=')) {
        let mut refused = |what: &str| {
            let message =
                format!("metric: {what} is not supported: a metric is changed by the application here");
            d.said.error(a, "unsupported", message).help = Some(HELP.into());
        };
        match (key, value) {
            ("name", name) => spec.name = name.into(),
            ("type", "counter") => spec.kind = MetricKind::Counter,
            ("type", "gauge") => spec.kind = MetricKind::Gauge,
            ("type", "absolute") => spec.kind = MetricKind::Absolute,
            ("type", "alias") => return refused("type=alias"),
            ("oid", oid) => spec.oid = oid.into(),
            ("initial_value", value) => match value.parse() {
                Ok(n) => spec.initial = n,
                Err(_) => return d.said.bad(a, "initial_value is no number", HELP),
            },
            ("collector" | "freq" | "alias" | "children" | "reset_after_push", _) => return refused(key),
            (key, _) if key.starts_with("arg") => return refused(key),
            _ => return d.said.bad(a, &format!("there is no {key}={value}"), HELP),
        }
    }
    if spec.name.is_empty() {
        return d.said.bad(a, "it has no name", HELP);
    }
    // The later one of a name counts, as the first is never found on uWSGI.
    let all = &mut d.instance.shared.metrics;
    all.retain(|m| m.name != spec.name);
    all.push(spec);
}

/// What needs more than one option.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let given = |name: &str| expansion.applied.iter().rfind(|a| a.fact.name == name);
    let QueueSpec { slots, blocksize } = d.instance.shared.queue;
    if slots == 0 {
        if let Some(a) = given("queue-blocksize") {
            let message = "queue-blocksize has no effect without queue".to_string();
            d.said.warning(a, "no-effect", message).help = Some("add queue, a number of blocks".into());
        }
    } else if (u64::from(slots) * u64::from(blocksize)) % PAGE != 0
        && let Some(a) = given("queue-blocksize").or(given("queue"))
    {
        let message = format!(
            "{}: {slots} blocks of {blocksize} bytes are no multiple of {PAGE} bytes, which uWSGI refuses too",
            written(a)
        );
        d.said.error(a, "bad-number", message).help =
            Some("choose a blocksize that is a multiple of 4096, or leave it away: 8192".into());
    }
}
