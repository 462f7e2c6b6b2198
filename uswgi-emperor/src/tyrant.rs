//! Whose a vassal may be where each becomes the owner of its file (`emperor-tyrant`). Pure.
//!
//! Observed on uWSGI 2.0.31: a file whose user or group is root is refused ("invalid permissions"), one that anybody can write to is
//! taken; the vassal has no supplementary groups; another owner of the file ends it, and starts it as that one.
#![forbid(unsafe_code)]

use crate::files::Owner;

/// The sticky bit of a folder: who may write to it may take away only his own files.
const STICKY: u32 = 0o1000;
/// Others may write.
const OPEN: u32 = 0o002;

/// Why a file may have no vassal; one sentence that says whose it is, its mode, and what to do. `folder`: mode of its folder.
pub fn refusal(owner: Owner, folder: u32) -> Option<String> {
    let Owner { uid, gid, mode } = owner;
    let mode = mode & 0o7777;
    let is = format!("its file is of user {uid} and group {gid} with mode {mode:o}");
    if uid == 0 || gid == 0 {
        return Some(format!(
            "{is}: it would run as root; chown it to the user and group that are to run it"
        ));
    }
    if mode & OPEN != 0 {
        return Some(format!("{is}: anybody could say what runs as user {uid}; chmod o-w"));
    }
    if folder & OPEN != 0 && folder & STICKY == 0 {
        let folder = folder & 0o7777;
        return Some(format!(
            "{is}, in a folder with mode {folder:o}: anybody could take it away or put another one there; chmod o-w, or +t"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_files_and_open_ones_are_refused_with_what_to_do() {
        let of = |uid, gid, mode, folder| refusal(Owner { uid, gid, mode }, folder);
        assert_eq!(of(33, 33, 0o644, 0o755), None);
        assert_eq!(of(33, 33, 0o660, 0o1777), None, "everybody has a file, as in /tmp");
        for (uid, gid) in [(0, 33), (33, 0), (0, 0)] {
            let said = of(uid, gid, 0o644, 0o755).unwrap();
            assert!(said.contains(&format!("user {uid} and group {gid} with mode 644")), "{said}");
            assert!(said.contains("chown"), "{said}");
        }
        assert!(of(33, 33, 0o666, 0o755).unwrap().ends_with("chmod o-w"));
        assert!(of(33, 33, 0o644, 0o777).unwrap().contains("a folder with mode 777"));
    }
}
