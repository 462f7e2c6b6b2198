//! What a worker is asked for a profile, and what it answers: how often its lanes stood where, with the request of each.
//!
//! The question goes through the pipe of [`crate::stacks`], the answer comes into a memory file beside it, in the form
//! of [`crate::stacks::Mailbox`]. A profile is taken in slices of a second or so: whoever asks asks again, so that a
//! worker whose asker has gone stops by itself.
//!
//! The text of a slice: lines of fields behind tabs. `P` the interpreter; `T` ticks, ticks that came late, looks at idle
//! lanes, looks at busy ones whose stack was not to be read; `F` a frame (name, file, first line), numbered in their
//! order from 0; `R` a route, likewise; `S` a count, the number of a [`LaneStanding`], a route or `-`, frames from the root.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fmt::Write;

/// Longest text of a slice; a worker leaves out what is beyond, and says so.
pub const LONGEST: usize = 16 << 20;

/// Looks each second that are possible.
pub const RATES: std::ops::RangeInclusive<u16> = 1..=1000;

/// Milliseconds of a slice that are possible.
pub const SLICE_MS: std::ops::RangeInclusive<u16> = 10..=10_000;

/// What a lane does with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LaneStanding {
    /// It runs, or would if it had a processor.
    Runs,
    /// It waits for the interpreter's lock.
    Gil,
    /// It waits for its client's body.
    Input,
    /// It waits until its client takes more of the answer.
    Sending,
    /// It waits for something else: another server, a lock, a disk, time.
    Waits,
}

impl LaneStanding {
    /// All, in the order of their numbers.
    pub const ALL: [LaneStanding; 5] = [
        LaneStanding::Runs,
        LaneStanding::Gil,
        LaneStanding::Input,
        LaneStanding::Sending,
        LaneStanding::Waits,
    ];

    /// For people and programs: one word.
    pub const fn name(self) -> &'static str {
        match self {
            LaneStanding::Runs => "running",
            LaneStanding::Gil => "gil",
            LaneStanding::Input => "input",
            LaneStanding::Sending => "sending",
            LaneStanding::Waits => "waiting",
        }
    }

    /// The frame at the top of a stack that stands so; None: it needs none.
    pub const fn frame(self) -> Option<&'static str> {
        match self {
            LaneStanding::Runs => None,
            LaneStanding::Gil => Some("[waits for the GIL]"),
            LaneStanding::Input => Some("[waits for the client's body]"),
            LaneStanding::Sending => Some("[waits for the client to take the answer]"),
            LaneStanding::Waits => Some("[waits]"),
        }
    }
}

/// A function of Python.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PythonFrame {
    /// With its class where the interpreter tells it (from 3.11 on).
    pub name: String,
    /// The file of its code.
    pub file: String,
    /// Where it begins.
    pub line: u32,
}

/// Where a lane stood, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SampledStack {
    /// What it did.
    pub standing: LaneStanding,
    /// Number of its route in [`Slice::routes`]; None: it is not known.
    pub route: Option<u32>,
    /// Numbers of frames in [`Slice::frames`], from the root.
    pub frames: Vec<u32>,
}

/// What a worker saw of its lanes for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The interpreter, for people.
    pub python: String,
    /// Looks at all lanes.
    pub ticks: u64,
    /// Looks that did not take place, as the one before was late.
    pub late: u64,
    /// Lanes without a request, summed over the looks.
    pub idle: u64,
    /// Lanes with one whose stack changed while it was read, each time.
    pub unread: u64,
    /// Functions.
    pub frames: Vec<PythonFrame>,
    /// Routes ([`crate::route`]).
    pub routes: Vec<String>,
    /// How often lanes stood where.
    pub stacks: HashMap<SampledStack, u64>,
}

impl Slice {
    /// As text; the second value is how many stacks were left out because it would be longer than `longest`.
    pub fn to_text(&self, longest: usize) -> (String, u64) {
        let mut text = format!(
            "P\t{}\nT\t{}\t{}\t{}\t{}\n",
            plain(&self.python),
            self.ticks,
            self.late,
            self.idle,
            self.unread
        );
        for frame in &self.frames {
            let _ = writeln!(text, "F\t{}\t{}\t{}", plain(&frame.name), plain(&frame.file), frame.line);
        }
        for route in &self.routes {
            let _ = writeln!(text, "R\t{}", plain(route));
        }
        let mut stacks: Vec<(&SampledStack, &u64)> = self.stacks.iter().collect();
        // The most frequent ones are there also where the text ends early.
        stacks.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut left_out = 0;
        for (stack, count) in stacks {
            let begin = text.len();
            let route = stack.route.map_or("-".into(), |r| r.to_string());
            let standing = stack.standing as u8;
            let _ = write!(text, "S\t{count}\t{standing}\t{route}\t");
            for (i, frame) in stack.frames.iter().enumerate() {
                let _ = write!(text, "{}{frame}", if i > 0 { " " } else { "" });
            }
            text.push('\n');
            if text.len() > longest {
                text.truncate(begin);
                left_out += count;
            }
        }
        (text, left_out)
    }

