//! What is said of each mistake.

use super::*;

const TEST: &str = "test: {worker: {replicas: 1}}";

#[test]
fn suites_that_make_sense_are_fine() {
    for spec in [
        "{steps: [{name: a, T}]}",
        "{steps: [{name: a, T}, {name: b, templateRef: {name: t, parameters: [{name: users, value: '{{steps.a.rps}}'}, {name: count, value: 5}]}}], finally: [{name: c, templateRef: {name: t, parameters: [{name: v, value: '{{suite.verdict}} {{steps.b.p95Ms}}'}]}}]}",
        "{execution: Parallel, maxParallel: 2, parameters: [{name: host, value: h}], steps: [{name: a, templateRef: {name: t, parameters: [{name: h, value: '{{params.host}}-{{run.name}}'}]}}, {name: b, T}]}",
        "{execution: Graph, maxParallel: 2, steps: [{name: a, T}, {name: b, T, dependsOn: [a]}, {name: c, dependsOn: [b], when: Always, onFailure: Continue, test: {templateRef: {name: t, parameters: [{name: u, value: '{{steps.a.maxMs}}'}]}}}]}",
        "{concurrencyGroup: g, steps: [{name: a, test: {worker: {replicas: 1}, concurrencyGroup: g, retention: {testAfterPassed: 1h}}}]}",
        "{steps: [{name: a, job: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {limits: {cpu: 1}}}]}}}}]}",
        "{steps: [{name: a, T, retries: {limit: 1}, waitFor: {http: {url: 'http://a'}}}, {name: a-a3, T}, {name: a-waits, T}]}",
    ] {
        assert_eq!(
            said(
                &spec
                    .replace('T', TEST)
                    .replace("TemplateRef", "templateRef")
            ),
            Vec::<String>::new(),
            "{spec}"
        );
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
            "steps" => (
                format!(
                    ", {{name: me, dependsOn: D, templateRef: {{name: t, parameters: [{{name: p, value: '{value}'}}]}}}}"
                ),
                String::new(),
            ),
            _ => (
                String::new(),
                format!(
                    "{{name: me, templateRef: {{name: t, parameters: [{{name: p, value: '{value}'}}]}}}}"
                ),
            ),
        };
        let depends = if execution == "Graph" { "[b]" } else { "[]" };
        let need = if execution == "Graph" {
            ", dependsOn: [a]"
        } else {
            ""
        };
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
            Some(
                "step \"z\" has not finished when this one starts; those whose numbers can be used here: \"a\", \"b\"",
            ),
        ),
        (
            "Graph",
            "steps",
            "{{steps.z.rps}}",
            Some(
                "step \"z\" has not finished when this one starts; those whose numbers can be used here: \"a\", \"b\"; or add it to dependsOn",
            ),
        ),
        (
            "Parallel",
            "steps",
            "{{steps.a.rps}}",
            Some(
                "step \"a\" has not finished when this one starts; those whose numbers can be used here: none",
            ),
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
            Some(
                "step \"seed\" is a Job and has no numbers; those whose numbers can be used here: \"a\", \"b\"",
            ),
        ),
        (
            "Sequential",
            "steps",
            "{{steps.a.p42}}",
            Some(
                "step \"a\" has no number \"p42\"; there are requests, failures, errorRatio, rps, avgMs, p50Ms, p95Ms, p99Ms, maxMs",
            ),
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
            Some(
                "\"steps.a\" is nothing that a step may name; there are params.<parameter of the suite>, run.name, steps.<step>.<number>, suite.verdict",
            ),
        ),
        (
            "Sequential",
            "finally",
            "{{run.name",
            Some("\"{{run.name\" has an expression that is not closed; add }}"),
        ),
    ] {
        let at = if list == "steps" {
            "steps[3]"
        } else {
            "finally[0]"
        };
        let wanted: Vec<String> = words
            .map(|words| format!("spec.{at}.templateRef.parameters[0].value: {words}"))
            .into_iter()
            .collect();
        assert_eq!(
            of(execution, list, value),
            wanted,
            "{execution} {list} {value}"
        );
    }
    assert_eq!(
        said(
            "{parameters: [{name: a, value: '{{run.name}}'}, {name: b, value: [1]}], steps: [{name: a, test: {worker: {replicas: 1}, templateRef: {name: t, parameters: [{name: p, value: {}}]}}}]}"
        ),
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
        (
            "{}",
            vec![
                "spec.steps[0].job.template.spec.containers: a Job needs at least one container; name it, with its image",
                "spec.steps[0].job.template.spec.restartPolicy: is missing; pods of a Job take Never or OnFailure",
            ],
        ),
        (
            "{template: {spec: {restartPolicy: Always, containers: [{name: c}]}}}",
            vec![
                "spec.steps[0].job.template.spec.restartPolicy: is \"Always\"; pods of a Job take Never or OnFailure",
            ],
        ),
        (
            "{suspend: true, template: {spec: {restartPolicy: OnFailure, containers: [{name: c, imagee: i}], volumes: null}}}",
            vec![
                "spec.steps[0].job.template.spec.containers[0].imagee: is no field of a Job's spec; correct its name, or leave it out",
                "spec.steps[0].job.suspend: nothing would end the wait; leave it out, and use spec.suspend of the suite",
            ],
        ),
    ] {
        assert_eq!(
            said(&format!("{{steps: [{{name: a, job: {job}}}]}}")),
            words,
            "{job}"
        );
    }
    let said = said("{steps: [{name: a, job: {template: 5}}]}");
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("spec.steps[0].job: is not the spec of a Job: "),
        "{said:?}"
    );
}
