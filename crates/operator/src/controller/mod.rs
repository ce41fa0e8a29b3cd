//! The controller of tests: observe, decide, build, apply, write status.

mod create;
mod end;
mod observe;
mod others;
mod scale;
mod series;
mod start;
mod status;
mod stop;
mod take_over;
mod template;

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Client, Resource,
    runtime::reflector::{ObjectRef, Store},
};
use locust_api::v2::LocustTestSpec;
use locust_core::{lifecycle, settings::RunSettings};

use crate::{
    control::{
        self, Action, Asker, Backoff, Common, Events, OwnWrites, ReconcileError, Reconciler,
        Requests,
    },
    gate::Gate,
    hub::{CachedTest, Hub, owner},
    listener::ListenerClient,
    metrics::Metrics,
    obstacles::Obstacles,
    pinned::Pinned,
    templates::CachedTemplate,
};
use others::Lookout;

/// What every reconcile may use.
struct Context {
    client: Client,
    hub: Arc<Hub>,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    listener: ListenerClient,
    events: Events,
    backoff: Backoff<CachedTest>,
    own_writes: OwnWrites,
    gate: Arc<Gate>,
    lookout: Arc<Lookout>,
    /// What the templates of claimed tests gave.
    specs: Pinned<LocustTestSpec>,
    /// The clock, so that decisions get the time passed in.
    now: fn() -> Timestamp,
}

/// Runs the controller until `stop`, then lets reconciles under way finish.
pub(crate) async fn run(
    common: Common,
    obstacles: Obstacles,
    gate: Arc<Gate>,
    requests: Requests<CachedTest>,
) {
    let Common {
        client,
        hub,
        settings,
        metrics,
        now,
        stop,
    } = common;
    // A Job that is missing from an incomplete cache would be taken for deleted.
    if stop.run_until_cancelled(hub.synced()).await.is_none() {
        return;
    }
    let lookout = Lookout::start(&hub, obstacles, now, stop.clone());
    let Requests { asker, stream } = requests;
    watch(&hub, &asker);
    let requests = stream.take_until(stop.cancelled_owned());
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
        gate,
        lookout,
        specs: Pinned::default(),
        now,
    });
    control::run(context, hub.tests.store().clone(), requests).await;
    // Whoever acts next shows the numbers of the tests that run.
    metrics.nothing_runs_here();
    // The last reconcile is over, and with it the queue of events.
    if published.await.is_err() {
        tracing::warn!("events were not published");
    }
}

/// Asks for each test that changed, or whose Job or pod did, or whose template.
fn watch(hub: &Hub, tests: &Asker<CachedTest>) {
    let asker = tests.clone();
    hub.tests
        .subscribe(move |test| asker.ask([ObjectRef::from_obj(test)]));
    let (asker, store) = (tests.clone(), hub.tests.store().clone());
    hub.templates
        .subscribe(move |template| asker.ask(made_from(template, &store)));
    let asker = tests.clone();
    hub.jobs.subscribe(move |job| asker.ask(owner(job)));
    let (test_feed, job_feed) = (hub.tests.clone(), hub.jobs.clone());
    let asker = tests.clone();
    hub.pods
        .subscribe(move |pod| asker.ask(observe::test_of_pod(&test_feed, &job_feed, pod)));
}

/// The tests that wait for a template.
fn made_from(template: &CachedTemplate, tests: &Store<CachedTest>) -> Vec<ObjectRef<CachedTest>> {
    let template = template.meta();
    let waits = |test: &Arc<CachedTest>| {
        let Ok(test) = &test.0 else { return false };
        let Some(reference) = &test.spec.template_ref else {
            return false;
        };
        let home = reference.namespace.as_ref();
        template.name.as_ref() == Some(&reference.name)
            && template.namespace.as_ref() == home.or(test.metadata.namespace.as_ref())
            && lifecycle::next_step(test.status.as_ref()) == lifecycle::Step::Claim
    };
    let tests = tests.state().into_iter().filter(waits);
    tests.map(|test| ObjectRef::from_obj(&*test)).collect()
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

impl Reconciler for Context {
    type Object = CachedTest;
    const KIND: &'static str = "test";

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn backoff(&self) -> &Backoff<CachedTest> {
        &self.backoff
    }

    async fn reconcile(&self, object: &CachedTest) -> Result<Action, ReconcileError> {
        reconcile(object, self).await
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
        context.specs.forget(&test.metadata);
    }
    let sign = context.lookout.sign((context.now)());
    // Until a test is claimed, a finalizer may be all that tells that it has run. Another operator that is at work would
    // put it back again and again.
    let may_release = step != lifecycle::Step::Claim && sign.is_none();
    if (is_leaving || may_release) && take_over::release(test, context).await? {
        return Ok(Action::await_change());
    }
    // Owner references take everything with it.
    if is_leaving || context.own_writes.have_replaced(&test.metadata) {
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
        lifecycle::Step::Observe => {
            let test = template::pinned(test, context).await?;
            observe::observe(&test, context).await
        }
        lifecycle::Step::Ended => end::clean_up(test, context).await,
    }
}
