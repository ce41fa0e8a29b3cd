//! What caches leave out: decisions do not read it, and it is most of every object.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use locust_api::{
    names::{LABEL_GROUP, LABEL_POD_NAME, LABEL_ROLE, LABEL_RUN_ID},
    v2::{LocustTest, LocustTestSpec, LocustTestStatus, Pin, RunSpec},
};
use serde::{Deserialize, Deserializer};

use crate::lifecycle::{Step, next_step};

/// Labels of pods that are read.
const LABELS: [&str; 4] = [LABEL_RUN_ID, LABEL_ROLE, LABEL_POD_NAME, LABEL_GROUP];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: BTreeMap<String, String>,
    owner_references: Vec<OwnerReference>,
}

/// Reads the metadata of a Job without labels, annotations and the managers of its fields.
pub(crate) fn job_metadata<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ObjectMeta, D::Error> {
    let mut metadata = pod_metadata(deserializer)?;
    metadata.labels = None;
    Ok(metadata)
}

/// Reads the metadata of a pod without annotations, labels of others and the managers of its fields.
pub(crate) fn pod_metadata<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ObjectMeta, D::Error> {
    let Metadata {
        name,
        namespace,
        uid,
        resource_version,
        creation_timestamp,
        deletion_timestamp,
        mut labels,
        mut owner_references,
    } = Metadata::deserialize(deserializer)?;
    labels.retain(|label, _| LABELS.contains(&label.as_str()));
    owner_references.shrink_to_fit();
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        creation_timestamp,
        deletion_timestamp,
        labels: (!labels.is_empty()).then_some(labels),
        owner_references: (!owner_references.is_empty()).then_some(owner_references),
        ..ObjectMeta::default()
    })
}

/// Reads a list into no more memory than it needs.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let mut list = Vec::deserialize(deserializer)?;
    list.shrink_to_fit();
    Ok(list)
}

/// Leaves out who manages a test's fields and the copy that `kubectl apply` keeps of it; of a test that is over,
/// everything but what tells which run it was, how it ended, when its workers must be gone and when it goes itself.
pub fn test(test: &mut LocustTest) {
    metadata(&mut test.metadata);
    if next_step(test.status.as_ref()) != Step::Ended {
        return;
    }
    let stop_timeout = test.spec.run.as_ref().and_then(|run| run.stop_timeout);
    test.spec = LocustTestSpec {
        run: stop_timeout.map(|stop_timeout| RunSpec {
            stop_timeout: Some(stop_timeout),
            ..RunSpec::default()
        }),
        retention: test.spec.retention.take(),
        ..LocustTestSpec::with_workers(test.spec.worker.replicas)
    };
    test.status = test.status.take().map(|status| {
        let LocustTestStatus {
            phase,
            verdict,
            reason,
            start_time,
            completion_time,
            run,
            message: _,
            observed_generation: _,
            expected_workers: _,
            connected_workers: _,
            pin,
            workers: _,
            progress: _,
            summary: _,
            thresholds: _,
            warnings: _,
            comparison: _,
            conditions: _,
        } = status;
        LocustTestStatus {
            phase,
            verdict,
            reason,
            start_time,
            completion_time,
            run,
            pin: pin.and_then(|pin| pin.retention).map(|retention| Pin {
                retention: Some(retention),
                ..Pin::default()
            }),
            ..LocustTestStatus::default()
        }
    });
}

