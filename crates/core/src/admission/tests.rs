use super::*;
use crate::settings;
use proptest::prelude::*;
use serde_json::json;

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// A test with this spec and status.
fn test(spec: &str, status: &str) -> Value {
    yaml(&format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: demo, namespace: team, uid: 0a1b2c3d-1}}, spec: {spec}, status: {status}}}"
    ))
}

fn of(new: &Value, old: Option<&Value>) -> Judgement {
    judge(new, old, &settings::for_tests())
}

const FINE: &str = "{worker: {replicas: 1}}";
const WRONG: &str =
    "{master: {command: '-u 5'}, run: {users: 5}, worker: {replicas: 1, command: \"'\"}}";
const STARTED: &str = "{run: {id: a, specHash: b, masterName: c, workerName: d, serviceName: e, claimedAt: '2026-01-01T00:00:00Z'}}";

#[test]
fn a_new_test_is_told_all_its_problems() {
    let judgement = of(&test(WRONG, "{}"), None);
    let said: Vec<String> = judgement.problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        said,
        [
            "spec.run.users: spec.master.command sets --users too; keep one",
            "spec.worker.command: a quote or backslash is not closed in \"'\"; close it, or use args with one list item per argument",
        ]
    );
    assert_eq!(of(&test(FINE, "{}"), None), Judgement::default());
}

/// What the controller writes into the condition of a test that was created while nobody judged.
#[test]
fn the_controller_says_the_same() {
    let test = test(WRONG, "{}");
    let judged = of(&test, None).problems.to_string();
    let test = LocustTest::deserialize(&test).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let claim = claim::claim(&test.metadata, &test.spec, Naming::Published, now);
    let refused = render::run_objects(&test, &claim, &settings::for_tests()).unwrap_err();
    assert_eq!(judged, refused.to_string());
}

#[test]
fn a_spec_that_stays_is_never_refused() {
    for status in ["{}", STARTED, "{phase: Pending, reason: InvalidSpec}"] {
        for spec in [WRONG, "{}", "5"] {
            let old = test(spec, status);
            let mut new = old.clone();
            new["metadata"]["labels"] = json!({"team": "a"});
            assert_eq!(of(&new, Some(&old)), Judgement::default(), "{spec}");
        }
    }
}

#[test]
fn before_the_start_a_changed_spec_is_judged_anew() {
    let (fine, wrong) = (test(FINE, "{}"), test(WRONG, "{}"));
    assert_eq!(of(&wrong, Some(&fine)).problems.iter().len(), 2);
    assert!(of(&fine, Some(&wrong)).problems.is_empty());
    let mut going = wrong.clone();
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(of(&going, Some(&fine)), Judgement::default());
}

#[test]
fn after_the_start_only_frozen_fields_count() {
    let old = test(WRONG, STARTED);
    let scaled = test(&WRONG.replace("replicas: 1", "replicas: 7"), STARTED);
    assert_eq!(of(&scaled, Some(&old)), Judgement::default());
    let changed = test(
        &WRONG
            .replace("users: 5", "users: 6")
            .replace("{master", "{pod: {}, master"),
        STARTED,
    );
    let said: Vec<String> = of(&changed, Some(&old))
        .problems
        .iter()
        .map(Problem::to_string)
        .collect();
    let words = "the test has started; only worker.replicas, retention and stop can change. Create a new LocustTest to run something else";
    assert_eq!(
        said,
        [format!("spec.run: {words}"), format!("spec.pod: {words}")]
    );
    // The definition has the same words.
    let definition = serde_json::to_string(&locust_api::crd::locust_test()).unwrap();
    assert!(definition.contains(words));
}

#[test]
fn what_looks_like_a_mistake_is_told_of_in_short() {
    for (spec, warnings) in [
        (FINE, vec![]),
        (
            "{worker: {replicas: 1}, observability: {openTelemetry: {enabled: true, endpoint: e}}}",
            vec!["nothing will be sent; use locustio/locust-otel:2.47.0"],
        ),
        (
            "{worker: {replicas: 1, labels: {managed-by: me, team: a}}}",
            vec!["spec.worker.labels: not used, because the operator sets them: managed-by"],
        ),
        (
            "{worker: {replicas: 1}, master: {command: locust -f a.py, autostart: false, autoquit: {enabled: true}}}",
            vec!["the leading word \"locust\"", "spec.master.autoquit"],
        ),
        (
            "{worker: {replicas: 1}, testFiles: {configMapRef: c}, env: {secretMounts: [{name: s, mountPath: /lotest/src/tls}]}}",
            vec![
                "\"/lotest/src/tls\" is inside \"/lotest/src\" of spec.testFiles.srcMountPath, which is read-only",
            ],
        ),
        (
            "{worker: {replicas: 1}, volumes: [{name: d, emptyDir: {}}], volumeMounts: [{name: d, mountPath: /lotest, readOnly: true}]}",
            vec![
                "the operator's own files: \"/lotest/operator\" is inside \"/lotest\" of spec.volumeMounts[0].mountPath",
            ],
        ),
        (
            "{worker: {replicas: 1}, volumes: [{name: d, emptyDir: {}}], volumeMounts: [{name: d, mountPath: /lotest}]}",
            vec![],
        ),
        (
            "{worker: {replicas: 1}, master: {command: '-f a.py # was: -u 5'}}",
            vec!["spec.master.command: everything after # is a comment"],
        ),
    ] {
        let judgement = of(&test(spec, "{}"), None);
        assert!(judgement.problems.is_empty(), "{spec}: {judgement:?}");
        assert_eq!(judgement.warnings.len(), warnings.len(), "{judgement:?}");
        for (said, words) in judgement.warnings.iter().zip(warnings) {
            assert!(said.contains(words), "{words:?} is not in {said:?}");
            assert!(said.len() <= 256, "the API server cuts it: {said:?}");
        }
    }
}

#[test]
fn references_are_for_who_can_look_them_up() {
    let judgement = of(
        &test(
            "{worker: {replicas: 1}, testFiles: {configMapRef: files}, env: {configMapRefs: [{name: c}]}}",
            "{}",
        ),
        None,
    );
    let fields: Vec<String> = judgement
        .references
        .into_iter()
        .map(|it| it.field)
        .collect();
    assert_eq!(
        fields,
        ["spec.testFiles.configMapRef", "spec.env.configMapRefs[0]"]
    );
}

#[test]
fn what_cannot_be_read_is_left_to_the_definition() {
    for spec in ["{worker: {}}", "5", "{worker: {replicas: two}}"] {
        let Judgement {
            problems, warnings, ..
        } = of(&test(spec, "{}"), None);
        assert!(problems.is_empty(), "{spec}");
        assert!(warnings[0].contains("cannot read the test"), "{warnings:?}");
    }
}

#[test]
fn of_many_warnings_few_are_said() {
    let many = |count: usize| (0..count).map(|number| number.to_string()).collect();
    assert_eq!(few(many(6)).len(), 6);
    assert_eq!(few(many(9))[5..], ["5", "and 3 more like these"]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("spec"),
        Just("status"),
        Just("run"),
        Just("metadata"),
        Just("worker"),
        Just("replicas"),
        Just("master"),
        Just("command"),
        Just("volumes"),
        Just("name"),
        Just("deletionTimestamp"),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_judged(new in any_json(), old in prop::option::of(any_json())) {
        let judgement = of(&new, old.as_ref());
        if old.as_ref().is_some_and(|old| old["spec"] == new["spec"]) {
            prop_assert_eq!(judgement, Judgement::default());
        }
    }
}
