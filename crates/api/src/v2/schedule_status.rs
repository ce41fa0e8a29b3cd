//! `status` of a `LocustSchedule`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComparisonNote, Notice, Verdict};

/// What the operator knows of the schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocustScheduleStatus {
    /// The generation of the spec this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The timetable in a line, for `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The runs that are not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<ScheduledRun>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_runs: Option<i32>,
    /// The runs that are over and still there, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<ScheduledRun>,
    /// The time of the timetable for which a run was started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// The time of the timetable that is next; absent when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// When a run was started last, whatever for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start_time: Option<Time>,
    /// When the last run that Passed was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// The run that was over last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<ScheduledRun>,
    /// No time up to this one starts a run any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Time>,
    /// Hash of the timetable that the cursor is for, and of whether it was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_schedule_hash: Option<String>,
    /// The time whose run waits until those that it replaces are gone; it is not late any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacing: Option<Time>,
    /// Times that passed without a run: nobody could start it in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_runs: Option<i64>,
    /// The last run that did not take place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_skip: Option<Skip>,
    /// The value of the annotation `locust.io/run-now` that was followed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_now_token: Option<String>,
    /// The value of the annotation `locust.io/resume` that was followed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resume_token: Option<String>,
    /// Runs in a row that were Failed or Error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_failures: Option<i32>,
    /// Runs that a time started; those on demand and further attempts are not among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_started: Option<i64>,
    /// Runs that Passed, of all that there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<i64>,
    /// Runs that Failed or were an Error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    /// Runs that were Inconclusive or Aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<i64>,
    /// What the series said of the run that was compared last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_comparison: Option<ComparisonNote>,
    /// Whether the last run with an answer was Failed or Error. Inconclusive and Aborted ones are none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failing: bool,
    /// What somebody has still to be told by `spec.notify`, the oldest first; ten at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// Conditions: Ready, LastRunPassed, Regression, Suspended, NotificationsDelivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A run of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledRun {
    /// LocustTest or LocustTestSuite.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID. It is never made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The time of the timetable that it is for; absent on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_time: Option<Time>,
    /// The value of `locust.io/run-now` that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_now: Option<String>,
    /// Which attempt it is: 1 is the first.
    #[serde(default)]
    pub attempt: i32,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// How it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether another attempt is to follow, which does not exist yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retry: bool,
    /// Whether it is being deleted to make room for another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

/// A run that did not take place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Skip {
    /// The time that it was for; on demand, when it was asked for.
    pub time: Time,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}
