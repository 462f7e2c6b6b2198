//! Signals of the application that options raise: by the clock (`signal-timer`) and by files (`touch-signal`).

use std::path::PathBuf;
use uswgi_proto::app_signals::SignalSource;

/// What a configuration says about signals of the application.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct AppSignals {
    /// Signals by the clock: number, seconds (`signal-timer`, `signal-rbtimer`).
    pub timers: Vec<(u8, u32)>,
    /// Signals by files: file, number (`touch-signal`, `fs-signal`).
    pub files: Vec<(PathBuf, u8)>,
    /// One is raised again although nobody has taken the one before (`signals-pile-up`).
    pub pile_up: bool,
}

impl AppSignals {
    /// What raises signals by itself.
    pub fn sources(&self) -> Vec<(u8, SignalSource)> {
        let timer = |(number, seconds): &(u8, u32)| {
            (*number, SignalSource::Timer { milliseconds: u64::from(*seconds) * 1000, times: 0 })
        };
        let file = |(path, number): &(PathBuf, u8)| (*number, SignalSource::File(path.clone()));
        self.timers.iter().map(timer).chain(self.files.iter().map(file)).collect()
    }
}
