//! Templates as people write them.

use locust_api::v2::{LocustTemplateSpec, LocustTestSpec};
use serde_json::{Value, json};

use super::*;
use crate::settings::for_tests;

mod fuzz;
mod hostile;
mod judging;
mod texts;

fn template(yaml: &str) -> LocustTemplateSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

fn instance(yaml: &str) -> LocustTestSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

const ORIGIN: Origin<'_> = Origin {
    run_name: "nightly-1",
    schedule_time: None,
};

fn expanded(template_yaml: &str, instance_yaml: &str) -> Value {
    let spec = expand(&template(template_yaml), &instance(instance_yaml), &ORIGIN);
    serde_json::to_value(spec.unwrap_or_else(|problems| panic!("{problems}"))).unwrap()
}

fn problems(template_yaml: &str, instance_yaml: &str) -> String {
    let spec = expand(&template(template_yaml), &instance(instance_yaml), &ORIGIN);
    let words = spec.unwrap_err().to_string();
    assert!(!words.contains('\n'), "{words}");
    words
}

const LOAD: &str = "
parameters:
- {name: host, description: what is tested}
- {name: users, type: integer, default: 500, minimum: 1, maximum: 1000, description: how many at once}
- {name: time, type: duration, default: 10m}
- {name: rate, type: number, default: 0.5}
- {name: quiet, type: boolean, default: true}
- {name: label, required: false}
files: {locustfile.py: 'print(\"{{x}}\")'}
overridable: [run.host, worker.labels, thresholds, testFiles]
test:
  run: {host: '{{params.host}}', users: '{{params.users}}', runTime: '{{params.time}}', spawnRate: '{{params.rate}}', excludeRampUp: '{{params.quiet}}'}
  worker: {replicas: 3, labels: {users: '{{params.users}}', a: x}, extraArgs: ['--x={{params.users}}/{{run.name}}', '{{#if params.label}}--y={{params.label}}{{else}}--z{{/if}}']}
  thresholds: [{name: p95, metric: p95, op: lt, value: '{{params.users}}ms'}, {name: p99, metric: p99, op: lt, value: 1s}]
";

const REF: &str = "templateRef: {name: load, parameters: [{name: host, value: 'http://a'}, {name: users, value: '20'}]}";

#[test]
fn values_take_the_type_of_their_field() {
    let spec = expanded(LOAD, REF);
    assert_eq!(
        spec,
        json!({
            "run": {"host": "http://a", "users": 20, "runTime": "10m", "spawnRate": "0.5", "excludeRampUp": true},
            "master": {},
            "worker": {"replicas": 3, "labels": {"users": "20", "a": "x"}, "extraArgs": ["--x=20/nightly-1", "--z"]},
            "thresholds": [
                {"name": "p95", "metric": "p95", "op": "lt", "value": "20ms"},
                {"name": "p99", "metric": "p99", "op": "lt", "value": "1s"},
            ],
            "testFiles": {"inline": {"locustfile.py": "print(\"{{x}}\")"}},
            "env": {"variables": [
                {"name": "PARAM_HOST", "value": "http://a"},
                {"name": "PARAM_QUIET", "value": "true"},
                {"name": "PARAM_RATE", "value": "0.5"},
                {"name": "PARAM_TIME", "value": "10m"},
                {"name": "PARAM_USERS", "value": "20"},
            ]},
        })
    );
}

