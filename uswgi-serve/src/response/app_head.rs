//! What an application says of its answer before the body. Plain data.

#![forbid(unsafe_code)]

/// What the application said in `start_response`.
#[derive(Default)]
pub struct AppHead {
    /// The code.
    pub status: u16,
    /// `CODE reason`.
    pub status_text: Vec<u8>,
    /// `Name: value\r\n` lines.
    pub lines: Vec<u8>,
    /// Number of `lines`.
    pub count: u32,
    /// As the application announced it.
    pub content_length: Option<u64>,
    /// The application gave a Date.
    pub has_date: bool,
    /// It wants the connection to end.
    pub close: bool,
}
