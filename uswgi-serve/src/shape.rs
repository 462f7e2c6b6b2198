//! What becomes of the pieces of a body: compressed for its client (`gzip`), kept for a cache (`cachestore`), in the order of
//! the rules. Pure: bytes in, bytes out.

#![forbid(unsafe_code)]

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// As zlib's own.
const LEVEL: u32 = 6;

/// What is wanted of a body, then what is done with it.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) steps: Vec<BodyStep>,
    /// The head is made: steps that cannot be are gone.
    pub(crate) decided: bool,
    /// Announced bytes that the application has not given yet.
    pub(crate) left: Option<u64>,
}

#[derive(Debug)]
pub(crate) enum BodyStep {
    Gzip {
        taken: bool,
        encoder: Option<GzEncoder<Vec<u8>>>,
    },
    Keep {
        cache: Vec<u8>,
        key: Vec<u8>,
        seconds: u64,
        most: usize,
        /// None: it is more than the cache takes.
        bytes: Option<Vec<u8>>,
    },
}

impl Shape {
    pub(crate) fn gzip(&mut self, taken: bool) {
        if !self.steps.iter().any(|step| matches!(step, BodyStep::Gzip { .. })) {
            self.steps.push(BodyStep::Gzip { taken, encoder: None });
        }
    }

    pub(crate) fn keep(&mut self, cache: &[u8], key: &[u8], seconds: u64) {
        let (cache, key) = (cache.to_vec(), key.to_vec());
        self.steps.push(BodyStep::Keep { cache, key, seconds, most: 0, bytes: Some(Vec::new()) });
    }

    /// Take a piece; None: it is sent as it is.
    pub(crate) fn take(&mut self, piece: &[u8], over: bool) -> Option<Vec<u8>> {
        let mut now: Option<Vec<u8>> = None;
        for step in &mut self.steps {
            let piece = now.as_deref().unwrap_or(piece);
            match step {
                BodyStep::Gzip { encoder, .. } => {
                    let encoder =
                        encoder.get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::new(LEVEL)));
                    // Into memory it cannot fail.
                    let _ = encoder.write_all(piece);
                    let _ = if over { encoder.try_finish() } else { encoder.flush() };
                    now = Some(std::mem::take(encoder.get_mut()));
                }
                BodyStep::Keep { bytes, most, .. } => {
                    if let Some(all) = bytes {
                        match all.len() + piece.len() <= *most {
                            true => all.extend_from_slice(piece),
                            false => *bytes = None,
                        }
                    }
                }
            }
        }
        now
    }
}
