//! What was seen of an instance for a while, as numbers. Pure.

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// For so long.
    pub seconds: f64,
    /// Workers that are wanted, and threads in each.
    pub workers: u32,
    /// See `workers`.
    pub threads: u32,
    /// Lanes are threads, and not greenlets or tasks.
    pub lanes_are_threads: bool,
    /// `cheaper` is in force.
    pub cheaper: bool,
    /// Processors that it may use.
    pub cpus: u32,
    /// Requests that ended.
    pub requests: u64,
    /// Lanes that were busy, at each look.
    pub busy: Vec<u32>,
    /// Connections that waited, at each look.
    pub waiting: Vec<u32>,
    /// Processor time of all workers, microseconds; None: not known.
    pub cpu_us: Option<u64>,
    /// Of the time of requests: name of what lanes did (`uswgi_proto::profile::LaneStanding`), and its share.
    pub shares: Vec<(String, f64)>,
    /// Routes with their share of the time of requests, the largest first.
    pub routes: Vec<(String, f64)>,
    /// Queues of the sockets.
    pub queues: Vec<SeenQueue>,
    /// net.core.somaxconn.
    pub somaxconn: u32,
    /// Below it 99 of 100 requests ended; None: there was none.
    pub p99_us: Option<u64>,
    /// The longest one, as far as it was seen.
    pub longest_us: u64,
    /// `harakiri`, and how many met it.
    pub harakiri_s: u64,
    /// See `harakiri_s`.
    pub harakiri_kills: u64,
    /// Workers.
    pub workers_seen: Vec<SeenWorker>,
    /// `reload-on-rss` in bytes, 0: none.
    pub reload_on_rss: u64,
    /// `max-requests`, 0: none.
    pub max_requests: u64,
    /// Workers that were replaced because of their memory.
    pub replaced_for_memory: u64,
    /// Memory that the machine could give, bytes; 0: not known.
    pub memory_available: u64,
}

/// A listening socket.
#[derive(Debug, Clone, Default)]
pub struct SeenQueue {
    /// Its address.
    pub name: String,
    /// Highest number of connections that waited.
    pub highest: u32,
    /// How many can.
    pub limit: u32,
    /// Looks that found it full.
    pub full: u64,
}

/// A worker process that was there all the time.
#[derive(Debug, Clone, Default)]
pub struct SeenWorker {
    /// Its number.
    pub id: u32,
    /// At each look: requests of its life, resident bytes.
    pub rss: Vec<(u64, u64)>,
    /// Bytes that it does not share (its proportional set size); 0: not known.
    pub pss: u64,
}

/// How much a worker grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenGrowth {
    /// Bytes.
    pub bytes: u64,
    /// In so many requests.
    pub requests: u64,
}

impl SeenWorker {
    /// What one more of it costs.
    pub fn own_bytes(&self) -> u64 {
        if self.pss > 0 { self.pss } else { self.rss.last().map_or(0, |(_, bytes)| *bytes) }
    }

    /// Growth that went on to the end: in each third of its requests, and in the last one not much less than in the
    /// first. None: it does not grow, or nobody knows yet.
    pub fn growth(&self) -> Option<SeenGrowth> {
        let (&(first, from), &(last, to)) = (self.rss.first()?, self.rss.last()?);
        let requests = last.checked_sub(first)?;
        if requests < 200 || self.rss.len() < 6 {
            return None;
        }
        let at = |wanted: u64| self.rss.iter().find(|(n, _)| *n >= wanted).map(|(_, bytes)| *bytes as i64);
        let (a, b) = (at(first + requests / 3)?, at(first + requests * 2 / 3)?);
        let thirds = [a - from as i64, b - a, to as i64 - b];
        let all = to.checked_sub(from)?;
        let steady = thirds.iter().all(|t| *t > 0) && thirds[2] * 3 >= thirds[0];
        (steady && all >= 4 << 20 && all * 50 >= from).then_some(SeenGrowth { bytes: all, requests })
    }
}

impl Observed {
    /// Places for requests.
    pub fn lanes(&self) -> u32 {
        self.workers * self.threads
    }

    /// Share of the lanes that were busy.
    pub fn busy_share(&self) -> Option<f64> {
        let looks = self.busy.len() as f64 * f64::from(self.lanes());
        (looks > 0.0).then(|| self.busy.iter().map(|n| f64::from(*n)).sum::<f64>() / looks)
    }

    /// Share of the looks at which connections waited.
    pub fn waited_share(&self) -> Option<f64> {
        let looks = self.waiting.len();
        (looks > 0).then(|| self.waiting.iter().filter(|n| **n > 0).count() as f64 / looks as f64)
    }

    /// Share of the processors that the workers had.
    pub fn cpu_share(&self) -> Option<f64> {
        let whole = self.seconds * 1e6 * f64::from(self.cpus);
        self.cpu_us.filter(|_| whole > 0.0).map(|us| us as f64 / whole)
    }

    /// Share of the time of requests that lanes did this.
    pub fn share(&self, name: &str) -> Option<f64> {
        self.shares.iter().find(|(n, _)| n == name).map(|(_, share)| *share)
    }
}
