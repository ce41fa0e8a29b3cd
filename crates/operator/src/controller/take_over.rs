//! Tests that the published operator began: their runs are watched to their end, and its finalizers are removed.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Service};
use kube::{
    Api, Resource,
    api::{ListParams, Patch, PatchParams},
    runtime::reflector::ObjectRef,
};
use locust_api::{
    names::LABEL_POD_NAME,
    v2::{LocustTest, RunClaim},
};
use locust_core::{
    claim,
    lifecycle::{Job, Stop, taken_over},
    render::owner_reference,
    view::{JobView, PodView},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    Context,
    end::end_job,
    observe::conclude,
    status::{api, name, namespace},
};
use crate::control::{Action, JobWrite, ReconcileError, Tone, Trying};

/// Removes the finalizers of operators that are gone, which would hold the test when it is deleted.
///
/// Says whether it did: the watch brings the test back without them.
pub(super) async fn release(test: &LocustTest, context: &Context) -> Result<bool, ReconcileError> {
    let Some(left) = taken_over::finalizers_left(&test.metadata) else {
        return Ok(false);
    };
    let patch =
        json!({"metadata": {"resourceVersion": test.meta().resource_version, "finalizers": left}});
    api(test, context)
        .patch_metadata(name(test), &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .trying("remove the finalizer of the published operator")?;
    tracing::info!(
        test = name(test),
        namespace = namespace(test),
        "removed the finalizer of the published operator"
    );
    Ok(true)
}

/// The Jobs of a run of the published operator: the master's and the workers'.
pub(super) struct Jobs {
    master: Option<Arc<JobView>>,
    worker: Option<Arc<JobView>>,
}

/// The run of this unclaimed test, if another operator has started one.
pub(super) fn run_of_another(test: &LocustTest, context: &Context) -> Option<Jobs> {
    let (master, worker) = claim::published_names(name(test));
    let job = |name: &str| {
        let key = ObjectRef::new(name).within(namespace(test));
        context.hub.jobs.store().get(&key)
    };
    let jobs = Jobs {
        master: job(&master),
        worker: job(&worker),
    };
    taken_over::was_started(test, jobs.master.as_deref()).then_some(jobs)
}

/// The same of a test that was claimed here in the meantime, as the API server knows it now: there is a master's Job that
/// this test owns and that was not made for the claim.
pub(super) async fn jobs_of_another(
    test: &LocustTest,
    context: &Context,
) -> Result<Option<Jobs>, ReconcileError> {
    const READ: &str = "read a Job that another operator may have made";
    let api: Api<JobView> = Api::namespaced(context.client.clone(), namespace(test));
    let (master, worker) = claim::published_names(name(test));
    let Some(known) = api.get_metadata_opt(&master).await.trying(READ)? else {
        return Ok(None);
    };
    if !taken_over::was_made_by_another(test, &known.metadata) {
        return Ok(None);
    }
    let [master, worker] = [
        api.get_opt(&master).await.trying(READ)?,
        api.get_opt(&worker).await.trying(READ)?,
    ];
    Ok(master.map(|master| Jobs {
        master: Some(Arc::new(master)),
        worker: worker.map(Arc::new),
    }))
}

/// Claims a run that exists already.
pub(super) async fn take_over(
    test: &LocustTest,
    jobs: Jobs,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Jobs { master, worker } = jobs;
    for job in [&master, &worker].into_iter().flatten() {
        if !taken_over::owns(test, job) {
            own::<JobView>(test, job.metadata.name.as_deref(), context).await?;
        }
    }
    if master
        .as_ref()
        .is_some_and(|job| !taken_over::owns(test, job))
    {
        own::<Service>(test, Some(&claim::published_names(name(test)).0), context).await?;
    }
    let decision =
        taken_over::take_over(test, master.as_deref(), worker.as_deref(), (context.now)());
    conclude(test, decision, context).await
}

/// Makes the test the owner of an object that has none, as version 1 of the published operator left it, so that it goes
/// with the test.
async fn own<K>(
    test: &LocustTest,
    name: Option<&str>,
    context: &Context,
) -> Result<(), ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let owner = owner_reference(test);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [owner]}}));
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace(test));
    match api
        .patch_metadata(name.unwrap_or_default(), &PatchParams::default(), &patch)
        .await
    {
        // What is gone needs no owner.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other
            .map(drop)
            .trying("own an object of a run that is taken over"),
    }
}

/// Ends the Jobs of a test that another operator called over and left running.
pub(super) async fn stop_left_over(
    test: &LocustTest,
    context: &Context,
) -> Result<(), ReconcileError> {
    let (master, worker) = claim::published_names(name(test));
    let mut told = Vec::new();
    for name in [master, worker] {
        let key = ObjectRef::new(&name).within(namespace(test));
        let Some(job) = context.hub.jobs.store().get(&key) else {
            continue;
        };
        let uid = job.metadata.uid.as_deref().unwrap_or_default();
        match taken_over::stop_left_over(test, &job) {
            Stop::Now if context.own_writes.has_told_job(uid, JobWrite::End) => {}
            Stop::Now => {
                end_job(test, &job, context).await?;
                told.push(name);
            }
            Stop::Nothing | Stop::Later(_) => context.own_writes.job_knows(uid, JobWrite::End),
        }
    }
    if !told.is_empty() {
        let note = format!(
            "the published operator called this test over and left its load running; told to end: Job {}",
            told.join(", Job ")
        );
        context
            .events
            .publish(test, Tone::Warning, "LoadStopped", note);
    }
    Ok(())
}

/// Looks at a run that was taken over.
pub(super) async fn observe(
    test: &LocustTest,
    run: &RunClaim,
    master: Option<&JobView>,
    context: &Context,
) -> Result<Action, ReconcileError> {
    // The pods of such runs carry no run id, by which the cache knows pods.
    let of_master = ListParams::default().labels(&format!("{LABEL_POD_NAME}={}", run.master_name));
    let api: Api<PodView> = Api::namespaced(context.client.clone(), namespace(test));
    let pods = api
        .list(&of_master)
        .await
        .trying("list the pods of a run that was taken over")?;
    let pods: Vec<&PodView> = pods.items.iter().collect();
    let master = master.map_or(Job::Gone, Job::Found);
    conclude(
        test,
        taken_over::observe(test, master, &pods, (context.now)()),
        context,
    )
    .await
}
