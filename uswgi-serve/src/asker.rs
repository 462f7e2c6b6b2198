//! What an answer with a file asks of its request.

#![forbid(unsafe_code)]

/// What an answer with a file depends on: the request as it was sent, or what rules of an answer have kept of it.
pub(crate) trait Asker {
    fn method(&self) -> &[u8];
    fn path(&self) -> &[u8];
    fn uri(&self) -> &[u8];
    /// The value of a header field by its name in lower case; none is empty.
    fn header(&self, name: &str) -> Vec<u8>;
}
