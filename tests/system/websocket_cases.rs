//! The cases of the Autobahn test suite for WebSocket servers (groups 1 to 7, 9 with small sizes, 10) as a table: the suite
//! itself needs Python 2. Against tasks of asyncio, and against uWSGI's functions in threads and in greenlets.
//!
//! Where the suite calls an echo before the end of a connection that fails "strict", and none at all fine too, both are
//! taken here (`lenient`): what came whole before a violation is the application's to answer, or not.

use uswgi_tests::Server;
use uswgi_tests::server::Door;
use uswgi_tests::websocket::{WebSocket, echoes, frame};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Begins a text that goes on; a fragment in the middle, and the last one.
const TEXT_BEGINS: u8 = 0x01;
const GOES_ON: u8 = 0x00;
const LAST: u8 = 0x80;

/// A frame to send or to get: its first byte and its payload.
type Part<'a> = (u8, &'a [u8]);
type Got = (u8, Vec<u8>);

/// How a case ends.
#[derive(Clone, Copy)]
enum End {
    /// The conversation goes on: a close frame of the client is answered alike.
    Fine,
    /// The server ends it with this code; 0: an empty close frame.
    Code(u16),
}
use End::{Code, Fine};

struct Case {
    name: String,
    send: Vec<u8>,
    /// Bytes in each write; 0: all at once.
    chop: usize,
    get: Vec<Got>,
    end: End,
    lenient: bool,
}

#[derive(Default)]
struct Table(Vec<Case>);

impl Table {
    fn add(&mut self, name: impl ToString, frames: &[Part<'_>], get: &[Part<'_>], end: End) -> &mut Case {
        let send = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
        let get = get.iter().map(|(first, payload)| (*first, payload.to_vec())).collect();
        self.0.push(Case { name: name.to_string(), send, chop: 0, get, end, lenient: false });
        self.0.last_mut().expect("it was just put there")
    }

    /// The same at once, in pieces, byte by byte.
    fn in_pieces(&mut self, name: &str, frames: &[Part<'_>], get: &[Part<'_>], end: End, lenient: bool) {
        for (part, chop) in [("", 0), (" in pieces", 5), (" byte by byte", 1)] {
            let case = self.add(format!("{name}{part}"), frames, get, end);
            (case.chop, case.lenient) = (chop, lenient);
        }
    }
}

fn messages(t: &mut Table) {
    for n in [0, 125, 126, 127, 128, 65_535, 65_536] {
        t.add(format!("1.1 {n}"), &[(TEXT, &vec![b'*'; n])], &[(TEXT, &vec![b'*'; n])], Fine);
        t.add(format!("1.2 {n}"), &[(BINARY, &vec![0xfe; n])], &[(BINARY, &vec![0xfe; n])], Fine);
    }
    t.add("1.1.8", &[(TEXT, &[b'*'; 65_536])], &[(TEXT, &[b'*'; 65_536])], Fine).chop = 997;
    t.add("1.2.8", &[(BINARY, &[0xfe; 65_536])], &[(BINARY, &[0xfe; 65_536])], Fine).chop = 997;
    for n in [262_144, 1_048_576] {
        t.add(format!("9.1 {n}"), &[(TEXT, &vec![b'*'; n])], &[(TEXT, &vec![b'*'; n])], Fine);
        t.add(format!("9.2 {n}"), &[(BINARY, &vec![0; n])], &[(BINARY, &vec![0; n])], Fine);
        t.add(format!("9.5 {n}"), &[(TEXT, &vec![b'*'; n])], &[(TEXT, &vec![b'*'; n])], Fine).chop = 4096;
    }
    for (name, each) in [("9.3", 64), ("9.4", 4096), ("10.1.1", 1300)] {
        let all = vec![b'*'; if name == "10.1.1" { 65_536 } else { 1 << 20 }];
        let mut frames: Vec<Part<'_>> = all.chunks(each).map(|piece| (GOES_ON, piece)).collect();
        frames[0].0 = TEXT_BEGINS;
        frames.last_mut().expect("a piece").0 = LAST;
        t.add(name, &frames, &[(TEXT, &all)], Fine);
    }
    for n in [0, 16, 256] {
        let payload = vec![b'*'; n];
        let many = vec![(TEXT, &payload[..]); 500];
        t.add(format!("9.7 {n}"), &many, &many, Fine);
    }
}

