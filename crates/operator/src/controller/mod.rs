//! The controller of tests: observe, decide, build, apply, write status.

mod backoff;
mod create;
mod end;
mod error;
mod events;
mod observe;
mod start;
mod status;

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Client,
    runtime::{
        controller::{Action, Config, ReconcileRequest, applier},
        reflector::ObjectRef,
    },
};
use locust_core::{lifecycle, settings::RunSettings};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    hub::{CachedTest, Hub, owner},
    listener::ListenerClient,
    metrics::Metrics,
};
use backoff::Backoff;
use error::ReconcileError;
use events::Events;

/// Reconciles under way at once: enough to hide latency, few enough to leave the API server alone.
const CONCURRENCY: u16 = 16;
/// A reconcile that hangs longer is given up and tried again.
const RECONCILE_WITHIN: Duration = Duration::from_secs(60);

/// What every reconcile may use.
struct Context {
    client: Client,
    hub: Arc<Hub>,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    listener: ListenerClient,
    events: Events,
    backoff: Backoff,
    /// The clock, so that decisions get the time passed in.
    now: fn() -> Timestamp,
}

/// Runs the controller until `stop`, then lets reconciles under way finish.
pub(crate) async fn run(
    client: Client,
    hub: Arc<Hub>,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    // A Job that is missing from an incomplete cache would be taken for deleted.
    if stop.run_until_cancelled(hub.synced()).await.is_none() {
        return;
    }
    tracing::info!("caches are complete");
    let requests = requests(&hub).take_until(stop.cancelled_owned());
    let context = Arc::new(Context {
        events: Events::new(client.clone()),
        client,
        hub: hub.clone(),
        settings,
        metrics,
        listener: ListenerClient::default(),
        backoff: Backoff::default(),
        now: Timestamp::now,
    });
    applier(
        |object, context| -> Pin<Box<dyn Future<Output = Result<Action, ReconcileError>> + Send>> {
            // In a task of its own each, so that they overlap and a panic ends one of them only.
            let task = tokio::spawn(measured(object, context));
            Box::pin(async move { task.await.unwrap_or_else(|_| Err(ReconcileError::Panicked)) })
        },
        |object, error, context: Arc<Context>| {
            let wait = context.backoff.failed(&ObjectRef::from_obj(&*object));
            tracing::warn!(test = %ObjectRef::from_obj(&*object), %error, reason = error.reason(), ?wait, "reconcile failed");
            Action::requeue(wait)
        },
        context,
        hub.tests.store().clone(),
        requests,
        Config::default().concurrency(CONCURRENCY),
    )
    .for_each(|_| async {})
    .await;
}

/// One request for each test that changed, or whose Job or pod did.
fn requests(
    hub: &Hub,
) -> impl futures::Stream<Item = Result<ReconcileRequest<CachedTest>, Infallible>> + use<> {
    let (sender, receiver) = mpsc::unbounded_channel::<ObjectRef<CachedTest>>();
    // A closed channel means the controller is stopping.
    let to = |sender: mpsc::UnboundedSender<_>| {
        move |key: Option<_>| key.into_iter().for_each(|key| drop(sender.send(key)))
    };
    let (tests, jobs, pods) = (to(sender.clone()), to(sender.clone()), to(sender));
    hub.tests
        .subscribe(move |test| tests(Some(ObjectRef::from_obj(test))));
    hub.jobs.subscribe(move |job| jobs(owner(job)));
    let job_feed = hub.jobs.clone();
    hub.pods
        .subscribe(move |pod| pods(observe::test_of_pod(&job_feed, pod)));
    futures::stream::unfold(receiver, |mut receiver| async move {
        let key = receiver.recv().await?;
        Some((Ok(ReconcileRequest::from(key)), receiver))
    })
}

async fn measured(
    object: Arc<CachedTest>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let started = Instant::now();
    let result = tokio::time::timeout(RECONCILE_WITHIN, reconcile(&object, &context))
        .await
        .unwrap_or(Err(ReconcileError::TooLong));
    let label = match &result {
        Ok(_) => "ok",
        Err(error) => error.reason(),
    };
    context.metrics.reconciled("test", label, started.elapsed());
    match result {
        // Somebody wrote the test in between: the event of that write brings it back, with what it says now.
        Err(error) if error.is_conflict() => Ok(Action::requeue(Duration::from_secs(1))),
        Ok(action) => {
            context.backoff.succeeded(&ObjectRef::from_obj(&*object));
            Ok(action)
        }
        Err(error) => Err(error),
    }
}

async fn reconcile(object: &CachedTest, context: &Context) -> Result<Action, ReconcileError> {
    let test = match &object.0 {
        Ok(test) => test,
        Err(unreadable) => return start::report_unreadable(unreadable, context),
    };
    if test.metadata.deletion_timestamp.is_some() {
        // Owner references take everything with it.
        return Ok(Action::await_change());
    }
    match lifecycle::next_step(test.status.as_ref()) {
        lifecycle::Step::Claim => start::claim(test, context).await,
        lifecycle::Step::Create => start::resume(test, context).await,
        lifecycle::Step::Observe => observe::observe(test, context).await,
        lifecycle::Step::Ended => end::stop_leftovers(test, context).await,
        lifecycle::Step::Foreign => Ok(Action::await_change()),
    }
}
