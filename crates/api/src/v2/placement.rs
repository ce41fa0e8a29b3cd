//! Where pods run and with which rights.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, PodSecurityContext, SecurityContext, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::K8s;

/// Where pods of both roles may run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Kubernetes' affinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<K8s<Affinity>>,
    /// Kubernetes' tolerations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<K8s<Toleration>>,
    /// Labels a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub node_selector: BTreeMap<String, String>,
    /// Kubernetes' runtime class. An empty string opts out of the operator's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 253),
        regex(pattern = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub runtime_class_name: Option<String>,
}

/// Security contexts; each replaces the operator's default completely.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// Of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<K8s<PodSecurityContext>>,
    /// Of the Locust containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_security_context: Option<K8s<SecurityContext>>,
}
