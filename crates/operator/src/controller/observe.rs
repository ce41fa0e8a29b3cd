//! Watching a run whose objects exist.

use std::{sync::Arc, time::Duration};

use kube::{Api, Resource, api::ListParams, runtime::reflector::ObjectRef};
use locust_api::{
    names::LABEL_RUN_ID,
    reasons,
    v2::{LocustTest, RunClaim, Verdict},
};
use locust_core::{
    lifecycle::{self, Decision, Job, Live, News, Observed, Scaled},
    live_metrics, mounting,
    pods::PodProblem,
    refusals,
    view::{EventView, JobView, PodView},
};

use super::{
    Context, scale, series,
    status::{list, name, namespace, write},
    stop, take_over,
};
use crate::control::{Action, ReconcileError, Tone, Trying};
use crate::{
    hub::{CachedTest, Feed, owner},
    listener::Answer,
};

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
    if run.taken_over {
        return take_over::observe(test, run, master.as_deref(), context).await;
    }
    let worker = cached_job(test, &run.worker_name, run.worker_job_uid.as_ref(), context);
    let cached = context.hub.pods_of(&run.id, namespace(test));
    let cached: Vec<&PodView> = cached.iter().map(AsRef::as_ref).collect();
    let refused = match refusal(test, [worker.clone(), master.clone()], context).await? {
        None => failed_mount(test, &cached, context).await?,
        refused => refused,
    };
    let look = Look {
        test,
        run,
        master: master.as_deref(),
        worker: worker.as_deref(),
        refused: refused.as_ref(),
    };
    let mut decision = decide(&look, &cached, context).await;
    if lifecycle::ends_unheard(&decision, &cached) {
        let listed = list_pods(test, run, context).await?;
        decision = decide(&look, &listed.iter().collect::<Vec<_>>(), context).await;
    }
    conclude(test, decision, context).await
}

/// Writes what was decided, and tells what is new.
pub(super) async fn conclude(
    test: &LocustTest,
    decision: Decision,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let decision = series::compare(test, decision, context).await?;
    let Decision {
        status,
        news,
        stop,
        scale,
        look_again,
    } = decision;
    write(test, &status, context).await?;
    news.into_iter()
        .for_each(|item| announce(test, &status, item, context));
    if let Some(stop) = stop {
        stop::load(test, stop, context).await?;
    }
    if let Some(scale) = scale {
        scale::workers(test, scale, context).await?;
    }
    Ok(Action::requeue(look_again))
}

/// What is known of a run but for its pods.
struct Look<'a> {
    test: &'a LocustTest,
    run: &'a RunClaim,
    master: Option<&'a JobView>,
    worker: Option<&'a JobView>,
    refused: Option<&'a PodProblem>,
}

