//! `spec.pod`: what the pods of both roles have in common, beyond files, environment and scheduling.

use k8s_openapi::api::core::v1::{Container, HostAlias, PodDNSConfig, TopologySpreadConstraint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::K8s;

/// More of the pods of both roles. A closed list: what is not here is set by the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodOptions {
    /// Service account of the pods, in the test's namespace. With one, the pods get its token, unless
    /// `automountServiceAccountToken` or the account itself says no. Default: the namespace's `default`, without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Whether the pods get the service account's token. Default: what the service account says when
    /// `serviceAccountName` is set, else false (under the operator's security profile `Published`: what the account says).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automount_service_account_token: Option<bool>,
    /// PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Scheduler that places the pods. Default: the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub scheduler_name: Option<String>,
    /// How pods are spread over nodes or zones, as in a Pod; a role's own list replaces this one. A constraint
    /// without `labelSelector` counts the pods of the same role of the same run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub topology_spread_constraints: Vec<K8s<TopologySpreadConstraint>>,
    /// Containers that run before Locust, as in a Pod; with `restartPolicy: Always` beside it. Each may mount what
    /// `volumes` has. One without `securityContext` gets the one of the operator's security profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub init_containers: Vec<K8s<Container>>,
    /// Lines of the pods' /etc/hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub host_aliases: Vec<K8s<HostAlias>>,
    /// How names are resolved. Default: ClusterFirst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_policy: Option<DnsPolicy>,
    /// Name servers, search domains and options, as in a Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<K8s<PodDNSConfig>>,
    /// Seconds between the request to stop and the kill. Default: Kubernetes' 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub termination_grace_period_seconds: Option<i64>,
}

/// Kubernetes' DNS policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DnsPolicy {
    /// The cluster's DNS, then the node's.
    ClusterFirst,
    /// The same for pods in the host network.
    ClusterFirstWithHostNet,
    /// The node's.
    Default,
    /// Only what `dnsConfig` says.
    None,
}

impl DnsPolicy {
    /// The word Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterFirst => "ClusterFirst",
            Self::ClusterFirstWithHostNet => "ClusterFirstWithHostNet",
            Self::Default => "Default",
            Self::None => "None",
        }
    }
}
