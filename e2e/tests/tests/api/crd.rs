//! The CRD: what it accepts, refuses and shows.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::world::World;

pub const FULL: &str = include_str!("full.yaml");

pub fn columns_and_explanations(world: &World) -> Result<()> {
    let place = world.other.place("columns")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 1}}}")?;
    let table = kubectl.run(&["get", "lotest"])?;
    let header: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(
        header,
        [
            "NAME", "PHASE", "VERDICT", "WORKERS", "USERS", "RPS", "P95", "ERRORS", "AGE"
        ]
    );
    let explained = kubectl.run(&["explain", "lotest.spec.run"])?;
    for words in [
        "host\t<string>",
        "users\t<integer>",
        "runTime\t<string>",
        "--run-time",
        "Base URL",
    ] {
        ensure!(
            explained.contains(words),
            "{words:?} is not in:\n{explained}"
        );
    }
    let by_category = kubectl.run(&["get", "locust", "-o", "name"])?;
    assert_eq!(by_category.trim(), "locusttest.locust.io/demo");
    Ok(())
}

pub fn every_published_field(world: &World) -> Result<()> {
    let place = world.other.place("fields")?;
    let kubectl = &place.kubectl;
    let sent = kubectl.feed(
        &["create", "--dry-run=client", "-o", "json", "-f", "-"],
        FULL,
    )?;
    let sent: Value = serde_json::from_str(&sent)?;
    kubectl.apply(FULL)?;
    let stored = kubectl.get("lotest", "full")?;
    assert_eq!(
        stored["spec"], sent["spec"],
        "nothing is pruned, changed or filled in"
    );

    // Every field of the schema is in that file, so that no default can hide.
    let crd = kubectl.get("crd", "locusttests.locust.io")?;
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut missing = Vec::new();
    find_missing(spec, &stored["spec"], "spec", &mut missing);
    // The other forms of `command` and `configMapRef`, and what stands for a whole spec.
    assert_eq!(
        missing,
        [
            "spec.master.args",
            "spec.templateRef",
            "spec.testFiles.inline",
            "spec.worker.args"
        ]
    );

    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: least}, spec: {master: {}, testFiles: {}, worker: {replicas: 1}}}")?;
    let stored = kubectl.get("lotest", "least")?;
    assert_eq!(
        stored["spec"],
        serde_json::json!({"master": {}, "testFiles": {}, "worker": {"replicas": 1}})
    );
    Ok(())
}

/// Our own fields of the schema that the value lacks; Kubernetes' own types are not looked into.
fn find_missing(schema: &Value, value: &Value, path: &str, missing: &mut Vec<String>) {
    const KUBERNETES: &[&str] = &[
        "affinity",
        "resources",
        "podSecurityContext",
        "containerSecurityContext",
        "dnsConfig",
    ];
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if value[name].is_null() {
            missing.push(path);
        } else if !KUBERNETES.contains(&name.as_str()) {
            find_missing(property, &value[name], &path, missing);
        }
    }
}

