//! Whether a run is over, and what is said of it then.

use jiff::Timestamp;
use locust_api::{
    Duration, reasons,
    v2::{LocustTest, LocustTestStatus, Phase, RunClaim, Verdict},
};

use super::{
    Job, Observed, POD_LAG, exit_of, finals, listener_of, master_pod,
    outcome::{Evidence, Outcome},
    start_deadline,
    status::made_with,
};
use crate::{
    pods::{self, PodProblem, last_line},
    report::Report,
    settings::RunSettings,
    time::{after, from_unix_millis, until},
    view::TerminatedView,
};

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

/// The outcome, once there is one. `status` has noted the report already.
pub(super) fn of(
    test: &LocustTest,
    run: &RunClaim,
    status: &LocustTestStatus,
    seen: &Observed<'_>,
    evidence: Evidence<'_>,
    settings: &RunSettings,
) -> Option<Outcome> {
    let Evidence {
        ended,
        report,
        problem,
        disruption: _,
    } = evidence;
    let started = status.start_time.is_some();
    if let Some(ended) = ended {
        return Some(of_ended_master(test, ended, evidence, status, settings));
    }
    let job_ended = match seen.master {
        // Its pod goes with it, and has the last word.
        Job::Gone => (!is_leaving(seen)).then(|| "the master's Job was deleted".to_owned()),
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
    if let (false, Some(problem)) = (started, died_before_locust(seen)) {
        return Some(Outcome::error(
            problem.reason,
            format!("Locust never started: {}", problem.message),
        ));
    }
    if let Some(words) = job_ended {
        return Some(of_vanished_master(started, &words));
    }
    if started {
        return timeout_outcome(test, run, status, seen, evidence, settings);
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

/// Why the master's pod is over although Locust never ran in it: an init container failed.
fn died_before_locust(seen: &Observed<'_>) -> Option<PodProblem> {
    let pod = master_pod(seen.pods).filter(|pod| pod.status.phase == "Failed")?;
    pods::problem([pod])
}

/// Whether the master's pod is still there and will tell how it ended. The timestamp of its deletion is when its grace
/// period is over; a pod whose node is dead stays for ever.
fn is_leaving(seen: &Observed<'_>) -> bool {
    master_pod(seen.pods).is_some_and(|pod| {
        let gone = pod.metadata.deletion_timestamp.as_ref();
        gone.is_none_or(|gone| seen.now < after(gone.0, POD_LAG))
    })
}

pub(super) fn of_vanished_master(started: bool, words: &str) -> Outcome {
    if started {
        Outcome::inconclusive(
            reasons::MASTER_LOST,
            format!(
                "{words}; the load was cut off and its result is lost, and status.progress has the numbers last seen"
            ),
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
    evidence: Evidence<'_>,
    settings: &RunSettings,
) -> Option<Outcome> {
    if timeout(test, run, status, settings)? > seen.now {
        return None;
    }
    // A master that is kept up after its load (autoquit disabled) has a result all the same.
    if let Some(report) = evidence.report.filter(|report| report.load_is_over()) {
        let run = &report.run;
        let fails = test.spec.thresholds.is_empty() && (run.f > 0 || run.exc > 0);
        let ended = finals::Final {
            test,
            workers: made_with(status, test),
            report,
            code: i32::from(fails),
        };
        return Some(finals::of(&ended, evidence));
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
    let deadline = test.spec.effective_start_deadline(settings.start_deadline);
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
    ended: &TerminatedView,
    evidence: Evidence<'_>,
    status: &LocustTestStatus,
    settings: &RunSettings,
) -> Outcome {
    let started = status.start_time.is_some();
    let Evidence {
        ended: _,
        report,
        problem,
        disruption,
    } = evidence;
    let (code, oom) = exit_of(ended);
    match report {
        Some(report) if report.load_started() && report.run.is_final => {
            let ended = finals::Final {
                test,
                workers: made_with(status, test),
                report,
                code,
            };
            finals::of(&ended, evidence)
        }
        Some(_) | None if started => cut_off_master(ended, report, oom, disruption),
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
        Some(_) | None if oom => Outcome::error(
            reasons::OOM_KILLED,
            format!(
                "the master was killed for using more memory than its limit before any load (exit code {code})"
            ),
        ),
        Some(_) | None => never_started(test, ended, problem, settings),
    }
}

/// A master that ended in the middle of the load without a last word.
fn cut_off_master(
    ended: &TerminatedView,
    report: Option<&Report>,
    oom: bool,
    disruption: Option<&str>,
) -> Outcome {
    let why = match disruption {
        _ if oom => "it was killed for using more memory than its limit (OOMKilled)".to_owned(),
        Some(words) => words.to_owned(),
        None => "it was cut off".to_owned(),
    };
    let numbers = match report {
        Some(report) => format!(
            "the numbers are those of its last report, {}",
            age(report, ended)
        ),
        None => "it left no report, and status.progress has the numbers last seen".to_owned(),
    };
    let code = ended.exit_code;
    Outcome::inconclusive(
        reasons::MASTER_LOST,
        format!(
            "the master ended with exit code {code} in the middle of the load: {why}; {numbers}"
        ),
    )
}

/// How much of the load a last report does not tell of.
fn age(report: &Report, ended: &TerminatedView) -> String {
    let written = from_unix_millis(report.run.now);
    let age = ended
        .finished_at
        .as_ref()
        .zip(written)
        .map(|(end, written)| Duration::from_secs(until(written.0, end.0).as_secs()));
    age.map_or_else(
        || "of unknown age".to_owned(),
        |age| format!("{age} before the end"),
    )
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
    ended: &TerminatedView,
    problem: Option<&PodProblem>,
    settings: &RunSettings,
) -> Outcome {
    /// Locust's words when `--expect-workers-max-wait` is over.
    const WAITED_OUT: &str = "Gave up waiting for workers";
    let log = ended.message.as_deref().unwrap_or_default();
    if let Some(line) = log.lines().find(|line| line.contains(WAITED_OUT)) {
        // Locust knows that workers are missing; their pods know why.
        return match problem {
            Some(_) => not_started(test, settings, problem),
            None => Outcome::error(
                reasons::START_DEADLINE,
                format!(
                    "no load within the startDeadline of {}: {}",
                    test.spec.effective_start_deadline(settings.start_deadline),
                    line.trim()
                ),
            ),
        };
    }
    let words = last_line(log).unwrap_or_else(|| "see the log of the master".to_owned());
    Outcome::error(
        reasons::NEVER_STARTED,
        format!(
            "Locust ended with exit code {} before any load: {words}",
            ended.exit_code
        ),
    )
}
