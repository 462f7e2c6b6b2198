//! Tests of resolution: values, defaults, refusals.

use crate::instance::{Address, Instance, OnTerm};
use crate::load::{Invocation, LoadError, load};
use crate::options::{self, Kind, Status};
use std::ffi::OsString;
use uswgi_proto::settings::{AppSource, Protocol};

pub(super) fn load_args(args: &[&str]) -> Result<(Instance, Vec<String>), LoadError> {
    let args: Vec<OsString> = args.iter().map(Into::into).collect();
    match load(&args, std::iter::empty())? {
        Invocation::Run(l) => Ok((l.instance, l.warnings.iter().map(ToString::to_string).collect())),
        Invocation::Print { text, .. } => panic!("printed {text}"),
    }
}

pub(super) fn base<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["--http-socket", ":8000", "--module", "app"], more].concat()
}

pub(super) fn instance(more: &[&str]) -> Instance {
    load_args(&base(more)).unwrap().0
}

pub(super) fn error(more: &[&str]) -> String {
    load_args(&base(more)).unwrap_err().to_string()
}

#[test]
fn defaults_are_those_of_the_design() {
    let i = instance(&[]);
    assert_eq!((i.workers, i.threads, i.listen, i.mercy), (1, 1, 100, 60));
    assert_eq!(
        (i.limits.buffer_size, i.recycling.min_worker_lifetime, i.harakiri.seconds, i.harakiri.grace),
        (65535, 10, 0, 2)
    );
    assert!(i.app.need_app && i.on_term == OnTerm::Stop && i.app.callable == "application" && !i.vacuum);
    assert_eq!(i.sockets[0].protocol, Protocol::Http);
    assert_eq!(i.sockets[0].address, Address::Tcp { host: String::new(), port: 8000 });
    assert_eq!(i.app.apps[0].source, AppSource::Module("app".into()));
    assert_eq!(instance(&["--die-on-term=false"]).on_term, OnTerm::Reload);
    assert_eq!(instance(&["--reload-mercy", "10"]).mercy, 10);
    assert_eq!(instance(&["--worker-reload-mercy", "5", "--reload-mercy", "10"]).mercy, 5);
    assert_eq!(instance(&["--worker-reload-mercy", "5", "--reload-mercy", "0"]).mercy, 5);
    assert_eq!(instance(&["--reload-mercy", "0"]).mercy, 1, "time to leave");
}

#[test]
fn socket_follows_protocol_wherever_it_stands() {
    let i = instance(&["--socket", "a.sock", "--protocol", "http", "--uwsgi-socket", "b.sock"]);
    let protocols: Vec<_> = i.sockets.iter().map(|s| s.protocol).collect();
    assert_eq!(protocols, [Protocol::Http, Protocol::Http, Protocol::Uwsgi]);
}

#[test]
fn numbers_are_read_as_uwsgi_reads_them_and_doubts_are_said() {
    let (i, said) =
        load_args(&base(&["-p", "4 ; four", "--limit-as", "512M", "--harakiri", "true"])).unwrap();
    assert_eq!((i.workers, i.limit_as, i.harakiri.seconds), (4, 512 << 20, 0));
    assert_eq!(said.len(), 3, "{said:?}");
    for bad in ["0", "abc", "-1", "", "0x10"] {
        assert!(error(&["-p", bad]).contains("processes"), "{bad}");
    }
    assert!(instance(&["-p", "auto"]).workers >= 1);
}

