use super::*;
use crate::sys::Event;
use crate::testing::connection;
use std::io::Write;
use uswgi_proto::settings::Protocol;

fn key(data: u64) -> (u32, u32) {
    match Token::decode(data) {
        Token::Conn { key, stamp } => (key, stamp),
        other => panic!("{other:?}"),
    }
}

fn lot() -> Parking {
    Parking::new(Arc::new(Epoll::new().unwrap()))
}

#[test]
fn a_place_is_kept_for_life_and_taken_once() {
    let parking = lot();
    let (mut conn, _client) = connection(Protocol::Http);
    let data = parking.place(&mut conn);
    assert_eq!(parking.place(&mut conn), data);
    let (key, stamp) = key(data);
    assert!(parking.take(key, stamp).is_none(), "it is with its holder");
    parking.put(conn);
    assert_eq!(parking.len(), 1);
    assert!(parking.take(key, stamp + 1).is_none() && parking.take(key + 1, stamp).is_none());
    let conn = parking.take(key, stamp).unwrap();
    assert!(parking.take(key, stamp).is_none() && parking.len() == 0);
    parking.put(conn);
    assert!(parking.take(key, stamp).is_some());
}

#[test]
fn an_event_of_an_earlier_connection_finds_nobody() {
    let parking = lot();
    let (mut first, _a) = connection(Protocol::Http);
    let (old_key, old_stamp) = key(parking.place(&mut first));
    drop(first);
    let (mut second, _b) = connection(Protocol::Http);
    let (new_key, _) = key(parking.place(&mut second));
    parking.put(second);
    assert_eq!(old_key, new_key, "the place is used again");
    assert!(parking.take(old_key, old_stamp).is_none());
    assert_eq!(parking.len(), 1);
}

#[test]
fn some_are_taken_by_what_they_are() {
    let parking = lot();
    let mut clients = Vec::new();
    for i in 0..5 {
        let (mut conn, client) = connection(Protocol::Http);
        conn.deadline_us = i;
        parking.place(&mut conn);
        parking.put(conn);
        clients.push(client);
    }
    let taken = parking.take_where(|c| c.deadline_us < 2);
    assert_eq!((taken.len(), parking.len()), (2, 3));
}

#[test]
fn the_epoll_forgets_a_connection_whose_socket_somebody_else_still_holds() {
    let epoll = Arc::new(Epoll::new().unwrap());
    let parking = Parking::new(epoll.clone());
    let (mut conn, mut client) = connection(Protocol::Http);
    let data = parking.place(&mut conn);
    // A child of the application has it too.
    let copy = crate::sys::dup(conn.raw()).unwrap();
    epoll.add(conn.raw(), libc::EPOLLIN, data).unwrap();
    client.write_all(b"x").unwrap();
    let mut events = [Event { events: 0, u64: 0 }; 2];
    assert_eq!(epoll.wait(&mut events, 1000).first().map(|e| e.u64), Some(data));
    drop(conn);
    assert!(epoll.wait(&mut events, 0).is_empty());
    drop(copy);
}
