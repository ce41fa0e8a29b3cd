//! Pods that were never made: the Job controller tries, the API server refuses, and only an event of the Job says why.

use jiff::Timestamp;
use locust_api::{Duration, reasons};

use crate::{
    pods::PodProblem,
    time::after,
    view::{EventView, JobView},
};

/// How long the Job controller may take to make the pods of a new Job before anybody asks why they are missing.
const GRACE: Duration = Duration::from_secs(2);

/// Whether a Job that goes on has fewer pods than it asks for, and not only because the Job controller is still busy.
pub fn is_short_of_pods(job: &JobView, now: Timestamp) -> bool {
    let created = job.metadata.creation_timestamp.as_ref();
    job.finished().is_none()
        && job.status.start_time.is_some()
        && job.status.active + job.status.succeeded < job.spec.parallelism.unwrap_or(1)
        && created.is_none_or(|time| after(time.0, GRACE) <= now)
}

/// Why the pods of this Job are refused, in the API server's words: those of the latest event after `since`.
pub fn refusal(job: &str, events: &[EventView], since: Option<Timestamp>) -> Option<PodProblem> {
    let (_, words) = EventView::latest(events, reasons::FAILED_CREATE)
        .filter(|(seen, _)| since.is_none_or(|since| since <= *seen))?;
    let words = words.strip_prefix("Error creating: ").unwrap_or(words);
    Some(PodProblem {
        reason: reasons::FAILED_CREATE,
        message: format!(
            "the API server refuses the pods of Job {job}: {}",
            without_random_names(job, words)
        ),
    })
}

/// Every try has another pod name, and the same refusal must read the same each time.
fn without_random_names(job: &str, words: &str) -> String {
    let start = format!("\"{job}-");
    let mut parts = words.split(&start);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        text = format!("{text}{start}…\"{rest}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn event(second: i64, note: &str) -> EventView {
        serde_json::from_value(
            json!({"metadata": {"creationTimestamp": at(0).to_string()}, "reason": "FailedCreate",
            "note": note, "deprecatedLastTimestamp": at(second).to_string()}),
        )
        .unwrap()
    }

    fn job(mut status: Value) -> JobView {
        status["startTime"] = json!(at(0).to_string());
        serde_json::from_value(json!({
            "metadata": {"name": "demo-worker", "creationTimestamp": at(0).to_string()},
            "spec": {"parallelism": 3}, "status": status}))
        .unwrap()
    }

    #[test]
    fn a_job_is_short_of_pods_only_after_a_moment_and_before_its_end() {
        for (second, status, short) in [
            (1, json!({"active": 0}), false),
            (2, json!({"active": 0}), true),
            (9, json!({"active": 2}), true),
            (9, json!({"active": 3}), false),
            (9, json!({"active": 1, "succeeded": 2}), false),
            (
                9,
                json!({"conditions": [{"type": "Complete", "status": "True"}]}),
                false,
            ),
            (
                9,
                json!({"conditions": [{"type": "Failed", "status": "True"}]}),
                false,
            ),
        ] {
            let found = is_short_of_pods(&job(status.clone()), at(second));
            assert_eq!(found, short, "{status} at second {second}");
        }
    }

    #[test]
    fn a_job_that_the_job_controller_has_not_looked_at_is_not_asked_about() {
        let mut waits = job(json!({}));
        assert!(is_short_of_pods(&waits, at(9)));
        waits.status.start_time = None;
        assert!(!is_short_of_pods(&waits, at(9)));
    }

    #[test]
    fn the_latest_words_count_and_no_pod_has_a_random_name() {
        let quota = "Error creating: pods \"demo-worker-1-x7k2p\" is forbidden: exceeded quota: none, used: pods=0";
        let events = [event(9, quota), event(3, "Error creating: something else")];
        let problem = refusal("demo-worker", &events, None).unwrap();
        assert_eq!(
            problem.message,
            "the API server refuses the pods of Job demo-worker: \
             pods \"demo-worker-…\" is forbidden: exceeded quota: none, used: pods=0"
        );
        assert_eq!(problem.reason, "FailedCreate");
    }

    #[test]
    fn old_events_and_others_say_nothing() {
        let events = [event(3, "Error creating: long ago")];
        assert_eq!(refusal("demo-worker", &events, Some(at(4))), None);
        assert!(refusal("demo-worker", &events, Some(at(3))).is_some());
        let mut created = event(3, "Created pod: demo-worker-x");
        created.reason = Some("SuccessfulCreate".to_owned());
        assert_eq!(refusal("demo-worker", &[created], None), None);
    }

    #[test]
    fn any_text_is_taken() {
        for words in ["", "\"demo-worker-", "pods \"demo-worker-x", "\"other-x\""] {
            let text = without_random_names("demo-worker", words);
            assert!(!text.contains("-x\"") || words.contains("other"), "{text}");
        }
    }
}
