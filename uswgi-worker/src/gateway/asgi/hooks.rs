//! What the loop calls: when something is ready, when it is wanted, when a task has ended.

use super::pool::TaskPool;
use crate::py as python;
use pyo3::prelude::*;
use std::sync::Arc;

/// Called by the loop when something is ready.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct LoopTurn {
    pool: Arc<TaskPool>,
    look: bool,
}

impl LoopTurn {
    /// With `look` the ready epoll is asked, else only what was fetched of it before.
    pub(super) fn new(pool: &Arc<TaskPool>, look: bool) -> LoopTurn {
        LoopTurn { pool: pool.clone(), look }
    }
}

#[pymethods]
impl LoopTurn {
    fn __call__(&self, py: Python<'_>) {
        if let Err(e) = self.pool.turn(py, self.look) {
            python::print_exception(py, &e);
        }
    }
}

/// Called by the loop when it is wanted.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct LoopOrders(Arc<TaskPool>);

impl LoopOrders {
    pub(super) fn new(pool: &Arc<TaskPool>) -> LoopOrders {
        LoopOrders(pool.clone())
    }
}

#[pymethods]
impl LoopOrders {
    fn __call__(&self, py: Python<'_>) {
        if let Err(e) = self.0.obey(py) {
            python::print_exception(py, &e);
        }
    }
}

/// Called by the loop when the task of a lane has ended.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct Done {
    pool: Arc<TaskPool>,
    number: usize,
}

impl Done {
    /// Of the lane of this number.
    pub(super) fn new(pool: &Arc<TaskPool>, number: usize) -> Done {
        Done { pool: pool.clone(), number }
    }
}

#[pymethods]
impl Done {
    fn __call__(&self, py: Python<'_>, _task: &Bound<'_, PyAny>) {
        if let Err(e) = self.pool.over(py, self.number) {
            python::print_exception(py, &e);
        }
    }
}
