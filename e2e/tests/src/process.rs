//! Processes of this machine: programs in the background, and those that containers of the node are.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, anyhow};
use e2e_node::lasting;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Starts a program with its output added to `log`. It is killed when this
/// process ends, however that ends.
pub fn spawn(program: &Path, log: &Path, set_up: impl FnOnce(&mut Command)) -> Result<Child> {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    // It replaces itself with the program: the process id stays.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    set_up(&mut command);
    lasting::spawn(command).with_context(|| format!("cannot start {}", program.display()))
}

/// A process that hangs (SIGSTOP) until this is dropped.
pub struct Frozen {
    pid: Pid,
}

impl Frozen {
    /// From now on it does nothing, and nothing it is asked.
    pub fn new(pid: u32) -> Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.context("no process id")?;
        kill_process(pid, Signal::STOP)?;
        Ok(Self { pid })
    }

    /// Ends it where it hangs (SIGKILL).
    pub fn kill(self) -> Result<()> {
        Ok(kill_process(self.pid, Signal::KILL)?)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may have been ended.
        let _ = kill_process(self.pid, Signal::CONT);
    }
}

/// The main process of a pod's first container, which runs on this machine.
pub fn of_container(pod: &Value) -> Result<u32> {
    let id = pod["status"]["containerStatuses"][0]["containerID"]
        .as_str()
        .and_then(|id| id.strip_prefix("containerd://"))
        .context("a container that runs")?;
    fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid: &u32| {
            let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
            // A process may end while it is looked at.
            let group = read("cgroup").unwrap_or_default();
            group.contains(id) && is_first(&read("status").unwrap_or_default())
        })
        .ok_or_else(|| anyhow!("no process of container {id}"))
}

/// Whether a process is number 1 in the innermost of its two or more process namespaces.
fn is_first(status: &str) -> bool {
    let numbers = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .unwrap_or_default();
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_of_a_container_is_number_one_inside() {
        assert!(is_first("Name:\tlocust\nNSpid:\t4711\t1\nThreads:\t1\n"));
        assert!(!is_first("NSpid:\t4711\t12\n"));
        assert!(!is_first("NSpid:\t1\n"), "of the machine itself");
    }

    #[test]
    fn a_frozen_process_goes_on_when_let_go() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let frozen = Frozen::new(child.id()).unwrap();
        drop(child.stdin.take());
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none(), "it hangs");
        drop(frozen);
        assert!(child.wait().unwrap().success());
    }
}
