//! One watch and one store per kind, for any number of controllers.
//!
//! kube's own shared streams lose deletes; here every change reaches every subscriber, also of objects that
//! vanished while the watch was interrupted.

mod again;
mod by_run;
mod last_words;
mod watch;

use std::{sync::Arc, time::Instant};

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, Resource,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use locust_api::{
    names::MANAGED_BY,
    v2::{LocustSchedule, LocustTest, LocustTestSuite},
};
use locust_core::{
    schedule::has_noted,
    view::{JobView, PodView},
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::{metrics::Metrics, templates::CachedTemplate};
use again::again;

use by_run::PodsByRun;
use last_words::LastWords;
pub(crate) use watch::{Feed, Health};

/// A test, or what is known of one that does not decode.
pub(crate) type CachedTest = DeserializeGuard<LocustTest>;

/// A suite, or what is known of one that does not decode.
pub(crate) type CachedSuite = DeserializeGuard<LocustTestSuite>;

/// A schedule, or what is known of one that does not decode.
pub(crate) type CachedSchedule = DeserializeGuard<LocustSchedule>;

/// An API server that vanished without a word is missed after so long. Its watches cost little.
const WATCH_SECONDS: u32 = 30;
/// Objects per page of a list: small pages keep the peak of memory low.
const PAGE_SIZE: u32 = 100;

/// The caches of everything the operator reads.
pub(crate) struct Hub {
    /// Tests.
    pub tests: Arc<Feed<CachedTest>>,
    /// Suites.
    pub suites: Arc<Feed<CachedSuite>>,
    /// Schedules.
    pub schedules: Arc<Feed<CachedSchedule>>,
    /// Templates.
    pub templates: Arc<Feed<CachedTemplate>>,
    /// Jobs with our label.
    pub jobs: Arc<Feed<JobView>>,
    /// Pods with our label.
    pub pods: Arc<Feed<PodView>>,
    pods_by_run: Arc<PodsByRun>,
    last_words: Arc<LastWords>,
    namespace: Option<String>,
}

impl Hub {
    /// Starts all watches; they end with `stop`.
    pub fn start(
        client: &Client,
        namespace: Option<&str>,
        metrics: &Arc<Metrics>,
        stop: &CancellationToken,
    ) -> Self {
        let (label, value) = MANAGED_BY;
        let ours = watcher::Config::default()
            .labels(&format!("{label}={value}"))
            .page_size(PAGE_SIZE)
            .timeout(WATCH_SECONDS);
        let all = watcher::Config::default()
            .page_size(PAGE_SIZE)
            .timeout(WATCH_SECONDS);
        let source = Source {
            client,
            namespace,
            metrics,
            stop,
        };
        // Views of Jobs and pods are slim by themselves.
        let pods = source.feed("pods", ours.clone(), |_| {});
        let last_words = Arc::new(LastWords::default());
        let heard = last_words.clone();
        // The first to hear of a pod, so that what it keeps is there when others look.
        pods.subscribe(move |pod| heard.note(pod, Instant::now()));
        let pods_by_run = Arc::new(PodsByRun::default());
        let (index, store) = (pods_by_run.clone(), pods.store().clone());
        pods.subscribe(move |pod| index.note(pod, &store));
        Self {
            tests: source.feed("locusttests", all.clone(), slim_test),
            suites: source.feed("locusttestsuites", all.clone(), slim_suite),
            schedules: source.feed("locustschedules", all.clone(), slim_schedule),
            templates: source.feed("locusttemplates", all, slim_template),
            jobs: source.feed("jobs", ours, |_| {}),
            pods,
            pods_by_run,
            last_words,
            namespace: namespace.map(str::to_owned),
        }
    }

    /// The namespace that is watched; `None` is all.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The pods of a run in its namespace, and its master's even when that is gone already.
    pub fn pods_of(&self, run: &str, namespace: &str) -> Vec<Arc<PodView>> {
        let mut pods = self.pods_by_run.get(run, namespace, self.pods.store());
        let gone = self.last_words.of(run);
        pods.extend(
            gone.filter(|gone| pods.iter().all(|pod| pod.metadata.uid != gone.metadata.uid)),
        );
        pods
    }

    /// How each cache is doing.
    pub fn health(&self) -> [Health; 6] {
        let Self {
            tests,
            suites,
            schedules,
            templates,
            jobs,
            pods,
            pods_by_run: _,
            last_words: _,
            namespace: _,
        } = self;
        [
            tests.health(),
            suites.health(),
            schedules.health(),
            templates.health(),
            jobs.health(),
            pods.health(),
        ]
    }

    /// Returns when every cache is complete.
    pub async fn synced(&self) {
        let Self {
            tests,
            suites,
            schedules,
            templates,
            jobs,
            pods,
            pods_by_run: _,
            last_words: _,
            namespace: _,
        } = self;
        tokio::join!(
            tests.synced(),
            suites.synced(),
            schedules.synced(),
            templates.synced(),
            jobs.synced(),
            pods.synced()
        );
    }
}

fn slim_suite(cached: &mut CachedSuite) {
    if let Ok(suite) = &mut cached.0 {
        locust_core::slim::metadata(&mut suite.metadata);
    }
}

fn slim_schedule(cached: &mut CachedSchedule) {
    if let Ok(schedule) = &mut cached.0 {
        locust_core::slim::metadata(&mut schedule.metadata);
    }
}

fn slim_template(cached: &mut CachedTemplate) {
    if let Ok(template) = &mut cached.0 {
        locust_core::slim::metadata(&mut template.metadata);
    }
}

fn slim_test(cached: &mut CachedTest) {
    if let Ok(test) = &mut cached.0 {
        locust_core::slim::test(test);
    }
}

/// What all watches have in common.
struct Source<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    metrics: &'a Arc<Metrics>,
    stop: &'a CancellationToken,
}