/// A wrong spec, and words that the refusal must have.
const WRONG: &[(&str, &[&str])] = &[
    (
        "{worker: {replicas: 0}}",
        &["spec.worker.replicas", "greater than or equal to 1"],
    ),
    (
        "{worker: {replicas: 501}}",
        &["spec.worker.replicas", "less than or equal to 500"],
    ),
    (
        "{worker: {replicas: two}}",
        &["spec.worker.replicas", "integer"],
    ),
    (
        "{}",
        &["spec: Invalid value: worker is required, unless templateRef names a template"],
    ),
    (
        "{worker: {replicas: 1}, thresholds: [{name: a, metric: p90, op: lt, value: 1s}]}",
        &[
            "spec.thresholds[0].metric",
            "p90",
            "\"p95\"",
            "\"errorRatio\"",
        ],
    ),
    (
        "{worker: {replicas: 1}, thresholds: [{name: a, metric: p95, op: \"<\", value: fast}]}",
        &[
            "spec.thresholds[0].op",
            "\"lte\"",
            "spec.thresholds[0].value",
        ],
    ),
    (
        "{worker: {replicas: 1}, thresholds: [{name: a, metric: p95, op: lt, value: 1s, endpoint: {name: /, nameRegex: .}}]}",
        &["endpoint takes name or nameRegex"],
    ),
    (
        "{worker: {replicas: 1}, thresholds: [{name: a, metric: p95, op: lt, value: 1s}, {name: a, metric: p99, op: lt, value: 1s}]}",
        &["spec.thresholds[1]", "Duplicate value"],
    ),
    (
        "{worker: {replicas: 1}, validity: {minWorkersPercent: 101}}",
        &[
            "spec.validity.minWorkersPercent",
            "less than or equal to 100",
        ],
    ),
    (
        "{worker: {replicas: 1}, startDeadline: 5 minutes}",
        &["spec.startDeadline", "5 minutes", "(h|m|s|ms)"],
    ),
    (
        "{worker: {replicas: 1}, timeout: 1d}",
        &["spec.timeout", "1d"],
    ),
    (
        "{worker: {replicas: 1}, run: {runTime: '90'}}",
        &["spec.run.runTime"],
    ),
    (
        "{worker: {replicas: 1}, run: {users: 0}}",
        &["spec.run.users", "greater than or equal to 1"],
    ),
    (
        "{worker: {replicas: 1}, run: {spawnRate: fast}}",
        &["spec.run.spawnRate"],
    ),
    (
        "{worker: {replicas: 1}, testFiles: {configMapRef: a, inline: {locustfile.py: x}}}",
        &["spec.testFiles", "configMapRef or inline, not both"],
    ),
    (
        "{worker: {replicas: 1}, testFiles: {inline: {../evil.py: x}}}",
        &["spec.testFiles.inline", "starts with a letter or digit"],
    ),
    (
        "{worker: {replicas: 1}, testFiles: {inline: {locust_operator_plugin.py: x}}}",
        &["does not start with 'locust_operator_'"],
    ),
    (
        "{worker: {replicas: 1}, observability: {openTelemetry: {enabled: true}}}",
        &["endpoint is required when it is enabled"],
    ),
    (
        "{worker: {replicas: 1}, observability: {openTelemetry: {enabled: true, endpoint: a, protocol: udp}}}",
        &["protocol", "\"grpc\""],
    ),
    (
        "{worker: {replicas: 1}, imagePullPolicy: Sometimes}",
        &["spec.imagePullPolicy", "\"IfNotPresent\""],
    ),
    (
        "{worker: {replicas: 1}, volumeMounts: [{name: a, mountPath: /a, target: nobody}]}",
        &["target", "\"both\""],
    ),
    (
        "{worker: {replicas: 1}, scheduling: {runtimeClassName: Upper}}",
        &["spec.scheduling.runtimeClassName"],
    ),
    (
        "{worker: {replicas: 1}, master: {autoquit: {timeout: 5}}}",
        &["spec.master.autoquit.enabled", "Required value"],
    ),
    (
        "{worker: {replicas: 1}, pod: {hostNetwork: true}}",
        &["unknown field \"spec.pod.hostNetwork\""],
    ),
    (
        "{worker: {replicas: 1}, pod: {dnsPolicy: Mine}}",
        &["spec.pod.dnsPolicy", "\"ClusterFirst\""],
    ),
    (
        "{worker: {replicas: 1}, pod: {initContainers: [{image: a}]}}",
        &["spec.pod.initContainers[0].name", "Required value"],
    ),
    (
        "{worker: {replicas: 1}, retries: 3}",
        &["unknown field \"spec.retries\""],
    ),
];

pub fn wrong_values_are_refused(world: &World) -> Result<()> {
    let place = world.other.place("wrong")?;
    for (spec, words) in WRONG {
        let said = place.kubectl.refused(&format!(
            "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: wrong}}, spec: {spec}}}"
        ))?;
        for word in *words {
            ensure!(
                said.contains(word),
                "{word:?} is not said of {spec}:\n{said}"
            );
        }
    }
    Ok(())
}