/// Asks Locust, if it runs in one of these pods, and decides.
async fn decide(look: &Look<'_>, pods: &[&PodView], context: &Context) -> Decision {
    let Look {
        test,
        run,
        master,
        worker,
        refused,
    } = look;
    let asked = lifecycle::listener_of(pods);
    let answer = match asked {
        Some(address) => Some(context.listener.ask(address, &run.id).await),
        None => None,
    };
    let seen = Observed {
        now: (context.now)(),
        master: master.map_or(Job::Gone, Job::Found),
        worker: *worker,
        pods,
        refused: *refused,
        live: answer.as_ref().map_or(Live::NotAsked, Answer::as_live),
    };
    let decision = lifecycle::observe(test, run, &seen, &context.settings);
    if let Live::Report(report) = seen.live {
        let samples = live_metrics::samples(report, lifecycle::made_with(&decision.status, test));
        let (namespace, name) = (namespace(test), name(test));
        context.metrics.show_running(namespace, name, samples);
    }
    decision
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
        News::Stopping => context.events.publish(
            test,
            Tone::Normal,
            "Stopping",
            "spec.stop is set: the load is being ended".to_owned(),
        ),
        News::Scaled(Scaled { from, to }) => context.events.publish_action(
            test,
            Tone::Normal,
            "Scaled",
            &format!("ScaleTo{to}"),
            format!("spec.worker.replicas is {to}: the run goes from {from} to {to} workers"),
        ),
        News::Regression(note) => {
            context
                .events
                .publish(test, Tone::Warning, reasons::REGRESSION, note);
        }
        News::TakenOver => context.events.publish(
            test,
            Tone::Normal,
            "TakenOver",
            "the published operator started this run; it is watched to its end".to_owned(),
        ),
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
    if let Some(job) = cached_job(test, &run.master_name, run.master_job_uid.as_ref(), context) {
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

/// The Job of this name and UID, if the cache has it.
pub(super) fn cached_job(
    test: &LocustTest,
    name: &str,
    uid: Option<&String>,
    context: &Context,
) -> Option<Arc<JobView>> {
    let key = ObjectRef::new(name).within(namespace(test));
    let job = context.hub.jobs.store().get(&key)?;
    (job.metadata.uid.as_ref() == uid).then_some(job)
}

/// Why pods of these Jobs were never made. Only a Job that lacks pods costs a request.
async fn refusal(
    test: &LocustTest,
    jobs: [Option<Arc<JobView>>; 2],
    context: &Context,
) -> Result<Option<PodProblem>, ReconcileError> {
    let now = (context.now)();
    let since = test
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref());
    for job in jobs
        .iter()
        .flatten()
        .filter(|job| refusals::is_short_of_pods(job, now))
    {
        let (Some(name), Some(uid)) = (&job.metadata.name, &job.metadata.uid) else {
            continue;
        };
        let events = events_about(test, uid, reasons::FAILED_CREATE, context).await?;
        if let Some(problem) = refusals::refusal(name, &events, since.map(|time| time.0)) {
            return Ok(Some(problem));
        }
    }
    Ok(None)
}

/// Why a pod has a node and no container. Only a pod that hangs costs a request, and one speaks for all.
async fn failed_mount(
    test: &LocustTest,
    pods: &[&PodView],
    context: &Context,
) -> Result<Option<PodProblem>, ReconcileError> {
    let now = (context.now)();
    let stuck = pods.iter().find(|pod| mounting::is_stuck(pod, now));
    let Some((name, uid)) =
        stuck.and_then(|pod| Some((pod.metadata.name.as_ref()?, pod.metadata.uid.as_ref()?)))
    else {
        return Ok(None);
    };
    let events = events_about(test, uid, mounting::FAILED_MOUNT, context).await?;
    Ok(mounting::problem(name, &events))
}

/// The events about the object with this UID that have this reason.
async fn events_about(
    test: &LocustTest,
    uid: &str,
    reason: &str,
    context: &Context,
) -> Result<Vec<EventView>, ReconcileError> {
    let about = format!("reason={reason},regarding.uid={uid}");
    let about = ListParams::default().fields(&about);
    list(test, about, "list the events of a Job or pod", context).await
}

/// The pods of a run that the API server has.
async fn list_pods(
    test: &LocustTest,
    run: &RunClaim,
    context: &Context,
) -> Result<Vec<PodView>, ReconcileError> {
    let of_run = ListParams::default().labels(&format!("{LABEL_RUN_ID}={}", run.id));
    list(test, of_run, "list the pods of a run", context).await
}

/// The test a pod belongs to: by the Job that owns it, or by its run when that Job is gone.
pub(super) fn test_of_pod(
    tests: &Feed<CachedTest>,
    jobs: &Feed<JobView>,
    pod: &PodView,
) -> Option<ObjectRef<CachedTest>> {
    let namespace = pod.metadata.namespace.as_deref()?;
    let owned_by = pod.metadata.owner_references.iter().flatten();
    let job = owned_by
        .filter(|owner| owner.kind == "Job")
        .find_map(|owner| {
            jobs.store()
                .get(&ObjectRef::new(&owner.name).within(namespace))
        });
    if let Some(job) = job {
        return owner(&*job);
    }
    let run = pod.label(LABEL_RUN_ID)?;
    let test = tests
        .store()
        .find(|test| test.meta().uid.as_deref() == Some(run))?;
    Some(ObjectRef::from_obj(&*test))
}
