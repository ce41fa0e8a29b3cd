//! What all controllers share: when an object is looked at, what becomes of errors, and how status and events are written.

mod backoff;
mod error;
mod events;
mod own_writes;
mod queue;
mod status;

use std::{fmt::Debug, pin::pin, sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt,
    future::pending,
    stream::{BoxStream, FuturesUnordered},
};
use jiff::Timestamp;
use kube::{
    Client, Resource,
    runtime::reflector::{ObjectRef, Store},
};
use locust_core::settings::RunSettings;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{hub::Hub, metrics::Metrics};

pub(crate) use backoff::Backoff;
pub(crate) use error::{ReconcileError, Trying};
pub(crate) use events::{Events, Tone, action};
pub(crate) use own_writes::{JobWrite, OwnWrites};
use queue::Queue;
pub(crate) use status::write;

/// Reconciles under way at once: enough to hide latency, few enough to leave the API server alone.
const CONCURRENCY: usize = 16;
/// As many requests are taken in before the next reconcile begins: one answers all of an object.
const ASKED_AT_ONCE: usize = 256;
/// A reconcile that hangs longer is given up and tried again.
const RECONCILE_WITHIN: Duration = Duration::from_secs(60);

/// What every controller gets.
#[derive(Clone)]
pub(crate) struct Common {
    /// The way to the API server.
    pub client: Client,
    /// All caches.
    pub hub: Arc<Hub>,
    /// What the administrator set.
    pub settings: RunSettings,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// The clock, so that decisions get the time passed in.
    pub now: fn() -> Timestamp,
    /// When to stop.
    pub stop: CancellationToken,
}

/// When an object is looked at again if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    requeue_after: Option<Duration>,
}

impl Action {
    /// After that time.
    pub const fn requeue(after: Duration) -> Self {
        Self {
            requeue_after: Some(after),
        }
    }

    /// Not.
    pub const fn await_change() -> Self {
        Self {
            requeue_after: None,
        }
    }
}

/// What looks at objects of a kind, one by one.
pub(crate) trait Reconciler: Send + Sync + 'static {
    /// The kind, as it is cached.
    type Object: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static;
    /// Its name in logs and metrics.
    const KIND: &'static str;

    /// Where reconciles are counted.
    fn metrics(&self) -> &Metrics;
    /// Failures in a row.
    fn backoff(&self) -> &Backoff<Self::Object>;
    /// Looks at an object and does what is next.
    fn reconcile(
        &self,
        object: &Self::Object,
    ) -> impl Future<Output = Result<Action, ReconcileError>> + Send;
}

/// Reconciles what is asked for until `requests` end, then lets reconciles under way finish.
pub(crate) async fn run<R: Reconciler>(
    reconciler: Arc<R>,
    store: Store<R::Object>,
    requests: impl Stream<Item = ObjectRef<R::Object>> + Send,
) {
    let mut requests = pin!(requests.ready_chunks(ASKED_AT_ONCE));
    let mut queue = Queue::default();
    let mut looks = FuturesUnordered::new();
    let mut is_stopping = false;
    while !is_stopping || !looks.is_empty() {
        while !is_stopping
            && looks.len() < CONCURRENCY
            && let Some(key) = queue.next(Instant::now())
        {
            match store.get(&key) {
                Some(object) => looks.push(look(key, object, reconciler.clone())),
                None => queue.done(key, None),
            }
        }
        let has_room = looks.len() < CONCURRENCY;
        tokio::select! {
            Some((key, Action { requeue_after })) = looks.next() => {
                // What is due after all time there is, never is.
                let due = requeue_after.and_then(|wait| Instant::now().checked_add(wait));
                queue.done(key, due);
            }
            keys = requests.next(), if !is_stopping => match keys {
                Some(keys) => keys.into_iter().for_each(|key| queue.ask(key)),
                None => is_stopping = true,
            },
            () = until(queue.next_due()), if has_room && !is_stopping => {}
        }
    }
}

/// Until that time, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Looks at an object.
async fn look<R: Reconciler>(
    key: ObjectRef<R::Object>,
    object: Arc<R::Object>,
    reconciler: Arc<R>,
) -> (ObjectRef<R::Object>, Action) {
    // In a task of its own each, so that they overlap and a panic ends one of them only.
    let task = tokio::spawn(measured(object, reconciler.clone()));
    let result = task.await.unwrap_or(Err(ReconcileError::Panicked));
    let action = result.unwrap_or_else(|error| {
        let wait = reconciler.backoff().failed(&key);
        tracing::warn!(kind = R::KIND, object = %key, %error, reason = error.reason(), ?wait, "reconcile failed");
        Action::requeue(wait)
    });
    (key, action)
}

async fn measured<R: Reconciler>(
    object: Arc<R::Object>,
    reconciler: Arc<R>,
) -> Result<Action, ReconcileError> {
    let started = Instant::now();
    let result = tokio::time::timeout(RECONCILE_WITHIN, reconciler.reconcile(&object))
        .await
        .unwrap_or(Err(ReconcileError::TooLong));
    let label = match &result {
        Ok(_) => "ok",
        Err(error) => error.reason(),
    };
    reconciler
        .metrics()
        .reconciled(R::KIND, label, started.elapsed());
    match result {
        // Somebody wrote the object in between: the event of that write brings it back, with what it says now.
        Err(error) if error.is_conflict() => Ok(Action::requeue(Duration::from_secs(1))),
        Ok(action) => {
            reconciler
                .backoff()
                .succeeded(&ObjectRef::from_obj(&*object));
            Ok(action)
        }
        Err(error) => Err(error),
    }
}

/// Asks for objects to be looked at.
pub(crate) struct Asker<K: Resource>(mpsc::UnboundedSender<ObjectRef<K>>);

impl<K: Resource> Clone for Asker<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Resource> Asker<K> {
    /// Asks for each of these. Nobody listens any more when the controller is stopping.
    pub fn ask(&self, keys: impl IntoIterator<Item = ObjectRef<K>>) {
        keys.into_iter().for_each(|key| drop(self.0.send(key)));
    }
}

/// Requests to look at objects of a kind, and what makes them.
pub(crate) struct Requests<K: Resource<DynamicType = ()> + 'static> {
    /// What makes them.
    pub asker: Asker<K>,
    /// The requests.
    pub stream: BoxStream<'static, ObjectRef<K>>,
}

impl<K: Resource<DynamicType = ()> + Send + Sync + 'static> Default for Requests<K> {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel::<ObjectRef<K>>();
        let stream = futures::stream::unfold(receiver, |mut receiver| async move {
            let key = receiver.recv().await?;
            Some((key, receiver))
        });
        Self {
            asker: Asker(sender),
            stream: stream.boxed(),
        }
    }
}

#[cfg(test)]
mod tests;
