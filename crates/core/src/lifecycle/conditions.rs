//! Conditions, and the sentences of events.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use locust_api::{
    conditions, reasons,
    v2::{LocustTest, LocustTestStatus, Phase, Verdict},
};

use super::{Live, Observed, Outcome, status::made_with};
use crate::{pods::PodProblem, report::Report, time::whole_seconds};

/// Longest message of a condition that is stored.
const MESSAGE_LIMIT: usize = 1024;

/// Sets a condition; its transition time changes only with its status. Says whether anything changed.
pub fn set_condition(
    list: &mut Vec<Condition>,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let mut wanted = Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.chars().take(MESSAGE_LIMIT).collect(),
        observed_generation: generation,
        last_transition_time: whole_seconds(now),
    };
    let Some(current) = list.iter_mut().find(|condition| condition.type_ == kind) else {
        list.push(wanted);
        return true;
    };
    if current.status == wanted.status {
        wanted.last_transition_time = Time(current.last_transition_time.0);
    }
    // A new generation alone is no change of what the condition says.
    let changed = (&current.status, &current.reason, &current.message)
        != (&wanted.status, &wanted.reason, &wanted.message);
    *current = wanted;
    changed
}

/// A status under construction.
pub(super) struct Writer<'a> {
    pub status: &'a mut LocustTestStatus,
    pub test: &'a LocustTest,
    pub now: Timestamp,
}

impl Writer<'_> {
    pub fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str) -> bool {
        let generation = self.test.metadata.generation;
        set_condition(
            &mut self.status.conditions,
            kind,
            status,
            reason,
            message,
            generation,
            self.now,
        )
    }

    pub fn remove(&mut self, kind: &str) {
        self.status
            .conditions
            .retain(|condition| condition.type_ != kind);
    }
}

/// `PodsHealthy`; says whether a problem is new.
pub(super) fn note_pods(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    problem: Option<&PodProblem>,
    now: Timestamp,
) -> bool {
    let mut writer = Writer { status, test, now };
    match problem {
        Some(problem) => writer.set(
            conditions::PODS_HEALTHY,
            "False",
            problem.reason,
            &problem.message,
        ),
        None => {
            writer.set(
                conditions::PODS_HEALTHY,
                "True",
                reasons::PODS_HEALTHY,
                "no pod reports a problem",
            );
            false
        }
    }
}

/// `WorkersConnected`, as Locust counts.
pub(super) fn note_workers(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    seen: &Observed<'_>,
    report: Option<&Report>,
    silent: bool,
) {
    let desired = made_with(status, test);
    let loading = status.phase == Some(Phase::Running);
    let mut writer = Writer {
        status,
        test,
        now: seen.now,
    };
    match (report, seen.live) {
        (Some(report), _) if report.run.end.is_some() || report.run.is_final => {
            writer.set(
                conditions::WORKERS_CONNECTED,
                "False",
                reasons::TEST_ENDED,
                &format!(
                    "the load has ended; at most {} of {desired} workers were connected",
                    report.run.peak_workers
                ),
            );
        }
        (Some(report), _) => {
            let connected = report.run.workers;
            let (word, reason) = match (connected >= desired, loading) {
                (true, _) => ("True", reasons::ALL_WORKERS_CONNECTED),
                (false, true) => ("False", reasons::WORKERS_MISSING),
                (false, false) => ("False", reasons::WAITING_FOR_WORKERS),
            };
            writer.set(
                conditions::WORKERS_CONNECTED,
                word,
                reason,
                &format!("{connected}/{desired} workers connected"),
            );
        }
        (None, Live::Unreachable) if silent => {
            writer.set(
                conditions::WORKERS_CONNECTED,
                "Unknown",
                reasons::MASTER_UNREACHABLE,
                "the master runs and its listener on port 9646 does not answer the operator; does a network policy keep it out?",
            );
            writer.status.phase = Some(Phase::Running);
        }
        (None, _) => {}
    }
}

/// The conditions of a run that is over.
pub(super) fn note_end(writer: &mut Writer<'_>, outcome: &Outcome) {
    let Outcome {
        phase,
        verdict,
        reason,
        message,
    } = outcome;
    let published = if *phase == Phase::Succeeded {
        reasons::TEST_SUCCEEDED
    } else {
        reasons::TEST_FAILED
    };
    writer.set(conditions::TEST_COMPLETED, "True", published, message);
    writer.set(conditions::COMPLETED, "True", reason, message);
    let succeeded = if *verdict == Verdict::Passed {
        "True"
    } else {
        "False"
    };
    writer.set(conditions::SUCCEEDED, succeeded, reason, message);
    writer.remove(conditions::RECONCILING);
    writer.remove(conditions::STALLED);
}

/// The sentence of the event `Running`.
pub(super) fn running_note(status: &LocustTestStatus) -> String {
    match &status.workers {
        Some(workers) => format!("load is running with {} workers", workers.text),
        None => "load is running".to_owned(),
    }
}

/// The sentence of the event `Finished`.
pub fn finished_note(outcome: &Outcome, report: Option<&Report>) -> String {
    let Outcome {
        verdict,
        reason,
        message,
        ..
    } = outcome;
    let p95 = report
        .and_then(|report| report.run.p95)
        .map(|p95| format!(", p95 {p95:.0}ms"))
        .unwrap_or_default();
    let note = format!("{} ({reason}): {message}{p95}", verdict.as_str());
    note.chars().take(1000).collect()
}
