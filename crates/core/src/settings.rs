//! The operator's defaults for the pods it makes.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf};

use k8s_openapi::{
    api::{core::v1::ResourceRequirements, networking::v1::NetworkPolicyPeer},
    apimachinery::pkg::api::resource::Quantity,
};
use locust_api::{Duration, v2::ImagePullPolicy};

/// The operator's defaults for runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// Image of tests that name none.
    pub default_image: String,
    /// `spec.startDeadline` of tests that give none.
    pub start_deadline: Duration,
    /// `spec.timeout` of tests that give none and have no run time.
    pub default_timeout: Option<Duration>,
    /// The least time between two writes of a run's live numbers.
    pub progress_interval: Duration,
    /// Security of the pods.
    pub security_profile: SecurityProfile,
    /// User id of the Locust containers; `None` leaves it to the image or the platform.
    pub run_as_user: Option<i64>,
    /// Resources of masters that give none.
    pub master_resources: ResourceRequirements,
    /// Resources of workers that give none.
    pub worker_resources: ResourceRequirements,
    /// What tests may ask for when it comes to placing their pods.
    pub scheduling: SchedulingSettings,
    /// Life of a Job and its pods after the run, in seconds; `None` is as long as the test's.
    pub job_ttl_seconds: Option<i32>,
    /// Kafka's variables for every Locust container.
    pub kafka: Option<KafkaSettings>,
    /// A metrics exporter beside every master.
    pub exporter: Option<ExporterSettings>,
    /// How many tests of a namespace may run at once; the others wait.
    pub max_running: Option<NonZeroUsize>,
    /// Whether tests that have not begun are kept from it.
    pub suspend_new: bool,
    /// A policy around the pods of every run.
    pub network_policy: Option<NetworkPolicySettings>,
    /// Telling somebody how runs of schedules went; `None`: nobody is told.
    pub notifications: Option<NotificationSettings>,
}

/// Who may reach the pods of a run, besides its own workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkPolicySettings {
    /// Who may read the master's metrics and live numbers, the operator among them; empty is everybody.
    pub metrics_from: Vec<NetworkPolicyPeer>,
    /// Who may use a web UI that has a Service; empty is everybody.
    pub web_ui_from: Vec<NetworkPolicyPeer>,
}

/// What tests may ask for when it comes to placing their pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulingSettings {
    /// Whether a test's affinity is used.
    pub affinity: bool,
    /// Whether a test's tolerations are used.
    pub tolerations: bool,
    /// Runtime class of tests that name none.
    pub runtime_class: Option<String>,
}

/// How somebody is told how runs of schedules went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotificationSettings {
    /// A file with the certificates by which receivers are known; `None`: those of the system.
    pub ca_bundle: Option<PathBuf>,
}

/// Kafka's variables. Credentials come from a Secret in the test's namespace and are never part of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `KAFKA_BOOTSTRAP_SERVERS`.
    pub bootstrap_servers: String,
    /// What a secured Kafka needs; `None` when it is open.
    pub security: Option<KafkaSecurity>,
}

/// How Locust's users log in to Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSecurity {
    /// `KAFKA_SECURITY_PROTOCOL_CONFIG`.
    pub protocol: String,
    /// `KAFKA_SASL_MECHANISM`.
    pub sasl_mechanism: String,
    /// Where user name and password are.
    pub secret: Option<KafkaSecret>,
}

/// A Secret of the test's namespace and its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSecret {
    /// Its name.
    pub name: String,
    /// Entry that becomes `KAFKA_USERNAME`.
    pub username_key: String,
    /// Entry that becomes `KAFKA_PASSWORD`.
    pub password_key: String,
    /// Entry that becomes `KAFKA_SASL_JAAS_CONFIG`.
    pub jaas_key: Option<String>,
}

/// The metrics exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct ExporterSettings {
    /// Its image.
    pub image: String,
    /// When to pull it: Always, IfNotPresent or Never.
    pub pull_policy: ImagePullPolicy,
    /// Port on which it serves metrics; never the one of the operator's own listener.
    pub port: i32,
    /// Its resources.
    pub resources: ResourceRequirements,
}

/// How locked down the pods are when the test does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProfile {
    /// What the `restricted` Pod Security level asks for, and no service account token.
    Restricted,
    /// What the published operator made: the runtime's seccomp profile and nothing else.
    Published,
}

/// Requests and limits from quantities by name (`cpu`, `memory`, `ephemeral-storage`).
pub fn resources(
    requests: impl IntoIterator<Item = (&'static str, String)>,
    limits: impl IntoIterator<Item = (&'static str, String)>,
) -> ResourceRequirements {
    fn collect(
        items: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Option<BTreeMap<String, Quantity>> {
        let map: BTreeMap<_, _> = items
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Quantity(value)))
            .collect();
        (!map.is_empty()).then_some(map)
    }
    ResourceRequirements {
        requests: collect(requests),
        limits: collect(limits),
        claims: None,
    }
}

#[cfg(test)]
pub(crate) fn for_tests() -> RunSettings {
    RunSettings {
        default_image: "locustio/locust:2.47.0".to_owned(),
        start_deadline: Duration::from_secs(300),
        default_timeout: None,
        progress_interval: Duration::from_secs(30),
        security_profile: SecurityProfile::Restricted,
        run_as_user: Some(1000),
        master_resources: resources([("cpu", "250m".to_owned())], []),
        worker_resources: resources(
            [("cpu", "250m".to_owned())],
            [("memory", "1024Mi".to_owned())],
        ),
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
        notifications: Some(NotificationSettings::default()),
    }
}
