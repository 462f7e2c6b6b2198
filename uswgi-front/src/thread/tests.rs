use super::*;
use crate::certificates::TlsEntrance;
use crate::certificates::tests::Folder;
use crate::client::HANDSHAKE;
use crate::plan::{Entrance, EntranceKind, FrontPlan};
use crate::spec::TlsSettings;
use nix::sys::socket::{AddressFamily, ControlMessageOwned, MsgFlags, SockType, recvmsg, socketpair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{IoSliceMut, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use uswgi_proto::passed::{MOST_MESSAGE, Passed};
use uswgi_proto::settings::Protocol;

/// A front with one entrance, and the end at which workers would be.
struct Front {
    shared: Arc<Shared>,
    entrance: Arc<OwnedFd>,
    workers: OwnedFd,
    port: u16,
}

impl Front {
    fn new(kind: EntranceKind, protocol: Protocol, trusted: &str) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let flags = SockFlag::SOCK_CLOEXEC;
        let (send, workers) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).unwrap();
        let entrance = Entrance { listener: 3, name: "here".into(), kind, protocol, proxied: true };
        let patience = Duration::from_secs(60);
        let plan = FrontPlan { entrances: vec![entrance], trusted: trusted.into(), patience, threads: 1 };
        let shared = Arc::new(Shared::new(plan, send).unwrap());
        Front { shared, entrance: Arc::new(listener.into()), workers, port }
    }

    fn tls(folder: &Folder, trusted: &str) -> Front {
        let tls = TlsEntrance::read(&folder.sign("a.example"), &TlsSettings::default()).unwrap();
        Front::new(EntranceKind::Tls(Arc::new(tls)), Protocol::Http, trusted)
    }

    fn one_loop(&self) -> FrontLoop {
        FrontLoop::new(&self.shared, std::slice::from_ref(&self.entrance)).unwrap()
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        client
    }

    /// A connection as a worker gets it: with what is known of it.
    fn passed(&self, check: impl FnOnce(&Passed<'_>, &[u8])) -> UnixStream {
        let mut buffer = vec![0; MOST_MESSAGE];
        let mut space = nix::cmsg_space!([i32; 1]);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let got = recvmsg::<()>(self.workers.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty());
        let got = got.unwrap();
        let Some(ControlMessageOwned::ScmRights(fds)) = got.cmsgs().unwrap().next() else { panic!() };
        let (length, fd) = (got.bytes, sys::received(fds[0]));
        let (passed, bytes) = Passed::decode(&buffer[..length]).unwrap();
        check(&passed, bytes);
        let stream = UnixStream::from(fd);
        stream.set_nonblocking(false).unwrap();
        stream
    }
}

fn trusting(folder: &Folder, socket: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.path("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("a.example").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

#[test]
fn a_handshake_has_its_time_and_the_oldest_of_too_many_ends() {
    let folder = Folder::new();
    let front = Front::tls(&folder, "none");
    let mut one = front.one_loop();
    let mut clients: Vec<TcpStream> = (0..MOST_OPENING + 1).map(|_| front.client()).collect();
    let start = Instant::now();
    while one.clients.len() < MOST_OPENING {
        one.accept(0, start);
    }
    while one.serial <= MOST_OPENING as u64 {
        one.accept(0, start);
    }
    assert_eq!((one.clients.len(), one.strangers), (MOST_OPENING, MOST_OPENING));
    assert_eq!(clients.remove(0).read(&mut [0; 9]).unwrap(), 0, "the oldest ends");
    one.look(start + HANDSHAKE - Duration::from_millis(1));
    assert_eq!(one.clients.len(), MOST_OPENING);
    one.look(start + HANDSHAKE);
    assert_eq!((one.clients.len(), one.strangers, one.opening.len()), (0, 0, 0));
    for mut client in clients {
        assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    }
}

#[test]
fn bytes_go_both_ways_through_tls_and_a_header_in_front_names_the_client() {
    let folder = Folder::new();
    let front = Front::tls(&folder, "127.0.0.1");
    let one = front.one_loop();
    let thread = std::thread::spawn(move || one.run());
    let mut socket = front.client();
    socket.write_all(b"PROXY TCP4 192.0.2.7 127.0.0.1 5632 443\r\n").unwrap();
    let mut client = trusting(&folder, socket);
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut worker = front.passed(|passed, bytes| {
        assert_eq!((passed.secure, passed.listener, passed.protocol), (true, 3, Protocol::Http));
        assert_eq!(
            (passed.peer, bytes),
            (Some("192.0.2.7:5632".parse().unwrap()), &b"GET / HTTP/1.1\r\n"[..])
        );
    });
    let many = vec![b'x'; 3_000_000];
    let sent = many.clone();
    let mut copy = worker.try_clone().unwrap();
    let writer = std::thread::spawn(move || copy.write_all(&sent).unwrap());
    let mut back = vec![0; many.len()];
    client.read_exact(&mut back).unwrap();
    writer.join().unwrap();
    assert!(back == many);
    client.write_all(b"more").unwrap();
    let mut more = [0; 4];
    worker.read_exact(&mut more).unwrap();
    // The client goes: the worker sees it. The worker goes: so does the client.
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!((&more, worker.read(&mut [0; 9]).unwrap()), (b"more", 0));
    worker.write_all(b"last").unwrap();
    drop(worker);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"last");
    drop(client);
    front.shared.leave(true);
    thread.join().unwrap();
}

#[test]
fn a_stranger_may_not_name_a_client_and_fastcgi_keeps_its_connection() {
    let front = Front::new(EntranceKind::FastCgi, Protocol::Scgi, "192.0.2.1");
    let one = front.one_loop();
    let thread = std::thread::spawn(move || one.run());
    let mut stranger = front.client();
    stranger.write_all(b"PROXY TCP4 192.0.2.7 127.0.0.1 5632 443\r\n").unwrap();
    assert!(matches!(stranger.read(&mut [0; 9]), Ok(0) | Err(_)));
    let mut client = front.client();
    let begin = [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
    let params =
        [&[1, 4, 0, 1, 0, 4, 0, 0, 1, 1][..], b"AB", &[1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0]];
    for _ in 0..2 {
        client.write_all(&[&begin[..], &params.concat()].concat()).unwrap();
        let mut worker = front.passed(|passed, bytes| {
            assert_eq!((passed.secure, passed.protocol, bytes), (false, Protocol::Scgi, &b"4:A\0B\0,"[..]));
        });
        worker.write_all(b"Status: 200 OK\r\n\r\n").unwrap();
        worker.shutdown(Shutdown::Both).unwrap();
        let mut answer = [0; 8 + 18 + 8 + 16];
        client.read_exact(&mut answer).unwrap();
        assert_eq!((&answer[8..26], answer[35]), (&b"Status: 200 OK\r\n\r\n"[..], 3));
    }
    drop(client);
    front.shared.leave(true);
    thread.join().unwrap();
}
