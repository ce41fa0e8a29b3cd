//! Tests that the published operator began: watched to their end, and never run again.

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, published::taken_over, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{condition, end_pod, ended, status};
use crate::world::{Place, SOON, World};

/// A test as a user of the published operator wrote it, with what that operator put on it.
fn test(name: &str, finalizer: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {{name: {name}, finalizers: [{finalizer}]}}
spec:
  image: locustio/locust:2.20.0
  master: {{command: --locustfile /lotest/src/demo.py}}
  worker: {{command: --locustfile /lotest/src/demo.py, replicas: 2}}
"
    )
}

/// A Job as the published operator makes it. `owner` is the test that owns it; version 1 gave Jobs none.
fn job(name: &str, owner: Option<&Value>) -> String {
    let owners: Vec<Value> = owner
        .map(|test| {
            json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "controller": true, "blockOwnerDeletion": true,
                "name": test["metadata"]["name"], "uid": test["metadata"]["uid"]})
        })
        .into_iter()
        .collect();
    let labels = json!({"performance-test-pod-name": name, "managed-by": "locust-k8s-operator"});
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "ownerReferences": owners, "labels": labels},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": name, "image": "locustio/locust:2.20.0"}]}}},
    })
    .to_string()
}

fn set_status(kubectl: &Kubectl, name: &str, status: Value) -> Result<()> {
    kubectl
        .patch_status("locusttest", name, &json!({"status": status}))
        .map(drop)
}

fn pod_of(kubectl: &Kubectl, job: &str) -> Result<Value> {
    wait_until(&format!("the pod of {job}"), SOON, || {
        let pods = kubectl.list("pods", &format!("batch.kubernetes.io/job-name={job}"))?;
        pods.into_iter().next().context("no pod")
    })
}

/// Nothing of these tests was made by us.
fn expect_nothing_made(place: &Place<'_>) -> Result<()> {
    place.settled()?;
    let created = place.created()?;
    ensure!(created.is_empty(), "created {created:?}");
    place.check_status_writes()
}

pub fn running_test_of_version_2(world: &World) -> Result<()> {
    let place = world.other.place("taken-over")?;
    let kubectl = &place.kubectl;
    for name in ["team.passes", "fails", "unsaid"] {
        kubectl.apply(&test(name, "locust.io/cleanup"))?;
        let test = kubectl.get("locusttest", name)?;
        let dashed = name.replace('.', "-");
        for role in ["master", "worker"] {
            kubectl.apply(&job(&format!("{dashed}-{role}"), Some(&test)))?;
        }
    }
    let running = json!({"phase": "Running", "startTime": "2026-01-02T03:04:05Z", "connectedWorkers": 2,
        "expectedWorkers": 2});
    set_status(kubectl, "team.passes", running.clone())?;
    set_status(kubectl, "fails", running)?;
    // The operator that made its Jobs died before it could say so.
    set_status(kubectl, "unsaid", json!({"phase": "Pending"}))?;
    kubectl.apply(&test("over", "locust.io/cleanup"))?;
    let done = json!({"phase": "Succeeded", "startTime": "2026-01-02T03:04:05Z", "completionTime": "2026-01-02T03:05:05Z"});
    set_status(kubectl, "over", done.clone())?;
    let generation = |name: &str| -> Result<Value> {
        Ok(kubectl.get("locusttest", name)?["metadata"]["generation"].take())
    };
    let before = generation("team.passes")?;

    let _operator = place.operator()?;
    let test = taken_over(kubectl, "team.passes", SOON)?;
    assert_eq!(test["status"]["startTime"], "2026-01-02T03:04:05Z");
    assert_eq!(test["status"]["phase"], "Running");
    assert_eq!(
        condition(&test["status"], "ResultsAvailable")["reason"],
        "ExitCodeOnly"
    );
    for (name, code, outcome) in [
        ("team.passes", 0, ["Succeeded", "Passed", "ExitCodeOnly"]),
        ("fails", 1, ["Failed", "Failed", "ExitCodeOnly"]),
        ("unsaid", 0, ["Succeeded", "Passed", "ExitCodeOnly"]),
    ] {
        taken_over(kubectl, name, SOON)?;
        let job = format!("{}-master", name.replace('.', "-"));
        end_pod(kubectl, &pod_of(kubectl, &job)?, code, "")?;
        let status = ended(kubectl, name)?;
        assert_eq!(
            [&status["phase"], &status["verdict"], &status["reason"]],
            outcome,
            "{name}"
        );
        assert_eq!(condition(&status, "Completed")["status"], "True", "{name}");
    }
    assert_eq!(
        status(kubectl, "over")?,
        done,
        "what is over stays as it was"
    );
    assert_eq!(
        before,
        generation("team.passes")?,
        "the user's object is as it was"
    );
    expect_nothing_made(&place)?;
    // Nobody else would let go of it.
    kubectl
        .run(&["delete", "locusttest", "over", "--timeout=20s"])
        .map(drop)
}

