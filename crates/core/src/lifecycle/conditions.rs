//! Conditions, and the sentences of events.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use locust_api::{
    conditions, reasons,
    v2::{LocustTest, LocustTestStatus, Phase, Verdict},
};

use super::{Live, Observed, Outcome, status::made_with};
use crate::{pods::PodProblem, report::Report, settings::RunSettings, time::whole_seconds};

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

/// `PodsHealthy`; says whether this kind of problem is new. Its words may change with every try of a kubelet.
pub(super) fn note_pods(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    problem: Option<&PodProblem>,
    now: Timestamp,
) -> bool {
    let is_told = |problem: &&PodProblem| {
        status
            .conditions
            .iter()
            .any(|it| it.type_ == conditions::PODS_HEALTHY && it.reason == problem.reason)
    };
    let is_new = problem.is_some_and(|problem| !is_told(&problem));
    let (word, reason, message) = match problem {
        Some(problem) => ("False", problem.reason, problem.message.as_str()),
        None => ("True", reasons::PODS_HEALTHY, "no pod reports a problem"),
    };
    Writer { status, test, now }.set(conditions::PODS_HEALTHY, word, reason, message);
    is_new
}

/// `WorkersConnected`, as Locust counts.
pub(super) fn note_workers(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    seen: &Observed<'_>,
    report: Option<&Report>,
    silence: Option<std::time::Duration>,
    settings: &RunSettings,
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
            note_workers_leave(&mut writer);
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
        (None, live) => {
            if let Some(silence) = silence {
                note_silence(&mut writer, live, silence, settings);
            }
        }
    }
}

/// A master that runs and says nothing. Load may run: nobody can tell.
fn note_silence(
    writer: &mut Writer<'_>,
    live: Live<'_>,
    silence: std::time::Duration,
    settings: &RunSettings,
) {
    let words = if matches!(live, Live::Closed) {
        "port 9646 of the master refuses connections: Locust is still loading files, runs without the plugin, or is kept from the operator by a network policy"
    } else {
        "the master runs and its listener on port 9646 does not answer the operator; does a network policy keep it out?"
    };
    writer.set(
        conditions::WORKERS_CONNECTED,
        "Unknown",
        reasons::MASTER_UNREACHABLE,
        words,
    );
    let deadline = writer
        .test
        .spec
        .effective_start_deadline(settings.start_deadline);
    // A Locust that has not even opened its port makes no load, unless it never opens one: it would have given up by now.
    if !matches!(live, Live::Closed) || silence >= deadline.get() {
        writer.status.phase = Some(Phase::Running);
    }
}

/// After the end workers leave, which is no news; how many there were is.
fn note_workers_leave(writer: &mut Writer<'_>) {
    let desired = made_with(writer.status, writer.test);
    let workers = writer.status.workers.as_ref();
    let most = workers.map_or(0, |workers| workers.peak.max(workers.connected));
    writer.set(
        conditions::WORKERS_CONNECTED,
        "False",
        reasons::TEST_ENDED,
        &if most > desired {
            format!("the run has ended; at most {most} workers were connected, and {desired} were wanted at the end")
        } else {
            format!("the run has ended; at most {most} of {desired} workers were connected")
        },
    );
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
    writer.remove(conditions::STOPPING);
    writer.remove(conditions::QUEUED);
    let is_loading = writer.status.start_time.is_some();
    let waits = writer
        .status
        .conditions
        .iter()
        .any(|it| it.type_ == conditions::WORKERS_CONNECTED && it.status == "False");
    // Of a run that never started it says what was missing.
    if is_loading || !waits {
        note_workers_leave(writer);
    }
}

/// The sentence of the event `Running`.
pub(super) fn running_note(status: &LocustTestStatus) -> String {
    match &status.workers {
        _ if status.start_time.is_none() => {
            "the master runs and cannot be asked whether load does".to_owned()
        }
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
