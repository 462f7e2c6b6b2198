//! A disk that is full, and one that takes no change: spool() raises, and nothing half-written stays.

use super::spooler::{ask, task_files, tasks};
use std::fs;
use uswgi_tests::temp::{SmallDisk, names};
use uswgi_tests::{Need, Site, lacks, paths, until};

/// Observed on uWSGI 2.0.31: on a full disk spool() raises too, and leaves a file that is no task.
#[test]
fn a_task_is_whole_or_not_there_on_a_disk_that_is_full_or_closed() {
    if lacks(Need::Mounts) {
        return;
    }
    let site = Site::new().app("background").home(&paths::pythons()[0].1).http();
    let folder = site.ini().with_file_name("tasks");
    fs::create_dir(&folder).unwrap();
    let disk = SmallDisk::new(&folder);
    // Written here, run by nobody yet; the other folder's spooler shows that the instance goes on.
    let other = site.ini().with_file_name("other");
    let site = site.option("spooler-external", folder.display()).option("spooler", other.display());
    let server = site.start();
    let spool =
        |size: usize| ask(&server, &format!("uwsgi.spool({{b'name': b'n', b'body': b'x' * {size}}})"));
    let said = until("a full disk", || Some(spool(9000)).filter(|said| !said.starts_with("b'/")));
    assert!(
        said.starts_with("ValueError: unable to spool job: ") && said.contains("No space left"),
        "{said}"
    );
    let kept = task_files(&tasks(&server));
    assert!(kept.len() > 3 && names(&tasks(&server)).len() == kept.len(), "{:?}", names(&tasks(&server)));
    let whole = |name: &String| fs::metadata(folder.join(name)).unwrap().len() >= 9000;
    assert!(kept.iter().all(whole));
    let priority = "uwsgi.spool({b'name': b'n', b'priority': b'3', b'body': b'x' * 9000})";
    assert!(ask(&server, priority).contains("No space left"));
    assert!(names(&tasks(&server).join("3")).is_empty());
    // There is room again, and then none may write.
    fs::remove_file(folder.join(&kept[0])).unwrap();
    assert!(spool(5000).starts_with("b'/"));
    let before = names(&tasks(&server));
    let disk = disk.read_only();
    let said = spool(10);
    assert!(
        said.starts_with("ValueError: unable to spool job: ") && said.contains("Read-only file system"),
        "{said}"
    );
    assert_eq!(names(&tasks(&server)), before);
    let disk = disk.writable();
    fs::remove_file(folder.join(&kept[1])).unwrap();
    assert!(spool(10).starts_with("b'/"));
    let named = format!(
        "uwsgi.spool({{b'name': b'runs', b'spooler': b'{}'}})",
        other.canonicalize().unwrap().display()
    );
    assert!(ask(&server, &named).starts_with("b'/"));
    until("a task of the other folder", || task_files(&other).is_empty().then_some(()));
    drop(disk);
}
