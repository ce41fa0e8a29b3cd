//! Which tests wait for others: one at a time in a `concurrencyGroup`, and so many in a namespace as the operator allows.
//!
//! First come, first served: by the time of creation, and by name within a second. A test that has its claim keeps its
//! place until it has ended, whoever looks. The group stays busy as well while anything of an ended or deleted test of it
//! still runs.

use std::{cmp::Ordering, collections::HashSet, num::NonZeroUsize};

use jiff::Timestamp;
use locust_api::{
    names::LABEL_GROUP,
    reasons,
    v2::{LocustTest, LocustTestStatus},
};

use crate::{
    lifecycle::{Step, next_step},
    time::after,
    view::{JobView, PodView},
};

/// How long a pod may stay after its grace period before it counts as gone: its node may be dead.
const LEAVES_WITHIN: locust_api::Duration = locust_api::Duration::from_secs(30);

/// A test that waits or runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// UID of the test.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// Whether it waits or runs.
    pub stage: Stage,
    created: Timestamp,
}

/// Whether a test waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing of it was claimed yet.
    Waiting,
    /// It has its claim, and no outcome.
    Running,
}

/// Where a test stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is its turn.
    Turn,
    /// It waits.
    Wait(Wait),
}

/// What a test waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Why, in a word.
    pub reason: &'static str,
    /// The same in a sentence.
    pub message: String,
}

/// The test as one that waits or runs; `None` when it does neither: it has ended, is suspended, stopped or deleted, or
/// its spec cannot be run.
pub fn member(test: &LocustTest) -> Option<Member> {
    let stage = match next_step(test.status.as_ref()) {
        Step::Ended => return None,
        Step::Create | Step::Observe => Stage::Running,
        Step::Claim if may_start(test) => Stage::Waiting,
        Step::Claim => return None,
    };
    let created = test.metadata.creation_timestamp.as_ref();
    Some(Member {
        uid: test.metadata.uid.clone()?,
        name: test.metadata.name.clone()?,
        group: test.spec.concurrency_group.clone(),
        stage,
        created: created.map_or(Timestamp::MIN, |time| time.0),
    })
}

/// Whether a test that is not claimed would be, if it were alone.
fn may_start(test: &LocustTest) -> bool {
    let is_invalid = |status: &LocustTestStatus| {
        status.reason.as_deref() == Some(reasons::INVALID_SPEC)
            && status.observed_generation == test.metadata.generation
    };
    test.metadata.deletion_timestamp.is_none()
        && !test.spec.is_suspended()
        && !test.spec.is_stopped()
        && !test.status.as_ref().is_some_and(is_invalid)
}

/// Where `test`, which waits, stands among the `others` of its namespace.
pub fn place(test: &Member, others: &[Member], at_most: Option<NonZeroUsize>) -> Place {
    let mut queue: Vec<&Member> = others
        .iter()
        .filter(|other| other.uid != test.uid)
        .chain([test])
        .collect();
    queue.sort_by(|a, b| order(a, b));
    if let Some(group) = &test.group {
        let in_group = |other: &&&Member| other.group.as_ref() == Some(group);
        let queue: Vec<&Member> = queue.iter().filter(in_group).copied().collect();
        let ahead = queue.iter().take_while(|other| other.uid != test.uid);
        if let Some(last) = ahead.clone().last() {
            let message = format!(
                "{} of {} in group {group}, behind {}",
                ordinal(ahead.count() + 1),
                queue.len(),
                last.name
            );
            return Place::Wait(Wait {
                reason: reasons::GROUP_BUSY,
                message,
            });
        }
    }
    match at_most {
        Some(at_most) if !has_turn(test, &queue, at_most) => Place::Wait(namespace_busy(at_most)),
        Some(_) | None => Place::Turn,
    }
}

/// Those that run come first, then those that were created first.
fn order(a: &Member, b: &Member) -> Ordering {
    let is_waiting = |member: &Member| member.stage == Stage::Waiting;
    is_waiting(a)
        .cmp(&is_waiting(b))
        .then_with(|| (a.created, &a.name, &a.uid).cmp(&(b.created, &b.name, &b.uid)))
}

/// Whether there is room for `test`, when those before it take theirs. One that waits for its group takes none.
fn has_turn(test: &Member, queue: &[&Member], at_most: NonZeroUsize) -> bool {
    let mut busy = HashSet::new();
    let mut running = 0;
    for member in queue {
        let group_is_free = member.group.as_ref().is_none_or(|group| busy.insert(group));
        let takes_room = match member.stage {
            Stage::Running => true,
            Stage::Waiting => group_is_free && running < at_most.get(),
        };
        if member.uid == test.uid {
            return takes_room;
        }
        running += usize::from(takes_room);
    }
    false
}

fn namespace_busy(at_most: NonZeroUsize) -> Wait {
    Wait {
        reason: reasons::NAMESPACE_BUSY,
        message: format!(
            "the operator runs at most {at_most} test(s) of a namespace at once, and others are first"
        ),
    }
}

/// What a test waits for whose group is free but for what is left of an earlier one.
pub fn behind_left_over(group: &str, what: &str) -> Wait {
    Wait {
        reason: reasons::GROUP_BUSY,
        message: format!("next in group {group}, when {what} of the test before has ended"),
    }
}

/// The first of these Jobs and pods of a group that may still load. A test that waits has none of its own.
pub fn left_over(jobs: &[JobView], pods: &[PodView], now: Timestamp) -> Option<String> {
    // A Job that is over has no pods that run; one that is gone may have.
    let job = jobs.iter().find(|job| job.finished().is_none());
    let pod = pods.iter().find(|pod| {
        let is_over = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
        let gone = pod.metadata.deletion_timestamp.as_ref();
        let is_overdue = gone.is_some_and(|gone| after(gone.0, LEAVES_WITHIN) <= now);
        !is_over && !is_overdue
    });
    let job = job.map(|job| ("Job", &job.metadata.name));
    let pod = pod.map(|pod| ("pod", &pod.metadata.name));
    let (kind, name) = pod.or(job)?;
    Some(format!("{kind} {}", name.as_deref().unwrap_or_default()))
}

/// The selector of what belongs to a group.
pub fn selector(group: &str) -> String {
    format!("{LABEL_GROUP}={group}")
}

fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, teen) if teen != 11 => "st",
        (2, teen) if teen != 12 => "nd",
        (3, teen) if teen != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests;
