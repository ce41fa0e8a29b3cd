//! Which template a test is made from.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scalar;

/// The template that a test is made from. It is read once, when the run starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// Name of the LocustTemplate.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; another one than the test's must be allowed by the template's `allowedNamespaces`. Default: the test's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Values of the template's parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub parameters: Vec<ParameterValue>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParameterValue {
    /// Name of the parameter.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Its value: a string, a number or a boolean, which the template's type of the parameter reads.
    pub value: Scalar,
}
