//! Where CPython keeps the frames of a thread, found out: functions of ours call each other, so the codes of the topmost
//! frames are known, and the way from the thread's state to them is looked for. 3.9 and 3.10 have a list of objects there,
//! 3.11 and 3.12 a structure on the C stack that points to the frames, 3.13 and later the frames.

#![forbid(unsafe_code)]

use super::memory::{Memory, Pages};
use super::state::this_state;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

/// Words of a thread's state, of a frame and of a code object in which things are looked for.
const STATE_WORDS: usize = 64;
const FRAME_WORDS: usize = 12;
const CODE_BYTES: usize = 256;
/// Functions that call each other.
const CHAIN: usize = 8;
/// Lines above the first of them, so that the number is no accident.
const LINES: usize = 7_919;

/// Where things are. Offsets in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// In the state: the frame, or what leads to it.
    state: usize,
    /// In that: the frame.
    between: Option<usize>,
    /// In a frame: its code, and the frame that called it.
    way: FrameWay,
    /// In code: its name, its file, its first line.
    code: [usize; 3],
    /// The type of code objects.
    code_type: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FrameWay {
    code: usize,
    previous: usize,
}

/// An object's address, without what 3.14 says in its lowest bits.
const fn object(word: usize) -> usize {
    word & !3
}

impl Layout {
    /// The topmost frame of a thread, by the address of its state; 0: there is none.
    pub(super) fn top(&self, memory: &Memory, state: usize) -> Option<usize> {
        let word = memory.word(state + self.state)?;
        match self.between {
            None => Some(word),
            Some(_) if word == 0 => Some(0),
            Some(offset) => memory.word(word + offset),
        }
    }

    /// The code of a frame, and the frame below it (0: it is the last).
    pub(super) fn frame(&self, memory: &Memory, pages: &mut Pages, at: usize) -> Option<(usize, usize)> {
        let code = pages.word(memory, at + self.way.code)?;
        Some((object(code), pages.word(memory, at + self.way.previous)?))
    }

    /// The beginnings of objects, for [`Layout::code`].
    pub(super) fn code_heads(&self, memory: &Memory, at: &[usize]) -> Vec<Option<Vec<u8>>> {
        let length = self.code.iter().max().copied().unwrap_or(0) + 8;
        memory.read_each(at, length)
    }

    /// Name, file and first line of the code object that begins so; None: it is none.
    pub(super) fn code(&self, head: &[u8]) -> Option<[usize; 3]> {
        let word = |at: usize| head.get(at..at + 8)?.try_into().ok().map(usize::from_ne_bytes);
        if word(8)? != self.code_type {
            return None;
        }
        let [name, file, line] = self.code;
        Some([word(name)?, word(file)?, word(line)? & 0xffff_ffff])
    }
}

fn nothing(what: &str) -> PyErr {
    PyRuntimeError::new_err(what.to_string())
}

/// Find out.
pub(super) fn layout(py: Python<'_>, memory: &Memory) -> PyResult<Layout> {
    let functions = chain(py)?;
    let codes: Vec<Bound<'_, PyAny>> =
        functions.iter().map(|f| f.getattr("__code__")).collect::<PyResult<_>>()?;
    // From the top: the last one called.
    let mut addresses: Vec<usize> = codes.iter().map(|c| c.as_ptr() as usize).collect();
    addresses.reverse();
    // At the end of the chain, and of one that is deeper in the stack: what is right at both is no accident.
    let mut found = ways(py, memory, &functions[0], &addresses)?;
    let again = ways(py, memory, &functions[CHAIN / 2], &addresses[..CHAIN / 2])?;
    found.retain(|way| again.contains(way));
    let Some(&(state, between, way)) = found.first() else {
        return Err(nothing("no way from the thread to its frames"));
    };
    let code_type = py.import("types")?.getattr("CodeType")?.as_ptr() as usize;
    Ok(Layout { state, between, way, code: code(memory, &codes)?, code_type })
}

