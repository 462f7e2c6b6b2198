//! log-format with every variable, log-date, and which requests get a line. What holds for the original
//! holds here: these tests pass on uWSGI 2.0.31 too (USWGI_TEST_SERVER), but for the escapes.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};
use uswgi_tests::{Request, Server, Site, packet, paths, until};

/// Every variable as `name=<value>`.
const NAMES: [&str; 44] = [
    "uri",
    "method",
    "user",
    "addr",
    "host",
    "proto",
    "uagent",
    "referer",
    "status",
    "rsize",
    "hsize",
    "size",
    "cl",
    "micros",
    "msecs",
    "secs",
    "tmsecs",
    "tmicros",
    "time",
    "ltime",
    "ftime",
    "ctime",
    "epoch",
    "pid",
    "wid",
    "switches",
    "vars",
    "core",
    "vsz",
    "rss",
    "vszM",
    "rssM",
    "pktsize",
    "modifier1",
    "modifier2",
    "headers",
    "werr",
    "rerr",
    "ioerr",
    "var.HTTP_X_A",
    "var.QUERY_STRING",
    "var.NOPE",
    "unknown",
    "metric.x.y",
];

fn values(server: &Server, mark: &str) -> HashMap<String, String> {
    let line = until(mark, || server.log().lines().find(|l| l.contains(mark)).map(String::from));
    line.split('|').filter_map(|part| part.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}

#[test]
fn every_variable_has_its_value() {
    let format: Vec<String> = NAMES.iter().map(|n| format!("{n}=%({n})")).collect();
    let server = Site::probe().option("log-format", format!("|{}|", format.join("|"))).start();
    for (i, door) in server.doors().into_iter().enumerate() {
        let mark = format!("mark={i}");
        let request = Request::post(&format!("/hello?{mark}"), "body!")
            .header("User-Agent", "agent/1")
            .header("Referer", "http://ref/")
            .header("X-A", "val");
        door.ask(&request).expect(200);
        let seen = values(&server, &mark);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let is = |name: &str, want: &str| assert_eq!(seen[name], want, "{name} of {seen:?}");
        is("uri", &format!("/hello?{mark}"));
        is("method", "POST");
        is("user", "-");
        is("addr", "127.0.0.1");
        is("proto", "HTTP/1.1");
        is("uagent", "agent/1");
        is("referer", "http://ref/");
        is("status", "200");
        is("rsize", "5");
        is("cl", "5");
        is("wid", "1");
        is("core", "0");
        is("switches", "1");
        is("headers", "2");
        for name in ["modifier1", "modifier2", "werr", "rerr", "ioerr"] {
            is(name, "0");
        }
        is("var.HTTP_X_A", "val");
        is("var.QUERY_STRING", &mark);
        is("var.NOPE", "-");
        is("unknown", "-");
        let number = |name: &str| seen[name].parse::<u64>().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(number("size"), number("hsize") + 5);
        assert!(number("vars") >= 10 && number("pktsize") > 50, "{seen:?}");
        assert!(number("msecs") <= number("micros") / 1000);
        let (whole, part) = seen["secs"].split_once('.').expect("seconds with a point");
        assert_eq!(part.len(), 6);
        assert_eq!(format!("{}", number("micros")), format!("{whole}{part}").trim_start_matches('0'));
        for (name, unit) in [("time", 1), ("epoch", 1), ("tmsecs", 1000), ("tmicros", 1_000_000)] {
            assert!(now.abs_diff(number(name) / unit) < 60, "{name}: {seen:?}");
        }
        assert_eq!(seen["ltime"], seen["ftime"]);
        // dd/Mon/yyyy:HH:MM:SS +zzzz
        assert_eq!((seen["ltime"].len(), seen["ltime"].matches(':').count()), (26, 3), "{seen:?}");
        assert!(seen["ctime"].ends_with(&seen["ltime"][7..11]), "{seen:?}");
    }
}

#[test]
fn log_date_stamps_messages_and_ftime_only() {
    let server = Site::probe()
        .option("log-date", "[%%Y at %%H]")
        .option("logformat-strftime", "true")
        .option("log-format", "%(uri) at %(ftime) %(ltime)")
        .start();
    server.get("/hello").expect(200);
    let log = server.wait_log("/hello at [20");
    let line = log.lines().find(|l| l.contains("/hello at")).unwrap();
    assert!(line.starts_with("/hello at [20") && line.contains("] ") && line.contains(" +"), "{line}");
    assert!(log.lines().any(|l| l.starts_with("[20") && l.contains("] - ")), "{log}");

    let server = Site::probe().option("log-date", "true").start();
    server.get("/hello").expect(200);
    let log = server.wait_log("GET /hello");
    assert!(log.lines().any(|l| l.starts_with("[pid: ") && l.contains("GET /hello")), "{log}");
    // Www Mmm dd hh:mm:ss yyyy - text
    let dated = |l: &str| l.get(24..27) == Some(" - ") && l.as_bytes()[13] == b':';
    assert!(log.lines().any(dated), "{log}");
}

/// Requests that are logged beside disable-logging with one more option.
fn logged(option: &str, value: &str) -> Vec<String> {
    let server = Site::probe()
        .option("disable-logging", "true")
        .option(option, value)
        .option("static-map", format!("/files={}", paths::root().join("tests/apps").display()))
        .option("log-format", "line: %(uri)")
        .start();
    let door = server.door();
    door.get("/hello").expect(200);
    door.get("/nowhere").expect(404);
    door.get("/status?line=503%20Busy&n=3").expect(503);
    door.get("/sleep?s=0.3").expect(200);
    door.get("/status?line=200%20OK&n=9000").expect(200);
    door.get("/status?line=200%20OK").expect(200);
    door.get("/files/flask_app.py").expect(200);
    // One worker with one thread: whatever was to be written before this exception was.
    let _ = door.try_ask(&Request::get("/raise_before"));
    let log = server.wait_log("before start_response, on purpose");
    let lines = log.lines().filter_map(|l| l.strip_prefix("line: "));
    // The original answers an exception with nothing, we with 500.
    lines.filter(|l| *l != "/raise_before").map(String::from).collect()
}

#[test]
fn each_option_logs_its_requests() {
    assert_eq!(logged("log-4xx", "true"), ["/nowhere"]);
    assert_eq!(logged("log-slow", "200"), ["/sleep?s=0.3"]);
    assert_eq!(logged("log-big", "8000"), ["/status?line=200%20OK&n=9000"]);
    assert_eq!(logged("log-zero", "true"), ["/status?line=200%20OK"]);
    assert_eq!(logged("log-sendfile", "true"), ["/files/flask_app.py"]);
    assert_eq!(logged("log-5xx", "true"), ["/status?line=503%20Busy&n=3"]);
}

#[test]
fn log_ioerror_logs_who_left_and_log_micros_how_long_it_took() {
    let site = Site::probe().option("disable-logging", "true").option("log-ioerror", "true");
    let server = site.option("log-micros", "true").start();
    for door in server.doors() {
        door.get("/hello").expect(200);
    }
    // More than is kept for a slow reader, so it is known within the request.
    for (n, door) in server.doors().iter().enumerate() {
        drop(door.sent(&Request::get(&format!("/stream?mb=8&door={n}"))));
        let log = server.wait_log(&format!("door={n} => generated"));
        let line = log.lines().find(|l| l.contains(&format!("door={n}"))).unwrap();
        assert!(line.contains(" micros ("), "{line}");
        assert!(!log.contains("/hello"), "{log}");
    }
}

#[test]
fn no_value_breaks_a_json_format() {
    let format =
        r#"{"uri":"%(uri)","agent":"%(uagent)","a":"%(var.HTTP_X_A)","status":%(status),"ms":%(msecs)}"#;
    let server = Site::probe().option("log-format", format).start();
    let hostile: &[u8] = b"a\"b\\c\nd\r\x00\x1b[2J\xff\xfe caf\xc3\xa9 \xe2\x80\xa8 {\"status\":1}";
    let vars = [
        ("REQUEST_METHOD", b"GET".as_slice()),
        ("REQUEST_URI", b"/hello\"}\n{\"forged\":\"1"),
        ("PATH_INFO", b"/hello"),
        ("SERVER_PROTOCOL", b"HTTP/1.1"),
        ("HTTP_USER_AGENT", hostile),
        ("HTTP_X_A", hostile),
    ];
    let vars: Vec<_> = vars.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.to_vec())).collect();
    packet::raw(server.uwsgi.as_ref().unwrap(), &packet::packet(&vars)).unwrap();
    let log = server.wait_log("forged");
    let line = log.lines().find(|l| l.contains("forged")).unwrap();
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!(value["uri"], "/hello\"}\n{\"forged\":\"1");
    assert_eq!(value["status"], 200);
    assert!(value["agent"].as_str().unwrap().contains("caf\u{e9} \u{2028} {\"status\":1}"), "{line}");
    assert_eq!(value["agent"], value["a"]);
}
