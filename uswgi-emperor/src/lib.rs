//! Runs one instance for each vassal's file: the Emperor. It never runs Python, and serves nothing itself.
//!
//! * [`name`], [`files`], [`court`]: which files are vassals, what has changed, and what follows; pure.
//! * [`scan`]: the folders and patterns, looked at.

#![forbid(unsafe_code)]

pub mod court;
pub mod files;
pub mod name;
pub mod scan;
