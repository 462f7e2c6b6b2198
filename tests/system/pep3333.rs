//! PEP 3333, clause by clause, at an HTTP and at a uwsgi socket.

use serde_json::Value;
use std::fs;
use std::io::Read;
use uswgi_tests::server::{Door, wait_file};
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, Site, paths, until};

/// What differs from the original on purpose is asked of ours only.
fn ours() -> bool {
    paths::original().is_none()
}

/// Run at both doors of one server.
fn at_each_door(mut test: impl FnMut(&Server, &Door)) {
    let server = Site::probe().start();
    for door in server.doors() {
        test(&server, &door);
        // Whatever the application did, the worker serves on.
        door.get("/hello").expect(200);
    }
}

fn environ(door: &Door, request: &Request) -> Value {
    door.ask(request).expect(200).json()
}

#[test]
fn environ_holds_what_the_pep_demands() {
    at_each_door(|_, door| {
        let e = environ(door, &Request::get("/environ?a=1&b=%20x").header("X-Some-Thing", "yes"));
        assert_eq!(e["exact_dict"], true);
        let s = &e["strings"];
        assert_eq!(s["REQUEST_METHOD"], "GET");
        assert_eq!(s["SCRIPT_NAME"].as_str().unwrap_or(""), "");
        assert_eq!(s["PATH_INFO"], "/environ");
        assert_eq!(s["QUERY_STRING"], "a=1&b=%20x");
        assert_eq!(s["SERVER_PROTOCOL"], "HTTP/1.1");
        assert_eq!(s["HTTP_X_SOME_THING"], "yes");
        assert_eq!(s["HTTP_HOST"], "test.example");
        assert_eq!(s["wsgi.url_scheme"], "http");
        assert!(!s["SERVER_NAME"].as_str().unwrap_or_default().is_empty());
        assert!(s["SERVER_PORT"].as_str().unwrap_or_default().parse::<u16>().is_ok());
        assert_eq!(s["REMOTE_ADDR"], "127.0.0.1");
        assert_eq!(e["values"]["wsgi.version"], serde_json::json!([1, 0]));
        assert_eq!(e["values"]["wsgi.run_once"], false);
        assert_eq!(e["values"]["wsgi.multithread"], false);
        assert_eq!(e["values"]["wsgi.multiprocess"], false);
        for key in ["wsgi.input", "wsgi.errors", "wsgi.file_wrapper"] {
            assert!(e["types"].get(key).is_some(), "{key} is missing");
        }
        if ours() {
            assert_eq!(e["values"]["wsgi.input_terminated"], true);
            // CGI variables are native strings: nothing but wsgi.* and a server's own may be of another kind.
            for (key, kind) in e["types"].as_object().unwrap() {
                assert!(
                    kind == "str" || ["wsgi.", "uwsgi.", "uswgi."].iter().any(|own| key.starts_with(own)),
                    "{key}: {kind}"
                );
            }
        }
    });
}

#[test]
fn multithread_and_multiprocess_are_true_when_they_are() {
    let server = Site::probe().option("workers", 2).option("threads", 3).start();
    for door in server.doors() {
        let e = environ(&door, &Request::get("/environ"));
        assert_eq!(e["values"]["wsgi.multithread"], true);
        assert_eq!(e["values"]["wsgi.multiprocess"], true);
    }
}

#[test]
fn content_type_and_length_have_no_http_prefix() {
    at_each_door(|_, door| {
        let post = Request::post("/environ", "12345").header("Content-Type", "text/x-test");
        let s = environ(door, &post)["strings"].clone();
        assert_eq!(s["CONTENT_TYPE"], "text/x-test");
        assert_eq!(s["CONTENT_LENGTH"], "5");
        assert!(s.get("HTTP_CONTENT_TYPE").is_none() && s.get("HTTP_CONTENT_LENGTH").is_none());
        let s = environ(door, &Request::get("/environ"))["strings"].clone();
        assert_eq!(s["CONTENT_LENGTH"].as_str().unwrap_or(""), "");
    });
}

