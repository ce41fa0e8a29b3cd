//! Runs that are held back and released, and runs that are stopped at each moment of their lives.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    load::expect_load_ended,
    manifest::{LOCUSTFILE, locust_test, small_test},
    node::{
        Node, RUN, SOON, expect_counted, expect_counted_at_most, expect_no_pods_left,
        expect_outcome, finished, loading, state,
    },
    once::expect_one_run,
    seen, wait_until,
};
use serde_json::{Value, json};

/// As a user does it.
fn stop(kubectl: &Kubectl, name: &str) -> Result<()> {
    let stop = json!({"spec": {"stop": true}});
    kubectl.patch("locusttest", name, &stop).map(drop)
}

pub fn a_suspended_test_waits(node: &Node) -> Result<()> {
    let kubectl = node.namespace("suspended")?;
    kubectl.apply(&small_test("held", "  suspend: true\n"))?;
    wait_until("it says that it waits", SOON, || {
        let test = kubectl.get("locusttest", "held")?;
        ensure!(
            test["status"]["phase"] == "Pending" && state(&test, "Ready") == "False/Suspended",
            "{}",
            test["status"]
        );
        Ok(())
    })?;
    ensure!(
        kubectl
            .list("jobs,configmaps", "locust.io/run-id")?
            .is_empty(),
        "something was made"
    );
    kubectl.patch("locusttest", "held", &json!({"spec": {"suspend": false}}))?;
    let test = finished(&kubectl, "held")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("a test with `suspend: true` is released", &test)
}

/// Nothing has been sent: it is over at once, and nothing of it starts later.
pub fn stopped_before_the_load(node: &Node) -> Result<()> {
    let kubectl = node.namespace("stopped-early")?;
    let nowhere = "  nodeSelector: {e2e: nowhere}\n";
    let unschedulable = small_test("unschedulable", &format!("  scheduling:\n  {nowhere}"));
    let connecting =
        small_test("connecting", "").replace("replicas: 1", &format!("replicas: 1\n  {nowhere}"));
    kubectl.apply(&format!(
        "{}---{unschedulable}---{connecting}",
        small_test("unborn", "  stop: true\n")
    ))?;
    wait_until("one master runs and one cannot", RUN, || {
        let waits = kubectl.get("locusttest", "connecting")?;
        ensure!(
            state(&waits, "WorkersConnected") == "False/WaitingForWorkers",
            "{}",
            waits["status"]
        );
        let master = kubectl.get("job", "connecting-master")?;
        ensure!(master["status"]["ready"] == 1, "{}", master["status"]);
        let stuck = kubectl.get("locusttest", "unschedulable")?;
        ensure!(
            state(&stuck, "PodsHealthy") == "False/SchedulingError",
            "{}",
            stuck["status"]
        );
        Ok(())
    })?;
    for name in ["unschedulable", "connecting"] {
        stop(&kubectl, name)?;
    }
    for (name, words, situation) in [
        (
            "unborn",
            "stopped before it began",
            "`stop: true` is set when the test is created",
        ),
        (
            "unschedulable",
            "stopped before any load",
            "`stop: true` is set before the pods can start",
        ),
        (
            "connecting",
            "stopped before any load",
            "`stop: true` is set while workers have still to connect",
        ),
    ] {
        let test = finished(&kubectl, name)?;
        expect_outcome(&test, "Failed Aborted/Stopped", words)?;
        expect_no_pods_left(&kubectl, name)?;
        seen::case(situation, &test)?;
    }
    ensure!(
        kubectl.find("job", "unborn-master")?.is_none(),
        "it was made"
    );
    ensure!(
        e2e_tests::node::target_total(&kubectl)? == 0,
        "something was sent"
    );
    Ok(())
}

