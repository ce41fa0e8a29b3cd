//! The end of a run: phase, verdict, reason and message.

use jiff::Timestamp;
use locust_api::{
    Duration, reasons,
    v2::{LocustTest, LocustTestStatus, Phase, RunClaim, Verdict},
};

use super::{Job, Observed, POD_LAG, exit_of, listener_of, master_pod, start_deadline};
use crate::{
    pods::{PodProblem, last_line},
    report::{Report, RunLine},
    settings::RunSettings,
    time::{after, from_unix_millis},
    view::TerminatedView,
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A terminal phase.
    pub phase: Phase,
    /// What the run means.
    pub verdict: Verdict,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
}

impl Outcome {
    fn new(phase: Phase, verdict: Verdict, reason: &str, message: impl Into<String>) -> Self {
        Self {
            phase,
            verdict,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    /// The run never made load.
    pub fn error(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Error, reason, message)
    }

    fn inconclusive(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Inconclusive, reason, message)
    }

    fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Failed, reason, message)
    }

    fn passed(message: impl Into<String>) -> Self {
        Self::new(Phase::Succeeded, Verdict::Passed, reasons::PASSED, message)
    }
}

/// When a running load is given up, if ever.
pub(super) fn timeout(
    test: &LocustTest,
    run: &RunClaim,
    status: &LocustTestStatus,
    settings: &RunSettings,
) -> Option<Timestamp> {
    let start = run
        .load_start_time
        .as_ref()
        .or(status.start_time.as_ref())?;
    Some(after(
        start.0,
        test.spec.effective_timeout(settings.default_timeout)?,
    ))
}

/// The outcome, once there is one.
pub(super) fn of(
    test: &LocustTest,
    run: &RunClaim,
    seen: &Observed<'_>,
    ended: Option<&TerminatedView>,
    report: Option<&Report>,
    problem: Option<&PodProblem>,
    settings: &RunSettings,
) -> Option<Outcome> {
    let status = test.status.clone().unwrap_or_default();
    let started = status.start_time.is_some() || report.is_some_and(Report::load_started);
    if let Some(ended) = ended {
        return Some(of_ended_master(test, run, ended, report, started, settings));
    }
    let job_ended = match seen.master {
        Job::Gone => Some("the master's Job was deleted".to_owned()),
        Job::Found(job) => job
            .finished()
            .filter(|end| pod_is_overdue(end, seen))
            .map(|end| {
                let words = end
                    .message
                    .as_deref()
                    .or(end.reason.as_deref())
                    .unwrap_or("it is over");
                format!("the master's pod is gone, and its Job says: {words}")
            }),
    };
    if let Some(words) = job_ended {
        return Some(of_vanished_master(started, &words));
    }
    if started {
        return timeout_outcome(test, run, &status, seen, report, settings);
    }
    // Locust runs and cannot be asked: it keeps the deadline itself, by --expect-workers-max-wait.
    if report.is_none() && listener_of(seen.pods).is_some() {
        return None;
    }
    (start_deadline(&test.spec, run, settings) <= seen.now)
        .then(|| not_started(test, settings, problem))
}

fn pod_is_overdue(end: &crate::view::ConditionView, seen: &Observed<'_>) -> bool {
    let since = end
        .last_transition_time
        .as_ref()
        .is_none_or(|time| after(time.0, POD_LAG) <= seen.now);
    // A pod that is still there will tell by itself how it ended.
    since && master_pod(seen.pods).is_none_or(|pod| pod.metadata.deletion_timestamp.is_none())
}

fn of_vanished_master(started: bool, words: &str) -> Outcome {
    if started {
        Outcome::inconclusive(
            reasons::MASTER_LOST,
            format!("{words}; the load was cut off and its result is lost"),
        )
    } else {
        Outcome::error(
            reasons::RESULT_LOST,
            format!("{words}; whether load ran is not known. Create the test again"),
        )
    }
}

fn timeout_outcome(
    test: &LocustTest,
    run: &RunClaim,
    status: &LocustTestStatus,
    seen: &Observed<'_>,
    report: Option<&Report>,
    settings: &RunSettings,
) -> Option<Outcome> {
    let mut status = status.clone();
    if status.start_time.is_none() {
        status.start_time = report.and_then(|report| from_unix_millis(report.run.start?));
    }
    if timeout(test, run, &status, settings)? > seen.now {
        return None;
    }
    let limit = test
        .spec
        .effective_timeout(settings.default_timeout)
        .unwrap_or(Duration::from_secs(0));
    Some(Outcome::inconclusive(
        reasons::TIMEOUT,
        format!(
            "the load lasted longer than its timeout of {limit} and was stopped; set spec.run.runTime, or a longer spec.timeout"
        ),
    ))
}

