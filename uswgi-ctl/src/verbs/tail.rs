//! `emperor tail`: what a vassal logs. Which files those are the kernel says: what its master, and the process that writes its logs
//! for it, append to. Of the files that its Emperor writes to as well the lines are everybody's, and that is said.

use crate::error::CtlError;
use crate::report::{VerbResult, printable, progress};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uswgi_proto::emperor::VassalRow;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks at the vassal.
const ASK: Duration = Duration::from_secs(1);
/// Most bytes of the past that are looked through.
const PAST: u64 = 1 << 20;
/// A line is cut after so many bytes.
const LONGEST: usize = 64 * 1024;

/// A file by device and inode.
type Inode = (u64, u64);

fn inode(m: &Metadata) -> Inode {
    (m.dev(), m.ino())
}

/// The plain files that a process logs to: path by inode. What its standard output and error are, and what else it appends to
/// (`all_of_them`).
fn logged(pid: i32, all_of_them: bool) -> BTreeMap<Inode, PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut all = BTreeMap::new();
    for entry in entries {
        let number = entry.file_name().to_string_lossy().into_owned();
        let standard = matches!(&number[..], "1" | "2");
        if !standard && !all_of_them {
            continue;
        }
        let Ok(m) = fs::metadata(entry.path()) else { continue };
        let Ok(path) = fs::read_link(entry.path()) else { continue };
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
        if m.is_file() && path.is_absolute() && is_log(&info, standard) {
            all.insert(inode(&m), path);
        }
    }
    all
}

/// Whether the flags in a descriptor's information (octal, proc_pid_fdinfo(5)) are those of a log: written to, and at its end where it
/// is no standard one.
fn is_log(info: &str, standard: bool) -> bool {
    let flags = info.lines().find_map(|l| l.strip_prefix("flags:"));
    let flags = flags.and_then(|f| i32::from_str_radix(f.trim(), 8).ok()).unwrap_or(0);
    flags & nix::libc::O_ACCMODE != nix::libc::O_RDONLY && (standard || flags & nix::libc::O_APPEND != 0)
}

/// Children of a master that run its own program and are no workers of its: the process that writes its logs.
fn writers(master: i32) -> Vec<i32> {
    let program = |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = program(master);
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
    let all = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    all.filter(|&pid| own.is_some() && program(pid) == own).collect()
}

/// Where a vassal logs.
struct LogPlaces {
    paths: BTreeSet<PathBuf>,
    /// They are the Emperor's too.
    shared: bool,
}

/// Find them; the error says where it goes instead.
fn places(emperor: i32, v: &VassalRow) -> Result<LogPlaces, CtlError> {
    if v.pid == 0 || RunningInstance::from_pid(v.pid).is_err() {
        let what = format!(
            "vassal {} has no process ({}): there is nobody whose log could be followed",
            v.id, v.stage
        );
        return Err(CtlError::Refused(what));
    }
    let theirs = logged(emperor, true);
    let mut all = logged(v.pid, false);
    writers(v.pid).into_iter().for_each(|pid| all.extend(logged(pid, true)));
    let (shared, own): (Vec<_>, Vec<_>) = all.into_iter().partition(|(inode, _)| theirs.contains_key(inode));
    let chosen = if own.is_empty() { &shared } else { &own };
    if chosen.is_empty() {
        let to = fs::read_link(format!("/proc/{}/fd/2", v.pid)).unwrap_or_default();
        let what = format!(
            "vassal {} logs to {}, which is no file: under systemd use journalctl -f -u uswgi-emperor; logto2 = FILE in its file (or logto2 = /var/log/uwsgi/%N.log in that of vassals-include, for all) gives it a log of its own",
            v.id,
            to.display()
        );
        return Err(CtlError::Refused(what));
    }
    Ok(LogPlaces { paths: chosen.iter().map(|(_, path)| path.clone()).collect(), shared: own.is_empty() })
}

/// A log file that is followed by its name: past rotations, and when it is cut.
struct Followed {
    path: PathBuf,
    file: Option<(File, Inode)>,
    at: u64,
    /// The beginning of a line.
    rest: Vec<u8>,
}

impl Followed {
    fn open(path: &Path) -> Followed {
        let file = File::open(path).ok().and_then(|f| Some((inode(&f.metadata().ok()?), f)));
        Followed { path: path.into(), file: file.map(|(i, f)| (f, i)), at: 0, rest: Vec::new() }
    }

    /// The last lines that are whole; from their end on it is followed.
    fn past(&mut self, lines: usize) -> io::Result<Vec<String>> {
        let Some((file, _)) = &mut self.file else { return Ok(Vec::new()) };
        let length = file.metadata()?.len();
        self.at = length.saturating_sub(PAST);
        let from_begin = self.at == 0;
        let mut all = self.more()?;
        if !from_begin && !all.is_empty() {
            // Its beginning was not read.
            all.remove(0);
        }
        Ok(all.split_off(all.len().saturating_sub(lines)))
    }

    /// What has come since.
    fn more(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        let Some((file, _)) = &mut self.file else { return Ok(lines) };
        if file.metadata()?.len() < self.at {
            // It was cut: what is there now is new.
            (self.at, self.rest) = (0, Vec::new());
        }
        file.seek(SeekFrom::Start(self.at))?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            let n = match file.read(&mut piece) {
                Ok(0) => return Ok(lines),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            self.at += n as u64;
            self.rest.extend_from_slice(&piece[..n]);
            while let Some(end) = self.rest.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                lines.push(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.rest.len() > LONGEST {
                lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned());
            }
        }
    }

