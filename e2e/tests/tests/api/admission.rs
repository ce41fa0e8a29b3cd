//! What is said of a test when somebody writes it: all that is wrong with it, and what looks like a mistake.

use anyhow::{Context, Result, bail, ensure};
use e2e_node::Layout;
use e2e_tests::{Kubectl, Operator, wait_until};
use serde_json::{Value, json};

use crate::converter::{CRD, Converter};
use crate::kubelet::{self, condition, status};
use crate::world::{SOON, World};

const V1: &str = "locusttests.v1.locust.io";
const KEPT: &str = "locust.io/v2-spec";

fn test(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {spec}}}"
    )
}

const WRONG: &str = "{master: {command: '-f a.py --users 3'}, run: {users: 5}, worker: {replicas: 1, command: -f a.py, args: [x]}, volumeMounts: [{name: data, mountPath: /data}]}";
const PROBLEMS: [&str; 3] = [
    "spec.run.users: spec.master.command sets --users too; keep one",
    "spec.worker: command and args are both set; keep one",
    "spec.volumeMounts[0].name: spec.volumes has no volume \"data\"; add it there, or name one that it has",
];
const FINE: &str = "{run: {users: 5}, worker: {replicas: 1}}";

pub fn a10_25_writes_are_judged_at_once(_: &World) -> Result<()> {
    let converter = Converter::boot("admission")?;
    converter.let_run()?;
    let place = converter.cluster.place("admission")?;
    let kubectl = &place.kubectl;
    let mut operator = converter.operator(0)?;
    wait_until_it_judges(kubectl)?;

    all_problems_are_listed(kubectl)?;
    thresholds_that_make_no_sense_are_refused(kubectl)?;
    mistakes_are_warned_of(kubectl)?;
    the_definition_says_what_is_wrong(kubectl)?;
    a_config_map_may_come_later(kubectl)?;
    what_v1_hides_is_frozen_too(kubectl)?;
    operator.kill()?;
    nobody_is_kept_from_writing(kubectl)?;
    let operator = converter.operator(0)?;
    wait_until_it_judges(kubectl)?;
    the_condition_says_the_same(kubectl)?;
    old_objects_stay_writable(kubectl)?;
    check_requests(&converter, &operator)
}

fn wait_until_it_judges(kubectl: &Kubectl) -> Result<()> {
    wait_until("tests are judged", SOON, || {
        let write = ["create", "--dry-run=server", "-f", "-"];
        match kubectl.feed(&write, &test("probe", WRONG)) {
            Ok(accepted) => bail!("{accepted}"),
            Err(_) => Ok(()),
        }
    })
}

fn all_problems_are_listed(kubectl: &Kubectl) -> Result<()> {
    let said = kubectl.refused(&test("wrong", WRONG))?;
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let expected = [
        "`kubectl apply -f -` failed: The LocustTest \"wrong\" is invalid:".to_owned(),
        format!("* {}", PROBLEMS[0]),
        format!("* {}", PROBLEMS[1]),
        format!("* {}", PROBLEMS[2]),
    ];
    assert_eq!(lines, expected);
    ensure!(kubectl.find("lotest", "wrong")?.is_none(), "it was stored");

    kubectl.apply(&test("edited", FINE))?;
    kubelet::started(kubectl, "edited")?;
    Ok(())
}

/// Wrong units and expressions, which the definition cannot tell, with what is allowed.
fn thresholds_that_make_no_sense_are_refused(kubectl: &Kubectl) -> Result<()> {
    let spec = "{worker: {replicas: 1}, thresholds: [\
        {name: a, metric: p95, op: lt, value: 5%}, {name: b, metric: errorRatio, op: lt, value: 101%}, \
        {name: c, metric: avg, op: lt, value: 1s, endpoint: {nameRegex: '(?=x)'}}]}";
    let said = kubectl.refused(&test("limits", spec))?;
    for words in [
        "spec.thresholds[0].value: \"5%\" is not a response time: a number with ms, s or m",
        "spec.thresholds[1].value: \"101%\" is not a ratio of failed requests: 0% to 100%",
        "spec.thresholds[2].endpoint.nameRegex: \"(?=x)\" is no regular expression that can be used",
    ] {
        ensure!(said.contains(words), "{words} in {said}");
    }
    Ok(())
}

