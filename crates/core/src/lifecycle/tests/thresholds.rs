//! Verdicts by thresholds, and runs that do not count.

use super::*;
use locust_api::v2::{LocustTestStatus, ThresholdResult};

fn test_with(more: Value) -> LocustTest {
    let mut spec = json!({"worker": {"replicas": 3}, "thresholds": [
        {"name": "fast", "metric": "p95", "op": "lt", "value": "500ms"},
        {"name": "clean", "metric": "errorRatio", "op": "lte", "value": "1%", "severity": "Warn"},
    ]});
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    created_test(spec)
}

fn status_of(test: &LocustTest, code: i32, run: Value, actuals: Value) -> LocustTestStatus {
    let text = line(run) + "\n" + &json!({"k": "th", "a": actuals}).to_string();
    let (master, pod) = (job(json!([])), ended(code, "Error", &text));
    look(test, 60, Job::Found(&master), &[&pod], Live::NotAsked).status
}

#[test]
fn thresholds_decide_instead_of_failed_requests() {
    let good = json!([[499, 400], [0.005, 400]]);
    for (name, code, run, actuals, verdict, reason) in [
        (
            "hold",
            0,
            json!({"f": 2}),
            good.clone(),
            Verdict::Passed,
            "AllPassed",
        ),
        (
            "only a warning",
            0,
            json!({"f": 9}),
            json!([[1, 400], [0.5, 400]]),
            Verdict::Passed,
            "AllPassed",
        ),
        (
            "breach",
            0,
            json!({}),
            json!([[500, 400], [0, 400]]),
            Verdict::Failed,
            "ThresholdBreached",
        ),
        (
            "too few requests",
            0,
            json!({}),
            json!([[1, 99], [0, 99]]),
            Verdict::Inconclusive,
            "ThresholdNoData",
        ),
        (
            "a cut message",
            0,
            json!({}),
            json!([]),
            Verdict::Inconclusive,
            "ThresholdNoData",
        ),
        (
            "own exit code",
            42,
            json!({"exitBy": "user"}),
            good.clone(),
            Verdict::Failed,
            "ExitCode",
        ),
        (
            "another exit code",
            2,
            json!({}),
            good.clone(),
            Verdict::Failed,
            "ExitCode",
        ),
        (
            "ended early",
            3,
            json!({"reason": "ThresholdAbort", "abort": 0, "exitBy": "plugin"}),
            json!([[800, 400], [0, 400]]),
            Verdict::Failed,
            "ThresholdAbort",
        ),
        (
            "workers lost",
            0,
            json!({"avgWorkers": 2.0}),
            json!([[800, 400], [0, 400]]),
            Verdict::Inconclusive,
            "WorkersLost",
        ),
        (
            "saturated",
            0,
            json!({"cpuWorkers": 1, "cpuMax": 99}),
            good.clone(),
            Verdict::Inconclusive,
            "WorkersSaturated",
        ),
        (
            "too few users",
            0,
            json!({"peakUsers": 3, "targetUsers": 4}),
            good.clone(),
            Verdict::Inconclusive,
            "UsersNotReached",
        ),
        (
            "stopped",
            3,
            json!({"reason": "StoppedEarly", "exitBy": "plugin"}),
            good.clone(),
            Verdict::Inconclusive,
            "StoppedEarly",
        ),
    ] {
        let status = status_of(&test_with(json!({})), code, run, actuals);
        assert_eq!(
            (status.verdict, status.reason.as_deref()),
            (Some(verdict), Some(reason)),
            "{name}: {:?}",
            status.message
        );
        assert_eq!(status.thresholds.len(), 2, "{name}");
    }
}

#[test]
fn a_status_has_limit_actual_and_result() {
    let status = status_of(
        &test_with(json!({})),
        0,
        json!({"n": 400, "f": 8}),
        json!([[623, 400], [0.02, 400]]),
    );
    let rows: Vec<_> = status
        .thresholds
        .iter()
        .map(|it| (it.limit.as_str(), it.actual.as_deref(), it.result))
        .collect();
    assert_eq!(
        rows,
        [
            ("p95 < 500ms", Some("623ms"), ThresholdResult::Failed),
            ("errorRatio ≤ 1%", Some("0.0200"), ThresholdResult::Warned)
        ]
    );
    assert_eq!(status.warnings, Some(1));
    assert_eq!(
        status.message.as_deref(),
        Some(
            "1 of 2 thresholds did not hold: fast: p95 < 500ms, was 623ms (400 requests, 8 failed)"
        )
    );
}

#[test]
fn a_test_may_allow_what_makes_others_inconclusive() {
    let test = test_with(
        json!({"validity": {"minWorkersPercent": 50, "minUsersPercent": 50, "maxCpuSaturatedWorkersPercent": 100}}),
    );
    let run = json!({"avgWorkers": 2.0, "cpuWorkers": 3, "peakUsers": 2, "targetUsers": 4});
    let status = status_of(&test, 0, run, json!([[1, 400], [0, 400]]));
    assert_eq!(status.verdict, Some(Verdict::Passed));
}

#[test]
fn without_thresholds_a_run_that_does_not_count_is_inconclusive_too() {
    let test = created_test(json!({"worker": {"replicas": 3}}));
    let status = status_of(
        &test,
        1,
        json!({"exit": 1, "f": 7, "avgWorkers": 1.0}),
        json!([]),
    );
    assert_eq!(status.reason.as_deref(), Some("WorkersLost"));
    assert!(status.thresholds.is_empty());
}
