//! What is set per role.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration, TopologySpreadConstraint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::K8s;

/// The Locust master.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MasterSpec {
    /// Arguments of the image's entrypoint `locust`, split as a shell does (quotes and `#` comments work, variables do not).
    /// Default: `-f <testFiles.srcMountPath>/locustfile.py`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub command: Option<String>,
    /// The same arguments as a list, taken as they are. `command` or `args`, not both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 8192)))]
    pub args: Vec<String>,
    /// Requests and limits; replaces the operator's defaults completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<K8s<ResourceRequirements>>,
    /// More labels of the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// More annotations of the pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// Start the load when all workers are connected (`--autostart`). Default: true. With false, start it in the web UI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autostart: Option<bool>,
    /// How long the web UI stays after the load (`--autoquit`). Default: the pod ends a few seconds after the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoquit: Option<Autoquit>,
    /// Labels a node must have for this role, on top of `scheduling.nodeSelector`; here wins where both name a label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints this role tolerates, on top of `scheduling.tolerations`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<K8s<Toleration>>,
    /// How this role's pods are spread; replaces `pod.topologySpreadConstraints`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub topology_spread_constraints: Vec<K8s<TopologySpreadConstraint>>,
    /// Arguments added at the very end; the last of repeated flags wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 8192)))]
    pub extra_args: Vec<String>,
}

/// How long the web UI stays after the load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Autoquit {
    /// Whether the master ends by itself.
    pub enabled: bool,
    /// Seconds from the end of the load to the end of the master. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub timeout: Option<i32>,
}

/// The Locust workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSpec {
    /// Arguments of the image's entrypoint `locust`, split as a shell does (quotes and `#` comments work, variables do not).
    /// Default: `-f <testFiles.srcMountPath>/locustfile.py`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub command: Option<String>,
    /// The same arguments as a list, taken as they are. `command` or `args`, not both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 8192)))]
    pub args: Vec<String>,
    /// Number of worker pods. One worker uses one CPU.
    #[schemars(range(min = 1, max = 500))]
    pub replicas: i32,
    /// Requests and limits; replaces the operator's defaults completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<K8s<ResourceRequirements>>,
    /// More labels of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// More annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// Labels a node must have for this role, on top of `scheduling.nodeSelector`; here wins where both name a label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints this role tolerates, on top of `scheduling.tolerations`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<K8s<Toleration>>,
    /// How this role's pods are spread; replaces `pod.topologySpreadConstraints`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub topology_spread_constraints: Vec<K8s<TopologySpreadConstraint>>,
    /// Arguments added at the very end; the last of repeated flags wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 8192)))]
    pub extra_args: Vec<String>,
}

impl WorkerSpec {
    /// Whether nothing is said of the workers, which only a test with a template may do: a spec that names them says how
    /// many there are.
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}
