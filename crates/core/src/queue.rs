//! Which tests and suites wait for others: one at a time in a `concurrencyGroup`, and so many tests in a namespace as the
//! operator allows.
//!
//! First come, first served: by the time of creation, and by name within a second. Who has its claim keeps its place until
//! it has ended, whoever looks. The group stays busy as well while anything of an ended or deleted test of it still runs.
//!
//! The tests of a suite are part of it: while it holds a group they need not wait for that, and nobody counts them. A suite
//! itself loads nothing, so it takes no room in the namespace; its tests do.

use std::{cmp::Ordering, collections::HashSet, num::NonZeroUsize};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use locust_api::{
    names::LABEL_GROUP,
    reasons,
    v2::{LocustTest, LocustTestStatus, LocustTestSuite, LocustTestSuiteStatus, Phase},
};

use crate::{
    lifecycle::{Step, next_step},
    time::after,
    view::{JobView, PodView},
};

/// How long a pod may stay after its grace period before it counts as gone: its node may be dead.
const LEAVES_WITHIN: locust_api::Duration = locust_api::Duration::from_secs(30);

/// A test or a suite that waits or runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which of the two.
    pub kind: Kind,
    /// Its UID.
    pub uid: String,
    /// UID of the suite that a test is part of.
    pub parent: Option<String>,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Option<String>,
    /// Whether it waits or runs.
    pub stage: Stage,
    created: Timestamp,
}

/// What waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A LocustTest.
    Test,
    /// A LocustTestSuite.
    Suite,
}

/// Whether it waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing of it was claimed yet.
    Waiting,
    /// It has its claim, and no outcome.
    Running,
}

/// Where a test or a suite stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is its turn.
    Turn,
    /// It waits.
    Wait(Wait),
}

/// What it waits for.
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
    let group = test.spec.concurrency_group.as_ref();
    let parent = suite_of(&test.metadata);
    new_member(Kind::Test, &test.metadata, parent, group, stage)
}

/// The suite as one that waits or runs; `None` when it does neither, as for a test.
pub fn member_of_suite(suite: &LocustTestSuite) -> Option<Member> {
    let status = suite.status.as_ref();
    let phase = status.and_then(|status| status.phase);
    if phase.is_some_and(Phase::is_terminal) {
        return None;
    }
    let stage = if status.is_some_and(|status| status.run.is_some()) {
        Stage::Running
    } else if suite_may_start(suite) {
        Stage::Waiting
    } else {
        return None;
    };
    let group = suite.spec.concurrency_group.as_ref();
    new_member(Kind::Suite, &suite.metadata, None, group, stage)
}

fn new_member(
    kind: Kind,
    metadata: &ObjectMeta,
    parent: Option<String>,
    group: Option<&String>,
    stage: Stage,
) -> Option<Member> {
    let created = metadata.creation_timestamp.as_ref();
    Some(Member {
        kind,
        uid: metadata.uid.clone()?,
        parent,
        name: metadata.name.clone()?,
        group: group.cloned(),
        stage,
        created: created.map_or(Timestamp::MIN, |time| time.0),
    })
}

/// UID of the suite that made an object.
pub fn suite_of(metadata: &ObjectMeta) -> Option<String> {
    let owners = metadata.owner_references.iter().flatten();
    let mut suites = owners.filter(|owner| {
        owner.controller == Some(true)
            && owner.kind == LocustTestSuite::kind(&())
            && owner.api_version == LocustTestSuite::api_version(&())
    });
    Some(suites.next()?.uid.clone())
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

/// Whether a suite that is not claimed would be, if it were alone.
fn suite_may_start(suite: &LocustTestSuite) -> bool {
    let is_invalid = |status: &LocustTestSuiteStatus| {
        status.reason.as_deref() == Some(reasons::INVALID_SPEC)
            && status.observed_generation == suite.metadata.generation
    };
    suite.metadata.deletion_timestamp.is_none()
        && suite.spec.suspend != Some(true)
        && suite.spec.stop != Some(true)
        && !suite.status.as_ref().is_some_and(is_invalid)
}

/// Whether the suite that this test is part of holds the group of both: then what is left of earlier tests of the group
/// is the suite's own, and nothing to wait for.
pub fn has_turn_of_suite<'a>(test: &Member, others: impl IntoIterator<Item = &'a Member>) -> bool {
    let Some(parent) = &test.parent else {
        return false;
    };
    others.into_iter().any(|suite| {
        suite.kind == Kind::Suite
            && suite.stage == Stage::Running
            && suite.uid == *parent
            && suite.group.is_some()
            && suite.group == test.group
    })
}

/// Where `test`, a test or a suite that waits, stands among the `others` of its namespace.
pub fn place(test: &Member, others: &[Member], at_most: Option<NonZeroUsize>) -> Place {
    let mut queue: Vec<&Member> = others
        .iter()
        .filter(|other| other.uid != test.uid)
        .chain([test])
        .collect();
    queue.sort_by(|a, b| order(a, b));
    if let Some(group) = &test.group
        && !has_turn_of_suite(test, others)
    {
        let in_group = |other: &&&Member| {
            other.group.as_ref() == Some(group) && !has_turn_of_suite(other, others)
        };
        let queue: Vec<&Member> = queue.iter().filter(in_group).copied().collect();
        let ahead = queue.iter().take_while(|other| other.uid != test.uid);
        if let Some(last) = ahead.clone().last() {
            let what = match last.kind {
                Kind::Test => "",
                Kind::Suite => "suite ",
            };
            let message = format!(
                "{} of {} in group {group}, behind {what}{}",
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
    // A suite takes no room.
    let at_most = at_most.filter(|_| test.kind == Kind::Test);
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
        let group_is_free = member.group.as_ref().is_none_or(|group| busy.insert(group))
            || has_turn_of_suite(member, queue.iter().copied());
        let takes_room = match (member.kind, member.stage) {
            (Kind::Suite, _) => false,
            (Kind::Test, Stage::Running) => true,
            (Kind::Test, Stage::Waiting) => group_is_free && running < at_most.get(),
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

/// What a test or a suite waits for whose group is free but for what is left of an earlier one.
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
