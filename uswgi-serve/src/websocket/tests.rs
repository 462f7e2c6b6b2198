use super::*;

/// A frame as a client sends it, masked with zeros.
fn client(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_frame(Opcode::Text, payload, &mut bytes);
    let head = bytes.len() - payload.len();
    (bytes[0], bytes[1]) = (first, bytes[1] | 0x80);
    bytes.splice(head..head, [0; 4]);
    bytes
}

fn conversation() -> Conversation {
    Conversation::new(
        &WebSockets { ping_seconds: 30, pong_seconds: 3, max_kib: 1, ..WebSockets::default() },
        0,
    )
}

#[test]
fn messages_come_before_the_end_and_a_close_is_answered_with_its_code() {
    let mut c = conversation();
    c.take_in(&[client(0x81, b"a"), client(0x82, b"b"), client(0x88, b"\x0f\xa0why")].concat(), 1);
    assert!(c.is_over() && c.ending().is_none() && !c.wants_input());
    assert_eq!(c.next_message(), Some(Message::Text("a".into())));
    assert_eq!(c.next_message(), Some(Message::Binary(b"b".to_vec())));
    assert_eq!((c.next_message(), c.ending()), (None, Some((4000, "why"))));
    assert_eq!(c.frames(true), b"\x88\x02\x0f\xa0");
    c.close(1000, "too late");
    assert!(c.frames(true).is_empty(), "one close frame");
}

#[test]
fn what_waits_is_bounded_and_nothing_is_lost() {
    let mut c = conversation();
    let (mut read, mut most) = (0, 0);
    for piece in client(0x82, &[7; 1000]).repeat(200).chunks(AT_A_TIME) {
        while !c.wants_input() {
            assert_eq!(c.next_message(), Some(Message::Binary(vec![7; 1000])));
            read += 1;
        }
        c.take_in(piece, 1);
        most = most.max(c.queued + c.raw.len());
    }
    read += std::iter::from_fn(|| c.next_message()).count();
    assert_eq!((read, c.queued, c.raw.len()), (200, 0, 0));
    assert!(c.wants_input() && most < WAITING + 1064 + AT_A_TIME, "{most}");
}

#[test]
fn pings_are_answered_in_their_order_and_of_a_flood_the_last_ones_when_there_is_room() {
    let mut c = conversation();
    c.take_in(&[client(0x89, b"one"), client(0x89, b"two")].concat(), 1);
    assert_eq!(c.frames(true), b"\x8a\x03one\x8a\x03two");
    c.take_in(&[client(0x89, b"first").repeat(1000), client(0x89, b"last")].concat(), 1);
    assert!(c.frames(false).is_empty());
    let frames = c.frames(true);
    assert!(frames.ends_with(b"\x8a\x04last") && frames.len() <= PONGS + 127, "{}", frames.len());
    assert!(c.frames(true).is_empty());
}

#[test]
fn a_violation_closes_with_its_code_once() {
    let mut c = conversation();
    c.take_in(&[client(0x81, b"fine"), client(0x82, &[0; 1025]), vec![0; 100]].concat(), 1);
    assert_eq!(c.next_message(), Some(Message::Text("fine".into())));
    assert_eq!(c.ending().map(|e| e.0), Some(1009));
    assert_eq!(c.take_fault(), Some(FrameError::TooBig { limit: 1024 }));
    let frames = c.frames(true);
    assert_eq!((frames[0], &frames[2..4]), (0x88, &1009u16.to_be_bytes()[..]));
    assert!(c.take_fault().is_none() && c.frames(true).is_empty());
}

#[test]
fn a_silent_client_is_pinged_and_then_given_up() {
    let mut c = conversation();
    assert_eq!(c.due_us(), Some(30_000_000));
    c.look(29_000_000);
    assert!(c.frames(true).is_empty());
    c.look(30_000_000);
    assert_eq!((c.frames(true), c.due_us()), (b"\x89\x00".to_vec(), Some(33_000_000)));
    c.take_in(&client(0x8a, b""), 31_000_000);
    assert_eq!(c.due_us(), Some(61_000_000));
    c.look(61_000_000);
    c.look(64_000_000);
    assert_eq!(c.ending(), Some((1006, "no pong in time")));
    assert_eq!(&c.frames(true)[2..6], b"\x88\x11\x03\xf3");
    assert_eq!(c.due_us(), None);
    let mut never = Conversation::new(&WebSockets { ping_seconds: 0, ..WebSockets::default() }, 0);
    never.look(u64::MAX);
    assert!(never.due_us().is_none() && never.frames(true).is_empty());
}

#[test]
fn a_worker_that_leaves_says_1001_and_one_that_lost_its_client_nothing() {
    let mut c = conversation();
    c.go_away();
    assert_eq!((c.ending().map(|e| e.0), c.frames(true)), (Some(1001), b"\x88\x02\x03\xe9".to_vec()));
    let mut c = conversation();
    c.lose();
    c.close(1000, "");
    assert_eq!((c.ending().map(|e| e.0), c.frames(true)), (Some(1006), vec![]));
}
