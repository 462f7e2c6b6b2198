//! Users and groups of a jail, from its own files. The system's lookup would load libraries of the jail into a process that
//! is root.
#![forbid(unsafe_code)]

use nix::unistd::{Gid, Uid};
use std::path::Path;

/// The text of passwd(5) and group(5).
#[derive(Debug, Default)]
pub struct Names {
    passwd: String,
    group: String,
}

impl Names {
    /// Those of the jail with this root; without the files there are none.
    pub fn read(root: &Path) -> Names {
        let text = |name: &str| std::fs::read_to_string(root.join("etc").join(name)).unwrap_or_default();
        Names { passwd: text("passwd"), group: text("group") }
    }

    /// Name, user and group of a user by name or number.
    pub fn user(&self, wanted: &str) -> Option<(String, Uid, Gid)> {
        let lines = self.passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let row = lines.filter(|f| f.len() >= 4).find(|f| f[0] == wanted || f[2] == wanted)?;
        let number = |text: &str| text.parse::<u32>().ok();
        Some((row[0].to_string(), Uid::from_raw(number(row[2])?), Gid::from_raw(number(row[3])?)))
    }

    /// A group by name.
    pub fn group(&self, wanted: &str) -> Option<Gid> {
        let mut rows = self.groups().filter(|(name, ..)| *name == wanted);
        rows.next().map(|(_, gid, _)| gid)
    }

    /// Groups that name a user as a member.
    pub fn groups_of(&self, user: &str) -> Vec<Gid> {
        let rows = self.groups().filter(|(.., members)| members.split(',').any(|m| m.trim() == user));
        rows.map(|(_, gid, _)| gid).collect()
    }

    fn groups(&self) -> impl Iterator<Item = (&str, Gid, &str)> {
        self.group.lines().filter_map(|line| {
            let mut f = line.split(':');
            let (name, _, gid) = (f.next()?, f.next()?, f.next()?.parse().ok()?);
            Some((name, Gid::from_raw(gid), f.next().unwrap_or_default()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_jail_are_read_without_the_system() {
        let names = Names {
            passwd: "root:x:0:0::/:/bin/sh\nbroken:x\napp:x:4242:4243::/srv:/bin/false\n".into(),
            group: "root:x:0:\nweb:x:33:other, app\nlog:x:44:app\nbad:x:many:app\n".into(),
        };
        let app = Some(("app".to_string(), Uid::from_raw(4242), Gid::from_raw(4243)));
        assert_eq!(names.user("app"), app);
        assert_eq!(names.user("4242"), app);
        assert_eq!(names.user("broken"), None);
        assert_eq!((names.group("web"), names.group("bad")), (Some(Gid::from_raw(33)), None));
        assert_eq!(names.groups_of("app"), [Gid::from_raw(33), Gid::from_raw(44)]);
        assert_eq!(names.groups_of("ap"), []);
    }
}
