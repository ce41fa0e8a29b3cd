//! What keeps pods from running, in the kubelet's and scheduler's own words.

use locust_api::{names::LABEL_ROLE, reasons};

use crate::view::{ContainerView, PodView};

/// A problem of one or more pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodProblem {
    /// Which kind, as a condition's reason.
    pub reason: &'static str,
    /// How many pods have it, which, and the first one's words.
    pub message: String,
}

/// The most urgent problem of these pods, if there is any.
///
/// Configuration comes before images, these before scheduling, crashes and init containers: published order.
pub fn problem<'a>(pods: impl IntoIterator<Item = &'a PodView>) -> Option<PodProblem> {
    let mut found: Vec<(usize, &'static str, String, String)> = pods
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .filter_map(|pod| {
            let (reason, words) = of_pod(pod)?;
            Some((
                urgency(reason),
                reason,
                pod.metadata.name.clone().unwrap_or_default(),
                words,
            ))
        })
        .collect();
    found.sort();
    let (_, reason, _, words) = found.first()?.clone();
    let names: Vec<&str> = found
        .iter()
        .filter(|problem| problem.1 == reason)
        .map(|problem| problem.2.as_str())
        .collect();
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 3 { ", …" } else { "" };
    Some(PodProblem {
        reason,
        message: format!(
            "{} pod(s) affected [{shown}{more}]: {words}{}",
            names.len(),
            advice(&words)
        ),
    })
}

fn urgency(reason: &str) -> usize {
    const ORDER: &[&str] = &[
        reasons::CONFIGURATION,
        reasons::IMAGE_PULL,
        reasons::SCHEDULING,
        reasons::OOM_KILLED,
        reasons::CRASH_LOOP,
        reasons::INITIALIZATION,
    ];
    ORDER
        .iter()
        .position(|known| *known == reason)
        .unwrap_or(ORDER.len())
}

fn advice(words: &str) -> &'static str {
    if words.contains("runAsNonRoot") {
        " (set the chart value locustPods.runAsUser, or security.podSecurityContext.runAsUser in the test)"
    } else {
        ""
    }
}

fn of_pod(pod: &PodView) -> Option<(&'static str, String)> {
    let unscheduled = pod
        .status
        .conditions
        .iter()
        .find(|condition| condition.kind == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        let words = condition
            .message
            .clone()
            .or_else(|| condition.reason.clone());
        return Some((
            reasons::SCHEDULING,
            words.unwrap_or_else(|| "not scheduled".to_owned()),
        ));
    }
    let init = pod
        .status
        .init_container_statuses
        .iter()
        .find_map(|container| of_container(container, true));
    // How the master ended is the run's outcome and no problem of its pod.
    let is_master = pod.label(LABEL_ROLE) == Some("master");
    let mut main = pod.status.container_statuses.iter();
    init.or_else(|| {
        main.by_ref()
            .filter(|container| !is_master || container.state.terminated.is_none())
            .find_map(|container| of_container(container, false))
    })
}

fn of_container(container: &ContainerView, init: bool) -> Option<(&'static str, String)> {
    let state = &container.state;
    if let Some(waiting) = &state.waiting {
        let reason = match waiting.reason.as_deref()? {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "ErrImageNeverPull"
            | "InvalidImageName"
            | "ImageInspectError"
            | "RegistryUnavailable" => reasons::IMAGE_PULL,
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                reasons::CONFIGURATION
            }
            "CrashLoopBackOff" => reasons::CRASH_LOOP,
            _ => return None,
        };
        let words = waiting
            .message
            .as_deref()
            .or(waiting.reason.as_deref())
            .unwrap_or_default();
        return Some((reason, format!("container {}: {words}", container.name)));
    }
    let terminated = state
        .terminated
        .as_ref()
        .filter(|terminated| terminated.exit_code != 0)?;
    let reason = match terminated.reason.as_deref() {
        Some("OOMKilled") => reasons::OOM_KILLED,
        _ if init => reasons::INITIALIZATION,
        _ => reasons::CRASH_LOOP,
    };
    let last = terminated
        .message
        .as_deref()
        .and_then(last_line)
        .unwrap_or_default();
    Some((
        reason,
        format!(
            "container {} ended with exit code {}: {last}",
            container.name, terminated.exit_code
        ),
    ))
}

/// The last line that says something: of a Python traceback, the exception.
pub fn last_line(text: &str) -> Option<String> {
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('{'))?;
    Some(line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(name: &str, status: Value) -> PodView {
        serde_json::from_value(json!({"metadata": {"name": name}, "status": status})).unwrap()
    }

    fn waiting(name: &str, reason: &str, message: &str) -> PodView {
        let state = json!({"waiting": {"reason": reason, "message": message}});
        pod(
            name,
            json!({"containerStatuses": [{"name": "c", "state": state}]}),
        )
    }

    #[test]
    fn healthy_pods_have_no_problem() {
        let creating = waiting("a", "ContainerCreating", "");
        let running = pod(
            "b",
            json!({"containerStatuses": [{"name": "c", "state": {"running": {}}}]}),
        );
        let done = pod(
            "c",
            json!({"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]}),
        );
        assert_eq!(problem([&creating, &running, &done]), None);
    }

    #[test]
    fn every_cause_has_its_reason() {
        for (word, reason) in [
            ("ErrImagePull", reasons::IMAGE_PULL),
            ("ImagePullBackOff", reasons::IMAGE_PULL),
            ("ErrImageNeverPull", reasons::IMAGE_PULL),
            ("InvalidImageName", reasons::IMAGE_PULL),
            ("CreateContainerConfigError", reasons::CONFIGURATION),
            ("CreateContainerError", reasons::CONFIGURATION),
            ("CrashLoopBackOff", reasons::CRASH_LOOP),
        ] {
            let found = problem([&waiting("a", word, "words of the kubelet")]).unwrap();
            assert_eq!(found.reason, reason);
            assert!(
                found.message.contains("words of the kubelet"),
                "{}",
                found.message
            );
        }
    }

    #[test]
    fn the_most_urgent_problem_speaks_and_counts_its_pods() {
        let unscheduled = pod(
            "a",
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]}),
        );
        let image = [
            waiting("b", "ErrImagePull", "no such image"),
            waiting("c", "ErrImagePull", "no such image"),
        ];
        let found = problem([&unscheduled, &image[0], &image[1]]).unwrap();
        assert_eq!(found.reason, reasons::IMAGE_PULL);
        assert!(
            found.message.starts_with("2 pod(s) affected [b, c]"),
            "{}",
            found.message
        );
    }

    #[test]
    fn a_non_numeric_user_gets_the_value_to_set() {
        let found = problem([&waiting(
            "a",
            "CreateContainerConfigError",
            "container has runAsNonRoot and image has non-numeric user",
        )]);
        assert!(found.unwrap().message.contains("locustPods.runAsUser"));
    }

    #[test]
    fn the_last_line_of_a_traceback_is_the_exception() {
        let log = "Traceback (most recent call last):\n  File \"x\"\nModuleNotFoundError: No module named 'foo'\n\n";
        assert_eq!(
            last_line(log).unwrap(),
            "ModuleNotFoundError: No module named 'foo'"
        );
    }
}
