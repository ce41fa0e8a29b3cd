//! Long-running processes: starting, recording, finding and ending them.
//!
//! A process is known by its id *and* its start time, so that a recycled id is
//! never taken for it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::{interrupt, lasting, log_file};

/// A process that was started, as it is kept in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it is, for people.
    pub name: String,
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

impl Record {
    /// The record of a process that runs now.
    pub fn of(name: &str, pid: u32) -> Option<Self> {
        let start = start_time(pid)?;
        Some(Self {
            name: name.to_owned(),
            pid,
            start,
        })
    }

    /// Whether this very process still runs.
    pub fn alive(&self) -> bool {
        start_time(self.pid) == Some(self.start)
    }

    /// Kills this very process.
    pub fn kill(&self) {
        if self.alive() {
            kill(self.pid);
        }
    }

    /// Sends this very process a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = to_pid(self.pid).filter(|_| self.alive());
        let pid = pid.ok_or_else(|| anyhow!("{} has ended", self.name))?;
        Ok(kill_process(pid, signal)?)
    }
}

/// When the process with this id started; nothing when there is none or it
/// has already ended and only waits to be reaped.
pub fn start_time(pid: u32) -> Option<u64> {
    parse_start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses and may hold both.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let state = fields.first()?;
    if matches!(*state, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Whether the process outlives the one that starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// It is killed when the starting process ends, however that ends.
    OfParent,
    /// It stays until it is ended.
    UntilEnded,
}

/// Starts a program with its output in `log`.
pub fn start(
    name: &str,
    lifetime: Lifetime,
    log: &Path,
    program: &Path,
    set_up: impl FnOnce(&mut Command),
) -> Result<(Record, Child)> {
    interrupt::check()?;
    // Both wrappers replace themselves with the program: the id stays.
    let mut command = match lifetime {
        Lifetime::OfParent => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--"]).process_group(0);
            command
        }
        Lifetime::UntilEnded => Command::new("setsid"),
    };
    let log = log_file::append(log)?;
    command
        .arg(program)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    set_up(&mut command);
    let child = lasting::spawn(command).with_context(|| format!("cannot start {name}"))?;
    let record = Record::of(name, child.id())
        .ok_or_else(|| anyhow!("{name} ended as soon as it was started"))?;
    Ok((record, child))
}

/// Adds a record to a file, one JSON object per line.
pub fn remember(file: &Path, record: &Record) -> Result<()> {
    use std::io::Write;
    let line = serde_json::to_string(record)?;
    writeln!(log_file::append(file)?, "{line}")
        .with_context(|| format!("cannot write {}", file.display()))
}

/// The records in a file; a line cut short by a crash is left out.
pub fn remembered(file: &Path) -> Vec<Record> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// A process found in `/proc`.
#[derive(Debug)]
pub struct Found {
    /// Process id.
    pub pid: u32,
    /// Its program file, when it can be read.
    pub program: Option<PathBuf>,
    /// Its arguments, the first being its name.
    pub arguments: Vec<String>,
}

/// All processes that run now, without zombies and kernel threads.
pub fn all() -> Vec<Found> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|pid| start_time(*pid).is_some())
        .filter_map(|pid| {
            let arguments = arguments(pid);
            (!arguments.is_empty()).then(|| Found {
                pid,
                program: program(pid),
                arguments,
            })
        })
        .collect()
}

/// The arguments of a process.
pub fn arguments(pid: u32) -> Vec<String> {
    let content = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&content).into_owned();
    text.split('\0')
        .filter(|argument| !argument.is_empty())
        .map(str::to_owned)
        .collect()
}

fn program(pid: u32) -> Option<PathBuf> {
    let target = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let text = target.to_string_lossy();
    // A program rebuilt while it runs is shown like this.
    Some(PathBuf::from(
        text.strip_suffix(" (deleted)").unwrap_or(&text),
    ))
}

/// Kills a process by id.
pub fn kill(pid: u32) {
    if let Some(pid) = to_pid(pid) {
        // It may have ended by itself in the meantime.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Kills a process group by its leader's id.
pub fn kill_group(leader: u32) {
    if let Some(pid) = to_pid(leader) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn to_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Kills recorded processes and waits until they are gone.
pub fn kill_all(records: &[Record]) -> Result<()> {
    records.iter().for_each(Record::kill);
    let begin = Instant::now();
    while let Some(left) = records.iter().find(|record| record.alive()) {
        if begin.elapsed() > Duration::from_secs(10) {
            bail!(
                "{} (process {}) does not end, not even by SIGKILL; see `cat /proc/{}/stack`",
                left.name,
                left.pid,
                left.pid
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_read_past_an_odd_name() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 5 6";
        assert_eq!(parse_start_time(stat), Some(4711));
    }

    #[test]
    fn a_zombie_does_not_run() {
        let stat = "12 (sh) Z 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 5 6";
        assert_eq!(parse_start_time(stat), None);
    }

    #[test]
    fn a_recycled_id_is_another_process() {
        let own = Record::of("self", std::process::id()).unwrap();
        assert!(own.alive());
        let stale = Record {
            start: own.start + 1,
            ..own
        };
        assert!(!stale.alive());
        stale.kill();
    }

    #[test]
    fn a_process_that_ended_is_not_alive() {
        let mut child = Command::new("true").spawn().unwrap();
        let record = Record {
            name: "true".into(),
            pid: child.id(),
            start: start_time(child.id()).unwrap_or(0),
        };
        child.wait().unwrap();
        assert!(!record.alive());
    }

    #[test]
    fn records_survive_a_cut_line() {
        let file = std::env::temp_dir().join(format!("e2e-node-records-{}", std::process::id()));
        let record = Record {
            name: "etcd".into(),
            pid: 1,
            start: 2,
        };
        remember(&file, &record).unwrap();
        fs::write(&file, fs::read_to_string(&file).unwrap() + "{\"name\":\"ku").unwrap();
        assert_eq!(remembered(&file), [record]);
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let log = std::env::temp_dir().join(format!("e2e-node-spawn-{}", std::process::id()));
        let asked = log.clone();
        let (record, mut child) = std::thread::spawn(move || {
            start(
                "sleep",
                Lifetime::OfParent,
                &asked,
                Path::new("sleep"),
                |command| {
                    command.arg("60");
                },
            )
            .unwrap()
        })
        .join()
        .unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert!(record.alive());
        kill_all(&[record]).unwrap();
        child.wait().unwrap();
        fs::remove_file(log).unwrap();
    }
}
