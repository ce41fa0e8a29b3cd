//! `LocustSchedule`: a test or a suite, again and again.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Baseline, LocustScheduleStatus, LocustTestSpec, LocustTestSuiteSpec, Notify, Retries,
    TemplateRef,
};

/// A test or a suite that is run again and again: by a timetable, or when somebody asks for it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "locust.io",
    version = "v2",
    kind = "LocustSchedule",
    plural = "locustschedules",
    singular = "locustschedule",
    shortname = "losched",
    category = "locust",
    namespaced,
    status = "LocustScheduleStatus",
    derive = "PartialEq",
    doc = "A test or a suite that is run again and again: by a timetable, or when somebody asks for it.",
    printcolumn(name = "Schedule", type_ = "string", json_path = ".status.schedule"),
    printcolumn(
        name = "Suspended",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Suspended\")].status"
    ),
    printcolumn(name = "Active", type_ = "integer", json_path = ".status.activeRuns"),
    printcolumn(name = "Last", type_ = "date", json_path = ".status.lastStartTime"),
    printcolumn(
        name = "Verdict",
        type_ = "string",
        json_path = ".status.lastRun.verdict"
    ),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.nextScheduleTime"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
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
#[x_kube(validation = Rule::new("!has(self.endTime) || !has(self.maxRuns)").message("a schedule ends by endTime or by maxRuns, one of the two"))]
#[x_kube(validation = Rule::new("!has(self.onConflict) || !has(self.concurrencyPolicy) || self.concurrencyPolicy == 'Forbid'").message("onConflict is for concurrencyPolicy Forbid: with Allow and Replace nothing is in the way"))]
#[allow(
    clippy::duplicated_attributes,
    reason = "every print column repeats the same keys"
)]
pub struct LocustScheduleSpec {
    /// When to run, each in five fields as for cron: minute, hour, day of the month, month, day of the week (0 is
    /// Sunday). Two lines that name one minute make one run. Without any the schedule runs on demand only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 128)))]
    pub schedules: Vec<String>,
    /// The time zone of `schedules`, by its IANA name such as Europe/Berlin. Default: Etc/UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// How late a run may start; one that could not by then is missed. Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 31_536_000))]
    pub starting_deadline_seconds: Option<i64>,
    /// What happens when a run is due while an earlier one goes on. Default: Forbid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_policy: Option<ConcurrencyPolicy>,
    /// What Forbid does with the run that is due. Default: Skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
    /// While true no time starts a run; those that go on end as they would. What would have run meanwhile never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// After this instant no time starts a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
    /// After so many runs no time starts another. Those on demand do not count, nor do further attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_runs: Option<i64>,
    /// After so many runs in a row that were Failed or Error no time starts another, until a run on demand has Passed,
    /// the spec changes, or the annotation `locust.io/resume` gets a new value. Inconclusive and Aborted runs neither
    /// count nor end the row. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub suspend_after_consecutive_failures: Option<i32>,
    /// When to try again, each time as a new run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// What the runs are held against; the one in a test or suite of `runTemplate` comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// How many finished runs stay, by their verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Whom to tell how runs went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// What is run. A change of it is for the runs that start afterwards.
    pub run_template: RunTemplate,
}

/// What happens when a run is due while an earlier one goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// It does not start: two load tests at once measure each other.
    #[default]
    Forbid,
    /// It starts beside the other.
    Allow,
    /// The earlier one is deleted, and the new one starts when that is gone.
    Replace,
}

/// What Forbid does with a run that is due while an earlier one goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnConflict {
    /// It does not take place.
    #[default]
    Skip,
    /// It starts when the other is over, if that is within `startingDeadlineSeconds`.
    Delay,
}

/// How many finished runs stay, by their verdicts. Older ones are deleted, with all that belongs to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Of those that Passed. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub passed: Option<i32>,
    /// Of those that Failed or were an Error. Default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub failed: Option<i32>,
    /// Of the others: Inconclusive and Aborted. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub other: Option<i32>,
}

/// What a schedule runs: a test, a suite, or a test from a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.test), has(self.suite), has(self.templateRef)].filter(given, given).size() == 1").message("runTemplate has one of test, suite and templateRef"))]
pub struct RunTemplate {
    /// Labels and annotations of every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<RunMetadata>,
    /// The spec of a LocustTest. With `templateRef` in it, the fields beside are what the test overrides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Box<LocustTestSpec>>,
    /// The spec of a LocustTestSuite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<Box<LocustTestSuiteSpec>>,
    /// A test that is all template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateRef>,
}

/// Labels and annotations of every run. Those that begin with `locust.io/` are the operator's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
