use super::*;
use crate::{
    revision::Provenance,
    settings::{self, SecurityProfile},
};
use locust_api::{Duration, v2::HttpWait};
use proptest::prelude::*;
use serde_json::json;

fn suite(spec: &str) -> LocustTestSuite {
    serde_saphyr::from_str(&format!(
        "{{apiVersion: locust.io/v2, kind: LocustTestSuite, metadata: {{name: nightly, namespace: team, uid: u-1}}, spec: {spec}, status: {{run: {{id: r-1, claimedAt: '2026-01-01T00:00:00Z'}}}}}}"
    ))
    .unwrap()
}

fn step(text: &str) -> SuiteStep {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn names_tell_suite_step_and_attempt() {
    for (suite, step, attempt, name) in [
        ("nightly", "load", 0, "nightly-load"),
        ("nightly", "load", 1, "nightly-load"),
        ("nightly", "load", 2, "nightly-load-a2"),
    ] {
        assert_eq!(child_name(suite, step, attempt), name);
    }
    let at_limit = child_name(&"s".repeat(30), &"t".repeat(21), 1);
    assert_eq!(at_limit, format!("{}-{}", "s".repeat(30), "t".repeat(21)));
    let long = child_name(&"s".repeat(30), &"t".repeat(22), 1);
    assert_eq!(long.len(), 52);
    assert!(
        long.starts_with(&format!("{}-{}-", "s".repeat(30), "t".repeat(12))),
        "{long}"
    );
    assert_ne!(long, child_name(&"s".repeat(30), &"t".repeat(22), 2));
    assert_eq!(wait_name("nightly", "load", 2), "nightly-load-a2-wait");
}

#[test]
fn a_test_stands_on_its_own_and_tells_where_it_comes_from() {
    let suite = suite(
        "{steps: [], concurrencyGroup: g, retention: {podsAfterFinished: 1h, suiteAfterFinished: 2h}}",
    );
    let mut spec = LocustTestSpec::with_workers(2);
    spec.suspend = Some(true);
    let provenance: Provenance = serde_json::from_value(json!({
        "template": {"name": "checkout", "namespace": "shared", "uid": "t", "generation": 4, "hash": "h"},
        "parameters": {"users": 500, "long": "é".repeat(300)}}))
    .unwrap();
    let made = test(&suite, &step("{name: load}"), 2, spec, Some(&provenance));
    let parameters = json!({"users": 500, "long": format!("{}…", "é".repeat(256))}).to_string();
    assert_eq!(
        serde_json::to_value(&made).unwrap(),
        json!({"apiVersion": "locust.io/v2", "kind": "LocustTest",
            "metadata": {"name": "nightly-load-a2", "namespace": "team",
                "labels": {"managed-by": "locust-k8s-operator", "locust.io/suite": "nightly", "locust.io/suite-run": "r-1",
                    "locust.io/step": "load", "locust.io/attempt": "2", "locust.io/attempt-of": "nightly-load"},
                "annotations": {"locust.io/template": "shared/checkout", "locust.io/parameters": parameters},
                "ownerReferences": [{"apiVersion": "locust.io/v2", "kind": "LocustTestSuite", "name": "nightly", "uid": "u-1",
                    "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"master": {}, "worker": {"replicas": 2}, "concurrencyGroup": "g", "retention": {"podsAfterFinished": "1h"}}})
    );
}

#[test]
fn what_a_test_says_itself_stays() {
    let own = "{worker: {replicas: 1}, concurrencyGroup: own, retention: {podsAfterFinished: 5m, testAfterFailed: 1h}}";
    let own: LocustTestSpec = serde_saphyr::from_str(own).unwrap();
    for of_suite in [
        "{steps: [], concurrencyGroup: g, retention: {podsAfterFinished: 1h}}",
        "{steps: [], retention: {}}",
        "{steps: []}",
    ] {
        let made = test(
            &suite(of_suite),
            &step("{name: load}"),
            1,
            own.clone(),
            None,
        );
        assert_eq!(made.spec, own, "{of_suite}");
        assert_eq!(made.metadata.annotations, None);
        let labels = made.metadata.labels.unwrap();
        assert!(!labels.contains_key(names::LABEL_ATTEMPT_OF));
    }
}

const JOB: &str = "{backoffLimit: 3, template: {metadata: {labels: {team: a, locust.io/step: mine}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}";

#[test]
fn a_job_is_the_users_with_our_labels() {
    let suite = suite("{steps: [], concurrencyGroup: g}");
    for (timeout, own, deadline) in [
        ("", "", None),
        (", timeout: 90s", "", Some(90)),
        (", timeout: 0s", "", Some(1)),
        (", timeout: 90s", "activeDeadlineSeconds: 5, ", Some(5)),
    ] {
        let written = JOB.replace("{back", &format!("{{{own}back"));
        let step = step(&format!("{{name: seed{timeout}, job: {written}}}"));
        let made = job(&suite, &step, 1).unwrap();
        let spec = made.spec.unwrap();
        assert_eq!(spec.active_deadline_seconds, deadline, "{timeout} {own}");
        assert_eq!(spec.backoff_limit, Some(3));
        assert_eq!(made.metadata.name.as_deref(), Some("nightly-seed"));
        let ours = made.metadata.labels.unwrap();
        assert_eq!(ours[names::LABEL_GROUP], "g");
        let mut of_pods = spec.template.metadata.unwrap().labels.unwrap();
        assert_eq!(of_pods.remove("team").as_deref(), Some("a"));
        assert_eq!(of_pods, ours);
        let pod = serde_json::to_value(spec.template.spec).unwrap();
        assert_eq!(
            pod,
            json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]})
        );
    }
    for (written, words) in [
        (
            "{name: seed, job: {template: 5}}",
            "the job of step \"seed\" is not the spec of a Job",
        ),
        ("{name: seed}", "the job of step \"seed\" is missing"),
    ] {
        let problem = job(&suite, &step(written), 1).unwrap_err();
        assert!(problem.words.starts_with(words), "{problem}");
    }
}

#[test]
fn who_waits_may_do_nothing_else() {
    let url = "https://shop/$(HOME)?a=$b";
    let wait = |settings: &_| {
        let http = HttpWait {
            url: url.to_owned(),
        };
        let timeout = Duration::from_secs(60);
        let job = wait_job(
            &suite("{steps: []}"),
            &step("{name: load}"),
            1,
            &http,
            timeout,
            settings,
        );
        serde_json::to_value(job).unwrap()
    };
    let mut settings = settings::for_tests();
    let job = wait(&settings);
    assert_eq!(job["metadata"]["name"], "nightly-load-wait");
    assert_eq!(
        job["metadata"]["labels"],
        job["spec"]["template"]["metadata"]["labels"]
    );
    assert_eq!(job["spec"]["backoffLimit"], 0);
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 60);
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    let container = &pod["containers"][0];
    assert_eq!(container["image"], settings.default_image);
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(
        container["env"],
        json!([{"name": "WAIT_URL", "value": "https://shop/$$(HOME)?a=$$b"}])
    );
    assert!(!container["command"].to_string().contains("shop"));
    settings.security_profile = SecurityProfile::Published;
    let pod = &wait(&settings)["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({"seccompProfile": {"type": "RuntimeDefault"}})
    );
}

proptest! {
    #[test]
    fn names_are_valid(suite in "[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", step in "[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", attempt in 0..7) {
        let name = child_name(&suite, &step, attempt);
        prop_assert!(name.len() <= 52, "{}", name);
        prop_assert!(name.ends_with(|c: char| c.is_ascii_alphanumeric()), "{}", name);
        prop_assert!(!name.contains(".-") || suite.contains(".-"), "{}", name);
        prop_assert_eq!(&name, &child_name(&suite, &step, attempt));
        prop_assert!(wait_name(&suite, &step, attempt).len() <= 63);
    }
}
