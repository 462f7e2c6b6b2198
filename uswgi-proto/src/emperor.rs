//! Questions to a running Emperor, and where one is found.
//!
//! The way there is that of [`crate::steer`]: a socket without a name at [`STEER_FD`](crate::steer::STEER_FD) of its process. A file
//! for each of its folders says which process that is; it is a hint, and the answer is the proof.

use crate::steer::{self, SteerError};
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the messages.
pub const EMPEROR_VERSION: u32 = 1;

/// Most bytes of the file of a claim.
const LONGEST: u64 = 4096;

/// What stands in the file of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderOwner {
    /// Pid of the Emperor.
    pub pid: i32,
    /// Its monitor, absolute.
    pub monitor: String,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum EmperorQuestion {
    /// All vassals: [`EmperorAnswer::Vassals`].
    List,
    /// As a touch of its file.
    Reload {
        /// Its name.
        vassal: String,
    },
    /// It stops gracefully, and stays so until its file is touched.
    Stop {
        /// Its name.
        vassal: String,
    },
}

/// A question with the version that it is asked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmperorEnvelope {
    /// [`EMPEROR_VERSION`].
    pub version: u32,
    /// What is asked for.
    pub question: EmperorQuestion,
}

/// A vassal, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VassalRow {
    /// Its name, printable.
    pub id: String,
    /// Its file.
    pub path: String,
    /// Pid of its master; 0: there is none.
    pub pid: i32,
    /// How far it is: queued, starting, serving, reloading, stopping, waiting, asleep, refused, stopped.
    pub stage: String,
    /// Starts after the first one.
    pub respawns: u64,
    /// Why it does not serve, or not what its file says; empty: nothing is wrong.
    pub problem: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum EmperorAnswer {
    /// All vassals.
    Vassals {
        /// By name.
        vassals: Vec<VassalRow>,
    },
    /// It is under way.
    Done {
        /// A sentence about it.
        message: String,
    },
    /// It is not.
    Refused {
        /// Why.
        message: String,
    },
}

/// Folders in which an Emperor of this user keeps its claims, best first.
pub fn folders() -> Vec<PathBuf> {
    let own = |uid: Uid| PathBuf::from(format!("/tmp/uswgi-emperor-{uid}"));
    let uid = Uid::effective();
    if uid.is_root() {
        return vec!["/run/uswgi-emperor".into(), own(uid)];
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|d| !d.is_empty());
    runtime.map(|d| PathBuf::from(d).join("uswgi-emperor")).into_iter().chain([own(uid)]).collect()
}

/// Who has written his name into the file of a claim.
pub fn owner(path: &Path) -> Option<FolderOwner> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Pids of the Emperors that this user may ask, as their claims have it; root sees those of all users. One whose process is gone is
/// none.
pub fn running() -> Vec<i32> {
    let mut places = folders();
    places.push("/run/uswgi-emperor".into());
    if Uid::effective().is_root() {
        let below = |dir: &str| fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
        places.extend(below("/run/user").map(|p| p.join("uswgi-emperor")));
        let named = |p: &PathBuf| {
            p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("uswgi-emperor-"))
        };
        places.extend(below("/tmp").filter(named));
    }
    let files = places.iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten().flatten());
    let locks = files.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "lock"));
    let pids: BTreeSet<i32> = locks.filter_map(|p| owner(&p)).map(|o| o.pid).collect();
    let door = |pid: &i32| fs::symlink_metadata(format!("/proc/{pid}/fd/{}", steer::STEER_FD)).is_ok();
    pids.into_iter().filter(door).collect()
}

/// Ask the Emperor with this pid.
pub fn ask(pid: i32, question: &EmperorQuestion, timeout: Duration) -> Result<EmperorAnswer, SteerError> {
    let envelope = EmperorEnvelope { version: EMPEROR_VERSION, question: question.clone() };
    let text = serde_json::to_vec(&envelope).unwrap_or_default();
    let bytes = steer::send(pid, &text, timeout)?;
    serde_json::from_slice(&bytes).map_err(|e| SteerError::Nonsense { pid, what: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_on_the_wire_stay_what_they_are() {
        let words = |q: &EmperorQuestion| serde_json::to_string(q).unwrap();
        assert_eq!(words(&EmperorQuestion::List), r#"{"verb":"list"}"#);
        assert_eq!(
            words(&EmperorQuestion::Stop { vassal: "a.ini".into() }),
            r#"{"verb":"stop","vassal":"a.ini"}"#
        );
        let answer = EmperorAnswer::Done { message: "x".into() };
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"answer":"done","message":"x"}"#);
    }

    #[test]
    fn a_claim_that_is_no_text_has_no_owner() {
        assert_eq!(owner(Path::new("/dev/zero")), None);
        assert_eq!(owner(Path::new("/no/such/claim")), None);
    }
}
