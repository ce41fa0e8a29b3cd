use super::*;
use crate::settings;
use proptest::prelude::*;
use serde_json::json;

/// Each expression is one path.
fn paths(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut found = Vec::new();
    for rest in text.split("{{").skip(1) {
        let Some((path, _)) = rest.split_once("}}") else {
            return Err(format!("{text:?} has an expression that is not closed; add }}}}"));
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
        !judgement.warnings.iter().any(|it| it.contains("cannot read")),
        "{judgement:?}"
    );
    judgement.problems.iter().map(Problem::to_string).collect()
}

const TEST: &str = "test: {worker: {replicas: 1}}";

#[test]
fn suites_that_make_sense_are_fine() {
    for spec in [
        "{steps: [{name: a, T}]}",
        "{steps: [{name: a, T}, {name: b, templateRef: {name: t, parameters: [{name: users, value: '{{steps.a.rps}}'}, {name: n, value: 5}]}}], finally: [{name: c, templateRef: {name: t, parameters: [{name: v, value: '{{suite.verdict}} {{steps.b.p95Ms}}'}]}}]}",
        "{execution: Parallel, maxParallel: 2, parameters: [{name: host, value: h}], steps: [{name: a, templateRef: {name: t, parameters: [{name: h, value: '{{params.host}}-{{run.name}}'}]}}, {name: b, T}]}",
        "{execution: Graph, maxParallel: 2, steps: [{name: a, T}, {name: b, T, dependsOn: [a]}, {name: c, dependsOn: [b], when: Always, onFailure: Continue, test: {templateRef: {name: t, parameters: [{name: u, value: '{{steps.a.maxMs}}'}]}}}]}",
        "{concurrencyGroup: g, steps: [{name: a, test: {worker: {replicas: 1}, concurrencyGroup: g, retention: {testAfterPassed: 1h}}}]}",
        "{steps: [{name: a, job: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {limits: {cpu: 1}}}]}}}}]}",
        "{steps: [{name: a, T, retries: {limit: 1}, waitFor: {http: {url: 'http://a'}}}, {name: a-a3, T}, {name: a-waits, T}]}",
    ] {
        assert_eq!(said(&spec.replace('T', TEST).replace("TemplateRef", "templateRef")), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn what_the_definition_cannot_say_is_said() {
    for (spec, words) in [
        (
            "{steps: [{name: a, T}], finally: [{name: a, T}]}",
            "spec.finally[0].name: \"a\" is the name of spec.steps[0] too; give each step its own",
        ),
        (
            "{steps: [{name: a, T, retries: {limit: 1}}, {name: a-a2, T}]}",
            "spec.steps[1].name: \"a-a2\" is what step \"a\" calls an object of its own; choose another name",
        ),
        (
            "{steps: [{name: a, T, waitFor: {http: {url: 'http://a'}}}, {name: a-wait, T}]}",
            "spec.steps[1].name: \"a-wait\" is what step \"a\" calls an object of its own; choose another name",
        ),
        (
            "{maxParallel: 2, steps: [{name: a, T}]}",
            "spec.maxParallel: is not for execution Sequential, where one step runs at a time; leave it out, or set execution to Parallel or Graph",
        ),
        (
            "{execution: Parallel, steps: [{name: a, T}, {name: b, T, dependsOn: [a]}]}",
            "spec.steps[1].dependsOn: is for execution Graph, and the suite's is Parallel; leave it out, or set execution to Graph",
        ),
        (
            "{execution: Graph, steps: [{name: a, T, dependsOn: [c]}, {name: b, T}]}",
            "spec.steps[0].dependsOn: there is no step \"c\" in spec.steps; the others are \"b\"",
        ),
        (
            "{execution: Graph, steps: [{name: a, T, dependsOn: [a]}]}",
            "spec.steps[0].dependsOn: a step cannot depend on itself; leave it out",
        ),
        (
            "{execution: Graph, steps: [{name: a, T, dependsOn: [b, b]}, {name: b, T}]}",
            "spec.steps[0].dependsOn: \"b\" is there twice; keep one",
        ),
        (
            "{execution: Graph, steps: [{name: z, T, dependsOn: [a]}, {name: a, T, dependsOn: [b]}, {name: b, T, dependsOn: [c]}, {name: c, T, dependsOn: [a]}]}",
            "spec.steps[1].dependsOn: the steps wait for each other: \"a\" after \"b\" after \"c\" after \"a\"; take one of these out",
        ),
        (
            "{steps: [{name: a, T}], finally: [{name: b, T, when: Always}]}",
            "spec.finally[0].when: is not for steps of finally, which run one after the other in any case; leave it out",
        ),
        (
            "{steps: [{name: a, test: {worker: {replicas: 1}, suspend: false}}]}",
            "spec.steps[0].test.suspend: a step is held and ended with its suite; leave it out, and use spec.suspend of the suite",
        ),
        (
            "{concurrencyGroup: g, steps: [{name: a, test: {worker: {replicas: 1}, concurrencyGroup: h}}]}",
            "spec.steps[0].test.concurrencyGroup: is \"h\", and the suite has the group \"g\", which its steps are part of; leave one of the two out",
        ),
    ] {
        assert_eq!(said(&spec.replace('T', TEST)), [words], "{spec}");
    }
}

#[test]
fn expressions_name_only_what_is_there() {
    let of = |execution: &str, list: &str, value: &str| {
        let (more, finally) = match list {
            "steps" => (format!(", {{name: me, dependsOn: D, templateRef: {{name: t, parameters: [{{name: p, value: '{value}'}}]}}}}"), String::new()),
            _ => (String::new(), format!("{{name: me, templateRef: {{name: t, parameters: [{{name: p, value: '{value}'}}]}}}}")),
        };
        let depends = if execution == "Graph" { "[b]" } else { "[]" };
        let need = if execution == "Graph" { ", dependsOn: [a]" } else { "" };
        let more = more.replace('D', depends);
        let spec = format!(
            "{{execution: {execution}, parameters: [{{name: host, value: h}}], steps: [{{name: a, {TEST}}}, {{name: b, {TEST}{need}}}, {{name: seed, job: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c}}]}}}}}}}}{more}, {{name: z, {TEST}}}], finally: [{finally}]}}"
        );
        said(&spec)
    };
    for (execution, list, value, words) in [
        ("Sequential", "steps", "{{steps.a.rps}}", None),
        ("Graph", "steps", "{{steps.a.rps}}", None),
        ("Parallel", "finally", "{{steps.z.rps}}", None),
        (
            "Sequential",
            "steps",
            "{{steps.z.rps}}",
            Some("step \"z\" has not finished when this one starts; those whose numbers can be used here: \"a\", \"b\""),
        ),
        (
            "Graph",
            "steps",
            "{{steps.z.rps}}",
            Some("step \"z\" has not finished when this one starts; those whose numbers can be used here: \"a\", \"b\"; or add it to dependsOn"),
        ),
        (
            "Parallel",
            "steps",
            "{{steps.a.rps}}",
            Some("step \"a\" has not finished when this one starts; those whose numbers can be used here: none"),
        ),
        (
            "Sequential",
            "steps",
            "{{steps.q.rps}}",
            Some("there is no step \"q\"; those whose numbers can be used here: \"a\", \"b\""),
        ),
        (
            "Sequential",
            "steps",
            "{{steps.seed.rps}}",
            Some("step \"seed\" is a Job and has no numbers; those whose numbers can be used here: \"a\", \"b\""),
        ),
        (
            "Sequential",
            "steps",
            "{{steps.a.p42}}",
            Some("step \"a\" has no number \"p42\"; there are requests, failures, errorRatio, rps, avgMs, p50Ms, p95Ms, p99Ms, maxMs"),
        ),
        (
            "Sequential",
            "steps",
            "{{params.users}}",
            Some("the suite has no parameter \"users\"; it has \"host\""),
        ),
        (
            "Sequential",
            "steps",
            "{{suite.verdict}}",
            Some("suite.verdict is for steps of finally: before them there is none; leave it out"),
        ),
        (
            "Sequential",
            "finally",
            "{{steps.a}}",
            Some("\"steps.a\" is nothing that a step may name; there are params.<parameter of the suite>, run.name, steps.<step>.<number>, suite.verdict"),
        ),
        (
            "Sequential",
            "finally",
            "{{run.name",
            Some("\"{{run.name\" has an expression that is not closed; add }}"),
        ),
    ] {
        let at = if list == "steps" { "steps[3]" } else { "finally[0]" };
        let wanted: Vec<String> = words
            .map(|words| format!("spec.{at}.templateRef.parameters[0].value: {words}"))
            .into_iter()
            .collect();
        assert_eq!(of(execution, list, value), wanted, "{execution} {list} {value}");
    }
    assert_eq!(
        said("{parameters: [{name: a, value: '{{run.name}}'}, {name: b, value: [1]}], steps: [{name: a, test: {worker: {replicas: 1}, templateRef: {name: t, parameters: [{name: p, value: {}}]}}}]}"),
        [
            "spec.parameters[0].value: values of the suite are taken as they are; write expressions into the parameters of a step",
            "spec.parameters[1].value: takes a string, a number or a boolean; quote it to have anything else as a string",
            "spec.steps[0].test.templateRef.parameters[0].value: takes a string, a number or a boolean; quote it to have anything else as a string",
        ]
    );
}

#[test]
fn jobs_are_jobs() {
    for (job, words) in [
        ("{}", vec![
            "spec.steps[0].job.template.spec.containers: a Job needs at least one container; name it, with its image",
            "spec.steps[0].job.template.spec.restartPolicy: is missing; pods of a Job take Never or OnFailure",
        ]),
        ("{template: {spec: {restartPolicy: Always, containers: [{name: c}]}}}", vec![
            "spec.steps[0].job.template.spec.restartPolicy: is \"Always\"; pods of a Job take Never or OnFailure",
        ]),
        ("{suspend: true, template: {spec: {restartPolicy: OnFailure, containers: [{name: c, imagee: i}], volumes: null}}}", vec![
            "spec.steps[0].job.template.spec.containers[0].imagee: is no field of a Job's spec; correct its name, or leave it out",
            "spec.steps[0].job.suspend: nothing would end the wait; leave it out, and use spec.suspend of the suite",
        ]),
    ] {
        assert_eq!(said(&format!("{{steps: [{{name: a, job: {job}}}]}}")), words, "{job}");
    }
    let said = said("{steps: [{name: a, job: {template: 5}}]}");
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("spec.steps[0].job: is not the spec of a Job: "),
        "{said:?}"
    );
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
        ["spec.finally[0].test.worker.labels: not used, because the operator sets them: managed-by"]
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
    let held = suite(&WRONG.replace("{max", "{suspend: true, stop: true, retention: {}, max"), STARTED);
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
        assert!(judgement.warnings[0].contains("cannot read the suite"), "{spec}");
    }
}

fn any_suite() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c", "a-a2", "a-wait", ""]);
    let value = prop::sample::select(vec![
        "{{steps.a.rps}}", "{{steps.b.p95Ms}}", "{{params.x}}", "{{", "{{a.b.c.d}}", "plain", "{{suite.verdict}}",
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
