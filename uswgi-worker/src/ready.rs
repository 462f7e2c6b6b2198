//! The loop of a Python thread: take one ready connection, do everything inline, take the next.
//!
//! [`Hands`] is the part without the GIL: waiting, accepting, receiving, parsing, static files, and what becomes
//! of a connection after its answer. It never blocks but in the ready epoll. What does not complete at
//! once goes to the native thread.

use crate::app::Apps;
use crate::connection::{Conn, Received};
use crate::engine::{Engine, Job, Leaving};
use crate::harakiri;
use crate::log::Fault;
use crate::request::{Body, Request, Step, examine};
use crate::respond::{After, Runner, prepare, response_for, settle};
use crate::response::Response;
use crate::token::Token;
use crate::{autoreload, handover, io, limited_say, py as python, refusal, static_files, sys};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::control::ToMaster;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::layout::{add, class_of};
use uswgi_proto::scoreboard::{ThreadState, monotonic_us};

/// A buffer up to this size is kept by its thread when the connection does not need it.
const SPARE_BUFFER: usize = 64 * 1024;

/// Pipelined requests of one connection without looking at the others.
const IN_A_ROW: u32 = 8;
/// Accepts without looking at anything else.
const MORE_ACCEPTS: u32 = 8;

/// Serve until told to leave. Runs in the main thread.
pub(crate) fn serve(py: Python<'_>, engine: Arc<Engine>, apps: Apps) -> Exit {
    let apps = Arc::new(apps);
    match serve_with(py, &engine, &apps) {
        Ok(()) if engine.leaving() == Leaving::Orphaned => Exit::MasterGone,
        Ok(()) => Exit::Ok,
        Err(e) => {
            python::print_exception(py, &e);
            Exit::Failed
        }
    }
}

fn serve_with(py: Python<'_>, engine: &Arc<Engine>, apps: &Arc<Apps>) -> PyResult<()> {
    sys::notice_forks();
    let native = io::start(engine)?;
    let ready = || {
        // Who sees us serve may change a file.
        autoreload::start(py, engine, apps.callables.is_empty());
        if let Some(control) = &engine.control {
            control.send(&ToMaster::Ready);
        }
    };
    if engine.threads.len() == 1 {
        if engine.settings.harakiri > 0 {
            harakiri::install_main(py, engine)?;
        }
        let runner = Runner::new(py, engine, apps, 0)?;
        ready();
        run_thread(py, engine, runner, 0)?;
    } else {
        let runners = (0..engine.threads.len())
            .map(|i| Runner::new(py, engine, apps, i))
            .collect::<PyResult<Vec<_>>>()?;
        let threading = PyModule::import(py, "threading")?;
        let mut threads = Vec::new();
        for (i, runner) in runners.into_iter().enumerate() {
            let body = Py::new(py, ThreadBody(std::sync::Mutex::new(Some((engine.clone(), runner, i)))))?;
            let options = PyDict::new(py);
            options.set_item("target", body)?;
            options.set_item("name", format!("uWSGIWorker{}Core{i}", engine.settings.worker_id))?;
            let thread = threading.getattr("Thread")?.call((), Some(&options))?;
            thread.call_method0("start")?;
            threads.push(thread);
        }
        ready();
        for thread in threads {
            while let Err(e) = thread.call_method0("join") {
                // A Python signal handler of the application raised in the main thread.
                python::print_exception(py, &e);
            }
        }
    }
    if engine.control.is_some() {
        // From here on nobody watches for the master's end, and the application's threads may not end by themselves.
        sys::parent_death_signal(libc::SIGKILL);
        if engine.leaving() == Leaving::Orphaned {
            sys::end_in(io::ORPHAN_SECONDS);
        }
    }
    engine.threads_left.store(true, Ordering::SeqCst);
    engine.jobs_wake.set();
    py.detach(|| {
        // It panics only where it aborts; there is nothing left to do without it.
        let _ = native.join();
    });
    Ok(())
}

/// Target of a `threading.Thread`, so that the threads are Python's own in every respect.
#[pyclass(module = "uswgi_worker", frozen)]
struct ThreadBody(std::sync::Mutex<Option<(Arc<Engine>, Runner, usize)>>);

#[pymethods]
impl ThreadBody {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let taken = crate::sync::lock(&self.0).take();
        match taken {
            Some((engine, runner, thread)) => run_thread(py, &engine, runner, thread),
            None => Ok(()),
        }
    }
}

fn run_thread(py: Python<'_>, engine: &Arc<Engine>, mut runner: Runner, thread: usize) -> PyResult<()> {
    let ident: u64 = PyModule::import(py, "threading")?.call_method0("get_ident")?.extract()?;
    engine.threads[thread].adopt(ident);
    if let Some(slot) = engine.thread_slot(thread) {
        slot.state.store(ThreadState::Idle as u32, Ordering::Relaxed);
    }
    runner.adopt_thread();
    let mut hands = Hands::new(engine, thread);
    let mut previous = None;
    loop {
        let next = py.detach(|| {
            let previous = previous.take().map(|(mut conn, ran)| {
                let after = runner.finish(&mut conn, &hands.request, ran);
                (conn, after)
            });
            hands.next(previous)
        });
        match next {
            Next::Request(mut conn) => {
                let _taken_back = engine.threads[thread].lent.guard();
                let ran = runner.run(py, &mut conn, &hands.request);
                previous = Some((conn, ran));
            }
            Next::Signal => {
                if let Err(e) = py.check_signals() {
                    python::print_exception(py, &e);
                }
            }
            Next::Leave => return Ok(()),
        }
    }
}

