//! The end of a run: what Locust wrote becomes the status, for good.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kubelet::{self, DETAILS, END, START, condition, report};
use crate::world::{SOON, World};

pub fn test(name: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{testFiles: {{inline: {{locustfile.py: ''}}}}, worker: {{replicas: 2}}}}}}"
    )
}

/// Runs a test up to the moment its master ends with this.
pub fn run(
    kubectl: &Kubectl,
    name: &str,
    code: i32,
    message: impl FnOnce(&str) -> String,
) -> Result<()> {
    kubectl.apply(&test(name))?;
    let status = kubelet::started(kubectl, name)?;
    let id = status["run"]["id"].as_str().context("a run id")?;
    kubelet::end_master(kubectl, name, code, &message(id))
}

/// The cells of the test's line in `kubectl get`.
pub fn cells(kubectl: &Kubectl, name: &str) -> Result<Vec<String>> {
    let line = kubectl.run(&["get", "lotest", name, "--no-headers"])?;
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

pub fn passed(world: &World) -> Result<()> {
    let place = world.main.place("passed")?;
    let kubectl = &place.kubectl;
    run(kubectl, "demo", 0, |id| {
        format!("{}\n{DETAILS}", report(id, &json!({})))
    })?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [
            &status["phase"],
            &status["verdict"],
            &status["reason"],
            &status["message"]
        ],
        ["Succeeded", "Passed", "AllPassed", "700 requests, 0 failed"]
    );
    assert_eq!(
        [&status["startTime"], &status["completionTime"]],
        [START.1, END.1]
    );
    assert_eq!(
        [
            &status["run"]["loadStartTime"],
            &status["run"]["loadEndTime"]
        ],
        [START.1, END.1]
    );
    assert_eq!(
        status["summary"],
        json!({"requests": 700, "failures": 0, "exceptions": 0, "errorRatio": "0.0000", "rps": "23.3", "avg": "11ms",
            "p50": "2ms", "p95": "43ms", "p99": "64ms", "max": "1.25s", "peakUsers": 4, "resolution": "ThreeDigits",
            "final": true, "endpointsOmitted": 3, "errorsOmitted": 1,
            "endpoints": [
                {"method": "GET", "name": "/", "requests": 600, "failures": 0, "rps": "20.0", "p95": "40ms", "p99": "60ms"},
                {"method": "POST", "name": "/cart", "requests": 100, "failures": 7, "rps": "3.3", "p95": "90ms", "p99": "160ms"}],
            "errors": [{"method": "POST", "name": "/cart", "message": "HTTPError('500 Server Error')", "count": 7}]})
    );
    assert_eq!(
        status["pin"],
        json!({"image": "locustio/locust:2.47.0", "imageID": "docker.io/locustio/locust@sha256:0123",
            "locustVersion": "2.47.0", "pythonVersion": "3.11.2", "files": {"locustfile.py": "abc123"}})
    );
    for (field, value) in [
        ("text", json!("2/2")),
        ("connected", json!(2)),
        ("peak", json!(2)),
        ("lost", json!(0)),
    ] {
        assert_eq!(status["workers"][field], value, "workers.{field}");
    }
    for (kind, word) in [
        ("TestCompleted", "True"),
        ("Completed", "True"),
        ("Succeeded", "True"),
        ("Ready", "True"),
    ] {
        ensure!(
            condition(&status, kind)["status"] == word,
            "{kind} in {status}"
        );
    }
    assert_eq!(
        condition(&status, "TestCompleted")["reason"],
        "TestSucceeded"
    );
    assert_eq!(condition(&status, "Reconciling"), Value::Null);
    let cells = cells(kubectl, "demo")?;
    assert_eq!(
        cells[..8],
        [
            "demo",
            "Succeeded",
            "Passed",
            "2/2",
            "4",
            "23.3",
            "43ms",
            "0.0000"
        ]
    );
    kubectl.run(&[
        "wait",
        "lotest/demo",
        "--for=condition=Completed",
        "--timeout=5s",
    ])?;

    place.settled()?;
    place.check_status_writes()?;
    let writes: Vec<String> = place.writes()?.iter().map(|write| write.line()).collect();
    ensure!(
        writes.len() <= 12,
        "{} writes for a run: {writes:#?}",
        writes.len()
    );
    let events = kubectl.events("demo")?;
    let reasons: Vec<&str> = events
        .iter()
        .filter(|event| event["regarding"]["kind"] == "LocustTest")
        .filter_map(|event| event["reason"].as_str())
        .collect();
    assert_eq!(reasons, ["Started", "Finished"]);
    the_left_over_workers_are_ended(kubectl)?;
    let writes = place.writes()?;
    let told: Vec<&str> = writes
        .iter()
        .filter(|write| write.resource() == "jobs" && write.verb() == "patch")
        .map(|write| write.name())
        .collect();
    assert_eq!(told, ["demo-worker"], "the workers are told to end, once");
    // Published: people wait for the master's Job.
    kubectl.run(&[
        "wait",
        "job/demo-master",
        "--for=condition=Complete",
        "--timeout=10s",
    ])?;
    Ok(())
}