/// Load ends in good order, with the numbers until then.
pub fn stopped_during_the_load(node: &Node) -> Result<()> {
    let kubectl = node.namespace("stopped")?;
    let ramp = format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: ramping
spec:
  testFiles:
    inline:{LOCUSTFILE}
  run: {{host: http://demo-target, users: 200, spawnRate: 2, runTime: 5m, stopTimeout: 5s}}
  worker: {{replicas: 1}}
"#
    );
    kubectl.apply(&format!("{}---{ramp}", locust_test("steady", "5m", "")))?;
    let users = |name: &str, least: u64| {
        wait_until("users load", RUN, || {
            let test = loading(&kubectl, name)?;
            let users = test["status"]["progress"]["users"].as_u64();
            ensure!(users >= Some(least), "{}", test["status"]);
            Ok(())
        })
    };
    users("steady", 10)?;
    stop(&kubectl, "steady")?;
    users("ramping", 5)?;
    stop(&kubectl, "ramping")?;
    for (name, situation) in [
        ("steady", "`stop: true` is set during the load"),
        ("ramping", "`stop: true` is set in the ramp-up"),
    ] {
        let test = finished(&kubectl, name)?;
        expect_outcome(&test, "Failed Aborted/Stopped", "stopped: ")?;
        ensure!(
            test["status"]["summary"]["final"] == true,
            "{}",
            test["status"]["summary"]
        );
        expect_counted(&kubectl, &test)?;
        expect_load_ended(&kubectl, &test)?;
        expect_no_pods_left(&kubectl, name)?;
        expect_one_run(node, &kubectl, &test)?;
        let events = kubectl.events(name)?;
        ensure!(
            events.iter().any(|it| it["reason"] == "Stopping"),
            "{events:?}"
        );
        seen::case(situation, &test)?;
    }
    Ok(())
}

/// It has ended by itself already, and its last users finish: that is what counts.
pub fn stopped_when_it_is_ending(node: &Node) -> Result<()> {
    let kubectl = node.namespace("stopped-late")?;
    let slow = small_test("ending", "")
        .replace("self.client.get(\"/\")", "self.client.get(\"/slow/6000\")")
        .replace("stopTimeout: 5s", "stopTimeout: 20s");
    kubectl.apply(&slow)?;
    wait_until("the load has ended and its users have not", RUN, || {
        let test = kubectl.get("locusttest", "ending")?;
        let run = &test["status"]["run"];
        ensure!(
            run["loadEndTime"].is_string() && test["status"]["verdict"].is_null(),
            "{run}"
        );
        Ok(())
    })?;
    stop(&kubectl, "ending")?;
    let test = finished(&kubectl, "ending")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case(
        "`stop: true` is set after the load has ended by itself",
        &test,
    )
}

/// Its listener hangs: the pod gets a deadline, stays, and tells how it ended.
pub fn stopped_although_it_cannot_be_asked(node: &Node) -> Result<()> {
    let kubectl = node.namespace("stopped-deaf")?;
    let deaf = locust_test("deaf", "5m", "").replace(
        "        class Visitor",
        "        import socket\n        if os.environ[\"TEST_ROLE\"] == \"master\":\n            os.held = socket.create_server((\"0.0.0.0\", 9646))\n\n        class Visitor",
    );
    kubectl.apply(&deaf)?;
    wait_until("load runs", RUN, || {
        let total = e2e_tests::node::target_total(&kubectl)?;
        ensure!(total > 20, "{total} requests");
        Ok(())
    })?;
    stop(&kubectl, "deaf")?;
    let test = finished(&kubectl, "deaf")?;
    expect_outcome(&test, "Failed Aborted/Stopped", "stopped: ")?;
    let pods = kubectl.list("pods", "locust.io/role=master")?;
    let pod: &Value = pods.first().context("the master's pod stays")?;
    ensure!(pod["spec"]["activeDeadlineSeconds"] == 1, "{}", pod["spec"]);
    ensure!(
        test["status"]["summary"]["requests"].as_u64() > Some(20),
        "{}",
        test["status"]
    );
    expect_counted_at_most(&kubectl, &test)?;
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "deaf")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case(
        "`stop: true` is set and the master's listener does not answer",
        &test,
    )
}
