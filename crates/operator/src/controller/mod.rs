//! The controller of tests: observe, decide, build, apply, write status.

mod backoff;
mod create;
mod end;
mod error;
mod events;
mod gate;
mod observe;
mod others;
mod own_writes;
mod scale;
mod start;
mod status;
mod stop;
mod take_over;

use std::{convert::Infallible, num::NonZeroUsize, pin::Pin, sync::Arc, time::Duration};

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
    obstacles::Obstacles,
};
use backoff::Backoff;
use error::ReconcileError;
use events::Events;
use gate::{Gate, Wakes};
use others::Lookout;
use own_writes::OwnWrites;

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
    own_writes: OwnWrites,
    gate: Gate,
    lookout: Arc<Lookout>,
    /// The clock, so that decisions get the time passed in.
    now: fn() -> Timestamp,
}

/// Runs the controller until `stop`, then lets reconciles under way finish.
pub(crate) async fn run(
    client: Client,
    hub: Arc<Hub>,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    obstacles: Obstacles,
    stop: CancellationToken,
) {
    // A Job that is missing from an incomplete cache would be taken for deleted.
    if stop.run_until_cancelled(hub.synced()).await.is_none() {
        return;
    }
    let now = Timestamp::now;
    let lookout = Lookout::start(&hub, obstacles, now, stop.clone());
    let requests = requests(&hub, settings.max_running).take_until(stop.cancelled_owned());
    forget_deleted(&hub, metrics.clone());
    let (events, published) = Events::start(client.clone());
    let context = Arc::new(Context {
        events,
        client,
        hub: hub.clone(),
        settings,
        metrics: metrics.clone(),
        listener: ListenerClient::default(),
        backoff: Backoff::default(),
        own_writes: OwnWrites::default(),
        gate: Gate::default(),
        lookout,
        now,
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
    // Whoever acts next shows the numbers of the tests that run.
    metrics.nothing_runs_here();
    // The last reconcile is over, and with it the queue of events.
    if published.await.is_err() {
        tracing::warn!("events were not published");
    }
}

/// One request for each test that changed, or whose Job or pod did, or that waits for one that changed.
fn requests(
    hub: &Hub,
    max_running: Option<NonZeroUsize>,
) -> impl futures::Stream<Item = Result<ReconcileRequest<CachedTest>, Infallible>> + use<> {
    let (sender, receiver) = mpsc::unbounded_channel::<ObjectRef<CachedTest>>();
    // A closed channel means the controller is stopping.
    let to = |sender: mpsc::UnboundedSender<_>| {
        move |key: Option<_>| key.into_iter().for_each(|key| drop(sender.send(key)))
    };
    let (tests, jobs, pods) = (to(sender.clone()), to(sender.clone()), to(sender.clone()));
    let waiting = to(sender);
    let mut wakes = Wakes::new(hub.tests.store().clone(), max_running);
    hub.tests
        .subscribe(move |test| tests(Some(ObjectRef::from_obj(test))));
    hub.tests.subscribe(move |test| {
        let woken = wakes.note(test).into_iter();
        woken.for_each(|key| waiting(Some(key)));
    });
    hub.jobs.subscribe(move |job| jobs(owner(job)));
    let (test_feed, job_feed) = (hub.tests.clone(), hub.jobs.clone());
    hub.pods
        .subscribe(move |pod| pods(observe::test_of_pod(&test_feed, &job_feed, pod)));
    futures::stream::unfold(receiver, |mut receiver| async move {
        let key = receiver.recv().await?;
        Some((Ok(ReconcileRequest::from(key)), receiver))
    })
}

/// Takes the numbers of tests away that are deleted: nothing else is done about them.
fn forget_deleted(hub: &Hub, metrics: Arc<Metrics>) {
    let store = hub.tests.store().clone();
    hub.tests.subscribe(move |test| {
        let key = ObjectRef::from_obj(test);
        if store.get(&key).is_none() {
            metrics.not_running(key.namespace.as_deref().unwrap_or_default(), &key.name);
        }
    });
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
    let step = lifecycle::next_step(test.status.as_ref());
    let is_leaving = test.metadata.deletion_timestamp.is_some();
    if is_leaving || step == lifecycle::Step::Ended {
        context
            .metrics
            .not_running(status::namespace(test), status::name(test));
    }
    let sign = context.lookout.sign((context.now)());
    // Until a test is claimed, a finalizer may be all that tells that it has run. Another operator that is at work would
    // put it back again and again.
    let may_release = step != lifecycle::Step::Claim && sign.is_none();
    if (is_leaving || may_release) && take_over::release(test, context).await? {
        return Ok(Action::await_change());
    }
    // Owner references take everything with it.
    if is_leaving || context.own_writes.have_replaced(test) {
        return Ok(Action::await_change());
    }
    if let (lifecycle::Step::Claim, Some(sign)) = (step, &sign) {
        return Ok(others::stand_back(test, sign, context));
    }
    match step {
        lifecycle::Step::Claim => match take_over::run_of_another(test, context) {
            Some(jobs) => take_over::take_over(test, jobs, context).await,
            None => start::claim(test, context).await,
        },
        lifecycle::Step::Create => start::resume(test, context).await,
        lifecycle::Step::Observe => observe::observe(test, context).await,
        lifecycle::Step::Ended => end::clean_up(test, context).await,
    }
}