#[test]
fn a_test_sets_what_it_may() {
    let spec = expanded(
        LOAD,
        &format!(
            "{REF}
worker: {{replicas: 7, labels: {{b: y}}}}
run: {{host: http://b}}
suspend: true
concurrencyGroup: staging
retention: {{podsAfterFinished: 1h}}
thresholds: [{{name: p99, metric: p99, op: lt, value: 2s}}, {{name: rps, metric: rps, op: gt, value: 5/s}}]
testFiles: {{configMapRef: mine}}"
        ),
    );
    assert_eq!(spec["worker"]["replicas"], 7);
    assert_eq!(
        spec["worker"]["labels"],
        json!({"users": "20", "a": "x", "b": "y"})
    );
    assert_eq!(spec["run"]["host"], "http://b");
    assert_eq!(spec["run"]["users"], 20);
    assert_eq!(spec["suspend"], true);
    assert_eq!(spec["concurrencyGroup"], "staging");
    assert_eq!(spec["testFiles"], json!({"configMapRef": "mine"}));
    let limits: Vec<&Value> = spec["thresholds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["value"])
        .collect();
    assert_eq!(limits, ["20ms", "2s", "5/s"]);
}

#[test]
fn what_a_test_may_not_set_is_named_at_once() {
    assert_eq!(
        problems(
            LOAD,
            &format!(
                "{REF}\nimage: x\nrun: {{host: a, users: 5}}\nmaster: {{labels: {{a: b}}}}\nworker: {{replicas: 1, command: y}}"
            )
        ),
        "spec: the template does not let a test set image, master.labels, run.users, worker.command; it may set run.host, \
         worker.labels, thresholds, testFiles, worker.replicas, startDeadline, retention, suspend, stop, concurrencyGroup, baseline. \
         Remove them, or add them to the template's spec.overridable"
    );
}

#[test]
fn parameters_are_told_all_at_once() {
    let words = problems(
        LOAD,
        "templateRef: {name: load, parameters: [{name: user, value: 5}, {name: users, value: 5000}, {name: quiet, value: 'yes'}]}",
    );
    assert_eq!(
        words,
        "3 problems: (1) spec.templateRef.parameters[1].value: users: 5000 is more than 1000, the largest value \
         (2) spec.templateRef.parameters[2].value: quiet: \"yes\" is neither true nor false \
         (3) spec.templateRef.parameters: the template needs host (string: what is tested); the template has no parameter \
         \"user\"; it has host (string: what is tested), users (integer, from 1, to 1000: how many at once), time (duration), \
         rate (number), quiet (boolean), label (string)"
    );
}

/// The API server does not see what comes out.
#[test]
fn limits_of_the_schema_hold_for_the_result() {
    for (test, words) in [
        (
            "{worker: {replicas: 501}}",
            "spec.worker.replicas: 501 is more than 500, the largest value",
        ),
        (
            "{worker: {}}",
            "spec.worker.replicas: it is missing, and has no default; give it",
        ),
        (
            "{run: {users: 1}}",
            "spec.worker: it is missing; give worker.replicas",
        ),
        (
            "{worker: {replicas: 1}, run: {users: 0}}",
            "spec.run.users: 0 is less than 1, the smallest value",
        ),
        (
            "{worker: {replicas: 1}, run: {user: 5}}",
            "spec.run.user: there is no such field; remove it, or correct its name",
        ),
        (
            "{worker: {replicas: '1'}}",
            "spec.worker.replicas: the text \"1\" is not what belongs here: a whole number",
        ),
        (
            "{worker: {replicas: 3000000000}}",
            "spec.worker.replicas: 3000000000 is not what belongs here: a whole number",
        ),
        (
            "{worker: {replicas: 1}, run: {runTime: 5}}",
            "spec.run.runTime: 5 is not what belongs here: a text",
        ),
        (
            "{worker: {replicas: 1}, run: {runTime: 5d}}",
            "spec.run.runTime: \"5d\" does not match",
        ),
        (
            "{worker: {replicas: 1}, run: [1]}",
            "spec.run: a list is not what belongs here: an object",
        ),
        (
            "{worker: {replicas: 1}, imagePullPolicy: Sometimes}",
            "spec.imagePullPolicy: \"Sometimes\" is none of \"Always\", \"IfNotPresent\", \"Never\"",
        ),
        (
            "{worker: {replicas: 1}, volumes: [{name: a, emptyDir: {size: 1}}]}",
            "spec.volumes[0].emptyDir.size: there is no such field",
        ),
        (
            "{worker: {replicas: 1}, image: ''}",
            "spec.image: it has 0 characters, and needs 1",
        ),
        (
            "{worker: {replicas: 1}, suspend: true}",
            "the template's spec.test.suspend: it is of one test and not of a template; remove it",
        ),
        ("[1]", "a list is not what belongs here: an object"),
        (
            "{worker: {replicas: 1}, thresholds: [{name: a, metric: p95, op: lt, value: 1s}, {name: a, metric: p99, op: lt, value: 1s}]}",
            "spec.thresholds[1]: another one has the same key [\"a\"]; give it another",
        ),
        (
            "{worker: {replicas: 1}, thresholds: [{name: a, metric: p95, op: lt, value: 1s, endpoint: {method: GET}}]}",
            "spec.thresholds[0].endpoint: it takes name or nameRegex, one of the two",
        ),
        (
            "{worker: {replicas: 1}, testFiles: {configMapRef: a, inline: {b: c}}}",
            "spec.testFiles: it has configMapRef and files of its own",
        ),
        (
            "{worker: {replicas: 1}, testFiles: {inline: {locust_operator_x: c}}}",
            "spec.testFiles.inline.locust_operator_x: a file name starts with",
        ),
        (
            "{worker: {replicas: 1}, observability: {openTelemetry: {enabled: true}}}",
            "spec.observability.openTelemetry.endpoint: it is required",
        ),
        (
            "{worker: {replicas: 1}, baseline: {pinnedRun: a}}",
            "spec.baseline.pinnedRun: it goes with compareWith Pinned",
        ),
        (
            "{worker: {replicas: 1}, baseline: {metrics: [p95, errorRatio]}}",
            "spec.baseline.metrics: errorRatio cannot be compared with Rolling",
        ),
        (
            "{worker: {replicas: 1}, '{{run.name}}': 1}",
            "the name of a field has no expressions; write it out",
        ),
        (
            "{worker: {replicas: 1}, run: {users: 'x{{run.name}}'}}",
            "spec.run.users: the text \"xnightly-1\" is not what belongs here: a whole number",
        ),
    ] {
        let found = problems(&format!("test: {test}"), "templateRef: {name: load}");
        assert!(found.contains(words), "{test}: {found}");
    }
}

/// Whoever adds a rule to the spec adds it to `rules`, and here.
#[test]
fn every_rule_of_the_schema_is_known() {
    fn find(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                for (name, value) in map {
                    if name == "x-kubernetes-validations" {
                        found.extend(
                            value
                                .as_array()
                                .unwrap()
                                .iter()
                                .map(|it| it["message"].as_str().unwrap()[..20].to_owned()),
                        );
                    }
                    find(value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|it| find(it, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    find(schema::Schema::of_spec().json(), &mut found);
    found.sort();
    assert_eq!(
        found,
        [
            "a file name starts w",
            "endpoint takes name ",
            "errorRatio cannot be",
            "openTelemetry.endpoi",
            "pinnedRun goes with ",
            "testFiles takes conf",
            "worker is required, "
        ]
    );
}

#[test]
fn null_is_as_good_as_nothing() {
    let spec = expanded(
        "test: {worker: {replicas: 1, labels: null}, image: null, stop: null}",
        "templateRef: {name: load}",
    );
    assert_eq!(spec, json!({"master": {}, "worker": {"replicas": 1}}));
}

#[test]
fn variables_that_the_spec_sets_stay_and_values_stay_verbatim() {
    let spec = expanded(
        "parameters: [{name: a}, {name: b}, {name: empty, default: ''}]\ntest: {worker: {replicas: 1}, env: {variables: [{name: PARAM_A, value: mine}]}}",
        "templateRef: {name: load, parameters: [{name: a, value: x}, {name: b, value: '$(PATH) $5'}]}",
    );
    assert_eq!(
        spec["env"]["variables"],
        json!([
            {"name": "PARAM_A", "value": "mine"},
            {"name": "PARAM_B", "value": "$$(PATH) $$5"},
            {"name": "PARAM_EMPTY", "value": ""},
        ])
    );
}

#[test]
fn a_schedule_gives_the_time() {
    let template =
        template("test: {worker: {replicas: 1, annotations: {at: '{{schedule.time}}'}}}");
    let instance = instance("templateRef: {name: load}");
    let origin = Origin {
        schedule_time: Some("2026-11-27T02:30:00.5Z".parse().unwrap()),
        ..ORIGIN
    };
    let spec = expand(&template, &instance, &origin).unwrap();
    assert_eq!(spec.worker.annotations["at"], "2026-11-27T02:30:00Z");
    let without = expand(&template, &instance, &ORIGIN)
        .unwrap_err()
        .to_string();
    assert_eq!(
        without,
        "the template's spec.test.worker.annotations.at: no value for schedule.time; give one, or put the text that needs it between {{#if …}} and {{/if}}"
    );
}
