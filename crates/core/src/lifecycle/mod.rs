//! What to do next about a test, and what its status is: pure functions of what was observed.
//!
//! A run goes claim → create → observe → end, and never back. [`next_step`] says where a test is;
//! [`observe`] turns what its Jobs, pods and Locust itself show into a status.

mod compared;
mod conditions;
mod ending;
mod finals;
mod numbers;
mod outcome;
mod retention;
mod scaling;
mod status;
mod stop;
mod stopping;
pub mod taken_over;
mod waiting;

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
use outcome::Evidence;
pub use outcome::Outcome;
pub use retention::{expiry, job_ttl};
pub use scaling::{Scale, Scaled};
pub use status::{blocked, claimed, created, made_with, refuse};
pub use stop::{Stop, stop_master, stop_workers};
pub use stopping::StopLoad;
pub use waiting::{Hold, Unresolved, held, invalid, look_again_for_refs, queued, unresolved};

/// The operator waits this much longer than Locust itself, so that Locust's own words are heard.
const START_DEADLINE_MARGIN: Duration = Duration::from_secs(10);
/// How long a silent listener is taken for a passing matter.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(30);
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
        // Perhaps another operator's run: see `taken_over`.
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
    let deadline = spec.effective_start_deadline(settings.start_deadline);
    after(after(run.claimed_at.0, deadline), START_DEADLINE_MARGIN)
}

/// What was seen of a run.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// Now.
    pub now: Timestamp,
    /// The master's Job.
    pub master: Job<'a>,
    /// The workers' Job, if it is there.
    pub worker: Option<&'a JobView>,
    /// The pods of the run.
    pub pods: &'a [&'a PodView],
    /// What only events tell: why pods were never made, or cannot mount their volumes.
    pub refused: Option<&'a PodProblem>,
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
    /// Its port refuses connections: Locust is still loading files, or runs without the plugin.
    Closed,
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
    /// What ends the load, when somebody wants that.
    pub stop: Option<StopLoad>,
    /// How to come to another number of workers, when somebody wants that.
    pub scale: Option<Scale>,
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
    /// The run is being ended.
    Stopping,
    /// Another number of workers is wanted.
    Scaled(Scaled),
    /// A run of the published operator is watched from now on.
    TakenOver,
    /// By its series the service is slower than it was.
    Regression(String),
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

/// How the master's container ended, with its last words.
fn last_words<'a>(pods: &'a [&'a PodView]) -> Option<&'a TerminatedView> {
    master_pod(pods)?.locust()?.state.terminated.as_ref()
}

/// Whether the run ends here although nothing was heard of how its master ended. These pods came from a cache, which
/// may be behind; what ends a run for good must be so.
pub fn ends_unheard(decision: &Decision, pods: &[&PodView]) -> bool {
    let ends = decision.status.phase.is_some_and(v2::Phase::is_terminal);
    ends && last_words(pods).is_none()
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
    let ended = last_words(seen.pods);
    let last_report = ended
        .and_then(|ended| ended.message.as_deref())
        .and_then(|text| Report::parse(text, &run.id));
    let report = match (&last_report, seen.live) {
        (Some(report), _) => Some(report),
        (None, Live::Report(report)) => Some(report),
        (None, Live::NotAsked | Live::Closed | Live::Unreachable) => None,
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
    let problem = seen
        .refused
        .cloned()
        .or_else(|| pods::problem(seen.pods.iter().copied()));
    if conditions::note_pods(&mut status, test, problem.as_ref(), seen.now) {
        news.extend(problem.clone().map(News::Problem));
    }
    news.extend(scaling::note(&mut status, test, seen).map(News::Scaled));
    let silence = silence(&status, pod, seen);
    conditions::note_workers(&mut status, test, seen, report, silence, settings);
    status::note_ready_workers(&mut status, of_role(seen.pods, "worker"));

    if stopping::note(&mut status, test, seen) {
        news.push(News::Stopping);
    }
    let evidence = Evidence {
        ended,
        report,
        problem: problem.as_ref(),
        disruption: pod.and_then(PodView::disruption),
    };
    let by_itself = ending::of(test, run, &status, seen, evidence, settings);
    let (mut stop, mut scale) = (None, None);
    match stopping::outcome(test, &status, seen, by_itself) {
        Some(outcome) => {
            news.retain(|item| {
                !matches!(item, News::Problem(_) | News::Stopping | News::Scaled(_))
            });
            news.push(News::Finished {
                verdict: outcome.verdict,
                note: finished_note(&outcome, report),
            });
            status::finish(&mut status, test, outcome, report, seen.now);
        }
        None => {
            stop = stopping::load(test, &status, seen);
            scale = scaling::scale(test, &status, seen);
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
        stop,
        scale,
        look_again,
    }
}

/// For how long Locust has run and the operator has heard nothing of it, once that is too long to be a passing matter.
fn silence(
    status: &v2::LocustTestStatus,
    pod: Option<&PodView>,
    seen: &Observed<'_>,
) -> Option<std::time::Duration> {
    match seen.live {
        Live::Closed | Live::Unreachable => {}
        Live::NotAsked | Live::Report(_) => return None,
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
    let silence = until(started.max(heard)?, seen.now);
    (silence >= UNREACHABLE_AFTER.get()).then_some(silence)
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
    const REFUSED_AT_MOST: std::time::Duration = std::time::Duration::from_secs(30);
    /// Long enough for the Job controller to have made the pods, or to say why not.
    const FIRST_PODS: std::time::Duration = std::time::Duration::from_secs(3);
    let deadline = until(seen.now, start_deadline(&test.spec, run, settings));
    match status.phase {
        _ if test.spec.is_stopped() => SOON,
        Some(v2::Phase::Running) => {
            let timeout = ending::timeout(test, run, status, settings);
            let pace = settings.progress_interval.get().clamp(SOON, AT_MOST);
            timeout.map_or(pace, |at| until(seen.now, at).clamp(SOON, pace))
        }
        // The pods themselves bring it back at once; asking why they are missing is for people.
        _ if seen.refused.is_some() => until(run.claimed_at.0, seen.now)
            .clamp(FIRST_PODS, REFUSED_AT_MOST)
            .min(deadline.max(SOON)),
        _ if listener_of(seen.pods).is_some() => SOON,
        _ if master_pod(seen.pods).is_none() => deadline.clamp(SOON, FIRST_PODS),
        _ => deadline.clamp(SOON, AT_MOST),
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