enum Next {
    /// Its request is whole and parsed in [`Hands::request`].
    Request(Conn),
    /// The wait was interrupted: Python may have a handler to run.
    Signal,
    Leave,
}

struct Hands {
    engine: Arc<Engine>,
    thread: usize,
    request: Request,
    spare: Vec<u8>,
    response: Response,
    /// A listener that is worth another look before the next wait, and how often still.
    again: Option<(usize, u32)>,
}

impl Hands {
    fn new(engine: &Arc<Engine>, thread: usize) -> Hands {
        Hands {
            engine: engine.clone(),
            thread,
            request: Request::default(),
            spare: Vec::new(),
            response: response_for(engine, thread),
            again: None,
        }
    }

    /// Settle the previous connection, then wait for a request.
    fn next(&mut self, previous: Option<(Conn, After)>) -> Next {
        let mut at_hand = previous.and_then(|(conn, after)| self.settle(conn, after));
        loop {
            if let Some(conn) = at_hand.take() {
                let Some(files) = &self.engine.files else { return self.begin(conn) };
                at_hand = match files.find(&conn, &self.request) {
                    Ok(None) => return self.begin(conn),
                    Ok(Some(found)) => self.serve_file(conn, found),
                    Err(e) => self.answer(conn, static_files::no_answer(&e)),
                };
                continue;
            }
            if let Some((listener, left)) = self.again.take()
                && left > 0
                && self.engine.is_accepting()
            {
                at_hand = self.accept(listener, left);
                continue;
            }
            let token = match self.engine.fetched() {
                Some(token) => token,
                None => {
                    self.mark(false);
                    match self.engine.wait() {
                        Some(token) => token,
                        None => return Next::Signal,
                    }
                }
            };
            self.mark(true);
            at_hand = match token {
                Token::Stop => match self.engine.take_whole().and_then(|c| self.look(c)) {
                    Some(conn) => Some(conn),
                    None if self.engine.any_whole() => None,
                    None => {
                        self.mark(false);
                        return Next::Leave;
                    }
                },
                // What came before accepting ended was passed on; what comes behind is for the others.
                Token::Listener(_) | Token::HandOver if !self.engine.is_accepting() => None,
                Token::Listener(i) => self.accept(i, MORE_ACCEPTS),
                Token::HandOver => handover::take(&self.engine).and_then(|c| self.look(c)),
                Token::Whole => self.engine.take_whole().and_then(|c| self.look(c)),
                Token::Conn { key, stamp } => self.engine.unpark(key, stamp).and_then(|c| self.receive(c)),
            };
        }
    }

    fn begin(&self, conn: Conn) -> Next {
        // Odd stays odd: a new number for a new request, also when it follows without a gap.
        let sequence = &self.engine.threads[self.thread].sequence;
        sequence.store((sequence.load(Ordering::Relaxed) | 1) + 2, Ordering::SeqCst);
        Next::Request(conn)
    }

    /// Tell the native thread whether this thread holds something.
    fn mark(&self, busy: bool) {
        let sequence = &self.engine.threads[self.thread].sequence;
        let now = sequence.load(Ordering::Relaxed);
        if (now & 1 == 1) != busy {
            sequence.store(now + 1, Ordering::SeqCst);
        }
    }

    /// Take a connection. A worker that is alone looks for the next one without a wait between; with several, the
    /// kernel chooses whose turn it is.
    fn accept(&mut self, index: usize, left: u32) -> Option<Conn> {
        match self.engine.accept(index) {
            Ok(Some(conn)) => {
                if self.engine.settings.workers == 1 {
                    self.again = Some((index, left - 1));
                }
                self.receive(conn)
            }
            Ok(None) => None,
            Err(e) => {
                self.engine.accept_failed(&e);
                None
            }
        }
    }

    /// Receive until a request is whole, or there is nothing more now.
    fn receive(&mut self, mut conn: Conn) -> Option<Conn> {
        if conn.buffer.capacity() == 0 {
            std::mem::swap(&mut conn.buffer, &mut self.spare);
        }
        loop {
            match conn.receive() {
                Ok(Received::Bytes) => match examine(&mut conn, &mut self.request, &self.engine.settings) {
                    Step::Run => return Some(conn),
                    // A body on its way to disk may go on for long: that is the native thread's work.
                    Step::More if conn.spool.is_some() => {
                        self.engine.submit(Job::Read(conn));
                        return None;
                    }
                    Step::More => {}
                    other => return self.answer(conn, other),
                },
                Ok(Received::Nothing) if conn.buffer.is_empty() => return self.park(conn),
                Ok(Received::Nothing) => {
                    self.engine.submit(Job::Read(conn));
                    return None;
                }
                Ok(Received::End) => {
                    if !conn.buffer.is_empty() {
                        self.left_midway(&conn);
                    }
                    return self.recycle(conn);
                }
                Err(e) => {
                    self.read_error();
                    return match refusal::no_memory(&e) {
                        Some(step) => self.answer(conn, step),
                        None => self.recycle(conn),
                    };
                }
            }
        }
    }