/// Leaves out who manages the fields of an object, and the copy that `kubectl apply` keeps of it.
pub fn metadata(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    if metadata
        .annotations
        .as_ref()
        .is_some_and(BTreeMap::is_empty)
    {
        metadata.annotations = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{JobView, PodView};
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn stored(status: Value) -> LocustTest {
        serde_json::from_value(json!({
            "apiVersion": "locust.io/v2", "kind": "LocustTest",
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "labels": {"team": "a"}, "managedFields": [{}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"image": "i", "testFiles": {"inline": {"locustfile.py": "…"}}, "run": {"users": 5, "stopTimeout": "5s"},
                "worker": {"replicas": 3}},
            "status": status}))
        .unwrap()
    }

    fn ended() -> Value {
        json!({"phase": "Succeeded", "verdict": "Passed", "reason": "AllPassed", "message": "ten requests",
            "completionTime": "2026-01-01T00:00:00Z",
            "run": {"id": "u", "specHash": "h", "masterName": "a-master", "workerName": "a-worker",
                "serviceName": "a-master", "masterJobUID": "m", "claimedAt": "2026-01-01T00:00:00Z"}})
    }

    #[test]
    fn a_running_test_keeps_spec_and_status() {
        let mut status = ended();
        status["phase"] = json!("Running");
        let before = stored(status);
        let mut after = before.clone();
        test(&mut after);
        assert_eq!((&after.spec, &after.status), (&before.spec, &before.status));
        assert_eq!(after.metadata.labels, before.metadata.labels);
        assert_eq!(
            (after.metadata.managed_fields, after.metadata.annotations),
            (None, None)
        );
    }

    #[test]
    fn a_test_that_is_over_keeps_what_decides_about_its_jobs() {
        for (verdict, reason) in [
            ("Passed", "AllPassed"),
            ("Inconclusive", "StoppedEarly"),
            ("Inconclusive", "MasterLost"),
        ] {
            let mut status = ended();
            status["verdict"] = json!(verdict);
            status["reason"] = json!(reason);
            expect_the_same_decisions(&stored(status));
        }
    }

    /// A test from a template need not say how many workers there are.
    #[test]
    fn a_test_that_is_over_and_names_no_workers_stays_readable() {
        let mut ended = stored(ended());
        ended.spec.worker = locust_api::v2::WorkerSpec::default();
        expect_the_same_decisions(&ended);
        test(&mut ended);
        let written = serde_json::to_value(&ended).unwrap();
        assert_eq!(written["spec"].get("worker"), None);
        assert_eq!(
            serde_json::from_value::<LocustTest>(written).unwrap(),
            ended
        );
    }

    fn expect_the_same_decisions(before: &LocustTest) {
        let mut after = before.clone();
        test(&mut after);
        let [was, is] = [before, &after].map(|test| test.status.as_ref().unwrap());
        assert_eq!(
            (is.phase, is.verdict, &is.reason, &is.run),
            (was.phase, was.verdict, &was.reason, &was.run)
        );
        assert_eq!((&is.message, &after.spec.test_files), (&None, &None));
        let job = JobView::default();
        for second in [0, 24, 25, 26] {
            let now = Timestamp::from_second(
                was.completion_time.as_ref().unwrap().0.as_second() + second,
            )
            .unwrap();
            assert_eq!(
                crate::lifecycle::stop_workers(is, &after.spec, &job, now),
                crate::lifecycle::stop_workers(was, &before.spec, &job, now)
            );
        }
    }

    #[test]
    fn jobs_and_pods_keep_names_and_owner_and_pods_our_labels() {
        let stored = json!({"metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {LABEL_RUN_ID: "u", LABEL_ROLE: "master", LABEL_POD_NAME: "a-master", "team": "a"},
            "annotations": {"a": "b"}, "managedFields": [{"manager": "m", "fieldsV1": {"f:status": {}}}],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "v", "controller": true}]}});
        let pod: PodView = serde_json::from_value(stored.clone()).unwrap();
        let job: JobView = serde_json::from_value(stored).unwrap();
        let without_labels = ObjectMeta {
            labels: None,
            ..pod.metadata.clone()
        };
        assert_eq!(job.metadata, without_labels);
        assert_eq!(
            serde_json::to_value(&pod.metadata).unwrap(),
            json!({"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {LABEL_RUN_ID: "u", LABEL_ROLE: "master", LABEL_POD_NAME: "a-master"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "v", "controller": true}]})
        );
    }
}
