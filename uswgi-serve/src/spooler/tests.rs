use super::news::NAMES_AT_A_TIME;
use super::*;
use crate::control::Control;
use std::path::Path;
use uswgi_proto::background::{Aide, AideKind};
use uswgi_spool::{SpoolTask, Writer};

const TASKS: usize = 300;

fn spooler(root: &Path, ordered: bool) -> Spooler {
    let (ours, _) = crate::testing::packets();
    let aide = Aide { kind: AideKind::Spooler, number: 1 };
    let link = Link::new(aide, 0, Control::new(ours), None, Vec::new()).unwrap();
    Spooler::new(&link, root, &SpoolRules { ordered, frequency: 3600, ..SpoolRules::default() })
}

fn fill(root: &Path, count: usize, below: Option<&str>) {
    let writer = Writer::new(root, false);
    (0..count).for_each(|_| drop(writer.spool(&SpoolTask::default(), below).unwrap()));
}

/// The next task, done; its folder, and how many names were read for it.
fn run(spooler: &mut Spooler) -> (PathBuf, u64) {
    let before = spooler.names_read;
    loop {
        if let NextTask::Task(claim) = spooler.next_task() {
            let folder = claim.path().parent().unwrap().to_path_buf();
            spooler.finish(*claim, TaskOutcome::Done);
            return (folder, spooler.names_read - before);
        }
    }
}

/// The work of a full folder, counted: each name is read once, and never more than one piece of them between two tasks.
#[test]
fn a_full_folder_is_read_once_and_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), TASKS, None);
    let mut spooler = spooler(dir.path(), false);
    let mut runs: Vec<u64> = (0..TASKS).map(|_| run(&mut spooler).1).collect();
    assert!(runs.iter().all(|&read| read <= NAMES_AT_A_TIME as u64), "{runs:?}");
    // What comes meanwhile is told by the kernel.
    fill(dir.path(), 10, None);
    runs.extend((0..10).map(|_| run(&mut spooler).1));
    // One that is done while the folder is read may be read or not.
    let read: u64 = runs.iter().sum();
    assert!((TASKS as u64 - 10..=TASKS as u64 + 10).contains(&read), "{read}");
    assert!(spooler.queue.is_empty());
}

/// Where priorities decide, the first task begins when all names are known, and a priority that comes later goes first.
#[test]
fn priorities_come_first_in_a_full_folder_too() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), TASKS, None);
    fill(dir.path(), 3, Some("7"));
    let mut spooler = spooler(dir.path(), true);
    let of = |below: &str| dir.path().join(below);
    let (first, read) = run(&mut spooler);
    assert_eq!((first, read), (of("7"), TASKS as u64 + 3 + 1), "the folder itself is a name, too");
    assert_eq!([(); 2].map(|()| run(&mut spooler)), [(of("7"), 0), (of("7"), 0)]);
    assert_eq!(run(&mut spooler), (dir.path().to_path_buf(), 0));
    fill(dir.path(), 1, Some("7"));
    assert_eq!(run(&mut spooler), (of("7"), 0), "a folder that is known is watched");
    fill(dir.path(), 2, Some("3"));
    let (first, read) = run(&mut spooler);
    assert!(first == of("3") && read > 0, "a new one is read before anything else: {first:?}, {read}");
}
