//! A release of version 2 of the published chart, and what becomes of it and of its tests.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    manifest::small_test,
    node::{Node, RUN, SOON, deploy_target, expect_outcome, finished, name_of},
    published::{LOCUSTFILE, taken_over},
    seen, wait_until,
};
use serde_json::json;

use crate::jobs::Run;
use crate::world::{Helm, requests, uids};

const TESTS: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: running, finalizers: [locust.io/cleanup]}
spec:
  image: locustio/locust:2.47.0
  testFiles: {configMapRef: locustfile}
  master: {command: --locustfile /lotest/src/locustfile.py --host http://demo-target --users 4 --spawn-rate 4 --run-time 50s}
  worker: {command: --locustfile /lotest/src/locustfile.py, replicas: 1}
---
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: over, finalizers: [locust.io/cleanup]}
spec:
  image: locustio/locust:2.47.0
  master: {command: --locustfile /lotest/src/locustfile.py, resources: {}}
  worker: {command: --locustfile /lotest/src/locustfile.py, replicas: 1, resources: {}}
"#;

const KEPT: [(&str, &str); 4] = [
    ("job", "running-master"),
    ("job", "running-worker"),
    ("locusttest", "running"),
    ("locusttest", "over"),
];

/// There, back, there again and away: by Helm alone.
pub fn upgrade(node: &Node) -> Result<()> {
    let helm = Helm::on_empty(node)?;
    // A Deployment's selector cannot be changed, and releases have others than ours.
    let selector = "moreSelector.control-plane=controller-manager";
    helm.install("e2e/tests/fixtures/published", &["--set", selector])?;
    node.remove("taken")?;
    node.kubectl.run(&["create", "namespace", "taken"])?;
    let kubectl = node.kubectl.in_namespace("taken");
    deploy_target(&kubectl)?;
    kubectl.apply(LOCUSTFILE)?;
    kubectl.apply(TESTS)?;
    let owner = kubectl.get("locusttest", "running")?;
    let run = Run {
        name: "running",
        owner: Some(&owner),
        run_time: "50s",
        exporter: false,
    };
    kubectl.apply(&run.objects())?;
    let running = json!({"status": {"phase": "Running", "startTime": "2026-01-02T03:04:05Z", "expectedWorkers": 1,
        "connectedWorkers": 1}});
    kubectl.patch_status("locusttest", "running", &running)?;
    let over = json!({"status": {"phase": "Failed", "startTime": "2026-01-02T03:04:05Z",
        "completionTime": "2026-01-02T03:05:05Z"}});
    kubectl.patch_status("locusttest", "over", &over)?;
    wait_until("the published run loads", RUN, || {
        ensure!(requests(&kubectl, "published")? > 0, "no load");
        Ok(())
    })?;
    let before = uids(&kubectl, &KEPT)?;

    helm.upgrade(&[])?;
    let operators = helm.operators()?;
    let names: Vec<_> = operators.iter().map(name_of).collect();
    ensure!(names == ["locust-operator"], "one operator: {names:?}");
    let pod = &operators[0]["spec"]["template"];
    ensure!(
        pod["metadata"]["labels"]["control-plane"] == "controller-manager",
        "{pod}"
    );
    let image = pod["spec"]["containers"][0]["image"].as_str();
    ensure!(
        image.is_some_and(|image| image.contains("locust-operator/locust-operator")),
        "{image:?}"
    );
    taken_over(&kubectl, "running", SOON)?;
    let then = requests(&kubectl, "published")?;
    // A new test runs beside it.
    kubectl.apply(&small_test("new", ""))?;
    expect_outcome(
        &finished(&kubectl, "new")?,
        "Succeeded Passed/AllPassed",
        "0 failed",
    )?;
    ensure!(
        requests(&kubectl, "published")? > then,
        "the load of the published run goes on"
    );
    let test = finished(&kubectl, "running")?;
    expect_outcome(&test, "Succeeded Passed/ExitCodeOnly", "exit code 0")?;
    seen::case(
        "the published operator started the run and was replaced during the load",
        &test,
    )?;
    ensure!(before == uids(&kubectl, &KEPT)?, "an object was made again");
    ensure!(
        kubectl.get("locusttest", "over")?["status"] == over["status"],
        "what is over stays as it was"
    );
    let kept = || -> Result<()> {
        for name in ["running", "over", "new"] {
            kubectl
                .get("locusttest", name)
                .with_context(|| format!("{name} is lost"))?;
        }
        Ok(())
    };
    wait_until("the definition trusts the operator", SOON, || {
        let config = &helm.definition()?["spec"]["conversion"]["webhook"]["clientConfig"];
        ensure!(config["caBundle"].is_string(), "{config}");
        Ok(())
    })?;

    // The published definition converts nothing.
    helm.roll_back()?;
    kept()?;
    let definition = helm.definition()?;
    let conversion = &definition["spec"]["conversion"];
    ensure!(*conversion == json!({"strategy": "None"}), "{conversion}");

    helm.upgrade(&[])?;
    kept()?;
    kubectl.apply(&small_test("newer", ""))?;
    wait_until("the operator acts again", SOON, || {
        let status = kubectl.get("locusttest", "newer")?["status"].take();
        ensure!(status["run"]["id"].is_string(), "{status}");
        Ok(())
    })?;
    as_v1(&kubectl, "newer")?;
    kubectl.run(&["delete", "locusttest", "newer", "--timeout=60s"])?;

    helm.uninstall(&[])?;
    kept()?;
    helm.expect_released()?;
    node.remove("taken")?;

    // Again: v1 is back, and what is installed again is there at once.
    helm.install("charts/locust-operator", &[])?;
    let default = node.kubectl.in_namespace("default");
    default.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: again}, spec: {worker: {replicas: 1}, \
        testFiles: {configMapRef: never}}}")?;
    as_v1(&default, "again")?;
    default.run(&["delete", "locusttest", "again", "--timeout=30s"])?;
    helm.uninstall(&[])?;
    helm.expect_released()?;
    helm.delete_definitions()
}

/// v1 is served, and says what v2 says.
fn as_v1(kubectl: &e2e_tests::Kubectl, name: &str) -> Result<()> {
    wait_until("v1 is served", SOON, || {
        let path = format!(
            "/apis/locust.io/v1/namespaces/{}/locusttests/{name}",
            kubectl.namespace()
        );
        let test: serde_json::Value =
            serde_json::from_str(&kubectl.run(&["get", "--raw", &path])?)?;
        let v2 = kubectl.get("locusttest", name)?;
        ensure!(
            test["spec"]["workerReplicas"] == v2["spec"]["worker"]["replicas"],
            "{test}"
        );
        Ok(())
    })
}
