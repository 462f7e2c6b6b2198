//! Lines that raise alarms (`alarm-log`): which ones, and the way from the log process to its parent.
//!
//! The log process looks at every text before it goes where it belongs, and never waits for its parent: what does not fit the
//! socket is lost. The parent holds both ends, so that a log process that dies loses nothing, and the next one goes on.
#![forbid(unsafe_code)]

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use regex::bytes::{Regex, RegexBuilder};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use uswgi_proto::control::MOST_ALARM_BYTES;
use uswgi_proto::logs::routing::LogAlarm;

/// Alarms that are taken at a time.
const AT_A_TIME: usize = 64;

/// Patterns in order, with the alarms that each raises; None: a text that matches raises none of the later ones.
#[derive(Default)]
pub struct AlarmRules(Vec<(Regex, Option<Vec<String>>)>);

impl AlarmRules {
    /// Compile them.
    pub fn new(all: &[LogAlarm]) -> Result<AlarmRules, regex::Error> {
        let one = |a: &LogAlarm| {
            let pattern = RegexBuilder::new(&a.pattern).unicode(false).build()?;
            Ok((pattern, (!a.negated).then(|| a.alarms.clone())))
        };
        all.iter().map(one).collect::<Result<_, _>>().map(AlarmRules)
    }

    /// The alarms that a text raises.
    pub fn raised<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = &'a str> {
        let matching = self.0.iter().filter(|(pattern, _)| pattern.is_match(text));
        matching.map_while(|(_, alarms)| alarms.as_ref()).flatten().map(String::as_str)
    }
}

/// Whether a message of the parent is about alarms: it raises none, or there would be no end.
fn is_of_alarms(text: &[u8]) -> bool {
    [&b"ALARM: "[..], b"alarm ", b"an alarm "].iter().any(|start| text.starts_with(start))
}

/// The way from log processes to their parent; both ends are ours.
#[derive(Debug)]
pub struct AlarmPipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl AlarmPipe {
    /// Nothing is in it yet.
    pub fn new() -> nix::Result<AlarmPipe> {
        let (reader, writer) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        Ok(AlarmPipe { reader, writer })
    }

    /// What the parent watches.
    pub fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// For the log process.
    pub fn writer(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    /// The alarms that were raised, with their messages.
    pub fn take(&self) -> Vec<(String, Vec<u8>)> {
        let mut buffer = vec![0; 64 * 1024];
        let mut next = || {
            let n = recv(self.reader.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).ok()?;
            let end = buffer[..n].iter().position(|&b| b == 0)?;
            Some((String::from_utf8_lossy(&buffer[..end]).into_owned(), buffer[end + 1..n].to_vec()))
        };
        std::iter::from_fn(&mut next).take(AT_A_TIME).collect()
    }
}

/// What the log process does with each text.
pub struct LineAlarms {
    rules: AlarmRules,
    to: OwnedFd,
}

impl LineAlarms {
    /// With the writing end of an [`AlarmPipe`].
    pub fn new(rules: AlarmRules, to: OwnedFd) -> LineAlarms {
        LineAlarms { rules, to }
    }

    /// Raise the alarms of a line; `text`: what it was made of, `of_parent`: it is a message of the parent.
    pub fn see(&self, of_parent: bool, text: &[u8], line: &[u8]) {
        if !(of_parent && is_of_alarms(text)) {
            self.rules.raised(line).for_each(|name| raise(self.to.as_fd(), name, line));
        }
    }
}

/// In the log process: raise an alarm with a text, as a line.
fn raise(to: BorrowedFd<'_>, name: &str, text: &[u8]) {
    let text = &text[..text.len().min(MOST_ALARM_BYTES as usize - 1)];
    let packet = [name.as_bytes(), b"\0", text, b"\n"].concat();
    let _ = send(to.as_raw_fd(), &packet, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(negated: bool, alarms: &[&str], pattern: &str) -> LogAlarm {
        let alarms = alarms.iter().map(|a| (*a).to_string()).collect();
        LogAlarm { negated, alarms, pattern: pattern.into() }
    }

    #[test]
    fn patterns_raise_alarms_in_their_order_until_one_says_not() {
        let rules = AlarmRules::new(&[
            alarm(false, &["a", "b"], "needle"),
            alarm(true, &["a"], "^skip"),
            alarm(false, &["c"], "needle|hay"),
        ])
        .unwrap();
        let of = |text: &str| rules.raised(text.as_bytes()).collect::<Vec<_>>().join("");
        assert_eq!((of("a needle").as_str(), of("hay").as_str(), of("straw").as_str()), ("abc", "c", ""));
        assert_eq!((of("skip needle").as_str(), of("skip hay").as_str()), ("ab", ""));
        assert!(rules.raised(b"\xff needle").next().is_some());
        assert!(AlarmRules::new(&[alarm(false, &["a"], "(")]).is_err());
    }

    #[test]
    fn what_is_raised_arrives_whole_and_nobody_waits() {
        let pipe = AlarmPipe::new().unwrap();
        assert_eq!(pipe.take(), []);
        raise(pipe.writer(), "a", b"text \0 \xff");
        raise(pipe.writer(), "b", &[b'x'; 10_000]);
        let taken = pipe.take();
        assert_eq!(taken[0], ("a".to_string(), b"text \0 \xff\n".to_vec()));
        assert_eq!((taken[1].0.as_str(), taken[1].1.len()), ("b", MOST_ALARM_BYTES as usize));
        (0..100_000).for_each(|_| raise(pipe.writer(), "a", b"flood"));
        assert_eq!(pipe.take().len(), AT_A_TIME);
        assert!(is_of_alarms(b"alarm c: its command exited with code 3") && !is_of_alarms(b"no alarm "));
    }
}
