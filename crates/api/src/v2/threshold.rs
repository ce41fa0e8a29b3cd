//! What a run must hold to pass, and what makes it count at all.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// A limit that must hold for the run to pass, on the numbers of all workers together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// Name of the threshold, in the status and in messages.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$")
    )]
    pub name: String,
    /// What is measured.
    pub metric: Metric,
    /// Which requests. Default: all of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointSelector>,
    /// How what was measured must compare to `value`.
    pub op: Operator,
    /// The limit: `500ms` or `1.5s` for response times, `1%` for errorRatio, `800/s` for rps, `10000` for requests.
    #[schemars(
        length(max = 32),
        regex(pattern = r"^[0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|%|/s)?$")
    )]
    pub value: String,
    /// What a breach means. Default: Fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// With fewer requests than this nothing is judged: see `onNoData`. Default: 100 for p50, p95 and p99, else 1.
    /// Not for rps and requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub min_requests: Option<i64>,
    /// What it means when there are no such requests, or too few. Default: Inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_no_data: Option<OnNoData>,
    /// Stop the load early when the threshold is breached. Default: judge at the end only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<AbortRule>,
}

/// What a threshold measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Median of the response time.
    P50,
    /// 95th percentile of the response time.
    P95,
    /// 99th percentile of the response time.
    P99,
    /// Average response time.
    Avg,
    /// Longest response time.
    Max,
    /// Failed requests per request.
    ErrorRatio,
    /// Requests per second, from the first to the last request.
    Rps,
    /// Number of requests.
    Requests,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 8] = [
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Avg,
        Self::Max,
        Self::ErrorRatio,
        Self::Rps,
        Self::Requests,
    ];

    /// The word in the spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Avg => "avg",
            Self::Max => "max",
            Self::ErrorRatio => "errorRatio",
            Self::Rps => "rps",
            Self::Requests => "requests",
        }
    }
}

/// Requests by name or by regular expression, of one method or of any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.name) != has(self.nameRegex)").message("endpoint takes name or nameRegex, one of the two"))]
pub struct EndpointSelector {
    /// HTTP method, or what user code calls the request's type. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub method: Option<String>,
    /// The request's name in Locust, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub name: Option<String>,
    /// Requests whose name this matches anywhere, taken together. A regular expression that Python and Rust both
    /// read; `^` and `$` tie it to the whole name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub name_regex: Option<String>,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Less than.
    Lt,
    /// At most.
    Lte,
    /// More than.
    Gt,
    /// At least.
    Gte,
}

impl Operator {
    /// The word in the spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
        }
    }

    /// The sign that people read.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "≤",
            Self::Gt => ">",
            Self::Gte => "≥",
        }
    }

    /// Whether the comparison holds.
    pub fn holds(self, actual: f64, limit: f64) -> bool {
        match self {
            Self::Lt => actual < limit,
            Self::Lte => actual <= limit,
            Self::Gt => actual > limit,
            Self::Gte => actual >= limit,
        }
    }
}

/// What a breach means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// The verdict is Failed.
    Fail,
    /// It is counted and shown, and the run may still pass.
    Warn,
}

/// What it means when a threshold has nothing to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnNoData {
    /// The verdict is Inconclusive.
    Inconclusive,
    /// As a breach.
    Fail,
    /// As if it held.
    Pass,
}

/// When a breach ends the load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortRule {
    /// From the start of load until the first look, such as the ramp-up takes. Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// For how long the numbers of the load so far must be in breach without a break. Default: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sustained: Option<Duration>,
}

/// What makes a run count: below it the verdict is Inconclusive, whatever the thresholds say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// Workers that were connected, on average over the load, in percent of those asked for. Default: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub min_workers_percent: Option<i32>,
    /// Users that ran at once, in percent of those asked for. Default: 100. Not for load shapes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub min_users_percent: Option<i32>,
    /// Workers that may have run out of processor time, in percent of those asked for. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_cpu_saturated_workers_percent: Option<i32>,
}
