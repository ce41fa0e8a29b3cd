//! Everything that is needed before the node can boot: packages and programs.

mod go;
mod packages;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::Layout;

/// Archives, programs, Go's build cache and a running node fit in this.
const DISK_NEEDED_GIB: u64 = 6;
/// Longest path of a Unix socket, and the longest such path below `.node`.
const SOCKET_PATH_LIMIT: usize = 107;
const LONGEST_SOCKET: &str = "/cluster/kubelet/device-plugins/kubelet.sock.with-room";

/// Installs missing packages and builds programs that changed; for API
/// servers only, just what those need.
pub fn run(layout: &Layout, api_only: bool) -> Result<()> {
    if api_only {
        check_disk(&layout.state)?;
    } else {
        check_machine(layout)?;
        packages::install_missing(layout)?;
        packages::take_program(layout, "prometheus", "usr/bin/prometheus")?;
    }
    go::build(layout, api_only)
}

/// An error with its remedy when this machine cannot run a node.
pub fn check_machine(layout: &Layout) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "the node needs root, for containers and their network. Run this with sudo -E, or as root"
        );
    }
    let state = layout.state.display().to_string();
    if state.len() + LONGEST_SOCKET.len() > SOCKET_PATH_LIMIT {
        bail!(
            "{state} is too long for the sockets below it. Set LOCUST_NODE_DIR to a shorter path"
        );
    }
    check_disk(&layout.state)
}

fn check_disk(directory: &Path) -> Result<()> {
    let status = rustix::fs::statvfs(directory)
        .with_context(|| format!("cannot examine {}", directory.display()))?;
    let free = (status.f_bavail * status.f_frsize) >> 30;
    if free < DISK_NEEDED_GIB {
        bail!(
            "only {free} GiB are free on the disk of {}, {DISK_NEEDED_GIB} are needed. \
             Free some (`go clean -cache` gives back much), or set LOCUST_NODE_DIR to another disk",
            directory.display()
        );
    }
    Ok(())
}

/// Where a program is, among the PATH and the directories of administrators.
pub fn find_program(name: &str) -> Result<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&format!("{path}:/usr/sbin:/sbin"))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("there is no program {name} in PATH"))
}
