//! Running tests as the published operators leave them: real Locust in their Jobs, with their command lines and labels.

use serde_json::{Value, json};

pub const IMAGE: &str = "locustio/locust:2.47.0";

/// Jobs and Service of a run.
pub struct Run<'a> {
    /// The test's name without dots.
    pub name: &'a str,
    /// The test that owns them; version 1 gave them no owner.
    pub owner: Option<&'a Value>,
    /// How long the load lasts.
    pub run_time: &'a str,
    /// Whether a metrics exporter that never ends is beside the master.
    pub exporter: bool,
}

impl Run<'_> {
    pub fn objects(&self) -> String {
        let Self {
            name,
            owner,
            run_time,
            exporter,
        } = self;
        let owners: Vec<Value> = owner
            .iter()
            .map(|test| {
                json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "controller": true, "blockOwnerDeletion": true,
                    "name": test["metadata"]["name"], "uid": test["metadata"]["uid"]})
            })
            .collect();
        let master = format!("{name}-master");
        let job = |name: &str, arguments: &str, more: Option<Value>| {
            let file = "--locustfile /lotest/src/locustfile.py";
            let arguments: Vec<&str> = file.split(' ').chain(arguments.split(' ')).collect();
            let labels = json!({"performance-test-name": self.name, "performance-test-pod-name": name,
                "managed-by": "locust-k8s-operator"});
            let mut containers = vec![json!({"name": name, "image": IMAGE, "args": arguments,
                "volumeMounts": [{"name": "test", "mountPath": "/lotest/src"}]})];
            containers.extend(more);
            json!({"apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": name, "labels": labels, "ownerReferences": owners},
                "spec": {"backoffLimit": 0, "parallelism": 1, "template": {"metadata": {"labels": labels}, "spec": {
                    "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": containers,
                    "volumes": [{"name": "test", "configMap": {"name": "locustfile"}}]}}}})
        };
        let beside = exporter.then(|| {
            json!({"name": "locust-metrics-exporter", "image": IMAGE, "command": ["sleep", "600"]})
        });
        let load =
            format!("--host http://demo-target --users 4 --spawn-rate 4 --run-time {run_time}");
        let as_master = "--master --master-port=5557 --expect-workers=1 --autostart --autoquit 3 --enable-rebalancing --only-summary";
        let as_worker = format!("--worker --master-port=5557 --master-host={master}");
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": master, "ownerReferences": owners},
            "spec": {"selector": {"performance-test-pod-name": master}, "ports": [{"port": 5557}]}});
        json!({"apiVersion": "v1", "kind": "List", "items": [
            service,
            job(&master, &format!("{load} {as_master}"), beside),
            job(&format!("{name}-worker"), &as_worker, None),
        ]})
        .to_string()
    }
}
