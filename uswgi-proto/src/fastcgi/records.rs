//! The records of FastCGI: headers, pairs of names and values, and those that we send.

/// Most bytes of content in a record that we send; a multiple of 8, so that none needs padding.
pub const MOST_CONTENT: usize = 65_528;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `FCGI_BEGIN_REQUEST`.
    Begin,
    /// `FCGI_ABORT_REQUEST`.
    Abort,
    /// `FCGI_PARAMS`.
    Params,
    /// `FCGI_STDIN`.
    Stdin,
    /// `FCGI_GET_VALUES`.
    GetValues,
    /// One that a responder has no use for.
    Other,
}

/// The eight bytes in front of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordHeader {
    pub(super) kind: u8,
    pub(super) id: u16,
    pub(super) length: u16,
    padding: u8,
}

impl RecordHeader {
    /// Bytes of it.
    pub(super) const LENGTH: usize = 8;

    /// The one at the start; None: it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<RecordHeader> {
        let [_, kind, id_1, id_0, length_1, length_0, padding, _] = *bytes.first_chunk()?;
        let (id, length) = (u16::from_be_bytes([id_1, id_0]), u16::from_be_bytes([length_1, length_0]));
        Some(RecordHeader { kind, id, length, padding })
    }

    /// Bytes of the record.
    pub(super) fn whole(self) -> usize {
        RecordHeader::LENGTH + usize::from(self.length) + usize::from(self.padding)
    }

    pub(super) fn kind(self) -> Kind {
        match self.kind {
            1 => Kind::Begin,
            2 => Kind::Abort,
            4 => Kind::Params,
            5 => Kind::Stdin,
            9 => Kind::GetValues,
            _ => Kind::Other,
        }
    }
}

fn header(kind: u8, id: u16, length: usize, out: &mut Vec<u8>) {
    let ([id_1, id_0], length) = (id.to_be_bytes(), length.to_be_bytes());
    let [length_1, length_0] = [length[length.len() - 2], length[length.len() - 1]];
    out.extend_from_slice(&[1, kind, id_1, id_0, length_1, length_0, 0, 0]);
}

/// Bytes of an answer (`FCGI_STDOUT`).
pub fn stdout(id: u16, bytes: &[u8], out: &mut Vec<u8>) {
    for part in bytes.chunks(MOST_CONTENT) {
        header(6, id, part.len(), out);
        out.extend_from_slice(part);
    }
}

/// The end of an answer, and of its request.
pub fn end(id: u16, out: &mut Vec<u8>) {
    header(6, id, 0, out);
    declined(id, 0, out);
}

/// `FCGI_END_REQUEST` with this status; 0: it was served.
pub(super) fn declined(id: u16, status: u8, out: &mut Vec<u8>) {
    header(3, id, 8, out);
    out.extend_from_slice(&[0, 0, 0, 0, status, 0, 0, 0]);
}

/// `FCGI_UNKNOWN_TYPE`.
pub(super) fn unknown(kind: u8, out: &mut Vec<u8>) {
    header(11, 0, 8, out);
    out.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
}

/// `FCGI_GET_VALUES_RESULT`: what is asked for and known. A connection has one request at a time.
pub(super) fn values(content: &[u8], out: &mut Vec<u8>) {
    let (mut rest, mut said) = (content, Vec::new());
    while let Some((name, _, after)) = pair(rest) {
        if name == b"FCGI_MPXS_CONNS" {
            said.extend_from_slice(&[name.len() as u8, 1]);
            said.extend_from_slice(name);
            said.push(b'0');
        }
        rest = after;
    }
    said.truncate(MOST_CONTENT);
    header(10, 0, said.len(), out);
    out.extend_from_slice(&said);
}

/// A length: one byte, or four with the first bit set.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [short, ref rest @ ..] if short < 0x80 => Some((usize::from(short), rest)),
        [a, b, c, d, ref rest @ ..] => Some((u32::from_be_bytes([a & 0x7f, b, c, d]) as usize, rest)),
        _ => None,
    }
}

/// Name, value, and what follows. None: the bytes end before.
pub(super) fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name_length, rest) = length(bytes)?;
    let (value_length, rest) = length(rest)?;
    let (name, rest) = rest.split_at_checked(name_length)?;
    let (value, rest) = rest.split_at_checked(value_length)?;
    Some((name, value, rest))
}