fn pings(t: &mut Table) {
    t.add("2.1", &[(PING, b"")], &[(PONG, b"")], Fine);
    t.add("2.2", &[(PING, b"Hello, world!")], &[(PONG, b"Hello, world!")], Fine);
    let bytes = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    t.add("2.3", &[(PING, &bytes)], &[(PONG, &bytes)], Fine);
    t.add("2.4", &[(PING, &[0xfe; 125])], &[(PONG, &[0xfe; 125])], Fine);
    t.add("2.5", &[(PING, &[0xfe; 126])], &[], Code(1002));
    t.add("2.6", &[(PING, &[0xfe; 125])], &[(PONG, &[0xfe; 125])], Fine).chop = 1;
    t.add("2.7", &[(PONG, b"")], &[], Fine);
    t.add("2.8", &[(PONG, b"unsolicited")], &[], Fine);
    t.add("2.9", &[(PONG, b"unsolicited"), (PING, b"ping")], &[(PONG, b"ping")], Fine);
    let payloads: Vec<String> = (0..10).map(|n| format!("payload-{n}")).collect();
    let all = |first: u8| payloads.iter().map(|p| (first, p.as_bytes())).collect::<Vec<_>>();
    t.add("2.10", &all(PING), &all(PONG), Fine);
    t.add("2.11", &all(PING), &all(PONG), Fine).chop = 1;
}

fn heads(t: &mut Table) {
    let hello: Part<'_> = (TEXT, b"Hello, world!");
    t.add("3.1", &[(0x90 | TEXT, b"x")], &[], Code(1002));
    t.in_pieces("3.2", &[hello, (0xa0 | TEXT, b"x"), (PING, b"")], &[hello], Code(1002), true);
    t.add("3.5", &[(0xd0 | BINARY, &[0; 8])], &[], Code(1002));
    t.add("3.6", &[(0xe0 | PING, b"x")], &[], Code(1002));
    t.add("3.7", &[(0xf0 | CLOSE, b"")], &[], Code(1002));
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        t.add(format!("4 opcode {opcode}"), &[(0x80 | opcode, b"")], &[], Code(1002));
        t.add(format!("4 opcode {opcode} with bytes"), &[(0x80 | opcode, b"x")], &[], Code(1002));
        let after = [hello, (0x80 | opcode, &b"x"[..]), (PING, b"")];
        t.in_pieces(&format!("4 opcode {opcode} after a text"), &after, &[hello], Code(1002), true);
    }
}

fn fragments(t: &mut Table) {
    t.add("5.1", &[(PING & 0x0f, b"frag"), (LAST, b"ment")], &[], Code(1002));
    t.add("5.2", &[(PONG & 0x0f, b"frag"), (LAST, b"ment")], &[], Code(1002));
    let (one, two): (Part<'_>, Part<'_>) = ((TEXT_BEGINS, b"fragment1"), (LAST, b"fragment2"));
    let both: Part<'_> = (TEXT, b"fragment1fragment2");
    t.in_pieces("5.3", &[one, two], &[both], Fine, false);
    t.in_pieces("5.6", &[one, (PING, b"ping"), two], &[(PONG, b"ping"), both], Fine, false);
    for first in [LAST, GOES_ON] {
        let alone = [(first, &b"non-continuation"[..]), (TEXT, b"Hello, world!")];
        t.in_pieces(&format!("5.9 {first:#x}"), &alone, &[], Code(1002), false);
        let after = [one, two, (first, b"fragment3"), (TEXT_BEGINS, b"fragment4"), (LAST, b"fragment5")];
        t.in_pieces(&format!("5.15 {first:#x}"), &after, &[both], Code(1002), true);
    }
    t.add("5.18", &[one, (TEXT, b"fragment2")], &[], Code(1002));
    let five: Vec<Part<'_>> = vec![
        one,
        (GOES_ON, b"fragment2"),
        (PING, b"pongme 1!"),
        (GOES_ON, b"fragment3"),
        (GOES_ON, b"fragment4"),
        (PING, b"pongme 2!"),
        (LAST, b"fragment5"),
    ];
    let all = b"fragment1fragment2fragment3fragment4fragment5";
    t.in_pieces("5.19", &five, &[(PONG, b"pongme 1!"), (PONG, b"pongme 2!"), (TEXT, all)], Fine, false);
}

