//! What of a test can change once it has started.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::crd::FULL;
use crate::kubelet;
use crate::world::World;

const SAYS: &str = "only worker.replicas, retention and stop can change. Create a new LocustTest";

/// Another value for each field that is frozen.
fn changes() -> Vec<(&'static str, Value)> {
    let spec = |field: &str, value: Value| json!({ field: value });
    let worker = |field: &str, value: Value| json!({"worker": { field: value }});
    vec![
        ("image", spec("image", json!("other:1"))),
        ("imagePullPolicy", spec("imagePullPolicy", json!("Never"))),
        (
            "imagePullSecrets",
            spec("imagePullSecrets", json!([{"name": "other"}])),
        ),
        (
            "testFiles",
            spec("testFiles", json!({"configMapRef": "other"})),
        ),
        ("run", spec("run", json!({"users": 501}))),
        (
            "master",
            spec("master", json!({"autoquit": {"timeout": 31}})),
        ),
        ("startDeadline", spec("startDeadline", json!("11m"))),
        ("timeout", spec("timeout", json!("2h"))),
        ("concurrencyGroup", spec("concurrencyGroup", json!("other"))),
        ("suspend", spec("suspend", json!(true))),
        ("thresholds", spec("thresholds", json!([]))),
        ("baseline", spec("baseline", json!({"minRuns": 6}))),
        (
            "webUI",
            spec("webUI", json!({"service": {"labels": {"more": "1"}}})),
        ),
        (
            "validity",
            spec("validity", json!({"minWorkersPercent": 1})),
        ),
        (
            "scheduling",
            spec("scheduling", json!({"nodeSelector": {"pool": "other"}})),
        ),
        ("pod", spec("pod", json!({"priorityClassName": "other"}))),
        (
            "env",
            spec(
                "env",
                json!({"variables": [{"name": "PLAIN", "value": "2"}]}),
            ),
        ),
        (
            "volumes",
            spec("volumes", json!([{"name": "data", "emptyDir": {}}])),
        ),
        ("volumeMounts", spec("volumeMounts", json!([]))),
        (
            "security",
            spec(
                "security",
                json!({"podSecurityContext": {"runAsUser": 1001}}),
            ),
        ),
        (
            "observability",
            spec(
                "observability",
                json!({"openTelemetry": {"insecure": false}}),
            ),
        ),
        ("worker.command", worker("command", json!("-f other.py"))),
        ("worker.args", worker("args", json!(["-f", "other.py"]))),
        (
            "worker.resources",
            worker("resources", json!({"limits": {"memory": "2Gi"}})),
        ),
        ("worker.labels", worker("labels", json!({"team": "other"}))),
        (
            "worker.annotations",
            worker("annotations", json!({"more": "1"})),
        ),
        (
            "worker.nodeSelector",
            worker("nodeSelector", json!({"pool": "other"})),
        ),
        ("worker.tolerations", worker("tolerations", json!([]))),
        (
            "worker.topologySpreadConstraints",
            worker("topologySpreadConstraints", json!([])),
        ),
        ("worker.extraArgs", worker("extraArgs", json!([]))),
    ]
}

pub fn frozen_from_the_claim_on(world: &World) -> Result<()> {
    let place = world.main.place("frozen")?;
    let kubectl = &place.kubectl;
    // The ConfigMaps it names do not exist: it is claimed and waits.
    kubectl.apply(FULL)?;
    let claimed = e2e_tests::wait_until("the claim", crate::world::SOON, || {
        let test = kubectl.get("lotest", "full")?;
        ensure!(
            test["status"]["run"]["id"].is_string(),
            "{}",
            test["status"]
        );
        Ok(test)
    })?;

    check_all_fields_are_here(&claimed)?;
    for (field, change) in changes() {
        let refusal = kubectl.patch("lotest", "full", &json!({"spec": change}));
        check_refusal(field, "changed", refusal)?;
        let gone = match field.split_once('.') {
            Some((parent, child)) => json!({ parent: { child: null } }),
            None => json!({ field: null }),
        };
        if field != "worker.args" {
            let refusal = kubectl.patch("lotest", "full", &json!({"spec": gone}));
            check_refusal(field, "removed", refusal)?;
        }
    }
    let refusal = kubectl.patch("lotest", "full", &json!({"spec": {"worker": null}}));
    ensure!(refusal.is_err(), "worker can be removed");
    let refusal = kubectl.patch(
        "lotest",
        "full",
        &json!({"spec": {"testFiles": null, "image": "other"}}),
    );
    check_refusal("testFiles", "removed with another", refusal)?;

    let patched = kubectl.patch(
        "lotest",
        "full",
        &json!({"metadata": {"labels": {"new": "label"}, "annotations": {"new": "annotation"}}}),
    )?;
    assert_eq!(patched["metadata"]["labels"]["new"], "label");
    let patched = kubectl.patch(
        "lotest",
        "full",
        &json!({"spec": {"worker": {"replicas": 7}}}),
    )?;
    assert_eq!(patched["spec"]["worker"]["replicas"], 7);
    let mut expected = claimed["spec"].clone();
    expected["worker"]["replicas"] = json!(7);
    assert_eq!(patched["spec"], expected, "and nothing else changed");
    a_field_cannot_be_added(world)
}

