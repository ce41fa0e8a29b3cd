//! `LocustTemplate`: what the tests of a team have in common, with parameters.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files::{InlineFile, inline_schema};
use crate::{K8s, Scalar};

/// What tests have in common. A LocustTest with `templateRef`, or a step of a LocustTestSuite, is made from it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "locust.io",
    version = "v2",
    kind = "LocustTemplate",
    plural = "locusttemplates",
    singular = "locusttemplate",
    shortname = "lotmpl",
    category = "locust",
    namespaced,
    status = "LocustTemplateStatus",
    derive = "PartialEq",
    doc = "What tests have in common. A LocustTest with templateRef, or a step of a LocustTestSuite, is made from it.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Parameters",
        type_ = "string",
        json_path = ".status.parameters"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Description",
        type_ = "string",
        json_path = ".spec.description",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[allow(
    clippy::duplicated_attributes,
    reason = "every print column repeats the same keys"
)]
pub struct LocustTemplateSpec {
    /// What the template is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// What may differ from test to test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub parameters: Vec<Parameter>,
    /// Test files: file name to content, as `testFiles.inline` of a test. They are never changed; the locustfile reads
    /// parameters from environment variables `PARAM_<NAME>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "inline_schema")]
    pub files: BTreeMap<String, InlineFile>,
    /// The `spec` of a LocustTest. Its strings may hold handlebars expressions over `params`, `run` and `schedule`; a
    /// string that is one expression becomes the number or boolean that the parameter is.
    #[schemars(schema_with = "free_object")]
    pub test: Value,
    /// Fields of the test's spec that a test may set in its own way, such as `run.host`; a field stands for all that is
    /// in it. Always allowed are `worker.replicas`, `startDeadline`, `retention`, `suspend`,
    /// `stop` and `concurrencyGroup`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(
            length(max = 253),
            regex(pattern = r"^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*){0,7}$")
        )
    )]
    pub overridable: Vec<String>,
    /// From which namespaces the template may be used. Default: its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
}

/// An object whose fields the API server does not look at.
pub(super) fn free_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A parameter of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name, as expressions say `params.<name>`.
    #[schemars(regex(pattern = r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$"))]
    pub name: String,
    /// What its values are. Default: string.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<ParameterType>,
    /// The value where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Scalar>,
    /// Whether a value must be given. Default: true where there is no `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The values there are. Default: any.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub enum_: Vec<Scalar>,
    /// The smallest value; not for strings and booleans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Scalar>,
    /// The largest value; not for strings and booleans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Scalar>,
    /// A regular expression that the value matches as a whole; for strings only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub pattern: Option<String>,
    /// How many characters the value may have; for strings only. Default: 1024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub max_length: Option<i32>,
    /// What it is for: shown to whoever leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// A value that makes sense; with it the template is tried when it is applied, if there is no `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Scalar>,
}

/// What the values of a parameter are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A length of time, such as `90s` or `1h30m`.
    Duration,
    /// A quantity of Kubernetes, such as `500m` or `1Gi`.
    Quantity,
}

impl ParameterType {
    /// The word in the spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Quantity => "quantity",
        }
    }
}

/// From which namespaces a template may be used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)").message("allowedNamespaces.selector belongs to from: Selector"))]
pub struct AllowedNamespaces {
    /// The template's own namespace (Same), every one (All), or those with certain labels (Selector). Other namespaces
    /// than its own need an operator of all namespaces.
    pub from: NamespacesFrom,
    /// Labels of the namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<K8s<LabelSelector>>,
}

/// Which namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// The template's own.
    #[default]
    Same,
    /// Every one.
    All,
    /// Those with certain labels.
    Selector,
}

/// What the operator says of a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocustTemplateStatus {
    /// The generation of the spec this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The parameters in a line: `host, users=500`. Those without a value must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// Conditions: Ready, which is False when no test could be made from the template, with all that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
