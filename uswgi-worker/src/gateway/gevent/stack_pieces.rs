//! Memory for the Python stacks of greenlets, kept from one greenlet to the next.
//!
//! Since 3.11 CPython gives each greenlet that runs Python code a piece of stack of its own from its arena allocator, which
//! is mmap(2), and gives it back when the greenlet ends. With a greenlet for each request that is most of what the
//! greenlet costs: two system calls and a fault for each page. So some pieces of that size are kept here instead, by the
//! allocator that CPython lets a program set (Python/C API manual, "Customize pymalloc Arena Allocator").

use pyo3::Python;
use std::ffi::c_void;
use std::sync::{Mutex, OnceLock};
use uswgi_serve::sync::lock;

/// Bytes of a piece (DATA_STACK_CHUNK_SIZE of CPython). Arenas are larger.
const PIECE: usize = 16 * 1024;
/// Pieces that are kept at most: 4 MiB.
const MOST: usize = 256;

/// `PyObjectArenaAllocator`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Allocator {
    context: *mut c_void,
    allocate: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void, usize),
}

// SAFETY: functions and the pointer that they are called with, by whichever thread CPython calls them from.
unsafe impl Send for Allocator {}
// SAFETY: the same; it is never changed.
unsafe impl Sync for Allocator {}

/// CPython's own.
static BELOW: OnceLock<Allocator> = OnceLock::new();
/// Addresses of pieces that nobody uses.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

unsafe extern "C" fn allocate(_: *mut c_void, size: usize) -> *mut c_void {
    if size == PIECE
        && let Some(piece) = lock(&KEPT).pop()
    {
        return piece as *mut c_void;
    }
    match BELOW.get() {
        // SAFETY: what CPython would have called, with the context that belongs to it.
        Some(below) => unsafe { (below.allocate)(below.context, size) },
        None => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn free(_: *mut c_void, memory: *mut c_void, size: usize) {
    if size == PIECE {
        let mut kept = lock(&KEPT);
        if kept.len() < MOST {
            // Within its capacity from the start.
            kept.push(memory as usize);
            return;
        }
    }
    if let Some(below) = BELOW.get() {
        // SAFETY: it was allocated there, or here after it was allocated there with the same size.
        unsafe { (below.free)(below.context, memory, size) };
    }
}

type AllocatorCall = unsafe extern "C" fn(*mut Allocator);

fn symbol(name: &std::ffi::CStr) -> Option<AllocatorCall> {
    // SAFETY: a C string; both functions have had this signature since 3.4, in every CPython, though the stable ABI does
    // not promise them.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        (!found.is_null()).then(|| std::mem::transmute::<*mut c_void, AllocatorCall>(found))
    }
}

/// Keep pieces from now on. The GIL is held, so that nobody allocates meanwhile.
pub(super) fn keep(_: Python<'_>) {
    let (Some(get), Some(set)) =
        (symbol(c"PyObject_GetArenaAllocator"), symbol(c"PyObject_SetArenaAllocator"))
    else {
        return;
    };
    lock(&KEPT).reserve_exact(MOST);
    let mut ours = Allocator { context: std::ptr::null_mut(), allocate, free };
    let mut below = ours;
    // SAFETY: live structs of CPython's layout, which it fills and copies.
    unsafe { get(&mut below) };
    if BELOW.set(below).is_ok() {
        // SAFETY: as above; our functions hand on to the ones before.
        unsafe { set(&mut ours) };
    }
}
