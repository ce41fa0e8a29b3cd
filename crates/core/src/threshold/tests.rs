use locust_api::v2::{ThresholdResult, ThresholdStatus};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::report::Actual;

fn thresholds(value: Value) -> Vec<Threshold> {
    serde_json::from_value(value).unwrap()
}

fn actual(value: f64, requests: i64) -> Option<Actual> {
    Some(Actual {
        value: Some(value),
        requests,
    })
}

#[test]
fn words_say_what_must_hold() {
    let spec = thresholds(json!([
        {"name": "a", "metric": "p95", "op": "lt", "value": "500ms", "endpoint": {"method": "GET", "name": "/checkout"}},
        {"name": "b", "metric": "errorRatio", "op": "lte", "value": "1%"},
        {"name": "c", "metric": "requests", "op": "gte", "value": "10000", "endpoint": {"nameRegex": "^/item/"}},
    ]));
    let words: Vec<_> = parse(&spec).unwrap().iter().map(Limit::words).collect();
    assert_eq!(
        words,
        [
            "p95 of GET /checkout < 500ms",
            "errorRatio ≤ 1%",
            "requests of ~ ^/item/ ≥ 10000"
        ]
    );
}

#[test]
fn all_that_makes_no_sense_is_said_at_once() {
    let spec = thresholds(json!([
        {"name": "a", "metric": "p95", "op": "lt", "value": "500"},
        {"name": "b", "metric": "requests", "op": "gte", "value": "5", "minRequests": 3, "abort": {}},
        {"name": "c", "metric": "rps", "op": "gt", "value": "1%", "endpoint": {"nameRegex": "("}},
    ]));
    let problems = parse(&spec).unwrap_err();
    let fields: Vec<_> = problems.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.thresholds[0].value",
            "spec.thresholds[1].minRequests",
            "spec.thresholds[1].abort",
            "spec.thresholds[2].value",
            "spec.thresholds[2].endpoint.nameRegex"
        ]
    );
}

#[test]
fn each_result_has_its_meaning() {
    let p95 = |more: Value| {
        let mut all = json!({"name": "t", "metric": "p95", "op": "lt", "value": "500ms"});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!([all])
    };
    let named = json!({"endpoint": {"name": "/x"}});
    use ThresholdResult::{Failed, NotEvaluated, Passed, Warned};
    for (more, seen, result, breached, unjudged, warnings) in [
        (json!({}), actual(499.0, 100), Passed, 0, 0, 0),
        (json!({}), actual(500.0, 100), Failed, 1, 0, 0),
        (json!({"op": "lte"}), actual(500.0, 100), Passed, 0, 0, 0),
        (
            json!({"severity": "Warn"}),
            actual(501.0, 100),
            Warned,
            0,
            0,
            1,
        ),
        (json!({}), actual(1.0, 99), NotEvaluated, 0, 1, 0),
        (json!({"minRequests": 5}), actual(1.0, 5), Passed, 0, 0, 0),
        (
            json!({"severity": "Warn"}),
            actual(1.0, 9),
            NotEvaluated,
            0,
            0,
            0,
        ),
        (json!({"onNoData": "Pass"}), None, NotEvaluated, 0, 0, 0),
        (json!({"onNoData": "Fail"}), None, Failed, 1, 0, 0),
        (
            named,
            Some(Actual {
                value: None,
                requests: 0,
            }),
            NotEvaluated,
            0,
            1,
            0,
        ),
    ] {
        let spec = thresholds(p95(more.clone()));
        let judgement = judge(&parse(&spec).unwrap(), &[seen]);
        assert_eq!(judgement.thresholds[0].result, result, "{more} {seen:?}");
        assert_eq!(
            (
                judgement.breached.len(),
                judgement.unjudged.len(),
                judgement.warnings
            ),
            (breached, unjudged, warnings),
            "{more} {seen:?}"
        );
    }
}

#[test]
fn a_breach_is_told_with_limit_and_actual() {
    let spec = thresholds(json!([
        {"name": "fast", "metric": "p95", "op": "lt", "value": "500ms"},
        {"name": "many", "metric": "rps", "op": "gte", "value": "800/s"},
        {"name": "clean", "metric": "errorRatio", "op": "lt", "value": "1%", "minRequests": 1000},
    ]));
    let seen = [actual(1250.0, 400), actual(90.04, 400), actual(0.0, 400)];
    let judgement = judge(&parse(&spec).unwrap(), &seen);
    assert_eq!(
        judgement.breached,
        [
            "fast: p95 < 500ms, was 1.25s",
            "many: rps ≥ 800/s, was 90.0/s"
        ]
    );
    assert_eq!(
        judgement.unjudged,
        ["clean: errorRatio < 1%, only 400 requests, and minRequests is 1000"]
    );
    assert_eq!(
        judgement.thresholds[2],
        ThresholdStatus {
            name: "clean".to_owned(),
            limit: "errorRatio < 1%".to_owned(),
            actual: Some("0.0000".to_owned()),
            result: ThresholdResult::NotEvaluated,
            message: Some("only 400 requests, and minRequests is 1000".to_owned()),
        }
    );
}

proptest! {
    /// A threshold holds exactly when its opposite does not.
    #[test]
    fn opposites_exclude_each_other(actual in 0.0..2000.0f64, limit in 0.0..2000.0f64) {
        prop_assert!(Operator::Lt.holds(actual, limit) != Operator::Gte.holds(actual, limit));
        prop_assert!(Operator::Gt.holds(actual, limit) != Operator::Lte.holds(actual, limit));
    }

    /// Whatever was measured, each threshold gets one result, in order.
    #[test]
    fn every_threshold_gets_its_result(
        seen in proptest::collection::vec(
            proptest::option::of((proptest::option::of(0.0..1e6f64), 0i64..500)), 0..6),
    ) {
        let spec = thresholds(json!([
            {"name": "a", "metric": "p95", "op": "lt", "value": "500ms"},
            {"name": "b", "metric": "errorRatio", "op": "lt", "value": "1%", "severity": "Warn"},
            {"name": "c", "metric": "requests", "op": "gte", "value": "10", "onNoData": "Fail"},
        ]));
        let seen: Vec<_> = seen
            .into_iter()
            .map(|it| it.map(|(value, requests)| Actual { value, requests }))
            .collect();
        let judgement = judge(&parse(&spec).unwrap(), &seen);
        let names: Vec<_> = judgement.thresholds.iter().map(|it| it.name.as_str()).collect();
        prop_assert_eq!(names, ["a", "b", "c"]);
        let failed = judgement.thresholds.iter().filter(|it| it.result == ThresholdResult::Failed);
        prop_assert_eq!(failed.count(), judgement.breached.len());
    }
}
