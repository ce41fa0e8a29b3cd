//! The objects of whole tests, compared with what is written beside them.
//!
//! `golden/NAME.yaml` is a test of either version, with the settings of its operator in a line `# settings: …`;
//! `golden/NAME.expected.yaml` is what becomes of it. `UPDATE_GOLDEN=1 cargo test -p locust-core --test golden` writes the
//! latter; read what changed before you commit it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

use std::{fs, path::Path};

use locust_api::{
    Duration,
    conversion::{Version, convert},
    v2::{ImagePullPolicy, LocustTest},
};
use locust_core::{
    claim::{self, Naming},
    render::{self, RunObjects},
    settings::{
        ExporterSettings, KafkaSecret, KafkaSecurity, KafkaSettings, NetworkPolicySettings,
        RunSettings, SchedulingSettings, SecurityProfile, resources,
    },
};
use serde_json::{Value, json};

/// The settings of a default installation, with what the words ask for.
fn settings(words: &str) -> RunSettings {
    let quantities = |cpu: &str, memory: &str, storage: &str| {
        [
            ("cpu", cpu.to_owned()),
            ("memory", memory.to_owned()),
            ("ephemeral-storage", storage.to_owned()),
        ]
    };
    let all = resources(
        quantities("250m", "128Mi", "30M"),
        quantities("1000m", "1024Mi", "50M"),
    );
    let mut settings = RunSettings {
        default_image: "locustio/locust:2.47.0".to_owned(),
        start_deadline: Duration::from_secs(300),
        default_timeout: None,
        progress_interval: Duration::from_secs(30),
        security_profile: SecurityProfile::Restricted,
        run_as_user: Some(1000),
        master_resources: all.clone(),
        worker_resources: all,
        scheduling: SchedulingSettings {
            affinity: true,
            tolerations: true,
            runtime_class: None,
        },
        job_ttl_seconds: None,
        kafka: None,
        exporter: None,
        max_running: None,
        suspend_new: false,
        network_policy: Some(NetworkPolicySettings::default()),
        notifications: None,
    };
    for word in words.split_whitespace() {
        match word {
            "default" => {}
            "no-affinity" => settings.scheduling.affinity = false,
            "no-tolerations" => settings.scheduling.tolerations = false,
            "gvisor" => settings.scheduling.runtime_class = Some("gvisor".to_owned()),
            "published-profile" => settings.security_profile = SecurityProfile::Published,
            "no-policy" => settings.network_policy = None,
            "ttl" => settings.job_ttl_seconds = Some(60),
            "kafka" => settings.kafka = Some(kafka()),
            "open-kafka" => {
                settings.kafka = Some(KafkaSettings {
                    security: None,
                    ..kafka()
                });
            }
            "role-resources" => {
                settings.master_resources = resources([("cpu", "500m".to_owned())], []);
                settings.worker_resources = resources([("memory", "256Mi".to_owned())], []);
            }
            "exporter" => {
                settings.exporter = Some(ExporterSettings {
                    image: "containersol/locust_exporter:v0.5.0".to_owned(),
                    pull_policy: ImagePullPolicy::IfNotPresent,
                    port: 9647,
                    resources: resources(
                        quantities("100m", "64Mi", "30M"),
                        quantities("250m", "128Mi", "50M"),
                    ),
                });
            }
            other => panic!("no settings are called {other}"),
        }
    }
    settings
}

fn kafka() -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: "kafka.example:9092".to_owned(),
        security: Some(KafkaSecurity {
            protocol: "SASL_SSL".to_owned(),
            sasl_mechanism: "SCRAM-SHA-512".to_owned(),
            secret: Some(KafkaSecret {
                name: "kafka-login".to_owned(),
                username_key: "username".to_owned(),
                password_key: "password".to_owned(),
                jaas_key: Some("jaas".to_owned()),
            }),
        }),
    }
}

fn rendered(text: &str) -> Value {
    let words = text
        .lines()
        .find_map(|line| line.strip_prefix("# settings: "));
    let stored = convert(serde_saphyr::from_str(text).unwrap(), Version::V2).unwrap();
    let mut test: LocustTest = serde_json::from_value(stored).unwrap();
    test.metadata.namespace = Some("load".to_owned());
    test.metadata.uid = Some("0a1b2c3d-1111-2222-3333-444455556666".to_owned());
    let settings = settings(words.expect("a line `# settings: …`"));
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let claim = claim::claim(&test.metadata, &test.spec, Naming::Published, now);
    let RunObjects {
        config_map,
        service,
        network_policy,
        web_ui,
        worker,
        master,
        warnings,
    } = render::run_objects(&test, &claim, &settings).unwrap();
    let mut config_map = serde_json::to_value(config_map).unwrap();
    for (name, content) in config_map["data"].as_object_mut().unwrap() {
        // The plugin has tests of its own.
        if name.starts_with("locust_operator_") && name.ends_with(".py") {
            *content = json!("…");
        } else if let Ok(config @ Value::Object(_)) =
            serde_json::from_str(content.as_str().unwrap())
        {
            *content = config;
        }
    }
    let mut all = json!({"configMap": config_map, "service": service, "worker": worker, "master": master, "warnings": warnings});
    if let Some(policy) = network_policy {
        all["networkPolicy"] = json!(policy);
    }
    if let Some(service) = web_ui {
        all["webUI"] = json!(service);
    }
    all
}

#[test]
fn objects_are_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".expected.yaml"))
        .collect();
    names.sort();
    let mut different = Vec::new();
    for name in &names {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let found = serde_saphyr::to_string(&rendered(&text)).unwrap();
        let path = folder.join(name.replace(".yaml", ".expected.yaml"));
        if update {
            fs::write(&path, &found).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != found {
            different.push((name, found));
        }
    }
    assert!(names.len() >= 21, "{names:?}");
    for (name, found) in &different {
        println!("---------- {name} becomes\n{found}");
    }
    let names: Vec<_> = different.iter().map(|(name, _)| name).collect();
    assert!(
        names.is_empty(),
        "{names:?} differ; see above, and the head of this file"
    );
}

/// Secrets are named in pods, never copied into them: nobody but the kubelet reads them.
#[test]
fn nothing_secret_is_written() {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka-and-exporter.yaml"),
    )
    .unwrap();
    for role in ["master", "worker"] {
        let env = &rendered(&text)[role]["spec"]["template"]["spec"]["containers"][0]["env"];
        for name in ["KAFKA_USERNAME", "KAFKA_PASSWORD", "KAFKA_SASL_JAAS_CONFIG"] {
            let variable = env.as_array().unwrap().iter().find(|it| it["name"] == name);
            let variable = variable.unwrap();
            assert_eq!(variable.get("value"), None, "{name}");
            assert_eq!(variable["valueFrom"]["secretKeyRef"]["name"], "kafka-login");
        }
    }
}