impl Source<'_> {
    /// Starts one watch; what comes from it goes through `slim`.
    fn feed<K>(&self, kind: &'static str, config: watcher::Config, slim: fn(&mut K)) -> Arc<Feed<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        let client = self.client.clone();
        let api: Api<K> = match self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let (store, writer): (Store<K>, _) = reflector::store();
        let feed = Arc::new(Feed::new(kind, store, self.metrics.clone()));
        let watches = again(move || watcher(api.clone(), config.clone()));
        let events = watches.modify(slim);
        tokio::spawn({
            let (feed, stop) = (feed.clone(), self.stop.clone());
            async move { stop.run_until_cancelled(feed.pump(events, writer)).await }
        });
        feed
    }
}

/// The test that owns this object, if one does.
pub(crate) fn owner<K: Resource>(object: &K) -> Option<ObjectRef<CachedTest>> {
    owner_of_kind(object, &LocustTest::kind(&()))
}

/// The suite that owns this object, if one does.
pub(crate) fn suite_of<K: Resource>(object: &K) -> Option<ObjectRef<CachedSuite>> {
    owner_of_kind(object, &LocustTestSuite::kind(&()))
}

/// The schedule that owns this object, if one does.
pub(crate) fn schedule_of<K: Resource>(object: &K) -> Option<ObjectRef<CachedSchedule>> {
    owner_of_kind(object, &LocustSchedule::kind(&()))
}

/// Whether a schedule has still to store the verdict of this object.
pub(crate) fn is_held_by_schedule<K: Resource>(object: &K, hub: &Hub) -> bool {
    let schedule = schedule_of(object).and_then(|schedule| hub.schedules.store().get(&schedule));
    schedule.is_some_and(|schedule| {
        let uid = object.meta().uid.as_deref().unwrap_or_default();
        let schedule = schedule.0.as_ref();
        schedule.is_ok_and(|schedule| !has_noted(schedule.status.as_ref(), uid))
    })
}

/// The reference to the owner of this kind that controls the object, if one does.
pub(crate) fn controller<'a, K: Resource>(object: &'a K, kind: &str) -> Option<&'a OwnerReference> {
    let mut owners = object.meta().owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true) && owner.kind == kind)
}

fn owner_of_kind<K, O>(object: &K, kind: &str) -> Option<ObjectRef<O>>
where
    K: Resource,
    O: Resource<DynamicType = ()> + 'static,
{
    let owner = controller(object, kind)?;
    Some(ObjectRef::new(&owner.name).within(object.meta().namespace.as_deref()?))
}
