//! Clients that leave while their answer is being made: the generator ends, and whoever asks is told.

use std::io::Write;
use uswgi_tests::server::{Door, wait_file};
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, Site, http, packet, paths};

/// `/empty`: nothing but empty pieces, for half a minute at most. `/ask`: asks whether the client is there. `/thread`: asks
/// from another thread. Each writes how it ended into a file of its name.
const APP: &str = r#"
import os, threading, time
import uwsgi

DIR = os.environ["HOLD_DIR"]

def note(name, text):
    with open(os.path.join(DIR, name + ".tmp"), "w") as f:
        f.write(text)
    os.rename(os.path.join(DIR, name + ".tmp"), os.path.join(DIR, name))

class Pieces:
    def __init__(self, name, first):
        self.name, self.first, self.left = name, first, 1500
    def __iter__(self):
        return self
    def __next__(self):
        note(self.name + ".begun", "yes")
        if self.first:
            self.first = False
            return b"first"
        if os.path.exists(os.path.join(DIR, self.name + ".go")):
            self.left = 0
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        time.sleep(0.02)
        return b""
    def close(self):
        note(self.name + ".closed", "%d" % self.left)

def until(gone):
    end = time.monotonic() + 30
    while not gone() and time.monotonic() < end:
        time.sleep(0.02)
    return time.monotonic() < end

def application(environ, start_response):
    path, name = environ["PATH_INFO"], environ["QUERY_STRING"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/empty":
        return Pieces(name, False)
    if path == "/first":
        return Pieces(name, True)
    if path == "/core":
        return [repr((environ.get("uwsgi.core"), environ["wsgi.multithread"])).encode()]
    fd, gone = uwsgi.connection_fd(), environ["uswgi.disconnected"]
    here = uwsgi.is_connected(fd) and not gone()
    note(name + ".begun", "yes")
    if path == "/thread":
        seen = []
        thread = threading.Thread(target=lambda: seen.append(until(gone)))
        thread.start()
        thread.join()
        note(name + ".closed", repr((here, seen[0])))
    elif path == "/ask":
        both = until(lambda: gone() and not uwsgi.is_connected(fd))
        note(name + ".closed", repr((here, both)))
    return [repr(here).encode()]
"#;

fn site() -> Site {
    Site::probe().without("module").source("gone.py", APP).option("module", "gone")
}

/// Send a request, wait until the application is at it, and leave.
fn ask_and_leave(server: &Server, door: &Door, target: &str, name: &str) {
    let request = Request::get(&format!("{target}?{name}"));
    let (address, bytes) = match door {
        Door::Http(address) => (address, http::head(&request)),
        Door::Uwsgi(address) => (address, packet::packet(&packet::vars(&request))),
    };
    let mut stream = address.connect().unwrap();
    stream.write_all(&bytes).unwrap();
    wait_file(&server.dir.join(&format!("hold/{name}.begun")));
}

#[test]
fn a_client_that_left_ends_a_stream_of_empty_pieces() {
    if paths::original().is_some() {
        return;
    }
    for threads in [1, 2] {
        let server = site().option("threads", threads).start();
        for (n, door) in server.doors().iter().enumerate() {
            for target in ["/empty", "/first"] {
                let name = format!("{}{n}", &target[1..]);
                ask_and_leave(&server, door, target, &name);
                let left: u32 = wait_file(&server.dir.join(&format!("hold/{name}.closed"))).parse().unwrap();
                assert!(left > 0, "{target} at {door:?} went on to its end");
            }
        }
        // Nobody's request ends with it.
        let reply = server.get("/?other").expect(200);
        assert_eq!(reply.text(), "True");
        assert!(!server.log().contains("Traceback"), "{}", server.log());
    }
}

#[test]
fn a_client_that_stays_gets_what_comes_after_empty_pieces() {
    let server = site().option("threads", 2).start();
    for (n, door) in server.doors().iter().enumerate() {
        let name = format!("stays{n}");
        let asked = door.ask_later(Request::get(&format!("/first?{name}")));
        wait_file(&server.dir.join(&format!("hold/{name}.begun")));
        let closed = server.dir.join(&format!("hold/{name}.closed"));
        assert!(stays(std::time::Duration::from_millis(300), || !closed.exists()), "at {door:?}");
        server.let_go(&name);
        assert_eq!(asked.join().unwrap().unwrap().expect(200).text(), "first", "at {door:?}");
    }
}

#[test]
fn an_application_that_waits_is_told() {
    if paths::original().is_some() {
        return;
    }
    let server = site().option("threads", 2).start();
    for (n, door) in server.doors().iter().enumerate() {
        for target in ["/ask", "/thread"] {
            let name = format!("{}{n}", &target[1..]);
            ask_and_leave(&server, door, target, &name);
            let told = wait_file(&server.dir.join(&format!("hold/{name}.closed")));
            assert_eq!(told, "(True, True)", "{target} at {door:?}");
        }
    }
}

#[test]
fn the_number_of_a_thread_is_in_the_environ() {
    let server = site().start();
    assert_eq!(server.get("/core").expect(200).text(), "(None, False)");
    let server = site().option("threads", 2).start();
    let said = server.get("/core").expect(200).text();
    assert!(["(0, True)", "(1, True)"].contains(&said.as_str()), "{said}");
}
