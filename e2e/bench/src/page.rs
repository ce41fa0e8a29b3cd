//! The page of results, docs/benchmarks.md.

use std::fs;

use anyhow::{Context, Result};
use e2e_node::Layout;

use crate::machine;
use crate::table::Table;

const TEMPLATE: &str = include_str!("page.md");

/// Writes the page with the table of a whole run.
pub fn write(table: &Table) -> Result<()> {
    let lines = machine::lines()?;
    let machine: String = lines.iter().map(|line| format!("* {line}\n")).collect();
    let path = Layout::discover()?.repo.join("docs/benchmarks.md");
    fs::write(
        &path,
        fill(machine.trim_end(), &table.markdown(), &table.notes()),
    )
    .with_context(|| format!("cannot write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

fn fill(machine: &str, table: &str, notes: &str) -> String {
    TEMPLATE
        .replace("{{machine}}", machine)
        .replace("{{table}}", table)
        .replace("{{notes}}", notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_is_left_empty() {
        let page = fill("* Machine: 1", "| table |\n", "* note\n");
        assert!(!page.contains("{{"), "{page}");
        for part in ["* Machine: 1\n\n| table |\n", "* note\n\n## What"] {
            assert!(page.contains(part), "{page}");
        }
    }
}
