//! `status` of a `LocustTestSuite`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComparisonNote, Phase, Verdict};

/// What the operator knows of the suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocustTestSuiteStatus {
    /// What the suite is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What the finished suite means: Passed, Failed, Inconclusive, Error or Aborted.
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
    /// When the suite was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When its last step had finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The claim: written before any step starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<SuiteClaim>,
    /// Each step, those of `finally` at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steps: Vec<StepStatus>,
    /// Finished steps of all: `3/5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Steps that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<i32>,
    /// Steps that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<i32>,
    /// Steps that were inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inconclusive: Option<i32>,
    /// Steps that never really ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<i32>,
    /// Steps that were stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<i32>,
    /// Steps that were not to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<i32>,
    /// All steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<i32>,
    /// Conditions: Completed, Succeeded, Reconciling, Stalled, ResolvedRefs, Queued, Suspended, Stopping, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The claim of a suite. While it exists, the suite's spec is frozen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuiteClaim {
    /// Unique id of the run; its children carry it in the label `locust.io/suite-run`.
    pub id: String,
    /// Name of the ControllerRevision with the templates of all steps, as they were at the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When the suite was claimed.
    pub claimed_at: Time,
}

/// A step as it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// Whether it is one of `finally`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
    /// What it is doing.
    #[serde(default)]
    pub phase: StepPhase,
    /// How it went; the last attempt, when there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The object of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<StepChild>,
    /// Which attempt: 1 is the first, 0 none yet.
    #[serde(default)]
    pub attempt: i32,
    /// Since when only `delay` and `waitFor` keep the step from starting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_time: Option<Time>,
    /// When the last attempt was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the step had finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// How those numbers compare with earlier runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ComparisonNote>,
    /// The numbers of its test that later steps may use: requests, failures, errorRatio, rps, avgMs, p50Ms, p95Ms, p99Ms,
    /// maxMs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

/// What a step is doing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum StepPhase {
    /// It is not its turn.
    #[default]
    Pending,
    /// It waits for its `delay` or `waitFor`, or before the next attempt.
    Waiting,
    /// Its test or Job exists.
    Running,
    /// It passed.
    Succeeded,
    /// It did not pass.
    Failed,
    /// It was not to run.
    Skipped,
}

impl StepPhase {
    /// Whether the step is over. A terminal phase never changes.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Waiting | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Skipped => true,
        }
    }
}

/// The object that a step made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepChild {
    /// LocustTest or Job.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID, once it exists. It is never made again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}
