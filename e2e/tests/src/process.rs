//! Programs in the background that end with the test process.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use e2e_node::lasting;

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
