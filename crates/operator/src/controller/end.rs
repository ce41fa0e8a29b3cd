//! After the end: nothing of a run may go on loading, and nothing stays longer than was asked for.

use std::time::Duration;

use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
    runtime::reflector::ObjectRef,
};
use locust_api::v2::LocustTest;
use locust_core::{
    lifecycle::{self, Stop},
    suite,
    time::until,
    view::{JobView, PodView},
};
use serde_json::{Value, json};

use super::{Context, status::namespace, take_over};
use crate::{
    control::{Action, JobWrite, ReconcileError, Trying},
    hub::{self, suite_of},
};

/// Ends the Jobs of an ended run that still have pods, and tells those that have ended when to go.
pub(super) async fn clean_up(
    test: &LocustTest,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Some((status, run)) = test
        .status
        .as_ref()
        .and_then(|status| Some((status, status.run.as_ref()?)))
    else {
        take_over::stop_left_over(test, context).await?;
        return Ok(Action::await_change());
    };
    let mut look_again = None;
    let pods = context.hub.pods_of(&run.id, namespace(test));
    let pods: Vec<&PodView> = pods.iter().map(AsRef::as_ref).collect();
    let now = (context.now)();
    let master = (&run.master_name, &run.master_job_uid);
    let worker = (&run.worker_name, &run.worker_job_uid);
    for (name, uid) in [master, worker] {
        let key = ObjectRef::new(name).within(namespace(test));
        let Some(job) = context
            .hub
            .jobs
            .store()
            .get(&key)
            .filter(|job| uid.is_none() || job.metadata.uid == *uid)
        else {
            continue;
        };
        let uid = job.metadata.uid.as_deref().unwrap_or_default();
        let stop = if *name == run.master_name {
            lifecycle::stop_master(status, run, &job, &pods, now)
        } else {
            lifecycle::stop_workers(status, &test.spec, &job, now)
        };
        match stop {
            Stop::Nothing => context.own_writes.job_knows(uid, JobWrite::End),
            Stop::Now => end_job(test, &job, context).await?,
            Stop::Later(wait) => {
                look_again = Some(look_again.map_or(wait, |other: Duration| other.min(wait)));
            }
        }
        match lifecycle::job_ttl(&test.spec, status, &job, context.settings.job_ttl_seconds) {
            None => context.own_writes.job_knows(uid, JobWrite::Retention),
            Some(seconds) => {
                let spec = json!({"ttlSecondsAfterFinished": seconds});
                tell_job(test, &job, JobWrite::Retention, spec, context).await?;
            }
        }
    }
    if let Some(at) = lifecycle::expiry(&test.spec, status) {
        if is_held_by_suite(test, context) || hub::is_held_by_schedule(test, &context.hub) {
            look_again = Some(HELD.min(look_again.unwrap_or(HELD)));
        } else if at <= now {
            delete(test, context).await?;
        } else {
            let wait = until(now, at);
            look_again = Some(look_again.map_or(wait, |other| other.min(wait)));
        }
    }
    Ok(look_again.map_or_else(Action::await_change, Action::requeue))
}

/// The end of its suite may be long after the time of a test; its schedule stores the verdict soon.
const HELD: Duration = Duration::from_secs(30);

/// Whether a suite that is not over counts on this test.
fn is_held_by_suite(test: &LocustTest, context: &Context) -> bool {
    let suite = suite_of(test).and_then(|suite| context.hub.suites.store().get(&suite));
    suite.is_some_and(|suite| {
        let suite = suite.0.as_ref();
        suite.is_ok_and(|suite| suite::next_step(suite.status.as_ref()) != suite::Step::Ended)
    })
}

/// Deletes a test whose time is over, and with it all that it owns: exactly the one that was looked at, so that a longer
/// `retention` that somebody has just written holds.
async fn delete(test: &LocustTest, context: &Context) -> Result<(), ReconcileError> {
    let name = test.metadata.name.as_deref().unwrap_or_default();
    if test.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let parameters = DeleteParams::background().preconditions(Preconditions {
        uid: test.metadata.uid.clone(),
        resource_version: test.metadata.resource_version.clone(),
    });
    let api: Api<LocustTest> = Api::namespaced(context.client.clone(), namespace(test));
    let deleted = api.delete(name, &parameters).await;
    match deleted.trying("delete a test that was to stay no longer") {
        // Its deletion, or the change that forbade it, is on its way to the cache.
        Err(error) if error.is_conflict() => return Ok(()),
        other => other?,
    };
    tracing::info!(test = name, "deleted a test that was to stay no longer");
    Ok(())
}

/// Tells a Job to end its pods, once: a deadline in the past makes the Job controller do so, and leaves the Job to be
/// looked at.
pub(super) async fn end_job(
    test: &LocustTest,
    job: &JobView,
    context: &Context,
) -> Result<(), ReconcileError> {
    let spec = json!({"activeDeadlineSeconds": 1});
    tell_job(test, job, JobWrite::End, spec, context).await
}

/// Changes the spec of a Job, once.
pub(super) async fn tell_job(
    test: &LocustTest,
    job: &JobView,
    write: JobWrite,
    spec: Value,
    context: &Context,
) -> Result<(), ReconcileError> {
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    if context.own_writes.has_told_job(uid, write) {
        return Ok(());
    }
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let api: Api<JobView> = Api::namespaced(context.client.clone(), namespace(test));
    let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "spec": spec}));
    api.patch(name, &PatchParams::default(), &patch)
        .await
        .trying("change a Job of the run")?;
    context.own_writes.told_job(uid, write);
    tracing::info!(job = name, %spec, "changed a Job");
    Ok(())
}
