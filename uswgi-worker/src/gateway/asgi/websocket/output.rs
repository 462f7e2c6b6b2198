//! What a WebSocket gives to a client that does not take everything at once.

use super::{Socket, Stage, When, gone};
use crate::gateway::asgi::future::resolve;
use crate::gateway::asgi::ready::Ready;
use pyo3::intern;
use pyo3::prelude::*;
use std::sync::Arc;
use uswgi_serve::sync::lock;

impl Socket {
    /// Give bytes to the client; a future where the application has to wait until it takes more.
    pub(super) fn give(self: &Arc<Socket>, py: Python<'_>, frame: &[u8]) -> PyResult<Py<PyAny>> {
        let taken = lock(&self.answer).take();
        let Some(mut response) = taken else { return Err(gone()) };
        py.detach(|| response.frames(frame));
        let failed = response.failed.is_some();
        let wait = response.must_wait().then(|| response.wait_begins());
        *lock(&self.answer) = Some(response);
        if failed {
            self.lose(py)?;
            return Err(gone());
        }
        let Some(wait) = wait else { return Ready::with(py, py.None()) };
        let future = self.event_loop.call_method0(py, intern!(py, "create_future"))?;
        let before = lock(&self.state).writer.replace((wait, future.clone_ref(py)));
        if let Some((_, before)) = before {
            // Two tasks send at a time: the first goes on with the second.
            resolve(py, &before, py.None())?;
        }
        let hook = self.hook(py, When::Writable)?;
        self.event_loop.call_method1(py, intern!(py, "add_writer"), (self.fd, hook))?;
        self.later(py)?;
        Ok(future)
    }

    fn later(self: &Arc<Socket>, py: Python<'_>) -> PyResult<()> {
        let seconds = f64::from(self.timeout_ms) / 1000.0;
        let hook = self.hook(py, When::Late)?;
        self.event_loop.call_method1(py, intern!(py, "call_later"), (seconds, hook)).map(drop)
    }

    /// The client takes more; `late`: it has not for too long.
    pub(super) fn writable(self: &Arc<Socket>, py: Python<'_>, late: bool) -> PyResult<()> {
        let Some((wait, future)) = lock(&self.state).writer.take() else { return Ok(()) };
        let taken = lock(&self.answer).take();
        let (mut done, mut failed) = (true, true);
        if let Some(mut response) = taken {
            response.wait_ends(wait, Ok(!late));
            (done, failed) = (!response.must_wait(), response.failed.is_some());
            if done {
                response.lend();
            } else {
                lock(&self.state).writer = Some((response.wait_begins(), future.clone_ref(py)));
            }
            *lock(&self.answer) = Some(response);
        }
        if !done {
            return if late { self.later(py) } else { Ok(()) };
        }
        self.event_loop.call_method1(py, intern!(py, "remove_writer"), (self.fd,))?;
        if failed {
            self.lose(py)?;
        }
        resolve(py, &future, py.None())
    }

    fn lose(self: &Arc<Socket>, py: Python<'_>) -> PyResult<()> {
        if let Stage::Open(talk) = &mut lock(&self.state).stage {
            talk.lose();
        }
        self.settle(py)
    }
}