#[test]
fn what_cannot_work_is_refused_with_a_way_out() {
    for (args, want) in [
        (&["--socket", "unix:/run/a.sock"][..], "write /run/a.sock"),
        (&["--socket", "127.0.0.1:abc"], "port"),
        (&["--protocol", "puwsgi"], "uwsgi, http, scgi"),
        (&["--chmod-socket=0666"], "660"),
        (&["--mount", "nothing"], "/path=app.py"),
        (&["--subscribe-to", "10.0.0.1:4040"], "nginx"),
        (&["--loop", "x"], "gevent = N"),
        (&["--gevent", "100", "--threads", "2"], "remove `threads`"),
        (&["--route", "x"], "PATTERN ACTION:ARGUMENT"),
        (&["--max-worker-lifetime", "5"], "min-worker-lifetime"),
        (&["--add-header", "x"], "Name: value"),
        (&["--logger", "redislog"], "file:PATH"),
    ] {
        let said = error(args);
        assert!(said.contains(want), "{args:?}: {said}");
    }
    let ways = "unshare:unshare(1) unshare2:PrivateMounts= cap:AmbientCapabilities= cgroup:MemoryMax= setns:nsenter(1) \
         setns-socket:nsenter(1) pivot-root:RootDirectory= namespace:RootDirectory= mount-asap:BindPaths= \
         umount-as-root:BindPaths= check-cache:cache:key= cache-store:redis reload-on-fd:touch-reload puwsgi-socket:socket";
    for (option, way) in ways.split_whitespace().map(|w| w.split_once(':').unwrap()) {
        let said = error(&[&format!("--set={option}=x")]);
        assert!(said.contains(way), "{option}: {said}");
    }
    let (_, said) = load_args(&base(&["--subscribe-to", "x", "--allow-unsupported"])).unwrap();
    assert_eq!(said.len(), 1);
    assert!(load_args(&base(&["--puwsgi-socket", ":1"])).is_err());
    assert!(load_args(&base(&["--async", "0"])).unwrap().1.is_empty());
}

#[test]
fn a_value_that_does_not_count_is_at_most_a_warning() {
    let i = instance(&["--set=processes=x", "--set=workers=4", "--set=pythonpath=", "--set=logger=file"]);
    assert_eq!((i.workers, i.app.pythonpath.len()), (4, 0));
    assert!(error(&["--set=workers=4", "--set=processes=x"]).contains("at least one worker"));
    assert!(error(&["--set=uid="]).contains("uid needs a value"), "nobody stays root by mistake");
    let nothing =
        ["--profiler=true", "-c", "--skip-atexit", "--never-swap", "--pcre-jit", "--wsgi-accept-buffer"];
    assert_eq!(instance(&nothing).workers, 1);
    assert_eq!(
        instance(&["--reload-on-exception", "--exit-on-reload", "--py-tracebacker=/tmp/tb"]).workers,
        1
    );
}

#[test]
fn an_emperor_needs_no_socket_and_no_app() {
    let (i, _) =
        load_args(&["--emperor=/etc/uwsgi/vassals", "--emperor=dir:///srv/v", "--vassal-set=a=b"]).unwrap();
    assert_eq!(i.emperor.monitors, ["/etc/uwsgi/vassals", "dir:///srv/v"]);
    assert!(i.emperor.is_wanted() && i.sockets.is_empty());
    assert_eq!(
        (i.emperor.set, i.emperor.throttle, i.emperor.max_throttle),
        (vec!["a=b".into()], 1000, 180_000)
    );
    let said = load_args(&["--emperor=pg://dbname=x"]).unwrap_err().to_string();
    assert!(
        said.contains("emperor = pg://dbname=x is not supported") && said.contains("into a folder"),
        "{said}"
    );
}

#[test]
fn what_happens_anyway_needs_no_word() {
    let quiet = |more: &[&str]| load_args(&base(more)).unwrap().1;
    assert!(quiet(&["--log-5xx", "--log-slow", "100"]).is_empty());
    let (instance, said) = load_args(&base(&["--log-5xx", "--log-slow", "100", "-L"])).unwrap();
    assert!(
        said.is_empty()
            && instance.request_log.always.server_errors
            && instance.request_log.always.slow_ms == 100
    );
    assert!(quiet(&["--hook-master-start", "unix_signal:15 gracefully_kill_them_all"]).is_empty());
    assert!(quiet(&["--set", "need-plugin=python3"]).is_empty());
    assert_eq!(quiet(&["--set", "need-plugin=php"]).len(), 1);
    // What these plugins of uWSGI are for works here.
    assert!(
        quiet(&["--set", "plugins=python3,syslog,rsyslog,logsocket,logfile,cheaper_busyness,cache,http"])
            .is_empty()
    );
    assert!(quiet(&["--check-static", "/a"]).is_empty());
    assert!(quiet(&["--check-static", "/a", "--check-static", "/b"]).is_empty());
}

