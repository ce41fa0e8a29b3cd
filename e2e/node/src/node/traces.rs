//! Processes, mounts and control groups of the node, found without relying on
//! any record of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{PROCESSES, network};
use crate::Layout;
use crate::process::{self, Record};

const CGROUPS: &str = "/sys/fs/cgroup";
/// Where a Kubernetes that has the machine to itself puts its pods.
const OTHERS_PODS: [&str; 2] = ["kubepods", "kubepods.slice"];

/// Whether anything of the node is on this machine.
pub fn any(layout: &Layout) -> bool {
    layout.cluster().exists()
        || network::link_exists(&layout.cluster())
        || !processes(layout).is_empty()
}

/// The node's processes: recorded ones, programs run with files of the node,
/// and whatever runs in pods.
pub fn processes(layout: &Layout) -> Vec<Record> {
    let recorded = process::remembered(&layout.cluster().join(PROCESSES))
        .into_iter()
        .filter(Record::alive);
    let found = process::all()
        .into_iter()
        .filter(|found| belongs(layout, found))
        .filter_map(|found| {
            Record::of(
                found.arguments.first().map_or("?", String::as_str),
                found.pid,
            )
        });
    let in_pods = pod_cgroups(layout)
        .into_iter()
        .flat_map(|group| members(&group))
        .filter_map(|pid| Record::of("container", pid));
    let mut all: Vec<_> = recorded.chain(found).chain(in_pods).collect();
    all.sort_by_key(|record| record.pid);
    all.dedup_by_key(|record| record.pid);
    all
}

fn belongs(layout: &Layout, found: &process::Found) -> bool {
    let uses_cluster = {
        let cluster = format!("{}/", layout.cluster().display());
        found
            .arguments
            .iter()
            .any(|argument| argument.contains(&cluster))
    };
    let name = found
        .program
        .as_deref()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    let own_program = found
        .program
        .as_deref()
        .is_some_and(|program| program.starts_with(layout.bin()));
    let called = found.arguments.first().map_or("", |argument| {
        argument.rsplit('/').next().unwrap_or_default()
    });
    // A user's kubectl is built here too and is given the node's kubeconfig.
    let own_part = own_program && !["kubectl", "helm", "ctr"].contains(&called);
    let runtime = name.is_some_and(|name| name == "runc");
    uses_cluster && (own_part || runtime)
}

/// Kills the node's processes until none is found any more. More than one
/// round: a runtime that is dying may have just started a container.
pub fn kill_processes(layout: &Layout) -> Result<usize> {
    let mut killed = 0;
    loop {
        let found = processes(layout);
        if found.is_empty() {
            return Ok(killed);
        }
        killed += found.len();
        process::kill_all(&found)?;
    }
}

/// An error when another Kubernetes runs pods on this machine: both would
/// write the same packet filter rules.
pub fn check_alone() -> Result<()> {
    match OTHERS_PODS.iter().flat_map(|name| groups(name)).next() {
        Some(group) => bail!(
            "another Kubernetes runs here, its pods are in {}. Stop it first",
            group.display()
        ),
        None => Ok(()),
    }
}

/// Makes the control groups that the kubelet puts pods below.
pub fn create_cgroups(layout: &Layout) -> Result<()> {
    for hierarchy in hierarchies() {
        // Version 2: children get the controllers that their parent passes on.
        let controllers =
            fs::read_to_string(hierarchy.join("cgroup.controllers")).unwrap_or_default();
        for controller in controllers.split_whitespace() {
            fs::write(
                hierarchy.join("cgroup.subtree_control"),
                format!("+{controller}"),
            )
            .ok();
        }
        let group = hierarchy.join(layout.control_group());
        fs::create_dir_all(&group).with_context(|| format!("cannot create {}", group.display()))?;
        // Version 1: a new set of processors is empty and takes no process.
        for set in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(inherited) = fs::read_to_string(hierarchy.join(set)) {
                fs::write(group.join(set), inherited).ok();
            }
        }
    }
    Ok(())
}

/// The control groups of the node's pods, one per hierarchy.
fn pod_cgroups(layout: &Layout) -> Vec<PathBuf> {
    groups(&layout.control_group())
}

fn groups(name: &str) -> Vec<PathBuf> {
    let groups = hierarchies()
        .into_iter()
        .map(|hierarchy| hierarchy.join(name));
    groups.filter(|group| group.is_dir()).collect()
}

/// One of version 2, or those of version 1.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(CGROUPS);
    if root.join("cgroup.procs").exists() {
        return vec![root];
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let directories = entries.map(|entry| entry.path());
    directories
        .filter(|hierarchy| hierarchy.join("cgroup.procs").exists())
        .collect()
}

fn members(group: &Path) -> Vec<u32> {
    let own = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut pids: Vec<u32> = own.lines().filter_map(|line| line.parse().ok()).collect();
    pids.extend(
        subdirectories(group)
            .iter()
            .flat_map(|child| members(child)),
    );
    pids
}

/// Removes the pods' control groups.
pub fn remove_cgroups(layout: &Layout) -> Result<()> {
    let begin = Instant::now();
    for group in pod_cgroups(layout) {
        while remove_tree(&group).is_err() && group.exists() {
            // Killed processes leave their group a moment after they are gone.
            if begin.elapsed() > Duration::from_secs(10) {
                bail!(
                    "{} cannot be removed; see what is in its cgroup.procs",
                    group.display()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn remove_tree(group: &Path) -> std::io::Result<()> {
    for child in subdirectories(group) {
        remove_tree(&child)?;
    }
    fs::remove_dir(group)
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
