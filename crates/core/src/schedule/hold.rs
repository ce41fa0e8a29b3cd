//! What keeps the times of a schedule from starting runs, and how far they are settled.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::{
    names, reasons,
    v2::{LocustSchedule, LocustScheduleSpec, LocustScheduleStatus},
};

use super::timetable::Timetable;
use crate::{claim::hex, problems::Problems, time::whole_seconds};

/// What keeps the times of a schedule from starting runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The spec makes no sense.
    Invalid,
    /// The operator's `--suspend-new`.
    Operator,
    /// `spec.suspend`.
    Spec,
    /// `spec.suspendAfterConsecutiveFailures`.
    Failures,
    /// `spec.maxRuns`.
    MaxRuns,
    /// `spec.endTime`.
    EndTime,
}

impl Held {
    /// Whether nothing at all is to start, also no further attempt.
    pub(super) const fn keeps_attempts(self) -> bool {
        match self {
            Self::Invalid | Self::Operator | Self::Spec => true,
            Self::Failures | Self::MaxRuns | Self::EndTime => false,
        }
    }

    /// Reason and message of the condition Suspended.
    pub(super) fn words(self, spec: &LocustScheduleSpec, failures: i32) -> (&'static str, String) {
        match self {
            Self::Invalid => (
                reasons::INVALID_SPEC,
                "the schedule cannot be followed; the condition Ready says why".to_owned(),
            ),
            Self::Operator => (
                reasons::HELD,
                "the operator runs with --suspend-new and starts nothing".to_owned(),
            ),
            Self::Spec => (
                reasons::SUSPENDED,
                "spec.suspend is set: no time starts a run until it is not".to_owned(),
            ),
            Self::Failures => (
                reasons::CONSECUTIVE_FAILURES,
                format!(
                    "{failures} runs in a row were Failed or Error; no time starts another until a run on demand has Passed, the spec changes, or the annotation {} gets a new value",
                    names::ANNOTATION_RESUME
                ),
            ),
            Self::MaxRuns => (
                reasons::MAX_RUNS_REACHED,
                format!(
                    "all {} runs were started",
                    spec.max_runs.unwrap_or_default()
                ),
            ),
            Self::EndTime => (
                reasons::END_TIME_REACHED,
                "no time of the timetable is left until spec.endTime".to_owned(),
            ),
        }
    }
}

/// What keeps the times from starting runs whatever happened before.
pub(super) fn from_outside(
    schedule: &LocustSchedule,
    timetable: Result<&Timetable, &Problems>,
    suspends_new: bool,
) -> Option<Held> {
    if timetable.is_err() {
        Some(Held::Invalid)
    } else if suspends_new {
        Some(Held::Operator)
    } else {
        (schedule.spec.suspend == Some(true)).then_some(Held::Spec)
    }
}

/// The same from what happened so far.
pub(super) fn from_history(
    spec: &LocustScheduleSpec,
    status: &LocustScheduleStatus,
    timetable: &Timetable,
    now: Timestamp,
) -> Option<Held> {
    let failures = status.consecutive_failures.unwrap_or_default();
    let limit = spec.suspend_after_consecutive_failures;
    if limit.is_some_and(|limit| failures >= limit) {
        return Some(Held::Failures);
    }
    let started = status.runs_started.unwrap_or_default();
    if spec.max_runs.is_some_and(|limit| started >= limit) {
        return Some(Held::MaxRuns);
    }
    let end = spec.end_time.as_ref()?.0;
    let cursor = status.cursor.as_ref().map_or(now, |cursor| cursor.0);
    let is_left = timetable.next_after(cursor).is_some_and(|next| next <= end);
    // One that is due still counts as left.
    (!is_left && (end <= now || !spec.schedules.is_empty())).then_some(Held::EndTime)
}

/// What changes when the timetable does, or comes into force, or goes out of force.
fn hash(spec: &LocustScheduleSpec, is_held: bool) -> String {
    let what = (
        &spec.schedules,
        spec.time_zone
            .as_deref()
            .unwrap_or(super::check::DEFAULT_ZONE),
        is_held,
    );
    let mut hash = hex(format!("{what:?}").as_bytes());
    hash.truncate(16);
    hash
}

/// Moves the cursor to where everything before it is settled.
pub(super) fn settle(
    schedule: &LocustSchedule,
    status: &mut LocustScheduleStatus,
    is_held: bool,
    now: Timestamp,
) {
    let now = whole_seconds(now).0;
    let fired = status.last_schedule_time.as_ref().map(|last| last.0);
    let at_least = |instant: Timestamp| fired.map_or(instant, |fired| instant.max(fired));
    let hash = hash(&schedule.spec, is_held);
    let known = status.observed_schedule_hash.replace(hash.clone());
    let created = schedule.metadata.creation_timestamp.as_ref();
    let cursor = match (&status.cursor, known) {
        (None, None) => at_least(created.map_or(now, |created| created.0.min(now))),
        (Some(cursor), Some(known)) if known == hash => {
            // A clock that was ahead has settled what is still to come.
            if cursor.0 > now {
                at_least(now)
            } else {
                cursor.0
            }
        }
        (Some(cursor), None) => at_least(cursor.0),
        (_, Some(_)) => at_least(now),
    };
    status.cursor = Some(Time(cursor));
}
