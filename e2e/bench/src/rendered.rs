//! The objects that the operator made of tests, to be made again without it.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::Client;
use serde_json::{Value, json};

use crate::client::{Kind, list};

/// The objects of every run in the namespace `from`, one list for each run, as they would be made in the namespace
/// `to`: ConfigMap, Service, NetworkPolicy, the workers' Job, the master's Job.
pub async fn objects(client: &Client, from: &str, to: &str) -> Result<Vec<Vec<Value>>> {
    let mut runs = BTreeMap::<String, Vec<Value>>::new();
    for kind in [
        Kind::ConfigMap,
        Kind::Service,
        Kind::NetworkPolicy,
        Kind::Job,
    ] {
        let mut found = list(client, kind, from).await?;
        // In the order in which the operator makes them.
        found.sort_by_key(|object| object["metadata"]["labels"]["locust.io/role"] == "master");
        for object in found {
            let run = object["metadata"]["labels"]["locust.io/run-id"]
                .as_str()
                .map(str::to_owned);
            if let Some(run) = run {
                runs.entry(run).or_default().push(fresh(kind, object, to));
            }
        }
    }
    Ok(runs.into_values().collect())
}

/// An object as it was sent, in another namespace and with no owner.
fn fresh(kind: Kind, mut object: Value, namespace: &str) -> Value {
    let resource = kind.resource();
    let metadata = object["metadata"].take();
    object["apiVersion"] = json!(resource.api_version);
    object["kind"] = json!(resource.kind);
    object["metadata"] =
        json!({"namespace": namespace, "name": metadata["name"], "labels": metadata["labels"]});
    remove(&mut object, "", "status");
    match kind {
        Kind::Service => {
            remove(&mut object, "/spec", "clusterIP");
            remove(&mut object, "/spec", "clusterIPs");
        }
        Kind::Job => {
            remove(&mut object, "/spec", "selector");
            for label in ["controller-uid", "job-name"] {
                let labels = "/spec/template/metadata/labels";
                remove(&mut object, labels, label);
                remove(&mut object, labels, &format!("batch.kubernetes.io/{label}"));
            }
        }
        Kind::ConfigMap
        | Kind::NetworkPolicy
        | Kind::LocustTest
        | Kind::LocustTestSuite
        | Kind::LocustTemplate
        | Kind::LocustSchedule
        | Kind::CronJob
        | Kind::Pod => {}
    }
    object
}

fn remove(object: &mut Value, parent: &str, field: &str) {
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_nothing_of_its_first_life() {
        let stored = json!({
            "metadata": {"name": "a", "namespace": "from", "uid": "1", "labels": {"app": "a"}, "ownerReferences": [{}]},
            "spec": {"parallelism": 1, "selector": {"matchLabels": {}}, "template": {"metadata": {"labels": {
                "app": "a", "controller-uid": "1", "job-name": "a", "batch.kubernetes.io/job-name": "a",
                "batch.kubernetes.io/controller-uid": "1"}}}},
            "status": {"active": 1}});
        assert_eq!(
            fresh(Kind::Job, stored, "to"),
            json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "a", "namespace": "to", "labels": {"app": "a"}},
                "spec": {"parallelism": 1, "template": {"metadata": {"labels": {"app": "a"}}}}})
        );
    }

    #[test]
    fn a_service_keeps_its_selector() {
        let stored =
            json!({"metadata": {}, "spec": {"selector": {"app": "a"}, "clusterIP": "10.96.0.9"}});
        assert_eq!(
            fresh(Kind::Service, stored, "to")["spec"],
            json!({"selector": {"app": "a"}})
        );
    }
}
