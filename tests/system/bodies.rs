//! Request bodies: every size, every way to read them, and no memory for what is only passed through.

use std::fs;
use std::path::{Path, PathBuf};
use uswgi_tests::request::Body;
use uswgi_tests::server::Door;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Request, Site, paths, process};

#[test]
fn wsgi_input_reads_as_a_file_does() {
    let server = Site::probe().start();
    let body = "first line\nsecond\n\nlast without end";
    for door in server.doors() {
        let ask = |ops: &str| door.ask(&Request::post(&format!("/input?ops={ops}"), body)).expect(200).text();
        let list = |v: serde_json::Value| v.to_string();
        use serde_json::json;
        let check = |ops: &str, expected: serde_json::Value| {
            let got: serde_json::Value = serde_json::from_str(&ask(ops)).unwrap();
            assert_eq!(list(got), list(expected), "{ops} at {door:?}");
        };
        check("read", json!([body]));
        check("read,read,read:5,readline", json!([body, "", "", ""]));
        check("read:-1", json!([body]));
        if paths::original().is_none() {
            check("read:None", json!([body]));
            check("read:5,read:0,read:5,read", json!(["first", "", " line", "\nsecond\n\nlast without end"]));
        }
        check("read:1000", json!([body]));
        check(
            "readline,readline,readline,readline,readline",
            json!(["first line\n", "second\n", "\n", "last without end", ""]),
        );
        check("readline:3,readline:100,read:2", json!(["fir", "st line\n", "se"]));
        check("readline:-1", json!(["first line\n"]));
        check("readlines", json!([["first line\n", "second\n", "\n", "last without end"]]));
        check("read:3,readlines", json!(["fir", ["st line\n", "second\n", "\n", "last without end"]]));
        check("iter", json!([["first line\n", "second\n", "\n", "last without end"]]));
        check("next,next,read", json!(["first line\n", "second\n", "\nlast without end"]));
        let got: serde_json::Value = serde_json::from_str(&ask("readlines:1,read")).unwrap();
        let all = got[0].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect::<String>()
            + got[1].as_str().unwrap();
        assert_eq!(all, body, "a hint loses nothing");
        // No body: everything is empty, nothing waits.
        let reply = door.get("/input?ops=read,read:5,readline,readlines,iter").expect(200);
        assert_eq!(reply.json(), json!(["", "", "", [], []]));
        let reply = door.ask(&Request::post("/input?ops=read", "")).expect(200);
        assert_eq!(reply.json(), json!([""]));
    }
}

#[test]
fn bodies_of_every_size_arrive_whole() {
    let server = Site::probe().start();
    for door in server.doors() {
        for size in [0, 1, 4095, 4096, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1, 20 << 20] {
            let request = Request::post_pattern("/digest", size);
            let sum = request.body.as_ref().unwrap().sha256();
            let got = door.ask(&request).expect(200).json();
            assert_eq!(
                (got["size"].as_u64(), got["sha256"].as_str()),
                (Some(size), Some(sum.as_str())),
                "{size} at {door:?}"
            );
        }
        let request = Request::post_pattern("/digest?piece=1000", 1 << 20);
        assert_eq!(door.ask(&request).json()["sha256"], request.body.unwrap().sha256());
    }
}

#[test]
fn a_body_of_hundreds_of_mib_takes_no_memory() {
    let server = Site::probe().start();
    for door in server.doors() {
        let pid: i32 = door.get("/pid").expect(200).text().parse().unwrap();
        let before = peak(pid);
        let size = 300 << 20;
        let got = door.ask(&Request::post_pattern("/digest", size)).expect(200).json();
        assert_eq!(got["size"].as_u64(), Some(size));
        assert_eq!(door.get("/stream?mb=200").expect(200).body.len(), 200 << 20);
        let grown = peak(pid) - before;
        assert!(grown < 32 << 10, "the worker grew by {grown} KiB at {door:?}");
    }
}

#[test]
fn what_is_announced_takes_no_memory_before_it_comes() {
    if paths::original().is_some() {
        return;
    }
    let server = Site::probe().start();
    let address = server.http.clone().unwrap();
    let pid: i32 = server.get("/pid").expect(200).text().parse().unwrap();
    let before = memory(pid, "VmPeak:");
    for ops in ["read", "read:3000000000"] {
        // Three gigabytes, of which a few bytes come before the client leaves.
        let mut c = uswgi_tests::http::Connection::open(&address).unwrap();
        let head =
            format!("POST /input?ops={ops} HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000000\r\n\r\nhello");
        c.send(head.as_bytes()).unwrap();
        drop(c);
        // There is one worker with one thread: this is answered when that request is over.
        server.get("/hello").expect(200);
    }
    let grown = memory(pid, "VmPeak:") - before;
    assert!(grown < 64 << 10, "the address space grew by {grown} KiB");
    // What does come is whole, wherever the object had to grow.
    for size in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000] {
        let request = Request::post_pattern("/digest?piece=30000000", size);
        let got = server.ask(&request).expect(200).json();
        assert_eq!(got["sha256"], request.body.unwrap().sha256(), "{size}");
    }
}

