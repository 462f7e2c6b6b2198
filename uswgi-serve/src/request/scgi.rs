//! The head of an SCGI request: its variables mean what those of a uwsgi packet mean.

use super::{Need, Request, allowed, know, leading_digits, refuse};
use crate::connection::Conn;
use uswgi_proto::scgi;
use uswgi_proto::settings::WorkerSettings;

/// Read the variables, once they are all there.
pub(super) fn head(conn: &mut Conn, request: &mut Request, settings: &WorkerSettings) -> Result<(), Need> {
    let strange = |e: scgi::ScgiError| refuse(e.status(), e.to_string());
    let Some((start, end)) = scgi::block(&conn.buffer).map_err(strange)? else { return Err(Need::More) };
    let size = end - start;
    allowed(size, settings)?;
    // The comma too.
    let length = end + 1;
    if conn.buffer.len() < length {
        conn.needed = length;
        return Err(Need::More);
    }
    if size == 0 {
        return Err(refuse(400, "the SCGI request is empty"));
    }
    if conn.buffer[end] != b',' {
        return Err(strange(scgi::ScgiError::NoComma { size }));
    }
    let block = &conn.buffer[start..end];
    scgi::vars(block, start as u32, settings.limits.max_vars as usize, &mut request.vars).map_err(strange)?;
    (request.modifier1, request.modifier2, request.head_length) = (0, 0, length);
    request.keep_alive = false;
    let content_length = know(&conn.buffer, request);
    request.content_length = leading_digits(content_length.of(&conn.buffer));
    Ok(())
}
