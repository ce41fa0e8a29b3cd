//! What masters said whose pods are gone again.
//!
//! A pod that is deleted ends and vanishes within milliseconds. Whoever is busy then, waiting for the very listener that
//! ended, would look too late and find nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use locust_api::names::{LABEL_ROLE, LABEL_RUN_ID};
use locust_core::view::PodView;

/// Much longer than any reconcile waits.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// The ended pods of masters that were deleted, by run.
#[derive(Default)]
pub(crate) struct LastWords {
    pods: Mutex<HashMap<String, (Instant, Arc<PodView>)>>,
}

impl LastWords {
    /// Keeps a pod if it is a master's, has ended, and will be gone soon.
    pub(super) fn note(&self, pod: &PodView, now: Instant) {
        let leaving = pod.metadata.deletion_timestamp.is_some();
        let ended = pod
            .locust()
            .is_some_and(|container| container.state.terminated.is_some());
        let master = pod.label(LABEL_ROLE) == Some("master");
        let Some(run) = pod
            .label(LABEL_RUN_ID)
            .filter(|_| master && leaving && ended)
        else {
            return;
        };
        let mut pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        pods.retain(|_, (since, _)| now.duration_since(*since) < KEPT_FOR);
        pods.insert(run.to_owned(), (now, Arc::new(pod.clone())));
    }

    /// The master's pod of a run, if it was deleted lately.
    pub fn of(&self, run: &str) -> Option<Arc<PodView>> {
        let pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        pods.get(run).map(|(_, pod)| pod.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(role: &str, deleted: Value, state: Value) -> PodView {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "deletionTimestamp": deleted,
                "labels": {"locust.io/role": role, "locust.io/run-id": "id"}},
            "status": {"containerStatuses": [{"name": "a", "state": state}]},
        }))
        .unwrap()
    }

    #[test]
    fn only_a_master_that_ended_and_goes_is_kept_and_not_for_ever() {
        let ended = || json!({"terminated": {"exitCode": 0}});
        let going = || json!("2025-06-15T15:06:40Z");
        let words = LastWords::default();
        let begin = Instant::now();
        for other in [
            pod("worker", going(), ended()),
            pod("master", Value::Null, ended()),
            pod("master", going(), json!({"running": {}})),
        ] {
            words.note(&other, begin);
            assert!(words.of("id").is_none(), "{other:?}");
        }
        let master = pod("master", going(), ended());
        words.note(&master, begin);
        assert_eq!(words.of("id").as_deref(), Some(&master));
        let mut later = master;
        later
            .metadata
            .labels
            .get_or_insert_default()
            .insert(LABEL_RUN_ID.to_owned(), "other".to_owned());
        words.note(&later, begin + KEPT_FOR);
        assert!(words.of("id").is_none() && words.of("other").is_some());
    }
}