    /// From the text; None where it is none.
    pub fn from_text(text: &str) -> Option<Slice> {
        let mut slice = Slice::default();
        for line in text.lines() {
            let mut fields = line.split('\t');
            match fields.next()? {
                "P" => slice.python = fields.next()?.to_string(),
                "T" => {
                    let mut number = || fields.next()?.parse().ok();
                    (slice.ticks, slice.late, slice.idle, slice.unread) =
                        (number()?, number()?, number()?, number()?);
                }
                "F" => slice.frames.push(PythonFrame {
                    name: fields.next()?.to_string(),
                    file: fields.next()?.to_string(),
                    line: fields.next()?.parse().ok()?,
                }),
                "R" => slice.routes.push(fields.next()?.to_string()),
                "S" => {
                    let count: u64 = fields.next()?.parse().ok()?;
                    let standing = *LaneStanding::ALL.get(fields.next()?.parse::<usize>().ok()?)?;
                    let route = match fields.next()? {
                        "-" => None,
                        number => Some(number.parse().ok().filter(|n| (*n as usize) < slice.routes.len())?),
                    };
                    let known = |n: &str| n.parse().ok().filter(|n| (*n as usize) < slice.frames.len());
                    let frames = fields
                        .next()?
                        .split(' ')
                        .filter(|n| !n.is_empty())
                        .map(known)
                        .collect::<Option<_>>()?;
                    *slice.stacks.entry(SampledStack { standing, route, frames }).or_default() += count;
                }
                _ => return None,
            }
        }
        Some(slice)
    }
}

/// Without what separates fields and lines.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slice() -> Slice {
        let frame =
            |name: &str, line| PythonFrame { name: name.into(), file: "/srv/a\u{e9}.py".into(), line };
        let stack =
            |standing, route, frames: &[u32]| SampledStack { standing, route, frames: frames.to_vec() };
        Slice {
            python: "3.11.7".into(),
            ticks: 100,
            late: 1,
            idle: 70,
            unread: 2,
            frames: vec![frame("app", 1), frame("C.f", 9)],
            routes: vec!["GET /a/*".into()],
            stacks: HashMap::from([
                (stack(LaneStanding::Runs, Some(0), &[0, 1]), 20),
                (stack(LaneStanding::Gil, Some(0), &[0]), 5),
                (stack(LaneStanding::Waits, None, &[]), 3),
            ]),
        }
    }

    #[test]
    fn a_slice_comes_back_and_a_long_one_keeps_the_most_frequent_stacks() {
        let (text, left_out) = slice().to_text(LONGEST);
        assert_eq!((Slice::from_text(&text), left_out), (Some(slice()), 0));
        let (cut, left_out) = slice().to_text(text.len() - 1);
        let back = Slice::from_text(&cut).unwrap();
        assert_eq!((left_out, back.stacks.len()), (3, 2), "{cut}");
        assert!(back.stacks.keys().all(|s| s.standing != LaneStanding::Waits));
    }

    #[test]
    fn names_with_tabs_and_lines_break_nothing() {
        let mut s = slice();
        s.frames[0].name = "a\tb\nc".into();
        s.routes[0] = "GET /\r\n".into();
        let back = Slice::from_text(&s.to_text(LONGEST).0).unwrap();
        assert_eq!((back.frames[0].name.as_str(), back.routes[0].as_str()), ("a?b?c", "GET /??"));
        assert_eq!(back.stacks, s.stacks);
    }

    #[test]
    fn the_numbers_of_standings_are_their_places() {
        for (i, standing) in LaneStanding::ALL.into_iter().enumerate() {
            assert_eq!(standing as usize, i);
        }
    }

    proptest! {
        #[test]
        fn nonsense_is_refused_or_read_and_never_a_panic(text in "([PTFRS]\t([0-9]{1,3}[ \t]){0,6}\n){0,6}") {
            if let Some(slice) = Slice::from_text(&text) {
                for stack in slice.stacks.keys() {
                    prop_assert!(stack.frames.iter().all(|f| (*f as usize) < slice.frames.len()));
                }
            }
        }
    }
}
