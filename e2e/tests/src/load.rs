//! Stop means stop: how long load still comes after a run's end, as the demo target counts it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

use crate::{Kubectl, node::target_runs};

/// The last request may come this long after the end: pods need a moment to go.
const LAST_REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long the target is watched after that. Workers whose master is gone would go on for a minute.
const WATCHED: Duration = Duration::from_secs(8);

/// Fails if the target counted a request of this finished test later than 10 s after its end.
pub fn expect_load_ended(kubectl: &Kubectl, test: &Value) -> Result<()> {
    let id = test["metadata"]["uid"].as_str().context("a UID")?;
    let end = test["status"]["completionTime"]
        .as_str()
        .context("a completion time")?;
    expect_no_load_after(kubectl, id, end.parse()?)
}

/// Fails if the target counted a request of this run later than 10 s after `end`.
pub fn expect_no_load_after(kubectl: &Kubectl, run_id: &str, end: Timestamp) -> Result<()> {
    let limit = end + LAST_REQUEST_WITHIN;
    let left = (limit + WATCHED).duration_since(Timestamp::now());
    std::thread::sleep(Duration::try_from(left).unwrap_or_default());
    let runs = target_runs(kubectl)?;
    let last = runs["runs"][run_id]["lastUnixMs"]
        .as_i64()
        .with_context(|| format!("the target knows no run {run_id}: {runs}"))?;
    let last = Timestamp::from_millisecond(last)?;
    ensure!(
        last <= limit,
        "the load should have ended at {end}, and the target counted its last request at {last}"
    );
    Ok(())
}
