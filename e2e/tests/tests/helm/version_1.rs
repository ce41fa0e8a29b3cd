//! A release of version 1 of the published chart: its definition belongs to no release, its tests are stored as
//! `locust.io/v1`, have no status, and their Jobs have no owner.

use anyhow::{Result, ensure};
use e2e_tests::{
    node::{Node, RUN, SOON, deploy_target, expect_outcome, finished, name_of},
    published::{LOCUSTFILE, taken_over},
    seen, wait_until,
};
use serde_json::json;

use crate::jobs::Run;
use crate::world::{Helm, requests, uids};

const TESTS: &str = r#"
apiVersion: locust.io/v1
kind: LocustTest
metadata: {name: team.running, finalizers: [locusttests.locust.io/finalizer]}
spec:
  image: locustio/locust:2.47.0
  masterCommandSeed: --locustfile /lotest/src/locustfile.py --host http://demo-target --users 4 --spawn-rate 4 --run-time 40s
  workerCommandSeed: --locustfile /lotest/src/locustfile.py
  workerReplicas: 1
  configMap: locustfile
  labels: {master: {team: shop}}
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {pool: load}}}
---
apiVersion: locust.io/v1
kind: LocustTest
metadata: {name: team.over, finalizers: [locusttests.locust.io/finalizer]}
spec:
  image: locustio/locust:2.47.0
  masterCommandSeed: --locustfile /lotest/src/locustfile.py
  workerCommandSeed: --locustfile /lotest/src/locustfile.py
  workerReplicas: 3
"#;

const KEPT: [(&str, &str); 5] = [
    ("job", "team-running-master"),
    ("job", "team-running-worker"),
    ("service", "team-running-master"),
    ("locusttest", "team.running"),
    ("locusttest", "team.over"),
];

pub fn upgrade(node: &Node) -> Result<()> {
    let helm = Helm::on_empty(node)?;
    helm.install("e2e/tests/fixtures/published-1", &[])?;
    node.remove("taken-1")?;
    node.kubectl.run(&["create", "namespace", "taken-1"])?;
    let kubectl = node.kubectl.in_namespace("taken-1");
    deploy_target(&kubectl)?;
    kubectl.apply(LOCUSTFILE)?;
    kubectl.apply(TESTS)?;
    let run = Run {
        name: "team-running",
        owner: None,
        run_time: "40s",
        exporter: true,
    };
    kubectl.apply(&run.objects())?;
    wait_until("the published run loads", RUN, || {
        ensure!(requests(&kubectl, "published")? > 0, "no load");
        Ok(())
    })?;
    let before = uids(&kubectl, &KEPT)?;
    let as_written = kubectl.get("locusttest", "team.running")?["spec"].take();

    helm.upgrade(&["--take-ownership", "--force-conflicts"])?;
    let operators = helm.operators()?;
    let names: Vec<_> = operators.iter().map(name_of).collect();
    ensure!(names == ["locust-operator"], "one operator: {names:?}");
    let test = taken_over(&kubectl, "team.running", SOON)?;
    ensure!(
        test["spec"]["worker"]["replicas"] == 1
            && test["spec"]["master"]["labels"]["team"] == "shop",
        "{}",
        test["spec"]
    );
    let then = requests(&kubectl, "published")?;
    wait_until("everything is stored as v2", SOON, || {
        let stored = helm.definition()?["status"]["storedVersions"].take();
        ensure!(stored == json!(["v2"]), "{stored}");
        Ok(())
    })?;
    let v1 = kubectl.get("locusttests.v1.locust.io", "team.running")?;
    ensure!(v1["spec"] == as_written, "{} was {as_written}", v1["spec"]);
    // Nobody knows how it ended, and it is not run again.
    let over = finished(&kubectl, "team.over")?;
    expect_outcome(&over, "Failed Error/ResultLost", "its Job is gone")?;
    let test = finished(&kubectl, "team.running")?;
    expect_outcome(&test, "Succeeded Passed/ExitCodeOnly", "exit code 0")?;
    ensure!(requests(&kubectl, "published")? > then, "the load went on");
    seen::case(
        "version 1 of the published operator was replaced during the load",
        &test,
    )?;
    ensure!(before == uids(&kubectl, &KEPT)?, "an object was made again");
    let jobs = kubectl.list("jobs", "managed-by=locust-k8s-operator")?;
    ensure!(jobs.len() == 2, "a run was made again: {jobs:?}");

    helm.uninstall(&[])?;
    helm.expect_released()?;
    ensure!(
        before == uids(&kubectl, &KEPT)?,
        "an object went with the release"
    );
    node.remove("taken-1")?;
    helm.delete_definitions()
}
