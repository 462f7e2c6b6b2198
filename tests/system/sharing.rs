//! What processes share beside locks and caches: `uwsgi.queue_*`, `sharedarea_*`, `metric_*`, and `rpc`, beside the original.

use crate::spooler::ask;
use std::io::Read;
use std::os::unix::net::UnixStream;
use uswgi_tests::packet::{raw, with_header};
use uswgi_tests::request::{Address, Request, quote};
use uswgi_tests::{Server, Site, http, paths, until};

fn site(original: bool, options: &[(&str, &str)]) -> Site {
    let site = Site::new().app("background").http().unix().option("workers", 1).option("master", "true");
    let site = options.iter().fold(site, |site, (key, value)| site.option(key, value));
    if original { site.program(paths::uwsgi()) } else { site.home(&paths::pythons()[0].1) }
}

fn start(original: bool, options: &[(&str, &str)]) -> Server {
    let server = Server::begin(site(original, options));
    let address = server.http.clone().unwrap();
    until("it to listen", || address.connect().ok());
    server
}

/// What both answer to the same questions, one after the other. Of an exception only its class has to be the same.
fn same(options: &[(&str, &str)], questions: &[&str]) {
    if paths::original().is_some() {
        return;
    }
    let [theirs, ours] = [true, false].map(|original| {
        let server = start(original, options);
        let answer = |q: &&str| {
            let said = ask(&server, q);
            match said.split_once("Error: ") {
                Some((class, _)) if !class.contains(' ') => class.to_string(),
                _ => said,
            }
        };
        questions.iter().map(answer).collect::<Vec<_>>()
    });
    let differ: Vec<_> =
        questions.iter().zip(theirs.iter().zip(&ours)).filter(|(_, (t, o))| t != o).collect();
    assert!(differ.is_empty(), "question, (uWSGI, ours): {differ:#?}");
}

#[test]
fn a_queue_is_that_of_uwsgi() {
    same(
        &[("queue", "4"), ("queue-blocksize", "1024")],
        &[
            "sorted(n for n in dir(uwsgi) if n.startswith('queue'))",
            "uwsgi.queue_size",
            "uwsgi.queue_pull()",
            "uwsgi.queue_push(b'one')",
            "uwsgi.queue_push('two')",
            "uwsgi.queue_push(b'x' * 1009)",
            "uwsgi.queue_push(b'')",
            "uwsgi.queue_push(5)",
            "uwsgi.queue_push()",
            "[uwsgi.queue_get(n) for n in (0, 1, 2, 7, -1)]",
            "uwsgi.queue_slot(), uwsgi.queue_pull_slot()",
            "[uwsgi.queue_last(), uwsgi.queue_last(0), uwsgi.queue_last(1), uwsgi.queue_last(2), uwsgi.queue_last(10)]",
            "uwsgi.queue_last('a')",
            "uwsgi.queue_pop()",
            "[uwsgi.queue_pull() for _ in range(4)]",
            "uwsgi.queue_slot(), uwsgi.queue_pull_slot()",
            "[uwsgi.queue_set(0, b'set'), uwsgi.queue_set(2, 'set2'), uwsgi.queue_set(9, b'x'), uwsgi.queue_set(-1, b'x')]",
            "uwsgi.queue_set(1, b'')",
            "uwsgi.queue_last(5)",
            "[uwsgi.queue_pop() for _ in range(2)]",
            "uwsgi.queue_slot()",
            "[uwsgi.queue_push(m) for m in (b'a', b'b', b'c', b'd', b'e', b'f', b'g')]",
            "uwsgi.queue_last(5)",
            "[uwsgi.queue_pull() for _ in range(6)]",
            "uwsgi.queue_slot(), uwsgi.queue_pull_slot()",
            "[uwsgi.queue_push(b'x' * 1008), len(uwsgi.queue_pop())]",
        ],
    );
}

