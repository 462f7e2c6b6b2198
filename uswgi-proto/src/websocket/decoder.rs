//! Frames of a client into messages, however their bytes are cut. Holds one message that is not whole, and no more.

#![forbid(unsafe_code)]

use super::{MAX_CONTROL, Opcode, code, may_be_sent};

/// Frames of one message: a client that sends empty ones makes no progress for ever otherwise.
pub const MAX_FRAMES: u32 = 65_536;
/// Bytes set aside for a message before any of it has come: its announced length is only believed so far.
const AT_FIRST: usize = 4 * 1024;

/// What a client has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message of text.
    Text(String),
    /// A message of bytes.
    Binary(Vec<u8>),
    /// Wants a pong with the same bytes.
    Ping(Vec<u8>),
    /// It is there.
    Pong,
    /// It says no more; nothing behind it is looked at.
    Close(Option<(u16, String)>),
}

/// How a client broke the protocol. Nothing of it is read after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A server may accept no bare frame (section 5.1).
    #[error("a frame of a client is not masked")]
    NotMasked,
    /// An extension that nobody has agreed on.
    #[error("reserved bits of a frame are set")]
    Reserved,
    /// Opcodes 3 to 7 and 11 to 15.
    #[error("a frame has an unknown opcode")]
    Opcode,
    /// Longer than 125 bytes, or in pieces.
    #[error("a control frame is longer than 125 bytes or in fragments")]
    Control,
    /// A length that is not written in the fewest bytes, or beyond 63 bits.
    #[error("the length of a frame is not written as it has to be")]
    Length,
    /// Goes on with nothing, or begins in the middle.
    #[error("a fragment goes on with no message, or a message begins within another one")]
    Fragment,
    /// A close frame of one byte, or with a code that may not be sent.
    #[error("a close frame has a code that may not be sent")]
    CloseCode,
    /// In a message or a reason.
    #[error("a text is not UTF-8")]
    Utf8,
    /// More bytes than a message may have.
    #[error("a message has more than {limit} bytes (websockets-max-size)")]
    TooBig {
        /// The limit.
        limit: usize,
    },
    /// More frames than a message may have.
    #[error("a message has more than {MAX_FRAMES} fragments")]
    TooManyFrames,
}

impl FrameError {
    /// The close code that tells the client.
    pub fn code(self) -> u16 {
        match self {
            FrameError::Utf8 => code::NOT_UTF8,
            FrameError::TooBig { .. } => code::TOO_BIG,
            FrameError::TooManyFrames => code::POLICY,
            _ => code::PROTOCOL,
        }
    }
}

/// A frame whose payload comes.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// Bytes that are still to come.
    left: usize,
    mask: [u8; 4],
    /// Which byte of the mask is next.
    turn: usize,
}

/// Decodes what one client sends.
#[derive(Debug)]
pub struct FrameDecoder {
    /// Most bytes of a message.
    limit: usize,
    /// A head that is not whole.
    head: [u8; 14],
    have: usize,
    frame: Option<Frame>,
    /// The message that is not whole, and whether it is text; None: between two.
    message: Option<(bool, Vec<u8>)>,
    /// Of a text that comes in parts, so many bytes are known to be UTF-8.
    checked: usize,
    frames: u32,
    control: Vec<u8>,
    /// Nothing is read any more.
    over: Option<Result<(), FrameError>>,
}

impl FrameDecoder {
    /// For messages of at most `limit` bytes.
    pub fn new(limit: usize) -> FrameDecoder {
        FrameDecoder {
            limit,
            head: [0; 14],
            have: 0,
            frame: None,
            message: None,
            checked: 0,
            frames: 0,
            control: Vec::new(),
            over: None,
        }
    }

    /// Bytes that it holds.
    pub fn held(&self) -> usize {
        self.message.as_ref().map_or(0, |(_, bytes)| bytes.capacity()) + self.control.capacity()
    }

