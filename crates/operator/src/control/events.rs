//! Kubernetes events of the operator's objects.

use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Events under way at once: what brings runs forward comes first.
const AT_ONCE: usize = 4;
/// A recorder keeps all events of some minutes, to count repetitions. They are rare, and its memory is not needed.
const KEPT: usize = 64;

/// Publishes events without making a reconcile wait for them.
pub(crate) struct Events {
    queue: mpsc::UnboundedSender<(Event, ObjectReference)>,
}

/// Whether an event is bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Normal,
    Warning,
}

impl Events {
    /// Starts to publish; the task ends when this is dropped and all events are out.
    pub fn start(client: Client) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::unbounded_channel();
        (Self { queue }, tokio::spawn(publish(client, waiting)))
    }

    /// `reason` is one CamelCase word, `note` a sentence.
    pub fn publish<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        tone: Tone,
        reason: &str,
        note: String,
    ) {
        self.publish_action(object, tone, reason, "Reconcile", note);
    }

    /// An event that tells of something that may happen again: only events of one action are taken for repetitions, of
    /// which the first note stays.
    pub fn publish_action<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        tone: Tone,
        reason: &str,
        action: &str,
        note: String,
    ) {
        let event = Event {
            type_: if tone == Tone::Warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: reason.to_owned(),
            // The API server takes 1 KB.
            note: Some(note.chars().take(900).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        // The task takes events as long as this exists.
        let _ = self.queue.send((event, object.object_ref(&())));
    }
}

/// An action of its own for words that are not always the same: repetitions of them are taken for one event, others not.
pub(crate) fn action(words: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    format!("Reconcile-{:08x}", hasher.finish() >> 32)
}

async fn publish(client: Client, mut waiting: mpsc::UnboundedReceiver<(Event, ObjectReference)>) {
    let reporter = Reporter {
        controller: "locust-operator".to_owned(),
        instance: std::env::var("HOSTNAME").ok(),
    };
    let fresh = || Recorder::new(client.clone(), reporter.clone());
    let mut recorder = fresh();
    futures::stream::poll_fn(|context| waiting.poll_recv(context))
        .enumerate()
        .map(|(number, item)| {
            if number % KEPT == KEPT - 1 {
                recorder = fresh();
            }
            (recorder.clone(), item)
        })
        .for_each_concurrent(AT_ONCE, |(recorder, (event, reference))| async move {
            if let Err(error) = recorder.publish(&event, &reference).await {
                tracing::warn!(%error, reason = event.reason, "cannot publish an event");
            }
        })
        .await;
}