/// Left out of the questions: what ends uWSGI's process, and sharedarea_memoryview and _object, which are not here.
#[test]
fn an_area_is_that_of_uwsgi() {
    same(
        &[("sharedarea", "1"), ("sharedarea", "size=5000")],
        &[
            "sorted(n for n in dir(uwsgi) if n.startswith('sharedarea') and n[11:] not in ('memoryview', 'object'))",
            "uwsgi.sharedarea_read(0, 0, 4)",
            "len(uwsgi.sharedarea_read(0, 0)), len(uwsgi.sharedarea_read(1, 0)), len(uwsgi.sharedarea_read(0, 4090))",
            "uwsgi.sharedarea_read(0, 4090, 10)",
            "uwsgi.sharedarea_read(5, 0, 1)",
            "uwsgi.sharedarea_read(0, -1, 1)",
            "uwsgi.sharedarea_read(0, 4096, 1)",
            "uwsgi.sharedarea_read(0, 4095, 1)",
            "uwsgi.sharedarea_write(0, 0, b'hello')",
            "uwsgi.sharedarea_write(0, 4090, b'hello7777')",
            "uwsgi.sharedarea_write(0, 0, 'text')",
            "uwsgi.sharedarea_write(0, 0, 5)",
            "uwsgi.sharedarea_read(0, 0, 8)",
            "uwsgi.sharedarea_read8(0, 0)",
            "uwsgi.sharedarea_write8(0, 0, 200)",
            "uwsgi.sharedarea_read8(0, 0), uwsgi.sharedarea_readbyte(0, 0)",
            "uwsgi.sharedarea_write8(0, 0, 300)",
            "uwsgi.sharedarea_write8(0, 0, -1)",
            "uwsgi.sharedarea_write8(0, 0)",
            "uwsgi.sharedarea_write16(0, 0, 40000)",
            "uwsgi.sharedarea_read16(0, 0)",
            "uwsgi.sharedarea_write32(0, 3, 3000000000)",
            "uwsgi.sharedarea_read32(0, 3)",
            "uwsgi.sharedarea_write64(0, 8, -5)",
            "uwsgi.sharedarea_read64(0, 8), uwsgi.sharedarea_readlong(0, 8)",
            "[uwsgi.sharedarea_inc32(0, 16, 5), uwsgi.sharedarea_dec32(0, 16, 2), uwsgi.sharedarea_inc32(0, 16)]",
            "uwsgi.sharedarea_read32(0, 16)",
            "[uwsgi.sharedarea_inc64(0, 24, 5), uwsgi.sharedarea_dec64(0, 24), uwsgi.sharedarea_inclong(0, 24, 3)]",
            "uwsgi.sharedarea_read64(0, 24)",
            "uwsgi.sharedarea_read64(0, 4092)",
            "uwsgi.sharedarea_write64(0, 4092, 1)",
            "uwsgi.sharedarea_inc64(7, 0)",
            "uwsgi.sharedarea_inc64(0, 90000)",
            "[uwsgi.sharedarea_rlock(0), uwsgi.sharedarea_unlock(0), uwsgi.sharedarea_wlock(0), uwsgi.sharedarea_unlock(0)]",
            "uwsgi.sharedarea_rlock(9)",
        ],
    );
}

