//! After the end: nothing of a run may go on loading.

use kube::{
    Api,
    api::{Patch, PatchParams},
    runtime::{controller::Action, reflector::ObjectRef},
};
use locust_api::v2::LocustTest;
use locust_core::{
    lifecycle::{self, Stop},
    view::{JobView, PodView},
};
use serde_json::json;

use super::{
    Context,
    error::{ReconcileError, Trying},
    observe::pods_of,
    status::namespace,
};

/// Ends the Jobs of an ended run that still have pods.
pub(super) async fn stop_leftovers(
    test: &LocustTest,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let Some((status, run)) = test
        .status
        .as_ref()
        .and_then(|status| Some((status, status.run.as_ref()?)))
    else {
        return Ok(Action::await_change());
    };
    let mut look_again = None;
    let pods = pods_of(run, context);
    let pods: Vec<&PodView> = pods.iter().map(AsRef::as_ref).collect();
    // With its pod the master's Job ends too, a moment later; a deadline in between would fail a Job that is complete.
    let master_ended = lifecycle::master_pod(&pods)
        .is_some_and(|pod| matches!(pod.status.phase.as_str(), "Succeeded" | "Failed"));
    let master = (!master_ended).then_some((&run.master_name, &run.master_job_uid));
    let worker = (&run.worker_name, &run.worker_job_uid);
    for (name, uid) in master.into_iter().chain([worker]) {
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
        match lifecycle::stop(status, &test.spec, &job, (context.now)()) {
            Stop::Nothing => {}
            Stop::Now => end_job(test, name, context).await?,
            Stop::Later(wait) => look_again = Some(wait),
        }
    }
    Ok(look_again.map_or_else(Action::await_change, Action::requeue))
}

/// A deadline in the past makes the Job controller end the pods, and leaves the Job to be looked at.
async fn end_job(test: &LocustTest, name: &str, context: &Context) -> Result<(), ReconcileError> {
    let api: Api<JobView> = Api::namespaced(context.client.clone(), namespace(test));
    let patch = Patch::Merge(json!({"spec": {"activeDeadlineSeconds": 1}}));
    api.patch(name, &PatchParams::default(), &patch)
        .await
        .trying("end a Job")?;
    tracing::info!(test = name, "ended a Job of a run that is over");
    Ok(())
}
