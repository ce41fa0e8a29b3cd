//! What thresholds make of a run, and runs that do not count.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    load::expect_load_ended,
    manifest::{LOCUSTFILE, impatient, locust_test, small_test},
    node::{
        Node, RUN, expect_counted, expect_counted_at_most, expect_no_pods_left, expect_outcome,
        finished, loading, name_of, pods_of,
    },
    once::expect_one_run,
    seen, wait_until,
};
use serde_json::Value;

/// A test of a page that takes a fixed time and one that fails, with these thresholds.
fn mixed(name: &str, thresholds: &str) -> String {
    format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: {name}
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        from locust import HttpUser, constant, task

        class Buyer(HttpUser):
            wait_time = constant(0.1)

            def on_start(self):
                self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

            @task
            def buy(self):
                self.client.get("/slow/300")
                self.client.get("/fail/pay", name="pay")
                self.client.get("/", name="/item/1")
                self.client.get("/", name="/item/22")
  run: {{host: http://demo-target, users: 4, spawnRate: 4, runTime: 12s, stopTimeout: 5s}}
  worker: {{replicas: 1}}
  thresholds:
{thresholds}"#
    )
}

const HOLD: &str = r#"
  - {name: steady, metric: p50, op: gte, value: 300ms, minRequests: 5, endpoint: {method: GET, name: /slow/300}}
  - {name: not-slower, metric: p50, op: lt, value: 3s, minRequests: 5, endpoint: {method: GET, name: /slow/300}}
  - {name: items, metric: requests, op: gte, value: "10", endpoint: {nameRegex: "^/item/[0-9]+$"}}
  - {name: clean, metric: errorRatio, op: lte, value: 0%, endpoint: {nameRegex: "^/(item|slow)/"}}
  - {name: payments, metric: errorRatio, op: gte, value: 100%, endpoint: {name: pay}}
  - {name: busy, metric: rps, op: gt, value: 1/s}
"#;

const BREACH: &str = r#"
  - {name: fast, metric: p95, op: lt, value: 200ms, minRequests: 5, endpoint: {name: /slow/300}}
  - {name: failures, metric: errorRatio, op: lt, value: 1%}
  - {name: items, metric: requests, op: lt, value: "1", endpoint: {nameRegex: "^/item/"}}
  - {name: fine, metric: max, op: lt, value: 5m}
"#;

const WARN: &str = r#"
  - {name: fast, metric: p95, op: lt, value: 200ms, minRequests: 5, severity: Warn, endpoint: {name: /slow/300}}
"#;

const NO_DATA: &str = r#"
  - {name: nowhere, metric: p95, op: lt, value: 1s, endpoint: {name: /checkout}}
  - {name: few, metric: p95, op: lt, value: 5m, minRequests: 1000000}
  - {name: either-way, metric: p95, op: lt, value: 1s, onNoData: Pass, endpoint: {name: /checkout}}
"#;

/// Limits on the whole and on endpoints by name and by expression, each result, as `kubectl` shows them.
pub fn judge_a_run(node: &Node) -> Result<()> {
    let kubectl = node.namespace("thresholds")?;
    let all = [
        ("holds", HOLD),
        ("breaches", BREACH),
        ("warns", WARN),
        ("starves", NO_DATA),
    ];
    let manifests: Vec<_> = all.iter().map(|(name, them)| mixed(name, them)).collect();
    kubectl.apply(&manifests.join("\n---"))?;

    let holds = finished(&kubectl, "holds")?;
    expect_outcome(
        &holds,
        "Succeeded Passed/AllPassed",
        "6 thresholds judged, none failed",
    )?;
    expect_results(&holds, &["Passed"; 6])?;
    let breaches = finished(&kubectl, "breaches")?;
    expect_outcome(
        &breaches,
        "Failed Failed/ThresholdBreached",
        "3 of 4 thresholds did not hold: fast: p95 of /slow/300 < 200ms, was ",
    )?;
    expect_results(&breaches, &["Failed", "Failed", "Failed", "Passed"])?;
    let warns = finished(&kubectl, "warns")?;
    expect_outcome(&warns, "Succeeded Passed/AllPassed", "1 with a warning")?;
    expect_results(&warns, &["Warned"])?;
    ensure!(warns["status"]["warnings"] == 1, "{}", warns["status"]);
    let starves = finished(&kubectl, "starves")?;
    expect_outcome(
        &starves,
        "Failed Inconclusive/ThresholdNoData",
        "2 of 3 thresholds had nothing to judge: nowhere: p95 of /checkout < 1s, there was no such request",
    )?;
    expect_results(&starves, &["NotEvaluated"; 3])?;

    for (test, situation) in [
        (
            &holds,
            "every threshold holds, and requests fail as expected",
        ),
        (&breaches, "a threshold of severity Fail does not hold"),
        (&warns, "only a threshold of severity Warn does not hold"),
        (
            &starves,
            "a threshold is about requests that were never made, or too few",
        ),
    ] {
        expect_counted(&kubectl, test)?;
        expect_no_pods_left(&kubectl, name_of(test))?;
        expect_one_run(node, &kubectl, test)?;
        seen::case(situation, test)?;
    }
    expect_told(&kubectl, &breaches)
}

fn expect_results(test: &Value, wanted: &[&str]) -> Result<()> {
    let thresholds = test["status"]["thresholds"].as_array();
    let thresholds = thresholds.context("no thresholds in the status")?;
    let results: Vec<_> = thresholds.iter().map(|it| &it["result"]).collect();
    ensure!(results == wanted, "{thresholds:#?}");
    Ok(())
}

/// `kubectl describe` has limit, actual and result of each; the Job of a run whose requests fail is complete.
fn expect_told(kubectl: &Kubectl, test: &Value) -> Result<()> {
    let name = name_of(test);
    let described = kubectl.run(&["describe", "locusttest", name])?;
    for words in ["p95 of /slow/300 < 200ms", "errorRatio < 1%", "Result:"] {
        ensure!(described.contains(words), "{words} in {described}");
    }
    let job = kubectl.get("job", &format!("{name}-master"))?;
    ensure!(job["status"]["succeeded"] == 1, "{}", job["status"]);
    Ok(())
}

pub fn end_the_load_early(node: &Node) -> Result<()> {
    let kubectl = node.namespace("threshold-abort")?;
    kubectl.apply(&locust_test(
        "cut",
        "5m",
        "  thresholds:\n  - {name: instant, metric: avg, op: lt, value: 1ms, abort: {delay: 5s, sustained: 3s}}\n",
    ))?;
    let test = finished(&kubectl, "cut")?;
    expect_outcome(
        &test,
        "Failed Failed/ThresholdAbort",
        "the load was ended early by instant: avg < 1ms, was ",
    )?;
    let time = |field: &str| -> Result<jiff::Timestamp> {
        let text = test["status"][field].as_str().context("a time")?;
        Ok(text.parse()?)
    };
    let lasted = time("completionTime")?.duration_since(time("startTime")?);
    ensure!(
        (7..=18).contains(&lasted.as_secs()),
        "due after 8 s, and 10 s later at most: {lasted:?}"
    );
    expect_counted(&kubectl, &test)?;
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "cut")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("a threshold with `abort` stays in breach", &test)
}

