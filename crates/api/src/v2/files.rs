//! Files and environment of the Locust containers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::K8s;

/// Content of a file of `testFiles.inline`.
pub type InlineFile = String;

/// The Locust files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.configMapRef) && has(self.inline))").message("testFiles takes configMapRef or inline, not both"))]
pub struct TestFiles {
    /// ConfigMap with the test files, in the test's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub config_map_ref: Option<String>,
    /// The files themselves: file name to content. At most 256 KiB in all; above that make a ConfigMap with
    /// `kubectl create configmap --from-file` and use `configMapRef`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "inline_schema")]
    pub inline: BTreeMap<String, InlineFile>,
    /// ConfigMap with libraries that the test files import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub lib_config_map_ref: Option<String>,
    /// Where the test files are mounted. Default: /lotest/src.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub src_mount_path: Option<String>,
    /// Where the libraries are mounted. Default: /opt/locust/lib.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub lib_mount_path: Option<String>,
}

pub(super) fn inline_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 262_144},
        "x-kubernetes-validations": [{
            "rule": "self.all(name, name.matches('^[A-Za-z0-9][-._A-Za-z0-9]{0,200}$') && !name.startsWith('locust_operator_'))",
            "message": "a file name starts with a letter or digit, has only letters, digits, '-', '_' and '.', and does not start with 'locust_operator_'"
        }]
    })
}

/// Environment variables and secret files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvConfig {
    /// ConfigMaps whose entries become variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub config_map_refs: Vec<EnvSource>,
    /// Secrets whose entries become variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub secret_refs: Vec<EnvSource>,
    /// Single variables; they win over the ones from ConfigMaps and Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub variables: Vec<K8s<EnvVar>>,
    /// Secrets mounted as files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub secret_mounts: Vec<SecretMount>,
}

/// A ConfigMap or Secret whose entries become variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvSource {
    /// Its name, in the test's namespace.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Put before the name of every entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub prefix: Option<String>,
}

/// A Secret mounted as files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretMount {
    /// The Secret's name, in the test's namespace.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Directory of the files.
    #[schemars(length(max = 1024))]
    pub mount_path: String,
    /// Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

/// A Kubernetes `VolumeMount` and the roles it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetedVolumeMount {
    /// Name of one of `spec.volumes`.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Where it appears in the container.
    #[schemars(length(max = 1024))]
    pub mount_path: String,
    /// Path inside the volume. Default: its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub sub_path: Option<String>,
    /// The same, with `$(VAR)` expanded from the container's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub sub_path_expr: Option<String>,
    /// Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Kubernetes' `recursiveReadOnly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub recursive_read_only: Option<String>,
    /// Kubernetes' `mountPropagation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub mount_propagation: Option<String>,
    /// Which role gets the mount. Default: both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<VolumeTarget>,
}

/// Which role a mount is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VolumeTarget {
    /// The master only.
    Master,
    /// The workers only.
    Worker,
    /// Both roles.
    Both,
}
