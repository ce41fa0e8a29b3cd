//! Templates when they are applied.

use jiff::Timestamp;
use locust_api::v2::LocustTemplate;

use super::*;

fn judged(yaml: &str) -> Result<Judged, Problems> {
    judge(&template(yaml), &for_tests())
}

#[test]
fn a_template_that_makes_sense() {
    let judged = judged(LOAD).unwrap();
    assert_eq!(
        judged.parameters,
        "host, users=500, time=10m, rate=0.5, quiet=true, label="
    );
}

#[test]
fn a_template_need_not_say_how_many_workers() {
    assert_eq!(judged("test: {}").unwrap().parameters, "");
    assert_eq!(
        judged("test: {worker: {labels: {a: b}}}")
            .unwrap()
            .parameters,
        ""
    );
}

#[test]
fn declarations_are_judged() {
    for (parameter, words) in [
        (
            "{name: a, type: integer, default: x}",
            "spec.parameters[0].default: \"x\" is not an integer",
        ),
        (
            "{name: a, type: integer, default: 5, minimum: 6}",
            "spec.parameters[0].default: 5 is less than 6",
        ),
        (
            "{name: a, type: integer, minimum: 6, maximum: 5}",
            "spec.parameters[0].maximum: 5 is less than the minimum 6",
        ),
        (
            "{name: a, type: duration, default: 2h, maximum: 90m}",
            "2h is more than 90m, the largest value",
        ),
        (
            "{name: a, type: quantity, default: 2Gi, maximum: 1500Mi}",
            "2Gi is more than 1500Mi",
        ),
        (
            "{name: a, type: quantity, default: 2GB}",
            "\"2GB\" is not a quantity",
        ),
        (
            "{name: a, type: number, default: '.5'}",
            "\".5\" is not a number",
        ),
        (
            "{name: a, type: boolean, default: 1}",
            "\"1\" is neither true nor false",
        ),
        ("{name: a, default: [1]}", "it is a list, an object or null"),
        (
            "{name: a, minimum: 1}",
            "spec.parameters[0].minimum: it is not for parameters of type string; remove it",
        ),
        (
            "{name: a, type: integer, pattern: x}",
            "spec.parameters[0].pattern: it is not for parameters of type integer",
        ),
        (
            "{name: a, type: boolean, maxLength: 5}",
            "spec.parameters[0].maxLength: it is not for parameters of type boolean",
        ),
        (
            "{name: a, pattern: '('}",
            "spec.parameters[0].pattern: \"(\" is no regular expression that can be used: unclosed group",
        ),
        (
            "{name: a, pattern: '(a{1000}){1000}'}",
            "it is too large; repeat less",
        ),
        (
            "{name: a, pattern: 'a|ab', default: abc}",
            "\"abc\" does not match a|ab",
        ),
        (
            "{name: a, enum: [x, w], default: z}",
            "\"z\" is none of x, w",
        ),
        (
            "{name: a, type: duration, enum: [1m], default: 61s}",
            "\"61s\" is none of 1m",
        ),
        (
            "{name: a, maxLength: 2, default: abc}",
            "it has 3 characters, and 2 are allowed",
        ),
        (
            "{name: a, required: true, default: b}",
            "spec.parameters[0].required: \"a\" has a default",
        ),
        (
            "{name: a, default: b}, {name: A, default: b}",
            "spec.parameters[1].name: \"A\" and \"a\" would be one environment variable, PARAM_A",
        ),
        (
            "{name: a, pattern: '[A-Z]{3}-[0-9]'}",
            "spec.parameters[0].example: \"a\" has no default, and no value could be thought of",
        ),
        ("{name: a-b}", "spec.parameters[0].name: \"a-b\" is no name"),
    ] {
        let problems = judged(&format!(
            "parameters: [{parameter}]\ntest: {{worker: {{replicas: 1}}}}"
        ));
        let found = problems.unwrap_err().to_string();
        assert!(found.contains(words), "{parameter}: {found}");
    }
}

#[test]
fn declarations_that_make_sense() {
    for parameter in [
        "{name: a, pattern: 'a|ab', default: ab}",
        "{name: a, pattern: '(?x) a # b', default: a}",
        "{name: a, type: duration, enum: [1m], default: 60s}",
        "{name: a, type: quantity, enum: [1, 500m], default: 0.5}",
        "{name: a, type: integer, minimum: 7}",
        "{name: a, enum: [x, y]}",
        "{name: a, pattern: '[A-Z]{3}-[0-9]', example: ABC-1}",
        "{name: a, type: number, default: 1e3, maximum: 1000}",
        "{name: a, type: integer, default: '5'}",
    ] {
        let judged = judged(&format!(
            "parameters: [{parameter}]\ntest: {{worker: {{replicas: 1, args: ['{{{{params.a}}}}']}}}}"
        ));
        assert!(judged.is_ok(), "{parameter}: {judged:?}");
    }
}