#[test]
fn whole_bodies_can_be_read_again() {
    use serde_json::json;
    // On uWSGI with post-buffering; there a body in memory is not seekable without it, and seek() gives None.
    let small = Site::probe();
    let on_disk = Site::probe().option("post-buffering", 1000);
    for (site, size) in [(small, 50), (on_disk, 300_000)] {
        let server = site.start();
        for door in server.doors() {
            let body = format!("first line\n{}last", "x".repeat(size));
            let length = body.len();
            let check = |ops: &str, expected: serde_json::Value| {
                let got =
                    door.ask(&Request::post(&format!("/input?ops={ops}"), body.as_str())).expect(200).json();
                assert_eq!(got, expected, "{ops} at {door:?}");
            };
            if paths::original().is_none() {
                check("seekable,tell,read:5,tell,seek:0,read:5", json!([true, 0, "first", 5, 0, "first"]));
                check("readline,seek:6,readline", json!(["first line\n", 6, "line\n"]));
                check("read,seek:0,read", json!([body, 0, body]));
                let end = format!("seek:-4:2,read,tell,seek:0:2,seek:-{length}:1,read:5");
                check(&end, json!([length - 4, "last", length, length, 0, "first"]));
                check("iter,seek:6,read:4", json!([["first line\n", &body[11..]], 6, "line"]));
                check("digest", json!([Body::Bytes(body.clone().into_bytes()).sha256()]));
                // Outside of it, and nowhere: the place stays.
                for wrong in ["-1", "1:2", "-1:1", "9223372036854775807:1", "999999"] {
                    let got =
                        door.ask(&Request::post(&format!("/input?ops=try-seek:{wrong},tell"), body.as_str()));
                    assert_eq!(got.expect(200).json(), json!(["OSError", 0]), "{wrong}");
                }
                check("try-seek:0:3", json!(["ValueError"]));
            }
        }
    }
    if paths::original().is_some() {
        return;
    }
    // Without a body, decoded chunks, and what is read as it comes.
    let server = Site::probe().http().start();
    let empty = server.get("/input?ops=tell,seek:0,read,try-fileno").expect(200).json();
    assert_eq!(empty, json!([0, 0, "", "UnsupportedOperation"]));
    let chunked = Request::post("/input?ops=read,seek:1,read", "abc").header("Transfer-Encoding", "chunked");
    assert_eq!(server.ask(&chunked).expect(200).json(), json!(["abc", 1, "bc"]));
    let streamed = "try-seek:0,try-tell,try-fileno,seekable,read:3,try-seek:0";
    let got =
        server.ask(&Request::post_pattern(&format!("/input?ops={streamed}"), 70_000)).expect(200).json();
    let no = "UnsupportedOperation";
    assert_eq!(
        (&got[0], &got[1], &got[2], &got[3], &got[5]),
        (&json!(no), &json!(no), &json!(no), &json!(false), &json!(no))
    );
}

#[test]
fn a_body_on_disk_has_a_descriptor() {
    if paths::original().is_some() {
        return;
    }
    let server = Site::probe().option("post-buffering", 1000).start();
    for door in server.doors() {
        let body = "0123456789".repeat(10_000);
        // Whatever moved the descriptor, and however far was read, both read right.
        let got = door
            .ask(&Request::post("/input?ops=pread:10,read:5,move:7,read:5,seek:99990,read", body.as_str()));
        let expected = serde_json::json!(["0123456789", "01234", 7, "56789", 99_990, "0123456789"]);
        assert_eq!(got.expect(200).json(), expected, "{door:?}");
    }
}

/// Peak resident memory in KiB.
fn peak(pid: i32) -> i64 {
    memory(pid, "VmHWM:")
}

/// A number of KiB in the status of a process.
fn memory(pid: i32, name: &str) -> i64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status of the worker");
    let line = status.lines().find(|l| l.starts_with(name)).expect("a line of that name");
    line.split_ascii_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn an_unread_body_does_not_spoil_the_answer() {
    let server = Site::probe().start();
    for door in server.doors() {
        for size in [10, 100_000, 5 << 20] {
            let reply = door.ask(&Request::post_pattern("/ignore", size)).expect(200);
            assert_eq!(reply.text(), "ignored", "{size} at {door:?}");
        }
    }
    if paths::original().is_some() {
        return;
    }
    // On a kept connection the rest of the body must not be taken for a request.
    let Door::Http(address) = server.door() else { panic!("no HTTP") };
    let mut c = uswgi_tests::http::Connection::open(&address).unwrap();
    assert_eq!(c.ask(&Request::post_pattern("/ignore", 3000)).unwrap().text(), "ignored");
    assert_eq!(c.ask(&Request::get("/hello")).unwrap().text(), "hello");
}