/// Two of three workers are killed: what was measured says nothing about the service, however good it is.
pub fn a_run_without_its_workers_does_not_count(node: &Node) -> Result<()> {
    let kubectl = node.namespace("too-few-workers")?;
    let spec = r"
  thresholds:
  - {name: fast, metric: p95, op: lt, value: 1m}
  validity: {minWorkersPercent: 99}
";
    let manifest = locust_test("reduced", "20s", spec).replace("replicas: 2", "replicas: 3");
    kubectl.apply(&impatient(&manifest))?;
    wait_until("all workers load", RUN, || {
        let test = loading(&kubectl, "reduced")?;
        ensure!(
            test["status"]["workers"]["text"] == "3/3",
            "{}",
            test["status"]
        );
        Ok(())
    })?;
    for pod in pods_of(&kubectl, "reduced", "worker")?.iter().take(2) {
        kubectl.run(&[
            "delete",
            "pod",
            name_of(pod),
            "--grace-period=0",
            "--force",
            "--wait=false",
        ])?;
    }
    let test = finished(&kubectl, "reduced")?;
    expect_outcome(
        &test,
        "Failed Inconclusive/WorkersLost",
        "of 3 workers were connected",
    )?;
    expect_counted_at_most(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "reduced")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("two of three workers are killed during the load", &test)
}

/// The run time is over in the ramp-up; the load ends with it.
pub fn a_run_without_its_users_does_not_count(node: &Node) -> Result<()> {
    let kubectl = node.namespace("too-few-users")?;
    kubectl.apply(&format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: hasty
spec:
  testFiles:
    inline:{LOCUSTFILE}
  run: {{host: http://demo-target, users: 60, spawnRate: 2, runTime: 16s, stopTimeout: 5s}}
  worker: {{replicas: 1}}
"#
    ))?;
    let test = finished(&kubectl, "hasty")?;
    expect_outcome(&test, "Failed Inconclusive/UsersNotReached", "of 60 users")?;
    expect_counted(&kubectl, &test)?;
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "hasty")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("the run time is over before all users have started", &test)
}

/// A worker that needs all the processor time it may use, which is less than a core.
pub fn a_run_of_saturated_workers_does_not_count(node: &Node) -> Result<()> {
    let kubectl = node.namespace("saturated")?;
    let spec = r"
  thresholds:
  - {name: fast, metric: p95, op: lt, value: 5m, minRequests: 1}
";
    let manifest = small_test("breathless", spec)
        .replace(
            "self.client.get(\"/\")",
            "self.client.get(\"/\"); sum(range(8_000_000))",
        )
        .replace("runTime: 10s", "runTime: 25s")
        .replace(
            "replicas: 1",
            "replicas: 1\n    resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 300m}}",
        );
    kubectl.apply(&manifest)?;
    let test = finished(&kubectl, "breathless")?;
    expect_outcome(
        &test,
        "Failed Inconclusive/WorkersSaturated",
        "1 of 1 workers had no processor time left",
    )?;
    expect_no_pods_left(&kubectl, "breathless")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("the workers use all the processor time they may", &test)
}
