//! Conversations during a rage: each word comes back, and a conversation ends by 1001 or with its worker.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use uswgi_tests::http::Connection;
use uswgi_tests::request::Address;
use uswgi_tests::websocket::{frame, handshake};

/// How conversations went.
#[derive(Debug, Default)]
pub(super) struct Talks {
    /// Words that came back.
    pub(super) words: u64,
    /// Ended by 1001: their worker left.
    pub(super) told: u64,
    /// Ended without a word.
    pub(super) cut: u64,
    /// What came instead of a word.
    pub(super) strange: Vec<String>,
}

/// One after the other until told to stop.
pub(super) fn talk(address: &Address, stop: &AtomicBool) -> Talks {
    let mut talks = Talks::default();
    while !stop.load(Ordering::Relaxed) {
        if converse(address, stop, &mut talks).is_err() {
            talks.cut += 1;
        }
    }
    talks
}

fn converse(address: &Address, stop: &AtomicBool, talks: &mut Talks) -> io::Result<()> {
    let mut connection = Connection::open(address)?;
    connection.send_request(&handshake("/echo"))?;
    let reply = connection.any_reply("GET")?;
    if reply.status != 101 {
        talks.strange.push(format!("{reply:?}"));
        return Ok(());
    }
    for n in 0u32.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let word = n.to_string();
        connection.send(&frame(0x81, word.as_bytes()))?;
        let mut head = [0; 2];
        connection.stream().read_exact(&mut head)?;
        let mut payload = vec![0; usize::from(head[1])];
        connection.stream().read_exact(&mut payload)?;
        match head[0] {
            0x81 if payload == word.as_bytes() => talks.words += 1,
            0x88 if payload == [3, 233] => {
                talks.told += 1;
                return Ok(());
            }
            _ => {
                talks.strange.push(format!("{head:?} {payload:?} for {word}"));
                return Ok(());
            }
        }
    }
    Ok(())
}
