//! Running other programs to their end, with their output in a log.

use std::ffi::OsStr;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{interrupt, log_file, process, report};

const POLL: Duration = Duration::from_millis(50);
const PROGRESS_EVERY: Duration = Duration::from_secs(20);

/// A program to run with its output in a log.
pub struct Logged {
    label: String,
    log: PathBuf,
    command: Command,
}

impl Logged {
    /// A program whose output is added to `log`.
    pub fn new(label: &str, log: PathBuf, program: impl AsRef<OsStr>) -> Self {
        Self {
            label: label.to_owned(),
            log,
            command: Command::new(program),
        }
    }

    /// Sets up arguments, environment and directory.
    pub fn with(mut self, set_up: impl FnOnce(&mut Command)) -> Self {
        set_up(&mut self.command);
        self
    }

    /// Runs it; a line of progress every 20 seconds, the log's last lines in
    /// the error, and nothing left running after an interruption.
    pub fn run(mut self) -> Result<()> {
        interrupt::check()?;
        let log = log_file::append(&self.log)?;
        let program = self.command.get_program().to_string_lossy().into_owned();
        let begin = Instant::now();
        // A group of its own, so that an interruption ends its children too.
        let mut child = self
            .command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let mut next_progress = PROGRESS_EVERY;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if let Err(interrupted) = interrupt::check() {
                process::kill_group(child.id());
                child.wait()?;
                return Err(interrupted);
            }
            if begin.elapsed() >= next_progress {
                report::line(&format!(
                    "… {}: {}",
                    self.label,
                    report::human(begin.elapsed())
                ));
                next_progress += PROGRESS_EVERY;
            }
            std::thread::sleep(POLL);
        };
        if !status.success() {
            bail!(
                "{} failed: {program} ended with {status}. Last lines of {}:\n{}",
                self.label,
                self.log.display(),
                log_file::tail(&self.log)
            );
        }
        Ok(())
    }
}

/// Runs a program and returns what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<String> {
    interrupt::check()?;
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .process_group(0)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        bail!(
            "`{program} {}` ended with {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program with text on its standard input.
pub fn feed(command: &mut Command, input: &str) -> Result<String> {
    use std::io::Write;
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{program} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits until `ready` says so; `still_waiting` may end the wait with an error.
pub fn wait_for(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> bool,
    mut still_waiting: impl FnMut() -> Result<()>,
) -> Result<()> {
    let begin = Instant::now();
    while !ready() {
        interrupt::check()?;
        still_waiting()?;
        if begin.elapsed() > limit {
            bail!("{what}: not there after {}", report::human(limit));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
