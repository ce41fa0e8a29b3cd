use super::*;
use crate::{
    claim,
    settings::{self, NetworkPolicySettings},
};
use claim::Naming;
use k8s_openapi::api::networking::v1::NetworkPolicyIngressRule;
use serde_json::{Value, json};

fn test(yaml: &str) -> LocustTest {
    serde_saphyr::from_str(&format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: demo, namespace: ns, uid: 0a1b2c3d-1}}, spec: {yaml}}}"
    ))
    .unwrap()
}

fn render(yaml: &str) -> Result<RunObjects, Problems> {
    rendered(yaml, &settings::for_tests())
}

fn rendered(yaml: &str, settings: &RunSettings) -> Result<RunObjects, Problems> {
    let test = test(yaml);
    let claim = claim::claim(
        &test.metadata,
        &test.spec,
        Naming::Published,
        jiff::Timestamp::UNIX_EPOCH,
    );
    run_objects(&test, &claim, settings)
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

/// What arrives at a collector is seen on a node; here, that nobody has to wonder why nothing does.
#[test]
fn a10_14_telemetry_arrives_or_its_absence_is_told() {
    let otel = "{image: 'locustio/locust:2.47.0', worker: {replicas: 1}, observability: {openTelemetry: {enabled: true, endpoint: 'http://c:4317'}}}";
    let objects = render(otel).unwrap();
    let (master, _, _) = json_of(otel);
    let annotations = &master["spec"]["template"]["metadata"]["annotations"];
    let state = json!({
        "received": {"metrics": [], "attributes": {}},
        "told": objects.warnings,
        "scraped": annotations["prometheus.io/scrape"] == "true",
    });
    defects::check(14, &state).unwrap();
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
    for (spec, said) in [
        (
            "volumeMounts: [{name: data, mountPath: /d}]",
            "spec.volumeMounts[0].name: spec.volumes has no volume \"data\"; add it there, or name one that it has",
        ),
        (
            "volumes: [{name: data, emptyDir: {}}, {name: data, emptyDir: {}}]",
            "spec.volumes[1].name: the pod has a volume \"data\" already; give this one another name, also in spec.volumeMounts",
        ),
        (
            "testFiles: {libConfigMapRef: l}, volumes: [{name: locust-lib, emptyDir: {}}]",
            "spec.volumes[0].name: the pod has a volume \"locust-lib\" already; give this one another name, also in spec.volumeMounts",
        ),
        (
            "volumes: [{name: 5}], volumeMounts: [{name: data, mountPath: /d}]",
            "spec.volumes[0]: not a valid Volume: invalid type: integer `5`, expected a string",
        ),
        (
            "testFiles: {configMapRef: c}, volumes: [{name: d, emptyDir: {}}], volumeMounts: [{name: d, mountPath: /lotest/src}]",
            "spec.volumeMounts[0].mountPath: \"/lotest/src\" is the place of spec.testFiles.srcMountPath already; choose another path",
        ),
        (
            "env: {secretMounts: [{name: a, mountPath: /s}, {name: b, mountPath: /s}, {name: c, mountPath: /lotest/operator}]}",
            "2 problems: (1) spec.env.secretMounts[1].mountPath: \"/s\" is the place of spec.env.secretMounts[0].mountPath already; choose another path \
             (2) spec.env.secretMounts[2].mountPath: \"/lotest/operator\" is the place of the operator's own files already; choose another path",
        ),
    ] {
        let problems = render(&format!("{{worker: {{replicas: 1}}, {spec}}}")).unwrap_err();
        assert_eq!(problems.to_string(), said);
    }
    // One place in each role is no conflict.
    render("{worker: {replicas: 1}, volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /d, target: master}, {name: b, mountPath: /d, target: worker}]}").unwrap();
    let large = render(&format!(
        "{{worker: {{replicas: 1}}, testFiles: {{inline: {{locustfile.py: {}}}}}}}",
        "x".repeat(300_000)
    ));
    let large = large.unwrap_err().to_string();
    assert!(
        large.starts_with("spec.testFiles.inline: it holds 300013 bytes, and 262144 are allowed"),
        "{large}"
    );
    assert!(large.contains("configMapRef"), "{large}");
}

#[test]
fn a_policy_lets_in_workers_scrapers_and_who_was_asked_for() {
    let peers = |label: &str| -> Vec<_> {
        let peer = json!({"podSelector": {"matchLabels": {"app": label}}});
        vec![serde_json::from_value(peer).unwrap()]
    };
    let (scrapers, people) = (peers("scraper"), peers("person"));
    let everybody = NetworkPolicySettings::default();
    let some = NetworkPolicySettings {
        metrics_from: scrapers.clone(),
        web_ui_from: people.clone(),
    };
    let shown = "{worker: {replicas: 1}, webUI: {service: {}}, master: {command: -P 9090}}";
    for (yaml, policy, wanted) in [
        (
            "{worker: {replicas: 1}}",
            &everybody,
            vec![(vec![json!(9646)], None)],
        ),
        (
            shown,
            &everybody,
            vec![(vec![json!(9646)], None), (vec![json!(9090)], None)],
        ),
        (
            shown,
            &some,
            vec![
                (vec![json!(9646)], Some(&scrapers)),
                (vec![json!(9090)], Some(&people)),
            ],
        ),
    ] {
        let settings = RunSettings {
            network_policy: Some(policy.clone()),
            ..settings::for_tests()
        };
        let spec = rendered(yaml, &settings).unwrap().network_policy.unwrap();
        let ingress = spec.spec.unwrap().ingress.unwrap();
        let workers = json!({"locust.io/run-id": "0a1b2c3d-1", "locust.io/role": "worker"});
        assert_eq!(
            json!(ingress[0].from),
            json!([{"podSelector": {"matchLabels": workers}}])
        );
        let ports = |rule: &NetworkPolicyIngressRule| -> Vec<Value> {
            let ports = rule.ports.iter().flatten();
            ports.map(|port| json!(port.port)).collect()
        };
        assert_eq!(ports(&ingress[0]), [5557, 5558]);
        let others: Vec<_> = ingress[1..]
            .iter()
            .map(|rule| (ports(rule), rule.from.as_ref()))
            .collect();
        assert_eq!(others, wanted, "{yaml}");
    }
}

/// Nothing that can be wrong hides behind something else that is.
#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let problems = render(
        "{master: {command: -f a.py, args: [x], tolerations: [{key: 5}], resources: {limits: 5}},
          worker: {replicas: 1, command: \"-f 'a.py\", topologySpreadConstraints: [{maxSkew: x}]},
          run: {users: 5, runTime: 5s}, imagePullSecrets: [{name: 5}],
          scheduling: {affinity: 5, tolerations: [{key: a}, {key: 6}]},
          env: {variables: [{name: 5}, {name: A}, {name: 7}], secretMounts: [{name: s, mountPath: /x}, {name: t, mountPath: /x}]},
          pod: {hostAliases: [{ip: 5}], dnsConfig: 5, initContainers: [{name: 5}], topologySpreadConstraints: [{maxSkew: x}]},
          security: {podSecurityContext: 5, containerSecurityContext: 5}, volumes: [{name: 5}]}",
    );
    let problems = problems.unwrap_err();
    let mut fields: Vec<&str> = problems.iter().map(|problem| &problem.field[..]).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "spec.env.secretMounts[1].mountPath",
            "spec.env.variables[0]",
            "spec.env.variables[2]",
            "spec.imagePullSecrets[0]",
            "spec.master",
            "spec.master.resources",
            "spec.master.tolerations[0]",
            "spec.pod.dnsConfig",
            "spec.pod.hostAliases[0]",
            "spec.pod.initContainers[0]",
            "spec.pod.topologySpreadConstraints[0]",
            "spec.scheduling.affinity",
            "spec.scheduling.tolerations[1]",
            "spec.security.containerSecurityContext",
            "spec.security.podSecurityContext",
            "spec.volumes[0]",
            "spec.worker.command",
            "spec.worker.topologySpreadConstraints[0]",
        ]
    );
}
