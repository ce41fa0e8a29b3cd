//! `LocustTestSuite`: several tests, one after the other, side by side or as a graph.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Baseline, LocustTestSpec, LocustTestSuiteStatus, ParameterValue, TemplateRef,
    locust_template::free_object,
};
use crate::Duration;

/// Several tests in order, judged together. It runs once; to run it again, create a new one.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "locust.io",
    version = "v2",
    kind = "LocustTestSuite",
    plural = "locusttestsuites",
    singular = "locusttestsuite",
    shortname = "losuite",
    category = "locust",
    namespaced,
    status = "LocustTestSuiteStatus",
    derive = "PartialEq",
    doc = "Several tests in order, judged together. It runs once; to run it again, create a new one.",
    selectable = ".spec.concurrencyGroup",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Steps", type_ = "string", json_path = ".status.progress"),
    printcolumn(name = "Passed", type_ = "integer", json_path = ".status.passed"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.failed"),
    printcolumn(
        name = "Inconclusive",
        type_ = "integer",
        json_path = ".status.inconclusive",
        priority = 1
    ),
    printcolumn(name = "Error", type_ = "integer", json_path = ".status.error"),
    printcolumn(
        name = "Skipped",
        type_ = "integer",
        json_path = ".status.skipped",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[allow(
    clippy::duplicated_attributes,
    reason = "every print column repeats the same keys"
)]
pub struct LocustTestSuiteSpec {
    /// How steps follow each other. Default: Sequential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// How many steps may run at once; not for Sequential. Default: all that may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub max_parallel: Option<i32>,
    /// Values for the templates of all steps: each gets those that it knows, and a step's own come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub parameters: Vec<ParameterValue>,
    /// The steps.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steps: Vec<SuiteStep>,
    /// Steps that run at the end, one after the other, whatever became of the others; also after `stop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub finally: Vec<SuiteStep>,
    /// While true no step starts; those that run go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// True ends the suite: the tests that run are stopped, only `finally` runs still, and the verdict is Aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<bool>,
    /// Tests and suites of a namespace that name the same group run one at a time, in the order in which they were
    /// created; the others wait. The steps of a suite are part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub concurrency_group: Option<String>,
    /// What the tests of the steps are held against; a test's own comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// How long what has finished stays. It may be changed after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<SuiteRetention>,
}

/// How steps follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Execution {
    /// One after the other.
    #[default]
    Sequential,
    /// Side by side, in the order of the list where `maxParallel` is less than the steps.
    Parallel,
    /// Each when the steps in its `dependsOn` have finished.
    Graph,
}

/// A step of a suite: a test, a test from a template, or a Job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.test), has(self.templateRef), has(self.job)].filter(given, given).size() == 1").message("a step has one of test, templateRef and job"))]
pub struct SuiteStep {
    /// Its name. The test is `<suite>-<step>`.
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// The spec of a LocustTest. With `templateRef` in it, the fields beside are what the test overrides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Box<LocustTestSpec>>,
    /// A test that is all template. Values may be expressions over `params.<parameter of the suite>`, `run.name` and
    /// `steps.<step>.<number>` of steps that finish before this one; in `finally` also `suite.verdict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateRef>,
    /// The spec of a Kubernetes Job: to seed, warm up or tear down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub job: Option<Value>,
    /// Steps that must have finished before; for Graph only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 40)))]
    pub depends_on: Vec<String>,
    /// Whether to run, by how the steps before went. Default: OnPassed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// What follows when the step does not pass. Default: Stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Whether the suite may pass without it. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    /// When to try again, each time as a new test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// How long to wait before the start, so that the service comes to rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// How long an attempt may take, from its start; past it the attempt is stopped and the step is Inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// What must be so before the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<WaitFor>,
}

/// Whether a step runs, by how the steps before went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// If all passed, or were optional.
    #[default]
    OnPassed,
    /// If one did not pass.
    OnFailed,
    /// In any case.
    Always,
}

/// What follows when a required step does not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    /// No other step starts; those that run go on to their end.
    #[default]
    Stop,
    /// The others go on as their `when` says.
    Continue,
    /// No other step starts, and those that run are stopped.
    Abort,
}

/// When to try a step again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retries {
    /// How often.
    #[schemars(range(min = 0, max = 5))]
    pub limit: i32,
    /// After which verdicts. Default: Inconclusive and Error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub after: Vec<RetryOn>,
}

/// A verdict after which a step may be tried again. One that Failed is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RetryOn {
    /// The run was not valid.
    Inconclusive,
    /// It never really ran.
    Error,
}

/// What must be so before a step starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.http) != has(self.condition)").message("waitFor takes http or condition, one of the two"))]
pub struct WaitFor {
    /// An address that must answer. A pod of the suite's namespace asks, so it goes the way of the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpWait>,
    /// A condition that a Deployment of the namespace must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionWait>,
    /// For how long, before the step is an Error. Default: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// An address that must answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpWait {
    /// The address; it must answer with a status of 200 to 399.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^https?://"))]
    pub url: String,
}

/// A condition that an object must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionWait {
    /// Name of a Deployment in the suite's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub deployment: String,
    /// The condition that must be True. Default: Available.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 316))]
    pub type_: Option<String>,
}

/// How long what has finished stays. It may be changed at any time; the clocks start at `status.completionTime`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuiteRetention {
    /// When the pods of each test go, with their logs, unless the step's test says so itself. Default: the operator's
    /// `--job-ttl-seconds-after-finished` (never).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods_after_finished: Option<Duration>,
    /// When the suite goes, with its tests. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite_after_finished: Option<Duration>,
    /// The same for a suite with the verdict Passed. Default: `suiteAfterFinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite_after_passed: Option<Duration>,
    /// The same for a suite with any other verdict. Default: `suiteAfterFinished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite_after_failed: Option<Duration>,
}