#[test]
fn paths_are_decoded_bytes_as_latin_1() {
    let echo = "def application(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n    return [repr((e.get('SCRIPT_NAME', ''), e['PATH_INFO'], e['QUERY_STRING'])).encode()]\n";
    let site = Site::new().source("echo.py", echo).home(&paths::pythons()[0].1).both();
    let chdir = site.dir.join("app").display().to_string();
    let server = site.option("chdir", chdir).option("module", "echo").start();
    for door in server.doors() {
        for (target, path, query) in [
            ("/caf%C3%A9", "/caf\u{c3}\u{a9}", ""),
            ("/a%20b", "/a b", ""),
            ("/a%2Fb", "/a/b", ""),
            ("/%FF", "/\u{ff}", ""),
            ("/x+y?q=%C3%A9+%2F", "/x+y", "q=%C3%A9+%2F"),
            ("/a;b=c", "/a;b=c", ""),
            ("/a%25b", "/a%b", ""),
            ("/?", "/", ""),
            ("/?a?b", "/", "a?b"),
        ] {
            let expected = format!("('', {}, {})", python_repr(path), python_repr(query));
            assert_eq!(door.get(target).expect(200).text(), expected, "{target} at {door:?}");
        }
    }
}

/// As Python 3 shows a latin-1 string.
fn python_repr(text: &str) -> String {
    let inner: String = text
        .chars()
        .map(|c| {
            if ('\u{7f}'..='\u{a0}').contains(&c) || c == '\u{ad}' {
                format!("\\x{:02x}", c as u32)
            } else {
                c.to_string()
            }
        })
        .collect();
    format!("'{inner}'")
}

#[test]
fn header_values_are_latin_1() {
    at_each_door(|_, door| {
        let s = environ(door, &Request::get("/environ").header("X-Caf", "caf\u{e9}"))["strings"].clone();
        assert_eq!(s["HTTP_X_CAF"], "caf\u{e9}");
    });
}

#[test]
fn the_write_callable_sends_in_order() {
    at_each_door(|_, door| assert_eq!(door.get("/write").expect(200).text(), "one two three"));
}

#[test]
fn generators_run_to_their_end() {
    at_each_door(|_, door| {
        assert_eq!(door.get("/generator?n=3").expect(200).text(), "piece 0\npiece 1\npiece 2\n");
        assert_eq!(door.get("/generator?n=0").expect(200).text(), "");
        assert_eq!(door.get("/stream?mb=3").expect(200).body.len(), 3 << 20);
    });
}

#[test]
fn start_response_may_come_with_the_first_piece() {
    at_each_door(|_, door| {
        let reply = door.get("/late").expect(201);
        assert_eq!((reply.header("X-Late"), reply.text().as_str()), (Some("yes"), "late"));
    });
}

#[test]
fn empty_answers_keep_their_head() {
    at_each_door(|_, door| {
        for how in ["list", "tuple", "piece", "generator"] {
            let reply = door.get(&format!("/empty?how={how}")).expect(200);
            assert_eq!((reply.header("X-Empty"), reply.body.len()), (Some("yes"), 0), "{how}");
        }
    });
}

#[test]
fn close_is_always_called() {
    at_each_door(|server, door| {
        for how in ["plain", "raise", "raise-first"] {
            let note = format!("{how}-{}", matches!(door, Door::Http(_)));
            let _ = door.try_ask(&Request::get(&format!("/close?how={how}&note={note}")));
            assert_eq!(wait_file(&server.dir.join("hold").join(&note)), "closed\n", "{how}");
        }
        let note = format!("head-{}", matches!(door, Door::Http(_)));
        door.ask(&Request::new("HEAD", &format!("/close?note={note}"))).expect(200);
        assert_eq!(wait_file(&server.dir.join("hold").join(&note)), "closed\n");
    });
}

#[test]
fn close_is_called_when_the_client_left() {
    at_each_door(|server, door| {
        let note = format!("left-{}", matches!(door, Door::Http(_)));
        let request = Request::get(&format!("/close?how=endless&note={note}"));
        let mut stream = door.sent(&request);
        let mut some = [0; 1000];
        stream.read_exact(&mut some).unwrap();
        drop(stream);
        assert_eq!(wait_file(&server.dir.join("hold").join(&note)), "closed\n");
    });
}