    /// The same, and then the file that stands in its place now, if another one does.
    fn look(&mut self) -> io::Result<Vec<String>> {
        let mut lines = self.more()?;
        let named = fs::metadata(&self.path).ok().map(|m| inode(&m));
        if named.is_some() && named != self.file.as_ref().map(|(_, i)| *i) {
            *self = Followed::open(&self.path);
            lines.extend(self.more()?);
        }
        Ok(lines)
    }
}

/// How it is shown.
struct Printer<'a> {
    id: &'a str,
    json: bool,
    quiet: bool,
}

impl Printer<'_> {
    /// False: nobody reads any more.
    fn print(&self, path: &Path, lines: &[String]) -> Result<bool, CtlError> {
        if self.quiet || lines.is_empty() {
            return Ok(true);
        }
        let mut out = io::stdout().lock();
        let text = lines.iter().map(|line| match self.json {
            true => format!(
                "{}\n",
                json!({ "vassal": self.id, "file": path.display().to_string(), "line": line })
            ),
            false => printable(line) + "\n",
        });
        match out.write_all(text.collect::<String>().as_bytes()).and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(source) => Err(CtlError::Io { what: "cannot print", source }),
            Ok(()) => Ok(true),
        }
    }
}

/// What was asked for.
pub(super) struct Tail {
    /// Pid of the Emperor.
    pub emperor: i32,
    /// Lines of the past.
    pub lines: usize,
    /// Those alone.
    pub past_only: bool,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
}

impl Tail {
    /// Print them, and follow until the vassal is gone, or nobody reads. `now` is the vassal as it is now; None: there is none.
    pub(super) fn run(
        &self,
        v: &VassalRow,
        now: impl Fn() -> Option<VassalRow>,
    ) -> Result<VerbResult, CtlError> {
        let found = places(self.emperor, v)?;
        if found.shared {
            progress(&format!(
                "vassal {} has no log of its own: this is that of its emperor and all its vassals; logto2 = FILE in its file gives it one",
                v.id
            ));
        }
        let printer = Printer { id: &v.id, json: self.json, quiet: self.quiet };
        let failed = |source| CtlError::Io { what: "the log", source };
        let mut all: BTreeMap<PathBuf, Followed> = BTreeMap::new();
        for path in found.paths {
            let mut file = Followed::open(&path);
            let lines = file.past(self.lines).map_err(failed)?;
            if !printer.print(&path, &lines)? {
                return Ok(over());
            }
            all.insert(path, file);
        }
        if self.past_only {
            return Ok(over());
        }
        let (mut asked, mut pid) = (Instant::now(), v.pid);
        loop {
            std::thread::sleep(LOOK);
            for (path, file) in &mut all {
                if !printer.print(path, &file.look().map_err(failed)?)? {
                    return Ok(over());
                }
            }
            if asked.elapsed() < ASK {
                continue;
            }
            asked = Instant::now();
            let Some(row) = now() else {
                progress(&format!("vassal {} is there no more", v.id));
                return Ok(over());
            };
            if row.pid != pid && row.pid != 0 {
                // Another process: it may log elsewhere. What it has written there already is new.
                let Ok(found) = places(self.emperor, &row) else { continue };
                pid = row.pid;
                for path in found.paths {
                    all.entry(path.clone()).or_insert_with(|| Followed::open(&path));
                }
            }
        }
    }
}

/// Everything was printed already.
fn over() -> VerbResult {
    VerbResult { text: String::new(), json: Value::Null, exit: Exit::Ok }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_to_is_a_log() {
        assert!(is_log("pos:\t0\nflags:\t0102001\nmnt_id:\t1\n", false));
        let written = "pos:\t0\nflags:\t0100001\n";
        assert!(is_log(written, true) && !is_log(written, false));
        assert!(!is_log("flags:\t0102000\n", true) && !is_log("", true));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let file = File::options().append(true).create(true).open(&path).unwrap();
        let me = std::process::id() as i32;
        assert_eq!(logged(me, true).get(&inode(&file.metadata().unwrap())), Some(&path));
        assert!(!logged(me, false).contains_key(&inode(&file.metadata().unwrap())));
    }

    #[test]
    fn a_file_is_followed_by_whole_lines_past_rotation_and_cuts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "1\n2\n3\n4").unwrap();
        let mut log = Followed::open(&path);
        assert_eq!(log.past(2).unwrap(), ["2", "3"]);
        let mut file = File::options().append(true).open(&path).unwrap();
        write!(file, "4\n5\nsix").unwrap();
        assert_eq!(log.look().unwrap(), ["44", "5"]);
        // Renamed, and written to until somebody opens it anew.
        fs::rename(&path, dir.path().join("log.1")).unwrap();
        assert_eq!(log.look().unwrap(), Vec::<String>::new(), "there is no new one yet");
        writeln!(file, "!").unwrap();
        fs::write(&path, "seven\n").unwrap();
        assert_eq!(log.look().unwrap(), ["six!", "seven"]);
        fs::write(&path, "8\n").unwrap();
        assert_eq!(log.look().unwrap(), ["8"]);
        let mut all = Followed::open(&dir.path().join("none"));
        assert!(all.past(5).unwrap().is_empty() && all.look().unwrap().is_empty());
    }

    #[test]
    fn of_a_long_past_the_end_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
        assert!(text.len() as u64 > PAST);
        fs::write(&path, text).unwrap();
        let mut log = Followed::open(&path);
        assert_eq!(log.past(2).unwrap(), ["line 199998", "line 199999"]);
        assert!(Followed::open(&path).past(usize::MAX).unwrap().iter().all(|l| l.starts_with("line ")));
    }
}
