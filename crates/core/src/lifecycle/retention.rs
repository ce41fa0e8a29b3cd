//! After the end: what goes, and when.
//!
//! Nothing goes before the verdict is stored: with it goes everything that could tell how the run went.

use jiff::Timestamp;
use locust_api::v2::{LocustTestSpec, LocustTestStatus, Phase, Retention, Verdict};

use crate::{time::after, view::JobView};

/// How long a Job of an ended run is to stay, in seconds, when that is still to be written into it: as the test says, else
/// as the operator's setting `default`.
///
/// Only what has ended gets it: the clock of a Job that is over starts at once.
pub fn job_ttl(
    spec: &LocustTestSpec,
    status: &LocustTestStatus,
    job: &JobView,
    default: Option<i32>,
) -> Option<i32> {
    let is_due = is_judged(status)
        && job.finished().is_some()
        && job.spec.ttl_seconds_after_finished.is_none()
        && job.metadata.deletion_timestamp.is_none();
    let own = of(spec, status)
        .and_then(|retention| retention.pods_after_finished)
        .map(|pods| i32::try_from(pods.as_secs_ceil()).unwrap_or(i32::MAX));
    own.or(default).filter(|_| is_due)
}

/// When a test that is over goes, with all that belongs to it; `None` is never.
pub fn expiry(spec: &LocustTestSpec, status: &LocustTestStatus) -> Option<Timestamp> {
    let Retention {
        pods_after_finished: _,
        test_after_finished,
        test_after_passed,
        test_after_failed,
    } = of(spec, status)?;
    let by_verdict = match status.verdict.filter(|_| is_judged(status))? {
        Verdict::Passed => test_after_passed,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Error | Verdict::Aborted => {
            test_after_failed
        }
    };
    let stays = by_verdict.or(*test_after_finished)?;
    Some(after(status.completion_time.as_ref()?.0, stays))
}

/// What the test says, else its template.
fn of<'a>(spec: &'a LocustTestSpec, status: &'a LocustTestStatus) -> Option<&'a Retention> {
    let pinned = status.pin.as_ref().and_then(|pin| pin.retention.as_ref());
    spec.retention.as_ref().or(pinned)
}

fn is_judged(status: &LocustTestStatus) -> bool {
    status.phase.is_some_and(Phase::is_terminal) && status.verdict.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn expires(retention: Value, status: Value) -> Option<i64> {
        let mut spec = LocustTestSpec::with_workers(1);
        spec.retention = serde_json::from_value(retention).unwrap();
        let status = serde_json::from_value(status).unwrap();
        expiry(&spec, &status).map(Timestamp::as_second)
    }

    fn ended(verdict: &str) -> Value {
        json!({"phase": "Failed", "verdict": verdict, "completionTime": "1970-01-01T00:10:00Z"})
    }

    #[test]
    fn a_test_goes_by_its_verdict() {
        let all =
            json!({"testAfterFinished": "1m", "testAfterPassed": "10s", "testAfterFailed": "1h"});
        for (retention, verdict, goes) in [
            (json!(null), "Passed", None),
            (json!({}), "Passed", None),
            (json!({"podsAfterFinished": "1s"}), "Passed", None),
            (all.clone(), "Passed", Some(610)),
            (all.clone(), "Failed", Some(4200)),
            (all.clone(), "Error", Some(4200)),
            (all, "Inconclusive", Some(4200)),
            (json!({"testAfterFinished": "1m"}), "Passed", Some(660)),
            (json!({"testAfterFinished": "1m"}), "Aborted", Some(660)),
            (json!({"testAfterPassed": "1m"}), "Failed", None),
        ] {
            assert_eq!(
                expires(retention.clone(), ended(verdict)),
                goes,
                "{retention} {verdict}"
            );
        }
    }

    #[test]
    fn nothing_goes_before_its_verdict() {
        let now = json!({"testAfterFinished": "0s"});
        for status in [
            json!({}),
            json!({"phase": "Running"}),
            json!({"phase": "Failed", "completionTime": "1970-01-01T00:10:00Z"}),
            json!({"phase": "Running", "verdict": "Passed", "completionTime": "1970-01-01T00:10:00Z"}),
        ] {
            assert_eq!(expires(now.clone(), status.clone()), None, "{status}");
        }
    }

    #[test]
    fn a_test_overrules_the_operator() {
        let job: JobView = serde_json::from_value(json!({"metadata": {}, "spec": {},
            "status": {"conditions": [{"type": "Complete", "status": "True"}]}}))
        .unwrap();
        let status: LocustTestStatus = serde_json::from_value(ended("Passed")).unwrap();
        let ttl = |retention: Value, default| {
            let mut spec = LocustTestSpec::with_workers(1);
            spec.retention = serde_json::from_value(retention).unwrap();
            job_ttl(&spec, &status, &job, default)
        };
        assert_eq!(ttl(json!(null), None), None);
        assert_eq!(ttl(json!(null), Some(60)), Some(60));
        assert_eq!(
            ttl(json!({"podsAfterFinished": "1500ms"}), Some(60)),
            Some(2)
        );
        assert_eq!(ttl(json!({"testAfterFinished": "5s"}), None), None);
    }
}
