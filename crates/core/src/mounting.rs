//! Pods whose volumes cannot be mounted: they sit in `ContainerCreating`, and only an event of the pod says why.

use jiff::Timestamp;
use locust_api::{Duration, reasons};

use crate::{
    pods::PodProblem,
    time::after,
    view::{ContainerView, EventView, PodView},
};

/// The kubelet's word in its events.
pub const FAILED_MOUNT: &str = "FailedMount";
/// How long a pod may take to get its containers before anybody asks what keeps it.
const GRACE: Duration = Duration::from_secs(10);

/// Whether a pod has a node since a while, and still no container was made in it.
pub fn is_stuck(pod: &PodView, now: Timestamp) -> bool {
    let scheduled = pod
        .status
        .conditions
        .iter()
        .find(|condition| condition.kind == "PodScheduled" && condition.status == "True")
        .and_then(|condition| condition.last_transition_time.as_ref());
    let waits = |container: &ContainerView| {
        let word = container
            .state
            .waiting
            .as_ref()
            .and_then(|waiting| waiting.reason.as_deref());
        matches!(word, Some("ContainerCreating" | "PodInitializing"))
    };
    let mut containers = pod
        .status
        .init_container_statuses
        .iter()
        .chain(&pod.status.container_statuses);
    pod.metadata.deletion_timestamp.is_none()
        && pod.status.phase == "Pending"
        && containers.all(waits)
        && scheduled.is_some_and(|time| after(time.0, GRACE) <= now)
}

/// Why a stuck pod cannot start, in the kubelet's words: those of its latest event.
pub fn problem(pod: &str, events: &[EventView]) -> Option<PodProblem> {
    let (_, words) = EventView::latest(events, FAILED_MOUNT)?;
    Some(PodProblem {
        reason: reasons::CONFIGURATION,
        message: format!("pod {pod} cannot mount a volume: {}", words.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn pod(phase: &str, scheduled: &str, init: &Value, main: &Value) -> PodView {
        serde_json::from_value(json!({"metadata": {"name": "demo-worker-0-x"}, "status": {
            "phase": phase,
            "conditions": [{"type": "PodScheduled", "status": scheduled, "lastTransitionTime": at(0).to_string()}],
            "initContainerStatuses": init, "containerStatuses": main}}))
        .unwrap()
    }

    #[test]
    fn only_a_pod_with_a_node_and_without_containers_is_stuck() {
        let waiting = |word: &str| json!([{"name": "c", "state": {"waiting": {"reason": word}}}]);
        let running = json!([{"name": "c", "state": {"running": {}}}]);
        let creating = waiting("ContainerCreating");
        let none = json!([]);
        for (second, phase, scheduled, init, main, stuck) in [
            (10, "Pending", "True", &none, &creating, true),
            (9, "Pending", "True", &none, &creating, false),
            (10, "Pending", "False", &none, &creating, false),
            (10, "Running", "True", &none, &running, false),
            (
                10,
                "Pending",
                "True",
                &none,
                &waiting("ErrImagePull"),
                false,
            ),
            (
                10,
                "Pending",
                "True",
                &waiting("PodInitializing"),
                &waiting("PodInitializing"),
                true,
            ),
            (
                10,
                "Pending",
                "True",
                &running,
                &waiting("PodInitializing"),
                false,
            ),
        ] {
            let pod = pod(phase, scheduled, init, main);
            assert_eq!(is_stuck(&pod, at(second)), stuck, "{second} s: {pod:?}");
        }
    }

    #[test]
    fn the_latest_words_of_the_kubelet_count() {
        let event = |second: i64, reason: &str, note: &str| -> EventView {
            serde_json::from_value(json!({"metadata": {"creationTimestamp": at(0).to_string()},
                "reason": reason, "note": note, "deprecatedLastTimestamp": at(second).to_string()}))
            .unwrap()
        };
        let events = [
            event(5, FAILED_MOUNT, "secret \"tls\" not found"),
            event(9, FAILED_MOUNT, "secret \"ca\" not found"),
            event(10, "Scheduled", "assigned to a node"),
        ];
        let found = problem("demo-worker-0-x", &events).unwrap();
        assert_eq!(found.reason, reasons::CONFIGURATION);
        assert_eq!(
            found.message,
            "pod demo-worker-0-x cannot mount a volume: secret \"ca\" not found"
        );
        assert_eq!(problem("a", &events[2..]), None);
    }
}