fn mistakes_are_warned_of(kubectl: &Kubectl) -> Result<()> {
    for (spec, expected) in [
        (FINE, vec![]),
        (
            "{master: {command: '-f a.py --expect-workers=3', autostart: false, autoquit: {enabled: true}}, worker: {replicas: 1}}",
            vec![
                "spec.master.command: --expect-workers has no effect, because the operator sets it after yours; set spec.worker.replicas",
                "spec.master.autoquit has no effect with autostart: false; the master stays until it is stopped",
            ],
        ),
        (
            "{image: 'locustio/locust:2.47.0', worker: {replicas: 1}, observability: {openTelemetry: {enabled: true, endpoint: 'http://c:4317'}}}",
            vec![
                "spec.observability.openTelemetry is enabled, and the image locustio/locust:2.47.0 has no OpenTelemetry SDK: nothing will be sent; use locustio/locust-otel:2.47.0, or an image with `pip install locust[otel]`",
            ],
        ),
    ] {
        assert_eq!(kubectl.warnings(&test("warned", spec))?, expected, "{spec}");
        kubectl.delete("lotest", "warned")?;
        wait_until("it is gone", SOON, || {
            ensure!(kubectl.find("lotest", "warned")?.is_none(), "it is there");
            Ok(())
        })?;
    }
    let v1 = "{apiVersion: locust.io/v1, kind: LocustTest, metadata: {name: old}, spec: {masterCommandSeed: '-f a.py --hatch-rate 3', image: i, workerReplicas: 1}}";
    assert_eq!(
        kubectl.warnings(v1)?,
        [
            "locust.io/v1 LocustTest is deprecated, migrate to locust.io/v2",
            "spec.master.command: --hatch-rate is an old spelling that newer Locust refuses; write --spawn-rate",
        ]
    );
    kubectl.delete("lotest", "old")
}

fn the_definition_says_what_is_wrong(kubectl: &Kubectl) -> Result<()> {
    let file = Layout::discover()?.repo.join(format!("crds/{CRD}.yaml"));
    let lines = std::fs::read_to_string(file)?.lines().count();
    let rules = kubectl.get("crd", CRD)?.to_string();
    let rules = rules.matches("\"rule\":").count();
    let doubtful = "{master: {command: '-f a.py --expect-workers=3'}, worker: {replicas: 1}}";
    let warnings = kubectl.warnings(&test("doubtful", doubtful))?;
    defects::check(
        25,
        &json!({"lines": lines, "rules": rules, "warnings": warnings}),
    )?;
    kubectl.delete("lotest", "doubtful")
}

/// That something else is missing is said, and keeps nobody from writing.
fn a_config_map_may_come_later(kubectl: &Kubectl) -> Result<()> {
    let spec = "{testFiles: {configMapRef: files}, env: {configMapRefs: [{name: settings}]}, worker: {replicas: 1}}";
    kubectl.run(&["create", "configmap", "settings"])?;
    let words = "ConfigMap \"files\", which spec.testFiles.configMapRef names, does not exist in namespace \"admission\"; create it and the run starts";
    assert_eq!(kubectl.warnings(&test("early", spec))?, [words]);
    wait_until("the condition says so, too", SOON, || {
        let found = condition(&status(kubectl, "early")?, "ResolvedRefs");
        ensure!(found["message"] == words, "it is {found}");
        Ok(())
    })?;
    kubectl.run(&["create", "configmap", "files"])?;
    kubelet::started(kubectl, "early")?;
    Ok(())
}