fn a_field_cannot_be_added(world: &World) -> Result<()> {
    let place = world.main.place("frozen-least")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: least}, spec: {worker: {replicas: 1}}}")?;
    kubelet::started(kubectl, "least")?;
    for (field, change) in [
        ("image", json!({"image": "other"})),
        ("run", json!({"run": {"users": 9}})),
        ("worker.args", json!({"worker": {"args": ["-f", "x.py"]}})),
    ] {
        let refusal = kubectl.patch("lotest", "least", &json!({"spec": change}));
        check_refusal(field, "added", refusal)?;
    }
    // Applying the same manifest again is no change.
    let said = kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: least}, spec: {worker: {replicas: 1}}}")?;
    ensure!(said.contains("unchanged"), "{said}");
    Ok(())
}

fn check_refusal(field: &str, how: &str, refusal: Result<Value>) -> Result<()> {
    let said = match refusal {
        Ok(_) => anyhow::bail!("spec.{field} can be {how}"),
        Err(error) => format!("{error:#}"),
    };
    ensure!(
        said.contains(SAYS) && said.contains(&format!("spec.{field}")),
        "spec.{field} {how}: {said}"
    );
    Ok(())
}

/// A field that is new in the API fails here until it is in `changes`.
fn check_all_fields_are_here(test: &Value) -> Result<()> {
    let changes = changes();
    let spec = test["spec"].as_object().context("a spec")?;
    let worker = spec["worker"].as_object().context("a worker")?;
    let worker = worker
        .keys()
        .filter(|name| *name != "replicas")
        .map(|name| format!("worker.{name}"));
    let fields = spec
        .keys()
        .filter(|name| !["worker", "retention", "stop"].contains(&name.as_str()))
        .cloned()
        .chain(worker);
    for field in fields {
        ensure!(
            changes.iter().any(|(name, _)| *name == field),
            "no change of {field} is tried"
        );
    }
    Ok(())
}

pub fn scale(world: &World) -> Result<()> {
    let place = world.main.place("scale")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 2}}}")?;
    let status = kubelet::started(kubectl, "demo")?;
    kubectl.run(&["scale", "lotest", "demo", "--replicas=5"])?;
    e2e_tests::wait_until("the Job is for five workers", crate::world::SOON, || {
        let test = kubectl.get("lotest", "demo")?;
        let job = kubectl.get("job", "demo-worker")?;
        let workers = &test["status"]["workers"];
        ensure!(
            [
                &job["spec"]["parallelism"],
                &job["spec"]["completions"],
                &workers["desired"],
                &test["status"]["expectedWorkers"]
            ] == [5; 4],
            "{} {}",
            job["spec"],
            test["status"]
        );
        ensure!(
            workers["text"] == "0/5" && workers["scaled"].is_null(),
            "{workers}"
        );
        Ok(())
    })?;
    let path = "/apis/locust.io/v2/namespaces/scale/locusttests/demo/scale";
    let scale: Value = serde_json::from_str(&kubectl.run(&["get", "--raw", path])?)?;
    assert_eq!(scale["spec"]["replicas"], 5);
    assert_eq!(scale["status"]["selector"], status["workers"]["selector"]);
    // Autoscalers look for pods with it.
    let selector = scale["status"]["selector"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    e2e_tests::wait_until("the selected workers", crate::world::SOON, || {
        let pods = kubectl.list("pods", &selector)?;
        ensure!(pods.len() == 5, "{} pods have {selector}", pods.len());
        ensure!(
            pods.iter()
                .all(|pod| pod["metadata"]["labels"]["locust.io/role"] == "worker"),
            "not only workers"
        );
        Ok(())
    })?;
    let refusal = kubectl.run(&["scale", "lotest", "demo", "--replicas=0"]);
    ensure!(refusal.is_err(), "no workers at all make no load");
    kubectl.run(&["scale", "lotest", "demo", "--replicas=3"])?;
    e2e_tests::wait_until("three workers are left", crate::world::SOON, || {
        let pods = kubectl.list("pods", &selector)?;
        ensure!(pods.len() == 3, "{} pods", pods.len());
        Ok(())
    })?;
    e2e_tests::wait_until("both changes are told", crate::world::SOON, || {
        let events = kubectl.events("demo")?;
        let notes: Vec<&str> = events
            .iter()
            .filter(|event| event["reason"] == "Scaled")
            .filter_map(|event| event["note"].as_str())
            .collect();
        ensure!(
            notes
                == [
                    "spec.worker.replicas is 5: the run goes from 2 to 5 workers",
                    "spec.worker.replicas is 3: the run goes from 5 to 3 workers",
                ],
            "{notes:?}"
        );
        Ok(())
    })?;
    place.settled()?;
    let told = place.writes()?;
    let told = told
        .iter()
        .filter(|write| write.resource() == "jobs" && write.verb() == "patch");
    assert_eq!(told.count(), 2, "the Job is told once each time");
    // It may come back to a size that it had.
    kubectl.run(&["scale", "lotest", "demo", "--replicas=5"])?;
    e2e_tests::wait_until("five workers again", crate::world::SOON, || {
        let pods = kubectl.list("pods", &selector)?;
        ensure!(pods.len() == 5, "{} pods", pods.len());
        Ok(())
    })?;
    place.settled()?;
    place.check_status_writes()
}
