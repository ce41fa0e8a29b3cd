//! Runs that start.

use anyhow::{Result, ensure};
use e2e_tests::{
    load::{expect_load_ended, expect_no_load_after},
    manifest::{LOCUSTFILE, locust_test},
    node::{
        Node, RUN, SOON, expect_counted, expect_no_pods_left, expect_outcome, finished,
        target_total,
    },
    once::expect_one_run,
    seen, wait_until,
};
use jiff::Timestamp;

pub fn requests_fail(node: &Node) -> Result<()> {
    let kubectl = node.namespace("requests-fail")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: failing
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task
            def checkout(self):
                self.client.get("/fail/checkout", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})
  run: {host: http://demo-target, users: 5, spawnRate: 5, runTime: 5s, stopTimeout: 5s}
  worker: {replicas: 1}
"#,
    )?;
    let test = finished(&kubectl, "failing")?;
    expect_outcome(&test, "Failed Failed/RequestsFailed", "failed")?;
    expect_counted(&kubectl, &test)?;
    let summary = &test["status"]["summary"];
    ensure!(
        summary["failures"] == summary["requests"] && summary["errorRatio"] == "1.0000",
        "{summary}"
    );
    ensure!(
        summary["errors"][0]["name"] == "/fail/checkout",
        "{summary}"
    );
    // The published meaning: a CI that waits for the Job sees it fail.
    wait_until("the master's Job has failed", SOON, || {
        let job = kubectl.get("job", "failing-master")?;
        ensure!(job["status"]["failed"] == 1, "{}", job["status"]);
        Ok(())
    })?;
    let pods = kubectl.list("pods", "performance-test-pod-name=failing-master")?;
    ensure!(pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1);
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "failing")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("requests fail", &test)
}

pub fn deleted_in_the_middle(node: &Node) -> Result<()> {
    let kubectl = node.namespace("deleted")?;
    kubectl.apply(&locust_test("gone", "5m", ""))?;
    wait_until("load runs", RUN, || {
        let total = target_total(&kubectl)?;
        ensure!(total > 20, "{total} requests");
        Ok(())
    })?;
    let test = kubectl.get("locusttest", "gone")?;
    kubectl.run(&["delete", "locusttest", "gone"])?;
    let deleted = Timestamp::now();
    wait_until("everything is gone", SOON, || {
        for kind in ["jobs", "pods", "services", "networkpolicies", "configmaps"] {
            let left = kubectl.list(kind, "performance-test-name=gone")?;
            ensure!(left.is_empty(), "{} {kind} left", left.len());
        }
        Ok(())
    })?;
    let run = test["metadata"]["uid"].as_str().unwrap_or_default();
    expect_no_load_after(&kubectl, run, deleted)?;
    expect_one_run(node, &kubectl, &test)
}

pub fn two_tests_at_once(node: &Node) -> Result<()> {
    let kubectl = node.namespace("two-at-once")?;
    kubectl.apply(&format!(
        "{}---{}",
        locust_test("one", "8s", ""),
        locust_test("two", "8s", "")
    ))?;
    for name in ["one", "two"] {
        let test = finished(&kubectl, name)?;
        expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
        expect_counted(&kubectl, &test)?;
        expect_one_run(node, &kubectl, &test)?;
    }
    let runs = e2e_tests::node::target_runs(&kubectl)?;
    ensure!(
        runs["runs"].as_object().map(serde_json::Map::len) == Some(2),
        "two runs, and no other: {runs}"
    );
    Ok(())
}

pub fn dotted_and_dashed_names(node: &Node) -> Result<()> {
    let kubectl = node.namespace("names")?;
    kubectl.apply(&format!(
        "{}---{}",
        locust_test("team.test", "5s", ""),
        locust_test("team-test", "5s", "")
    ))?;
    let mut masters = Vec::new();
    for name in ["team.test", "team-test"] {
        let test = finished(&kubectl, name)?;
        expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
        expect_counted(&kubectl, &test)?;
        expect_one_run(node, &kubectl, &test)?;
        masters.push(test["status"]["run"]["masterName"].clone());
    }
    ensure!(
        masters[0] != masters[1],
        "each has its own Jobs: {masters:?}"
    );
    ensure!(
        masters.contains(&"team-test-master".into()),
        "one has the published name: {masters:?}"
    );
    Ok(())
}

pub fn locust_2_20(node: &Node) -> Result<()> {
    let kubectl = node.namespace("locust-2-20")?;
    kubectl.apply(&format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: old
spec:
  image: locustio/locust:2.20.0
  testFiles:
    inline:{LOCUSTFILE}
  master:
    command: >-
      -f /lotest/src/locustfile.py --host http://demo-target
      --users 5 --spawn-rate 5 --run-time 6s --stop-timeout 5
  worker:
    command: -f /lotest/src/locustfile.py
    replicas: 2
"#
    ))?;
    let test = finished(&kubectl, "old")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    expect_one_run(node, &kubectl, &test)?;
    let pin = &test["status"]["pin"];
    ensure!(
        pin["locustVersion"] == "2.20.0" && pin["image"] == "locustio/locust:2.20.0",
        "{pin}"
    );
    expect_no_pods_left(&kubectl, "old")
}

pub fn restricted_namespace(node: &Node) -> Result<()> {
    let kubectl = node.namespace("restricted")?;
    node.kubectl.run(&[
        "label",
        "namespace",
        "restricted",
        "pod-security.kubernetes.io/enforce=restricted",
    ])?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: picky
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        from locust import HttpUser, constant, tag, task

        class Wanted(HttpUser):
            wait_time = constant(0.2)

            @tag("yes")
            @task
            def wanted(self):
                self.client.get("/wanted", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})

            @task
            def untagged(self):
                self.client.get("/untagged")

        class Unwanted(HttpUser):
            wait_time = constant(0.2)

            @tag("yes")
            @task
            def unwanted(self):
                self.client.get("/unwanted")
  run:
    host: http://demo-target
    users: 4
    spawnRate: 4
    runTime: 5s
    stopTimeout: 5s
    tags: [yes, also]
    userClasses: [Wanted]
  worker:
    replicas: 1
"#
        .replace("[yes, also]", "[\"yes\", also]")
        .as_str(),
    )?;
    let test = finished(&kubectl, "picky")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    expect_one_run(node, &kubectl, &test)?;
    let endpoints = &test["status"]["summary"]["endpoints"];
    ensure!(
        endpoints.as_array().map(Vec::len) == Some(1) && endpoints[0]["name"] == "/wanted",
        "{endpoints}"
    );
    Ok(())
}

pub fn a_taken_name_is_left_alone(node: &Node) -> Result<()> {
    let kubectl = node.namespace("taken")?;
    kubectl.apply("{apiVersion: v1, kind: Service, metadata: {name: busy-master}, spec: {ports: [{port: 80}]}}")?;
    let before = kubectl.get("service", "busy-master")?;
    kubectl.apply(&locust_test("busy", "5s", ""))?;
    let test = finished(&kubectl, "busy")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    expect_one_run(node, &kubectl, &test)?;
    let master = test["status"]["run"]["masterName"]
        .as_str()
        .unwrap_or_default();
    ensure!(
        master.starts_with("busy-") && master != "busy-master",
        "{master}"
    );
    let after = kubectl.get("service", "busy-master")?;
    ensure!(before["metadata"] == after["metadata"], "{after}");
    Ok(())
}
