//! The operator was not there: a run still happens exactly once, or its loss is told.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::harness;
use e2e_tests::wait::stays_so;
use serde_json::json;

use crate::kubelet;
use crate::script::{Script, TEST};
use crate::world::{SOON, World};

pub fn the_operator_was_away(world: &World) -> Result<()> {
    let place = world.other.place("away")?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    kubectl.apply(TEST)?;
    let status = kubelet::started(kubectl, "demo")?;
    kubelet::master_pod(kubectl, "demo")?;
    place.settled()?;
    operator.kill()?;

    let created = place.created()?;
    let mut operator = place.operator()?;
    place.settled()?;
    assert_eq!(place.created()?, created, "nothing is created again");
    let sent = place
        .writes()?
        .iter()
        .filter(|write| write.verb() == "create")
        .count();
    assert_eq!(sent, created.len(), "nor tried to be");
    operator.kill()?;

    let run = status["run"]["id"].as_str().context("a run id")?;
    let report = kubelet::report(run, &json!({}));
    kubelet::end_master(kubectl, "demo", 0, &report.to_string())?;
    let _operator = place.operator()?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["verdict"], &status["phase"]],
        ["Passed", "Succeeded"]
    );
    place.settled()?;
    assert_eq!(place.created()?, created);
    Ok(())
}

pub fn all_was_collected_while_the_operator_was_away(world: &World) -> Result<()> {
    let lost = ["Failed", "Error", "ResultLost"];
    let cut_off = ["Failed", "Inconclusive", "MasterLost"];
    // Which was seen of the run before, and what is gone when the operator is back.
    let cases = [
        ("nothing-then-no-pod", false, "pod", lost),
        ("nothing-then-no-job", false, "job", lost),
        ("load-then-no-pod", true, "pod", cut_off),
        ("load-then-no-job", true, "job", cut_off),
    ];
    let results = harness::each(&cases, cases.len(), |(name, seen, gone, outcome)| {
        collected(world, name, *seen, gone, outcome).with_context(|| (*name).to_owned())
    });
    results.into_iter().collect()
}

fn collected(world: &World, name: &str, seen: bool, gone: &str, outcome: &[&str]) -> Result<()> {
    let place = world.other.place(name)?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    let script = Script::start(kubectl)?;
    if !seen {
        operator.kill()?;
    }
    let loading = script.load()?;
    if seen {
        script.running()?;
        operator.kill()?;
    }
    let created = place.created()?;
    script.finish(&loading)?;
    kubectl.wait("job/demo-master", "condition=Complete", SOON)?;
    kubectl.run(&["delete", gone, "--selector=locust.io/role=master"])?;

    let _operator = place.operator()?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        outcome
    );
    kubectl.wait("job/demo-worker", "condition=Failed", SOON)?;
    place.settled()?;
    assert_eq!(place.created()?, created, "nothing is made again");
    Ok(())
}

pub fn a_deleted_job_is_an_outcome(world: &World) -> Result<()> {
    let place = world.main.place("deleted-job")?;
    let kubectl = &place.kubectl;
    kubectl.apply(TEST)?;
    kubelet::started(kubectl, "demo")?;
    kubelet::master_pod(kubectl, "demo")?;
    let created = place.created()?;
    kubectl.delete("job", "demo-master")?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Error", "ResultLost"]
    );
    let message = status["message"].to_string();
    ensure!(
        message.contains("the master's Job was deleted"),
        "{message}"
    );
    stays_so("the Job is not made again", Duration::from_secs(3), || {
        ensure!(
            kubectl
                .find("job", "demo-master")?
                .is_none_or(|job| job["metadata"]["deletionTimestamp"].is_string())
        );
        Ok(())
    })?;
    assert_eq!(place.created()?, created);
    // What is left of the run makes no load.
    e2e_tests::wait_until("the workers are ended", SOON, || {
        let job = kubectl.get("job", "demo-worker")?;
        ensure!(job["spec"]["activeDeadlineSeconds"] == 1, "{}", job["spec"]);
        Ok(())
    })
}
