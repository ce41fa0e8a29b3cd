//! What to do next about a test, and what its status is: pure functions of what was observed.
//!
//! A run goes claim → create → observe → end, and never back. [`next_step`] says where a test is;
//! [`observe`] turns what its Jobs, pods and Locust itself show into a status.

mod conditions;
mod outcome;
mod status;

use jiff::Timestamp;
use locust_api::{Duration, reasons, v2};

use crate::{
    pods::{self, PodProblem},
    report::Report,
    settings::RunSettings,
    time::{after, until},
    view::{JobView, PodView, TerminatedView},
};

pub use conditions::{finished_note, set_condition};
pub use outcome::Outcome;
pub use status::{blocked, claimed, created, invalid, refuse};

/// The operator waits this much longer than Locust itself, so that Locust's own words are heard.
const START_DEADLINE_MARGIN: Duration = Duration::from_secs(10);
/// How long a silent listener is taken for a passing matter.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(30);
/// How long workers may take to leave after the master, on top of the stop timeout.
const WORKERS_LEAVE_WITHIN: Duration = Duration::from_secs(20);
/// How long a finished Job's pod may take to show up in the cache.
const POD_LAG: Duration = Duration::from_secs(10);

/// Where a test is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing was done yet: check the spec and claim the run.
    Claim,
    /// The run is claimed, and its objects may not all exist.
    Create,
    /// The objects exist: watch them.
    Observe,
    /// The run is over: nothing may go on loading.
    Ended,
    /// Another operator runs it: leave it alone.
    Foreign,
}

/// Where the test with this status is.
pub fn next_step(status: Option<&v2::LocustTestStatus>) -> Step {
    let Some(status) = status else {
        return Step::Claim;
    };
    if status.phase.is_some_and(v2::Phase::is_terminal) {
        return Step::Ended;
    }
    match &status.run {
        // Running without a claim of ours: started by the published operator.
        None if status.phase == Some(v2::Phase::Running) || status.start_time.is_some() => {
            Step::Foreign
        }
        None => Step::Claim,
        Some(run) if run.master_job_uid.is_none() => Step::Create,
        Some(_) => Step::Observe,
    }
}

/// Whether the start deadline of a claimed run has passed, and when it does.
pub fn start_deadline(
    spec: &v2::LocustTestSpec,
    run: &v2::RunClaim,
    settings: &RunSettings,
) -> Timestamp {
    let deadline = spec.start_deadline.unwrap_or(settings.start_deadline);
    after(after(run.claimed_at.0, deadline), START_DEADLINE_MARGIN)
}

/// What was seen of a run.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// Now.
    pub now: Timestamp,
    /// The master's Job.
    pub master: Job<'a>,
    /// The pods of the run.
    pub pods: &'a [&'a PodView],
    /// What the listener in the master said just now.
    pub live: Live<'a>,
}

/// The master's Job.
#[derive(Clone, Copy, Debug)]
pub enum Job<'a> {
    /// It is there.
    Found(&'a JobView),
    /// The API server does not have it any more.
    Gone,
}

/// What the listener in the master said just now.
#[derive(Clone, Copy, Debug)]
pub enum Live<'a> {
    /// There was nobody to ask.
    NotAsked,
    /// It did not answer.
    Unreachable,
    /// It answered.
    Report(&'a Report),
}

/// What follows from an observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be; equal to the old one when nothing changed.
    pub status: v2::LocustTestStatus,
    /// What changed that people should hear of.
    pub news: Vec<News>,
    /// When to look again, if nothing happens before.
    pub look_again: std::time::Duration,
}

/// A change worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Load runs.
    Running(String),
    /// Pods have a problem.
    Problem(PodProblem),
    /// The run is over.
    Finished {
        /// The verdict.
        verdict: v2::Verdict,
        /// Verdict, reason and message in a line.
        note: String,
    },
}

/// The pods of one role.
fn of_role<'a>(pods: &'a [&'a PodView], role: &'a str) -> impl Iterator<Item = &'a PodView> {
    pods.iter()
        .copied()
        .filter(move |pod| pod.label(locust_api::names::LABEL_ROLE) == Some(role))
}

