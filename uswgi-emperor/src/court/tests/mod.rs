use super::*;
use crate::files::Owner;
use crate::files::tests::found;

struct World {
    court: Court,
    now: Now,
    pid: i32,
    said: Vec<String>,
    signals: Vec<(i32, i32)>,
    ended: Vec<String>,
    doors: Vec<String>,
}

impl World {
    fn new(concurrency: usize) -> World {
        let throttle = Duration::from_secs(1);
        let rules = CourtRules {
            concurrency,
            throttle,
            max_throttle: Duration::from_secs(180),
            heartbeat: Duration::from_secs(30),
        };
        let now = Now { at: Instant::now(), wall: 1000 };
        World {
            court: Court::new(rules),
            now,
            pid: 100,
            said: vec![],
            signals: vec![],
            ended: vec![],
            doors: vec![],
        }
    }

    /// An event, and starts that are carried out at once.
    fn on(&mut self, event: Event) -> &mut World {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.court.handle(event, self.now) {
                match action {
                    Action::Start(id) => {
                        self.pid += 1;
                        events.push(Event::Started(id, self.pid));
                    }
                    Action::Listen(id) => self.doors.push(format!("+{}", shown(&id))),
                    Action::Deaf(id) => self.doors.push(format!("-{}", shown(&id))),
                    Action::Signal(pid, signal) => self.signals.push((pid, signal)),
                    Action::Ended(id, _) => self.ended.push(shown(&id)),
                    Action::Say(text) => self.said.push(text),
                }
            }
        }
        self
    }

    fn add(&mut self, id: &str) -> &mut World {
        self.on(Event::Added(Box::new(found(id, 1, 5)), None))
    }

    fn touch(&mut self, id: &str) -> &mut World {
        self.on(Event::Touched(Box::new(found(id, 1, 6))))
    }

    fn serves(&mut self, id: &str) -> &mut World {
        let pid = self.pid_of(id);
        self.on(Event::Seen(pid, Seen { serves: true, ..Seen::default() }))
    }

    fn dies(&mut self, id: &str) -> &mut World {
        let pid = self.pid_of(id);
        self.on(Event::Ended(pid, "exit code 1".into(), false))
    }

    fn pid_of(&self, id: &str) -> i32 {
        self.court.get(&id.into()).and_then(|v| v.pid).unwrap_or_else(|| panic!("{id} has no pid"))
    }

    fn stage(&self, id: &str) -> &'static str {
        self.court.get(&id.into()).map_or("none", Vassal::stage_name)
    }

    fn pass(&mut self, seconds: u64) -> &mut World {
        self.now.at += Duration::from_secs(seconds);
        self.now.wall += seconds as i64;
        self.on(Event::Tick)
    }

    fn signals(&mut self) -> Vec<(i32, i32)> {
        std::mem::take(&mut self.signals)
    }
}

#[test]
fn a_vassal_starts_serves_reloads_and_leaves_with_its_file() {
    let mut w = World::new(2);
    w.add("a");
    assert_eq!((w.stage("a"), w.pid_of("a")), ("starting", 101));
    w.serves("a").touch("a");
    assert_eq!(w.signals(), [(101, libc::SIGHUP)]);
    w.on(Event::Seen(101, Seen { serves: true, reloads: true, ..Seen::default() }));
    assert_eq!(w.stage("a"), "reloading");
    w.on(Event::Seen(101, Seen { serves: true, done: 1, reason: "no module x".into(), ..Seen::default() }));
    assert_eq!(w.stage("a"), "serving");
    assert!(w.said.last().unwrap().ends_with("serves on as before: no module x"), "{:?}", w.said);
    assert_eq!(w.court.get(&"a".into()).unwrap().problem, "no module x");
    w.touch("a").on(Event::Seen(101, Seen { serves: true, done: 2, well: true, ..Seen::default() }));
    assert_eq!(w.court.get(&"a".into()).unwrap().problem, "");
    w.signals();
    w.on(Event::Removed("a".into()));
    assert_eq!(w.signals(), [(101, libc::SIGINT), (101, libc::SIGCONT)]);
    assert_eq!(w.stage("a"), "stopping");
    w.dies("a");
    assert_eq!((w.stage("a"), w.ended.as_slice()), ("none", ["a".to_string()].as_slice()));
}

