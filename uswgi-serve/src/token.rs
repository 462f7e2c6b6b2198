//! The data of an event in the ready epoll: 64 bits that say what it is about.

/// What an event of the ready epoll is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    Listener(usize),
    HandOver,
    Whole,
    Stop,
    /// Signals of the application for any worker.
    Signals,
    /// Signals of the application for this one.
    OwnSignals,
    Conn {
        key: u32,
        stamp: u32,
    },
}

impl Token {
    pub fn encode(self) -> u64 {
        match self {
            Token::Listener(i) => i as u64,
            Token::HandOver => 1 << 60,
            Token::Whole => 2 << 60,
            Token::Stop => 3 << 60,
            Token::Signals => 5 << 60,
            Token::OwnSignals => 6 << 60,
            Token::Conn { key, stamp } => (4 << 60) | (u64::from(stamp & 0x0fff_ffff) << 32) | u64::from(key),
        }
    }

    pub fn decode(data: u64) -> Token {
        match data >> 60 {
            0 => Token::Listener(data as usize),
            1 => Token::HandOver,
            2 => Token::Whole,
            3 => Token::Stop,
            5 => Token::Signals,
            6 => Token::OwnSignals,
            _ => Token::Conn { key: data as u32, stamp: (data >> 32) as u32 & 0x0fff_ffff },
        }
    }
}
