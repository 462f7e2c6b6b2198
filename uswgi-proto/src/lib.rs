//! What the uswgi tools agree on.
//!
//! One room for each contract; nothing here listens, forks or runs Python.
//!
//! * [`packet`], [`scgi`], [`http`], [`chunked`]: pure parsers from bytes to a typed request,
//!   whose results are offsets ([`span`]) in the connection's buffer.
//! * [`websocket`]: the handshake and frames of WebSockets.
//! * [`files`]: what to answer when a file is asked for, and what the `static-*` options say.
//! * [`background`]: what spoolers, mules and farms of an instance are.
//! * [`proxy`]: what a load balancer says of its client in front of a connection.
//! * [`trust`]: whose `X-Forwarded-*` is believed.
//! * [`settings`]: the JSON document that a master gives to a worker.
//! * [`shared`]: what the locks and caches of an instance are.
//! * [`command`]: what can be said to a master by a request and by a signal.
//! * [`control`]: the messages between the master and one worker or template.
//! * [`scale`]: how many workers an operator wants.
//! * [`scoreboard`]: the shared memory that shows what an instance does.
//! * [`show`]: what it says, as text and numbers for programs.  * [`sock_diag`]: queues of sockets, by the kernel.
//! * [`stacks`]: asking a worker where its Python threads stand.  * [`profile`]: how often they stood where.  * [`route`]: requests of one kind.
//! * [`app_signals`]: signals of an application, who runs their handlers.
//! * [`signals`], [`exit`]: what each signal and each exit code means.
//! * [`logs`]: what log lines are made of.
//! * [`step`]: what `exec-*` and `hook-*` options do, in whichever process runs them.
//! * [`instance`]: from a pidfile to the process and its scoreboard.
//! * [`steer`]: requests to a running master, and how to send one.
//!
//! Data flows one way: `uswgi-conf` makes settings, the master passes them on, the worker
//! obeys and writes the scoreboard, `uswgi-ctl` reads it.

pub mod app_signals;
pub mod background;
pub mod borrowed;
pub mod canary;
pub mod certificate;
pub mod chunked;
pub mod command;
pub mod control;
pub mod emperor;
pub mod exit;
pub mod fastcgi;
pub mod files;
pub mod http;
pub mod instance;
pub mod logs;
pub mod packet;
pub mod passed;
pub mod profile;
pub mod proxy;
pub mod reason;
pub mod route;
pub mod routing;
pub mod scale;
pub mod scgi;
pub mod scoreboard;
pub mod settings;
pub mod shared;
pub mod show;
pub mod signals;
pub mod sock_diag;
pub mod span;
pub mod stacks;
pub mod steer;
pub mod step;
pub mod tcp_info;
pub mod trust;
pub mod websocket;
