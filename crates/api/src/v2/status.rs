//! `status` of a `LocustTest`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Comparison, Retention};

/// What the operator knows of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocustTestStatus {
    /// What the run is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What the finished run means: Passed, Failed, Inconclusive, Error or Aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in a sentence, with what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The generation of the spec this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Workers the run was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_workers: Option<i32>,
    /// Workers connected to the master, as Locust counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_workers: Option<i32>,
    /// When load began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When load ended; when load never began, when the run was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The claim: written before anything is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunClaim>,
    /// What really ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// The workers in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<WorkerCounts>,
    /// The latest live numbers; at the end, the final ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The numbers of the whole run, as Locust's master wrote them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Each threshold with its limit and what was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub thresholds: Vec<ThresholdStatus>,
    /// Thresholds of severity Warn that did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<i32>,
    /// How the numbers compare with those of other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Conditions: Ready, WorkersConnected, PodsHealthy, ResolvedRefs, TestCompleted, Completed, Succeeded, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// What a run is doing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Phase {
    /// No load yet.
    Pending,
    /// Load is running.
    Running,
    /// Over, and as it should be.
    Succeeded,
    /// Over, and not as it should be.
    Failed,
}

impl Phase {
    /// Whether the run is over. A terminal phase never changes.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Succeeded | Self::Failed => true,
        }
    }

    /// The word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// What a finished run means.
///
/// The schema says `string`, so that a later version may add words without breaking clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The run was valid and everything asked for held.
    Passed,
    /// The run was valid and the service did not do what was asked for.
    Failed,
    /// Load ran, and the run itself was not valid.
    Inconclusive,
    /// It never really ran.
    Error,
    /// Somebody stopped it.
    Aborted,
}

impl Verdict {
    /// The word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
            Self::Inconclusive => "Inconclusive",
            Self::Error => "Error",
            Self::Aborted => "Aborted",
        }
    }
}

impl schemars::JsonSchema for Verdict {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Verdict".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "maxLength": 64})
    }
}

/// The claim of a run. While it exists, the test's spec is frozen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunClaim {
    /// Unique id of the run; its objects carry it in the label `locust.io/run-id`.
    pub id: String,
    /// Hash of the spec that runs.
    pub spec_hash: String,
    /// Name of the master's Job and of its ConfigMap.
    pub master_name: String,
    /// Name of the workers' Job.
    pub worker_name: String,
    /// Name of the Service workers connect to.
    pub service_name: String,
    /// UID of the master's Job. Once set, no Job of this run is ever created again.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "masterJobUID"
    )]
    pub master_job_uid: Option<String>,
    /// UID of the workers' Job.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "workerJobUID"
    )]
    pub worker_job_uid: Option<String>,
    /// The published operator started the run; this one only watches it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
    /// When the run was claimed: `startDeadline` counts from here.
    pub claimed_at: Time,
    /// When load began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_start_time: Option<Time>,
    /// When load ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_end_time: Option<Time>,
}

/// What really ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Image of the Locust containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What that image was, as the master's node resolved it.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "imageID")]
    pub image_id: Option<String>,
    /// Locust's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locust_version: Option<String>,
    /// Python's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python_version: Option<String>,
    /// SHA-256 of each test file that Locust loaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The template that the test was made from, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PinnedTemplate>,
    /// Name of the ControllerRevision with the spec that the template gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// How long what has finished stays, as the template says. The test's own `spec.retention` wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// Which template it was, and which state of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedTemplate {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID: another one is another template of the same name.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Hash of its spec.
    pub hash: String,
}

/// The workers in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerCounts {
    /// `connected/desired`, for people.
    pub text: String,
    /// Workers asked for.
    pub desired: i32,
    /// Worker pods that are ready.
    pub ready: i32,
    /// Workers connected to the master.
    pub connected: i32,
    /// Most workers ever connected at once.
    pub peak: i32,
    /// Workers that left in the middle of the load.
    pub lost: i32,
    /// Whether `spec.worker.replicas` was changed during the load. Such a run is no measure for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaled: Option<bool>,
    /// Label selector of the worker pods, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

/// Live numbers. At the end of the run they are those of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Users running.
    pub users: i64,
    /// Requests so far.
    pub requests: i64,
    /// Failed requests so far.
    pub failures: i64,
    /// Requests per second, over the last 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rps: Option<String>,
    /// 95th percentile of the response time, over the last 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<String>,
    /// Failed requests per request, so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<String>,
    /// When Locust reported them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Time>,
}

/// The numbers of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Requests made, failed ones included.
    pub requests: i64,
    /// Failed requests.
    pub failures: i64,
    /// Exceptions that user code did not catch.
    #[serde(default)]
    pub exceptions: i64,
    /// Failed requests per request.
    pub error_ratio: String,
    /// Requests per second, from the first to the last request.
    pub rps: String,
    /// Average response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avg: Option<String>,
    /// Median response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<String>,
    /// 95th percentile of the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<String>,
    /// 99th percentile of the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<String>,
    /// Longest response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Most users running at once.
    #[serde(default)]
    pub peak_users: i64,
    /// How exact the percentiles are: ThreeDigits or TwoDigits (of the response time in milliseconds).
    pub resolution: String,
    /// False when Locust was cut off and the numbers are those of its last report.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The endpoints with the most requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointSummary>,
    /// Endpoints that did not fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub endpoints_omitted: i64,
    /// The most frequent errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorSummary>,
    /// Errors that did not fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors_omitted: i64,
}

/// The numbers of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSummary {
    /// HTTP method, or what user code calls the request's type.
    pub method: String,
    /// The request's name in Locust.
    pub name: String,
    /// Requests made, failed ones included.
    pub requests: i64,
    /// Failed requests.
    pub failures: i64,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rps: Option<String>,
    /// 95th percentile of the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<String>,
    /// 99th percentile of the response time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<String>,
}

/// One kind of failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorSummary {
    /// HTTP method of the failed requests.
    pub method: String,
    /// Name of the failed requests.
    pub name: String,
    /// What went wrong.
    pub message: String,
    /// How often.
    pub count: i64,
}

/// A threshold as it came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdStatus {
    /// Its name.
    pub name: String,
    /// What had to hold, such as `p95 of GET /checkout < 500ms`.
    pub limit: String,
    /// What was measured, in the unit of the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// Passed, Failed, Warned or NotEvaluated.
    pub result: ThresholdResult,
    /// Why it was not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a threshold came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThresholdResult {
    /// It held.
    Passed,
    /// It did not hold, and the run fails for it.
    Failed,
    /// It did not hold, and that is only shown.
    Warned,
    /// There was nothing to judge.
    NotEvaluated,
}

/// A string without `enum`, as the verdict is.
impl schemars::JsonSchema for ThresholdResult {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ThresholdResult".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "maxLength": 64})
    }
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}