#[test]
fn bodies_that_follow_each_other_on_a_connection_are_not_mixed() {
    if paths::original().is_some() {
        return;
    }
    let server = Site::probe().start();
    let address = server.http.clone().unwrap();
    let mut c = uswgi_tests::http::Connection::open(&address).unwrap();
    // Above 4 KiB the memory of a body changes hands instead of being copied.
    for size in [5000_u64, 3, 16_384, 0, 65_536, 4096, 200_000, 60_000, 5000] {
        let got = c.ask(&Request::post_pattern("/digest", size)).unwrap().expect(200).json();
        assert_eq!(got["sha256"], Body::Pattern(size).sha256(), "{size}");
    }
    // The next request has come with the body.
    let post = |body: &str| {
        format!("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let (first, second) = ("x".repeat(6000), "y".repeat(7000));
    c.send((post(&first) + &post(&second)).as_bytes()).unwrap();
    for body in [first, second] {
        let got = c.reply("POST").unwrap().expect(200).json();
        assert_eq!(got["sha256"], Body::Bytes(body.into_bytes()).sha256());
    }
}

#[test]
fn chunked_bodies_are_decoded() {
    let server = Site::probe().http().start();
    let Door::Http(address) = server.door() else { panic!("no HTTP") };
    if paths::original().is_some() {
        return;
    }
    for size in [0, 5, 65536, 3 << 20] {
        let mut request = Request::post_pattern("/digest", size).header("Transfer-Encoding", "chunked");
        let sum = Body::Pattern(size).sha256();
        request = request.header("Connection", "close");
        let got = uswgi_tests::http::ask(&address, &request).unwrap().expect(200).json();
        assert_eq!(
            (got["size"].as_u64(), got["sha256"].as_str()),
            (Some(size), Some(sum.as_str())),
            "{size}"
        );
    }
}

#[test]
fn expect_100_continue_is_answered() {
    if paths::original().is_some() {
        return;
    }
    let server = Site::probe().start();
    let Door::Http(address) = server.door() else { panic!("no HTTP") };
    let mut c = uswgi_tests::http::Connection::open(&address).unwrap();
    c.send(b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(c.any_reply("POST").unwrap().status, 100);
    c.send(b"body").unwrap();
    assert_eq!(c.reply("POST").unwrap().expect(200).json()["size"], 4);
}

#[test]
fn limit_post_refuses_larger_bodies() {
    let server = Site::probe().option("limit-post", 1000).start();
    for door in server.doors() {
        assert_eq!(door.ask(&Request::post_pattern("/digest", 1000)).expect(200).json()["size"], 1000);
        if paths::original().is_none() {
            door.ask(&Request::post_pattern("/digest", 1001)).expect(413);
        }
        door.get("/hello").expect(200);
    }
}

#[test]
fn post_buffering_gives_the_same_bytes() {
    let server = Site::probe().option("post-buffering", 8192).start();
    for door in server.doors() {
        for size in [0, 8191, 8192, 8193, 1 << 20] {
            let request = Request::post_pattern("/digest", size);
            let got = door.ask(&request).expect(200).json();
            assert_eq!(got["sha256"], request.body.unwrap().sha256(), "{size} at {door:?}");
        }
    }
}

/// Makes a library that a program loads before others; in it no file system has `O_TMPFILE`, as with overlayfs of older kernels.
fn without_unnamed_files(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("none.c"), dir.join("none.so"));
    let text = "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <fcntl.h>\n#include <stdarg.h>\n\
        int open64(const char *path, int flags, ...) {\n\
        \x20   va_list more; va_start(more, flags); int mode = va_arg(more, int); va_end(more);\n\
        \x20   if ((flags & O_TMPFILE) == O_TMPFILE) { errno = EOPNOTSUPP; return -1; }\n\
        \x20   int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, \"open64\");\n\
        \x20   return real(path, flags, mode);\n}\n";
    fs::write(&source, text).unwrap();
    let mut cc = process::command("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let made = process::run(cc, PATIENCE);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    library
}

#[test]
fn post_buffering_needs_nothing_special_of_the_file_system() {
    if paths::original().is_some() {
        return;
    }
    let site = Site::probe().option("post-buffering", 8192);
    let bodies = site.dir.join("bodies");
    fs::create_dir(&bodies).unwrap();
    let library = without_unnamed_files(site.dir.path());
    let server = site.env("LD_PRELOAD", library.display()).env("TMPDIR", bodies.display()).start();
    let worker = server.worker_pids()[0];
    let maps = fs::read_to_string(format!("/proc/{worker}/maps")).unwrap();
    assert!(maps.contains("none.so"), "the worker is not made to do without O_TMPFILE");
    for door in server.doors() {
        let request = Request::post_pattern("/digest", 1 << 20);
        let got = door.ask(&request).expect(200).json();
        assert_eq!(got["sha256"], request.body.unwrap().sha256(), "at {door:?}");
    }
    assert_eq!(fs::read_dir(&bodies).unwrap().count(), 0, "nothing is left");
}