#[test]
fn one_that_fails_waits_alone_and_a_touch_tries_at_once() {
    let mut w = World::new(2);
    w.add("bad").dies("bad");
    assert_eq!(w.stage("bad"), "waiting");
    assert_eq!(w.court.deadline(), Some(w.now.at + Duration::from_secs(1)));
    w.pass(1).dies("bad").pass(1);
    assert_eq!(w.stage("bad"), "waiting", "two seconds");
    w.add("good").serves("good");
    assert_eq!(w.stage("good"), "serving");
    w.touch("bad");
    assert_eq!(w.stage("bad"), "starting");
    // A touch while it starts is not lost, whether it fails or serves.
    w.touch("bad").dies("bad");
    assert_eq!(w.stage("bad"), "starting");
    w.touch("bad").serves("bad");
    let pid = w.pid_of("bad");
    assert_eq!(w.signals(), [(pid, libc::SIGHUP)]);
    for _ in 0..30 {
        w.dies("bad");
        if w.stage("bad") == "waiting" {
            w.pass(180);
        }
    }
    assert!(w.court.get(&"bad".into()).unwrap().failures() > 10);
    assert_eq!(w.stage("bad"), "starting", "never more than three minutes");
}

#[test]
fn who_is_killed_starts_again_at_once() {
    let mut w = World::new(1);
    w.add("a").serves("a").pass(60).dies("a");
    assert_eq!((w.stage("a"), w.pid_of("a")), ("starting", 102));
    assert_eq!(w.court.get(&"a".into()).unwrap().respawns, 1);
}

#[test]
fn so_many_start_at_a_time_in_their_order() {
    let mut w = World::new(2);
    for id in ["a", "b", "c", "d"] {
        w.add(id);
    }
    assert_eq!(["a", "b", "c", "d"].map(|id| w.stage(id)), ["starting", "starting", "queued", "queued"]);
    w.serves("b");
    assert_eq!(["c", "d"].map(|id| w.stage(id)), ["starting", "queued"]);
    // A bad one holds its place for a while, and no longer.
    assert_eq!(w.court.deadline(), Some(w.now.at + START_HOLD));
    w.pass(START_HOLD.as_secs());
    assert_eq!(w.stage("d"), "starting");
    w.on(Event::Removed("c".into()));
    assert_eq!(w.stage("c"), "stopping");
}

#[test]
fn a_file_that_comes_back_while_its_vassal_leaves_starts_it_anew() {
    let mut w = World::new(1);
    w.add("a").serves("a").on(Event::Removed("a".into())).add("a");
    assert_eq!(w.stage("a"), "stopping");
    w.dies("a");
    assert_eq!((w.stage("a"), w.pid_of("a")), ("starting", 102));
    w.on(Event::Removed("a".into())).add("a").on(Event::Removed("a".into())).dies("a");
    assert_eq!(w.stage("a"), "none");
}

#[test]
fn at_the_end_everybody_is_told_and_waited_for() {
    let mut w = World::new(3);
    for id in ["a", "b", "c", "d"] {
        w.add(id);
    }
    w.serves("a").dies("c").on(Event::Stop);
    assert!(!w.court.is_gone() && w.court.is_stopping());
    let pids = [w.pid_of("a"), w.pid_of("b"), w.pid_of("d")];
    let told: Vec<i32> = w.signals().into_iter().filter(|s| s.1 == libc::SIGINT).map(|s| s.0).collect();
    assert_eq!(told, pids);
    // A second time: at once, which the instances know by themselves.
    w.on(Event::Stop);
    assert_eq!(w.signals().len(), 6);
    for id in ["a", "b", "d"] {
        assert!(!w.court.is_gone());
        w.dies(id);
    }
    assert!(w.court.is_gone());
}

#[test]
fn one_that_runs_is_taken_over_and_not_started() {
    let mut w = World::new(1);
    w.on(Event::Added(Box::new(found("a", 1, 5)), Some(77)));
    assert_eq!((w.stage("a"), w.pid_of("a"), w.pid), ("serving", 77, 100));
    w.on(Event::Seen(77, Seen { serves: true, done: 4, well: true, ..Seen::default() }));
    assert_eq!(w.said.len(), 1, "old reloads are no news: {:?}", w.said);
    w.on(Event::ReloadAll);
    assert_eq!(w.signals(), [(77, libc::SIGHUP)]);
}

#[test]
fn strangers_change_nothing() {
    let mut w = World::new(1);
    w.add("a").serves("a");
    w.on(Event::Ended(7, "x".into(), true))
        .on(Event::Seen(7, Seen::default()))
        .on(Event::Removed("z".into()));
    w.on(Event::Started("z".into(), 9)).on(Event::Touched(Box::new(found("z", 1, 1))));
    assert_eq!((w.stage("a"), w.court.vassals().len(), w.signals().len()), ("serving", 1, 0));
}

