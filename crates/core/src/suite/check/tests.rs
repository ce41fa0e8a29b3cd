use super::*;
use crate::settings;
use proptest::prelude::*;
use serde_json::json;

mod rules;

/// Each expression is one path.
fn paths(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut found = Vec::new();
    for rest in text.split("{{").skip(1) {
        let Some((path, _)) = rest.split_once("}}") else {
            return Err(format!(
                "{text:?} has an expression that is not closed; add }}}}"
            ));
        };
        found.push(path.split('.').map(str::to_owned).collect());
    }
    Ok(found)
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn suite(spec: &str, status: &str) -> Value {
    yaml(&format!(
        "{{apiVersion: locust.io/v2, kind: LocustTestSuite, metadata: {{name: nightly, namespace: team, uid: u}}, spec: {spec}, status: {status}}}"
    ))
}

fn judged(new: &Value, old: Option<&Value>) -> Judgement {
    judge_suite(new, old, &settings::for_tests(), &paths)
}

fn said(spec: &str) -> Vec<String> {
    let judgement = judged(&suite(spec, "{}"), None);
    assert!(
        !judgement
            .warnings
            .iter()
            .any(|it| it.contains("cannot read")),
        "{judgement:?}"
    );
    judgement.problems.iter().map(Problem::to_string).collect()
}

/// What a test alone would be told, with its own path.
#[test]
fn tests_of_steps_are_judged_as_if_they_stood_alone() {
    let spec = "{steps: [{name: a, test: {master: {command: '-u 5'}, run: {users: 5}, testFiles: {configMapRef: files}, worker: {replicas: 1}}}],
        finally: [{name: b, test: {worker: {replicas: 1, labels: {managed-by: me}}, testFiles: {configMapRef: files}}}]}";
    let judgement = judged(&suite(spec, "{}"), None);
    assert_eq!(
        judgement.problems.to_string(),
        "spec.steps[0].test.run.users: spec.steps[0].test.master.command sets --users too; keep one"
    );
    assert_eq!(
        judgement.warnings,
        [
            "spec.finally[0].test.worker.labels: not used, because the operator sets them: managed-by"
        ]
    );
    let fields: Vec<&str> = judgement
        .references
        .iter()
        .map(|it| it.field.as_str())
        .collect();
    assert_eq!(fields, ["spec.finally[0].test.testFiles.configMapRef"]);
    let templated = "{steps: [{name: a, test: {templateRef: {name: t}, run: {users: 5}}}]}";
    assert_eq!(judged(&suite(templated, "{}"), None), Judgement::default());
}

const FINE: &str = "{steps: [{name: a, test: {worker: {replicas: 1}}}]}";
const WRONG: &str = "{maxParallel: 2, steps: [{name: a, test: {worker: {replicas: 1}}}]}";
const STARTED: &str = "{run: {id: u, claimedAt: '2026-01-01T00:00:00Z'}}";

#[test]
fn a_write_that_leaves_the_spec_is_never_refused() {
    for status in ["{}", STARTED] {
        for spec in [WRONG, "{}", "5"] {
            let old = suite(spec, status);
            let mut new = old.clone();
            new["metadata"]["labels"] = json!({"team": "a"});
            assert_eq!(judged(&new, Some(&old)), Judgement::default(), "{spec}");
        }
    }
}

#[test]
fn what_changes_is_judged_by_where_the_suite_is() {
    let (fine, wrong) = (suite(FINE, "{}"), suite(WRONG, "{}"));
    assert_eq!(judged(&wrong, Some(&fine)).problems.iter().len(), 1);
    assert!(judged(&fine, Some(&wrong)).problems.is_empty());
    let mut going = wrong.clone();
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(judged(&going, Some(&fine)), Judgement::default());

    let started = suite(WRONG, STARTED);
    let held = suite(
        &WRONG.replace("{max", "{suspend: true, stop: true, retention: {}, max"),
        STARTED,
    );
    assert_eq!(judged(&held, Some(&started)), Judgement::default());
    let changed = suite(&WRONG.replace("name: a", "name: b"), STARTED);
    let words = "the suite has started; only suspend, stop and retention can change. Create a new LocustTestSuite to run something else";
    assert_eq!(
        judged(&changed, Some(&started)).problems.to_string(),
        format!("spec.steps: {words}")
    );
    // The definition has the same words.
    let definition = serde_json::to_string(&locust_api::crd::locust_test_suite()).unwrap();
    assert!(definition.contains(words));
}

#[test]
fn what_cannot_be_read_is_left_to_the_definition() {
    for spec in ["{}", "5", "{steps: [{}]}"] {
        let judgement = judged(&suite(spec, "{}"), None);
        assert!(judgement.problems.is_empty(), "{spec}");
        assert!(
            judgement.warnings[0].contains("cannot read the suite"),
            "{spec}"
        );
    }
}

fn any_suite() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c", "a-a2", "a-wait", ""]);
    let value = prop::sample::select(vec![
        "{{steps.a.rps}}",
        "{{steps.b.p95Ms}}",
        "{{params.x}}",
        "{{",
        "{{a.b.c.d}}",
        "plain",
        "{{suite.verdict}}",
    ]);
    let needs = prop::collection::vec(name.clone(), 0..4);
    let step = (name, value, needs, 0..4_usize).prop_map(|(name, value, needs, what)| {
        let reference = json!({"name": "t", "parameters": [{"name": "p", "value": value}]});
        let mut step = json!({"name": name, "dependsOn": needs, "retries": {"limit": i32::MAX}});
        match what {
            0 => step["templateRef"] = reference,
            1 => step["test"] = json!({"templateRef": reference}),
            2 => step["job"] = json!({"template": {"spec": {"containers": []}}}),
            _ => {}
        }
        step
    });
    let execution = prop::sample::select(vec!["Sequential", "Parallel", "Graph"]);
    let steps = prop::collection::vec(step, 0..7);
    (execution, steps.clone(), steps).prop_map(|(execution, steps, finally)| {
        json!({"metadata": {"name": "s"}, "spec": {"execution": execution, "steps": steps, "finally": finally}})
    })
}

proptest! {
    #[test]
    fn anything_is_judged(new in any_suite()) {
        judged(&new, None);
    }
}
