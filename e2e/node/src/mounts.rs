//! Mounts that something left behind.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use rustix::mount::{UnmountFlags, unmount};

/// Unmounts everything below a directory.
pub fn unmount_below(directory: &Path) -> Result<()> {
    for _ in 0..20 {
        let mounts = mounts_below(directory, &fs::read_to_string("/proc/self/mountinfo")?);
        if mounts.is_empty() {
            return Ok(());
        }
        for mount in mounts.iter().rev() {
            // Whether it worked is seen in the next round.
            let _ = unmount(mount, UnmountFlags::DETACH);
        }
    }
    bail!(
        "something stays mounted below {}; see `grep {0} /proc/mounts`",
        directory.display()
    )
}

fn mounts_below(directory: &Path, mountinfo: &str) -> Vec<PathBuf> {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(unescape(point)))
        .filter(|point| point.starts_with(directory))
        .collect()
}

/// The kernel writes blanks in paths as octal numbers.
fn unescape(path: &str) -> String {
    path.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_below_the_directory_only() {
        let mountinfo = "22 27 0:21 / /proc rw - proc proc rw\n\
            23 27 0:22 / /x/.node/cluster/a\\040b rw - tmpfs tmpfs rw\n\
            24 27 0:22 / /x/.node/cluster2 rw - tmpfs tmpfs rw\n";
        assert_eq!(
            mounts_below(Path::new("/x/.node/cluster"), mountinfo),
            [Path::new("/x/.node/cluster/a b")]
        );
    }
}