#[test]
fn numbers_are_those_of_uwsgi() {
    let options =
        [("metric", "name=mycount"), ("metric", "name=g,type=gauge,initial_value=7"), ("metric", "simple")];
    same(
        &options,
        &[
            "sorted(n for n in dir(uwsgi) if n.startswith('metric'))",
            "uwsgi.metric_get('mycount'), uwsgi.metric_get('g'), uwsgi.metric_get('simple'), uwsgi.metric_get('nope')",
            "uwsgi.metric_inc('mycount'), uwsgi.metric_inc('mycount', 5), uwsgi.metric_get('mycount')",
            "uwsgi.metric_dec('mycount', 2), uwsgi.metric_mul('mycount', 3), uwsgi.metric_div('mycount', 2)",
            "uwsgi.metric_div('mycount', 0), uwsgi.metric_get('mycount')",
            "uwsgi.metric_set('mycount', 100), uwsgi.metric_set_max('mycount', 50), uwsgi.metric_get('mycount')",
            "uwsgi.metric_set_max('mycount', 150), uwsgi.metric_get('mycount')",
            "uwsgi.metric_set_min('mycount', 10), uwsgi.metric_get('mycount')",
            "uwsgi.metric_inc('nope'), uwsgi.metric_set('nope', 1)",
            "uwsgi.metric_inc(b'mycount')",
            "uwsgi.metric_inc('mycount', 'a')",
            "uwsgi.metric_inc()",
            "uwsgi.metric_dec('mycount', 1000), uwsgi.metric_get('mycount')",
        ],
    );
    let server = site(false, &options).option("stats", "@stats-of-numbers").start();
    let refused = ask(&server, "uwsgi.metric_get('worker.1.requests')");
    assert!(refused.starts_with("ValueError: ") && refused.contains("statistics"), "{refused}");
}

const REGISTER: &str = "[uwsgi.register_rpc(n, f) for n, f in {
    'hello': lambda *a: b'hello ' + repr(a).encode(), 'pair': lambda a, b: a + b'-' + b, 'text': lambda: 'text',
    'none': lambda: None, 'boom': lambda: 1 // 0, 'big': lambda: b'x' * 100000, 'five': 5}.items()]";

fn register() -> String {
    REGISTER.replace('\n', " ")
}

#[test]
fn functions_are_called_as_on_uwsgi() {
    let register = register();
    same(
        &[],
        &[
            "sorted(n for n in dir(uwsgi) if 'rpc' in n or n == 'call')",
            "uwsgi.rpc_list()",
            &register,
            "uwsgi.rpc_list()",
            "uwsgi.rpc(None, b'hello'), uwsgi.rpc(b'', b'hello', b'a'), uwsgi.rpc(5, b'hello')",
            "uwsgi.rpc(None, 'hello')",
            "uwsgi.rpc(None, b'hello', b'a', 'b')",
            "uwsgi.rpc(None, b'hello', 5)",
            "uwsgi.rpc(None, b'pair', b'a', b'b'), uwsgi.rpc(None, b'pair', b'a')",
            "[uwsgi.rpc(None, n) for n in (b'text', b'none', b'boom', b'five', b'nope')]",
            "len(uwsgi.rpc(None, b'big'))",
            "uwsgi.rpc(None)",
            "uwsgi.rpc()",
            "uwsgi.call(b'hello', b'a'), uwsgi.call(b'nope'), uwsgi.call(b'pair', b'1', b'2')",
            "uwsgi.call('hello')",
            "uwsgi.call()",
            "len(uwsgi.call(b'hello', *[b'x'] * 255)), len(uwsgi.call(b'hello', b'x' * 65535))",
            "uwsgi.rpc(b'/tmp/no.sock', b'hello'), uwsgi.call(b'hello@/tmp/no.sock')",
            "uwsgi.register_rpc('late', lambda: b'1'), uwsgi.register_rpc('late', lambda: b'2'), uwsgi.call(b'late')",
            "uwsgi.register_rpc('late')",
            "uwsgi.register_rpc(b'bytes', len)",
            "uwsgi.register_rpc('x' * 300, len)",
            "[uwsgi.register_rpc('m%d' % i, len) for i in range(70)]",
            "len(uwsgi.rpc_list())",
        ],
    );
}

fn socket(server: &Server) -> Address {
    server.uwsgi.clone().unwrap()
}

fn block(items: &[&[u8]]) -> Vec<u8> {
    items.iter().flat_map(|i| [&(i.len() as u16).to_le_bytes()[..], i].concat()).collect()
}

