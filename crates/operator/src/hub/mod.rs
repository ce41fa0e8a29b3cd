//! One watch and one store per kind, for any number of controllers.
//!
//! kube's own shared streams lose deletes; here every change reaches every subscriber, also of objects that
//! vanished while the watch was interrupted.

mod watch;

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use locust_api::{names::MANAGED_BY, v2::LocustTest};
use locust_core::view::{JobView, PodView};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

pub(crate) use watch::{Feed, Health};

/// A test, or what is known of one that does not decode.
pub(crate) type CachedTest = DeserializeGuard<LocustTest>;

/// Objects per page of a list: small pages keep the peak of memory low.
const PAGE_SIZE: u32 = 100;

/// The caches of everything the operator reads.
pub(crate) struct Hub {
    /// Tests.
    pub tests: Arc<Feed<CachedTest>>,
    /// Jobs with our label.
    pub jobs: Arc<Feed<JobView>>,
    /// Pods with our label.
    pub pods: Arc<Feed<PodView>>,
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
            .page_size(PAGE_SIZE);
        let all = watcher::Config::default().page_size(PAGE_SIZE);
        Self {
            tests: feed("locusttests", client, namespace, all, metrics, stop),
            jobs: feed("jobs", client, namespace, ours.clone(), metrics, stop),
            pods: feed("pods", client, namespace, ours, metrics, stop),
        }
    }

    /// How each cache is doing.
    pub fn health(&self) -> [Health; 3] {
        let Self { tests, jobs, pods } = self;
        [tests.health(), jobs.health(), pods.health()]
    }

    /// Returns when every cache is complete.
    pub async fn synced(&self) {
        let Self { tests, jobs, pods } = self;
        tokio::join!(tests.synced(), jobs.synced(), pods.synced());
    }
}

fn feed<K>(
    kind: &'static str,
    client: &Client,
    namespace: Option<&str>,
    config: watcher::Config,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> Arc<Feed<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let (store, writer): (Store<K>, _) = reflector::store();
    let feed = Arc::new(Feed::new(kind, store, metrics.clone()));
    let events = watcher(api, config).default_backoff().modify(|object| {
        object.meta_mut().managed_fields = None;
        if let Some(annotations) = &mut object.meta_mut().annotations {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    });
    tokio::spawn({
        let (feed, stop) = (feed.clone(), stop.clone());
        async move { stop.run_until_cancelled(feed.pump(events, writer)).await }
    });
    feed
}

/// The test that owns this object, if one does.
pub(crate) fn owner<K: Resource>(object: &K) -> Option<ObjectRef<CachedTest>> {
    let owners = object.meta().owner_references.as_ref()?;
    let owner = owners
        .iter()
        .find(|owner| owner.controller == Some(true) && owner.kind == LocustTest::kind(&()))?;
    Some(ObjectRef::new(&owner.name).within(object.meta().namespace.as_deref()?))
}