fn of(uid: u32, refusal: Option<&str>, modified: i64) -> Box<Found> {
    let owner = Some(Owner { uid, gid: uid, mode: 0o644 });
    Box::new(Found { owner, refusal: refusal.map(String::from), ..found("a", 1, modified) })
}

#[test]
fn a_tyrants_vassal_is_its_owners_or_nobodys() {
    let mut w = World::new(1);
    w.on(Event::Added(of(0, Some("it would run as root"), 5), None));
    assert_eq!((w.stage("a"), w.said.len()), ("refused", 1));
    w.pass(600);
    assert_eq!((w.stage("a"), w.said.len()), ("refused", 1), "said once");
    w.on(Event::Touched(of(33, None, 6))).serves("a");
    // Its own file becomes anybody's: it stays as it is. Another owner: it starts anew.
    w.on(Event::Touched(of(33, Some("anybody can write"), 7)));
    assert_eq!((w.stage("a"), w.signals().len()), ("serving", 0));
    w.on(Event::Touched(of(34, None, 8)));
    assert_eq!((w.stage("a"), w.signals()[0]), ("stopping", (101, libc::SIGINT)));
    w.dies("a");
    assert_eq!((w.stage("a"), w.pid_of("a")), ("starting", 102));
    w.serves("a").on(Event::Touched(of(0, Some("it would run as root"), 9))).dies("a");
    assert_eq!(w.stage("a"), "refused");
}

#[test]
fn one_on_demand_sleeps_until_somebody_connects() {
    let mut w = World::new(1);
    let on = |modified| Box::new(Found { demand: Some("/s".into()), ..found("a", 1, modified) });
    w.on(Event::Added(on(5), None));
    assert_eq!((w.stage("a"), w.doors.as_slice()), ("asleep", ["+a".to_string()].as_slice()));
    w.on(Event::ReloadAll).on(Event::Called("b".into()));
    assert_eq!(w.stage("a"), "asleep");
    w.on(Event::Called("a".into()));
    assert_eq!(w.stage("a"), "starting");
    // It has had nothing to do, and ends well.
    let pid = w.pid_of("a");
    w.serves("a").on(Event::Ended(pid, "exited with code 0".into(), true));
    assert_eq!((w.stage("a"), w.doors.len()), ("asleep", 2));
    // It fails: whoever waits at its socket makes no loop of it.
    w.on(Event::Called("a".into())).dies("a");
    assert_eq!(w.stage("a"), "waiting");
    w.pass(1);
    assert_eq!(w.stage("a"), "asleep");
    w.on(Event::Removed("a".into()));
    assert_eq!((w.stage("a"), w.doors.last().unwrap().as_str()), ("none", "-a"));
}

#[test]
fn a_heart_that_stops_is_killed_and_one_that_never_beat_is_not() {
    let mut w = World::new(2);
    w.add("a").add("b").serves("a").serves("b");
    let pid = w.pid_of("a");
    w.on(Event::Heartbeat(pid)).pass(29);
    assert_eq!(w.court.deadline(), Some(w.now.at + Duration::from_secs(1)));
    w.on(Event::Heartbeat(pid)).pass(29);
    assert!(w.signals().is_empty());
    w.pass(1);
    assert_eq!(w.signals(), [(pid, libc::SIGKILL)]);
    w.dies("a");
    assert_eq!((w.stage("a"), w.stage("b")), ("starting", "serving"));
}

#[test]
fn who_is_stopped_by_hand_stays_so_until_its_file_is_touched() {
    let mut w = World::new(1);
    w.add("a").serves("a").on(Event::Hold("a".into()));
    assert_eq!((w.stage("a"), w.signals()[0]), ("stopping", (101, libc::SIGINT)));
    w.dies("a").pass(600).on(Event::ReloadAll);
    assert_eq!(w.stage("a"), "stopped");
    w.touch("a");
    assert_eq!(w.stage("a"), "starting");
    w.serves("a").on(Event::Hold("a".into())).touch("a").dies("a");
    assert_eq!(w.stage("a"), "starting", "touched while it stops");
    w.dies("a").on(Event::Hold("a".into()));
    assert_eq!(w.stage("a"), "stopped");
    w.on(Event::Reload("a".into()));
    assert_eq!(w.stage("a"), "starting");
    w.on(Event::Hold("a".into())).on(Event::Removed("a".into())).dies("a");
    assert_eq!(w.stage("a"), "none");
}
