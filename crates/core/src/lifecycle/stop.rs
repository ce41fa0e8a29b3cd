//! After the end: which Jobs of a run must be told to stop.

use jiff::Timestamp;
use locust_api::{
    Duration, reasons,
    v2::{LocustTestSpec, LocustTestStatus, RunClaim, Verdict},
};

use super::master_pod;
use crate::{
    time::{after, until},
    view::{JobView, PodView},
};

/// How long a pod may take to leave by itself: workers after the master, on top of the stop timeout, and the master's
/// pod after its container.
const LEAVE_WITHIN: Duration = Duration::from_secs(20);

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

impl Stop {
    fn at(limit: Timestamp, now: Timestamp) -> Self {
        if limit <= now {
            Self::Now
        } else {
            Self::Later(until(now, limit))
        }
    }
}

/// What to do about the workers' Job of a run that is over.
pub fn stop_workers(
    status: &LocustTestStatus,
    spec: &LocustTestSpec,
    job: &JobView,
    now: Timestamp,
) -> Stop {
    if needs_nothing(job) {
        return Stop::Nothing;
    }
    let Some(end) = status
        .completion_time
        .as_ref()
        .filter(|_| were_told_by_locust(status))
    else {
        return Stop::Now;
    };
    let stop_timeout = spec
        .run
        .as_ref()
        .and_then(|run| run.stop_timeout)
        .unwrap_or(Duration::from_secs(0));
    Stop::at(after(after(end.0, stop_timeout), LEAVE_WITHIN), now)
}

/// What to do about the master's Job of a run that is over.
///
/// With its pod the Job ends, a moment later. A deadline in between would fail a Job that is complete, and would take the
/// pod with its log. A kubelet says that the container has ended before it says so of the pod.
///
/// A master that was taken over makes no load once Locust has ended; what outlives it there (the published metrics
/// exporter) keeps its log. When somebody stopped it, Locust has not ended.
pub fn stop_master(
    status: &LocustTestStatus,
    run: &RunClaim,
    job: &JobView,
    pods: &[&PodView],
    now: Timestamp,
) -> Stop {
    if run.taken_over && status.verdict != Some(Verdict::Aborted) {
        return Stop::Nothing;
    }
    let pod = master_pod(pods);
    let is_over =
        pod.is_some_and(|pod| matches!(pod.status.phase.as_str(), "Succeeded" | "Failed"));
    if is_over || needs_nothing(job) {
        return Stop::Nothing;
    }
    let ended = pod
        .and_then(PodView::locust)
        .and_then(|container| container.state.terminated.as_ref())
        .and_then(|ended| ended.finished_at.as_ref());
    ended.map_or(Stop::Now, |ended| {
        Stop::at(after(ended.0, LEAVE_WITHIN), now)
    })
}

/// Whether Locust itself ended the load, and with it its workers.
fn were_told_by_locust(status: &LocustTestStatus) -> bool {
    let judged = matches!(status.verdict, Some(Verdict::Passed | Verdict::Failed));
    judged
        || matches!(
            status.reason.as_deref(),
            Some(reasons::STOPPED_EARLY | reasons::NO_REQUESTS)
        )
}

/// Whether a Job is over, or was told to end.
pub(super) fn needs_nothing(job: &JobView) -> bool {
    job.finished().is_some() || job.spec.active_deadline_seconds.is_some()
}
