//! `LocustTest` as `locust.io/v1` says it.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v2::{ImagePullPolicy, LocustTestStatus};

/// One run of a Locust load test, in the deprecated version of the API.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "locust.io",
    version = "v1",
    kind = "LocustTest",
    plural = "locusttests",
    singular = "locusttest",
    shortname = "lotest",
    category = "locust",
    namespaced,
    status = "LocustTestStatus",
    derive = "PartialEq",
    storage = false,
    deprecated = "locust.io/v1 LocustTest is deprecated, migrate to locust.io/v2",
    doc = "One run of a Locust load test. This version is deprecated: write locust.io/v2.",
    printcolumn(
        name = "master_cmd",
        type_ = "string",
        json_path = ".spec.masterCommandSeed"
    ),
    printcolumn(
        name = "worker_replica_count",
        type_ = "integer",
        json_path = ".spec.workerReplicas"
    ),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[allow(
    clippy::duplicated_attributes,
    reason = "every print column repeats the same keys"
)]
pub struct LocustTestSpec {
    /// Arguments of the master's entrypoint `locust`. In v2: `master.command`.
    /// Default: `-f /lotest/src/locustfile.py`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub master_command_seed: Option<String>,
    /// Arguments of the workers' entrypoint `locust`. In v2: `worker.command`.
    /// Default: `-f /lotest/src/locustfile.py`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub worker_command_seed: Option<String>,
    /// Number of worker pods. In v2: `worker.replicas`. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub worker_replicas: Option<i32>,
    /// Image of master and workers. In v2: `image`. Default: the operator's `--default-image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// When to pull the image. In v2: `imagePullPolicy`. Default: IfNotPresent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Names of Secrets with registry credentials. In v2: `imagePullSecrets[].name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 253)))]
    pub image_pull_secrets: Vec<String>,
    /// ConfigMap with the test files. In v2: `testFiles.configMapRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub config_map: Option<String>,
    /// ConfigMap with libraries that the test files import. In v2: `testFiles.libConfigMapRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub lib_config_map: Option<String>,
    /// More labels of the pods. In v2: `master.labels` and `worker.labels`.
    #[serde(default, skip_serializing_if = "PerRole::is_empty")]
    pub labels: PerRole,
    /// More annotations of the pods. In v2: `master.annotations` and `worker.annotations`.
    #[serde(default, skip_serializing_if = "PerRole::is_empty")]
    pub annotations: PerRole,
    /// Labels that a node must have. In v2: `scheduling.affinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Taints that pods tolerate. In v2: `scheduling.tolerations`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<Toleration>,
}

/// Labels or annotations of the pods of each role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PerRole {
    /// Of the master's pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub master: BTreeMap<String, String>,
    /// Of the workers' pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub worker: BTreeMap<String, String>,
}

impl PerRole {
    /// Whether neither role has any.
    pub fn is_empty(&self) -> bool {
        let Self { master, worker } = self;
        master.is_empty() && worker.is_empty()
    }
}

/// Which nodes pods may run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Affinity {
    /// Which nodes pods may run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<NodeAffinity>,
}

/// Which nodes pods may run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeAffinity {
    /// Labels that a node must have: each with this one value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub required_during_scheduling_ignored_during_execution: BTreeMap<String, String>,
}

/// A taint that pods tolerate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Toleration {
    /// Key of the taint.
    #[schemars(length(max = 316))]
    pub key: String,
    /// How the value is compared.
    pub operator: TolerationOperator,
    /// Value of the taint, for Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint.
    pub effect: TaintEffect,
}

/// How a toleration compares the taint's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Any value.
    Exists,
    /// This value.
    Equal,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away if they can.
    PreferNoSchedule,
    /// Running pods go, too.
    NoExecute,
}
