//! Where Python threads stand, read from the memory of this process while they run, for profiles: no GIL, so nobody waits
//! for the reader, and the reader is not kept to the moments at which the GIL is given up.
//!
//! Where CPython keeps its frames differs from version to version and is nobody's promise. So it is found out, not known
//! ([`discover`]): once, with the GIL, from functions whose code is at hand; what is not found makes a refusal, never a
//! guess. All reading is by process_vm_readv(2) of ourselves ([`memory`]), for which an address that is none is an error
//! and no crash. A stack that has changed under the reader is read again ([`PythonFrames::stack`]).

mod discover;
mod memory;
mod state;
mod text;

use discover::Layout;
use memory::{Memory, Pages};
use pyo3::prelude::*;
pub(crate) use state::gil_memory;
use std::collections::HashMap;
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use text::Strings;
use uswgi_proto::profile::PythonFrame;
use uswgi_serve::interpreter::FrameReader;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// How long to wait for the GIL.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a stack is read that changes meanwhile.
const TRIES: usize = 5;
/// Frames of a stack that are read: a recursion without end has 1,000.
const DEEPEST: usize = 2_000;
/// The thread states of CPython, by the interpreter's identifiers of the threads in which lanes run.
static THREAD_STATES: Mutex<Vec<(u64, usize)>> = Mutex::new(Vec::new());

/// The calling thread is one in which a lane runs.
pub(crate) fn adopt(py: Python<'_>) {
    let state = state::this_state(py);
    let ident = sys::this_thread().number();
    let mut all = lock(&THREAD_STATES);
    all.retain(|(i, _)| *i != ident);
    all.push((ident, state));
}

/// Reads stacks; see the module.
pub(crate) struct PythonFrames {
    layout: Layout,
    strings: Strings,
    version: String,
    memory: Memory,
    pages: Pages,
    /// Functions by their code and what it said of itself, so that other code at the same address is not taken for it.
    known: HashMap<[usize; 4], u32>,
    frames: Vec<KnownFrame>,
    /// The code at the root of each thread's stack.
    roots: HashMap<u64, usize>,
    codes: Vec<usize>,
}

struct KnownFrame {
    frame: PythonFrame,
    /// What every stack begins with, before the application.
    is_ours: bool,
}

impl PythonFrames {
    /// Finds out where things are. Call from a thread that does not hold the GIL.
    pub(crate) fn new() -> Result<PythonFrames, String> {
        let (send, receive) = mpsc::channel();
        let helper = std::thread::Builder::new().name("uswgi-profile-2".into()).stack_size(1 << 20);
        helper
            .spawn(move || {
                sys::block_signals();
                let memory = Memory::own();
                let found = Python::attach(|py| {
                    let version: String = py.import("platform")?.call_method0("python_version")?.extract()?;
                    let found = discover::layout(py, &memory)
                        .and_then(|layout| Ok((layout, text::discover(py, &memory)?)))
                        .map_err(|e: PyErr| e.to_string());
                    PyResult::Ok((version, found))
                });
                // Nobody waits any more when it took too long.
                let _ = send.send(found.map_err(|e| e.to_string()));
            })
            .map_err(|e| format!("no thread: {e}"))?;
        let found = receive.recv_timeout(PATIENCE);
        let found =
            found.map_err(|_| "something holds the GIL without a break (a C extension?)".to_string())?;
        let (version, found) = found?;
        let (layout, strings) =
            found.map_err(|e| format!("the frames of CPython {version} are not found: {e}"))?;
        Ok(PythonFrames {
            layout,
            strings,
            version,
            memory: Memory::own(),
            pages: Pages::default(),
            known: HashMap::new(),
            frames: Vec::new(),
            roots: HashMap::new(),
            codes: Vec::new(),
        })
    }

    /// Read the codes of a stack, from its top. The top frame's address; None: it cannot be read, or is none.
    fn walk(&mut self, state: usize) -> Option<usize> {
        self.codes.clear();
        self.pages.clear();
        let top = self.layout.top(&self.memory, state)?;
        let mut at = top;
        while at != 0 {
            if self.codes.len() >= DEEPEST {
                return None;
            }
            let (code, previous) = self.layout.frame(&self.memory, &mut self.pages, at)?;
            self.codes.push(code);
            at = previous;
        }
        Some(top)
    }

    /// The numbers of the frames of `codes`, from the root, without what is no code. False: nothing of it can be believed.
    fn name(&mut self, into: &mut Vec<u32>) -> bool {
        let heads = self.layout.code_heads(&self.memory, &self.codes);
        let mut application = false;
        for (code, head) in self.codes.iter().zip(heads).rev() {
            let Some(head) = head else { return false };
            // Where C calls Python some versions put a frame of their own.
            let Some([name, file, line]) = self.layout.code(&head) else { continue };
            let key = [*code, name, file, line];
            let number = match self.known.get(&key) {
                Some(number) => *number,
                None => {
                    let (Some(name), Some(file)) =
                        (self.strings.read(&self.memory, name), self.strings.read(&self.memory, file))
                    else {
                        return false;
                    };
                    let number = self.frames.len() as u32;
                    self.frames.push(KnownFrame {
                        is_ours: is_ours(&name, &file),
                        frame: PythonFrame { name, file, line: line as u32 },
                    });
                    self.known.insert(key, number);
                    number
                }
            };
            application |= !self.frames[number as usize].is_ours;
            if application {
                into.push(number);
            }
        }
        true
    }
}

/// Whether this is what every thread begins with, or the trampoline that some versions have between C and Python.
fn is_ours(name: &str, file: &str) -> bool {
    file == "<string>" && name == "<module>"
        || file.ends_with("/threading.py")
            && (name.ends_with("_bootstrap") || name.ends_with("_bootstrap_inner") || name.ends_with("run"))
        || file.starts_with('<') && name.starts_with('<') && name.contains("trampoline")
}

impl FrameReader for PythonFrames {
    fn name(&self) -> String {
        self.version.clone()
    }

    fn stack(&mut self, ident: u64, into: &mut Vec<u32>) -> bool {
        let state = lock(&THREAD_STATES).iter().find(|(i, _)| *i == ident).map(|(_, state)| *state);
        let Some(state) = state else { return false };
        for _ in 0..TRIES {
            into.clear();
            let Some(top) = self.walk(state) else { continue };
            let root = self.codes.last().copied().unwrap_or(0);
            // It stood still, or the rest of the stack did: it goes down to where the thread began.
            let stood = self.layout.top(&self.memory, state) == Some(top);
            if !stood && self.roots.get(&ident) != Some(&root) {
                continue;
            }
            if self.name(into) {
                if stood {
                    self.roots.insert(ident, root);
                }
                return true;
            }
        }
        false
    }

    fn frame(&self, number: u32) -> PythonFrame {
        self.frames.get(number as usize).map(|known| known.frame.clone()).unwrap_or_default()
    }
}