#[test]
fn an_app_that_raises_before_its_head_gives_500_and_a_traceback_in_the_log() {
    at_each_door(|server, door| {
        if ours() {
            let reply = door.get("/raise_before").expect(500);
            assert!(!reply.text().contains("Traceback"), "the client must not see it: {reply:?}");
            door.get("/raise_after").expect(500);
            door.get("/raise_exit").expect(500);
        } else {
            let _ = door.try_ask(&Request::get("/raise_before"));
        }
        let log = server.wait_log("before start_response, on purpose");
        assert!(log.contains("Traceback") && log.contains("raise_before"), "{log}");
    });
}

#[test]
fn an_app_that_raises_in_the_middle_ends_the_connection() {
    at_each_door(|server, door| {
        // The head and a piece are out: nothing true can follow. The body must not look complete over HTTP.
        match door {
            Door::Http(_) if ours() => {
                let error = door.try_ask(&Request::get("/close?how=raise&note=mid"));
                let broken = match &error {
                    Err(_) => true,
                    Ok(reply) => {
                        reply.header("Content-Length").is_none()
                            && reply.header("Transfer-Encoding").is_none()
                    }
                };
                assert!(broken, "{error:?}");
            }
            _ => assert_eq!(door.get("/close?how=raise&note=mid").text(), "first"),
        }
        server.wait_log("in the middle, on purpose");
    });
}

#[test]
fn exc_info_replaces_a_head_that_is_not_sent() {
    at_each_door(|_, door| {
        if !ours() {
            return;
        }
        let reply = door.get("/exc_info_before").expect(503);
        assert_eq!(reply.reason, "Busy");
        assert_eq!((reply.header("X-First"), reply.header("X-Second")), (None, Some("yes")));
        assert_eq!(reply.text(), "error page");
    });
}

#[test]
fn exc_info_is_raised_again_when_the_head_is_sent() {
    if !ours() {
        return;
    }
    let server = Site::probe().start();
    for door in server.doors() {
        let reply = door.try_ask(&Request::get("/exc_info_after"));
        if let Ok(reply) = reply {
            assert!(!reply.text().contains("never seen"), "{reply:?}");
        }
    }
    until("both notes", || {
        let text = fs::read_to_string(server.dir.join("hold/exc_info")).unwrap_or_default();
        (text == "raised again\n".repeat(2)).then_some(())
    });
}

#[test]
fn a_second_start_response_without_exc_info_raises() {
    at_each_door(|server, door| {
        if ours() {
            door.get("/start_twice").expect(200);
            let note = wait_file(&server.dir.join("hold/twice"));
            assert!(note.lines().all(|l| l == "AssertionError" || l == "RuntimeError"), "{note}");
        }
    });
}

#[test]
fn what_is_no_iterable_of_bytes_gives_500() {
    at_each_door(|server, door| {
        if !ours() {
            return;
        }
        for target in ["/none", "/string", "/no_start"] {
            let reply = door.get(target).expect(500);
            assert!(!reply.text().contains("not bytes"), "{reply:?}");
        }
        // The first piece was bytes: the head may be out, but the str must not be.
        let _ = door.try_ask(&Request::get("/number"));
        let log = server.wait_log("/no_start");
        for word in ["None", "str"] {
            assert!(log.contains(word), "the log names what came instead of bytes ({word}): {log}");
        }
    });
}

#[test]
fn bad_heads_are_refused() {
    at_each_door(|_, door| {
        if !ours() {
            return;
        }
        for what in [
            "crlf",
            "lf",
            "cr",
            "nul",
            "escape",
            "delete",
            "status-bell",
            "name",
            "name-crlf",
            "empty-name",
            "status",
            "status-crlf",
            "status-number",
            "value-number",
            "value-bytes",
            "latin",
            "headers",
            "pair",
        ] {
            let reply = door.get(&format!("/bad?what={what}")).expect(500);
            assert!(reply.header("X-Evil").is_none(), "{what}: {reply:?}");
            assert_ne!(reply.text(), "body", "{what}");
        }
    });
}

#[test]
fn good_heads_pass_as_they_are() {
    at_each_door(|_, door| {
        let reply = door.get("/good_headers").expect(299);
        assert_eq!(reply.reason, "Some \u{e9} reason");
        assert_eq!(reply.all("Set-Cookie"), ["a=1", "b=2"]);
        assert_eq!(reply.header("X-Latin"), Some("caf\u{e9}"));
        assert_eq!(reply.header("X-Empty"), Some(""));
        assert_eq!(reply.header("X-Tab"), Some("a\tb"));
    });
}