#[test]
fn an_instance_needs_a_socket_and_an_app() {
    let said = load_args(&[]).unwrap_err().to_string();
    assert!(said.contains("socket = ") && said.contains("module = "), "{said}");
    assert!(load_args(&["--http-socket", ":1"]).is_err());
    let args: Vec<OsString> =
        ["--http-socket", ":1", "--set", "need-app=false"].iter().map(Into::into).collect();
    assert!(load(&args, std::iter::empty()).is_ok());
}

#[test]
fn apps_are_told_apart() {
    let i = instance(&["--wsgi-file", "w.py", "--mount", "/a/=b.py", "--mount", "c=m:d", "--mount", "/=m:e"]);
    let apps: Vec<_> = i.app.apps.iter().map(|a| (a.mountpoint.as_str(), &a.source)).collect();
    let module = |m: &str| AppSource::Module(m.into());
    assert_eq!(
        apps,
        [
            ("", &module("app")),
            ("", &AppSource::File("w.py".into())),
            ("/a", &AppSource::File("b.py".into())),
            ("/c", &module("m:d")),
            ("", &module("m:e")),
        ]
    );
}

#[test]
fn daemons_jobs_and_steps() {
    let i = instance(&[
        "--chdir",
        "/srv",
        "--attach-daemon",
        "celery worker",
        "--smart-attach-daemon",
        "r.pid,4 redis --daemon",
        "--smart-attach-daemon2",
        "/run/x.pid x",
        "--attach-daemon2",
        "cmd=a \\, b,stopsignal=2,reloadsignal=1,touch=t;/u,uid=nobody,control=1,max_throttle=7",
        "--cron",
        "0 -6 1 -1 7  make it",
        "--unique-cron",
        "-1 -1 -1 -1 -1 often",
        "--cron2",
        "minute=30,hour=3,unique=1,harakiri=9 backup --all",
        "--cron2",
        "plain",
        "--cron-harakiri",
        "5",
    ]);
    let [a, s, s2, a2] = &i.tasks.daemons[..] else { panic!("{:?}", i.tasks) };
    assert_eq!((a.command.as_str(), a.pidfile.as_deref(), a.stop_signal), ("celery worker", None, 15));
    assert_eq!((s.command.as_str(), s.freq, s.daemonize), ("redis --daemon", 4, false));
    assert_eq!(s.pidfile.as_deref(), Some(std::path::Path::new("/srv/r.pid")));
    assert!(
        s2.daemonize && s2.freq == 10 && s2.pidfile.as_deref() == Some(std::path::Path::new("/run/x.pid"))
    );
    assert_eq!((a2.command.as_str(), a2.stop_signal, a2.reload_signal), ("a , b", 2, Some(1)));
    assert_eq!(a2.touch, [std::path::Path::new("/srv/t"), std::path::Path::new("/u")]);
    assert!(a2.control && a2.max_throttle == 7 && a2.uid.as_deref() == Some("nobody"));
    let jobs: Vec<_> = i.tasks.jobs.iter().map(|j| (j.command.as_str(), j.unique, j.harakiri)).collect();
    assert_eq!(
        jobs,
        [("make it", false, 5), ("often", true, 5), ("backup --all", true, 9), ("plain", false, 5)]
    );
    let s = i.tasks.jobs[0].schedule;
    assert_eq!((s.minute, s.hour, s.day, s.month, s.week), (0, -6, 1, -1, 7));
    assert_eq!(i.tasks.mercy, 3);
    assert_eq!(instance(&["--reload-mercy", "9"]).tasks.mercy, 9);
    for (option, value, want) in [
        ("--smart-attach-daemon", "/run/x.pid", "there is no command"),
        ("--attach-daemon2", "freq=3", "there is no command"),
        ("--attach-daemon2", "cmd=x,stopsignal=TERM", "numbers from 1 to 64"),
        ("--attach-daemon2", "cmd=x,ns_pid=1", "ns_pid is not supported"),
        ("--cron", "* * * * * x", "is no number"),
        ("--cron", "-1 -1 -1 -1 -1", "there is no command"),
        ("--cron2", "legion=a x", "legion"),
        ("--legion-cron", "x -1 -1 -1 -1 -1 y", "not supported"),
        ("--legion-attach-daemon", "x", "not supported"),
    ] {
        let said = error(&[option, value]);
        assert!(said.contains(want), "{option} {value}: {said}");
    }
    let said =
        load_args(&base(&["--cron", "61 -1 -1 -1 -1 x", "--attach-daemon2", "cmd=x,bogus=1"])).unwrap().1;
    assert!(said.len() == 2 && said[0].contains("never due") && said[1].contains("bogus"), "{said:?}");
}

