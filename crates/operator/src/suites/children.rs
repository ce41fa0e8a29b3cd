//! What there is of a suite's children.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, runtime::reflector::ObjectRef};
use locust_api::v2::{
    LocustTest, LocustTestSuite, LocustTestSuiteStatus, Phase, StepChild, StepStatus, SuiteStep,
    Verdict,
};
use locust_core::{
    baseline,
    suite::{Child, ChildEnd, ChildKind, ChildState, child_name, outputs},
    view::JobView,
};
use serde::de::DeserializeOwned;

use super::{Context, name, namespace, steps, uid};
use crate::control::{ReconcileError, Trying};

/// The children of a suite by name, as the cache has them; of those that the status knows and the cache does not, whether
/// they are gone.
pub(super) async fn of(
    suite: &LocustTestSuite,
    context: &Context,
) -> Result<BTreeMap<String, Child>, ReconcileError> {
    let mut children = BTreeMap::new();
    for step in steps(suite) {
        let known = status_of(suite, step);
        for attempt in 1..=attempts(step) {
            let name = child_name(name(suite), &step.name, attempt);
            let Some(child) = cached(suite, ChildKind::of(step), &name, context) else {
                continue;
            };
            let is_told =
                known.is_some_and(|known| known.phase.is_terminal() || attempt < known.attempt);
            let child = match child.state {
                // The cache has left out what is to be told of it.
                ChildState::Ended(_) if !is_told && child.kind == ChildKind::Test => {
                    whole(suite, &name, child, context).await?
                }
                ChildState::Active | ChildState::Ended(_) | ChildState::Gone => child,
            };
            children.insert(name, child);
        }
    }
    let status = suite.status.as_ref();
    for known in status.into_iter().flat_map(running) {
        let StepChild {
            kind,
            name,
            uid: Some(uid),
        } = known
        else {
            continue;
        };
        let kind = ChildKind::from_name(kind);
        let is_there = children.get(name).is_some_and(|child| child.uid == *uid);
        if !is_there && is_gone(suite, kind, name, uid, context).await? {
            let child = Child {
                kind,
                uid: uid.clone(),
                state: ChildState::Gone,
            };
            children.insert(name.clone(), child);
        }
    }
    Ok(children)
}

fn status_of<'a>(suite: &'a LocustTestSuite, step: &SuiteStep) -> Option<&'a StepStatus> {
    let mut steps = suite.status.iter().flat_map(|status| &status.steps);
    steps.find(|known| known.name == step.name)
}

/// A test that has ended, with its numbers.
async fn whole(
    suite: &LocustTestSuite,
    name: &str,
    child: Child,
    context: &Context,
) -> Result<Child, ReconcileError> {
    let api: Api<LocustTest> = Api::namespaced(context.client.clone(), namespace(suite));
    let found = api.get_opt(name).await;
    let found = found.trying("read the test of a step")?;
    let state = match found.filter(|found| found.metadata.uid.as_ref() == Some(&child.uid)) {
        Some(test) => state_of_test(&test),
        None => ChildState::Gone,
    };
    Ok(Child { state, ..child })
}

/// The most attempts a step may have.
fn attempts(step: &SuiteStep) -> i32 {
    let retries = step.retries.as_ref().map_or(0, |retries| retries.limit);
    retries.clamp(0, 5) + 1
}

/// The children of steps that are not over.
fn running(status: &LocustTestSuiteStatus) -> impl Iterator<Item = &StepChild> {
    let steps = status.steps.iter();
    steps
        .filter(|step| !step.phase.is_terminal())
        .filter_map(|step| step.child.as_ref())
}

fn cached(
    suite: &LocustTestSuite,
    kind: ChildKind,
    name: &str,
    context: &Context,
) -> Option<Child> {
    match kind {
        ChildKind::Test => {
            let key = ObjectRef::new(name).within(namespace(suite));
            let cached = context.hub.tests.store().get(&key)?;
            let test = cached.0.as_ref().ok()?;
            is_of(suite, test).then(|| Child {
                kind,
                uid: test.metadata.uid.clone().unwrap_or_default(),
                state: state_of_test(test),
            })
        }
        ChildKind::Job => {
            let job = cached_job(suite, name, context)?;
            Some(Child {
                kind,
                uid: job.metadata.uid.clone().unwrap_or_default(),
                state: state_of_job(&job),
            })
        }
    }
}

/// A Job of the suite, if the cache has it.
pub(super) fn cached_job(
    suite: &LocustTestSuite,
    name: &str,
    context: &Context,
) -> Option<Arc<JobView>> {
    let key = ObjectRef::new(name).within(namespace(suite));
    let job = context.hub.jobs.store().get(&key)?;
    is_of(suite, &*job).then_some(job)
}

/// Whether the suite owns this object.
pub(super) fn is_of<K: Resource>(suite: &LocustTestSuite, object: &K) -> bool {
    let mut owners = object.meta().owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && owner.uid == uid(suite))
}

fn state_of_test(test: &LocustTest) -> ChildState {
    let Some(status) = &test.status else {
        return ChildState::Active;
    };
    let is_over = status.phase.is_some_and(Phase::is_terminal);
    match status.verdict.filter(|_| is_over) {
        None => ChildState::Active,
        Some(verdict) => ChildState::Ended(ChildEnd {
            verdict,
            reason: status.reason.clone().unwrap_or_default(),
            message: status.message.clone().unwrap_or_default(),
            outputs: status.summary.as_ref().map(outputs::of).unwrap_or_default(),
            comparison: baseline::note(test),
            at: status.completion_time.as_ref().map(|time| time.0),
        }),
    }
}

fn state_of_job(job: &JobView) -> ChildState {
    use locust_api::reasons;
    let Some(finished) = job.finished() else {
        return ChildState::Active;
    };
    let at = finished.last_transition_time.as_ref().map(|time| time.0);
    let (verdict, reason, message) = if finished.kind == "Complete" {
        (
            Verdict::Passed,
            reasons::PASSED,
            "the Job is complete".to_owned(),
        )
    } else {
        let why = [&finished.reason, &finished.message];
        let why: Vec<&str> = why.into_iter().flatten().map(String::as_str).collect();
        let name = job.metadata.name.as_deref().unwrap_or_default();
        (
            Verdict::Error,
            reasons::JOB_FAILED,
            format!("Job {name} failed: {}", why.join(": ")),
        )
    };
    ChildState::Ended(ChildEnd {
        verdict,
        reason: reason.to_owned(),
        message,
        outputs: BTreeMap::new(),
        comparison: None,
        at,
    })
}

/// Whether the API server has no such object any more either.
async fn is_gone(
    suite: &LocustTestSuite,
    kind: ChildKind,
    name: &str,
    uid: &str,
    context: &Context,
) -> Result<bool, ReconcileError> {
    let found = match kind {
        ChildKind::Test => stored_uid::<LocustTest>(suite, name, context).await?,
        ChildKind::Job => stored_uid::<JobView>(suite, name, context).await?,
    };
    Ok(found.as_deref() != Some(uid))
}

/// The UID of an object that the API server has.
async fn stored_uid<K>(
    suite: &LocustTestSuite,
    name: &str,
    context: &Context,
) -> Result<Option<String>, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(suite));
    let found = api.get_metadata_opt(name).await;
    let found = found.trying("look for the child of a step")?;
    Ok(found.and_then(|found| found.metadata.uid))
}
