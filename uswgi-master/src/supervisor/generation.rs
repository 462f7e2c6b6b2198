//! A generation: one configuration with its template; and the change from one to the next.

use super::canary_run::CanaryRun;
use super::child::ChildId;
use super::plan::Plan;
use super::signal_table::SignalTable;
use super::watch::Watch;
use std::time::{Duration, Instant};
use uswgi_keep::backoff::Backoff;

/// How long a template that is not needed any more may take to end.
pub(super) const TEMPLATE_MERCY: Duration = Duration::from_secs(5);

/// One configuration with its template.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) plan: Plan,
    pub(super) template: Option<ChildId>,
    pub(super) template_backoff: Backoff,
    /// A template of this generation was ready once: the next one imports what is on disk then.
    pub(super) loaded: bool,
    /// A process of this generation had the app when it was ready.
    pub(super) had_app: bool,
    /// Its template was given up: it did not bring what it was asked for.
    pub(super) hangs: bool,
    /// Which Python its processes say that they run; empty: none has said so yet.
    pub(super) python: String,
    /// Signals of its application.
    pub(super) signals: SignalTable,
}

impl Generation {
    pub(super) fn new(number: u64, plan: Plan) -> Generation {
        let template_backoff = Backoff::default();
        let python = String::new();
        let signals = SignalTable::new(number, &plan.signals);
        let (template, loaded, had_app, hangs) = (None, false, false, false);
        Generation { number, plan, template, template_backoff, loaded, had_app, hangs, python, signals }
    }
}

/// A reload under way.
#[derive(Debug, Clone)]
pub(super) struct Changeover {
    pub(super) started: Instant,
    pub(super) number: u64,
    /// None until the configuration was read.
    pub(super) next: Option<Generation>,
    /// The app is loaded (or loads in each worker): workers come from `next`.
    pub(super) replacing: bool,
    /// Workers wanted once it replaces.
    pub(super) wish: u32,
    pub(super) failures: u32,
    /// What is seen of its workers once they accept.
    pub(super) watch: Watch,
    /// It serves on some seats first.
    pub(super) canary: Option<CanaryRun>,
    /// It comes back: its template sleeps already.
    pub(super) back: Option<Generation>,
    /// It comes back by itself, for this reason.
    pub(super) taken_back: Option<String>,
}
