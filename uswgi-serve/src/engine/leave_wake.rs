//! That the worker leaves, for lanes that wait on a WebSocket: a descriptor for threads, made with the first of them, and the
//! loop of lanes that share a thread.

use crate::sys::WakeEvent;
use std::sync::OnceLock;

/// Readable from when the worker leaves.
#[derive(Default)]
pub(crate) struct LeaveWake(pub(super) OnceLock<WakeEvent>);
