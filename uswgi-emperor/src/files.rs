//! Which vassals' files have come, changed and gone since they were looked at last. Pure: somebody else looks.
//!
//! The rule: a change counts when the file has not changed any more for [`REST`], so that nobody reads half of one; a file that was
//! written before that counts at once, as one that was renamed into its place. As on uWSGI an older time of the same file is no
//! change; another file in its place is one. A file that is gone for less than [`REST`] was replaced.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// For how long a file must not have changed.
pub const REST: Duration = Duration::from_millis(100);

/// What is remembered of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Device and inode.
    pub inode: (u64, u64),
    /// Seconds and nanoseconds since the epoch.
    pub modified: (i64, i64),
    /// Bytes.
    pub size: u64,
}

impl Stamp {
    /// Whether a file with this one, that had the other before, was touched.
    fn is_touch_of(&self, before: &Stamp) -> bool {
        self.inode != before.inode || self.modified > before.modified
    }
}

/// Whose file it is, for tyrants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permissions of the file.
    pub mode: u32,
}

/// A vassal's file as a scan has found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name: that in its folder, or the path that fits the pattern. Who comes second with a name has its whole path.
    pub id: OsString,
    /// What the vassal is given as its file.
    pub argument: OsString,
    /// The option in front of it.
    pub option: &'static str,
    /// The whole path.
    pub path: PathBuf,
    /// Where the vassal starts; None: where the Emperor is.
    pub directory: Option<PathBuf>,
    /// Which monitor has found it.
    pub monitor: usize,
    /// What is remembered.
    pub stamp: Stamp,
    /// Whose it is, where that counts.
    pub owner: Option<Owner>,
    /// Why it may have no vassal.
    pub refusal: Option<String>,
    /// The address at which somebody has to connect before its vassal starts.
    pub demand: Option<String>,
}

/// What has happened to a vassal's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there.
    Added(Box<Found>),
    /// It was touched, or is another one.
    Touched(Box<Found>),
    /// It is there no more.
    Removed(OsString),
}

#[derive(Debug, Default)]
struct File {
    /// What counts; None: it has not rested yet since it came.
    counted: Option<(Stamp, Option<Owner>)>,
    /// What was seen last, and since when, where that is not what counts.
    fresh: Option<(Stamp, Instant)>,
    gone_since: Option<Instant>,
}

/// All files.
#[derive(Debug, Default)]
pub struct Files {
    all: BTreeMap<OsString, File>,
}

impl Files {
    /// What a scan has found; `unread` are monitors that could not be looked at: what they had is there still. `age` is how long ago
    /// a file was written, by the wall clock.
    pub fn look(
        &mut self,
        found: Vec<Found>,
        unread: &dyn Fn(&OsString) -> bool,
        age: &dyn Fn(&Stamp) -> Duration,
        now: Instant,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut there: BTreeMap<OsString, Found> = found.into_iter().map(|f| (f.id.clone(), f)).collect();
        self.all.retain(|id, file| {
            if there.contains_key(id) || unread(id) {
                file.gone_since = None;
                return true;
            }
            let since = *file.gone_since.get_or_insert(now);
            let stays = file.counted.is_some() && now.duration_since(since) < REST;
            if !stays && file.counted.is_some() {
                changes.push(Change::Removed(id.clone()));
            }
            stays
        });
        for id in there.keys() {
            self.all.entry(id.clone()).or_default();
        }
        for (id, file) in &mut self.all {
            let Some(found) = there.remove(id) else { continue };
            let same = |(stamp, owner): (Stamp, Option<Owner>)| {
                !found.stamp.is_touch_of(&stamp) && found.owner == owner
            };
            if file.counted.is_some_and(same) {
                file.fresh = None;
                continue;
            }
            let since = match file.fresh {
                Some((stamp, since)) if stamp == found.stamp => since,
                _ => now,
            };
            if now.duration_since(since) < REST && age(&found.stamp) < REST {
                file.fresh = Some((found.stamp, since));
                continue;
            }
            file.fresh = None;
            let first = file.counted.replace((found.stamp, found.owner)).is_none();
            let found = Box::new(found);
            changes.push(if first { Change::Added(found) } else { Change::Touched(found) });
        }
        changes
    }

    /// When another look is wanted, beside those for other reasons.
    pub fn deadline(&self) -> Option<Instant> {
        let fresh = self.all.values().filter_map(|f| f.fresh.map(|(_, since)| since));
        let gone = self.all.values().filter_map(|f| f.gone_since);
        fresh.chain(gone).min().map(|since| since + REST)
    }

