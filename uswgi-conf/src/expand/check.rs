//! Values that uWSGI itself refuses while it configures: `expand` refuses them too. Only what ends the
//! real program at once belongs here; what is merely unwise belongs to lint.

use super::placeholder::number;
use crate::options::{Fact, Kind};

fn octal(digits: &[u8]) -> bool {
    digits.len() == 3 && digits.iter().all(|b| (b'0'..=b'7').contains(b))
}

/// What the real program says no to. `shared` counts the shared sockets so far.
pub(super) fn refused_by_uwsgi(fact: &Fact, value: Option<&[u8]>, shared: &mut usize) -> Result<(), String> {
    let no = |text: &str| Err(text.to_string());
    let bytes = value.unwrap_or_default();
    match (fact.kind, fact.name) {
        (Kind::Int, _) if value.is_some() && int32(bytes) < 0 => no("negative numbers are refused"),
        (Kind::Octal, "logfile-chmod") if !octal(bytes) => no("needs three octal digits"),
        (Kind::Octal, "chmod-socket" | "chmod") if value.is_some() && bytes != b"1" && !octal(bytes) => {
            no("needs three octal digits, as 660")
        }
        (Kind::Cron, name) => cron(bytes, name),
        (Kind::Map, "static-map" | "static-map2") if !bytes.contains(&b'=') => no("needs /path=directory"),
        (Kind::Socket, "shared-socket" | "undeferred-shared-socket") => {
            *shared += 1;
            Ok(())
        }
        (Kind::Socket, _) if bytes.first() == Some(&b'=') && number(&bytes[1..]) >= *shared as i64 => {
            no("there is no such shared-socket above")
        }
        (Kind::Plugin, "need-plugin" | "need-plugins") => {
            no("uWSGI looks for a plugin file even where the plugin is built in, and finds none")
        }
        (Kind::Action, "stop" | "reload" | "pause" | "suspend" | "resume") => {
            no("is an action, no configuration; use uswgi-ctl")
        }
        (Kind::Action, _) if fact.immediate => match fact.name {
            "umask" | "immediate-uid" | "immediate-gid" | "flock" | "flock-wait" | "early-envdir"
            | "pcre-jit" | "dlopen" | "help" | "usage" => Ok(()),
            _ => no("is an action, no configuration"),
        },
        _ => Ok(()),
    }
}

/// atoi: a 64-bit number cut to 32 bits.
pub(crate) fn int32(text: &[u8]) -> i32 {
    number(text) as i32
}

fn cron(text: &[u8], name: &str) -> Result<(), String> {
    if name == "cron2" {
        return Ok(());
    }
    let text = if name.contains("legion") {
        text.splitn(2, |&b| b == b' ').nth(1).unwrap_or_default()
    } else {
        text
    };
    let mut fields = text.splitn(6, |&b| b == b' ');
    let numbers = fields.by_ref().take(5).filter(|f| {
        let digits = f.strip_prefix(b"-").unwrap_or(f);
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    });
    if numbers.count() == 5 && fields.next().is_some_and(|c| !c.is_empty()) {
        return Ok(());
    }
    Err("needs five numbers (-1: every) and a command".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;

    fn refused(name: &str, value: Option<&str>) -> bool {
        refused_by_uwsgi(options::fact(name).unwrap(), value.map(str::as_bytes), &mut 0).is_err()
    }

    #[test]
    fn what_ends_the_real_program_is_refused() {
        for (name, value) in [
            ("processes", "-3"),
            ("threads", "4294967295"),
            ("chmod-socket", "0666"),
            ("chmod-socket", "888"),
            ("chmod-socket", ""),
            ("cron", "59 2 echo"),
            ("cron", "* * * * * echo"),
            ("static-map", "x"),
            ("socket", "=0"),
        ] {
            assert!(refused(name, Some(value)), "{name} = {value}");
        }
    }

    #[test]
    fn what_it_takes_is_taken() {
        for (name, value) in [
            ("processes", Some("abc")),
            ("chmod-socket", Some("664")),
            ("chmod-socket", Some("1")),
            ("chmod-socket", None),
            ("cron", Some("59 2 -1 -1 -1 echo hi")),
            ("static-map", Some("/a=/b")),
            ("max-requests", Some("-1")),
        ] {
            assert!(!refused(name, value), "{name} = {value:?}");
        }
    }
}
