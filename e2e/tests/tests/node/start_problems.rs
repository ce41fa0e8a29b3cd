//! Runs that do not start, or not at once.

use anyhow::{Result, ensure};
use e2e_tests::{
    node::{
        Node, SOON, expect_counted, expect_no_pods_left, expect_outcome, finished, state,
        target_total,
    },
    once::expect_one_run,
    wait_until,
};

pub fn locustfile_does_not_import(node: &Node) -> Result<()> {
    let kubectl = node.namespace("no-import")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: broken
spec:
  testFiles:
    inline:
      locustfile.py: |
        import no_such_library
  run: {host: http://demo-target, users: 1, runTime: 5s}
  worker: {replicas: 2}
"#,
    )?;
    let test = finished(&kubectl, "broken")?;
    expect_outcome(
        &test,
        "Failed Error/NeverStarted",
        "No module named 'no_such_library'",
    )?;
    ensure!(
        test["status"].get("startTime").is_none(),
        "load never began"
    );
    expect_no_pods_left(&kubectl, "broken")?;
    ensure!(target_total(&kubectl)? == 0, "nothing was sent");
    expect_one_run(node, &kubectl, &test)
}

pub fn config_map_comes_late(node: &Node) -> Result<()> {
    let kubectl = node.namespace("late-files")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: early
spec:
  testFiles:
    configMapRef: files
  run: {host: http://demo-target, users: 3, spawnRate: 3, runTime: 5s, stopTimeout: 5s}
  worker: {replicas: 1}
"#,
    )?;
    wait_until("the test says what it lacks", SOON, || {
        let test = kubectl.get("locusttest", "early")?;
        let found = state(&test, "ResolvedRefs");
        ensure!(found == "False/ConfigMapNotFound", "{found}");
        ensure!(test["status"]["phase"] == "Pending");
        Ok(())
    })?;
    let event = wait_until("an event says it too", SOON, || {
        let events = kubectl.events("early")?;
        let told = events
            .into_iter()
            .find(|event| event["reason"] == "ConfigMapNotFound");
        told.ok_or_else(|| anyhow::anyhow!("no event"))
    })?;
    ensure!(
        event["note"]
            .as_str()
            .is_some_and(|note| note.contains("\"files\"")),
        "{event}"
    );
    kubectl.apply(
        r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: files
data:
  locustfile.py: |
    import os
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.2)

        @task
        def home(self):
            self.client.get("/", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})
"#,
    )?;
    let test = finished(&kubectl, "early")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    ensure!(state(&test, "ResolvedRefs") == "True/ReferencesFound");
    expect_counted(&kubectl, &test)?;
    expect_one_run(node, &kubectl, &test)
}

pub fn image_cannot_be_pulled(node: &Node) -> Result<()> {
    let kubectl = node.namespace("no-image")?;
    // Nothing listens there: the kubelet is refused at once, and asks nobody outside.
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: imageless
spec:
  image: 127.0.0.1:1/no/such:image
  startDeadline: 20s
  run: {host: http://demo-target, users: 1, runTime: 5s}
  worker: {replicas: 1}
"#,
    )?;
    wait_until("the kubelet's words are in the condition", SOON, || {
        let test = kubectl.get("locusttest", "imageless")?;
        let found = state(&test, "PodsHealthy");
        ensure!(found == "False/ImagePullError", "{found}");
        ensure!(
            test["status"]["phase"] == "Pending",
            "{}",
            test["status"]["phase"]
        );
        Ok(())
    })?;
    let test = finished(&kubectl, "imageless")?;
    expect_outcome(
        &test,
        "Failed Error/ImagePullError",
        "127.0.0.1:1/no/such:image",
    )?;
    expect_no_pods_left(&kubectl, "imageless")?;
    let events = kubectl.events("imageless")?;
    let told = events
        .iter()
        .filter(|event| event["reason"] == "ImagePullError")
        .count();
    ensure!(told == 1, "told {told} times");
    expect_one_run(node, &kubectl, &test)
}
