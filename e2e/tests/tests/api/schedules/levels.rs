//! Owners: what goes with what.

use anyhow::{Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::json;

use super::{TEST, ask_and_get, schedule, status, until};
use crate::kubelet;
use crate::world::{SOON, World};

/// Schedule, suite, test, Jobs: what is deleted takes with it what is below, and nothing else.
pub fn three_levels_of_owners(world: &World) -> Result<()> {
    let place = world.main.place("schedule-levels")?;
    let kubectl = &place.kubectl;
    let spec = format!(
        "  concurrencyPolicy: Allow\n  history: {{other: 0}}\n  runTemplate: {{suite: {{execution: Parallel, steps: [{{name: a, {TEST}}}, {{name: b, {TEST}}}]}}}}"
    );
    kubectl.apply(&schedule("deep", &spec))?;
    let first = ask_and_get(kubectl, "deep", "one")?;
    let second = ask_and_get(kubectl, "deep", "two")?;
    for suite in [&first, &second] {
        for step in ["a", "b"] {
            kubelet::started(kubectl, &format!("{suite}-{step}"))?;
        }
    }
    // A test: its Jobs go, and its sister stays.
    kubectl.delete("lotest", &format!("{first}-a"))?;
    gone(kubectl, "job", &format!("{first}-a-master"))?;
    kubectl.get("lotest", &format!("{first}-b"))?;
    kubectl.get("job", &format!("{first}-b-master"))?;
    // A suite: its tests go, and the other suite stays.
    kubectl.delete("losuite", &first)?;
    gone(kubectl, "lotest", &format!("{first}-b"))?;
    gone(kubectl, "job", &format!("{first}-b-master"))?;
    kubectl.get("lotest", &format!("{second}-b"))?;
    until(kubectl, "deep", "the suite is missed", |status| {
        status["activeRuns"] == 1 && status["lastRun"]["verdict"] == "Aborted"
    })?;
    // One that ends, at once as no master is to be asked, is beyond the history: it goes, once its verdict is stored.
    kubectl.patch("losuite", &second, &json!({"spec": {"stop": true}}))?;
    gone(kubectl, "losuite", &second)?;
    gone(kubectl, "job", &format!("{second}-a-master"))?;
    let status = status(kubectl, "deep")?;
    ensure!(status["other"] == 2, "{status}");
    // The schedule: everything.
    let third = ask_and_get(kubectl, "deep", "three")?;
    kubelet::started(kubectl, &format!("{third}-a"))?;
    kubectl.delete("losched", "deep")?;
    gone(kubectl, "losuite", &third)?;
    gone(kubectl, "lotest", &format!("{third}-a"))?;
    gone(kubectl, "job", &format!("{third}-a-worker"))
}

fn gone(kubectl: &Kubectl, kind: &str, name: &str) -> Result<()> {
    wait_until(&format!("{kind} {name} is gone"), SOON, || {
        ensure!(kubectl.find(kind, name)?.is_none(), "it is there");
        Ok(())
    })
}
