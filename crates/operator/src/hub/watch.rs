//! One kind: its watch, its store, its subscribers.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{Stream, StreamExt};
use kube::{
    Resource,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{self, Event},
    },
};
use tokio::sync::watch;

use crate::metrics::Metrics;

type Route<K> = Box<dyn FnMut(&K) + Send>;

/// One kind's watch.
pub(crate) struct Feed<K: Resource<DynamicType = ()> + 'static> {
    kind: &'static str,
    store: Store<K>,
    routes: Mutex<Vec<Route<K>>>,
    synced: watch::Sender<bool>,
    last_error: Mutex<Option<String>>,
    metrics: Arc<Metrics>,
}

/// How a cache is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    /// Plural name of the kind.
    pub kind: &'static str,
    /// Whether it was complete at least once.
    pub synced: bool,
    /// What the API server last said against it.
    pub last_error: Option<String>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Feed<K> {
    pub(super) fn new(kind: &'static str, store: Store<K>, metrics: Arc<Metrics>) -> Self {
        metrics.cache_synced(kind, false);
        Self {
            kind,
            store,
            routes: Mutex::default(),
            synced: watch::Sender::new(false),
            last_error: Mutex::default(),
            metrics,
        }
    }

    /// The objects.
    pub fn store(&self) -> &Store<K> {
        &self.store
    }

    /// Calls `route` for every object there is, and from now on for every one that changes or goes.
    pub fn subscribe(&self, mut route: impl FnMut(&K) + Send + 'static) {
        let mut routes = lock(&self.routes);
        // Under the lock no event can pass between the replay and the registration.
        self.store.state().iter().for_each(|object| route(object));
        routes.push(Box::new(route));
    }

    /// Returns when the cache is complete.
    pub async fn synced(&self) {
        // The sender lives as long as `self`.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// How the cache is doing.
    pub fn health(&self) -> Health {
        Health {
            kind: self.kind,
            synced: *self.synced.borrow(),
            last_error: lock(&self.last_error).clone(),
        }
    }

    /// Feeds the store and the subscribers until the events end.
    pub(super) async fn pump(
        &self,
        events: impl Stream<Item = watcher::Result<Event<K>>>,
        writer: Writer<K>,
    ) {
        let mut events = pin!(events.reflect(writer));
        let mut before: HashMap<ObjectRef<K>, Arc<K>> = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => self.route(&object),
                Ok(Event::Init) => {
                    let state = self.store.state();
                    before = state
                        .into_iter()
                        .map(|object| (ObjectRef::from_obj(&*object), object))
                        .collect();
                }
                Ok(Event::InitApply(_)) => {}
                Ok(Event::InitDone) => {
                    self.store
                        .state()
                        .iter()
                        .for_each(|object| self.route(object));
                    // What vanished while the watch was interrupted would else never be heard of.
                    let vanished = before
                        .drain()
                        .filter(|(key, _)| self.store.get(key).is_none());
                    vanished.for_each(|(_, object)| self.route(&object));
                    *lock(&self.last_error) = None;
                    self.metrics.cache_synced(self.kind, true);
                    self.synced.send_replace(true);
                }
                Err(error) => {
                    tracing::warn!(kind = self.kind, %error, "watch failed; trying again");
                    self.metrics.watch_error(self.kind);
                    *lock(&self.last_error) = Some(error.to_string());
                }
            }
        }
    }

    fn route(&self, object: &K) {
        lock(&self.routes)
            .iter_mut()
            .for_each(|route| route(object));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{ResourceExt, runtime::reflector};

    fn object(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.to_owned());
        object.metadata.namespace = Some("ns".to_owned());
        object
    }

    async fn routed(events: Vec<Event<ConfigMap>>) -> Vec<Vec<String>> {
        let (store, writer) = reflector::store();
        let feed = Feed::new("configmaps", store, Arc::default());
        let heard: Vec<Arc<Mutex<Vec<String>>>> = vec![Arc::default(), Arc::default()];
        for heard in heard.clone() {
            feed.subscribe(move |object: &ConfigMap| lock(&heard).push(object.name_any()));
        }
        feed.pump(futures::stream::iter(events.into_iter().map(Ok)), writer)
            .await;
        assert!(feed.health().synced);
        heard.iter().map(|heard| lock(heard).clone()).collect()
    }

    #[tokio::test]
    async fn deletes_reach_every_subscriber() {
        let events = vec![
            Event::Init,
            Event::InitDone,
            Event::Apply(object("a")),
            Event::Delete(object("a")),
        ];
        assert_eq!(routed(events).await, [["a", "a"], ["a", "a"]]);
    }

    #[tokio::test]
    async fn what_vanished_between_two_lists_is_heard_of() {
        let events = vec![
            Event::Init,
            Event::InitApply(object("stays")),
            Event::InitApply(object("goes")),
            Event::InitDone,
            Event::Init,
            Event::InitApply(object("stays")),
            Event::InitDone,
        ];
        let heard = routed(events).await.remove(0);
        assert_eq!(
            heard.iter().filter(|name| *name == "goes").count(),
            2,
            "{heard:?}"
        );
    }

    #[tokio::test]
    async fn a_late_subscriber_hears_of_what_is_there() {
        let (store, writer) = reflector::store();
        let feed = Feed::new("configmaps", store, Arc::default());
        let events = [Event::Init, Event::InitApply(object("a")), Event::InitDone];
        feed.pump(futures::stream::iter(events.map(Ok)), writer)
            .await;
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = heard.clone();
        feed.subscribe(move |object: &ConfigMap| lock(&sink).push(object.name_any()));
        assert_eq!(*lock(&heard), ["a"]);
    }
}
