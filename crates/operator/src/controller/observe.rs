//! Watching a run whose objects exist.

use std::{sync::Arc, time::Duration};

use kube::{
    Api,
    runtime::{controller::Action, reflector::ObjectRef},
};
use locust_api::{
    names::LABEL_RUN_ID,
    v2::{LocustTest, RunClaim, Verdict},
};
use locust_core::{
    lifecycle::{self, Decision, Job, Live, News, Observed},
    view::{JobView, PodView},
};

use super::{
    Context,
    error::{ReconcileError, Trying},
    events::Tone,
    status::{namespace, write},
};
use crate::hub::{CachedTest, Feed, owner};

/// What is known of the master's Job.
enum Master {
    Found(Arc<JobView>),
    Gone,
    /// It exists, and the cache has not heard of it yet.
    NotYetCached,
}

/// Looks at everything there is of the run and writes what follows.
pub(super) async fn observe(
    test: &LocustTest,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let run = test
        .status
        .as_ref()
        .and_then(|status| status.run.as_ref())
        .ok_or(ReconcileError::ClaimGone)?;
    let master = match master_job(test, run, context).await? {
        Master::Found(job) => Some(job),
        Master::Gone => None,
        Master::NotYetCached => return Ok(Action::requeue(Duration::from_secs(1))),
    };
    let pods = pods_of(run, context);
    let pods: Vec<&PodView> = pods.iter().map(AsRef::as_ref).collect();
    let asked = lifecycle::listener_of(&pods);
    let report = match asked {
        Some(address) => context.listener.report(address, &run.id).await,
        None => None,
    };
    let live = match (&report, asked) {
        (Some(report), _) => Live::Report(report),
        (None, Some(_)) => Live::Unreachable,
        (None, None) => Live::NotAsked,
    };
    let seen = Observed {
        now: (context.now)(),
        master: master.as_deref().map_or(Job::Gone, Job::Found),
        pods: &pods,
        live,
    };
    let Decision {
        status,
        news,
        look_again,
    } = lifecycle::observe(test, run, &seen, &context.settings);
    write(test, &status, context).await?;
    news.into_iter()
        .for_each(|item| announce(test, &status, item, context));
    Ok(Action::requeue(look_again))
}

fn announce(
    test: &LocustTest,
    status: &locust_api::v2::LocustTestStatus,
    news: News,
    context: &Context,
) {
    match news {
        News::Running(note) => context.events.publish(test, Tone::Normal, "Running", note),
        News::Problem(problem) => {
            context
                .events
                .publish(test, Tone::Warning, problem.reason, problem.message)
        }
        News::Finished { verdict, note } => {
            let tone = if verdict == Verdict::Passed {
                Tone::Normal
            } else {
                Tone::Warning
            };
            context.metrics.run_finished(
                verdict.as_str(),
                status.reason.as_deref().unwrap_or_default(),
            );
            context.events.publish(test, tone, "Finished", note);
        }
    }
}

/// A Job that the cache does not have is gone only if the API server says so too.
async fn master_job(
    test: &LocustTest,
    run: &RunClaim,
    context: &Context,
) -> Result<Master, ReconcileError> {
    let is_it = |job: &JobView| job.metadata.uid == run.master_job_uid;
    let key = ObjectRef::new(&run.master_name).within(namespace(test));
    if let Some(job) = context.hub.jobs.store().get(&key).filter(|job| is_it(job)) {
        return Ok(Master::Found(job));
    }
    let api: Api<JobView> = Api::namespaced(context.client.clone(), namespace(test));
    let stored = api
        .get_metadata_opt(&run.master_name)
        .await
        .trying("look for the master's Job")?;
    Ok(match stored {
        Some(job) if job.metadata.uid == run.master_job_uid => Master::NotYetCached,
        Some(_) | None => Master::Gone,
    })
}

/// The pods of a run that the cache has.
pub(super) fn pods_of(run: &RunClaim, context: &Context) -> Vec<Arc<PodView>> {
    let mut pods = context.hub.pods.store().state();
    pods.retain(|pod| pod.label(LABEL_RUN_ID) == Some(run.id.as_str()));
    pods
}

/// The test a pod belongs to, by the Job that owns it.
pub(super) fn test_of_pod(jobs: &Feed<JobView>, pod: &PodView) -> Option<ObjectRef<CachedTest>> {
    let namespace = pod.metadata.namespace.as_deref()?;
    let job = pod
        .metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.kind == "Job")?;
    owner(
        &*jobs
            .store()
            .get(&ObjectRef::new(&job.name).within(namespace))?,
    )
}
