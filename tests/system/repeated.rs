//! Requests that resemble earlier ones: what is remembered for speed never shows in another request.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Site};

fn seen(door: &Door, request: &Request) -> Map<String, Value> {
    door.ask(request).expect(200).json()["strings"].as_object().unwrap().clone()
}

/// The variables that the client's headers became.
fn from_headers(environ: &Map<String, Value>) -> BTreeMap<String, String> {
    environ
        .iter()
        .filter(|(k, _)| k.starts_with("HTTP_X_") || *k == "HTTP_COOKIE" || *k == "CONTENT_TYPE")
        .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
        // As nginx does, the client of the uwsgi door sends CONTENT_TYPE always.
        .filter(|(k, v)| k != "CONTENT_TYPE" || !v.is_empty())
        .collect()
}

/// Headers, and what they must become.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);

#[test]
fn what_is_remembered_of_a_request_never_shows_in_another() {
    let long = "v".repeat(5000);
    let cases: &[Case<'_>] = &[
        (&[("X-A", "1"), ("X-B", "2")], &[("HTTP_X_A", "1"), ("HTTP_X_B", "2")]),
        (&[("X-A", "1"), ("X-B", "3")], &[("HTTP_X_A", "1"), ("HTTP_X_B", "3")]),
        (&[("X-A", "1")], &[("HTTP_X_A", "1")]),
        (&[], &[]),
        (&[("X-B", "2"), ("X-A", "1")], &[("HTTP_X_A", "1"), ("HTTP_X_B", "2")]),
        (&[("X-A", ""), ("X-B", "2")], &[("HTTP_X_A", ""), ("HTTP_X_B", "2")]),
        (&[("X-A", &long), ("X-B", "2")], &[("HTTP_X_A", &long), ("HTTP_X_B", "2")]),
        (&[("X-A", "1"), ("X-A", "2")], &[("HTTP_X_A", "1, 2")]),
        (&[("x-a", "1"), ("X-A", "2")], &[("HTTP_X_A", "1, 2")]),
        (&[("Cookie", "a=1"), ("Cookie", "b=2")], &[("HTTP_COOKIE", "a=1; b=2")]),
        (&[("Cookie", "a=1")], &[("HTTP_COOKIE", "a=1")]),
        (&[("Content-Type", "a/b")], &[("CONTENT_TYPE", "a/b")]),
    ];
    let server = Site::probe().start();
    for door in server.doors() {
        // Each case many times in a row, so that it is remembered; then all of them in turns.
        for round in 0..40 {
            for (i, (headers, want)) in cases.iter().enumerate() {
                for _ in 0..if round == 0 { 4 } else { 1 + (round * 7 + i) % 3 } {
                    let request = headers
                        .iter()
                        .fold(Request::get(&format!("/environ?{round}-{i}")), |r, (n, v)| r.header(n, v));
                    let environ = seen(&door, &request);
                    let want = want.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
                    assert_eq!(from_headers(&environ), want, "round {round}, case {i}");
                    assert_eq!(environ["QUERY_STRING"], format!("{round}-{i}"));
                }
            }
        }
    }
}

#[test]
fn what_an_application_puts_into_its_environ_is_gone_with_the_request() {
    let server = Site::probe().start();
    for door in server.doors() {
        for _ in 0..10 {
            let found = door.get("/scribble").expect(200).json();
            assert_eq!(found, serde_json::json!({"before": null, "path": "/scribble", "input": "Input"}));
        }
    }
}

#[test]
fn an_answer_is_what_this_request_said() {
    let server = Site::probe().start();
    for door in server.doors() {
        for i in 0..60 {
            // The same list object each time, and the same strings; only now and then another value.
            let value = if i % 7 == 3 { "other" } else { "same" };
            let reply = door.get(&format!("/constant?value={value}")).expect(200);
            assert_eq!(reply.all("X-Constant"), [value], "request {i}");
            assert_eq!(reply.all("X-First"), ["1"], "request {i}");
            assert_eq!(reply.text(), value);
        }
    }
}

#[test]
fn start_response_takes_its_arguments_by_name_and_refuses_others() {
    let server = Site::probe().start();
    for door in server.doors() {
        let reply = door.get("/named").expect(200);
        assert_eq!(reply.header("X-Named"), Some("yes"));
        let errors = reply.json();
        for (call, part) in [
            ("none", "status"),
            ("one", "headers"),
            ("four", "4"),
            ("unknown", "reason"),
            ("twice", "status"),
        ] {
            let error = errors[call].as_str().unwrap();
            assert!(error.contains("TypeError") && error.contains(part), "{call}: {error}");
        }
    }
}
