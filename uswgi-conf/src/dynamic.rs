//! When there are fewer workers than `workers`: the typed settings of `cheaper` and its relatives.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// How `cheaper` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CheaperAlgorithm {
    /// By workers that are busy.
    #[default]
    Spare,
    /// By connections that wait.
    Backlog,
    /// By the time that workers spend in requests.
    Busyness,
    /// By an operator alone.
    Manual,
}

impl CheaperAlgorithm {
    /// As `cheaper-algo` has it.
    pub fn name(self) -> &'static str {
        match self {
            CheaperAlgorithm::Spare => "spare",
            CheaperAlgorithm::Backlog => "backlog",
            CheaperAlgorithm::Busyness => "busyness",
            CheaperAlgorithm::Manual => "manual",
        }
    }
}

/// The rules of `cheaper-algo = busyness`. No number is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busyness {
    /// Per cent of a cycle above which more workers come.
    pub max: u32,
    /// Per cent below which a cycle is idle.
    pub min: u32,
    /// Idle cycles after which a worker goes.
    pub multiplier: u32,
    /// Cycles more, each time a worker was given up too early.
    pub penalty: u32,
    /// Every cycle is told in the log.
    pub verbose: bool,
    /// Waiting connections above which emergency workers come.
    pub alert: u32,
    /// Idle cycles after which an emergency worker goes.
    pub backlog_multiplier: u32,
    /// Emergency workers that come at a time.
    pub backlog_step: u32,
    /// Seconds that somebody waits after which emergency workers come.
    pub nonzero: u32,
}

/// The numbers of uWSGI 2.0.31.
impl Default for Busyness {
    fn default() -> Self {
        Busyness {
            max: 50,
            min: 25,
            multiplier: 10,
            penalty: 2,
            verbose: false,
            alert: 33,
            backlog_multiplier: 3,
            backlog_step: 1,
            nonzero: 60,
        }
    }
}

/// When there are fewer workers than `workers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dynamic {
    /// Fewest workers; 0: always all.
    pub cheaper: u32,
    /// Workers at the start; with `cheaper` at least the fewest.
    pub initial: u32,
    /// Workers that come at a time, at least 1.
    pub step: u32,
    /// Cycles of the spare algorithm, connections of the backlog algorithm, seconds of a cycle of busyness.
    pub overload: u32,
    /// Which algorithm.
    pub algorithm: CheaperAlgorithm,
    /// Its rules, where it is busyness.
    pub busyness: Busyness,
    /// Bytes of resident memory of all workers above which no more come; 0: no limit.
    pub rss_soft: u64,
    /// Bytes of resident memory of all workers above which they become fewer; 0: no limit.
    pub rss_hard: u64,
    /// No workers until the first connection.
    pub cheap: bool,
    /// Seconds without a request after which no workers are kept; 0: for ever.
    pub idle: u32,
    /// End the instance then.
    pub die_on_idle: bool,
}

/// All workers stay; the numbers beside it are uWSGI's.
impl Default for Dynamic {
    fn default() -> Self {
        Dynamic {
            cheaper: 0,
            initial: 0,
            step: 1,
            overload: 3,
            algorithm: CheaperAlgorithm::default(),
            busyness: Busyness::default(),
            rss_soft: 0,
            rss_hard: 0,
            cheap: false,
            idle: 0,
            die_on_idle: false,
        }
    }
}
