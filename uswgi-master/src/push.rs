//! Sends numbers of the instance to servers that collect them (`carbon`, `stats-push`), in a forked child: neither a name that
//! has to be looked up nor a server or a disk that hangs holds the master up.
//!
//! It must never decide what is sent, nor when.
#![forbid(unsafe_code)]

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::ffi::CStr;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;
use uswgi_conf::carbon::Carbon;
use uswgi_keep::{log, sys};
use uswgi_proto::exit::Exit;
use uswgi_proto::show::numbers::NamedNumber;

/// Send a text over a connection of its own.
fn send(server: &str, text: &str, timeout: Duration) -> io::Result<()> {
    let mut failed = io::Error::other("the name has no address");
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(mut stream) => {
                stream.set_write_timeout(Some(timeout))?;
                return stream.write_all(text.as_bytes());
            }
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

/// Try, and again as often as the configuration says; how often it was tried beside why it failed.
fn insist(server: &str, text: &str, carbon: &Carbon) -> Result<(), (u32, io::Error)> {
    let mut tries = 0;
    loop {
        tries += 1;
        match send(server, text, Duration::from_secs(carbon.timeout.into())) {
            Ok(()) => return Ok(()),
            Err(e) if tries > carbon.retries => return Err((tries, e)),
            Err(_) => std::thread::sleep(Duration::from_secs(carbon.retry_delay.into())),
        }
    }
}

/// Send a text to every server of carbon.
pub(crate) fn carbon(carbon: &Carbon, text: &str) {
    for server in &carbon.servers {
        if let Err((tries, e)) = insist(server, text, carbon) {
            log::line(format_args!("carbon {server} has not got the numbers, tries: {tries}: {e}"));
        }
    }
}

/// Send a datagram for each number.
pub(crate) fn datagrams(address: &str, prefix: &str, numbers: &[NamedNumber]) -> io::Result<()> {
    let to = address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))?;
    let any: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    for number in numbers {
        socket.send_to(number.datagram(prefix).as_bytes(), to)?;
    }
    Ok(())
}

/// Do something in a child of this process, which has one thread. The child's pid.
pub(crate) fn begin(name: &CStr, work: impl FnOnce()) -> io::Result<i32> {
    let master = nix::unistd::getpid();
    match sys::fork_single_threaded()? {
        sys::Side::Parent(pid) => Ok(pid.as_raw()),
        sys::Side::Child => {
            // What it says goes to stderr: the descriptors of the master are closed next, its listeners above all.
            log::send_to(None, false);
            sys::close_all_but(&mut vec![0, 1, 2]);
            let _ = nix::sys::prctl::set_name(name);
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
            if nix::unistd::getppid() == master {
                work();
            }
            sys::exit_now(Exit::Ok.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn a_server_gets_the_text_and_one_that_is_not_there_is_tried_as_often_as_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        let mut carbon = Carbon { retry_delay: 0, ..Carbon::default() };
        insist(&server, "a 1 2\n", &carbon).unwrap();
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a 1 2\n");
        drop(listener);
        assert_eq!(insist(&server, "", &carbon).unwrap_err().0, 1);
        carbon.retries = 2;
        assert_eq!(insist(&server, "", &carbon).unwrap_err().0, 3);
    }
    #[test]
    fn each_number_is_a_datagram() {
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        there.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let number = |name: &str, value| NamedNumber { name: name.into(), kind: 1, value };
        let address = there.local_addr().unwrap().to_string();
        datagrams(&address, "site", &[number("a", 1), number("b", -2)]).unwrap();
        let mut buffer = [0; 100];
        for expected in ["site.a 1 1", "site.b 1 -2"] {
            let size = there.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..size], expected.as_bytes());
        }
        assert!(datagrams("127.0.0.1", "x", &[]).is_err());
    }
}
