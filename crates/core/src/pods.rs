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
        reasons::DISRUPTED,
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
    if let Some(words) = ended_by_the_cluster(pod) {
        return Some((reasons::DISRUPTED, words));
    }
    let init = pod
        .status
        .init_container_statuses
        .iter()
        .filter(|container| container.state.terminated.is_none() || !has_begun(pod))
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

/// Who evicted, preempted or lost a worker's pod. The master's end is the run's outcome.
fn ended_by_the_cluster(pod: &PodView) -> Option<String> {
    let ended = pod.status.phase == "Failed" && pod.label(LABEL_ROLE) != Some("master");
    let words = pod.disruption().filter(|_| ended)?;
    let reason = pod.status.reason.as_deref();
    Some(reason.map_or_else(|| words.to_owned(), |reason| format!("{reason}: {words}")))
}

/// Whether the init containers are done: one that has ended now is a sidecar, which the end of the pod has ended.
fn has_begun(pod: &PodView) -> bool {
    let mut main = pod.status.container_statuses.iter();
    main.any(|container| container.state.running.is_some() || container.state.terminated.is_some())
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
    let kind = terminated.reason.as_deref().filter(|word| *word != "Error");
    let kind = kind.map_or_else(String::new, |word| format!(" ({word})"));
    let last = terminated.message.as_deref().and_then(last_line);
    let last = last.map_or_else(String::new, |line| format!(": {line}"));
    Some((
        reason,
        format!(
            "container {} ended with exit code {}{kind}{last}",
            container.name, terminated.exit_code
        ),
    ))
}

/// The last line that says something: of a Python traceback, the exception, whatever Locust reports of its own doings
/// after it.
pub fn last_line(text: &str) -> Option<String> {
    let said = text
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('{'));
    let is_chatter = |line: &&str| line.contains("/INFO/locust.");
    let line = said
        .clone()
        .find(|line| !is_chatter(line))
        .or(said.clone().next())?;
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

    /// Every cause that a pod itself shows. Pods that were never made are in `refusals`, volumes in `mounting`.
    #[test]
    fn every_cause_has_its_reason() {
        use reasons::{
            CONFIGURATION, CRASH_LOOP, DISRUPTED, IMAGE_PULL, INITIALIZATION, OOM_KILLED,
            SCHEDULING,
        };
        let main = |state: Value| json!({"containerStatuses": [{"name": "c", "state": state}]});
        let init = |state: Value| {
            let main = json!([{"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}]);
            json!({"initContainerStatuses": [{"name": "i", "state": state}], "containerStatuses": main})
        };
        let waits = |word: &str| json!({"waiting": {"reason": word, "message": "their words"}});
        let ended = |word: &str, code: i32| json!({"terminated": {"exitCode": code, "reason": word, "message": "their words"}});
        let condition = |kind: &str, status: &str| json!([{"type": kind, "status": status, "message": "their words"}]);
        let mut causes = vec![
            (
                "unschedulable",
                json!({"conditions": condition("PodScheduled", "False")}),
                SCHEDULING,
            ),
            ("exit code", main(ended("Error", 1)), CRASH_LOOP),
            ("memory", main(ended("OOMKilled", 137)), OOM_KILLED),
            (
                "init container fails",
                init(ended("Error", 1)),
                INITIALIZATION,
            ),
            (
                "init container's memory",
                init(ended("OOMKilled", 137)),
                OOM_KILLED,
            ),
            (
                "init container's image",
                init(waits("ErrImagePull")),
                IMAGE_PULL,
            ),
            (
                "init container's Secret",
                init(waits("CreateContainerConfigError")),
                CONFIGURATION,
            ),
            (
                "preempted",
                json!({"phase": "Failed", "conditions": condition("DisruptionTarget", "True"),
                "containerStatuses": [{"name": "c", "state": ended("Error", 143)}]}),
                DISRUPTED,
            ),
            (
                "evicted",
                json!({"phase": "Failed", "reason": "Evicted", "message": "their words"}),
                DISRUPTED,
            ),
        ];
        for (word, reason) in [
            ("ErrImagePull", IMAGE_PULL),
            ("ImagePullBackOff", IMAGE_PULL),
            ("ErrImageNeverPull", IMAGE_PULL),
            ("InvalidImageName", IMAGE_PULL),
            ("ImageInspectError", IMAGE_PULL),
            ("RegistryUnavailable", IMAGE_PULL),
            ("CreateContainerConfigError", CONFIGURATION),
            ("CreateContainerError", CONFIGURATION),
            ("RunContainerError", CONFIGURATION),
            ("CrashLoopBackOff", CRASH_LOOP),
        ] {
            causes.push((word, main(waits(word)), reason));
        }
        for (cause, status, reason) in causes {
            let found = problem([&pod("a", status)]).expect(cause);
            assert_eq!(found.reason, reason, "{cause}");
            assert!(
                found.message.contains("their words"),
                "{cause}: {}",
                found.message
            );
        }
    }

    #[test]
    fn a_sidecar_that_ends_with_its_pod_is_no_problem() {
        let killed = json!({"terminated": {"exitCode": 137, "reason": "Error"}});
        for main in [
            json!({"running": {}}),
            json!({"terminated": {"exitCode": 0}}),
        ] {
            let pod = pod(
                "a",
                json!({
                "initContainerStatuses": [{"name": "locust-metrics-exporter", "state": killed}],
                "containerStatuses": [{"name": "c", "state": main}]}),
            );
            assert_eq!(problem([&pod]), None);
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
        let quit = "[2026-11-21 06:42:25,918] w-0/INFO/locust.main: Shutting down (exit code 2)\n";
        let shown = last_line(&format!("KeyError: 'Shopper'\n{quit}"));
        assert_eq!(shown.unwrap(), "KeyError: 'Shopper'");
        assert!(
            last_line(quit)
                .unwrap()
                .ends_with("Shutting down (exit code 2)")
        );
    }
}