/// The master's pod: the youngest, if there were several.
pub fn master_pod<'a>(pods: &'a [&'a PodView]) -> Option<&'a PodView> {
    of_role(pods, "master").max_by(|a, b| {
        let created = |pod: &PodView| pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        created(a).cmp(&created(b))
    })
}

/// Where to ask the master for live numbers: its pod's address, when Locust runs there.
pub fn listener_of<'a>(pods: &'a [&'a PodView]) -> Option<&'a str> {
    let pod = master_pod(pods)?;
    pod.locust()?.state.running.as_ref()?;
    pod.status.pod_ip.as_deref()
}

/// The status that follows from what was observed of a run whose objects exist.
pub fn observe(
    test: &v2::LocustTest,
    run: &v2::RunClaim,
    seen: &Observed<'_>,
    settings: &RunSettings,
) -> Decision {
    let mut status = test.status.clone().unwrap_or_default();
    let pod = master_pod(seen.pods);
    let ended = pod
        .and_then(|pod| pod.locust())
        .and_then(|container| container.state.terminated.as_ref());
    let last_words = ended
        .and_then(|ended| ended.message.as_deref())
        .and_then(|text| Report::parse(text, &run.id));
    let report = match (&last_words, seen.live) {
        (Some(report), _) => Some(report),
        (None, Live::Report(report)) => Some(report),
        (None, Live::NotAsked | Live::Unreachable) => None,
    };
    let mut news = Vec::new();
    if let Some(report) = report {
        status::note_report(&mut status, test, report, seen.now);
    }
    if let Some(container) = pod.and_then(|pod| pod.locust()) {
        status::note_image(&mut status, test, container, settings);
    }
    let was_running =
        test.status.as_ref().and_then(|status| status.phase) == Some(v2::Phase::Running);
    let problem = pods::problem(seen.pods.iter().copied());
    if conditions::note_pods(&mut status, test, problem.as_ref(), seen.now) {
        news.extend(problem.clone().map(News::Problem));
    }
    let silent = silent_for_long(&status, pod, seen);
    conditions::note_workers(&mut status, test, seen, report, silent);
    status::note_ready_workers(&mut status, of_role(seen.pods, "worker"));

    match outcome::of(test, run, seen, ended, report, problem.as_ref(), settings) {
        Some(outcome) => {
            news.retain(|item| !matches!(item, News::Problem(_)));
            news.push(News::Finished {
                verdict: outcome.verdict,
                note: finished_note(&outcome, report),
            });
            status::finish(&mut status, test, outcome, report, seen.now);
        }
        None => {
            if status.phase == Some(v2::Phase::Running) && !was_running {
                news.push(News::Running(conditions::running_note(&status)));
            }
        }
    }
    let look_again = look_again(test, run, &status, seen, settings);
    let old = test.status.clone().unwrap_or_default();
    if !status::is_worth_writing(&old, &status, settings, seen.now) {
        status = old;
    }
    Decision {
        status,
        news,
        look_again,
    }
}

/// Whether Locust has run for a while and the operator has heard nothing of it.
fn silent_for_long(
    status: &v2::LocustTestStatus,
    pod: Option<&PodView>,
    seen: &Observed<'_>,
) -> bool {
    if !matches!(seen.live, Live::Unreachable) {
        return false;
    }
    let running = pod
        .and_then(|pod| pod.locust())
        .and_then(|container| container.state.running.as_ref());
    let started = running
        .and_then(|running| running.started_at.as_ref())
        .map(|time| time.0);
    let heard = status
        .progress
        .as_ref()
        .and_then(|progress| progress.observed_at.as_ref())
        .map(|time| time.0);
    started
        .max(heard)
        .is_some_and(|last| after(last, UNREACHABLE_AFTER) <= seen.now)
}

fn look_again(
    test: &v2::LocustTest,
    run: &v2::RunClaim,
    status: &v2::LocustTestStatus,
    seen: &Observed<'_>,
    settings: &RunSettings,
) -> std::time::Duration {
    const SOON: std::time::Duration = std::time::Duration::from_secs(1);
    const AT_MOST: std::time::Duration = std::time::Duration::from_secs(10);
    match status.phase {
        Some(v2::Phase::Running) => {
            let timeout = outcome::timeout(test, run, status, settings);
            let pace = settings.progress_interval.get().clamp(SOON, AT_MOST);
            timeout.map_or(pace, |at| until(seen.now, at).clamp(SOON, pace))
        }
        _ if listener_of(seen.pods).is_some() => SOON,
        _ => until(seen.now, start_deadline(&test.spec, run, settings)).clamp(SOON, AT_MOST),
    }
}

/// Whether a Job of an ended run must be told to stop, or when to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It makes no load, or was told already.
    Nothing,
    /// End it now.
    Now,
    /// Its pods are leaving; look again then.
    Later(std::time::Duration),
}

/// What to do about a Job of a run that is over.
pub fn stop(
    status: &v2::LocustTestStatus,
    spec: &v2::LocustTestSpec,
    job: &JobView,
    now: Timestamp,
) -> Stop {
    if job.finished().is_some() || job.spec.active_deadline_seconds.is_some() {
        return Stop::Nothing;
    }
    let ended_by_itself = matches!(
        status.verdict,
        Some(v2::Verdict::Passed | v2::Verdict::Failed)
    );
    let Some(end) = status.completion_time.as_ref().filter(|_| ended_by_itself) else {
        return Stop::Now;
    };
    let stop_timeout = spec
        .run
        .as_ref()
        .and_then(|run| run.stop_timeout)
        .unwrap_or(Duration::from_secs(0));
    let limit = after(after(end.0, stop_timeout), WORKERS_LEAVE_WITHIN);
    if limit <= now {
        Stop::Now
    } else {
        Stop::Later(until(now, limit))
    }
}

/// The exit code, and whether the kernel killed the container for its memory.
fn exit_of(ended: &TerminatedView) -> (i32, bool) {
    (
        ended.exit_code,
        ended.reason.as_deref() == Some("OOMKilled"),
    )
}

/// How long to wait before the next try to create a run that `reason` keeps from it, never past its deadline.
///
/// The longer it has waited, the longer: a quota is rarely raised in the next second. A missing ConfigMap is looked
/// for steadily, as it mostly comes with the next line of the same script.
pub fn next_try(
    run: &v2::RunClaim,
    reason: &str,
    deadline: Timestamp,
    now: Timestamp,
) -> std::time::Duration {
    const SHORTEST: std::time::Duration = std::time::Duration::from_secs(2);
    const LONGEST: std::time::Duration = std::time::Duration::from_secs(60);
    const STEADY: std::time::Duration = std::time::Duration::from_secs(5);
    let waited = until(run.claimed_at.0, now);
    let pause = if reason == reasons::CONFIG_MAP_NOT_FOUND {
        STEADY
    } else {
        waited.clamp(SHORTEST, LONGEST)
    };
    pause.min(until(now, deadline))
}

/// The outcome of a run that could not be created until its deadline.
pub fn not_created_in_time(reason: &str, words: &str) -> Outcome {
    Outcome::error(
        reason,
        format!("the run could not be created within startDeadline: {words}"),
    )
}

#[cfg(test)]
mod tests;