#[test]
fn a_status_without_a_reason_has_its_space() {
    at_each_door(|_, door| {
        if !ours() {
            return;
        }
        let mut stream = door.sent(&Request::get("/status?line=200&n=1").header("Connection", "close"));
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        assert!(reply.starts_with(b"HTTP/1.1 200 \r\n"), "{}", String::from_utf8_lossy(&reply));
    });
}

#[test]
fn head_204_and_304_have_no_body() {
    at_each_door(|_, door| {
        if !ours() {
            return;
        }
        let head = door.ask(&Request::new("HEAD", "/hello")).expect(200);
        assert_eq!((head.header("Content-Length"), head.body.len()), (Some("5"), 0));
        for line in ["204%20No%20Content", "304%20Not%20Modified"] {
            let reply = door.get(&format!("/status?line={line}&n=10&type=0"));
            assert_eq!(reply.body.len(), 0, "{reply:?}");
            assert!(reply.header("Transfer-Encoding").is_none(), "{reply:?}");
        }
        if let Door::Http(address) = door {
            // Bytes of a body would be taken for the next reply on a kept connection.
            let mut c = uswgi_tests::http::Connection::open(address).unwrap();
            for (method, target) in [
                ("HEAD", "/hello"),
                ("GET", "/status?line=204%20No&n=10&type=0"),
                ("HEAD", "/stream?mb=1"),
                ("GET", "/hello"),
            ] {
                let reply = c.ask(&Request::new(method, target)).unwrap();
                assert!(reply.status == 200 || reply.status == 204, "{reply:?}");
            }
        }
    });
}

#[test]
fn wsgi_errors_goes_to_the_log() {
    at_each_door(|server, door| {
        door.get("/errors").expect(200);
        let log = server.wait_log("two\n");
        assert!(log.contains("written to wsgi.errors: caf\u{e9}"), "{log}");
    });
}

#[test]
fn file_wrapper_sends_from_where_the_file_stands() {
    at_each_door(|server, door| {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        fs::write(server.dir.join("hold/data"), &bytes).unwrap();
        assert_eq!(door.get("/file?name=data").expect(200).body, bytes);
        if ours() {
            assert_eq!(door.get("/file?name=data&from=1000").expect(200).body, bytes[1000..]);
            assert_eq!(door.get("/file?name=data&from=1000&length=500").body, bytes[1000..1500]);
        }
    });
}

#[test]
fn a_piece_is_sent_before_the_next_is_made() {
    // PEP 3333: no block may be delayed. The second piece waits until the first one was seen here.
    let server = Site::probe().start();
    for (n, door) in server.doors().iter().enumerate() {
        let request = Request::get(&format!("/half?name=h{n}")).header("Connection", "close");
        let mut stream = door.sent(&request);
        let mut seen = Vec::new();
        while !seen.windows(6).any(|w| w == b"first ") {
            let mut some = [0; 1000];
            let n = uswgi_tests::http::read_some(&mut *stream, &mut some).unwrap();
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
            seen.extend(&some[..n]);
        }
        server.let_go(&format!("h{n}"));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.windows(6).any(|w| w == b"second"), "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[test]
fn one_request_runs_at_a_time_with_one_thread() {
    let server = Site::probe().start();
    let door = server.door();
    let first = door.ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let second = door.ask_later(Request::get("/hold?name=b"));
    let b = server.dir.join("hold/b.started");
    assert!(
        stays(std::time::Duration::from_millis(300), || !b.exists()),
        "two requests at once in one thread"
    );
    server.let_go("a");
    server.let_go("b");
    for reply in [first, second] {
        reply.join().unwrap().unwrap().expect(200);
    }
}

#[test]
fn as_many_requests_run_at_once_as_there_are_threads() {
    let server = Site::probe().option("threads", 4).start();
    let door = server.door();
    let replies: Vec<_> = (0..4).map(|n| door.ask_later(Request::get(&format!("/hold?name=t{n}")))).collect();
    for n in 0..4 {
        server.held(&format!("t{n}"));
    }
    for n in 0..4 {
        server.let_go(&format!("t{n}"));
    }
    for reply in replies {
        reply.join().unwrap().unwrap().expect(200);
    }
}
