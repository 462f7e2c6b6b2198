//! What the supervisor has to know about one configuration.

use super::cheaper::Cheaper;
use std::time::Duration;
use uswgi_proto::app_signals::SignalSource;
use uswgi_proto::background::Aide;
use uswgi_proto::canary::Terms;

/// What the supervisor has to know about one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Workers wanted, at least 1.
    pub workers: u32,
    /// Every worker loads the app itself; there is no template.
    pub lazy: bool,
    /// Spoolers and mules, in the order in which they start.
    pub aides: Vec<Aide>,
    /// How long one of them may finish what it has.
    pub aide_mercy: Duration,
    /// Signals that options raise.
    pub signals: Vec<(u8, SignalSource)>,
    /// A signal is raised again although nobody has taken the one before (`signals-pile-up`).
    pub signals_pile_up: bool,
    /// How long a retiring worker may take.
    pub mercy: Duration,
    /// Processes above `workers` during replacement, drainers included; at least 1.
    pub surplus: u32,
    /// A worker number belongs to one process at a time: replaced are `surplus` of them at once, in their places.
    pub exclusive: bool,
    /// Requests after which a worker asks to be replaced; 0: never.
    pub max_requests: u64,
    /// Most that is added to it at random.
    pub max_requests_delta: u64,
    /// Age at which a worker is replaced.
    pub max_lifetime: Option<Duration>,
    /// Added for each worker number above 1.
    pub max_lifetime_delta: Duration,
    /// False: the start goes on without an app that loads.
    pub need_app: bool,
    /// A reload ends the instance (`exit-on-reload`).
    pub exit_on_reload: bool,
    /// TERM means reload (`die-on-term = false`).
    pub term_reloads: bool,
    /// How long the template of the generation before sleeps after a reload.
    pub keep_previous: Duration,
    /// How long everything is served yet after TERM.
    pub shutdown_delay: Duration,
    /// How long the workers of a reload are watched once all of them accept; zero: not.
    pub reload_watch: Duration,
    /// The reload is over afterwards; otherwise it is over before.
    pub reload_waits: bool,
    /// The terms of a canary, where who asks for one wants no others.
    pub canary: Terms,
    /// How long a process may take from its start until it is ready.
    pub load_timeout: Duration,
    /// Fewer workers while there is little to do.
    pub cheaper: Option<Cheaper>,
    /// No workers while there is nothing to do.
    pub sleep: Sleep,
    /// Resident bytes at which a worker is killed; 0: none.
    pub evil_rss: u64,
    /// Bytes of address space at which a worker is killed; 0: none.
    pub evil_as: u64,
}

impl Plan {
    /// Workers once somebody needs them.
    pub(super) fn awake(&self) -> u32 {
        self.cheaper.as_ref().map_or(self.workers, |c| c.initial.clamp(c.min, self.workers))
    }

    /// Workers at the start.
    pub(super) fn at_start(&self) -> u32 {
        if self.sleep.cheap { 0 } else { self.awake() }
    }
}

/// When there are no workers at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sleep {
    /// No workers until the first connection.
    pub cheap: bool,
    /// Time without a request after which the workers go.
    pub idle: Option<Duration>,
    /// The instance ends instead.
    pub die: bool,
}
