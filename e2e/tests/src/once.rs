//! A run happens once and costs no needless write: what the API server logged and holds of it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    Kubectl,
    audit::{Request, expect_no_idle_patches},
    node::{Node, OPERATOR, SOON, name_of},
    wait_until,
};

/// What the operator asked for that names this test's run, in what was sent or answered; bodies are audited of
/// Jobs and of the status.
pub fn requests_about(node: &Node, test: &Value) -> Result<Vec<Request>> {
    let id = test["metadata"]["uid"].as_str().context("a UID")?;
    let mut requests = node.audit.mentioning(id)?;
    requests.retain(|request| request.user() == OPERATOR);
    Ok(requests)
}

/// Fails unless each Job of this test was posted exactly once, no write of its status was in vain, no second master is
/// there, and the end was told once.
pub fn expect_one_run(node: &Node, kubectl: &Kubectl, test: &Value) -> Result<()> {
    let requests = requests_about(node, test)?;
    let run = &test["status"]["run"];
    for job in ["masterName", "workerName"] {
        let posts = requests
            .iter()
            .filter(|it| it.verb() == "create" && it.resource() == "jobs" && it.name() == run[job])
            .count();
        ensure!(posts == 1, "{posts} POSTs of the Job {}", run[job]);
    }
    expect_no_idle_patches(&requests)?;
    let master = format!(
        "locust.io/role=master,locust.io/run-id={}",
        run["id"].as_str().context("a run id")?
    );
    let jobs = kubectl.list("jobs", &master)?;
    ensure!(
        jobs.iter()
            .all(|job| job["metadata"]["uid"] == run["masterJobUID"]),
        "a second master: {jobs:?}"
    );
    let pods = kubectl.list("pods", &master)?;
    ensure!(pods.len() <= 1, "a second master: {pods:?}");
    expect_end_told_once(kubectl, test)
}

/// The event `Finished` says what the status says; a test that was deleted has no end.
fn expect_end_told_once(kubectl: &Kubectl, test: &Value) -> Result<()> {
    let text = |field: &str| test["status"][field].as_str().unwrap_or_default();
    let (verdict, reason, message) = (text("verdict"), text("reason"), text("message"));
    if verdict.is_empty() {
        return Ok(());
    }
    let kind = if verdict == "Passed" {
        "Normal"
    } else {
        "Warning"
    };
    // Long notes are cut.
    let start: String = format!("{verdict} ({reason}): {message}")
        .chars()
        .take(900)
        .collect();
    wait_until("the end is told", SOON, || {
        let mut events = kubectl.events(name_of(test))?;
        events.retain(|event| {
            event["reason"] == "Finished" && event["regarding"]["uid"] == test["metadata"]["uid"]
        });
        let note = events.first().and_then(|event| event["note"].as_str());
        ensure!(
            events.len() == 1
                && events[0]["type"] == kind
                && events[0].get("series").is_none()
                && note.is_some_and(|note| note.starts_with(&start)),
            "{events:?}"
        );
        Ok(())
    })
}
