//! Log files of steps and parts.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result};

/// How much of a log an error shows.
const TAIL_LINES: usize = 20;

/// Opens a log to add to it.
pub fn append(log: &Path) -> Result<File> {
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}

/// The last lines of a log, indented.
pub fn tail(log: &Path) -> String {
    let content = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let lines: Vec<_> = text.lines().collect();
    let first = lines.len().saturating_sub(TAIL_LINES);
    lines
        .iter()
        .skip(first)
        .map(|line| format!("  | {line}\n"))
        .collect()
}