    /// Look at bytes that are there already.
    fn look(&mut self, mut conn: Conn) -> Option<Conn> {
        if conn.buffer.is_empty() {
            return self.receive(conn);
        }
        match examine(&mut conn, &mut self.request, &self.engine.settings) {
            Step::Run => Some(conn),
            Step::More => self.receive(conn),
            other => self.answer(conn, other),
        }
    }

    fn park(&mut self, mut conn: Conn) -> Option<Conn> {
        if conn.buffer.capacity() <= SPARE_BUFFER && conn.buffer.capacity() > self.spare.capacity() {
            std::mem::swap(&mut conn.buffer, &mut self.spare);
        }
        conn.buffer = Vec::new();
        if let Some(conn) = self.engine.park(conn, monotonic_us()) {
            handover::release(&self.engine, conn);
        }
        None
    }

    /// The connection is closed here; its buffer serves the next one.
    fn recycle(&mut self, conn: Conn) -> Option<Conn> {
        let mut conn = conn;
        let mut buffer = std::mem::take(&mut conn.buffer);
        drop(conn);
        if buffer.capacity() <= SPARE_BUFFER && buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
        None
    }

    fn answer(&mut self, conn: Conn, step: Step) -> Option<Conn> {
        refusal::answer(&self.engine, conn, step);
        None
    }

    fn left_midway(&self, conn: &Conn) {
        self.read_error();
        limited_say!(
            Fault::Client,
            self.engine,
            "a client closed its connection in the middle of a request ({} bytes had come)",
            conn.buffer.len()
        );
    }

    fn read_error(&self) {
        if let Some(slot) = self.engine.thread_slot(self.thread) {
            add(&slot.read_errors, 1);
        }
    }

    /// What becomes of a connection after its answer; comes back when its next request is there.
    fn settle(&mut self, conn: Conn, after: After) -> Option<Conn> {
        if conn.served == 1
            && let Some(listener) = self.engine.listeners.get(usize::from(conn.listener))
        {
            listener.note_stay(matches!(after, After::Keep | After::Write { keep: true, .. }));
        }
        match after {
            After::Close { unread, sent } if io::lingers(&conn, unread, sent) => {
                self.engine.submit(Job::Linger(conn));
                None
            }
            After::Close { .. } => self.recycle(conn),
            After::Write { pending, keep, unread } => {
                self.engine.submit(Job::Write { conn, pending, keep, unread });
                None
            }
            After::Keep if self.engine.is_leaving() => {
                handover::release(&self.engine, conn);
                None
            }
            After::Keep if conn.buffer.is_empty() => self.park(conn),
            After::Keep if conn.served.is_multiple_of(IN_A_ROW) => {
                // A client that pipelines without end waits like the others.
                self.engine.deliver(conn);
                None
            }
            After::Keep => self.look(conn),
        }
    }

    fn serve_file(&mut self, mut conn: Conn, found: static_files::Found) -> Option<Conn> {
        let started = monotonic_us();
        conn.name_peer();
        let mut response = std::mem::take(&mut self.response);
        response.claims = false;
        prepare(&mut response, &self.engine, &conn, &self.request);
        // Bytes of body behind the head in the buffer; None: it has not all come.
        let body = match self.request.body {
            Some(Body::Buffered(n)) => Some(n),
            Some(Body::Stream(_) | Body::StreamChunks) => None,
            Some(Body::None | Body::Spooled | Body::Decoded) | None => Some(0),
        };
        response.keep_alive &= body.is_some();
        response.head = Some(Arc::new(found.head));
        if let Some((fd, offset, length)) = found.file {
            response.file(fd, offset, length);
        }
        response.end();
        if let Some(slot) = self.engine.thread_slot(self.thread) {
            add(&slot.static_requests, 1);
            add(&slot.tx, response.head_bytes + response.body_bytes);
            add(&slot.by_class[class_of(response.status())], 1);
            if response.failed.is_some() {
                add(&slot.write_errors, 1);
            }
        }
        let micros = monotonic_us() - started;
        if crate::report::wanted(&self.engine, &response, micros) {
            let facts =
                crate::report::Facts { micros, requests: 0, thread: self.thread, switches: 1, app: None };
            crate::report::request(&self.engine, &conn, &self.request, &response, &facts);
        }
        conn.consume(self.request.head_length + body.unwrap_or(0));
        conn.served += 1;
        let after = settle(&mut response, body.is_some());
        self.response = response;
        self.settle(conn, after)
    }
}