fn not_started(test: &LocustTest, settings: &RunSettings, problem: Option<&PodProblem>) -> Outcome {
    let deadline = test.spec.start_deadline.unwrap_or(settings.start_deadline);
    match problem {
        Some(problem) => Outcome::error(
            problem.reason,
            format!(
                "no load within the startDeadline of {deadline}: {}",
                problem.message
            ),
        ),
        None => Outcome::error(
            reasons::START_DEADLINE,
            format!(
                "no load within the startDeadline of {deadline}: not all {} workers connected, or nobody started the load",
                test.spec.worker.replicas
            ),
        ),
    }
}

fn of_ended_master(
    test: &LocustTest,
    run: &RunClaim,
    ended: &TerminatedView,
    report: Option<&Report>,
    started: bool,
    settings: &RunSettings,
) -> Outcome {
    let (code, oom) = exit_of(ended);
    match report {
        Some(report) if report.load_started() && report.run.is_final => of_final(&report.run, code),
        Some(_) | None if started => {
            let why = if oom {
                "it was killed for using more memory than its limit (OOMKilled)"
            } else {
                "it was cut off"
            };
            Outcome::inconclusive(
                reasons::MASTER_LOST,
                format!(
                    "the master ended with exit code {code} in the middle of the load: {why}; the numbers are those of its last report"
                ),
            )
        }
        Some(_) | None if report.is_none() && (code == 0 || printed_statistics(ended)) => {
            Outcome::new(
                if code == 0 {
                    Phase::Succeeded
                } else {
                    Phase::Failed
                },
                Verdict::Inconclusive,
                reasons::NO_SUMMARY,
                "Locust ended without a summary: the plugin was not loaded, or the load never started",
            )
        }
        Some(_) | None => never_started(test, run, ended, oom, settings),
    }
}

/// Whether the end of the log is Locust's final table, which it prints after a load only.
fn printed_statistics(ended: &TerminatedView) -> bool {
    let words = ended.message.as_deref().unwrap_or_default();
    words
        .lines()
        .any(|line| line.trim_start().starts_with("Aggregated"))
}

fn never_started(
    test: &LocustTest,
    run: &RunClaim,
    ended: &TerminatedView,
    oom: bool,
    settings: &RunSettings,
) -> Outcome {
    let code = ended.exit_code;
    let words = ended
        .message
        .as_deref()
        .and_then(last_line)
        .unwrap_or_else(|| "see the log of the master".to_owned());
    if oom {
        return Outcome::error(
            reasons::OOM_KILLED,
            format!(
                "the master was killed for using more memory than its limit before any load (exit code {code})"
            ),
        );
    }
    let deadline = test.spec.start_deadline.unwrap_or(settings.start_deadline);
    let waited_out = ended
        .finished_at
        .as_ref()
        .zip(ended.started_at.as_ref())
        .is_some_and(|(end, start)| {
            after(start.0, deadline) <= end.0 || after(run.claimed_at.0, deadline) <= end.0
        });
    if waited_out && words.contains("workers") {
        return Outcome::error(
            reasons::START_DEADLINE,
            format!("no load within the startDeadline of {deadline}: {words}"),
        );
    }
    Outcome::error(
        reasons::NEVER_STARTED,
        format!("Locust ended with exit code {code} before any load: {words}"),
    )
}

/// A run that Locust brought to an end itself.
fn of_final(run: &RunLine, code: i32) -> Outcome {
    let counts = format!("{} requests, {} failed", run.n, run.f);
    if run.n == 0 {
        return Outcome::inconclusive(
            reasons::NO_REQUESTS,
            "the load ended without a single request; is a host set, and do the users have tasks?",
        );
    }
    match run.reason.as_deref() {
        Some("WorkersLost") => Outcome::inconclusive(
            reasons::WORKERS_LOST,
            format!("all workers left in the middle of the load ({counts})"),
        ),
        Some("StoppedEarly" | "StopRequested" | "Terminated") => Outcome::inconclusive(
            reasons::STOPPED_EARLY,
            format!("the load was stopped before its run time ({counts})"),
        ),
        Some(_) | None if code == 0 => Outcome::passed(counts),
        Some(_) | None if run.exit_by.as_deref() == Some("user") => Outcome::failed(
            reasons::EXIT_CODE,
            format!("the locustfile ended Locust with exit code {code} ({counts})"),
        ),
        Some(_) | None if run.f > 0 || run.exc > 0 => {
            let exceptions = if run.exc > 0 {
                format!(", {} uncaught exceptions", run.exc)
            } else {
                String::new()
            };
            Outcome::failed(reasons::REQUESTS_FAILED, format!("{counts}{exceptions}"))
        }
        Some(_) | None => Outcome::failed(
            reasons::EXIT_CODE,
            format!("Locust ended with exit code {code} ({counts})"),
        ),
    }
}