pub fn the_left_over_workers_are_ended(kubectl: &Kubectl) -> Result<()> {
    wait_until("the worker Job is over", SOON, || {
        let job = kubectl.get("job", "demo-worker")?;
        ensure!(
            job["spec"]["activeDeadlineSeconds"] == 1,
            "its deadline is {}",
            job["spec"]["activeDeadlineSeconds"]
        );
        let failed = condition(&job["status"], "Failed");
        ensure!(failed["reason"] == "DeadlineExceeded", "{}", job["status"]);
        let pods = kubectl.list("pods", "locust.io/role=worker")?;
        ensure!(pods.is_empty(), "{} pods are left", pods.len());
        Ok(())
    })?;
    kubectl.get("configmap", "demo-master")?;
    Ok(())
}

pub fn requests_failed(world: &World) -> Result<()> {
    let place = world.main.place("failed")?;
    let kubectl = &place.kubectl;
    run(kubectl, "demo", 1, |id| {
        // Cut in the middle of a line, as a kubelet does.
        let text = format!(
            "{}\n{DETAILS}",
            report(id, &json!({"f": 7, "exc": 2, "exit": 1}))
        );
        text[..text.len() - 150].to_owned()
    })?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Failed", "RequestsFailed"]
    );
    assert_eq!(
        status["message"],
        "700 requests, 7 failed, 2 uncaught exceptions"
    );
    assert_eq!(status["summary"]["errorRatio"], "0.0100");
    assert_eq!(condition(&status, "Succeeded")["status"], "False");
    assert_eq!(condition(&status, "TestCompleted")["reason"], "TestFailed");
    assert_eq!(condition(&status, "Completed")["status"], "True");
    let cells = cells(kubectl, "demo")?;
    assert_eq!(
        cells[..8],
        [
            "demo", "Failed", "Failed", "2/2", "4", "23.3", "43ms", "0.0100"
        ]
    );
    let event = wait_until("the event Finished", SOON, || {
        let mut events = kubectl.events("demo")?;
        events.retain(|event| event["reason"] == "Finished");
        events.pop().context("there is none")
    })?;
    assert_eq!(event["type"], "Warning");
    assert_eq!(
        event["note"],
        "Failed (RequestsFailed): 700 requests, 7 failed, 2 uncaught exceptions, p95 43ms"
    );
    Ok(())
}

pub fn never_started(world: &World) -> Result<()> {
    let place = world.main.place("never-started")?;
    let kubectl = &place.kubectl;
    run(kubectl, "demo", 1, |_| {
        "Traceback (most recent call last):\n  File \"/lotest/src/locustfile.py\", line 1\nModuleNotFoundError: No module named 'shop'\n".to_owned()
    })?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Error", "NeverStarted"]
    );
    let message = status["message"].to_string();
    ensure!(
        message.contains("exit code 1") && message.contains("No module named 'shop'"),
        "{message}"
    );
    assert_eq!(
        [&status["startTime"], &status["summary"]],
        [&Value::Null, &Value::Null]
    );
    assert_eq!(
        condition(&status, "Ready")["status"],
        "True",
        "its objects exist"
    );
    let cells = cells(kubectl, "demo")?;
    assert_eq!(cells[..4], ["demo", "Failed", "Error", "0/2"]);
    the_left_over_workers_are_ended(kubectl)
}

/// A master that hung for long before it was killed leaves an old report, and nothing else.
pub fn an_old_checkpoint(world: &World) -> Result<()> {
    let place = world.main.place("old-checkpoint")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&test("demo"))?;
    let status = kubelet::started(kubectl, "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?;
    // The pod ends as soon as it was made; its report is of before.
    let pod = kubelet::master_pod(kubectl, "demo")?;
    let end: Timestamp = pod["metadata"]["creationTimestamp"]
        .as_str()
        .context("a creation timestamp")?
        .parse()?;
    let written = end - Duration::from_secs(45 * 60);
    let start = written - Duration::from_secs(15 * 60);
    let checkpoint = report(
        id,
        &json!({"final": false, "state": "running", "reason": null, "exit": null, "exitBy": null, "end": null,
            "start": start.as_millisecond(), "now": written.as_millisecond(), "n": 4321, "f": 21}),
    );
    kubelet::end_master(kubectl, "demo", 137, &format!("{checkpoint}\n{DETAILS}"))?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Inconclusive", "MasterLost"]
    );
    let message = status["message"].as_str().unwrap_or_default();
    ensure!(
        message.ends_with("the numbers are those of its last report, 45m before the end"),
        "{message}"
    );
    let summary = &status["summary"];
    assert_eq!(
        [
            &summary["requests"],
            &summary["failures"],
            &summary["final"]
        ],
        [&json!(4321), &json!(21), &json!(false)]
    );
    assert_eq!(summary["endpoints"].as_array().map(Vec::len), Some(2));
    assert_eq!(condition(&status, "Succeeded")["reason"], "MasterLost");
    place.check_status_writes()?;
    the_left_over_workers_are_ended(kubectl)
}