#[test]
fn templates_are_tried() {
    for (yaml, words) in [
        (
            "test: {run: {user: 5}}",
            "spec.test.run.user: there is no such field",
        ),
        (
            "test: {run: {host: '{{params.x}}'}}",
            "spec.test.run.host: params.x is not a variable: params has nothing",
        ),
        (
            "test: {run: {host: '{{#if params.x}}a{{/if}}'}}",
            "spec.test.run.host: params.x is not a variable",
        ),
        (
            "test: {templateRef: {name: a}}",
            "spec.test.templateRef: it is of one test and not of a template",
        ),
        (
            "test: {testFiles: {configMapRef: a}}\nfiles: {a.py: ''}",
            "spec.files: spec.test.testFiles.configMapRef names the files already",
        ),
        (
            "test: {}\noverridable: [run.hosts, templateRef.name, worker.labels.team, worker.args.x, pod]",
            "3 problems: (1) spec.overridable[0]: the spec of a LocustTest has no field \"run.hosts\"; remove it, or correct its name (2) spec.overridable[1]: a test always names its template itself; remove it (3) spec.overridable[3]: the spec of a LocustTest has no field \"worker.args.x\"; remove it, or correct its name",
        ),
        (
            "test: {worker: {replicas: 1, command: 'x', args: [y]}}",
            "spec.test.worker",
        ),
        (
            "test: {run: {users: '{{params.n}}'}}\nparameters: [{name: n}]",
            "spec.test.run.users: the text \"example\" is not what belongs here: a whole number (2) spec.parameters[0].example: \"n\" has no default",
        ),
        (
            "test: {run: {users: '{{params.n}}'}}\nparameters: [{name: n, type: integer, default: 5, example: 0}]",
            "spec.test.run.users: 0 is less than 1",
        ),
        (
            "test: {run: {host: '{{params.n}}'}}\nparameters: [{name: n, required: false}]",
            "no value for params.n",
        ),
        (
            "test: {}\nallowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Like}]}}",
            "spec.allowedNamespaces.selector: it cannot be used",
        ),
    ] {
        let found = judged(yaml).unwrap_err().to_string();
        assert!(found.contains(words), "{yaml}: {found}");
    }
}

#[test]
fn what_looks_like_a_mistake_is_told() {
    let judged = judged(
        "test: {testFiles: {inline: {locustfile.py: 'x = \"{{params.x}}\"'}}}\nfiles: {b.py: ''}",
    )
    .unwrap();
    assert_eq!(
        judged.warnings,
        [
            "spec.files is not used, because spec.test.testFiles.inline has files",
            "file \"locustfile.py\" has expressions, and files are never changed; read the environment variable PARAM_<NAME> in it",
        ]
    );
}

fn template_object(allowed: &str) -> LocustTemplate {
    serde_saphyr::from_str(&format!(
        "{{apiVersion: locust.io/v2, kind: LocustTemplate, metadata: {{name: load, namespace: team, generation: 3}}, spec: {{test: {{}} {allowed}}}}}"
    ))
    .unwrap()
}

#[test]
fn namespaces_use_what_is_shared_with_them() {
    let labels = |text: &str| Some([("team".to_owned(), text.to_owned())].into());
    let selector = ", allowedNamespaces: {from: Selector, selector: {matchLabels: {team: a}}}";
    for (allowed, namespace, labels, expected) in [
        ("", "team", None, true),
        ("", "other", None, false),
        (
            ", allowedNamespaces: {from: Same}",
            "other",
            labels("a"),
            false,
        ),
        (", allowedNamespaces: {from: All}", "other", None, true),
        (selector, "team", None, true),
        (selector, "other", labels("a"), true),
        (selector, "other", labels("b"), false),
        (selector, "other", None, false),
        (
            ", allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Like}]}}",
            "other",
            labels("a"),
            false,
        ),
        (
            ", allowedNamespaces: {from: Selector}",
            "other",
            labels("a"),
            false,
        ),
    ] {
        let template = template_object(allowed);
        assert_eq!(
            may_use(&template, namespace, labels.as_ref()),
            expected,
            "{allowed} {namespace}"
        );
    }
}

#[test]
fn the_status_says_what_was_judged() {
    let now: Timestamp = "2026-11-27T02:30:00Z".parse().unwrap();
    let template = template_object("");
    let good = status(
        &template,
        &Ok(Judged {
            parameters: "a=1".to_owned(),
            warnings: vec!["but".to_owned()],
        }),
        now,
    );
    let condition = &good.conditions[0];
    assert_eq!(good.parameters.as_deref(), Some("a=1"));
    assert_eq!(good.observed_generation, Some(3));
    assert_eq!(
        (
            condition.type_.as_str(),
            condition.status.as_str(),
            condition.reason.as_str(),
            condition.message.as_str()
        ),
        (
            "Ready",
            "True",
            "TemplateValid",
            "tests can be made from it; but"
        )
    );
    let later = LocustTemplate {
        status: Some(good.clone()),
        ..template
    };
    let bad = status(
        &later,
        &Err(Problem::new("spec.test", "no").into()),
        now + jiff::SignedDuration::from_secs(9),
    );
    let condition = &bad.conditions[0];
    assert_eq!(bad.conditions.len(), 1);
    assert_eq!(
        (
            condition.status.as_str(),
            condition.reason.as_str(),
            condition.message.as_str(),
            condition.last_transition_time.0
        ),
        (
            "False",
            "TemplateInvalid",
            "spec.test: no",
            now + jiff::SignedDuration::from_secs(9)
        )
    );
    assert_eq!(bad.parameters, None);
}
