//! Tests written and read as `locust.io/v1`.

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::converter::Converter;
use crate::crd::FULL;
use crate::kubelet;
use crate::world::{SOON, World};

const V1: &str = "locusttests.v1.locust.io";
const KEPT: &str = "locust.io/v2-spec";

/// As the published documents write them.
const SAMPLE: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: demo-test-map}
data: {demo_test.py: ''}
---
apiVersion: locust.io/v1
kind: LocustTest
metadata: {name: demo.test}
spec:
  image: locustio/locust:latest
  masterCommandSeed: --locustfile /lotest/src/demo_test.py --host https://dummy.example --users 100 --spawn-rate 3 --run-time 3m
  workerCommandSeed: --locustfile /lotest/src/demo_test.py
  workerReplicas: 3
  configMap: demo-test-map
  labels: {master: {team: shop}}
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {pool: load}}}
  tolerations: [{key: load, operator: Exists, effect: NoSchedule}]
";

pub fn a10_08_v1_loses_nothing(world: &World) -> Result<()> {
    let converter = Converter::boot("v1")?;
    let mut operator = converter.operator(0)?;
    let place = converter.cluster.place("v1")?;
    let kubectl = &place.kubectl;
    // It may not list tests yet, so it is not ready, and converts all the same.
    kubectl.apply(FULL)?;
    let v2 = kubectl.get("lotest", "full")?;
    let v1 = wait_until("v1 is served and converted", SOON * 2, || {
        let v1 = kubectl.get(V1, "full")?;
        // The API server may serve it a moment before it asks the webhook.
        ensure!(v1["spec"]["workerReplicas"] == 5, "{v1}");
        Ok(v1)
    })?;
    assert_eq!(operator.get("/readyz")?.code, 503);
    assert_eq!(v1["spec"]["configMap"], "files");
    ensure!(v1["metadata"]["annotations"][KEPT].is_string(), "{v1}");
    ensure!(v2["metadata"]["annotations"][KEPT].is_null(), "{v2}");

    replaced_as_read(kubectl, &v1, &v2)?;
    edits_win(kubectl, &v2)?;

    converter.let_run()?;
    operator.wait_ready()?;
    kubectl.apply(SAMPLE)?;
    runs_as_v2(kubectl)?;
    nothing_is_pruned(world, kubectl)?;
    frozen_in_v1(kubectl)
}

/// Where it is converted, and where nothing converts it.
fn nothing_is_pruned(world: &World, kubectl: &Kubectl) -> Result<()> {
    const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let stored = kubectl.get("lotest", "demo.test")?;
    let sent = &stored["metadata"]["annotations"][APPLIED];
    let mut sent: Value = serde_json::from_str(sent.as_str().context("what was sent")?)?;
    sent["metadata"] = json!({"name": "demo.test"});
    defects::check(
        8,
        &json!({"sent": sent, "accepted": true, "stored": stored}),
    )?;
    let unconverted = world.other.place("v1-unserved")?.kubectl;
    let refusal = unconverted.refused(&sent.to_string())?;
    ensure!(refusal.contains("locust.io/v1"), "{refusal}");
    let stored = unconverted.find("lotest", "demo.test")?;
    defects::check(
        8,
        &json!({"sent": sent, "accepted": false, "stored": stored}),
    )?;
    Ok(())
}

fn replaced_as_read(kubectl: &Kubectl, v1: &Value, v2: &Value) -> Result<()> {
    kubectl.feed(&["replace", "-f", "-"], &v1.to_string())?;
    let after = kubectl.get("lotest", "full")?;
    assert_eq!(after["spec"], v2["spec"]);
    assert_eq!(after["metadata"]["generation"], 1, "nothing has changed");
    Ok(())
}

fn edits_win(kubectl: &Kubectl, v2: &Value) -> Result<()> {
    let mut edited = kubectl.get(V1, "full")?;
    edited["spec"]["image"] = json!("other:1");
    edited["spec"]["workerReplicas"] = json!(7);
    edited["spec"]["labels"]["worker"] = json!({"team": "other"});
    if let Some(spec) = edited["spec"].as_object_mut() {
        spec.remove("libConfigMap");
    }
    kubectl.feed(&["replace", "-f", "-"], &edited.to_string())?;
    let mut expected = v2["spec"].clone();
    expected["image"] = json!("other:1");
    expected["worker"]["replicas"] = json!(7);
    expected["worker"]["labels"] = json!({"team": "other"});
    if let Some(files) = expected["testFiles"].as_object_mut() {
        files.remove("libConfigMapRef");
    }
    assert_eq!(kubectl.get("lotest", "full")?["spec"], expected);
    // A patch is read, changed and written by the API server, as v1.
    kubectl.patch(
        V1,
        "full",
        &json!({"spec": {"masterCommandSeed": "-f /tests/b.py"}}),
    )?;
    expected["master"]["command"] = json!("-f /tests/b.py");
    assert_eq!(kubectl.get("lotest", "full")?["spec"], expected);
    kubectl.delete("lotest", "full")
}

fn runs_as_v2(kubectl: &Kubectl) -> Result<()> {
    kubelet::started(kubectl, "demo.test")?;
    let test = kubectl.get("lotest", "demo.test")?;
    assert_eq!(test["apiVersion"], "locust.io/v2");
    assert_eq!(
        test["spec"]["master"]["autoquit"],
        json!({"enabled": true, "timeout": 60})
    );
    let workers = kubectl.get("job", "demo-test-worker")?;
    assert_eq!(workers["spec"]["parallelism"], 3);
    let master = kubectl.get("job", "demo-test-master")?;
    let pod = &master["spec"]["template"];
    assert_eq!(pod["metadata"]["labels"]["team"], "shop");
    assert_eq!(pod["spec"]["tolerations"][0]["key"], "load");
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["image"], "locustio/locust:latest");
    ensure!(
        container["args"].to_string().contains("--run-time"),
        "{container}"
    );
    let as_v1 = kubectl.get(V1, "demo.test")?;
    ensure!(
        as_v1["metadata"]["annotations"][KEPT].is_null(),
        "v1 says it all: {as_v1}"
    );
    assert_eq!(as_v1["status"]["run"], test["status"]["run"]);
    let table = kubectl.run(&["get", V1])?;
    let header: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(
        header,
        ["NAME", "MASTER_CMD", "WORKER_REPLICA_COUNT", "IMAGE", "AGE"]
    );
    Ok(())
}

fn frozen_in_v1(kubectl: &Kubectl) -> Result<()> {
    for change in [
        json!({"image": "other"}),
        json!({"affinity": null}),
        json!({"libConfigMap": "more"}),
        json!({"annotations": {"worker": {"a": "b"}}}),
    ] {
        let Err(refusal) = kubectl.patch(V1, "demo.test", &json!({"spec": change})) else {
            anyhow::bail!("{change} is accepted");
        };
        let said = format!("{refusal:#}");
        ensure!(said.contains("only workerReplicas can change"), "{said}");
    }
    kubectl.patch(V1, "demo.test", &json!({"spec": {"workerReplicas": 4}}))?;
    assert_eq!(
        kubectl.get("lotest", "demo.test")?["spec"]["worker"]["replicas"],
        4
    );
    Ok(())
}