fn texts(t: &mut Table) {
    t.add("6.1.1", &[(TEXT, b"")], &[(TEXT, b"")], Fine);
    t.add("6.1.2", &[(TEXT_BEGINS, b""), (GOES_ON, b""), (LAST, b"")], &[(TEXT, b"")], Fine);
    t.add("6.1.3", &[(TEXT_BEGINS, b""), (GOES_ON, b"middle"), (LAST, b"")], &[(TEXT, b"middle")], Fine);
    let greek = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!";
    let bytes = greek.as_bytes();
    t.add("6.2.1", &[(TEXT, bytes)], &[(TEXT, bytes)], Fine);
    let halves = [(TEXT_BEGINS, &bytes[..12]), (LAST, &bytes[12..])];
    t.add("6.2.2", &halves, &[(TEXT, bytes)], Fine);
    let each = |bytes: &'static [u8]| -> Vec<Part<'static>> {
        let mut frames: Vec<Part<'_>> = bytes.chunks(1).map(|b| (GOES_ON, b)).collect();
        frames[0].0 = TEXT_BEGINS;
        frames.last_mut().expect("a byte").0 = LAST;
        frames
    };
    let word: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
    t.add("6.2.4", &each(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), &[(TEXT, word)], Fine);
    let surrogate = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    t.add("6.3.1", &[(TEXT, surrogate)], &[], Code(1007));
    t.add("6.3.2", &each(surrogate), &[], Code(1007));
    // What is no UTF-8 any more fails before the rest of it comes.
    t.add("6.4.1", &[(TEXT_BEGINS, word), (GOES_ON, b"\xf4\x90\x80\x80")], &[], Code(1007));
    t.add("6.4.2", &[(TEXT_BEGINS, word), (GOES_ON, b"\xf4\x90")], &[], Code(1007));
    let begun = t.add("6.4.3", &[(TEXT, &[word, b"\xf4\x90\x80\x80edited"].concat())], &[], Code(1007));
    begun.send.truncate(begun.send.len() - 8);
    for (name, valid, sequences) in SEQUENCES {
        for hex in *sequences {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
                .collect();
            let (get, end) = if *valid { (vec![(TEXT, &bytes[..])], Fine) } else { (vec![], Code(1007)) };
            t.add(format!("{name} {hex}"), &[(TEXT, &bytes)], &get, end);
        }
    }
}

