use super::*;
use crate::{claim, settings};
use claim::Naming;
use serde_json::{Value, json};

fn test(yaml: &str) -> LocustTest {
    serde_saphyr::from_str(&format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: demo, namespace: ns, uid: 0a1b2c3d-1}}, spec: {yaml}}}"
    ))
    .unwrap()
}

fn render(yaml: &str) -> Result<RunObjects, RenderError> {
    let test = test(yaml);
    let claim = claim::claim(
        &test.metadata,
        &test.spec,
        Naming::Published,
        jiff::Timestamp::UNIX_EPOCH,
    );
    run_objects(&test, &claim, &settings::for_tests())
}

fn json_of(yaml: &str) -> (Value, Value, Value) {
    let objects = render(yaml).unwrap();
    let to = |value| serde_json::to_value(value).unwrap();
    (
        to(objects.master),
        to(objects.worker),
        serde_json::to_value(objects.config_map).unwrap(),
    )
}

const FULL: &str = r#"{image: "reg/l:1", imagePullPolicy: Always, imagePullSecrets: [{name: pull}],
  testFiles: {configMapRef: files, libConfigMapRef: libs}, master: {labels: {team: a, managed-by: me}},
  worker: {replicas: 4, resources: {requests: {cpu: 2}}},
  scheduling: {nodeSelector: {disk: ssd}, tolerations: [{key: k, operator: Exists}], runtimeClassName: gvisor},
  env: {configMapRefs: [{name: c, prefix: P_}], secretRefs: [{name: s}], variables: [{name: A, value: b}], secretMounts: [{name: tls, mountPath: /tls}]},
  volumes: [{name: data, emptyDir: {}}], volumeMounts: [{name: data, mountPath: /data, target: worker}]}"#;

#[test]
fn pods_carry_what_the_spec_says() {
    let (master, worker, _) = json_of(FULL);
    let pod = &master["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "reg/l:1");
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(pod["nodeSelector"], json!({"disk": "ssd"}));
    assert_eq!(pod["runtimeClassName"], "gvisor");
    assert_eq!(pod["enableServiceLinks"], false);
    assert_eq!(
        master["spec"]["template"]["metadata"]["labels"]["team"],
        "a"
    );
    assert_eq!(
        master["spec"]["template"]["metadata"]["labels"]["managed-by"],
        "locust-k8s-operator"
    );
    let volumes = |job: &Value| -> Vec<String> {
        let volumes = job["spec"]["template"]["spec"]["volumes"]
            .as_array()
            .unwrap();
        volumes
            .iter()
            .map(|volume| volume["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        volumes(&master),
        ["locust-operator", "demo-master", "locust-lib", "secret-tls"]
    );
    assert_eq!(
        volumes(&worker),
        [
            "locust-operator",
            "demo-worker",
            "locust-lib",
            "secret-tls",
            "data"
        ]
    );
    let container = &worker["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"], json!({"requests": {"cpu": "2"}}));
    assert_eq!(
        container["envFrom"][0],
        json!({"configMapRef": {"name": "c"}, "prefix": "P_"})
    );
    let names: Vec<&str> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "TEST_RUN_ID",
            "TEST_NAME",
            "TEST_ROLE",
            "PYTHONDONTWRITEBYTECODE",
            "A"
        ]
    );
}

#[test]
fn the_worker_job_survives_a_lost_worker_and_can_be_scaled() {
    let (master, worker, _) = json_of("{worker: {replicas: 4}}");
    let spec = &worker["spec"];
    assert_eq!(
        (
            &spec["completionMode"],
            &spec["completions"],
            &spec["parallelism"]
        ),
        (&json!("Indexed"), &json!(4), &json!(4))
    );
    assert_eq!(spec["backoffLimitPerIndex"], 3);
    assert_eq!(spec["podFailurePolicy"]["rules"][0]["action"], "Ignore");
    assert_eq!(master["spec"]["backoffLimit"], 0);
    assert_eq!(master["spec"]["template"]["spec"]["restartPolicy"], "Never");
    for job in [&master, &worker] {
        assert_eq!(
            job["spec"].get("ttlSecondsAfterFinished"),
            None,
            "nothing may vanish before the verdict"
        );
    }
}

#[test]
fn pods_pass_the_restricted_level() {
    let (master, _, _) = json_of("{worker: {replicas: 1}}");
    let pod = &master["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(
        pod["containers"][0]["securityContext"],
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(pod["automountServiceAccountToken"], false);
}

#[test]
fn inline_files_share_the_runs_config_map() {
    let (master, _, config_map) = json_of(
        "{testFiles: {inline: {locustfile.py: 'x = 1', lib.py: ''}}, worker: {replicas: 1}}",
    );
    assert_eq!(config_map["data"]["locustfile.py"], "x = 1");
    let source = &master["spec"]["template"]["spec"]["volumes"][1]["configMap"];
    assert_eq!(source["name"], "demo-master");
    assert_eq!(source["items"].as_array().unwrap().len(), 2);
    let config: Value = serde_json::from_str(
        config_map["data"]["locust_operator_config.json"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&config["runId"], &config["messageLimit"]),
        (&json!("0a1b2c3d-1"), &json!(2457))
    );
    assert_eq!(config["endAfterStopSeconds"], 2);
}

#[test]
fn an_explicit_autoquit_is_left_to_locust() {
    let (_, _, config_map) =
        json_of("{master: {autoquit: {enabled: true, timeout: 5}}, worker: {replicas: 1}}");
    let config = config_map["data"]["locust_operator_config.json"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(config.contains("\"endAfterStopSeconds\":null"), "{config}");
}

#[test]
fn every_object_belongs_to_the_test_and_its_run() {
    let objects = render(FULL).unwrap();
    for metadata in [
        &objects.master.metadata,
        &objects.worker.metadata,
        &objects.service.metadata,
        &objects.config_map.metadata,
    ] {
        let owner = &metadata.owner_references.as_ref().unwrap()[0];
        assert_eq!(
            (owner.kind.as_str(), owner.controller),
            ("LocustTest", Some(true))
        );
        assert_eq!(
            metadata.labels.as_ref().unwrap()["locust.io/run-id"],
            "0a1b2c3d-1"
        );
        assert_eq!(
            metadata.labels.as_ref().unwrap()["managed-by"],
            "locust-k8s-operator"
        );
    }
}

#[test]
fn what_cannot_be_rendered_names_field_and_fix() {
    let error = |yaml: &str| render(yaml).unwrap_err().to_string();
    let unknown = error("{worker: {replicas: 1}, volumeMounts: [{name: data, mountPath: /d}]}");
    assert!(
        unknown.contains("spec.volumeMounts[0]") && unknown.contains("\"data\""),
        "{unknown}"
    );
    let undecodable = error("{worker: {replicas: 1}, volumes: [{name: 5}]}");
    assert!(
        undecodable.contains("spec.volumes[0]: not a valid Volume"),
        "{undecodable}"
    );
    let large = error(&format!(
        "{{worker: {{replicas: 1}}, testFiles: {{inline: {{locustfile.py: {}}}}}}}",
        "x".repeat(300_000)
    ));
    assert!(large.contains("configMapRef"), "{large}");
}