/// Functions of which each calls the next one, and the last one its argument.
fn chain(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    // In a class, so that a name is another object than the qualified one.
    let mut source = "\n".repeat(LINES) + "class Chain:\n";
    for i in 0..CHAIN {
        let next = if i + 1 < CHAIN { format!("Chain.f{}(f)", i + 1) } else { "f()".into() };
        source.push_str(&format!(
            "    @staticmethod\n    def f{i}(f):\n        r = {next}\n        return r\n"
        ));
    }
    let names = PyDict::new(py);
    let builtins = py.import("builtins")?;
    names.set_item("__builtins__", &builtins)?;
    let code = builtins.getattr("compile")?.call1((source, "<uswgi profile>", "exec"))?;
    builtins.getattr("exec")?.call1((code, &names))?;
    let chain = names.get_item("Chain")?.ok_or_else(|| nothing("no class"))?;
    (0..CHAIN).map(|i| chain.getattr(format!("f{i}"))).collect()
}

type Way = (usize, Option<usize>, FrameWay);

/// Ways from the state of this thread to the frames of these codes, which are on top when `first` has called its argument.
fn ways(py: Python<'_>, memory: &Memory, first: &Bound<'_, PyAny>, codes: &[usize]) -> PyResult<Vec<Way>> {
    let (send, receive) = std::sync::mpsc::channel();
    let (own, expected) = (memory.clone(), codes.to_vec());
    let look = PyCFunction::new_closure(
        py,
        None,
        None,
        move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            let _ = send.send(look_around(this_state(args.py()), &own, &expected));
        },
    )?;
    first.call1((look,))?;
    receive.try_recv().map_err(|_| nothing("the functions did not run"))
}

fn look_around(state: usize, memory: &Memory, codes: &[usize]) -> Vec<Way> {
    let mut found = Vec::new();
    for (i, word) in memory.words(state, STATE_WORDS).into_iter().enumerate() {
        if let Some(way) = frame_way(memory, word, codes) {
            found.push((i * 8, None, way));
        }
        for between in [0, 8, 16] {
            if let Some(way) =
                memory.word(word.wrapping_add(between)).and_then(|f| frame_way(memory, f, codes))
            {
                found.push((i * 8, Some(between), way));
            }
        }
    }
    found
}

/// How a frame leads to its code and to the next one, if there is a frame and all of them have these codes.
fn frame_way(memory: &Memory, frame: usize, codes: &[usize]) -> Option<FrameWay> {
    if frame == 0 || !frame.is_multiple_of(8) {
        return None;
    }
    let words = memory.words(frame, FRAME_WORDS);
    let code = words.iter().position(|word| object(*word) == codes[0])? * 8;
    (0..words.len()).map(|i| FrameWay { code, previous: i * 8 }).find(|way| {
        let mut at = frame;
        codes.iter().all(|expected| {
            let is = memory.word(at.wrapping_add(way.code)).map(object) == Some(*expected);
            at = memory.word(at.wrapping_add(way.previous)).unwrap_or(0);
            is
        })
    })
}

/// Where code objects have their name (with the class, where they know it), their file and their first line.
fn code(memory: &Memory, codes: &[Bound<'_, PyAny>]) -> PyResult<[usize; 3]> {
    let place = |what: &str, size: usize, of: &dyn Fn(&Bound<'_, PyAny>) -> PyResult<usize>| {
        let places = (16..CODE_BYTES).step_by(size);
        for at in places {
            let holds = |code: &Bound<'_, PyAny>| -> PyResult<bool> {
                let word = memory.word(code.as_ptr() as usize + at);
                let word = word.map(|w| if size == 4 { w & 0xffff_ffff } else { w });
                Ok(word == Some(of(code)?))
            };
            if codes.iter().map(holds).collect::<PyResult<Vec<_>>>()?.into_iter().all(|holds| holds) {
                return Ok(at);
            }
        }
        Err(nothing(&format!("no {what} in code objects")))
    };
    let attribute = |name: &'static str| {
        move |code: &Bound<'_, PyAny>| -> PyResult<usize> { Ok(code.getattr(name)?.as_ptr() as usize) }
    };
    let name = place("qualified name", 8, &attribute("co_qualname"))
        .or_else(|_| place("name", 8, &attribute("co_name")))?;
    let file = place("file", 8, &attribute("co_filename"))?;
    let line = place("line", 4, &|code| code.getattr("co_firstlineno")?.extract())?;
    Ok([name, file, line])
}
