//! Kubernetes events of a test.

use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use locust_api::v2::LocustTest;

/// Publishes events without making a reconcile wait for them.
pub(super) struct Events {
    recorder: Recorder,
}

/// Whether an event is bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Normal,
    Warning,
}

impl Events {
    pub fn new(client: Client) -> Self {
        let reporter = Reporter {
            controller: "locust-operator".to_owned(),
            instance: std::env::var("HOSTNAME").ok(),
        };
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// `reason` is one CamelCase word, `note` a sentence.
    pub fn publish(&self, test: &LocustTest, tone: Tone, reason: &str, note: String) {
        let event = Event {
            type_: if tone == Tone::Warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: reason.to_owned(),
            // The API server takes 1 KB.
            note: Some(note.chars().take(900).collect()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let (recorder, reference) = (self.recorder.clone(), test.object_ref(&()));
        tokio::spawn(async move {
            if let Err(error) = recorder.publish(&event, &reference).await {
                tracing::warn!(%error, reason = event.reason, "cannot publish an event");
            }
        });
    }
}
