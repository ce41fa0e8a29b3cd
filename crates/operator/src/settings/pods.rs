//! What the published operator sets in every test's pods, by the published variables' names.

use clap::Args;
use k8s_openapi::api::core::v1::ResourceRequirements;
use locust_api::{names::PORT_LISTENER, v2::ImagePullPolicy};
use locust_core::settings::{
    ExporterSettings, KafkaSecret, KafkaSecurity, KafkaSettings, SchedulingSettings,
};

use super::{Checker, not_empty, or_default};

/// Scheduling, retention, Kafka and the metrics exporter.
#[derive(Debug, Args)]
#[command(next_help_heading = "All Locust pods")]
pub(super) struct PodArgs {
    /// Whether tests may choose their pods' affinity. The published binary's own default is false, its chart's true.
    #[arg(
        long,
        env = "ENABLE_AFFINITY_CR_INJECTION",
        default_value = "true",
        value_name = "BOOL"
    )]
    enable_affinity_cr_injection: String,
    /// Whether tests may choose what their pods tolerate. The published binary's own default is false, its chart's true.
    #[arg(
        long,
        env = "ENABLE_TAINT_TOLERATIONS_CR_INJECTION",
        default_value = "true",
        value_name = "BOOL"
    )]
    enable_taint_tolerations_cr_injection: String,
    /// Runtime class of tests that name none; a test opts out with an empty name.
    #[arg(
        long,
        env = "DEFAULT_RUNTIME_CLASS_NAME",
        default_value = "",
        value_name = "NAME"
    )]
    default_runtime_class_name: String,
    /// Seconds after which a Job of a finished run goes, and its pods and their logs with it; empty for never, which is
    /// when the test goes. It is written into the Jobs after the verdict is stored.
    #[arg(
        long,
        env = "JOB_TTL_SECONDS_AFTER_FINISHED",
        default_value = "",
        value_name = "SECONDS"
    )]
    job_ttl_seconds_after_finished: String,
    /// Kafka's brokers for locustfiles; empty sets no KAFKA_ variable.
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "",
        value_name = "HOST:PORT,…"
    )]
    kafka_bootstrap_servers: String,
    /// Whether Kafka asks for a login.
    #[arg(
        long,
        env = "KAFKA_SECURITY_ENABLED",
        default_value = "false",
        value_name = "BOOL"
    )]
    kafka_security_enabled: String,
    /// How the connection is secured, with a login.
    #[arg(
        long,
        env = "KAFKA_SECURITY_PROTOCOL_CONFIG",
        default_value = "SASL_PLAINTEXT",
        value_name = "PROTOCOL"
    )]
    kafka_security_protocol_config: String,
    /// How the login works, with a login.
    #[arg(
        long,
        env = "KAFKA_SASL_MECHANISM",
        default_value = "SCRAM-SHA-512",
        value_name = "MECHANISM"
    )]
    kafka_sasl_mechanism: String,
    /// Secret with the login, which must exist in the namespace of every test; empty sets no login.
    #[arg(
        long,
        env = "KAFKA_SECRET_NAME",
        default_value = "",
        value_name = "NAME"
    )]
    kafka_secret_name: String,
    /// Entry of that Secret that becomes KAFKA_USERNAME.
    #[arg(
        long,
        env = "KAFKA_SECRET_USERNAME_KEY",
        default_value = "username",
        value_name = "KEY"
    )]
    kafka_secret_username_key: String,
    /// Entry of that Secret that becomes KAFKA_PASSWORD.
    #[arg(
        long,
        env = "KAFKA_SECRET_PASSWORD_KEY",
        default_value = "password",
        value_name = "KEY"
    )]
    kafka_secret_password_key: String,
    /// Entry of that Secret that becomes KAFKA_SASL_JAAS_CONFIG; empty sets none.
    #[arg(
        long,
        env = "KAFKA_SECRET_JAAS_KEY",
        default_value = "",
        value_name = "KEY"
    )]
    kafka_secret_jaas_key: String,
    /// Whether every master gets a metrics exporter beside it. The master serves the same metrics itself, on port 9646.
    #[arg(
        long,
        env = "METRICS_EXPORTER_ENABLED",
        default_value = "false",
        value_name = "BOOL"
    )]
    metrics_exporter_enabled: String,
    /// The exporter's image.
    #[arg(
        long,
        env = "METRICS_EXPORTER_IMAGE",
        default_value = "containersol/locust_exporter:v0.5.0",
        value_name = "IMAGE"
    )]
    metrics_exporter_image: String,
    /// When to pull it: Always, IfNotPresent or Never.
    #[arg(
        long,
        env = "METRICS_EXPORTER_IMAGE_PULL_POLICY",
        default_value = "IfNotPresent",
        value_name = "POLICY"
    )]
    metrics_exporter_image_pull_policy: String,
    /// The exporter's port. Not 9646, as published: there the master serves its own.
    #[arg(
        long,
        env = "METRICS_EXPORTER_PORT",
        default_value = "9647",
        value_name = "PORT"
    )]
    metrics_exporter_port: String,
}

