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

pub use conditional::{Asked, Verdict, decide, etag};
pub use rules::{Expires, ExpiresOn, Rules, StaticRules};
