use super::*;
use locust_api::Scalar;
use proptest::prelude::*;

fn summary(text: &str) -> Summary {
    serde_saphyr::from_str(text).unwrap()
}

const RUN: &str = "{requests: 1200, failures: 3, errorRatio: '0.0025', rps: '812.4', avg: 0.85ms, p50: 110ms, p95: 320ms, p99: 1.13s, max: 2m, resolution: TwoDigits, final: true}";

#[test]
fn every_number_is_plain() {
    let outputs = of(&summary(RUN));
    let shown: Vec<String> = NAMES
        .iter()
        .map(|name| format!("{name}={}", outputs[*name]))
        .collect();
    assert_eq!(
        shown.join(" "),
        "requests=1200 failures=3 errorRatio=0.0025 rps=812.4 avgMs=0.85 p50Ms=110 p95Ms=320 p99Ms=1130 maxMs=120000"
    );
    assert_eq!(outputs.len(), NAMES.len());
}

#[test]
fn what_was_not_measured_is_left_out() {
    let none = "{requests: 0, failures: 0, errorRatio: '0', rps: odd, p95: '', resolution: TwoDigits, final: false}";
    let outputs = of(&summary(none));
    let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
    assert_eq!(names, ["errorRatio", "failures", "requests"]);
}

fn suite() -> LocustTestSuite {
    serde_saphyr::from_str(
        "{apiVersion: locust.io/v2, kind: LocustTestSuite, metadata: {name: nightly}, spec: {steps: [],
          parameters: [{name: host, value: 'https://a'}, {name: users, value: 500}, {name: other, value: true}]}}",
    )
    .unwrap()
}

fn status() -> LocustTestSuiteStatus {
    serde_saphyr::from_str(
        "{steps: [{name: smoke-test, outputs: {rps: '812.4', p95Ms: '320', odd: x}}, {name: skipped}]}",
    )
    .unwrap()
}

#[test]
fn the_context_has_numbers() {
    let wanted = |of_suite: Value| {
        json!({"params": {"host": "https://a", "users": 500, "other": true}, "run": {"name": "nightly"},
            "steps": {"smoke-test": {"rps": 812.4, "p95Ms": 320}, "skipped": {}}, "suite": of_suite})
    };
    assert_eq!(context(&suite(), &status(), None), wanted(json!({})));
    assert_eq!(
        context(&suite(), &status(), Some(Verdict::Failed)),
        wanted(json!({"verdict": "Failed"}))
    );
}

/// Strict, and with nothing but paths.
fn text(text: &str, context: &Value) -> Result<String, String> {
    let mut pieces = text.split("{{");
    let mut all = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (path, rest) = piece.split_once("}}").ok_or("not closed")?;
        let pointer = format!("/{}", path.trim().replace('.', "/"));
        match context.pointer(&pointer).ok_or("no such variable")? {
            Value::String(text) => all.push_str(text),
            value => all.push_str(&value.to_string()),
        }
        all.push_str(rest);
    }
    Ok(all)
}

fn resolved(parameters: Value) -> Result<Vec<(String, Scalar)>, String> {
    let reference: TemplateRef =
        serde_json::from_value(json!({"name": "t", "namespace": "n", "parameters": parameters}))
            .unwrap();
    let suite = suite();
    let context = context(&suite, &status(), None);
    let knows = |name: &str| name != "other";
    let TemplateRef {
        name,
        namespace,
        parameters,
    } = resolve(&reference, &context, &suite.spec.parameters, &knows, &text)?;
    assert_eq!((name.as_str(), namespace.as_deref()), ("t", Some("n")));
    Ok(parameters
        .into_iter()
        .map(|it| (it.name, it.value))
        .collect())
}

#[test]
fn values_are_literal_and_the_suites_are_added() {
    let own = json!([{"name": "limit", "value": "{{ steps.smoke-test.p95Ms }}ms"}, {"name": "users", "value": 7}]);
    let wanted: Vec<(String, Scalar)> = [
        ("limit", json!("320ms")),
        ("users", json!(7)),
        ("host", json!("https://a")),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
    .into();
    assert_eq!(resolved(own), Ok(wanted));
}

#[test]
fn a_missing_number_is_named() {
    for (value, words) in [
        (
            "{{steps.smoke-test.rps}} {{steps.skipped.p95Ms}}",
            "parameter \"p\" has no value: step \"skipped\" has no p95Ms: it did not run, or its test left no such number",
        ),
        ("{{params.none}}", "parameter \"p\": no such variable"),
        ("{{", "parameter \"p\": not closed"),
    ] {
        let found = resolved(json!([{"name": "p", "value": value}]));
        assert_eq!(found, Err(words.to_owned()));
    }
}

proptest! {
    #[test]
    fn nothing_panics(odd in ".{0,20}", value in "[{}a-z. ]{0,30}") {
        let mut odd_summary = summary(RUN);
        odd_summary.rps = odd.clone();
        odd_summary.error_ratio = odd.clone();
        odd_summary.p95 = Some(odd);
        for text in of(&odd_summary).values() {
            prop_assert!(number(text).is_some(), "{}", text);
        }
        let _ = resolved(json!([{"name": "p", "value": value}]));
    }
}
