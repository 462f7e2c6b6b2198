//! The draft of an instance: what the options have said so far. Every file that reads options writes into it, and
//! `finish` settles what needs more than one option. It must know none of those files.

use super::shared_sockets::Reference;
use super::startup::StartSteps;
use super::value::Said;
use crate::expand::Applied;
use crate::instance::{Address, Instance, OnTerm};
use crate::startup::CacheItem;
use crate::tasks::Phases;
use uswgi_proto::settings::{App, Protocol, StaticMap};

/// An instance that is being put together: it starts with every default, and what an option sets alone stands in
/// [`Draft::instance`] at once. Beside it stands what only another option decides; None: not given.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) said: Said,
    /// The instance so far.
    pub(super) instance: Instance,
    /// For each of its sockets: it was written as `socket`, and follows `protocol`, which may come later.
    pub(super) follows: Vec<bool>,
    pub(super) protocol: Option<Protocol>,
    /// That one is FastCGI.
    pub(super) fastcgi: bool,
    /// `enable-proxy-protocol`: for all sockets.
    pub(super) proxied: bool,
    /// `http-enable-proxy-protocol`: for HTTP.
    pub(super) http_proxied: bool,
    pub(super) abstract_socket: bool,
    pub(super) module: Option<String>,
    pub(super) file: Option<String>,
    pub(super) mounts: Vec<App>,
    /// `vhost`: mount points may have a host.
    pub(super) by_host: bool,
    pub(super) paste: Option<String>,
    pub(super) eval: Option<String>,
    /// `shared-socket`, which `references` mean by number.
    pub(super) shared_sockets: Vec<(Address, Applied)>,
    /// Where a router would pass requests on (`http-to`).
    pub(super) passed_to: Vec<(Address, Applied)>,
    pub(super) references: Vec<Reference>,
    /// `map-socket`: which socket, for which workers.
    pub(super) mapped: Vec<(usize, Vec<u32>, Applied)>,
    /// `gevent`: lanes that are greenlets.
    pub(super) greenlets: Option<u32>,
    /// `asgi`: lanes that are tasks, and how many of them.
    pub(super) asgi: bool,
    pub(super) tasks: Option<u32>,
    pub(super) reload_mercy: Option<u32>,
    pub(super) worker_mercy: Option<u32>,
    pub(super) socket_timeout: Option<u32>,
    pub(super) http_timeout: Option<u32>,
    pub(super) keepalive: Option<u32>,
    /// Of `envdir`, whose variables come last.
    pub(super) envdir: Vec<(String, Option<String>)>,
    pub(super) check_static: Vec<StaticMap>,
    pub(super) forwarded_allow: Vec<String>,
    pub(super) die_on_term: Option<bool>,
    pub(super) hooked_term: Option<OnTerm>,
    pub(super) hook_steps: Phases,
    pub(super) exec_steps: Phases,
    pub(super) start_steps: StartSteps,
    pub(super) cache_items: Option<u64>,
    pub(super) cache_blocksize: Option<u64>,
    pub(super) cache_no_expire: bool,
    /// What caches hold from the start on.
    pub(super) items: Vec<(CacheItem, Applied)>,
    /// `allow-unsupported`.
    pub(super) allowed: bool,
}
