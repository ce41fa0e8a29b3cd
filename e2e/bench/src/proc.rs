//! What the kernel says of a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Length of a clock tick in `/proc`: fixed for user space.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All pages in memory (VmRSS).
    pub resident: u64,
    /// Those that are no file's: heap and stacks (RssAnon).
    pub anonymous: u64,
    /// The most that was resident at once (VmHWM).
    pub peak: u64,
}

/// Memory of a process.
pub fn memory(pid: u32) -> Result<Memory> {
    let status = read(pid, "status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim_start_matches(':').trim().strip_suffix(" kB"))
            .and_then(|number| number.parse::<u64>().ok())
            .map(|kib| kib * 1024)
            .with_context(|| format!("no {name} of process {pid}"))
    };
    Ok(Memory {
        resident: field("VmRSS")?,
        anonymous: field("RssAnon")?,
        peak: field("VmHWM")?,
    })
}

/// Processor time that a process has used, in the kernel too.
pub fn cpu(pid: u32) -> Result<Duration> {
    cpu_of(&read(pid, "stat")?).with_context(|| format!("no times of process {pid}"))
}

fn cpu_of(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses and may hold both.
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: Vec<u32> = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    match ticks[..] {
        [user, system] => Some(TICK * (user + system)),
        _ => None,
    }
}

fn read(pid: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("process {pid} is gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_past_an_odd_name() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0 4711 5 6";
        assert_eq!(cpu_of(stat), Some(Duration::from_secs(2)));
    }

    #[test]
    fn this_process_has_memory() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.peak >= memory.resident && memory.resident > memory.anonymous);
    }
}
