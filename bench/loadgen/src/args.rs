//! Arguments, as `name=value`.

/// Protocol of the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A packet for each connection.
    Uwsgi,
    /// Persistent connections.
    Http,
    /// A connection for each request.
    HttpClose,
    /// A WebSocket for each client: what is sent is a message, its echo the answer.
    WebSocket,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Args {
    /// `/path` of a unix socket, or `host:port`.
    pub to: String,
    /// What to speak.
    pub protocol: Protocol,
    /// Target of the requests.
    pub path: String,
    /// Connections that ask without pause.
    pub clients: usize,
    /// For how long.
    pub seconds: f64,
    /// Bytes of the request's body; more than none makes it a POST. Of a message on a WebSocket, at most 125.
    pub body: usize,
    /// Bytes of additional headers, in lines of about 64.
    pub header_bytes: usize,
    /// Persistent connections that asked once and now do nothing.
    pub idle: usize,
    /// Connections that send a byte of their head a second.
    pub slow_in: usize,
    /// Connections that ask for `slow_path` and read a byte of the answer a second.
    pub slow_out: usize,
    /// What the latter ask for.
    pub slow_path: String,
    /// Wait for a line on stdin once the idle and slow ones are there.
    pub hold: bool,
}

impl Args {
    /// From the command line.
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Args, String> {
        let mut a = Args {
            to: String::new(),
            protocol: Protocol::Http,
            path: "/".into(),
            clients: 32,
            seconds: 3.0,
            body: 0,
            header_bytes: 0,
            idle: 0,
            slow_in: 0,
            slow_out: 0,
            slow_path: "/big".into(),
            hold: false,
        };
        for arg in args {
            let (name, value) = arg.split_once('=').ok_or_else(|| format!("{arg}: not name=value"))?;
            let number = || value.parse::<usize>().map_err(|_| format!("{arg}: a number is needed"));
            match name {
                "to" => a.to = value.into(),
                "protocol" => {
                    a.protocol = match value {
                        "uwsgi" => Protocol::Uwsgi,
                        "http" => Protocol::Http,
                        "http-close" => Protocol::HttpClose,
                        "websocket" => Protocol::WebSocket,
                        _ => return Err(format!("{arg}: uwsgi, http, http-close or websocket")),
                    }
                }
                "path" => a.path = value.into(),
                "clients" => a.clients = number()?,
                "seconds" => a.seconds = value.parse().map_err(|_| format!("{arg}: a number is needed"))?,
                "body" => a.body = number()?,
                "header-bytes" => a.header_bytes = number()?,
                "idle" => a.idle = number()?,
                "slow-in" => a.slow_in = number()?,
                "slow-out" => a.slow_out = number()?,
                "slow-path" => a.slow_path = value.into(),
                "hold" => a.hold = value == "1",
                _ => return Err(format!("{arg}: unknown")),
            }
        }
        if a.to.is_empty() { Err("to=ADDRESS is missing".into()) } else { Ok(a) }
    }
}