    /// Number of files that count.
    pub fn len(&self) -> usize {
        self.all.values().filter(|f| f.counted.is_some()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn found(id: &str, inode: u64, modified: i64) -> Found {
        Found {
            id: id.into(),
            argument: id.into(),
            option: "--ini",
            path: PathBuf::from("/v").join(id),
            directory: Some("/v".into()),
            monitor: 0,
            stamp: Stamp { inode: (1, inode), modified: (modified, 0), size: 1 },
            owner: None,
            refusal: None,
            demand: None,
        }
    }

    const OLD: Duration = Duration::from_secs(60);

    fn look(f: &mut Files, found: &[Found], age: Duration, now: Instant) -> Vec<String> {
        f.look(found.to_vec(), &|_| false, &|_| age, now)
            .into_iter()
            .map(|change| match change {
                Change::Added(f) => format!("+{}", f.id.display()),
                Change::Touched(f) => format!("~{}", f.id.display()),
                Change::Removed(id) => format!("-{}", id.display()),
            })
            .collect()
    }

    #[test]
    fn files_come_are_touched_and_go() {
        let (mut f, now) = (Files::default(), Instant::now());
        assert_eq!(look(&mut f, &[found("a", 1, 5), found("b", 2, 5)], OLD, now), ["+a", "+b"]);
        assert!(look(&mut f, &[found("a", 1, 5), found("b", 2, 4)], OLD, now).is_empty(), "backwards");
        assert_eq!(look(&mut f, &[found("a", 1, 6), found("b", 3, 1)], OLD, now), ["~a", "~b"]);
        assert_eq!(f.deadline(), None);
        assert!(look(&mut f, &[found("b", 3, 1)], OLD, now).is_empty(), "it may come back");
        assert_eq!(f.deadline(), Some(now + REST));
        assert_eq!(look(&mut f, &[found("b", 3, 1)], OLD, now + REST), ["-a"]);
        assert_eq!((f.deadline(), f.len()), (None, 1));
    }

    #[test]
    fn another_owner_is_a_touch_where_owners_count() {
        let (mut f, now) = (Files::default(), Instant::now());
        let of = |uid| Found { owner: Some(Owner { uid, gid: 1, mode: 0o644 }), ..found("a", 1, 5) };
        assert_eq!(look(&mut f, &[of(1)], OLD, now), ["+a"]);
        assert!(look(&mut f, &[of(1)], OLD, now).is_empty());
        assert_eq!(look(&mut f, &[of(2)], OLD, now), ["~a"]);
    }

    #[test]
    fn what_an_editor_replaces_was_touched_and_not_removed() {
        let (mut f, now) = (Files::default(), Instant::now());
        look(&mut f, &[found("a", 1, 5)], OLD, now);
        assert!(look(&mut f, &[], OLD, now).is_empty());
        assert_eq!(look(&mut f, &[found("a", 2, 6)], OLD, now + REST / 2), ["~a"]);
        assert_eq!(f.deadline(), None);
    }

    #[test]
    fn what_is_being_written_does_not_count_until_it_rests() {
        let (mut f, now) = (Files::default(), Instant::now());
        let new = Duration::ZERO;
        assert!(look(&mut f, &[found("a", 1, 5)], new, now).is_empty());
        assert_eq!((f.deadline(), f.len()), (Some(now + REST), 0));
        // Somebody writes on.
        let later = now + REST;
        assert!(look(&mut f, &[found("a", 1, 6)], new, later).is_empty());
        assert_eq!(look(&mut f, &[found("a", 1, 6)], new, later + REST), ["+a"]);
        // Gone before it counted: nobody has heard of it.
        assert!(look(&mut f, &[found("a", 1, 6), found("b", 2, 6)], new, later + REST).is_empty());
        assert!(look(&mut f, &[found("a", 1, 6)], new, later + REST).is_empty());
        assert_eq!(f.deadline(), None);
    }

    #[test]
    fn a_folder_that_cannot_be_read_takes_nobody_down() {
        let (mut f, now) = (Files::default(), Instant::now());
        look(&mut f, &[found("a", 1, 5)], OLD, now);
        for after in [1, 5] {
            let changes = f.look(Vec::new(), &|_| true, &|_| OLD, now + after * REST);
            assert_eq!(changes, []);
        }
        assert_eq!(look(&mut f, &[found("a", 1, 5)], OLD, now + 9 * REST), Vec::<String>::new());
    }
}
