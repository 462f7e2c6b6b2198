//! What a rule does: `name:argument`. Names and forms as uWSGI 2.0.31 has them; what is not done here is refused by name.

use super::arithmetic::Arithmetic;
use super::balance::Balance;
use super::calls::RouteCall;
use super::stored::{RouteItem, StoredAction};
use super::wording::Wording;
use super::{RouteError, RouteMath};

/// Who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `user:password`, as the rule has it.
    These(Vec<u8>),
    /// Those of a file, as htpasswd(1) writes it.
    File(String),
}

/// A file to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOrder {
    /// Its path.
    pub path: Wording,
    /// Code and reason.
    pub status: Wording,
    /// Its type; None: by its name.
    pub content_type: Option<Wording>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteAction {
    /// No more rules; the request is served (`continue`, `last`).
    Continue,
    /// The next rule (`donotoffload`).
    Nothing,
    /// No more rules, and an answer without a body; without a text, none at all.
    Break(Vec<u8>),
    /// An answer with a status and its reason as the body.
    Return(Vec<u8>),
    /// The rules behind a label that is still to come.
    GoTo(Wording),
    /// A line in the log.
    Log(Wording),
    /// The request gets no line in the log.
    NoLine,
    /// A variable of the request's line in the log.
    LogVariable(Vec<u8>, Wording),
    /// A variable of the request; what it is made of, which patterns look at, stays (`addvar`).
    Variable(Vec<u8>, Wording),
    /// A field of the request, its variable with it (`setuser` and its like).
    Field(&'static str, Wording),
    /// The scheme that the application sees.
    Scheme(Wording),
    /// A header for the answer.
    AddHeader(Wording),
    /// A header that the application does not give.
    RemoveHeader(Wording),
    /// Another head, with this status.
    ClearHeaders(Wording),
    /// The working directory of the process.
    Chdir(Wording),
    /// A signal of the application.
    Signal(Wording),
    /// An alarm, and what it says.
    Alarm(Wording, Wording),
    /// Another place.
    Redirect {
        /// 301, not 302.
        permanent: bool,
        /// Where.
        to: Wording,
    },
    /// PATH_INFO and QUERY_STRING.
    Rewrite {
        /// No more rules.
        last: bool,
        /// `path?query`.
        to: Wording,
    },
    /// PATH_INFO without as many bytes as SCRIPT_NAME has.
    FixPath,
    /// An Expires header: a second since 1970, or when a file was changed last.
    Expires {
        /// Which file.
        of_file: bool,
        /// The second, or the path.
        when: Wording,
    },
    /// An item of a cache.
    Stored(RouteItem, Box<StoredAction>),
    /// A number of the application.
    Metric(String, RouteMath, Wording),
    /// The body goes compressed to clients that take it so.
    Gzip,
    /// Seconds that the request may take, where it has no earlier deadline.
    Deadline(Wording),
    /// The application that is mounted there.
    App(Wording),
    /// Another title for the process.
    Title(Wording),
    /// One of several values becomes a variable of the request.
    Balance(Box<Balance>),
    /// A number in a variable.
    Arithmetic(Box<Arithmetic>),
    /// A function of the application (`uwsgi.register_rpc`).
    Call(Box<RouteCall>),
    /// A password (RFC 7617).
    BasicAuth {
        /// What it is for.
        realm: Vec<u8>,
        /// Whose.
        who: Credentials,
        /// Who gives a wrong one goes on without a name.
        next: bool,
    },
    /// A file as it is.
    File {
        /// Which.
        order: FileOrder,
        /// Without it, the next rule.
        next: bool,
    },
    /// A file as `static-map` serves them.
    Static {
        /// Its path.
        path: Wording,
        /// Without it, the next rule.
        next: bool,
    },
}

impl RouteAction {
    /// Read one.
    pub(super) fn read(text: &str) -> Result<RouteAction, RouteError> {
        let (name, argument) = text.split_once(':').ok_or(RouteError::Form("ACTION:ARGUMENT"))?;
        let bytes = argument.as_bytes();
        let text = || Wording::read(bytes);
        let sets = |field: &'static str| Ok(RouteAction::Field(field, text()?));
        let arithmetic = |by| Arithmetic::read(by, bytes).map(|sum| RouteAction::Arithmetic(Box::new(sum)));
        let next = name.ends_with("-next");
        Ok(match name {
            "continue" | "last" => RouteAction::Continue,
            // The server frames answers itself: in chunks where an HTTP/1.1 client could not tell the end otherwise.
            "donotoffload" | "chunked" => RouteAction::Nothing,
            "gzip" => RouteAction::Gzip,
            "harakiri" => RouteAction::Deadline(text()?),
            "setapp" => RouteAction::App(text()?),
            "setprocname" => RouteAction::Title(text()?),
            "+" => arithmetic(RouteMath::Add)?,
            "-" => arithmetic(RouteMath::Sub)?,
            "*" => arithmetic(RouteMath::Mul)?,
            "hash" => RouteAction::Balance(Box::new(Balance::read(argument)?)),
            "break" if !bytes.is_empty() && super::act::code(bytes).is_none() => {
                return Err(bad("break", "write CODE REASON, or nothing"));
            }
            "break" => RouteAction::Break(bytes.into()),
            "return" | "break-with-status" => RouteAction::Return(bytes.into()),
            "goto" => RouteAction::GoTo(text()?),
            "log" => RouteAction::Log(text()?),
            "donotlog" => RouteAction::NoLine,
            "logvar" => {
                let (name, value) = pair("logvar", argument)?;
                RouteAction::LogVariable(name, value)
            }
            "addvar" => {
                let (name, value) = pair("addvar", argument)?;
                RouteAction::Variable(name, value)
            }
            "setuser" => return sets("REMOTE_USER"),
            "setscriptname" => return sets("SCRIPT_NAME"),
            "setmethod" => return sets("REQUEST_METHOD"),
            "seturi" => return sets("REQUEST_URI"),
            "setremoteaddr" => return sets("REMOTE_ADDR"),
            "setpathinfo" => return sets("PATH_INFO"),
            "setdocroot" => return sets("DOCUMENT_ROOT"),
            "setscheme" => RouteAction::Scheme(text()?),
            "addheader" => RouteAction::AddHeader(header(bytes)?),
            "delheader" | "remheader" => RouteAction::RemoveHeader(header(bytes)?),
            "clearheaders" | "resetheaders" => RouteAction::ClearHeaders(text()?),
            "chdir" => RouteAction::Chdir(text()?),
            "signal" => RouteAction::Signal(text()?),
            "alarm" => {
                let (alarm, message) =
                    argument.split_once(' ').ok_or_else(|| bad("alarm", "write alarm:NAME TEXT"))?;
                RouteAction::Alarm(Wording::read(alarm.as_bytes())?, Wording::read(message.as_bytes())?)
            }
            "redirect" | "redirect-302" => RouteAction::Redirect { permanent: false, to: text()? },
            "redirect-permanent" | "redirect-301" => RouteAction::Redirect { permanent: true, to: text()? },
            "rewrite" | "rewrite-last" => RouteAction::Rewrite { last: name != "rewrite", to: text()? },
            "fixpathinfo" => RouteAction::FixPath,
            "expires" => expires(argument)?,
            "basicauth" | "basicauth-next" => basic_auth(argument, next)?,
            "file" | "file-next" | "sendfile" | "sendfile-next" | "fastfile" | "fastfile-next" => {
                RouteAction::File { order: order(argument)?, next }
            }
            "static" | "static-next" => RouteAction::Static { path: text()?, next },
            other => {
                if let Some(call) = RouteCall::read(other, argument)? {
                    return Ok(RouteAction::Call(Box::new(call)));
                }
                return super::stored::read(other, argument)?.ok_or_else(|| unknown(other));
            }
        })
    }
}

pub(super) fn bad(action: &'static str, what: impl Into<String>) -> RouteError {
    RouteError::Argument(action, what.into())
}

fn pair(action: &'static str, argument: &str) -> Result<(Vec<u8>, Wording), RouteError> {
    let (name, value) =
        argument.split_once('=').ok_or_else(|| bad(action, format!("write {action}:NAME=VALUE")))?;
    Ok((name.into(), Wording::read(value.as_bytes())?))
}

/// Names of headers that say where a body ends: the server's own business.
const FRAMING: [&str; 4] = ["content-length", "transfer-encoding", "connection", "keep-alive"];

/// Whether a header line, or the name of a header, is the server's own business.
pub(super) fn frames(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii();
    FRAMING.iter().any(|f| name.eq_ignore_ascii_case(f.as_bytes()))
}

fn header(line: &[u8]) -> Result<Wording, RouteError> {
    let wording = Wording::read(line)?;
    match wording.constant() {
        Some(text) if text.trim_ascii().is_empty() => Err(bad("header", "write Name: value")),
        Some(text) if frames(text) => Err(bad("header", "the server says itself where a body ends")),
        _ => Ok(wording),
    }
}

fn basic_auth(argument: &str, next: bool) -> Result<RouteAction, RouteError> {
    let form = "write basicauth:REALM,USER:PASSWORD or basicauth:REALM,FILE";
    let (realm, who) = argument.split_once(',').ok_or_else(|| bad("basicauth", form))?;
    let who = match who.contains(':') {
        true => Credentials::These(who.into()),
        false => Credentials::File(who.into()),
    };
    Ok(RouteAction::BasicAuth { realm: realm.into(), who, next })
}

/// `unix=SECOND`, which `value` means too, or `filename=PATH`.
fn expires(argument: &str) -> Result<RouteAction, RouteError> {
    let form = || bad("expires", "write unix=SECOND or filename=PATH");
    let (of_file, when) = match argument.split_once('=') {
        None if argument.is_empty() => (false, "0"),
        Some(("unix" | "value", second)) => (false, second),
        Some(("filename", path)) => (true, path),
        _ => return Err(form()),
    };
    match when.contains(',') {
        true => Err(form()),
        false => Ok(RouteAction::Expires { of_file, when: Wording::read(when.as_bytes())? }),
    }
}

/// `filename=PATH,status=CODE REASON,content_type=TYPE`.
fn order(argument: &str) -> Result<FileOrder, RouteError> {
    let (mut path, mut status, mut content_type) = (None, None, None);
    let mut by_name = false;
    for item in argument.split(',') {
        let (key, value) = item.split_once('=').unwrap_or((item, ""));
        let value = Wording::read(value.as_bytes())?;
        match key {
            "filename" => path = Some(value),
            "status" => status = Some(value),
            "content_type" => content_type = Some(value),
            "mime" => by_name = true,
            // There is a Content-Length where there can be one, and a head always.
            "no_content_length" | "no_cl" => {}
            "no_headers" => return Err(bad("file", "no_headers would send no answer of HTTP")),
            other => return Err(bad("file", format!("there is no {other:?}"))),
        }
    }
    let path = path.ok_or_else(|| bad("file", "write filename=PATH"))?;
    let constant = |text: &[u8]| Wording::read(text);
    if content_type.is_none() && !by_name {
        content_type = Some(constant(b"text/html")?);
    }
    Ok(FileOrder { path, status: status.map_or_else(|| constant(b"200 OK"), Ok)?, content_type })
}

/// Why an action is refused.
fn unknown(name: &str) -> RouteError {
    let why = match name {
        "send" | "send-crnl" | "disableheaders" => {
            "what it sends is no answer of HTTP: write return:CODE, file: or addheader:"
        }
        "setfile" | "sethome" => {
            "a rule loads no code, and one virtualenv serves all: name applications by mount, and choose one by setapp"
        }
        "setmodifier1" | "setmodifier2" => "requests have no other modifier here",
        "uwsgi" | "proxyuwsgi" | "http" | "httpdumb" | "proxyhttp" | "httpconnect" | "proxyhttpconnect" => {
            "passing requests on to other servers is the business of the web server in front"
        }
        "rpcblob" | "rpcnext" | "rpcraw" => {
            "on uWSGI 2.0.31 it sends half an answer: write rpc, rpcret or rpcvar"
        }
        "symcall" | "symcall-next" => "it calls functions of C: register one in the app, and write rpc",
        "cache-continue" => "behind an answer there is nothing to go on with: write cache",
        "memcached" | "memcached-continue" | "memcachedstore" | "memcached-store" | "redis"
        | "redis-continue" | "redisstore" | "redis-store" => {
            "other caches are asked by the app, or by the web server in front: write cache and cachestore for one of the instance"
        }
        "tofile" | "to-file" | "flush" | "fixcl" | "forcecl" | "template" => {
            "bodies of answers are sent as they are, or by gzip: let the web server in front change them"
        }
        "/" => "on uWSGI 2.0.31 it multiplies: write it in the app",
        "offload" => "write it in the app",
        _ => return RouteError::NoAction(name.into()),
    };
    RouteError::NotHere(name.into(), why)
}
