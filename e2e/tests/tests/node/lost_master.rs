//! A master that is lost while load runs: never a second run, the numbers that can be had, and an end of the load.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    load::expect_load_ended,
    manifest::locust_test,
    node::{
        Node, RUN, SOON, expect_counted_at_most, expect_no_pods_left, expect_outcome, finished,
        loading, master_pod, name_of, state,
    },
    once::expect_one_run,
    process::{self, Frozen},
    seen, wait_until,
};
use serde_json::Value;

pub fn pod_deleted(node: &Node) -> Result<()> {
    let kubectl = node.namespace("master-deleted")?;
    kubectl.apply(&locust_test("headless", "5m", ""))?;
    loading(&kubectl, "headless")?;
    kubectl.delete("pod", name_of(&master_pod(&kubectl, "headless")?))?;
    let test = finished(&kubectl, "headless")?;
    expect_lost(node, &kubectl, &test, "its pod was deleted")?;
    ensure!(
        test["status"]["summary"]["final"] == true,
        "Locust had the time to say how it ended: {}",
        test["status"]["summary"]
    );
    seen::case("the master's pod is deleted during the load", &test)
}

pub fn job_deleted(node: &Node) -> Result<()> {
    let kubectl = node.namespace("job-deleted")?;
    kubectl.apply(&locust_test("cut", "5m", ""))?;
    loading(&kubectl, "cut")?;
    kubectl.run(&["delete", "job", "cut-master"])?;
    let test = finished(&kubectl, "cut")?;
    expect_lost(node, &kubectl, &test, "its pod was deleted")?;
    let jobs = kubectl.list("jobs", "locust.io/role=master")?;
    ensure!(jobs.is_empty(), "a Job was made again: {jobs:?}");
    seen::case("the master's Job is deleted during the load", &test)
}

pub fn out_of_memory(node: &Node) -> Result<()> {
    let kubectl = node.namespace("master-oom")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: bloated
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        import gevent
        from locust import HttpUser, constant, events, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task
            def home(self):
                self.client.get("/", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})

        @events.test_start.add_listener
        def master_leaks(**_):
            if os.environ["TEST_ROLE"] == "master":
                gevent.spawn_later(8, leak)

        def leak():
            held = []
            while True:
                held.append(bytearray(16 << 20))
                gevent.sleep(0.05)
  run: {host: http://demo-target, users: 10, spawnRate: 10, runTime: 5m, stopTimeout: 5s}
  master:
    resources:
      requests: {cpu: 50m, memory: 128Mi}
      limits: {memory: 256Mi}
  worker: {replicas: 2}
"#,
    )?;
    let test = finished(&kubectl, "bloated")?;
    expect_lost(node, &kubectl, &test, "OOMKilled")?;
    expect_last_report(&test, 0..=6)?;
    seen::case("the master is killed for its memory during the load", &test)
}

/// A master that hangs is out of the operator's reach, and the report it leaves when it is killed is an old one.
pub fn hangs_and_is_killed(node: &Node) -> Result<()> {
    let kubectl = node.namespace("master-hangs")?;
    kubectl.apply(&locust_test("stuck", "5m", ""))?;
    let test = loading(&kubectl, "stuck")?;
    // The first checkpoint, at the start of the load, has no numbers yet.
    let before = test["status"]["progress"]["requests"].as_u64();
    wait_until("a checkpoint with numbers is due", SOON, || {
        let now = kubectl.get("locusttest", "stuck")?;
        let requests = now["status"]["progress"]["requests"].as_u64();
        ensure!(requests > before.map(|count| count + 250), "{requests:?}");
        Ok(())
    })?;
    let hung = Frozen::new(process::of_container(&master_pod(&kubectl, "stuck")?)?)?;
    let test = wait_until("the operator says it cannot reach the master", RUN, || {
        let test = kubectl.get("locusttest", "stuck")?;
        let found = state(&test, "WorkersConnected");
        ensure!(found == "Unknown/MasterUnreachable", "{found}");
        Ok(test)
    })?;
    ensure!(
        test["status"]["phase"] == "Running" && test["status"].get("verdict").is_none(),
        "nothing is known yet: {}",
        test["status"]
    );
    hung.kill()?;
    let test = finished(&kubectl, "stuck")?;
    expect_lost(node, &kubectl, &test, "exit code 137")?;
    expect_last_report(&test, 30..=60)?;
    seen::case("the master hangs during the load and is killed", &test)
}

/// Fails unless the run ended as one whose master was lost, with numbers, for good, and nothing goes on.
fn expect_lost(node: &Node, kubectl: &Kubectl, test: &Value, words: &str) -> Result<()> {
    let name = name_of(test);
    expect_outcome(test, "Failed Inconclusive/MasterLost", words)?;
    let connected = state(test, "WorkersConnected");
    ensure!(connected == "False/TestEnded", "{connected}");
    expect_counted_at_most(kubectl, test)?;
    expect_load_ended(kubectl, test)?;
    expect_no_pods_left(kubectl, name)?;
    expect_one_run(node, kubectl, test)?;
    let later = kubectl.get("locusttest", name)?;
    ensure!(
        later["status"] == test["status"],
        "the end changed: {}",
        later["status"]
    );
    Ok(())
}

/// Fails unless the numbers are those of a report, and the message says that it is so many seconds old.
fn expect_last_report(test: &Value, seconds: std::ops::RangeInclusive<u64>) -> Result<()> {
    ensure!(
        test["status"]["summary"]["final"] == false,
        "{}",
        test["status"]["summary"]
    );
    let message = test["status"]["message"].as_str().unwrap_or_default();
    let age = message
        .split("the numbers are those of its last report, ")
        .nth(1)
        .and_then(|rest| rest.strip_suffix("s before the end"))
        .with_context(|| format!("no age: {message}"))?;
    let age: u64 = age.parse().with_context(|| format!("the age is {age}"))?;
    ensure!(seconds.contains(&age), "{age} seconds: {message}");
    Ok(())
}