fn what_v1_hides_is_frozen_too(kubectl: &Kubectl) -> Result<()> {
    let words = "only worker.replicas, retention and stop can change. Create a new LocustTest to run something else";
    let stored = kubectl.get("lotest", "edited")?["spec"].take();
    let read = kubectl.get(V1, "edited")?;
    let kept = read["metadata"]["annotations"][KEPT]
        .as_str()
        .context("v1 cannot say all of it")?;
    let mut other: Value = serde_json::from_str(kept)?;
    other["run"]["users"] = json!(500);
    other["pod"] = json!({"priorityClassName": "high"});
    for (annotation, fields) in [
        (json!(other.to_string()), &["spec.run", "spec.pod"][..]),
        (Value::Null, &["spec.run"]),
    ] {
        let mut edited = read.clone();
        edited["metadata"]["annotations"][KEPT] = annotation;
        let Err(refusal) = kubectl.feed(&["replace", "-f", "-"], &edited.to_string()) else {
            bail!("what v1 does not show can be changed: {edited}");
        };
        let said = format!("{refusal:#}");
        for field in fields {
            let line = format!("{field}: the test has started; {words}");
            ensure!(said.contains(&line), "{line:?} is not said: {said}");
        }
    }
    assert_eq!(kubectl.get("lotest", "edited")?["spec"], stored);
    // What may change, may change.
    let mut edited = read;
    edited["spec"]["workerReplicas"] = json!(2);
    edited["metadata"]["labels"] = json!({"team": "shop"});
    kubectl.feed(&["replace", "-f", "-"], &edited.to_string())?;
    assert_eq!(
        kubectl.get("lotest", "edited")?["spec"]["worker"]["replicas"],
        2
    );
    Ok(())
}

/// With no operator there to ask.
fn nobody_is_kept_from_writing(kubectl: &Kubectl) -> Result<()> {
    let held = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: wrong, finalizers: [example.org/hold]}, spec: ";
    kubectl.apply(&format!("{held}{WRONG}}}"))?;
    Ok(())
}

fn the_condition_says_the_same(kubectl: &Kubectl) -> Result<()> {
    let [first, second, third] = PROBLEMS;
    let words = format!("3 problems: (1) {first} (2) {second} (3) {third}");
    wait_until("the condition lists the problems", SOON, || {
        let ready = condition(&status(kubectl, "wrong")?, "Ready");
        ensure!(
            ready["reason"] == "InvalidSpec" && ready["message"] == *words,
            "it is {ready}"
        );
        Ok(())
    })
}

/// One that nobody would accept now.
fn old_objects_stay_writable(kubectl: &Kubectl) -> Result<()> {
    kubectl.run(&["label", "lotest", "wrong", "team=shop"])?;
    kubectl.patch_status("lotest", "wrong", &json!({"status": {"message": "noted"}}))?;
    let worse = kubectl.patch("lotest", "wrong", &json!({"spec": {"image": "other"}}));
    let said = format!("{:#}", worse.err().context("it is still wrong")?);
    ensure!(PROBLEMS.iter().all(|words| said.contains(words)), "{said}");
    kubectl.delete("lotest", "wrong")?;
    kubectl.patch(
        "lotest",
        "wrong",
        &json!({"metadata": {"finalizers": null}}),
    )?;
    wait_until("it is gone", SOON, || {
        ensure!(kubectl.find("lotest", "wrong")?.is_none(), "it is there");
        Ok(())
    })
}

/// It asked for nothing it may not have.
fn check_requests(converter: &Converter, operator: &Operator) -> Result<()> {
    let refused: Vec<String> = converter
        .cluster
        .audit
        .mentioning(&converter.cluster.user.name)?
        .iter()
        .filter(|request| !request.allowed())
        .map(|request| request.line())
        .collect();
    ensure!(refused.is_empty(), "{refused:?}\n{}", operator.log());
    Ok(())
}
