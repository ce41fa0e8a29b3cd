//! Ending the node, whatever state it is in.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{lock, network, traces};
use crate::{Layout, mounts, prepare, report};

/// Where the kubelet and CNI keep files whatever they are told.
const CONTAINER_LOG_LINKS: &str = "/var/log/containers";
const CNI_RESULTS: &str = "/var/lib/cni/results";
const DEVICE_PLUGINS: &str = "/var/lib/kubelet/device-plugins/kubelet.sock";
/// Directories that the parts make outside of the state directory; removed
/// when nothing else is in them.
const SHARED_DIRECTORIES: [&str; 10] = [
    CONTAINER_LOG_LINKS,
    "/var/lib/kubelet/device-plugins",
    CNI_RESULTS,
    "/var/lib/cni/cache",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/run/containerd/s",
    "/run/containerd/fifo",
    "/run/containerd",
    "/run/cni",
];

/// Ends the node and removes all traces of it, even after any part of it was
/// killed.
pub fn down(layout: &Layout) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("removing the node needs root, as booting it did");
    }
    let _lock = lock(layout)?;
    if !traces::any(layout) {
        report::line("the node is down");
        return Ok(());
    }
    clean(layout)
}

/// Everything is thrown away, so nothing is asked to end by itself: killing is
/// faster, and nothing can hang.
pub fn clean(layout: &Layout) -> Result<()> {
    let cluster = layout.cluster();
    let sockets = shim_sockets(&cluster);
    let killed = report::step("ended all processes", || traces::kill_processes(layout))?;
    mounts::unmount_below(&layout.state)?;
    traces::remove_cgroups(layout)?;
    network::delete_links()?;
    if prepare::find_program("iptables").is_ok() {
        network::delete_rules()?;
    }
    if prepare::find_program("ipset").is_ok() {
        network::delete_sets()?;
    }
    network::restore_settings(&cluster.join("settings.json"));
    remove_shared(&cluster, &sockets);
    if cluster.exists() {
        fs::remove_dir_all(&cluster)
            .with_context(|| format!("cannot remove {}", cluster.display()))?;
    }
    report::line(&format!(
        "the node is down ({killed} processes, all mounts, links and rules are gone)"
    ));
    Ok(())
}

/// Sockets of containers' shims, which containerd puts outside of its state.
fn shim_sockets(cluster: &Path) -> Vec<String> {
    let bundles = cluster.join("containerd/state/io.containerd.runtime.v2.task/k8s.io");
    let bundles = fs::read_dir(bundles)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    bundles
        .filter_map(|bundle| fs::read_to_string(bundle.join("bootstrap.json")).ok())
        .filter_map(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
        .filter_map(|shim| {
            shim["address"]
                .as_str()?
                .strip_prefix("unix://")
                .map(str::to_owned)
        })
        .collect()
}

fn remove_shared(cluster: &Path, shim_sockets: &[String]) {
    for socket in shim_sockets {
        fs::remove_file(socket).ok();
    }
    for entry in fs::read_dir(CONTAINER_LOG_LINKS)
        .into_iter()
        .flatten()
        .flatten()
    {
        if fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(cluster)) {
            fs::remove_file(entry.path()).ok();
        }
    }
    let cluster = cluster.display().to_string();
    for entry in fs::read_dir(CNI_RESULTS).into_iter().flatten().flatten() {
        if fs::read_to_string(entry.path()).is_ok_and(|result| result.contains(&cluster)) {
            fs::remove_file(entry.path()).ok();
        }
    }
    if UnixStream::connect(DEVICE_PLUGINS).is_err() {
        fs::remove_file(DEVICE_PLUGINS).ok();
    }
    for directory in SHARED_DIRECTORIES {
        // Only an empty directory can be removed like this.
        fs::remove_dir(directory).ok();
    }
}