/// A10-7: called failed while its pods could not be scheduled, and its Jobs left to load once they can be.
pub fn a_failed_test_of_version_2_loads_no_more(world: &World) -> Result<()> {
    let place = world.other.place("failed-and-loading")?;
    let kubectl = &place.kubectl;
    let failed = json!({"phase": "Failed", "startTime": "2026-01-02T03:04:05Z", "completionTime": "2026-01-02T03:06:05Z",
        "conditions": [{"type": "PodsHealthy", "status": "False", "reason": "SchedulingError", "message": "0/1 nodes",
            "lastTransitionTime": "2026-01-02T03:06:05Z"}]});
    for name in ["loads", "other"] {
        kubectl.apply(&test(name, "locust.io/cleanup"))?;
        set_status(kubectl, name, failed.clone())?;
    }
    let owner = kubectl.get("locusttest", "loads")?;
    for role in ["master", "worker"] {
        kubectl.apply(&job(&format!("loads-{role}"), Some(&owner)))?;
        // Of nobody, by the name that a test's Job has.
        kubectl.apply(&job(&format!("other-{role}"), None))?;
        pod_of(kubectl, &format!("loads-{role}"))?;
    }
    let _operator = place.operator()?;
    for role in ["master", "worker"] {
        let name = format!("loads-{role}");
        wait_until(&format!("the pods of {name} are gone"), SOON * 2, || {
            let job = kubectl.get("job", &name)?;
            ensure!(job["spec"]["activeDeadlineSeconds"] == 1, "{}", job["spec"]);
            let pods = kubectl.list("pods", &format!("batch.kubernetes.io/job-name={name}"))?;
            let left = pods
                .iter()
                .find(|pod| pod["metadata"].get("deletionTimestamp").is_none());
            ensure!(left.is_none(), "{left:?}");
            Ok(())
        })?;
        let job = kubectl.get("job", &format!("other-{role}"))?;
        ensure!(
            job["spec"]["activeDeadlineSeconds"].is_null(),
            "{}",
            job["spec"]
        );
    }
    let events = wait_until("it is told", SOON, || {
        let mut events = kubectl.events("loads")?;
        events.retain(|event| event["reason"] == "LoadStopped");
        ensure!(events.len() == 1, "{events:?}");
        Ok(events)
    })?;
    let note = events[0]["note"].as_str().unwrap_or_default();
    ensure!(
        events[0]["type"] == "Warning" && note.ends_with("Job loads-master, Job loads-worker"),
        "{events:?}"
    );
    assert_eq!(
        status(kubectl, "loads")?,
        failed,
        "what is over stays as it was"
    );
    place.settled()?;
    ensure!(place.created()?.is_empty(), "{:?}", place.created()?);
    Ok(())
}

pub fn test_of_version_1(world: &World) -> Result<()> {
    let place = world.other.place("taken-over-from-1")?;
    let kubectl = &place.kubectl;
    // That version wrote no status and made no owners; of the second test the Jobs were collected.
    for name in ["team.runs", "team.ran"] {
        kubectl.apply(&test(name, "locusttests.locust.io/finalizer"))?;
    }
    for role in ["master", "worker"] {
        kubectl.apply(&job(&format!("team-runs-{role}"), None))?;
    }
    kubectl.run(&[
        "create",
        "service",
        "clusterip",
        "team-runs-master",
        "--tcp=5557",
    ])?;

    let _operator = place.operator()?;
    let test = taken_over(kubectl, "team.runs", SOON)?;
    for (kind, name) in [
        ("job", "team-runs-master"),
        ("job", "team-runs-worker"),
        ("service", "team-runs-master"),
    ] {
        let object = kubectl.get(kind, name)?;
        let owner = &object["metadata"]["ownerReferences"][0];
        assert_eq!(
            owner["uid"], test["metadata"]["uid"],
            "{kind} {name} goes with its test"
        );
    }
    // The exporter in the master's pod goes on, so the Job does not end.
    end_pod(kubectl, &pod_of(kubectl, "team-runs-master")?, 0, "")?;
    let status = ended(kubectl, "team.runs")?;
    assert_eq!(
        [&status["verdict"], &status["reason"]],
        ["Passed", "ExitCodeOnly"]
    );
    let status = ended(kubectl, "team.ran")?;
    assert_eq!(
        [&status["verdict"], &status["reason"]],
        ["Error", "ResultLost"]
    );
    expect_nothing_made(&place)
}
