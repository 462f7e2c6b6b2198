//! The rules of `advise`: from what was seen to what to change, each with its numbers. Pure.
//!
//! None without data: a rule that lacks a number says nothing, and with fewer than [`ENOUGH`] requests none does.

use super::observed::{Observed, SeenWorker};

/// Requests below which nothing is advised.
pub const ENOUGH: u64 = 50;

/// What to change, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Which rule.
    pub rule: &'static str,
    /// What was seen, with its numbers.
    pub seen: String,
    /// What to write; None: no line of the configuration helps.
    pub change: Option<String>,
    /// What it costs, or when it is wrong.
    pub but: &'static str,
}

/// All that is to be said, the most urgent first.
pub fn advise(o: &Observed) -> Vec<Advice> {
    if o.requests < ENOUGH || o.seconds <= 0.0 {
        return Vec::new();
    }
    [too_few, queue_too_short, gil, too_many, harakiri_kills, no_harakiri, one_route, memory, limits]
        .into_iter()
        .filter_map(|rule| rule(o))
        .collect()
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// Every lane is busy, and connections wait.
fn too_few(o: &Observed) -> Option<Advice> {
    let busy = o.busy_share()?;
    let waited = o.waited_share()?;
    // Lanes that are always busy, with nobody waiting, are a load that just fits.
    if busy < 0.85 || waited < 0.2 {
        return None;
    }
    let seen = format!(
        "{:.0} % of {} lanes were busy, and connections waited in {:.0} % of the looks",
        percent(busy),
        o.lanes(),
        percent(waited)
    );
    if o.cpu_share().is_some_and(|cpu| cpu >= 0.9) {
        let seen =
            format!("{seen}; the workers had {:.0} % of {} processors", percent(o.cpu_share()?), o.cpus);
        let but = "more workers would only wait for a processor: a faster application, or another machine";
        return Some(Advice { rule: "machine-full", seen, change: None, but });
    }
    // In waits threads are as good as workers and cost no memory; where the GIL is wanted they are not.
    let (gil, waiting) = (o.share("gil").unwrap_or(0.0), o.share("waiting").unwrap_or(0.0));
    let more = |n: u32| ((f64::from(n) * 1.5).ceil() as u32).max(n + 1);
    if waiting >= 0.6 && gil < 0.1 && o.lanes_are_threads && o.threads > 1 {
        let seen =
            format!("{seen}; requests wait for something else {:.0} % of their time", percent(waiting));
        let but = "the application has to be safe with threads; each is a connection to its database more";
        return Some(Advice {
            rule: "too-few",
            seen,
            change: Some(format!("threads = {}", more(o.threads))),
            but,
        });
    }
    let wanted = more(o.workers);
    let each = o.workers_seen.iter().map(|w| w.own_bytes()).max().unwrap_or(0);
    let (room, needed) = (o.memory_available / 2, each.saturating_mul(u64::from(wanted - o.workers)));
    if o.memory_available > 0 && needed > room {
        let seen = format!(
            "{seen}; {} more workers of {} MiB do not fit into half of the {} MiB that are free",
            wanted - o.workers,
            mib(each),
            mib(o.memory_available)
        );
        let but = "less memory for each worker first (import less, reload-on-rss), or another machine";
        return Some(Advice { rule: "too-few", seen, change: None, but });
    }
    let but = "each worker is memory, and a connection to the database for each of its threads";
    Some(Advice { rule: "too-few", seen, change: Some(format!("workers = {wanted}")), but })
}

/// The queue of a socket was full.
fn queue_too_short(o: &Observed) -> Option<Advice> {
    let q = o.queues.iter().filter(|q| q.limit > 0).max_by_key(|q| (q.full, q.highest * 100 / q.limit))?;
    if q.full == 0 && u64::from(q.highest) * 5 < u64::from(q.limit) * 4 {
        return None;
    }
    let wanted = (q.limit * 2).next_power_of_two();
    let seen = format!(
        "up to {} of {} connections waited at {}, full in {} looks",
        q.highest, q.limit, q.name, q.full
    );
    let but = if wanted > o.somaxconn {
        "net.core.somaxconn has to be raised too; a longer queue is patience, not speed"
    } else {
        "a longer queue is patience, not speed"
    };
    Some(Advice { rule: "listen", seen, change: Some(format!("listen = {wanted}")), but })
}

/// Threads wait for each other.
fn gil(o: &Observed) -> Option<Advice> {
    let gil = o.share("gil")?;
    if o.threads < 2 || !o.lanes_are_threads || gil < 0.2 {
        return None;
    }
    let threads = (o.threads / 2).max(1);
    let seen = format!(
        "requests wait for the GIL {:.0} % of their time ({:.0} % running), with {} threads in each worker",
        percent(gil),
        percent(o.share("running").unwrap_or(0.0)),
        o.threads
    );
    // As many lanes as before, but no more workers than processors for what only computes.
    let workers = (o.lanes() / threads).min(o.workers.max(o.cpus * 2)).max(o.workers);
    let change = match workers > o.workers {
        true => format!("threads = {threads}\nworkers = {workers}"),
        false => format!("threads = {threads}"),
    };
    Some(Advice {
        rule: "gil",
        seen,
        change: Some(change),
        but: "a worker more is memory; requests that wait for a database need threads",
    })
}

/// Lanes that nobody needed.
fn too_many(o: &Observed) -> Option<Advice> {
    let peak = o.busy.iter().max().copied()?;
    if o.workers < 2 || o.cheaper || o.seconds < 30.0 || f64::from(peak) > 0.25 * f64::from(o.lanes()) {
        return None;
    }
    let needed = (f64::from(peak) / 0.6 / f64::from(o.threads.max(1))).ceil().max(1.0) as u32;
    if needed >= o.workers {
        return None;
    }
    let saved: u64 =
        o.workers_seen.iter().map(SeenWorker::own_bytes).min().unwrap_or(0) * u64::from(o.workers - needed);
    let seen = format!(
        "at most {peak} of {} lanes were busy at once; {} MiB are in workers beyond {needed}",
        o.lanes(),
        mib(saved)
    );
    let but = "right for the load of this time: look in the busiest hour. cheaper starts the others when they are needed";
    Some(Advice { rule: "too-many", seen, change: Some(format!("cheaper = {needed}")), but })
}

fn harakiri_kills(o: &Observed) -> Option<Advice> {
    if o.harakiri_kills == 0 {
        return None;
    }
    let seen = format!("{} requests met their harakiri of {} s", o.harakiri_kills, o.harakiri_s);
    Some(Advice {
        rule: "harakiri-kills",
        seen,
        change: None,
        but: "the log has their stacks; what is meant to be long belongs to a spooler or a mule",
    })
}

/// Nothing ends a request that hangs.
fn no_harakiri(o: &Observed) -> Option<Advice> {
    if o.harakiri_s > 0 {
        return None;
    }
    let longest = o.longest_us.max(o.p99_us?);
    let wanted = ((longest as f64 / 1e6).ceil() as u64 * 10).clamp(30, 600);
    let seen = format!(
        "harakiri is off; 99 of 100 requests took less than {:.2} s, the longest {:.1} s",
        o.p99_us? as f64 / 1e6,
        longest as f64 / 1e6
    );
    Some(Advice {
        rule: "no-harakiri",
        seen,
        change: Some(format!("harakiri = {wanted}")),
        but: "longer than anything that is meant to be long",
    })
}

/// One route has most of the lanes.
fn one_route(o: &Observed) -> Option<Advice> {
    let (route, share) = o.routes.first()?;
    let busy = o.busy_share()?;
    if o.routes.len() < 2 || *share < 0.6 || busy < 0.3 {
        return None;
    }
    let seen = format!("{:.0} % of the time of all requests is of {route}", percent(*share));
    Some(Advice {
        rule: "one-route",
        seen,
        change: None,
        but: "uswgi-ctl profile -o route.svg shows where; a spooler takes what nobody waits for",
    })
}

/// Memory grows with requests, and nothing bounds it.
fn memory(o: &Observed) -> Option<Advice> {
    let grown = o.workers_seen.iter().filter_map(|w| Some((w, w.growth()?)));
    let (w, growth) = grown.max_by_key(|(_, growth)| growth.bytes)?;
    if o.reload_on_rss > 0 || o.max_requests > 0 {
        return None;
    }
    let each = growth.bytes as f64 / growth.requests as f64;
    // As much again as it has now.
    let requests = ((w.rss.last()?.1 as f64 / each) as u64 / 100 * 100).max(100);
    let seen = format!(
        "worker {} grew by {:.1} MiB in {} requests ({:.1} KiB each), and went on to the end",
        w.id,
        growth.bytes as f64 / (1 << 20) as f64,
        growth.requests,
        each / 1024.0
    );
    Some(Advice {
        rule: "memory-grows",
        seen,
        change: Some(format!("reload-on-rss = {}", mib(w.rss.last()?.1 * 2))),
        but: if requests < 1_000 {
            "that is soon: find the leak (tracemalloc)"
        } else {
            "it bounds a leak and does not mend it; successors accept first, no request is lost"
        },
    })
}

/// A limit replaces workers again and again.
fn limits(o: &Observed) -> Option<Advice> {
    let each_minute = o.replaced_for_memory as f64 * 60.0 / o.seconds;
    if o.replaced_for_memory < 2 || each_minute < f64::from(o.workers) / 5.0 {
        return None;
    }
    let seen =
        format!("{} workers were replaced for their memory in {:.0} s", o.replaced_for_memory, o.seconds);
    let change = (o.reload_on_rss > 0).then(|| format!("reload-on-rss = {}", mib(o.reload_on_rss * 2)));
    Some(Advice { rule: "memory-limit", seen, change, but: "each replacement is a fork and a cold cache" })
}
