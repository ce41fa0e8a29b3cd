//! What there is of a schedule's runs.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource};
use locust_api::v2::{
    LocustSchedule, LocustScheduleStatus, LocustTest, LocustTestSuite, ScheduledRun,
};
use locust_core::schedule::{
    Purpose, Run, RunKind, RunState,
    child::{run_of_suite, run_of_test},
};
use serde::de::DeserializeOwned;

use super::{Context, is_of, namespace};
use crate::control::{ReconcileError, Trying};

/// The runs of a schedule, as the cache has them; of those that the status knows and the cache does not, whether they are
/// gone.
pub(super) async fn of(
    schedule: &LocustSchedule,
    context: &Context,
) -> Result<Vec<Run>, ReconcileError> {
    let mut runs = cached(schedule, context);
    for run in &mut runs {
        let is_told = known(schedule, run).is_some_and(|known| known.verdict.is_some());
        // The cache has left out what is to be told of it.
        if matches!(run.state, RunState::Ended(_)) && !is_told && run.kind == RunKind::Test {
            *run = whole(schedule, run, context).await?;
        }
    }
    let noted = schedule.status.iter().flat_map(noted);
    for known in noted.collect::<Vec<_>>() {
        let Some(uid) = &known.uid else { continue };
        let is_there = runs.iter().any(|run| run.uid == *uid);
        if !is_there && is_gone(schedule, known, uid, context).await? {
            runs.push(Run {
                kind: RunKind::from_name(&known.kind),
                name: known.name.clone(),
                uid: uid.clone(),
                purpose: Purpose::default(),
                created: None,
                state: RunState::Gone,
                is_leaving: true,
            });
        }
    }
    Ok(runs)
}

/// The runs that the status knows.
fn noted(status: &LocustScheduleStatus) -> impl Iterator<Item = &ScheduledRun> {
    status.active.iter().chain(&status.history)
}

/// Those that are in the cache, the oldest first.
fn cached(schedule: &LocustSchedule, context: &Context) -> Vec<Run> {
    let is_here = |namespace: Option<&String>| namespace == schedule.metadata.namespace.as_ref();
    let tests = context.hub.tests.store().state();
    let tests = tests.iter().filter_map(|test| test.0.as_ref().ok());
    let tests = tests
        .filter(|test| is_here(test.metadata.namespace.as_ref()) && is_of(schedule, *test))
        .map(run_of_test);
    let suites = context.hub.suites.store().state();
    let suites = suites.iter().filter_map(|suite| suite.0.as_ref().ok());
    let suites = suites
        .filter(|suite| is_here(suite.metadata.namespace.as_ref()) && is_of(schedule, *suite))
        .map(run_of_suite);
    let mut runs: Vec<Run> = tests.chain(suites).collect();
    runs.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    runs
}

fn known<'a>(schedule: &'a LocustSchedule, run: &Run) -> Option<&'a ScheduledRun> {
    let mut known = noted(schedule.status.as_ref()?);
    known.find(|known| known.uid.as_ref() == Some(&run.uid))
}

/// A test that has ended, with its message.
async fn whole(
    schedule: &LocustSchedule,
    run: &Run,
    context: &Context,
) -> Result<Run, ReconcileError> {
    let api: Api<LocustTest> = Api::namespaced(context.client.clone(), namespace(schedule));
    let found = api.get_opt(&run.name).await;
    let found = found.trying("read the test of a schedule")?;
    Ok(
        match found.filter(|found| found.metadata.uid.as_ref() == Some(&run.uid)) {
            Some(test) => run_of_test(&test),
            None => run.clone(),
        },
    )
}

/// Whether the API server does not have this run any more.
async fn is_gone(
    schedule: &LocustSchedule,
    known: &ScheduledRun,
    uid: &str,
    context: &Context,
) -> Result<bool, ReconcileError> {
    let found = match RunKind::from_name(&known.kind) {
        RunKind::Test => uid_of::<LocustTest>(schedule, &known.name, context).await?,
        RunKind::Suite => uid_of::<LocustTestSuite>(schedule, &known.name, context).await?,
    };
    Ok(found.as_deref() != Some(uid))
}

async fn uid_of<K>(
    schedule: &LocustSchedule,
    name: &str,
    context: &Context,
) -> Result<Option<String>, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(schedule));
    let found = api.get_metadata_opt(name).await;
    let found = found.trying("look for a run of a schedule")?;
    Ok(found.and_then(|found| found.metadata.uid))
}
