//! Everything that a run that passes leaves behind: status, columns, events, and what the API server logged.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    audit::{Filter, Request},
    node::{
        Node, OPERATOR, RUN, SOON, condition, expect_counted, expect_no_pods_left, expect_outcome,
        finished, state, target_runs,
    },
    once::expect_one_run,
    seen, wait_until,
};
use serde_json::Value;

const NAMESPACE: &str = "records";
const TEST: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: steady
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        from locust import HttpUser, constant, task
        from paths import SEARCH

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            def on_start(self):
                self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

            @task(3)
            def home(self):
                self.client.get("/")

            @task
            def search(self):
                self.client.get(SEARCH)
      paths.py: |
        SEARCH = "/search"
  run:
    host: http://demo-target
    users: 12
    spawnRate: 12
    runTime: 12s
    stopTimeout: 10s
  worker:
    replicas: 3
"#;

pub fn a_run_that_passes(node: &Node) -> Result<()> {
    let kubectl = node.namespace(NAMESPACE)?;
    kubectl.apply(TEST)?;
    wait_until("load runs with all workers", RUN, || {
        let test = kubectl.get("locusttest", "steady")?;
        let status = &test["status"];
        ensure!(
            status["phase"] == "Running" && status["workers"]["text"] == "3/3",
            "{status}"
        );
        ensure!(state(&test, "WorkersConnected") == "True/AllWorkersConnected");
        ensure!(status["progress"]["users"] == 12, "{}", status["progress"]);
        ensure!(status.get("verdict").is_none());
        Ok(())
    })?;
    let test = finished(&kubectl, "steady")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    let runs = target_runs(&kubectl)?;
    ensure!(
        runs["runs"].as_object().map(serde_json::Map::len) == Some(1),
        "one run id: {runs}"
    );
    expect_status(&test)?;
    expect_columns(&kubectl.run(&["get", "locusttest", "steady"])?)?;
    expect_events(&kubectl)?;
    expect_no_pods_left(&kubectl, "steady")?;
    expect_one_run(node, &kubectl, &test)?;
    expect_few_requests(node, &test)?;
    seen::case("all requests succeed", &test)
}

fn expect_status(test: &Value) -> Result<()> {
    let status = &test["status"];
    let summary = &status["summary"];
    ensure!(
        summary["final"] == true && summary["resolution"] == "ThreeDigits",
        "{summary}"
    );
    let endpoints = summary["endpoints"].as_array().context("endpoints")?;
    let sum: u64 = endpoints
        .iter()
        .filter_map(|endpoint| endpoint["requests"].as_u64())
        .sum();
    ensure!(
        Some(sum) == summary["requests"].as_u64() && endpoints.len() == 2,
        "{summary}"
    );
    for field in ["avg", "p50", "p95", "p99", "max"] {
        ensure!(
            summary[field]
                .as_str()
                .is_some_and(|value| value.ends_with('s')),
            "{field}: {summary}"
        );
    }
    let files = status["pin"]["files"].as_object().context("pinned files")?;
    ensure!(
        files.contains_key("locustfile.py") && files.contains_key("paths.py"),
        "{files:?}"
    );
    ensure!(
        status["pin"]["locustVersion"] == "2.47.0",
        "{}",
        status["pin"]
    );
    for (kind, wanted) in [
        ("Ready", "True/ResourcesCreated"),
        ("PodsHealthy", "True/PodsHealthy"),
        ("TestCompleted", "True/TestSucceeded"),
        ("Completed", "True/AllPassed"),
        ("Succeeded", "True/AllPassed"),
        ("WorkersConnected", "False/TestEnded"),
    ] {
        ensure!(
            state(test, kind) == wanted,
            "{kind}: {:?}",
            condition(test, kind)
        );
    }
    let (start, end) = (&status["startTime"], &status["completionTime"]);
    ensure!(start.as_str() < end.as_str(), "{start} {end}");
    ensure!(
        status["run"]["id"] == test["metadata"]["uid"],
        "{}",
        status["run"]
    );
    Ok(())
}

fn expect_columns(table: &str) -> Result<()> {
    let mut lines = table.lines();
    let header: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    ensure!(
        header
            == [
                "NAME", "PHASE", "VERDICT", "WORKERS", "USERS", "RPS", "P95", "ERRORS", "AGE"
            ],
        "{header:?}"
    );
    let row: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    ensure!(
        row[..5] == ["steady", "Succeeded", "Passed", "3/3", "12"] && row.len() == 9,
        "{row:?}"
    );
    ensure!(row[6].ends_with("ms") && row[7] == "0.0000", "{row:?}");
    Ok(())
}

fn expect_events(kubectl: &e2e_tests::Kubectl) -> Result<()> {
    wait_until("the three events of a run", SOON, || {
        let events = kubectl.events("steady")?;
        let mut reasons: Vec<&str> = events
            .iter()
            .filter_map(|event| event["reason"].as_str())
            .collect();
        reasons.sort_unstable();
        ensure!(reasons == ["Finished", "Running", "Started"], "{reasons:?}");
        let started = events
            .iter()
            .find(|event| event["reason"] == "Started")
            .context("Started")?;
        let note = started["note"].as_str().unwrap_or_default();
        for object in [
            "ConfigMap steady-master",
            "Service steady-master",
            "NetworkPolicy steady-master",
            "Job steady-worker",
            "Job steady-master",
        ] {
            ensure!(note.contains(object), "{note}");
        }
        Ok(())
    })
}

/// The run cost few writes.
fn expect_few_requests(node: &Node, test: &Value) -> Result<()> {
    let all = node.audit.requests(&Filter {
        user: OPERATOR,
        namespace: NAMESPACE,
        ..Filter::default()
    })?;
    // An earlier run of this test may be in the same log.
    let claim = all.iter().rposition(|request| {
        request.event["requestObject"]["status"]["run"]["id"] == test["metadata"]["uid"]
    });
    let run = &all[claim.context("the claim is in the audit log")?..];
    for (resource, wanted) in [("services", 1), ("networkpolicies", 1), ("configmaps", 1)] {
        let posts = run
            .iter()
            .filter(|it| it.verb() == "create" && it.resource() == resource)
            .count();
        ensure!(posts == wanted, "{posts} POSTs of {resource}");
    }
    let lines = || run.iter().map(Request::line).collect::<Vec<_>>().join("\n");
    let writes = run
        .iter()
        .filter(|it| it.is_write() && !is_progress(it))
        .count();
    ensure!(writes <= 12, "{writes} writes:\n{}", lines());
    println!(
        "        {writes} writes without events and progress, {} requests in all",
        run.len()
    );
    Ok(())
}

/// Whether a status patch carries numbers only.
fn is_progress(request: &Request) -> bool {
    const NUMBERS: [&str; 4] = ["progress", "workers", "connectedWorkers", "pin"];
    let status = request.event["requestObject"]["status"].as_object();
    status.is_some_and(|status| status.keys().all(|key| NUMBERS.contains(&key.as_str())))
}
