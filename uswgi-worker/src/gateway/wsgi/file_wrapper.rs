//! `wsgi.file_wrapper`: an iterable over a file-like object that the server can send as a file.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pyclass(module = "uswgi_worker", frozen)]
pub(crate) struct FileWrapper {
    pub(crate) file: Py<PyAny>,
    block_size: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, blksize = 8192))]
    fn new(filelike: Py<PyAny>, blksize: usize) -> Self {
        FileWrapper { file: filelike, block_size: blksize.max(1) }
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.next(py)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.file.bind(py).getattr_opt("close")? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        }
    }
}

/// The io object whose bytes are those of its descriptor: the object itself, or what tempfile and Django wrap.
/// Others with a fileno() may not be (gzip.open() has one, of the compressed file).
fn plain<'py>(file: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let mut file = file.clone();
    for _ in 0..3 {
        let kind = file.get_type();
        let module = kind.module().ok()?;
        let name = kind.name().ok()?;
        if module == "_io" {
            let raw = ["FileIO", "BufferedReader", "BufferedRandom"];
            return raw.iter().any(|n| name == *n).then_some(file);
        }
        let wraps = module == "tempfile" || module.to_string().starts_with("django.core.files");
        file = if wraps { file.getattr("file").ok()? } else { return None };
    }
    None
}

impl FileWrapper {
    /// The next block; None: there is no more.
    pub(crate) fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let data = self.file.bind(py).call_method1("read", (self.block_size,))?;
        let over = data.cast::<PyBytes>().is_ok_and(|b| b.as_bytes().is_empty());
        Ok((!over).then_some(data))
    }

    /// Descriptor and position, when the object is an open regular file whose position Python knows.
    pub(crate) fn regular_file(&self, py: Python<'_>) -> Option<(i32, i64, u64)> {
        let file = plain(self.file.bind(py))?;
        let fd: i32 = file.call_method0("fileno").ok()?.extract().ok()?;
        let (size, raw_position) = uswgi_serve::sys::regular_file(fd)?;
        // A buffered reader stands elsewhere than its descriptor.
        let position = match file.call_method0("tell") {
            Ok(position) => position.extract().ok()?,
            Err(_) => raw_position,
        };
        Some((fd, position, size.saturating_sub(position as u64)))
    }
}
