//! The end of a run: what Locust wrote becomes the status, for good.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::wait::stays_so;
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{self, DETAILS, END, Listener, START, condition, report};
use crate::world::{SOON, World};

fn test(name: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{testFiles: {{inline: {{locustfile.py: ''}}}}, worker: {{replicas: 2}}}}}}"
    )
}

/// Runs a test up to the moment its master ends with this; returns the run's id.
fn run(
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
fn cells(kubectl: &Kubectl, name: &str) -> Result<Vec<String>> {
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

fn the_left_over_workers_are_ended(kubectl: &Kubectl) -> Result<()> {
    wait_until("the worker Job is over", SOON, || {
        let job = kubectl.get("job", "demo-worker")?;
        assert_eq!(job["spec"]["activeDeadlineSeconds"], 1);
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
    assert_eq!(condition(&status, "Ready")["status"], "False");
    let cells = cells(kubectl, "demo")?;
    assert_eq!(cells[..4], ["demo", "Failed", "Error", "0/2"]);
    the_left_over_workers_are_ended(kubectl)
}

pub fn terminal_never_changes(world: &World) -> Result<()> {
    let place = world.other.place("terminal")?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    run(kubectl, "demo", 0, |id| report(id, &json!({})).to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    place.settled()?;
    let created = place.created()?;
    let before = kubectl.get("lotest", "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?.to_owned();

    kubelet::end_master(
        kubectl,
        "demo",
        1,
        &report(&id, &json!({"n": 1, "f": 1})).to_string(),
    )?;
    std::thread::sleep(Duration::from_secs(1));
    operator.kill()?;
    let _operator = place.operator()?;
    kubectl.delete("job", "demo-master")?;
    kubectl.delete("job", "demo-worker")?;
    stays_so("the status", Duration::from_secs(4), || {
        let now = kubectl.get("lotest", "demo")?;
        ensure!(
            now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"],
            "{}",
            now["status"]
        );
        Ok(())
    })?;
    assert_eq!(place.created()?, created, "nothing is made again");
    // Scaling what is over is accepted and does nothing.
    kubectl.run(&["scale", "lotest", "demo", "--replicas=4"])?;
    place.settled()?;
    let now = kubectl.get("lotest", "demo")?;
    assert_eq!(now["status"], before["status"]);
    assert_eq!(place.created()?, created);
    Ok(())
}

pub fn running_is_what_locust_says(world: &World) -> Result<()> {
    const ADDRESS: &str = "127.0.96.46";
    let place = world.main.place("running")?;
    let kubectl = &place.kubectl;
    let listener = Listener::start(ADDRESS)?;
    kubectl.apply(&test("demo"))?;
    let status = kubelet::started(kubectl, "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?.to_owned();
    let say = |other: Value| {
        let mut line = report(
            &id,
            &json!({"final": false, "reason": null, "exit": null, "exitBy": null, "end": null}),
        );
        if let (Some(line), Some(other)) = (line.as_object_mut(), other.as_object()) {
            line.extend(other.clone());
        }
        listener.say(&line);
    };
    say(json!({"state": "waiting", "start": null, "users": 0, "workers": 1, "n": 0}));
    kubelet::run_master(kubectl, "demo", ADDRESS)?;
    wait_until("one worker is connected", SOON, || {
        let status = kubelet::status(kubectl, "demo")?;
        ensure!(status["workers"]["text"] == "1/2", "{}", status["workers"]);
        Ok(())
    })?;
    stays_so(
        "a ready master alone is no load",
        Duration::from_secs(2),
        || {
            let phase = kubelet::status(kubectl, "demo")?["phase"].take();
            ensure!(phase == "Pending", "the phase is {phase}");
            Ok(())
        },
    )?;

    say(
        json!({"state": "running", "users": 3, "workers": 2, "n": 50, "f": 1, "cur": {"rps": 12.5, "fps": 0.1, "p95": 88}}),
    );
    let status = wait_until("load is running", SOON, || {
        let status = kubelet::status(kubectl, "demo")?;
        ensure!(status["phase"] == "Running", "{status}");
        Ok(status)
    })?;
    assert_eq!(status["startTime"], START.1);
    assert_eq!(condition(&status, "WorkersConnected")["status"], "True");
    let now = cells(kubectl, "demo")?;
    assert_eq!(
        now[..7],
        ["demo", "Running", "2/2", "3", "12.5", "88ms", "0.0200"]
    );

    // Numbers alone are not written more often than every 30 s.
    let writes = place.writes()?.len();
    say(json!({"state": "running", "users": 4, "workers": 2, "n": 90}));
    stays_so("the status", Duration::from_secs(12), || {
        ensure!(
            place.writes()?.len() == writes,
            "newer numbers were written"
        );
        Ok(())
    })?;
    kubelet::end_master(kubectl, "demo", 0, &report(&id, &json!({})).to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(status["verdict"], "Passed");
    let reasons: Vec<Value> = wait_until("the event Finished", SOON, || {
        let mut events = kubectl.events("demo")?;
        events.retain(|event| event["regarding"]["kind"] == "LocustTest");
        let mut reasons: Vec<Value> = events
            .iter_mut()
            .map(|event| event["reason"].take())
            .collect();
        ensure!(reasons.len() >= 3, "{reasons:?}");
        reasons.sort_by_key(Value::to_string);
        Ok(reasons)
    })?;
    assert_eq!(reasons, ["Finished", "Running", "Started"]);
    place.check_status_writes()
}

pub fn deletion_removes_everything(world: &World) -> Result<()> {
    let place = world.main.place("deleted")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    kubelet::master_pod(kubectl, "demo")?;
    let count = |kind: &str| -> Result<usize> {
        Ok(kubectl.list(kind, "managed-by=locust-k8s-operator")?.len())
    };
    assert_eq!(
        [count("jobs")?, count("services")?, count("configmaps")?],
        [2, 1, 1]
    );
    kubectl.run(&["delete", "lotest", "demo", "--timeout=10s"])?;
    wait_until("all is gone", SOON * 2, || {
        for kind in ["jobs", "services", "configmaps", "pods"] {
            let left = count(kind)?;
            ensure!(left == 0, "{left} {kind} are left");
        }
        Ok(())
    })?;
    place.settled()?;
    let deletes = place
        .requests()?
        .iter()
        .filter(|request| request.verb().starts_with("delete"))
        .count();
    assert_eq!(deletes, 0, "the garbage collector does it");

    // The same name again is another run.
    kubectl.apply(&test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    Ok(())
}

pub fn finished_tests_cost_nothing(world: &World) -> Result<()> {
    let place = world.other.place("rest")?;
    let kubectl = &place.kubectl;
    let _operator = place.operator()?;
    let names = ["one", "two", "three", "four", "five"];
    kubectl.apply(&names.map(test).join("\n---\n"))?;
    for name in names {
        let status = kubelet::started(kubectl, name)?;
        let id = status["run"]["id"].as_str().context("a run id")?;
        kubelet::end_master(kubectl, name, 0, &report(id, &json!({})).to_string())?;
    }
    for name in names {
        kubelet::ended(kubectl, name)?;
    }
    place.settled()?;
    let before = place.requests()?.len();
    ensure!(before > 0, "the audit log shows the operator");
    std::thread::sleep(Duration::from_secs(20));
    let requests = place.requests()?;
    let asked: Vec<String> = requests[before..]
        .iter()
        .filter(|request| request.verb() != "watch")
        .map(|request| request.line())
        .collect();
    assert_eq!(
        asked,
        Vec::<String>::new(),
        "with five finished tests, in 20 s"
    );
    Ok(())
}
