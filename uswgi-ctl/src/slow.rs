//! `slow`: slow requests as a table. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;
use uswgi_proto::route;
use uswgi_proto::scoreboard::slow::{SlowPhase, SlowRequest};

/// Those that ended since then, the slowest first, so many.
pub fn slowest(mut all: Vec<SlowRequest>, since_ms: u64, count: usize) -> Vec<SlowRequest> {
    all.retain(|r| r.ended_ms >= since_ms);
    all.sort_by_key(|r| (std::cmp::Reverse(r.total_us), r.ticket));
    all.truncate(count);
    all
}

/// Microseconds in few characters.
fn time(us: u64) -> String {
    match us {
        0 => "0".into(),
        1..1_000 => format!("{us}us"),
        1_000..10_000 => format!("{:.1}ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{}ms", us / 1_000),
        1_000_000..100_000_000 => format!("{:.2}s", us as f64 / 1e6),
        _ => format!("{}s", us / 1_000_000),
    }
}

/// The line above the table.
pub fn heading() -> String {
    let phases: String = SlowPhase::ALL.iter().map(|p| format!(" {:>8}", p.name())).collect();
    format!("{:>7} {:>8}{phases} {:>6} {:>6}  request\n", "ago", "total", "status", "worker")
}

/// A line; `-` is what is not known.
pub fn row(r: &SlowRequest, now_ms: u64) -> String {
    let mut line =
        format!("{:>7} {:>8}", time(now_ms.saturating_sub(r.ended_ms) / 1000 * 1_000_000), time(r.total_us));
    for (phase, us) in SlowPhase::ALL.into_iter().zip(r.phases) {
        let known = match phase {
            SlowPhase::Queue => r.queue_known,
            SlowPhase::Sending => true,
            _ => r.looks > 0,
        };
        let _ = write!(line, " {:>8}", if known { time(us) } else { "-".into() });
    }
    let status = if r.status == 0 { "-".into() } else { r.status.to_string() };
    let _ = writeln!(line, " {status:>6} {:>6}  {} {}", r.worker, r.line.method, r.line.uri);
    line
}

/// Of several requests: how often each route was slow, and where its time went.
pub fn by_route(all: &[SlowRequest]) -> String {
    let mut routes: BTreeMap<String, (u64, u64, [u64; SlowPhase::ALL.len()])> = BTreeMap::new();
    for r in all {
        let (count, total, phases) = routes.entry(route::fold(&r.line.method, &r.line.uri)).or_default();
        *count += 1;
        *total += r.total_us;
        phases.iter_mut().zip(r.phases).for_each(|(sum, us)| *sum += us);
    }
    let mut rows: Vec<_> = routes.into_iter().collect();
    rows.sort_by_key(|(_, (_, total, _))| std::cmp::Reverse(*total));
    let mut out = String::new();
    for (route, (count, total, phases)) in rows.into_iter().take(10) {
        let most = SlowPhase::ALL.into_iter().zip(phases).max_by_key(|(_, us)| *us).filter(|(_, us)| *us > 0);
        let most = most.map(|(p, us)| format!(", mostly {} ({})", p.name(), time(us))).unwrap_or_default();
        let _ = writeln!(out, "{count:>5} times {:>8} in all  {route}{most}", time(total));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::scoreboard::text::RequestLine;

    fn request(ticket: u64, uri: &str) -> SlowRequest {
        SlowRequest {
            ticket,
            ended_ms: ticket * 1000,
            total_us: ticket * 1_000_000,
            phases: [2_500, 0, 123_000, 700_000 * ticket, 0, 40],
            status: 200,
            worker: 2,
            line: RequestLine { method: "GET".into(), uri: uri.into(), remote: String::new() },
            ..SlowRequest::default()
        }
    }

    #[test]
    fn the_slowest_come_first_and_old_ones_not() {
        let all = vec![request(1, "/a"), request(3, "/c"), request(2, "/b")];
        let tickets = |all: Vec<SlowRequest>| all.into_iter().map(|r| r.ticket).collect::<Vec<_>>();
        assert_eq!(tickets(slowest(all.clone(), 1500, 9)), [3, 2]);
        assert_eq!(tickets(slowest(all, 0, 1)), [3]);
    }

    #[test]
    fn a_row_says_where_the_time_went_and_what_is_not_known() {
        let mut r = request(3, "/orders/7");
        assert_eq!(
            row(&r, 65_000).split_whitespace().collect::<Vec<_>>(),
            ["62.00s", "3.00s", "-", "-", "-", "-", "-", "40us", "200", "2", "GET", "/orders/7"]
        );
        (r.looks, r.queue_known, r.status) = (5, true, 0);
        assert_eq!(
            row(&r, 3_000).split_whitespace().collect::<Vec<_>>(),
            ["0", "3.00s", "2.5ms", "0", "123ms", "2.10s", "0", "40us", "-", "2", "GET", "/orders/7"]
        );
        assert_eq!(heading().split_whitespace().count(), 5 + SlowPhase::ALL.len());
    }

    #[test]
    fn routes_are_summed_up() {
        let all = vec![request(1, "/orders/7"), request(2, "/orders/8"), request(1, "/x")];
        let text = by_route(&all);
        assert!(
            text.starts_with("    2 times    3.00s in all  GET /orders/*, mostly waiting (2.10s)\n"),
            "{text}"
        );
    }
}