/// 6.5 to 6.23: what is UTF-8 and what is not.
const SEQUENCES: &[(&str, bool, &[&str])] = &[
    ("6.5", true, &["cebae1bdb9cf83cebcceb5", "ceba", "cebae1bdb9"]),
    ("6.6", false, &["ce", "cebae1", "cebae1bd", "cebae1bdb9cf", "cebae1bdb9cf83ce", "cebae1bdb9cf83cebcce"]),
    ("6.7", true, &["00", "c280", "e0a080", "f0908080"]),
    ("6.8", false, &["f888808080", "fc8480808080"]),
    ("6.9", true, &["7f", "dfbf", "efbfbf", "f48fbfbf"]),
    ("6.10", false, &["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]),
    ("6.11", true, &["ed9fbf", "ee8080", "efbfbd", "f48fbfbf"]),
    ("6.11.5", false, &["f4908080"]),
    (
        "6.12",
        false,
        &["80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf80bf80bf80bf80bfbe"],
    ),
    (
        "6.13",
        false,
        &["c020c120c220dd20df20", "e020e120e220ef20", "f020f120f720", "f820f920fa20fb20", "fc20fd20"],
    ),
    (
        "6.14",
        false,
        &["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"],
    ),
    ("6.15", false, &["c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"]),
    ("6.16", false, &["fe", "ff", "fefeffff"]),
    ("6.17", false, &["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]),
    ("6.18", false, &["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"]),
    ("6.19", false, &["c080", "e08080", "f0808080", "f880808080", "fc8080808080"]),
    ("6.20", false, &["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"]),
    (
        "6.21",
        false,
        &["eda080edb080", "eda080edbfbf", "edadbfedb080", "edae80edbfbf", "edafbfedb080", "edafbfedbfbf"],
    ),
    (
        "6.22",
        true,
        &[
            "efbfbe", "efbfbf", "f09fbfbe", "f0afbfbf", "f1bfbfbe", "f2bfbfbf", "f3bfbfbe", "f48fbfbe",
            "f48fbfbf",
        ],
    ),
    ("6.23", true, &["efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd"]),
];

fn closes(t: &mut Table) {
    let hello: Part<'_> = (TEXT, b"Hello World!");
    let normal: Part<'_> = (CLOSE, b"\x03\xe8");
    t.add("7.1.1", &[hello, normal], &[hello], Code(1000)).lenient = true;
    t.add("7.1.2", &[normal, normal], &[], Code(1000));
    t.add("7.1.3", &[normal, (PING, b"")], &[], Code(1000));
    t.add("7.1.4", &[normal, hello], &[], Code(1000));
    t.add("7.1.5", &[(TEXT_BEGINS, b"fragment1"), normal, (LAST, b"fragment2")], &[], Code(1000));
    let large = (BINARY, &[b'*'; 262_144][..]);
    t.add("7.1.6", &[large, hello, normal, (PING, b"")], &[large, hello], Code(1000)).lenient = true;
    t.add("7.3.1", &[(CLOSE, b"")], &[], Code(0));
    t.add("7.3.2", &[(CLOSE, b"a")], &[], Code(1002));
    t.add("7.3.3", &[normal], &[], Code(1000));
    t.add("7.3.4", &[(CLOSE, b"\x03\xe8Hello World!")], &[], Code(1000));
    t.add("7.3.5", &[(CLOSE, &[b"\x03\xe8".to_vec(), vec![b'*'; 123]].concat())], &[], Code(1000));
    t.add("7.3.6", &[(CLOSE, &[b"\x03\xe8".to_vec(), vec![b'*'; 124]].concat())], &[], Code(1002));
    t.add("7.5.1", &[(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80")], &[], Code(1007));
    for code in [1000u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        t.add(format!("7.7 {code}"), &[(CLOSE, &code.to_be_bytes())], &[], Code(code));
    }
    for code in [0u16, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        t.add(format!("7.9 {code}"), &[(CLOSE, &code.to_be_bytes())], &[], Code(1002));
    }
}

/// What came but the end: frames and, where it was closed, the code.
fn run(door: &Door, case: &Case) -> Result<(), String> {
    let binary = case.get.first().is_some_and(|(first, _)| *first == BINARY);
    let mut socket = WebSocket::open(door, if binary { "/binary" } else { "/text" });
    let chop = if case.chop == 0 { case.send.len().max(1) } else { case.chop };
    case.send.chunks(chop).for_each(|piece| socket.raw(piece));
    let mut seen = Vec::new();
    let closed = loop {
        if matches!(case.end, Fine) && seen.len() == case.get.len() {
            socket.close(1000);
            break socket.closed();
        }
        match socket.frame() {
            Some((CLOSE, said)) => break Some(said.get(..2).map_or(0, |c| u16::from_be_bytes([c[0], c[1]]))),
            Some(other) => seen.push(other),
            None => break None,
        }
    };
    // The application of 7.1.6 knows one kind.
    let same = |(a, b): (&Got, &Got)| (a.0 == b.0 || case.name == "7.1.6") && a.1 == b.1;
    let echoed = seen.len() == case.get.len() && seen.iter().zip(&case.get).all(same);
    let wanted = match case.end {
        Fine => 1000,
        Code(code) => code,
    };
    let fits = (echoed || (case.lenient && seen.len() <= case.get.len())) && closed == Some(wanted);
    let short: Vec<_> = seen.iter().map(|(first, p)| (*first, p.len(), p.get(..20).unwrap_or(p))).collect();
    if fits { Ok(()) } else { Err(format!("{}: {closed:?} in the place of {wanted}, {short:?}", case.name)) }
}

fn all(server: &Server) {
    let mut table = Table::default();
    for group in [messages, pings, heads, fragments, texts, closes] {
        group(&mut table);
    }
    let door = server.door();
    let failed: Vec<String> = table.0.iter().filter_map(|case| run(&door, case).err()).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), table.0.len(), failed.join("\n"));
    assert!(!server.log().contains("Traceback"), "{}", server.log());
}

#[test]
fn every_engine_passes_the_cases() {
    for (_, site) in echoes() {
        all(&site.start());
    }
}
