//! Dates as text: in answers, and in request lines, which need the same one again and again. Local time is the
//! C library's, so the application's `time.tzset()` counts, in request lines from the next second on.

use crate::sys;
use std::cell::RefCell;
use uswgi_proto::logs::digits::{number, padded, two};

/// Seconds since the epoch, to the kernel's tick.
pub fn coarse_seconds() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME_COARSE)
        .map(|t| t.tv_sec() as u64)
        .unwrap_or(0)
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn name(list: &'static [&'static str], i: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(list.get(i as usize).copied().unwrap_or("???").as_bytes());
}

fn year(t: &libc::tm, out: &mut Vec<u8>) {
    number((i64::from(t.tm_year) + 1900).unsigned_abs(), out);
}

/// `HH:MM:SS`.
fn clock(t: &libc::tm, out: &mut Vec<u8>) {
    two(t.tm_hour as u64, out);
    out.push(b':');
    two(t.tm_min as u64, out);
    out.push(b':');
    two(t.tm_sec as u64, out);
}

/// IMF-fixdate of RFC 9110 section 5.6.7.
pub fn push_http_date(seconds: u64, out: &mut Vec<u8>) {
    let t = sys::broken_down(seconds, false);
    name(&DAYS, t.tm_wday, out);
    out.extend_from_slice(b", ");
    two(t.tm_mday as u64, out);
    out.push(b' ');
    name(&MONTHS, t.tm_mon, out);
    out.push(b' ');
    year(&t, out);
    out.push(b' ');
    clock(&t, out);
    out.extend_from_slice(b" GMT");
}

/// As ctime(3) prints it, without the line break.
fn push_ctime(seconds: u64, out: &mut Vec<u8>) {
    let t = sys::broken_down(seconds, true);
    name(&DAYS, t.tm_wday, out);
    out.push(b' ');
    name(&MONTHS, t.tm_mon, out);
    out.push(b' ');
    padded(t.tm_mday as u64, 2, b' ', out);
    out.push(b' ');
    clock(&t, out);
    out.push(b' ');
    year(&t, out);
}

/// As Apache's logs have it: `dd/Mon/yyyy:HH:MM:SS +zzzz`.
fn push_ltime(seconds: u64, out: &mut Vec<u8>) {
    let t = sys::broken_down(seconds, true);
    let minutes = t.tm_gmtoff / 60;
    two(t.tm_mday as u64, out);
    out.push(b'/');
    name(&MONTHS, t.tm_mon, out);
    out.push(b'/');
    year(&t, out);
    out.push(b':');
    clock(&t, out);
    out.extend_from_slice(if minutes < 0 { b" -" } else { b" +" });
    two(minutes.unsigned_abs() / 60, out);
    two(minutes.unsigned_abs() % 60, out);
}

/// The text of the second that a thread asked for last.
struct Kept {
    second: u64,
    text: Vec<u8>,
}

impl Kept {
    const fn new() -> Kept {
        Kept { second: 0, text: Vec::new() }
    }

    fn now(&mut self, push: fn(u64, &mut Vec<u8>), out: &mut Vec<u8>) {
        let now = coarse_seconds();
        if self.second != now || self.text.is_empty() {
            self.second = now;
            self.text.clear();
            push(now, &mut self.text);
        }
        out.extend_from_slice(&self.text);
    }
}

/// The time as in [`push_http_date`].
pub fn http_date_now(out: &mut Vec<u8>) {
    thread_local!(static KEPT: RefCell<Kept> = const { RefCell::new(Kept::new()) });
    KEPT.with_borrow_mut(|kept| kept.now(push_http_date, out));
}

/// The time as ctime(3) prints it, without the line break.
pub fn ctime_now(out: &mut Vec<u8>) {
    thread_local!(static KEPT: RefCell<Kept> = const { RefCell::new(Kept::new()) });
    KEPT.with_borrow_mut(|kept| kept.now(push_ctime, out));
}

/// The time as Apache's logs have it: `dd/Mon/yyyy:HH:MM:SS +zzzz`.
pub fn ltime_now(out: &mut Vec<u8>) {
    thread_local!(static KEPT: RefCell<Kept> = const { RefCell::new(Kept::new()) });
    KEPT.with_borrow_mut(|kept| kept.now(push_ltime, out));
}
