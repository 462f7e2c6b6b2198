use super::*;
use proptest::prelude::*;

/// A request of variables, and what was done to it.
#[derive(Default)]
struct World {
    variables: Vec<(Vec<u8>, Vec<u8>)>,
    done: Vec<String>,
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl RouteWorld for World {
    fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
    fn set(&mut self, name: &[u8], value: &[u8]) {
        self.variables.push((name.into(), value.into()));
    }
    fn status(&self) -> u16 {
        404
    }
    fn micros(&self) -> u64 {
        1_000_000_000_000_007
    }
    fn fact(&self, key: &[u8]) -> Vec<u8> {
        key.to_vec()
    }
    fn mime(&self, path: &[u8]) -> Vec<u8> {
        [b"type of ", path].concat()
    }
    fn look(&self, path: &[u8], is: PathIs) -> bool {
        path == b"/there" && is == PathIs::There
    }
    fn changed(&self, path: &[u8]) -> Option<i64> {
        (path == b"/there").then_some(60)
    }
    fn cached(&self, cache: &[u8], key: &[u8]) -> Option<CachedItem> {
        let expires = (cache == b"late").then_some(60);
        (key == b"there").then(|| CachedItem { value: [b"of ", cache].concat(), expires })
    }

    fn draw(&self, _: Draw) -> u64 {
        4
    }

    fn call(&mut self, words: &[Vec<u8>]) -> Option<Vec<u8>> {
        (words[0] == b"there").then(|| words.join(&b'+'))
    }

    fn metric(&self, name: &[u8]) -> Option<i64> {
        (name == b"hits").then_some(7)
    }

    fn knows(&self, file: &str, user: &[u8], password: &[u8]) -> bool {
        file == "/file" && is_password(b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", password) && user == b"bob"
    }
    fn act(&mut self, effect: RouteEffect<'_>) -> RouteFlow {
        let one_line =
            |line: &[u8]| assert!(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{line:?}");
        let said = match effect {
            RouteEffect::AddHeader(line) => {
                one_line(line);
                format!("+{}", shown(line))
            }
            RouteEffect::Answer(answer) => {
                one_line(&answer.status_text);
                assert_eq!(answer.lines.iter().filter(|b| **b == b'\n').count() as u32, answer.count);
                assert_eq!(answer.lines.iter().filter(|b| **b == b'\r').count() as u32, answer.count);
                format!("{} {}{}", shown(&answer.status_text), shown(&answer.lines), shown(&answer.body))
            }
            RouteEffect::File { path, status_text, .. } => {
                one_line(status_text);
                self.done.push(format!("file {}", shown(path)));
                return RouteFlow::Failed;
            }
            RouteEffect::ClearHeaders(status, text) => {
                one_line(text);
                format!("clear {status}")
            }
            RouteEffect::Log(line) => format!("log {}", shown(line)),
            RouteEffect::Close => "close".into(),
            other => format!("{other:?}"),
        };
        self.done.push(said);
        RouteFlow::Done
    }
}

fn table(rules: &[(&str, &str)]) -> Result<RouteTable, (usize, RouteError)> {
    let line = |(option, text): &(&str, &str)| RouteLine { option: (*option).into(), text: (*text).into() };
    RouteTable::compile(&rules.iter().map(line).collect::<Vec<_>>())
}

fn run(rules: &[(&str, &str)], variables: &[(&str, &str)]) -> World {
    let mut world = World::default();
    variables.iter().for_each(|(n, v)| world.set(n.as_bytes(), v.as_bytes()));
    for (chain, _) in RouteChain::ALL {
        table(rules).unwrap().run(chain, &mut world);
    }
    world
}

#[test]
fn a_line_break_in_a_path_ends_the_header() {
    let rules = [("route", r"^/(?s)(.*) addheader:X: $1"), ("route", "(?s)^/(.*) redirect:/$1")];
    let done = run(&rules, &[("PATH_INFO", "/a\r\nSet-Cookie: b")]).done;
    assert_eq!(done, ["+X: a", "302 Found Location: /a\r\nMoved"]);
}

#[test]
fn functions_give_what_the_original_gives() {
    let rules = [(
        "route-run",
        "log:${time[unix]} ${time[micros]} ${httptime[abc]} ${httptime[-10]} ${mime[PATH_INFO]} ${uwsgi[pid]} ${uwsgi[status]}",
    )];
    let done = run(&rules, &[("PATH_INFO", "/a.css")]).done;
    // Of "abc" each byte minus 48 at its place: 5451 seconds; of "-10": 290 back.
    let wanted = "log 1000000000 1000000000000007 Sun, 09 Sep 2001 03:17:31 GMT Sun, 09 Sep 2001 01:41:50 GMT \
                  type of /a.css pid 404";
    assert_eq!(done, [wanted]);
}

#[test]
fn what_is_no_rule_says_why() {
    for (option, text, why) in [
        ("route", "^/x", "has not the form PATTERN ACTION:ARGUMENT"),
        ("route", "^/x log", "has not the form ACTION:ARGUMENT"),
        ("route", "^/x  log:x", "there is no action \" log\""),
        ("route", "^/( log:x", "is no pattern"),
        ("route", "(?R) log:x", "is no pattern"),
        ("route", "^/x http:127.0.0.1:80", "\"http\" is not supported"),
        ("final-route-run", "gzip:", "too late"),
        ("final-route-run", "cachestore:key=a", "too late"),
        ("response-route-run", "rpc:x", "too late"),
        ("error-route-run", "harakiri:1", "too late"),
        ("route-run", "hash:items=;,key=,var=V", "items=A;B"),
        ("route-run", "hash:items=a,key=,var=V,algo=md5", "djb33x"),
        ("route-run", "rpc:", "rpc:FUNCTION"),
        ("route-run", "rpcvar:V", "rpcvar:VARIABLE FUNCTION"),
        ("route-run", "rpc:f@10.0.0.1:80 x", "uwsgi.rpc"),
        ("route-if", "exist:/x log:x", "no condition \"exist\""),
        ("route-if", "exists log:x", "CONDITION:SUBJECT"),
        ("route-run", "log:${rpc[x]}", "${rpc[...]} is not supported: write rpcvar:"),
        ("route-run", "log:${cache[x]}", "${cache[...]} is not supported: it is empty"),
        ("route-run", "basicauth:x", "REALM,USER:PASSWORD"),
        ("route-run", "addheader:Content-Length: 5", "the server says itself"),
        ("route-run", "addheader:", "Name: value"),
        ("route-run", "addvar:x", "addvar:NAME=VALUE"),
        ("route-run", "break:hello", "CODE REASON"),
        ("route-run", "file:x", "there is no \"x\""),
        ("final-route-run", "file:filename=/x", "too late"),
        ("final-route-run", "static:/x", "too late"),
        ("response-route-run", "chdir:/x", "too late"),
        ("route-else", "x", "PATTERN"),
    ] {
        let said = table(&[("route-label", "x"), (option, text)]).map(drop);
        let Err(said) = said else { panic!("{option} = {text} is fine") };
        assert!(said.0 == 1 && said.1.to_string().contains(why), "{option} = {text}: {said:?}");
    }
}

#[test]
fn patterns_are_those_of_pcre() {
    let groups = |pattern: &str, subject: &[u8]| {
        RoutePattern::compile(pattern).unwrap().groups(subject).map(|g| shown(g.get(1)))
    };
    for (pattern, subject, group) in [
        (r"^(/a)$", &b"/a\n"[..], Some("/a")),
        (r"^(/a)\z", b"/a\n", None),
        (r"([a&&b]+)", b"&&", Some("&&")),
        (r"([[a]+)", b"[a", Some("[a")),
        (r"(a{,2})", b"a{,2}", Some("a{,2}")),
        (r"(\<x\>)", b"<x>", Some("<x>")),
        (r"\Qa.\E(.)", b"a.b", Some("b")),
        (r"([\x80-\xff])", b"\xe9", Some("\u{fffd}")),
        (r"(?<!a)(b)", b"ab", None),
        (r"(.)\1", b"/xx", Some("x")),
        (r"(?=(\w+))/?", b"//word", Some("word")),
    ] {
        assert_eq!(groups(pattern, subject).as_deref(), group, "{pattern}");
    }
    // Bytes above 127 before a group of a pattern with look-around.
    let found = RoutePattern::compile("(?=x)(x+)").unwrap().groups(b"\xff\xfe\xffxx-").unwrap();
    assert_eq!(
        (found.get(0), found.get(1), found.get(2), found.get(11)),
        (&b"xx"[..], &b"xx"[..], &b""[..], &b""[..])
    );
}

#[test]
fn a_pattern_that_goes_astray_ends() {
    let pattern = RoutePattern::compile(r"^(?=(a+)+$)b|((a|aa)+)+\1c").unwrap();
    let began = std::time::Instant::now();
    assert!(!pattern.matches(&[b'a'; 3000]));
    assert!(began.elapsed().as_secs() < 20);
}

proptest! {
    /// Whatever rules and requests say: no panic, an end, and heads stay heads.
    #[test]
    fn anything_ends(
        options in prop::collection::vec((0..13usize, 0..4usize), 1..8),
        texts in prop::collection::vec("(\\^?/?[a-b.*()$\\[\\]{}?\\\\|0-9]{0,8} )?(equal:|regexp:|empty:|ipv4in:)?(a|goto:a|addheader:|addvar:a=|rewrite:|redirect:|log:|break:|return:|clearheaders:|setuser:|file:filename=|basicauth:r,)[a-b$\\{}\\[\\];/?=0-9, -]{0,16}", 8),
        path in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        const SUBJECTS: [&str; 13] = ["", "-host", "-uri", "-qs", "-remote-addr", "-user-agent", "-remote-user",
            "-referer", "-if", "-if-not", "-status", "-run", "-label"];
        let lines: Vec<RouteLine> = options
            .iter()
            .zip(&texts)
            .map(|(&(subject, chain), text)| RouteLine {
                option: format!("{}{}", RouteChain::ALL[chain].1, SUBJECTS[subject]),
                text: text.clone(),
            })
            .filter(|line| RouteTable::compile(std::slice::from_ref(line)).is_ok())
            .collect();
        let table = RouteTable::compile(&lines).unwrap();
        let mut world = World::default();
        world.set(b"PATH_INFO", &path);
        world.set(b"HTTP_AUTHORIZATION", b"Basic YTpi");
        for (chain, _) in RouteChain::ALL {
            table.run(chain, &mut world);
        }
        prop_assert!(world.done.len() <= 2 * lines.len() + 2);
    }
}

#[test]
fn items_of_caches_and_numbers_are_used_by_rules() {
    let done = |rule: &str| run(&[("route-run", rule), ("route-run", "log:on ${V}")], &[]).done.join(" | ");
    assert_eq!(
        done("cache:key=there,name=c,content_type=x/y,content_encoding=z,no_cl=1"),
        "200 OK Content-Type: x/y\r\nContent-Encoding: z\r\nof c"
    );
    assert_eq!(done("cache:key=there"), "200 OK Content-Type: text/html\r\nof ");
    assert_eq!(done("cache:key=gone,name=c"), "log on ");
    let late = done("cache:key=there,name=late");
    assert!(late.contains("\r\nExpires: Thu, 01 Jan 1970 00:01:00 GMT\r\n"), "{late}");
    assert!(done("cachestore:key=k,expires=7").starts_with("Keep { cache: [], key: [107], seconds: 7 }"));
    assert_eq!(done("cachevar:key=there,name=c,var=V"), "log on of c");
    let set = done("cacheset:key=k,value=v${metric[hits]},expires=9");
    assert!(set.starts_with("CacheSet") && set.contains("seconds: 9") && set.ends_with("log on "), "{set}");
    let math = done("cachemul:key=k,value=4,name=c");
    assert!(math.contains("Mul, n: 4") && math.ends_with("log on "), "{math}");
    assert!(done("metricdec:hits").contains("Sub, n: 1"), "no value is 1");
    let refused = |rule: &str| table(&[("route-run", rule)]).unwrap_err().1.to_string();
    for (rule, part) in [
        ("cache:name=c", "key=NAME"),
        ("cacheset:key=k", "value=TEXT"),
        ("cachevar:key=k", "var=VARIABLE"),
        ("cache:key=k,expires=x", "no number of seconds"),
        ("cache:key=k,type=x", "there is no"),
        ("cache:key=k,content_type=a\nb", "a line ends"),
        ("metricset:hits", "metricset:NAME,VALUE"),
        ("cachestore:name=c", "key=NAME"),
        ("cachewhatever:key=k", "there is no action"),
        ("metricwhatever:x", "there is no action"),
    ] {
        assert!(refused(rule).contains(part), "{rule}: {}", refused(rule));
    }
}

#[test]
fn functions_and_choices_of_rules() {
    let done = |rule: &str| {
        let rules = [("route", rule), ("route-run", "log:on ${V}")];
        run(&rules, &[("PATH_INFO", "/a"), ("QUERY_STRING", "q")]).done.join(" | ")
    };
    assert_eq!(done("^/(.) rpc:there $1  ${QUERY_STRING} $2"), "200 OK there+a+q+");
    assert_eq!((done("^/ call:gone").as_str(), done("^/ rpcret:gone").as_str()), ("close", "close"));
    assert_eq!(done("^/ rpcret:there 2"), "");
    assert_eq!(done("^/(.) rpcvar:V there <$1>"), "log on there+<a>");
    assert_eq!(done("^/ rpcvar:V gone"), "log on ");
    assert_eq!(done("^/ hash:items=x;;y;$1,key=${PATH_INFO},var=V"), "log on $1");
    assert_eq!(done("^/ hash:items=x;y;z,key=,var=V,algo=rr"), "log on y");
    assert_eq!(done("^/ harakiri:x"), "log on ");
    assert_eq!(done("^/ harakiri: 30s"), "Deadline(30) | log on ");
    assert_eq!(done("^/(.) setapp:/$1"), "App([47, 97]) | log on ");
    let table = |rule| table(&[("route-run", rule)]).unwrap();
    assert!(table("harakiri:1").sets_deadlines() && !table("gzip:").sets_deadlines());
}

#[test]
fn numbers_in_variables() {
    let done = |before: &str, rule: &str| {
        let rules = [("route", rule), ("route-run", "log:${V}")];
        run(&rules, &[("PATH_INFO", "/6"), ("V", before)]).done.join(" | ")
    };
    for (before, rule, after) in [
        ("7", "^/ +:V,3", "log 10"),
        ("7", "^/ -:V,10", "log 18446744073709551613"),
        ("7", "^/(.) *:V,$1", "log 42"),
        ("7", "^/ +:V", "log 8"),
        ("7", "^/ +:V,", "log 7"),
        ("", "^/ +:V,3", "log 3"),
        ("9223372036854775807", "^/ +:V,3", "log 9223372036854775810"),
        ("9223372036854775807", "^/ *:V,3", "log 9223372036854775805"),
        ("7", "^/ +:GONE,3", "close"),
    ] {
        assert_eq!(done(before, rule), after, "{before} {rule}");
    }
    assert!(table(&[("route", "^/ /:V,2")]).is_err() && table(&[("response-route", "^/ +:V,2")]).is_err());
}
