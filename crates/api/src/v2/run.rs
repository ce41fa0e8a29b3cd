//! `spec.run`: the load, as typed flags of the master.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Duration;

/// The load. Every field is a flag of the Locust master; a flag that the command also gives is an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSpec {
    /// Base URL of the system under test (`--host`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub host: Option<String>,
    /// Peak number of concurrent users (`--users`). Locust's default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub users: Option<i32>,
    /// Users started per second (`--spawn-rate`): a whole number, or a string such as "0.5". Locust's default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "spawn_rate_schema")]
    pub spawn_rate: Option<IntOrString>,
    /// How long the load lasts, ramp-up included (`--run-time`), in whole seconds or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_time: Option<Duration>,
    /// Run only tasks with one of these tags (`--tags`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub tags: Vec<String>,
    /// Skip tasks with one of these tags (`--exclude-tags`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub exclude_tags: Vec<String>,
    /// Run only these User classes. Default: all of the locustfile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub user_classes: Vec<String>,
    /// How long a stopping user may finish its task (`--stop-timeout`). Locust's default: 0, requests under way are cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<Duration>,
    /// Forget the numbers of the ramp-up (`--reset-stats`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_ramp_up: Option<bool>,
}

fn spawn_rate_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$",
        "minimum": 1,
        "maxLength": 16
    })
}
