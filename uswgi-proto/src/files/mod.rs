//! Files served without Python: what may be sent, and with which head. Pure decisions; nothing here opens a
//! file or knows a socket.
//!
//! * [`rules`]: what the `static-*` options say about a name.
//! * [`conditional`], [`range`]: RFC 9110 sections 13 and 14: 200, 206, 304, 412 or 416.
//! * [`encoding`]: whether a client takes gzip. [`mime`]: the type of a name.

#![forbid(unsafe_code)]

pub mod conditional;
pub mod encoding;
pub mod mime;
pub mod range;
pub mod rules;

use std::io;

pub use conditional::{Preconditions, Verdict, decide, etag};
pub use rules::{Expires, ExpiresOn, Rules, StaticRules};

/// What was opened or asked; None: there is nothing of that name that may be served, so that the request is for somebody
/// else. An error says nothing about the name: the process or the machine is at its end, and so is the request.
pub fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) => match e.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO) => Err(e),
            _ => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_says_nothing_about_the_name_is_no_absence() {
        let of = |errno| if_there::<()>(Err(io::Error::from_raw_os_error(errno)));
        for errno in [libc::ENOENT, libc::ENOTDIR, libc::EACCES, libc::ELOOP, libc::EXDEV, libc::ENAMETOOLONG]
        {
            assert!(of(errno).unwrap().is_none(), "{errno}");
        }
        assert!(if_there::<()>(Err(io::ErrorKind::PermissionDenied.into())).unwrap().is_none());
        for errno in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO] {
            assert_eq!(of(errno).unwrap_err().raw_os_error(), Some(errno));
        }
        assert_eq!(if_there(Ok(1)).unwrap(), Some(1));
    }
}