/// Settings that hold.
pub(super) struct PodSettings {
    pub scheduling: SchedulingSettings,
    pub job_ttl_seconds: Option<i32>,
    pub kafka: Option<KafkaSettings>,
    pub exporter: Option<ExporterSettings>,
}

impl PodArgs {
    /// Also for what is switched off: a wrong value must not wait for the day it is switched on.
    pub(super) fn check(
        self,
        exporter_resources: ResourceRequirements,
        check: &mut Checker,
    ) -> PodSettings {
        let Self {
            enable_affinity_cr_injection,
            enable_taint_tolerations_cr_injection,
            default_runtime_class_name,
            job_ttl_seconds_after_finished,
            kafka_bootstrap_servers,
            kafka_security_enabled,
            kafka_security_protocol_config,
            kafka_sasl_mechanism,
            kafka_secret_name,
            kafka_secret_username_key,
            kafka_secret_password_key,
            kafka_secret_jaas_key,
            metrics_exporter_enabled,
            metrics_exporter_image,
            metrics_exporter_image_pull_policy,
            metrics_exporter_port,
        } = self;
        let scheduling = SchedulingSettings {
            affinity: check.switch("enable-affinity-cr-injection", enable_affinity_cr_injection),
            tolerations: check.switch(
                "enable-taint-tolerations-cr-injection",
                enable_taint_tolerations_cr_injection,
            ),
            runtime_class: check.name("default-runtime-class-name", &default_runtime_class_name),
        };
        let secret = check
            .name("kafka-secret-name", &kafka_secret_name)
            .map(|name| KafkaSecret {
                name,
                username_key: or_default("kafka-secret-username-key", kafka_secret_username_key),
                password_key: or_default("kafka-secret-password-key", kafka_secret_password_key),
                jaas_key: not_empty(&kafka_secret_jaas_key),
            });
        let security = check
            .switch("kafka-security-enabled", kafka_security_enabled)
            .then(|| KafkaSecurity {
                protocol: or_default(
                    "kafka-security-protocol-config",
                    kafka_security_protocol_config,
                ),
                sasl_mechanism: or_default("kafka-sasl-mechanism", kafka_sasl_mechanism),
                secret,
            });
        let exporter = ExporterSettings {
            image: or_default("metrics-exporter-image", metrics_exporter_image),
            pull_policy: check.pull_policy(metrics_exporter_image_pull_policy),
            port: check.port(metrics_exporter_port),
            resources: exporter_resources,
        };
        let has_exporter = check.switch("metrics-exporter-enabled", metrics_exporter_enabled);
        PodSettings {
            scheduling,
            job_ttl_seconds: check.seconds(
                "job-ttl-seconds-after-finished",
                &job_ttl_seconds_after_finished,
            ),
            kafka: not_empty(&kafka_bootstrap_servers).map(|bootstrap_servers| KafkaSettings {
                bootstrap_servers,
                security,
            }),
            exporter: has_exporter.then_some(exporter),
        }
    }
}

impl Checker {
    /// The spellings that the published operator takes.
    pub(super) fn switch(&mut self, flag: &str, value: String) -> bool {
        match or_default(flag, value).trim() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            other => {
                self.wrong(flag, other, "write true or false");
                false
            }
        }
    }

    /// Names of objects whose names are those of a host.
    fn name(&mut self, flag: &str, value: &str) -> Option<String> {
        let name = not_empty(value)?;
        let is_part = |part: &str| {
            let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(is_end)
                && part.ends_with(is_end)
                && part.chars().all(|c| is_end(c) || c == '-')
        };
        if name.len() <= 253 && name.split('.').all(is_part) {
            return Some(name);
        }
        self.wrong(
            flag,
            &name,
            "write the name of an object: lower-case letters, digits, '-' and '.'",
        );
        None
    }

    fn seconds(&mut self, flag: &str, value: &str) -> Option<i32> {
        let seconds = self.parse_optional::<i32>(flag, value)?;
        if seconds < 0 {
            self.wrong(flag, value, "write 0 or more seconds, or nothing for never");
        }
        Some(seconds)
    }

    fn pull_policy(&mut self, value: String) -> ImagePullPolicy {
        let flag = "metrics-exporter-image-pull-policy";
        match or_default(flag, value).trim() {
            "Always" => ImagePullPolicy::Always,
            "IfNotPresent" => ImagePullPolicy::IfNotPresent,
            "Never" => ImagePullPolicy::Never,
            other => {
                self.wrong(flag, other, "write Always, IfNotPresent or Never");
                ImagePullPolicy::IfNotPresent
            }
        }
    }

    fn port(&mut self, value: String) -> i32 {
        let flag = "metrics-exporter-port";
        let value = or_default(flag, value);
        let port = self.parse::<u16>(flag, &value).map_or(0, i32::from);
        if port == PORT_LISTENER {
            self.wrong(
                flag,
                &value,
                "this port of the master's pod is taken by the metrics that the master serves itself; leave it empty for 9647",
            );
        }
        port
    }
}
