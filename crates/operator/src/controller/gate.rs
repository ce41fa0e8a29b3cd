//! The gate before the claim: tests that wait for others pass it one after the other.
//!
//! Decisions are made one at a time, from the cache and from what this process let pass and its cache has not heard of
//! yet. Before a group's next test passes, the API server is asked too: a cache that is new to its process may lack what
//! the one before wrote last.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    time::Duration,
};

use kube::{
    Resource,
    api::ListParams,
    runtime::reflector::{ObjectRef, Store},
};
use locust_api::v2::LocustTest;
use locust_core::queue::{self, Member, Place, Stage, Wait};
use tokio::sync::Mutex;

use super::{
    Context,
    status::{list, namespace},
};
use crate::control::ReconcileError;
use crate::hub::CachedTest;

/// Nothing tells when the last pod of a group has ended.
const LEFT_OVER: Duration = Duration::from_secs(1);
/// The change that ends the wait brings the test back; this is for what nobody thought of.
const WAITING: Duration = Duration::from_secs(30);
const ACTION: &str = "see who else is in the group";

/// Which tests may pass.
#[derive(Default)]
pub(super) struct Gate {
    /// By namespace, the UIDs of those that passed, until the cache shows their claim.
    passed: Mutex<HashMap<String, HashSet<String>>>,
}

/// What a test is told.
pub(super) enum Answer {
    /// It is its turn.
    Pass,
    /// It waits, and asks again after so long at the latest.
    Wait(Wait, Duration),
}

/// Asks whether it is this test's turn.
pub(super) async fn ask(test: &LocustTest, context: &Context) -> Result<Answer, ReconcileError> {
    let at_most = context.settings.max_running;
    let Some(me) = queue::member(test).filter(|me| me.group.is_some() || at_most.is_some()) else {
        return Ok(Answer::Pass);
    };
    let mut passed = context.gate.passed.lock().await;
    let passed = passed.entry(namespace(test).to_owned()).or_default();
    let cached = members(context.hub.tests.store(), namespace(test));
    // One that was suspended before its claim was written has to pass again.
    passed.retain(|uid| {
        let known = cached.iter().find(|member| member.uid == *uid);
        known.is_some_and(|member| member.stage == Stage::Waiting)
    });
    if passed.contains(&me.uid) {
        return Ok(Answer::Pass);
    }
    let others = with_passed(cached, passed);
    if let Place::Wait(wait) = queue::place(&me, &others, at_most) {
        return Ok(Answer::Wait(wait, WAITING));
    }
    if let Some(group) = &me.group {
        let selector = queue::selector(group);
        let labelled = ListParams::default().labels(&selector);
        let jobs = list(test, labelled.clone(), ACTION, context).await?;
        let pods = list(test, labelled, ACTION, context).await?;
        if let Some(what) = queue::left_over(&jobs, &pods, (context.now)()) {
            return Ok(Answer::Wait(
                queue::behind_left_over(group, &what),
                LEFT_OVER,
            ));
        }
        let of_group = ListParams::default().fields(&format!("spec.concurrencyGroup={group}"));
        let stored: Vec<CachedTest> = list(test, of_group, ACTION, context).await?;
        let others = with_passed(stored.iter().filter_map(member).collect(), passed);
        if let Place::Wait(wait) = queue::place(&me, &others, None) {
            return Ok(Answer::Wait(wait, LEFT_OVER));
        }
    }
    passed.insert(me.uid);
    Ok(Answer::Pass)
}

/// Those of a namespace that wait or run.
fn members(tests: &Store<CachedTest>, namespace: &str) -> Vec<Member> {
    let tests = tests.state();
    let here = tests
        .iter()
        .filter(|test| test.meta().namespace.as_deref() == Some(namespace));
    here.filter_map(|test| member(test)).collect()
}

fn with_passed(mut members: Vec<Member>, passed: &HashSet<String>) -> Vec<Member> {
    for member in &mut members {
        if passed.contains(&member.uid) {
            member.stage = Stage::Running;
        }
    }
    members
}

/// The test as the queue sees it; one that cannot be read neither waits nor runs.
fn member(test: &CachedTest) -> Option<Member> {
    queue::member(test.0.as_ref().ok()?)
}

/// Remembers who waits and who runs, to tell those that wait when that changes.
pub(super) struct Wakes {
    tests: Store<CachedTest>,
    at_most: Option<NonZeroUsize>,
    known: HashMap<ObjectRef<CachedTest>, Member>,
}

impl Wakes {
    /// Nobody is known yet.
    pub fn new(tests: Store<CachedTest>, at_most: Option<NonZeroUsize>) -> Self {
        Self {
            tests,
            at_most,
            known: HashMap::new(),
        }
    }

    /// Who is to look again because of what became of this test.
    pub fn note(&mut self, test: &CachedTest) -> Vec<ObjectRef<CachedTest>> {
        let key = ObjectRef::from_obj(test);
        let now = self
            .tests
            .get(&key)
            .and_then(|test| member(&test))
            .filter(|member| member.group.is_some() || self.at_most.is_some());
        let before = self.known.get(&key).cloned();
        match &now {
            Some(member) => drop(self.known.insert(key.clone(), member.clone())),
            None => drop(self.known.remove(&key)),
        }
        let stage = |member: &Option<Member>| member.as_ref().map(|member| member.stage);
        if stage(&before) == stage(&now) {
            return Vec::new();
        }
        // A newcomer is behind everybody, which only the length of a group's queue tells.
        let is_newcomer = before.is_none();
        let group = before.or(now).and_then(|member| member.group);
        let limited = self.at_most.is_some() && !is_newcomer;
        if group.is_none() && !limited {
            return Vec::new();
        }
        self.known
            .iter()
            .filter(|(other, member)| {
                member.stage == Stage::Waiting
                    && other.namespace == key.namespace
                    && **other != key
                    && (limited || member.group == group)
            })
            .map(|(other, _)| other.clone())
            .collect()
    }
}
