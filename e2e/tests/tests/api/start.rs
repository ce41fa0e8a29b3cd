//! The start of a run: its claim, its objects, and what it costs.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::kubelet;
use crate::world::{Place, World};

const TEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: files}
data: {locustfile.py: ''}
---
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: demo}
spec:
  testFiles: {configMapRef: files}
  worker: {replicas: 3, labels: {team: shop}}
";

const OBJECTS: [(&str, &str); 5] = [
    ("configmap", "demo-master"),
    ("service", "demo-master"),
    ("networkpolicy", "demo-master"),
    ("job", "demo-worker"),
    ("job", "demo-master"),
];

pub fn a_claimed_test(world: &World) -> Result<()> {
    let place = world.main.place("claimed")?;
    place.kubectl.apply(TEST)?;
    let status = kubelet::started(&place.kubectl, "demo")?;
    kubelet::master_pod(&place.kubectl, "demo")?;
    place.settled()?;

    let test = place.kubectl.get("lotest", "demo")?;
    let uid = &test["metadata"]["uid"];
    assert_eq!(test["metadata"]["generation"], 1, "no write may bump it");
    let run = &status["run"];
    assert_eq!(&run["id"], uid);
    assert_eq!(
        [&run["masterName"], &run["workerName"], &run["serviceName"]],
        ["demo-master", "demo-worker", "demo-master"]
    );
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["workers"]["text"], "0/3");
    assert_eq!(
        kubelet::condition(&status, "Ready")["reason"],
        "ResourcesCreated"
    );

    check_order(&place)?;
    place.check_status_writes()?;
    for (kind, name) in OBJECTS {
        check_object(&place.kubectl.get(kind, name)?, uid)?;
    }
    check_worker_job(&place.kubectl.get("job", "demo-worker")?, run);
    check_master_job(&place.kubectl.get("job", "demo-master")?, run);
    check_service(&place.kubectl.get("service", "demo-master")?);
    check_events(&place)
}

/// The claim comes before any object, each object is sent once, and all that is cheap.
fn check_order(place: &Place<'_>) -> Result<()> {
    let writes: Vec<String> = place.writes()?.iter().map(|write| write.line()).collect();
    let first: Vec<&str> = writes.iter().take(7).map(String::as_str).collect();
    assert_eq!(
        first,
        [
            "patch locusttests/status claimed/demo -> 200",
            "create configmaps claimed/demo-master -> 201",
            "create services claimed/demo-master -> 201",
            "create networkpolicies claimed/demo-master -> 201",
            "create jobs claimed/demo-worker -> 201",
            "create jobs claimed/demo-master -> 201",
            "patch locusttests/status claimed/demo -> 200",
        ]
    );
    let later = &writes[7..];
    ensure!(
        later
            .iter()
            .all(|line| line.starts_with("patch locusttests/status")),
        "{later:?}"
    );
    ensure!(
        writes.len() <= 9,
        "{} writes to start a run: {writes:#?}",
        writes.len()
    );
    Ok(())
}

fn check_object(object: &Value, test: &Value) -> Result<()> {
    let metadata = &object["metadata"];
    assert_eq!(
        metadata["ownerReferences"],
        json!([{"apiVersion": "locust.io/v2", "kind": "LocustTest", "name": "demo", "uid": test,
            "controller": true, "blockOwnerDeletion": true}])
    );
    for (label, value) in [
        ("managed-by", &json!("locust-k8s-operator")),
        ("performance-test-name", &json!("demo")),
        ("locust.io/run-id", test),
    ] {
        ensure!(
            metadata["labels"][label] == *value,
            "label {label} of {metadata}"
        );
    }
    Ok(())
}

fn check_worker_job(job: &Value, run: &Value) {
    assert_eq!(job["metadata"]["uid"], run["workerJobUID"]);
    let spec = &job["spec"];
    assert_eq!(spec["completionMode"], "Indexed");
    assert_eq!([&spec["completions"], &spec["parallelism"]], [3, 3]);
    assert_eq!(spec["backoffLimitPerIndex"], 3);
    assert_eq!(
        spec["podFailurePolicy"]["rules"],
        json!([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}])
    );
    assert_eq!(spec["ttlSecondsAfterFinished"], Value::Null);
    let pod = &spec["template"];
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    assert_eq!(
        pod["metadata"]["labels"]["performance-test-pod-name"],
        "demo-worker"
    );
    assert_eq!(pod["metadata"]["labels"]["team"], "shop");
    let arguments = pod["spec"]["containers"][0]["args"].to_string();
    assert!(
        arguments.contains("--worker") && arguments.contains("--master-host=demo-master"),
        "{arguments}"
    );
}

fn check_master_job(job: &Value, run: &Value) {
    assert_eq!(job["metadata"]["uid"], run["masterJobUID"]);
    let spec = &job["spec"];
    assert_eq!(
        [
            &spec["completions"],
            &spec["parallelism"],
            &spec["backoffLimit"]
        ],
        [1, 1, 0]
    );
    assert_eq!(spec["ttlSecondsAfterFinished"], Value::Null);
    let pod = &spec["template"];
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    let arguments = pod["spec"]["containers"][0]["args"].to_string();
    assert!(
        arguments.contains("/lotest/src/locustfile.py,/lotest/operator/locust_operator_plugin.py"),
        "{arguments}"
    );
    assert!(arguments.contains("--expect-workers=3"), "{arguments}");
}

fn check_service(service: &Value) {
    let spec = &service["spec"];
    assert_eq!(
        spec["selector"],
        json!({"performance-test-pod-name": "demo-master"})
    );
    let ports: Vec<_> = spec["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| &port["port"])
        .collect();
    assert_eq!(ports, [5557, 5558, 9646]);
}

fn check_events(place: &Place<'_>) -> Result<()> {
    let events = place.kubectl.events("demo")?;
    let started: Vec<&Value> = events
        .iter()
        .filter(|event| event["regarding"]["kind"] == "LocustTest")
        .collect();
    ensure!(started.len() == 1, "one event, not {started:#?}");
    assert_eq!(started[0]["reason"], "Started");
    assert_eq!(started[0]["type"], "Normal");
    assert_eq!(started[0]["series"], Value::Null, "it was published once");
    let note = started[0]["note"].to_string();
    ensure!(
        OBJECTS.iter().all(|(_, name)| note.contains(name)),
        "{note}"
    );
    Ok(())
}