#[test]
fn steps_of_phases() {
    use uswgi_proto::step::Act;
    let i = instance(&[
        "--exec-asap",
        "first",
        "--hook-asap",
        "mkdir:/run/x",
        "--hook-asap",
        "!exec:secret",
        "--exec-pre-app",
        "migrate",
        "--hook-in-jail",
        "mkdir:/run/y",
        "--exec-pre-jail",
        "before",
        "--hook-pre-jail",
        "chmod:/f 4755",
        "--hook-as-user",
        "appendn:/f some text",
        "--hook-master-start",
        "unix_signal:15 grace_them_all",
    ]);
    let p = &i.tasks.phases;
    let names: Vec<&str> = p.asap.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["hook-asap = mkdir:/run/x", "hook-asap (private)", "exec-asap = first"]);
    assert_eq!(p.pre_app[0].act, Act::Exec("migrate".into()));
    // Hooks, then commands, of pre-jail and then of in-jail.
    assert_eq!(p.jail[0].act, Act::Chmod("/f".into(), 0o4755));
    assert_eq!((p.jail[1].name.as_str(), p.jail.len()), ("exec-pre-jail = before", 3));
    assert_eq!(p.as_user[0].act, Act::Write("/f".into(), "some text\n".into(), true));
    assert_eq!(i.on_term, OnTerm::Reload);
    let stop =
        ["--hook-master-start", "unix_signal:15 gracefully_kill_them_all", "--set", "die-on-term=false"];
    assert_eq!(instance(&stop).on_term, OnTerm::Stop);
    for (option, value, want) in [
        ("--hook-as-user", "bogus:1", "the actions are exec"),
        ("--hook-as-root", "mount:tmpfs x /y", "/etc/fstab"),
        ("--hook-as-user", "nocolon", "action:arguments"),
        ("--hook-as-user", "chmod:/f", "chmod:FILE 640"),
        ("--hook-as-user", "unix_signal:15 gracefully_kill_them_all", "hook-master-start"),
        ("--hook-master-start", "unix_signal:10 gracefully_kill_them_all", "uswgi-ctl"),
        ("--hook-master-start", "unix_signal:15 my_function", "the functions are"),
        ("--hook-as-mule", "exec:x", "not supported"),
        ("--hook-touch", "/f bogus:x", "the actions are exec"),
        ("--hook-touch", "/f x", "action:arguments"),
        ("--hook-touch", "/f", "nothing follows"),
        ("--hook-touch", "/f cd:/", "not supported in this phase"),
        ("--hook-touch", "/f unix_signal:15 gracefully_kill_them_all", "hook-master-start"),
        ("--touch-exec", "/f", "nothing follows"),
        ("--touch-signal", "/f", "there are no two words"),
        ("--signal-timer", "300 1", "these are no signal"),
        ("--touch-signal", "/f x", "is no signal"),
        ("--exec-post-jail", "x", "not supported"),
        ("--exec-post-jail", "x", "exec-as-root"),
    ] {
        let said = error(&[option, value]);
        assert!(said.contains(want), "{option} {value}: {said}");
    }
}

