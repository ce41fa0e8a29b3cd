//! The controller of suites: observe, plan, make and stop children, write status.

mod ask;
mod children;
mod claim;
mod end;
mod make;
mod run;

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Client, Resource,
    runtime::reflector::{ObjectRef, Store},
};
use locust_api::v2::{LocustTestSuite, LocustTestSuiteStatus, SuiteStep, TemplateRef};
use locust_core::{
    revision::Templates,
    settings::RunSettings,
    suite::{self, Step},
};

use crate::{
    control::{
        self, Action, Asker, Backoff, Common, Events, OwnWrites, ReconcileError, Reconciler,
        Requests,
    },
    gate::Gate,
    hub::{CachedSuite, Hub, suite_of},
    metrics::Metrics,
    pinned::Pinned,
    templates::CachedTemplate,
};

/// What every reconcile may use.
struct Context {
    client: Client,
    hub: Arc<Hub>,
    settings: RunSettings,
    metrics: Arc<Metrics>,
    events: Events,
    backoff: Backoff<CachedSuite>,
    own_writes: OwnWrites,
    gate: Arc<Gate>,
    /// The templates of claimed suites, as they were at the claim.
    templates: Pinned<Templates>,
    /// The clock, so that decisions get the time passed in.
    now: fn() -> Timestamp,
}

/// Runs the controller until `stop`, then lets reconciles under way finish.
pub(crate) async fn run(common: Common, gate: Arc<Gate>, requests: Requests<CachedSuite>) {
    let Common {
        client,
        hub,
        settings,
        metrics,
        now,
        stop,
    } = common;
    // A child that is missing from an incomplete cache would be asked for one by one.
    if stop.run_until_cancelled(hub.synced()).await.is_none() {
        return;
    }
    let Requests { asker, stream } = requests;
    watch(&hub, &asker);
    let (events, published) = Events::start(client.clone());
    let context = Arc::new(Context {
        client,
        hub: hub.clone(),
        settings,
        metrics,
        events,
        backoff: Backoff::default(),
        own_writes: OwnWrites::default(),
        gate,
        templates: Pinned::default(),
        now,
    });
    let requests = stream.take_until(stop.cancelled_owned());
    control::run(context, hub.suites.store().clone(), requests).await;
    if published.await.is_err() {
        tracing::warn!("events were not published");
    }
}

/// Asks for each suite that changed, or one of whose children did, or a template that it waits for.
fn watch(hub: &Hub, suites: &Asker<CachedSuite>) {
    let asker = suites.clone();
    hub.suites
        .subscribe(move |suite| asker.ask([ObjectRef::from_obj(suite)]));
    let asker = suites.clone();
    hub.tests.subscribe(move |test| asker.ask(suite_of(test)));
    let asker = suites.clone();
    hub.jobs.subscribe(move |job| asker.ask(suite_of(job)));
    let (asker, store) = (suites.clone(), hub.suites.store().clone());
    hub.templates
        .subscribe(move |template| asker.ask(waiting_for(template, &store)));
}

/// The suites that are not claimed and name this template.
fn waiting_for(
    template: &CachedTemplate,
    suites: &Store<CachedSuite>,
) -> Vec<ObjectRef<CachedSuite>> {
    let template = template.meta();
    let waits = |suite: &Arc<CachedSuite>| {
        let Ok(suite) = &suite.0 else { return false };
        let home = suite.metadata.namespace.as_ref();
        let is_named = |reference: &TemplateRef| {
            template.name.as_ref() == Some(&reference.name)
                && template.namespace.as_ref() == reference.namespace.as_ref().or(home)
        };
        suite::next_step(suite.status.as_ref()) == Step::Claim
            && steps(suite).filter_map(template_of).any(is_named)
    };
    let suites = suites.state().into_iter().filter(waits);
    suites.map(|suite| ObjectRef::from_obj(&*suite)).collect()
}

/// All steps, those of `finally` at the end.
fn steps(suite: &LocustTestSuite) -> impl Iterator<Item = &SuiteStep> {
    suite.spec.steps.iter().chain(&suite.spec.finally)
}

/// The template that a step is made from, if it is.
fn template_of(step: &SuiteStep) -> Option<&TemplateRef> {
    let of_test = step
        .test
        .as_ref()
        .and_then(|test| test.template_ref.as_ref());
    step.template_ref.as_ref().or(of_test)
}

fn namespace(suite: &LocustTestSuite) -> &str {
    suite.metadata.namespace.as_deref().unwrap_or_default()
}

fn name(suite: &LocustTestSuite) -> &str {
    suite.metadata.name.as_deref().unwrap_or_default()
}

fn uid(suite: &LocustTestSuite) -> &str {
    suite.metadata.uid.as_deref().unwrap_or_default()
}

/// Writes `status` if it differs; returns the suite as stored.
async fn write(
    suite: &LocustTestSuite,
    status: &LocustTestSuiteStatus,
    context: &Context,
) -> Result<LocustTestSuite, ReconcileError> {
    match control::write(suite, status, &context.client).await? {
        None => Ok(suite.clone()),
        Some(stored) => {
            context.own_writes.replaced(&suite.metadata);
            Ok(stored)
        }
    }
}

impl Reconciler for Context {
    type Object = CachedSuite;
    const KIND: &'static str = "suite";

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn backoff(&self) -> &Backoff<CachedSuite> {
        &self.backoff
    }

    async fn reconcile(&self, object: &CachedSuite) -> Result<Action, ReconcileError> {
        let suite = match &object.0 {
            Ok(suite) => suite,
            Err(unreadable) => {
                let (name, error) = (&unreadable.metadata.name, &unreadable.error);
                tracing::error!(
                    name,
                    error,
                    "cannot read a LocustTestSuite; it is left alone"
                );
                self.metrics
                    .reconciled(Self::KIND, "unreadable", std::time::Duration::ZERO);
                return Ok(Action::await_change());
            }
        };
        // Owner references take everything with it.
        if suite.metadata.deletion_timestamp.is_some()
            || self.own_writes.have_replaced(&suite.metadata)
        {
            return Ok(Action::await_change());
        }
        match suite::next_step(suite.status.as_ref()) {
            Step::Claim => claim::claim(suite, self).await,
            Step::Run => run::go_on(suite, self).await,
            Step::Ended => end::clean_up(suite, self).await,
        }
    }
}
