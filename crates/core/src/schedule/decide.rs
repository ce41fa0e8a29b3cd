//! What a schedule does next.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::v2::{ConcurrencyPolicy, LocustSchedule, LocustScheduleStatus, Verdict};

use super::{
    Held, RunKind, RunState, Seen,
    fire::Fire,
    hear, hold,
    seen::Purpose,
    status::{conclude, is_resumed, too_many},
    timetable::Timetable,
};
use crate::{problems::Problems, time::until};

/// When to look again at the latest: so much a clock may be wrong by before somebody notices.
const AT_MOST: Duration = Duration::from_secs(3600);
/// The same while there are runs, whose changes bring the schedule back before.
const AT_MOST_WITH_RUNS: Duration = Duration::from_secs(300);
/// And at the earliest. A little late is better than a little early: then nothing is due yet.
const SOON: Duration = Duration::from_millis(100);

/// What a schedule does next.
///
/// The caller makes each of `starts` and notes that with [`started`](super::started) or
/// [`not_started`](super::not_started), then writes the status, once, and deletes what `deletes` names. What it cannot do
/// now it leaves: it is decided again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be; equal to the old one when nothing changed.
    pub status: LocustScheduleStatus,
    /// What to create, in this order.
    pub starts: Vec<Start>,
    /// What to delete: runs of which the stored status says that they are to go.
    pub deletes: Vec<Delete>,
    /// What people should hear of, once the status is written.
    pub news: Vec<News>,
    /// When to look again, if nothing happens before.
    pub look_again: Duration,
}

/// A run to create. If an object of this schedule has the name already, it is the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// What it is.
    pub kind: RunKind,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// How many times before its own were missed.
    pub missed: u64,
}

/// A run to delete, with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// What it is.
    pub kind: RunKind,
    /// Its name.
    pub name: String,
    /// Its UID: another object of this name is not meant.
    pub uid: String,
    /// Whether it makes room for another: then its pods must be gone before it is.
    pub replaced: bool,
}

/// A change worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A run was made.
    RunStarted(String),
    /// A run is over.
    RunFinished(Verdict, String),
    /// Nothing could be made.
    RunNotStarted(String),
    /// Times passed without a run.
    RunsMissed(String),
    /// A run did not take place.
    RunSkipped(String),
    /// A run is being deleted to make room for another.
    RunReplaced(String),
    /// By the series the service got slower.
    Regression(String),
    /// By the series the service is not slower any more.
    RegressionOver(String),
    /// From now on no time starts a run.
    Suspended(String),
    /// Somebody will not be told something that the spec asks for.
    NoticeGivenUp(String),
}

/// What a schedule does next, and what its status is. It depends on nothing but its arguments.
///
/// `timetable` is what [`check`](super::check) makes of the spec; `suspends_new` is the operator's `--suspend-new`.
pub fn decide(
    schedule: &LocustSchedule,
    timetable: Result<&Timetable, &Problems>,
    suspends_new: bool,
    seen: &Seen<'_>,
) -> Decision {
    let old = schedule.status.clone().unwrap_or_default();
    let outside = hold::from_outside(schedule, timetable, suspends_new);
    let mut decision = Decision {
        deletes: deletes(schedule, &old, seen),
        status: old,
        starts: Vec::new(),
        news: Vec::new(),
        look_again: AT_MOST,
    };
    let status = &mut decision.status;
    if is_resumed(schedule, status) {
        status.consecutive_failures = None;
    }
    let may_try_again = !outside.is_some_and(Held::keeps_attempts);
    hear::hear(schedule, status, seen, may_try_again, &mut decision.news);
    let held = outside.or_else(|| {
        let timetable = timetable.ok()?;
        hold::from_history(&schedule.spec, status, timetable, seen.now)
    });
    hold::settle(schedule, status, held.is_some(), seen.now);
    if let Ok(timetable) = timetable {
        Fire {
            schedule,
            timetable,
            held,
            now: seen.now,
            decision: &mut decision,
        }
        .fire();
    } else {
        decision.status.replacing = None;
    }
    let Decision {
        status,
        news,
        look_again,
        ..
    } = &mut decision;
    let next = next(schedule, status, timetable.ok(), held, seen.now);
    status.next_schedule_time = next.map(Time);
    if let Some(next) = next {
        *look_again = (*look_again).min(until(seen.now, next).saturating_add(SOON));
    }
    if !status.active.is_empty() {
        *look_again = (*look_again).min(AT_MOST_WITH_RUNS);
    }
    *look_again = (*look_again).max(SOON);
    conclude(schedule, status, timetable, held, seen.now, news);
    decision
}

/// The next time that may start a run.
fn next(
    schedule: &LocustSchedule,
    status: &LocustScheduleStatus,
    timetable: Option<&Timetable>,
    held: Option<Held>,
    now: Timestamp,
) -> Option<Timestamp> {
    if held.is_some() {
        return None;
    }
    let cursor = status.cursor.as_ref().map_or(now, |cursor| cursor.0);
    let next = timetable?.next_after(cursor.max(now))?;
    let end = schedule.spec.end_time.as_ref().map(|end| end.0);
    end.is_none_or(|end| next <= end).then_some(next)
}

/// The runs that are to go by what the stored status says of them: those in the way of another, and those that are older
/// than as many as are kept.
fn deletes(
    schedule: &LocustSchedule,
    stored: &LocustScheduleStatus,
    seen: &Seen<'_>,
) -> Vec<Delete> {
    let in_the_way = stored.active.iter().filter(|run| run.replaced);
    let too_many = too_many(&schedule.spec, stored);
    let all = in_the_way.map(|run| (run, true));
    let all = all.chain(too_many.into_iter().map(|run| (run, false)));
    all.filter_map(|(run, replaced)| {
        let found = seen.run(run.uid.as_deref())?;
        // One that ended in between is in the way no more, and its verdict is not stored yet.
        let is_it = match found.state {
            RunState::Active => replaced,
            RunState::Ended(_) => !replaced,
            RunState::Gone => false,
        };
        if !is_it || found.is_leaving {
            return None;
        }
        let uid = run.uid.clone()?;
        Some(Delete {
            kind: RunKind::from_name(&run.kind),
            name: run.name.clone(),
            uid,
            replaced,
        })
    })
    .collect()
}

/// Whether several runs may go on at once.
pub(super) fn policy(schedule: &LocustSchedule) -> ConcurrencyPolicy {
    schedule.spec.concurrency_policy.unwrap_or_default()
}