/// Each program calls the other one's functions, and answers the same bytes.
#[test]
fn instances_call_each_other() {
    if paths::original().is_some() {
        return;
    }
    let both = [true, false].map(|original| {
        let server = start(original, &[]);
        ask(&server, &register());
        server
    });
    for caller in &both {
        for callee in &both {
            let path = callee.dir.join("uwsgi.sock");
            let call = |words: &str| ask(caller, &format!("uwsgi.rpc(b'{}', {words})", path.display()));
            // One worker is in the call: it is asked in this process then, or waits for itself.
            if std::ptr::eq(caller, callee) {
                continue;
            }
            // (An empty argument at the end is none to uWSGI, which refuses the whole call of its own.)
            assert_eq!(call("b'hello', b'a', b'b'"), r#"b"hello (b'a', b'b')""#);
            assert_eq!(call("b'none'"), "None");
            assert_eq!(call("b'nope'"), "None");
            let long = format!("len(uwsgi.rpc(b'{}', b'big'))", path.display());
            assert_eq!(ask(caller, &long), "100000");
        }
    }
    let packets = [&[&b"hello"[..], b"a"][..], &[b"nope"], &[b"boom"], &[b"big"], &[]];
    let [theirs, ours] = both.each_ref().map(|server| {
        let answer = |p: &&[&[u8]]| raw(&socket(server), &with_header(173, &block(p))).unwrap();
        packets.iter().map(answer).collect::<Vec<_>>()
    });
    assert_eq!(theirs, ours);
    assert_eq!(ours[0], b"\xad\x0d\x00\x00hello (b'a',)");
}

/// uWSGI runs functions for whoever reaches the socket.
#[test]
fn only_allowed_peers_may_call() {
    let server = site(false, &[("rpc-allow-ips", "none")]).start();
    ask(&server, &register());
    assert_eq!(raw(&socket(&server), &with_header(173, &block(&[b"hello"]))).unwrap(), b"");
    server.wait_log("a call from a unix socket was not carried out: it may not (rpc-allow-ips)");
    assert_eq!(ask(&server, "uwsgi.call(b'hello')"), "b'hello ()'", "itself it may");
}

/// What is shared outlives reloads and the death of who holds it; a reader that dies in uWSGI stops all others.
#[test]
fn it_outlives_reloads_and_deaths() {
    let options =
        [("queue", "8"), ("sharedarea", "1"), ("metric", "hits"), ("metric", "name=b,type=absolute,oid=1.2")];
    let site = site(false, &options);
    let stats = site.ini().with_file_name("stats.sock");
    let server = site.option("stats", stats.display()).start();
    ask(&server, "[uwsgi.queue_push(b'm'), uwsgi.sharedarea_write64(0, 0, 42), uwsgi.metric_inc('hits', 3)]");
    server.reload();
    let seen = "[uwsgi.queue_get(0), uwsgi.sharedarea_read64(0, 0), uwsgi.metric_get('hits')]";
    assert_eq!(ask(&server, seen), "[b'm', 42, 3]");
    let mut text = String::new();
    UnixStream::connect(&stats).unwrap().read_to_string(&mut text).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = serde_json::json!({
        "hits": {"type": 0, "oid": "", "value": 3}, "b": {"type": 2, "oid": "1.2", "value": 0},
    });
    assert_eq!(json["metrics"], expected);
    let dies = format!("/?{}", quote("uwsgi.sharedarea_wlock(0)\n__import__('os')._exit(3)"));
    let address = server.http.clone().unwrap();
    assert!(http::ask(&address, &Request::get(&dies)).is_err());
    let write = "uwsgi.sharedarea_write64(0, 0, 43), uwsgi.sharedarea_read64(0, 0)";
    let request = Request::get(&format!("/?{}", quote(write)));
    let said = until("another worker", || http::ask(&address, &request).ok().filter(|r| r.status == 200));
    assert_eq!(said.text().trim_end(), "(None, 43)");
}
