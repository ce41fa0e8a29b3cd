use super::*;
use locust_api::v2::{CompareWith as With, Phase};
use proptest::prelude::*;
use serde_json::json;

const FAR: f64 = 130.0;

fn baseline(yaml: &str) -> Baseline {
    serde_saphyr::from_str(yaml).unwrap()
}

/// A run that ended, with this p95 in milliseconds.
fn run(number: usize, p95: f64, more: serde_json::Value) -> LocustTest {
    let hour = number % 24;
    let day = 1 + number / 24;
    let mut test = json!({
        "apiVersion": "locust.io/v2", "kind": "LocustTest",
        "metadata": {"name": format!("nightly-{number}"), "namespace": "n", "uid": format!("u{number}")},
        "spec": {"worker": {"replicas": 1}},
        "status": {
            "phase": "Succeeded", "verdict": "Passed", "reason": "AllPassed", "message": "1000 requests, 0 failed",
            "startTime": format!("2026-03-{day:02}T{hour:02}:00:00Z"),
            "run": {"id": "r", "specHash": "5bec", "masterName": "m", "workerName": "w", "serviceName": "s",
                "claimedAt": "2026-03-01T00:00:00Z"},
            "pin": {"imageID": "locust@sha256:00112233445566778899", "files": {"locustfile.py": "abc"}},
            "summary": {"requests": 1000, "failures": 0, "errorRatio": "0", "rps": "100.0", "p95": format!("{p95}ms"),
                "resolution": "ThreeDigits", "final": true}}});
    merge(&mut test, more);
    serde_json::from_value(test).unwrap()
}

fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
    match (into, from) {
        (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(json!(null)), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// A series that fills run by run.
struct Nights {
    baseline: Baseline,
    data: BTreeMap<String, String>,
}

impl Nights {
    fn new(yaml: &str) -> Self {
        Self {
            baseline: baseline(yaml),
            data: BTreeMap::new(),
        }
    }

    fn run(&mut self, test: &LocustTest) -> Comparison {
        let Compared { comparison, data } = self.compare(test);
        if let Some(data) = data {
            self.data = data;
        }
        comparison
    }

    fn compare(&self, test: &LocustTest) -> Compared {
        let ended = Ended {
            test,
            status: test.status.as_ref().unwrap(),
            baseline: &self.baseline,
            series: Some("nightly"),
        };
        compare(&ended, Stored::Found(&self.data))
    }

    /// Twenty nights about 100 ms.
    fn calm(yaml: &str) -> Self {
        let mut nights = Self::new(yaml);
        for night in 0..20 {
            let p95 = 100.0 + [0.0, 2.0, -1.0, 1.0, -2.0][night % 5];
            nights.run(&run(night, p95, json!({})));
        }
        nights
    }
}

#[test]
fn a_service_that_gets_slower_is_found_and_located() {
    let mut nights = Nights::new("{}");
    let first = nights.run(&run(0, 100.0, json!({})));
    assert_eq!(first.state, ComparisonState::Collecting, "{first:?}");
    let mut nights = Nights::calm("{}");
    let states: Vec<Comparison> = (20..24)
        .map(|night| nights.run(&run(night, FAR, json!({}))))
        .collect();
    assert_eq!(states[0].state, ComparisonState::Suspected);
    let found = states
        .iter()
        .find(|it| it.state == ComparisonState::Regressed);
    let found = found.expect("it is found within four nights");
    assert_eq!(
        found.metrics[0].shifted_at.as_deref(),
        Some("nightly-20"),
        "{found:?}"
    );
    assert!(
        found.message.contains("since run \"nightly-20\""),
        "{}",
        found.message
    );
    assert_eq!(found.metrics[0].newest.as_deref(), Some("130ms"));
}

#[test]
fn who_compares_again_says_the_same() {
    let mut nights = Nights::calm("{}");
    let slower = run(20, FAR, json!({}));
    let first = nights.run(&slower);
    // Another run came in between.
    nights.run(&run(21, 100.0, json!({})));
    let again = nights.compare(&slower);
    assert_eq!((again.comparison, again.data), (first, None));
}

#[test]
fn runs_that_are_no_measure_stay_out() {
    let nights = Nights::calm("{}");
    for (more, words) in [
        (
            json!({"status": {"verdict": "Inconclusive"}}),
            "its verdict is Inconclusive",
        ),
        (json!({"status": {"verdict": "Aborted"}}), "it was stopped"),
        (
            json!({"status": {"workers": {"text": "1/1", "desired": 1, "ready": 1, "connected": 1, "peak": 1, "lost": 0, "scaled": true}}}),
            "its number of workers was changed",
        ),
        (
            json!({"status": {"startTime": null}}),
            "its load never started",
        ),
        (json!({"status": {"summary": null}}), "it left no numbers"),
    ] {
        let Compared { comparison, data } = nights.compare(&run(20, FAR, more));
        assert_eq!((comparison.state, data), (ComparisonState::NotJudged, None));
        assert!(comparison.message.contains(words), "{}", comparison.message);
    }
}

#[test]
fn what_else_changed_is_named() {
    let mut nights = Nights::calm("{}");
    let image = json!({"status": {"pin": {"imageID": "locust@sha256:ffeeddccbbaa99887766"}}});
    let said = nights.run(&run(20, 100.0, image)).message;
    assert!(
        said.contains("the image changed with run \"nightly-20\", from locust@sha256:001122334455 to locust@sha256:ffeeddccbbaa"),
        "{said}"
    );
    let file = json!({"status": {"pin": {"files": {"locustfile.py": "def"}}}});
    let said = nights.run(&run(21, FAR, file));
    assert_eq!(said.state, ComparisonState::Collecting);
    assert!(
        said.message
            .contains("the test files are not those of run \"nightly-20\": a new series begins"),
        "{}",
        said.message
    );
    let both = json!({"status": {"run": {"specHash": "other"}}});
    let said = nights.run(&run(22, FAR, both.clone())).message;
    assert!(
        said.contains("spec and test files are not those of run \"nightly-21\""),
        "{said}"
    );
}

#[test]
fn a_pinned_run_is_the_measure_when_it_is_gone() {
    let mut nights = Nights::new("{compareWith: Pinned, pinnedRun: nightly-0}");
    nights.run(&run(0, 100.0, json!({})));
    let said = nights.run(&run(1, FAR, json!({})));
    assert_eq!(said.state, ComparisonState::Worse, "{said:?}");
    assert!(nights.data.values().any(|text| text.contains("\"pinned\"")));
    let better = nights.run(&run(2, 80.0, json!({})));
    assert_eq!(better.state, ComparisonState::Better);
    let mut nights = Nights::new("{compareWith: Pinned, pinnedRun: absent}");
    let said = nights.run(&run(0, 100.0, json!({})));
    assert_eq!(said.state, ComparisonState::NotJudged);
    assert!(
        said.message.contains("the series has no run \"absent\""),
        "{}",
        said.message
    );
}

#[test]
fn each_metric_is_judged_and_the_worst_speaks() {
    let mut nights = Nights::new("{compareWith: Previous, metrics: [rps, p95, errorRatio]}");
    nights.run(&run(0, 100.0, json!({})));
    let said = nights.run(&run(
        1,
        FAR,
        json!({"status": {"summary": {"errorRatio": "0.005"}}}),
    ));
    let states: Vec<_> = said
        .metrics
        .iter()
        .map(|it| (it.metric, it.state))
        .collect();
    assert_eq!(
        states,
        [
            (Metric::Rps, ComparisonState::Stable),
            (Metric::P95, ComparisonState::Worse),
            (Metric::ErrorRatio, ComparisonState::Stable)
        ]
    );
    assert_eq!(said.state, ComparisonState::Worse);
    assert!(
        said.message.starts_with("p95 is worse by +30.0 %"),
        "{}",
        said.message
    );
    let loose = Nights {
        baseline: baseline("{compareWith: Previous, minChangePercent: 40}"),
        data: nights.data.clone(),
    };
    assert_eq!(
        loose.compare(&run(1, FAR, json!({}))).comparison.state,
        ComparisonState::Stable
    );
}

#[test]
fn only_a_regression_of_a_run_that_passed_fails_it() {
    let comparison = |state| Comparison {
        series: None,
        key: None,
        state,
        message: String::new(),
        metrics: Vec::new(),
    };
    for (yaml, verdict, state, fails_it) in [
        (
            "{onRegression: Fail}",
            Verdict::Passed,
            ComparisonState::Regressed,
            true,
        ),
        (
            "{onRegression: Fail}",
            Verdict::Passed,
            ComparisonState::Suspected,
            false,
        ),
        (
            "{onRegression: Fail}",
            Verdict::Passed,
            ComparisonState::Collecting,
            false,
        ),
        (
            "{onRegression: Fail}",
            Verdict::Failed,
            ComparisonState::Regressed,
            false,
        ),
        (
            "{onRegression: Warn}",
            Verdict::Passed,
            ComparisonState::Regressed,
            false,
        ),
        ("{}", Verdict::Passed, ComparisonState::Worse, false),
    ] {
        assert_eq!(
            fails(&baseline(yaml), Some(verdict), &comparison(state)),
            fails_it,
            "{yaml}"
        );
    }
}

#[test]
fn a_foreign_config_map_is_left_alone_and_the_verdict_does_not_wait() {
    let test = run(0, 100.0, json!({}));
    let asked = baseline("{}");
    let ended = |series| Ended {
        test: &test,
        status: test.status.as_ref().unwrap(),
        baseline: &asked,
        series,
    };
    for (series, stored, words) in [
        (
            Some("a"),
            Stored::Foreign,
            "ConfigMap \"a-series\" has no label locust.io/series=a",
        ),
        (
            Some("a"),
            Stored::Refused("forbidden"),
            "ConfigMap \"a-series\" cannot be used: forbidden",
        ),
        (None, Stored::Missing, "name one in spec.baseline.series"),
    ] {
        let Compared { comparison, data } = compare(&ended(series), stored);
        assert_eq!((comparison.state, data), (ComparisonState::NotJudged, None));
        assert!(comparison.message.contains(words), "{}", comparison.message);
    }
}

#[test]
fn a_test_on_its_own_names_a_series() {
    let mut test = run(0, 1.0, json!({"status": null, "spec": {"baseline": {}}}));
    let problem = check(&test).unwrap_err();
    assert_eq!(problem.field, "spec.baseline.series");
    test.spec.baseline = Some(baseline("{series: checkout}"));
    assert_eq!(check(&test), Ok(()));
    test.spec.baseline = Some(Baseline {
        compare_with: Some(With::Previous),
        ..Baseline::default()
    });
    let owner = json!([{"apiVersion": "locust.io/v2", "kind": "LocustTestSuite", "name": "s", "uid": "u", "controller": true}]);
    test.metadata.owner_references = serde_json::from_value(owner).unwrap();
    assert_eq!(check(&test), Ok(()));
}

#[test]
fn only_what_has_just_ended_is_compared() {
    let test = run(0, 1.0, json!({"spec": {"baseline": {"series": "a"}}}));
    let mut status = test.status.clone().unwrap();
    assert!(is_due(&test, &status));
    status.phase = Some(Phase::Running);
    assert!(!is_due(&test, &status));
    let without = run(0, 1.0, json!({}));
    assert!(!is_due(&without, without.status.as_ref().unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever the numbers are and in whatever order runs come: nothing panics, messages stay short, and doing it again
    /// changes nothing.
    #[test]
    fn any_nights_are_compared(nights in prop::collection::vec((0usize..70, 0.0f64..1e6), 1..70), rolling: bool) {
        let yaml = if rolling { "{}" } else { "{compareWith: Previous, metrics: [p95, errorRatio, requests, max]}" };
        let mut series = Nights::new(yaml);
        for (night, p95) in nights {
            let test = run(night, p95, json!({}));
            let said = series.run(&test);
            prop_assert!(said.message.chars().count() <= MESSAGE_LIMIT);
            prop_assert_eq!(series.compare(&test), Compared { comparison: said, data: None });
        }
    }
}
