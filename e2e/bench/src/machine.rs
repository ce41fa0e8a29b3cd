//! Where and with what it was measured.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use e2e_tests::operator;
use jiff::Timestamp;

/// Date, machine and versions, one line each.
pub fn lines() -> Result<Vec<String>> {
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let server = Layout::discover()?.program("kube-apiserver");
    let [operator, kubernetes] = [operator::binary()?, server].map(|program| {
        let output = Command::new(&program).arg("--version").output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(output.status.success(), "{} failed", program.display());
        anyhow::Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    Ok(vec![
        format!("Date: {}", Timestamp::now().strftime("%Y-%m-%d %H:%M UTC")),
        format!(
            "Machine: {cores} cores, {:.0} GB of memory, Linux {}",
            memory()?,
            kernel.trim()
        ),
        format!("Versions: {}, {}", operator?, kubernetes?),
    ])
}

/// The machine's memory in GB.
fn memory() -> Result<f64> {
    let info = fs::read_to_string("/proc/meminfo")?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: f64 = total
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no MemTotal")?
        .parse()?;
    Ok(kib * 1024.0 / 1e9)
}