#[test]
fn files_whose_change_runs_something() {
    use uswgi_proto::step::Act;
    let i = instance(&[
        "--chdir",
        "/srv",
        "--touch-exec",
        "/run/a  echo  one",
        "--hook-touch",
        "b !exec:secret",
        "--hook-touch",
        "/run/a writen:/run/x two words",
    ]);
    let all: Vec<_> = i.tasks.touched.iter().map(|t| (t.path.to_str().unwrap(), &t.step.act)).collect();
    assert_eq!(
        all,
        [
            ("/run/a", &Act::Exec("echo  one".into())),
            ("/srv/b", &Act::Exec("secret".into())),
            ("/run/a", &Act::Write("/run/x".into(), "two words\n".into(), false)),
        ]
    );
    assert_eq!(i.tasks.touched[1].step.name, "hook-touch (private)");
    let shown = crate::show::effective(&i);
    assert!(shown.contains(&("touch-exec", "/run/a  echo  one".to_string())), "{shown:?}");
}

#[test]
fn every_supported_option_has_an_arm() {
    let language = |k| {
        matches!(
            k,
            Kind::Config
                | Kind::Set
                | Kind::Declare
                | Kind::Resolve
                | Kind::Logic
                | Kind::End
                | Kind::Clear
                | Kind::Print
                | Kind::Exit
        )
    };
    let place = crate::place::Place::of(&crate::place::Source::root("test"));
    for row in options::rows().filter(|r| r.status == Status::Supported && !language(r.fact.kind)) {
        let name = row.fact.name;
        if matches!(
            name,
            "strict"
                | "blacklist"
                | "whitelist"
                | "inject-before"
                | "inject-after"
                | "get"
                | "help"
                | "usage"
        ) {
            continue;
        }
        let a = crate::expand::Applied { fact: row.fact, value: Some(b"1".to_vec()), place: place.clone() };
        assert!(super::settings::set(&mut Default::default(), &a), "{name} is called supported");
    }
}

#[test]
fn each_protocol_has_its_time() {
    let times = |more: &[&str]| {
        let i = instance(more);
        (i.timeouts.socket, i.timeouts.http, i.timeouts.keepalive)
    };
    assert_eq!(times(&[]), (30, 30, 5));
    assert_eq!(times(&["--socket-timeout", "10"]), (10, 10, 5));
    assert_eq!(times(&["--http-timeout", "3"]), (30, 3, 5));
    assert_eq!(times(&["--socket-timeout", "10", "--http-timeout", "3"]), (10, 3, 5));
    // A switch, off and on, or seconds.
    assert_eq!(times(&["--http-keepalive=0"]), (30, 30, 0));
    assert_eq!(times(&["--http-keepalive"]), (30, 30, 60));
    assert_eq!(times(&["--http-keepalive=1", "--http-timeout", "7"]), (30, 7, 7));
    assert_eq!(times(&["--http-keepalive=20", "--http-timeout", "7"]), (30, 7, 20));
    let (zero, said) = load_args(&base(&["--socket-timeout", "0"])).unwrap();
    assert!(zero.timeouts.socket == 30 && said.iter().any(|w| w.contains("socket-timeout")), "{said:?}");
}

/// On uWSGI what tunes a router, the Legion or subscriptions does nothing alone (tried on 2.0.31: no process more, and the
/// same answers). Ten errors for one line that is not supported hid the others.
#[test]
fn what_tunes_a_refused_part_adds_no_error() {
    let tuned = ["--fastrouter-timeout", "3", "--fastrouter-use-pattern", "3", "--rawrouter-quiet", "3"];
    let more = ["--legion-freq", "3", "--subscribe-freq", "3", "--carbon-freq", "3"];
    let errors = |refused: &[&str]| {
        let all = [&tuned[..], &more, refused].concat();
        load_args(&base(&all)).map_or_else(|e| e.to_string().matches("is not supported").count(), |_| 0)
    };
    assert_eq!((errors(&[]), errors(&["--fastrouter", ":2"])), (0, 1));
}
