//! How many CPUs this process may use: those of its affinity mask, and no more than the quota of its
//! cgroups allows (version 1 and 2), rounded up. It reads `/proc` and `/sys`, and never fails: what cannot be
//! read limits nothing.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// CPUs of the affinity mask, limited by the cgroups as seen below `root` ("/" but for tests); at least 1.
pub(crate) fn usable(mask: usize, root: &Path) -> usize {
    quota(root).map_or(mask, |quota| mask.min(quota)).max(1)
}

/// CPUs in this process's affinity mask.
pub(crate) fn mask() -> usize {
    let of = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0));
    let count = of.map(|set| (0..nix::sched::CpuSet::count()).filter(|&i| set.is_set(i) == Ok(true)).count());
    // More CPUs than the set has room for.
    count.unwrap_or_else(|_| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The smallest quota of all cgroups that this process is in, in CPUs.
fn quota(root: &Path) -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let mounts = read("proc/self/mountinfo");
    let groups = read("proc/self/cgroup");
    let quotas = groups.lines().filter_map(|line| {
        // `hierarchy:controllers:path`
        let mut fields = line.splitn(3, ':');
        let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let unified = hierarchy == "0" && controllers.is_empty();
        if !unified && !controllers.split(',').any(|c| c == "cpu") {
            return None;
        }
        let (point, below) = mounts.lines().find_map(|m| mount(m, unified, path))?;
        let top = root.join(point.strip_prefix("/").unwrap_or(&point));
        let limit = if unified { limit_2 } else { limit_1 };
        // The group itself and all above it.
        below.ancestors().filter_map(|group| limit(&top.join(group))).min()
    });
    quotas.min()
}

/// A line of mountinfo: where the hierarchy is mounted, and the group's path below that.
fn mount(line: &str, unified: bool, group: &str) -> Option<(PathBuf, PathBuf)> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (mounted, point) = (before.next()?, before.next()?);
    let mut after = after.split(' ');
    let (kind, options) = (after.next()?, after.nth(1)?);
    let fits = match kind {
        "cgroup2" => unified,
        "cgroup" => !unified && options.split(',').any(|o| o == "cpu"),
        _ => false,
    };
    // In a container that sees only its own group, that one is the root of the mount.
    let below =
        Path::new(group).strip_prefix(mounted).or_else(|_| Path::new(group).strip_prefix("/")).ok()?;
    fits.then(|| (unescaped(point), below.to_path_buf()))
}

/// Spaces and their like stand in mountinfo as `\040`.
fn unescaped(path: &str) -> PathBuf {
    let mut parts = path.split('\\');
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => text.extend([char::from(byte)].into_iter().chain(part[3..].chars())),
            None => text.extend(["\\", part]),
        }
    }
    text.into()
}

/// `cpu.max`: `max 100000` or `150000 100000`.
fn limit_2(group: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(group.join("cpu.max")).ok()?;
    let mut fields = text.split_ascii_whitespace();
    rounded_up(fields.next()?.parse().ok()?, fields.next().unwrap_or("100000").parse().ok()?)
}

/// `cpu.cfs_quota_us` (-1: none) and `cpu.cfs_period_us`.
fn limit_1(group: &Path) -> Option<usize> {
    let number = |name| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<i64>().ok();
    let quota = u64::try_from(number("cpu.cfs_quota_us")?).ok()?;
    rounded_up(quota, u64::try_from(number("cpu.cfs_period_us")?).ok()?)
}

fn rounded_up(quota: u64, period: u64) -> Option<usize> {
    (period > 0).then(|| usize::try_from(quota.div_ceil(period)).ok()).flatten().map(|n| n.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up root folder with these files.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Root {
            let dir = std::env::temp_dir().join(format!("uswgi-cpus-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = dir.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Root(dir)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const V2: (&str, &str) =
        ("proc/self/mountinfo", "30 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
    const V1: (&str, &str) = (
        "proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
         32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
         33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n",
    );

    fn cpus(name: &str, files: &[(&str, &str)]) -> usize {
        usable(8, &Root::new(name, files).0)
    }

    #[test]
    fn without_cgroups_the_mask_counts() {
        assert_eq!(cpus("none", &[]), 8);
        assert_eq!(usable(0, Path::new("/nonexistent")), 1);
        assert!(mask() >= 1);
    }

    #[test]
    fn a_quota_of_version_2_is_rounded_up() {
        for (max, n) in [
            ("150000 100000\n", 2),
            ("100000 100000", 1),
            ("10000 100000\n", 1),
            ("max 100000\n", 8),
            ("1600000 100000\n", 8),
            ("250000\n", 3),
            ("nonsense\n", 8),
            ("100000 0\n", 8),
        ] {
            let group = ("proc/self/cgroup", "0::/app.slice/app.service\n");
            assert_eq!(
                cpus("v2", &[V2, group, ("sys/fs/cgroup/app.slice/app.service/cpu.max", max)]),
                n,
                "{max}"
            );
        }
    }

    #[test]
    fn the_smallest_quota_on_the_way_up_counts() {
        let files = [
            V2,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/cpu.max", "700000 100000"),
            ("sys/fs/cgroup/a/cpu.max", "300000 100000"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000"),
        ];
        assert_eq!(cpus("v2-up", &files), 3);
    }

    #[test]
    fn a_quota_of_version_1() {
        for (quota, n) in [("150000\n", 2), ("-1\n", 8), ("400000\n", 4), ("0\n", 1)] {
            let files = [
                V1,
                ("proc/self/cgroup", "3:cpuset:/\n2:cpu,cpuacct:/docker/x\n0::/\n"),
                ("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n"),
            ];
            assert_eq!(cpus("v1", &files), n, "{quota}");
        }
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root_of_the_mount() {
        let mount = "32 31 0:29 /docker/x /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
        let files = [
            ("proc/self/mountinfo", mount),
            ("proc/self/cgroup", "2:cpu:/docker/x\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(cpus("container", &files), 1);
    }

    #[test]
    fn a_mount_point_may_have_spaces() {
        assert_eq!(unescaped(r"/a\040b\x"), PathBuf::from(r"/a b\x"));
        let files = [
            ("proc/self/mountinfo", "30 23 0:27 / /c\\040g rw - cgroup2 cgroup2 rw\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("c g/cpu.max", "200000 100000\n"),
        ];
        assert_eq!(cpus("spaces", &files), 2);
    }
}