    /// Decode up to the end of the first thing that is whole; gives the bytes consumed with it. Everything is consumed
    /// when it gives nothing. After an error the same error comes again; after a close frame all is thrown away.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<Incoming>), FrameError> {
        match self.over {
            Some(Ok(())) => return Ok((input.len(), None)),
            Some(Err(e)) => return Err(e),
            None => {}
        }
        self.decode(input).inspect_err(|e| {
            self.over = Some(Err(*e));
            self.message = None;
            self.control = Vec::new();
        })
    }

    fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Incoming>), FrameError> {
        let mut at = 0;
        loop {
            let frame = match &mut self.frame {
                Some(frame) => frame,
                None => {
                    let Some(used) = self.take_head(&input[at..])? else { return Ok((input.len(), None)) };
                    at += used;
                    continue;
                }
            };
            let take = frame.left.min(input.len() - at);
            let into = match (&mut self.message, frame.opcode.is_control()) {
                (Some((_, message)), false) => message,
                _ => &mut self.control,
            };
            let from = into.len();
            into.extend_from_slice(&input[at..at + take]);
            unmask(&mut into[from..], frame.mask, frame.turn);
            frame.turn = (frame.turn + take) % 4;
            frame.left -= take;
            at += take;
            if frame.left > 0 {
                if !frame.opcode.is_control() {
                    self.check_text()?;
                }
                return Ok((at, None));
            }
            let (opcode, fin) = (frame.opcode, frame.fin);
            self.frame = None;
            if let Some(incoming) = self.whole(opcode, fin)? {
                return Ok((at, Some(incoming)));
            }
        }
    }

    /// The bytes that the head of a frame takes of the input; None: it is not whole yet.
    fn take_head(&mut self, input: &[u8]) -> Result<Option<usize>, FrameError> {
        let before = self.have;
        for (used, byte) in input.iter().enumerate() {
            self.head[self.have] = *byte;
            self.have += 1;
            // What the first two bytes say is judged before more is waited for.
            if self.have == 2 {
                self.judge(self.head[0], self.head[1])?;
            }
            if self.have >= 2 && self.have == head_length(self.head[1]) {
                self.begin_frame()?;
                self.have = 0;
                return Ok(Some(used + 1));
            }
        }
        debug_assert!(self.have >= before);
        Ok(None)
    }

    fn judge(&self, first: u8, second: u8) -> Result<(), FrameError> {
        if first & 0x70 != 0 {
            return Err(FrameError::Reserved);
        }
        let opcode = Opcode::of(first & 0x0f).ok_or(FrameError::Opcode)?;
        if second & 0x80 == 0 {
            return Err(FrameError::NotMasked);
        }
        if opcode.is_control() && (first & 0x80 == 0 || usize::from(second & 0x7f) > MAX_CONTROL) {
            return Err(FrameError::Control);
        }
        let goes_on = opcode == Opcode::Continuation;
        if !opcode.is_control() && goes_on != self.message.is_some() {
            return Err(FrameError::Fragment);
        }
        Ok(())
    }

    fn begin_frame(&mut self) -> Result<(), FrameError> {
        let opcode = Opcode::of(self.head[0] & 0x0f).ok_or(FrameError::Opcode)?;
        let length = match self.head[1] & 0x7f {
            126 => {
                let n = u64::from(u16::from_be_bytes([self.head[2], self.head[3]]));
                if n < 126 { None } else { Some(n) }
            }
            127 => {
                let n = u64::from_be_bytes(self.head[2..10].try_into().map_err(|_| FrameError::Length)?);
                if n <= 0xffff || n >> 63 == 1 { None } else { Some(n) }
            }
            n => Some(u64::from(n)),
        };
        let length = length.ok_or(FrameError::Length)?;
        if !opcode.is_control() {
            let so_far = self.message.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64);
            if length.saturating_add(so_far) > self.limit as u64 {
                return Err(FrameError::TooBig { limit: self.limit });
            }
            self.frames += 1;
            if self.frames > MAX_FRAMES {
                return Err(FrameError::TooManyFrames);
            }
            if self.message.is_none() {
                let room = Vec::with_capacity((length as usize).min(AT_FIRST));
                self.message = Some((opcode == Opcode::Text, room));
            }
        }
        let mask = &self.head[self.have - 4..self.have];
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        self.frame =
            Some(Frame { opcode, fin: self.head[0] & 0x80 != 0, left: length as usize, mask, turn: 0 });
        Ok(())
    }

    /// Look whether a text that has not come whole can still become UTF-8: who sends one that cannot is told at once.
    fn check_text(&mut self) -> Result<(), FrameError> {
        let Some((true, bytes)) = &self.message else { return Ok(()) };
        match std::str::from_utf8(&bytes[self.checked..]) {
            Ok(_) => self.checked = bytes.len(),
            Err(e) if e.error_len().is_some() => return Err(FrameError::Utf8),
            Err(e) => self.checked += e.valid_up_to(),
        }
        Ok(())
    }

    /// A frame is whole.
    fn whole(&mut self, opcode: Opcode, fin: bool) -> Result<Option<Incoming>, FrameError> {
        if !opcode.is_control() {
            if !fin {
                return self.check_text().map(|()| None);
            }
            (self.frames, self.checked) = (0, 0);
            let Some((is_text, bytes)) = self.message.take() else { return Ok(None) };
            return match is_text {
                false => Ok(Some(Incoming::Binary(bytes))),
                true => {
                    String::from_utf8(bytes).map(|t| Some(Incoming::Text(t))).map_err(|_| FrameError::Utf8)
                }
            };
        }
        let payload = std::mem::take(&mut self.control);
        match opcode {
            Opcode::Ping => Ok(Some(Incoming::Ping(payload))),
            Opcode::Pong => Ok(Some(Incoming::Pong)),
            _ => {
                let said = closing(&payload)?;
                self.over = Some(Ok(()));
                self.message = None;
                Ok(Some(Incoming::Close(said)))
            }
        }
    }
}

/// Bytes of a masked frame's head, by its second byte.
fn head_length(second: u8) -> usize {
    6 + match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

/// What a close frame says.
fn closing(payload: &[u8]) -> Result<Option<(u16, String)>, FrameError> {
    match payload {
        [] => Ok(None),
        [_] => Err(FrameError::CloseCode),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent(code) {
                return Err(FrameError::CloseCode);
            }
            let reason = std::str::from_utf8(reason).map_err(|_| FrameError::Utf8)?;
            Ok(Some((code, reason.to_string())))
        }
    }
}

/// Take the mask off (section 5.3), beginning with byte `turn` of it.
fn unmask(bytes: &mut [u8], mask: [u8; 4], turn: usize) {
    let mask: [u8; 4] = std::array::from_fn(|i| mask[(turn + i) % 4]);
    let (quads, rest) = bytes.as_chunks_mut::<4>();
    for quad in quads {
        *quad = (u32::from_ne_bytes(*quad) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    rest.iter_mut().zip(mask).for_each(|(byte, m)| *byte ^= m);
}
