//! A change of `spec.worker.replicas` while a run is under way.
//!
//! Locust takes workers in and lets them go at any time, and spreads the users anew. Its master is told how many there are
//! to be, so that it waits for no more of them before the load, and takes none for lost that leaves because fewer are
//! wanted.

use locust_api::v2::{LocustTest, LocustTestStatus};

use super::{Live, Observed, listener_of};
use crate::view::JobView;

/// How to come to another number of workers. Both may be done again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// How many are wanted.
    pub workers: i32,
    /// The address of a master that expects another number.
    pub tell: Option<String>,
    /// Whether the Job is for another number.
    pub job: bool,
}

/// A change of the number of workers, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// How many there were to be.
    pub from: i32,
    /// How many there are to be now.
    pub to: i32,
}

/// Notes that another number of workers is wanted; what is new of it.
pub(super) fn note(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    seen: &Observed<'_>,
) -> Option<Scaled> {
    let to = test.spec.worker.replicas;
    let from = status.expected_workers?;
    if from == to || is_over(status, test, seen) {
        return None;
    }
    status.expected_workers = Some(to);
    if let Some(workers) = &mut status.workers {
        workers.desired = to;
        workers.text = format!("{}/{to}", workers.connected);
        if status.start_time.is_some() {
            workers.scaled = Some(true);
        }
    }
    Some(Scaled { from, to })
}

/// What is to be done, if anything.
pub(super) fn scale(
    test: &LocustTest,
    status: &LocustTestStatus,
    seen: &Observed<'_>,
) -> Option<Scale> {
    let job = seen.worker.filter(|job| job.finished().is_none())?;
    if is_over(status, test, seen) {
        return None;
    }
    let workers = test.spec.worker.replicas;
    let expected = match seen.live {
        Live::Report(report) => report.run.wanted,
        Live::NotAsked | Live::Closed | Live::Unreachable => None,
    };
    let tell = expected
        .filter(|expected| *expected != workers)
        .and_then(|_| listener_of(seen.pods).map(str::to_owned));
    let job = has_other_size(job, workers);
    (tell.is_some() || job).then_some(Scale { workers, tell, job })
}

fn has_other_size(job: &JobView, workers: i32) -> bool {
    job.spec
        .parallelism
        .is_some_and(|parallelism| parallelism != workers)
}

/// Whether the load is over, or about to be: then the number of workers is of no interest any more.
fn is_over(status: &LocustTestStatus, test: &LocustTest, seen: &Observed<'_>) -> bool {
    let has_ended = |run: &locust_api::v2::RunClaim| run.load_end_time.is_some() || run.taken_over;
    let is_final = match seen.live {
        Live::Report(report) => report.run.is_final || report.run.end.is_some(),
        Live::NotAsked | Live::Closed | Live::Unreachable => false,
    };
    is_final || test.spec.is_stopped() || status.run.as_ref().is_some_and(has_ended)
}
