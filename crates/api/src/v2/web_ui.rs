//! `spec.webUI`: Locust's web UI, and the way to it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Locust's web UI. Who reaches it can start, change and stop the load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebUi {
    /// Whether the master has it. With false Locust runs with `--headless`: the load starts by itself, and the master ends
    /// with it. Default: true, unless the command says `--headless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// A Service `<test>-webui` that leads to it, port 8089. It goes with the test. Default: none; `kubectl port-forward` needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<WebUiService>,
}

/// A Service that leads to the web UI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebUiService {
    /// How far it reaches: the cluster (ClusterIP), every node's address (NodePort), or an address of its own outside
    /// (LoadBalancer). Default: ClusterIP.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<ServiceType>,
    /// Labels of the Service; those that the operator sets itself win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Service, such as those by which a cloud makes an internal load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
}

/// Kubernetes' types of Services that lead to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Reachable in the cluster.
    ClusterIP,
    /// Reachable at a port of every node, too.
    NodePort,
    /// Reachable at an address that the cloud gives it, too.
    LoadBalancer,
}

impl ServiceType {
    /// The word Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}
