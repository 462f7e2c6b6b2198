//! `log-format`: a request line of the user's own, compiled once. `%(name)` is a variable, everything
//! else stands for itself. The worker fills in the values.
#![forbid(unsafe_code)]

use super::escape::Style;

/// A variable of uWSGI's log-format (names and meanings observed on 2.0.31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// `uri`: REQUEST_URI.
    Uri,
    /// `method`.
    Method,
    /// `user`: REMOTE_USER.
    User,
    /// `addr`: address of the client.
    Addr,
    /// `host`: the Host header.
    Host,
    /// `proto`: SERVER_PROTOCOL.
    Proto,
    /// `uagent`: the User-Agent header.
    Agent,
    /// `referer`: the Referer header.
    Referer,
    /// `status`.
    Status,
    /// `rsize`: bytes of the answer's body.
    BodySize,
    /// `hsize`: bytes of the answer's head.
    HeadSize,
    /// `size`: both.
    Size,
    /// `cl`: bytes of the request's body.
    ContentLength,
    /// `micros`: how long it took.
    Micros,
    /// `msecs`: how long it took.
    Msecs,
    /// `secs`: how long it took, with six decimals.
    Secs,
    /// `time`, `epoch`: seconds since the epoch.
    Time,
    /// `tmsecs`: milliseconds since the epoch.
    TimeMillis,
    /// `tmicros`: microseconds since the epoch.
    TimeMicros,
    /// `ltime`: `dd/Mon/yyyy:HH:MM:SS +zzzz`.
    Ltime,
    /// `ftime`: as log-date says beside logformat-strftime, else as `ltime`.
    Ftime,
    /// `ctime`.
    Ctime,
    /// `pid`.
    Pid,
    /// `wid`: number of the worker.
    Wid,
    /// `switches`: pieces of the answer.
    Switches,
    /// `vars`: keys and values of the request.
    Vars,
    /// `core`: number of the thread.
    Core,
    /// `vsz`: bytes of address space.
    Vsz,
    /// `rss`: resident bytes.
    Rss,
    /// `vszM`: the same in MiB.
    VszM,
    /// `rssM`: the same in MiB.
    RssM,
    /// `pktsize`: bytes of the request's head.
    PacketSize,
    /// `modifier1`.
    Modifier1,
    /// `modifier2`.
    Modifier2,
    /// `headers`: number of the answer's headers.
    Headers,
    /// `werr`, `ioerr`: 1 when the answer could not be sent.
    WriteErrors,
    /// `rerr`: a request that was read to its end had no read error.
    ReadErrors,
    /// `var.NAME`: a request variable.
    Var(String),
    /// A name that an application sets (`uwsgi.set_logvar`), and every unknown one.
    Set(String),
}

fn variable(name: &str) -> Variable {
    match name {
        "uri" => Variable::Uri,
        "method" => Variable::Method,
        "user" => Variable::User,
        "addr" => Variable::Addr,
        "host" => Variable::Host,
        "proto" => Variable::Proto,
        "uagent" => Variable::Agent,
        "referer" => Variable::Referer,
        "status" => Variable::Status,
        "rsize" => Variable::BodySize,
        "hsize" => Variable::HeadSize,
        "size" => Variable::Size,
        "cl" => Variable::ContentLength,
        "micros" => Variable::Micros,
        "msecs" => Variable::Msecs,
        "secs" => Variable::Secs,
        "time" | "epoch" => Variable::Time,
        "tmsecs" => Variable::TimeMillis,
        "tmicros" => Variable::TimeMicros,
        "ltime" => Variable::Ltime,
        "ftime" => Variable::Ftime,
        "ctime" => Variable::Ctime,
        "pid" => Variable::Pid,
        "wid" => Variable::Wid,
        "switches" => Variable::Switches,
        "vars" => Variable::Vars,
        "core" => Variable::Core,
        "vsz" => Variable::Vsz,
        "rss" => Variable::Rss,
        "vszM" => Variable::VszM,
        "rssM" => Variable::RssM,
        "pktsize" => Variable::PacketSize,
        "modifier1" => Variable::Modifier1,
        "modifier2" => Variable::Modifier2,
        "headers" => Variable::Headers,
        "werr" | "ioerr" => Variable::WriteErrors,
        "rerr" => Variable::ReadErrors,
        other => match other.strip_prefix("var.") {
            Some(name) => Variable::Var(name.into()),
            None => Variable::Set(other.into()),
        },
    }
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Stands for itself.
    Text(Vec<u8>),
    /// Is filled in; an empty value is `-`.
    Variable(Variable),
}

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat {
    /// In order.
    pub parts: Vec<Part>,
    /// How values are escaped: a format that begins with `{` is a JSON text, and stays one whatever a client sends.
    pub style: Style,
}

impl LogFormat {
    /// Compile a format.
    pub fn compile(format: &str) -> LogFormat {
        let style = if format.trim_start().starts_with('{') { Style::Json } else { Style::Text };
        let mut parts = Vec::new();
        let mut rest = format;
        while let Some(start) = rest.find("%(") {
            let Some(length) = rest[start..].find(')') else { break };
            if start > 0 {
                parts.push(Part::Text(rest.as_bytes()[..start].to_vec()));
            }
            parts.push(Part::Variable(variable(&rest[start + 2..start + length])));
            rest = &rest[start + length + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.as_bytes().to_vec()));
        }
        LogFormat { parts, style }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_and_text() {
        let format = LogFormat::compile("%(uri) 100% %(var.HTTP_X_A)%(nope) %(open");
        let expected = [
            Part::Variable(Variable::Uri),
            Part::Text(b" 100% ".to_vec()),
            Part::Variable(Variable::Var("HTTP_X_A".into())),
            Part::Variable(Variable::Set("nope".into())),
            Part::Text(b" %(open".to_vec()),
        ];
        assert_eq!(format.parts, expected);
        assert_eq!(format.style, Style::Text);
        assert_eq!(LogFormat::compile(" {\"u\": \"%(uri)\"}").style, Style::Json);
    }

    proptest! {
        #[test]
        fn any_text_compiles(format: String) {
            LogFormat::compile(&format);
        }
    }
}
