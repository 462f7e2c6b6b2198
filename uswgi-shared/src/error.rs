//! Errors of making and mapping the shared memory.

/// Why there is no shared memory.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The numbers ask for too much.
    #[error("{0}")]
    TooLarge(String),
    /// The file is not what it should be.
    #[error("the shared memory of locks and caches is not usable: {0}")]
    NotUsable(&'static str),
    /// The system refused.
    #[error("shared memory of locks and caches: {what}: {source}")]
    Io {
        /// Which step.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}
