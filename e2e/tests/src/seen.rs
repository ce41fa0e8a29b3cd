//! What tests saw of LocustTests, kept for the documents that are generated from it: docs/cases.md, and the proof
//! that every reason in docs/troubleshooting.md is produced by a test.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use e2e_node::Layout;
use serde_json::{Value, json};

/// Directory of what was seen; emptied by whoever wants to know about one run of tests.
pub fn directory() -> Result<PathBuf> {
    Ok(Layout::discover()?.state.join("seen"))
}

/// The kinds whose reasons the documents explain.
const KINDS: [&str; 4] = [
    "LocustTest",
    "LocustTestSuite",
    "LocustSchedule",
    "LocustTemplate",
];

/// Keeps the reasons of an object of ours, or of those in a list, as the API server showed them.
pub fn note(object: &Value) -> Result<()> {
    let items = object["items"].as_array().map(Vec::as_slice);
    for found in items.unwrap_or(std::slice::from_ref(object)) {
        if KINDS.iter().any(|kind| found["kind"] == *kind) {
            reasons(found).try_for_each(keep_reason)?;
        }
    }
    Ok(())
}

fn reasons(object: &Value) -> impl Iterator<Item = &str> {
    let status = &object["status"];
    let holders = ["conditions", "steps", "history"].map(|list| status[list].as_array());
    [status, &status["lastSkip"], &status["lastRun"]]
        .into_iter()
        .chain(holders.into_iter().flatten().flatten())
        .filter_map(|holder| holder["reason"].as_str())
}

fn keep_reason(reason: &str) -> Result<()> {
    let reasons = directory()?.join("reasons");
    let file = reasons.join(reason);
    if file.exists() {
        return Ok(());
    }
    fs::create_dir_all(&reasons)?;
    fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))
}

/// Keeps how a test in this situation ended: a row of docs/cases.md. To be called when all else was checked.
///
/// The situation is a phrase a user would search for, without a full stop: "a worker pod is deleted during the load".
pub fn case(situation: &str, test: &Value) -> Result<()> {
    let cases = directory()?.join("cases");
    fs::create_dir_all(&cases)?;
    let status = &test["status"];
    let row = json!({"situation": situation, "phase": status["phase"], "verdict": status["verdict"],
        "reason": status["reason"], "message": status["message"]});
    let slug: String = situation
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let file = cases.join(format!("{slug}.json"));
    fs::write(&file, row.to_string()).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_has_the_reasons_of_its_status_and_its_conditions() {
        let test =
            json!({"status": {"reason": "Timeout", "conditions": [{"reason": "TestFailed"}, {}]}});
        assert_eq!(
            reasons(&test).collect::<Vec<_>>(),
            ["Timeout", "TestFailed"]
        );
    }
}
