//! After the end of a suite: when it goes, with its tests.

use jiff::Timestamp;
use locust_api::v2::{LocustTestSuiteSpec, LocustTestSuiteStatus, Phase, SuiteRetention, Verdict};

use crate::time::after;

/// When a suite that is over goes, with all that belongs to it; `None` is never.
pub fn expiry(spec: &LocustTestSuiteSpec, status: &LocustTestSuiteStatus) -> Option<Timestamp> {
    let SuiteRetention {
        pods_after_finished: _,
        suite_after_finished,
        suite_after_passed,
        suite_after_failed,
    } = spec.retention.as_ref()?;
    let is_over = status.phase.is_some_and(Phase::is_terminal);
    let by_verdict = match status.verdict.filter(|_| is_over)? {
        Verdict::Passed => suite_after_passed,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Error | Verdict::Aborted => {
            suite_after_failed
        }
    };
    let stays = by_verdict.or(*suite_after_finished)?;
    Some(after(status.completion_time.as_ref()?.0, stays))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn expires(retention: &Value, status: Value) -> Option<i64> {
        let spec = json!({"steps": [], "retention": retention});
        let spec = serde_json::from_value(spec).unwrap();
        let status = serde_json::from_value(status).unwrap();
        expiry(&spec, &status).map(Timestamp::as_second)
    }

    #[test]
    fn a_suite_goes_by_its_verdict() {
        let all = json!({"suiteAfterFinished": "1m", "suiteAfterPassed": "10s", "suiteAfterFailed": "1h"});
        for (retention, verdict, goes) in [
            (json!(null), "Passed", None),
            (json!({"podsAfterFinished": "1s"}), "Passed", None),
            (all.clone(), "Passed", Some(610)),
            (all.clone(), "Failed", Some(4200)),
            (all.clone(), "Inconclusive", Some(4200)),
            (all, "Aborted", Some(4200)),
            (json!({"suiteAfterFinished": "1m"}), "Passed", Some(660)),
            (json!({"suiteAfterFinished": "1m"}), "Error", Some(660)),
            (json!({"suiteAfterPassed": "1m"}), "Failed", None),
        ] {
            let ended = json!({"phase": "Failed", "verdict": verdict, "completionTime": "1970-01-01T00:10:00Z"});
            assert_eq!(expires(&retention, ended), goes, "{retention} {verdict}");
        }
    }

    #[test]
    fn nothing_goes_before_its_verdict() {
        let now = json!({"suiteAfterFinished": "0s"});
        for status in [
            json!({}),
            json!({"phase": "Running"}),
            json!({"phase": "Failed", "completionTime": "1970-01-01T00:10:00Z"}),
            json!({"phase": "Failed", "verdict": "Passed"}),
            json!({"phase": "Running", "verdict": "Passed", "completionTime": "1970-01-01T00:10:00Z"}),
        ] {
            assert_eq!(expires(&now, status.clone()), None, "{status}");
        }
    }
}
