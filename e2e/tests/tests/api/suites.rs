//! Suites: steps in order, side by side and as a graph, with Jobs, retries and a `finally`.

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{self, DETAILS, condition, report};
use crate::world::{SOON, World};

/// A template whose tests have as many users as they are told, and a limit on response times.
pub const TEMPLATE: &str = "
apiVersion: locust.io/v2
kind: LocustTemplate
metadata: {name: shop}
spec:
  parameters:
  - {name: users, type: integer, default: 5, minimum: 1}
  - {name: limit, type: number, default: 1000, description: the slowest p95 in milliseconds}
  test:
    testFiles: {inline: {locustfile.py: ''}}
    run: {users: '{{params.users}}'}
    worker: {replicas: 1}
    thresholds:
    - {name: fast, metric: p95, op: lt, value: '{{params.limit}}ms', minRequests: 1}
---
";

/// A suite of this name with these lines in its spec.
pub fn suite(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustTestSuite
metadata: {{name: {name}}}
spec:
{spec}
---
"
    )
}

/// A step with a test of its own.
fn step(name: &str, more: &str) -> String {
    format!(
        "  - {{name: {name}, test: {{testFiles: {{inline: {{locustfile.py: ''}}}}, worker: {{replicas: 1}}}}{more}}}\n"
    )
}

fn status(kubectl: &Kubectl, suite: &str) -> Result<Value> {
    Ok(kubectl.get("losuite", suite)?["status"].take())
}

/// The status of a step; null when there is none.
fn step_of(status: &Value, name: &str) -> Value {
    let steps = status["steps"].as_array().into_iter().flatten();
    let mut named = steps.filter(|step| step["name"] == name);
    named.next().cloned().unwrap_or_default()
}

/// Waits until the suite is over; returns the status.
pub fn ended(kubectl: &Kubectl, suite: &str) -> Result<Value> {
    wait_until(&format!("suite {suite} has a verdict"), SOON * 3, || {
        let status = status(kubectl, suite)?;
        ensure!(status["verdict"].is_string(), "the status is {status}");
        Ok(status)
    })
}

/// Waits until a step is in this phase; returns it.
fn in_phase(kubectl: &Kubectl, suite: &str, step: &str, phase: &str) -> Result<Value> {
    wait_until(&format!("step {step} of {suite} is {phase}"), SOON, || {
        let status = status(kubectl, suite)?;
        let step = step_of(&status, step);
        ensure!(step["phase"] == phase, "the status is {status}");
        Ok(step)
    })
}

/// Lets Locust of a test load and end, with what it reports changed so.
pub fn play(kubectl: &Kubectl, test: &str, changes: &Value) -> Result<()> {
    wait_until(&format!("{test} is made"), SOON, || {
        kubectl.get("lotest", test)
    })?;
    let id = kubelet::started(kubectl, test)?["run"]["id"].take();
    let id = id.as_str().context("a run id")?;
    let report = report(id, changes);
    let measured = json!({"k": "th", "a": [[report["p95"], report["n"]]]});
    let code = report["exit"]
        .as_i64()
        .and_then(|code| i32::try_from(code).ok());
    let words = format!("{report}\n{measured}\n{DETAILS}");
    kubelet::end_master(kubectl, test, code.context("an exit code")?, &words)
}

/// Ends the Job of a step.
fn end_job(kubectl: &Kubectl, job: &str, code: i32) -> Result<()> {
    let pod = wait_until(&format!("a pod of Job {job}"), SOON, || {
        let selector = format!("batch.kubernetes.io/job-name={job}");
        let pods = kubectl.list("pods", &selector)?;
        pods.into_iter().next().context("no pod")
    })?;
    kubelet::end_pod(kubectl, &pod, code, "")
}

/// Verdict or phase of each step, in order.
fn outline(status: &Value) -> Vec<String> {
    let steps = status["steps"].as_array().into_iter().flatten();
    let word = |step: &Value, field: &str| step[field].as_str().unwrap_or_default().to_owned();
    steps
        .map(|step| match step["verdict"].as_str() {
            Some(verdict) => format!("{} {verdict}/{}", word(step, "name"), word(step, "reason")),
            None => format!(
                "{} {}/{}",
                word(step, "name"),
                word(step, "phase"),
                word(step, "reason")
            ),
        })
        .collect()
}

/// The reasons of a suite's events, in order of time, each with its note.
fn events(kubectl: &Kubectl, suite: &str) -> Result<Vec<String>> {
    let all = kubectl.list("events.events.k8s.io", "")?;
    let mut told: Vec<(String, String)> = all
        .iter()
        .filter(|event| {
            event["regarding"]["kind"] == "LocustTestSuite" && event["regarding"]["name"] == suite
        })
        .map(|event| {
            let word = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            (
                word("eventTime"),
                format!("{}: {}", word("reason"), word("note")),
            )
        })
        .collect();
    told.sort();
    Ok(told.into_iter().map(|(_, line)| line).collect())
}

pub fn numbers_flow_from_step_to_step(world: &World) -> Result<()> {
    let place = world.main.place("suite-flow")?;
    let kubectl = &place.kubectl;
    let spec = "
  parameters: [{name: users, value: 7}]
  steps:
  - {name: smoke, templateRef: {name: shop, parameters: [{name: users, value: 1}]}}
  - {name: load, templateRef: {name: shop, parameters: [{name: limit, value: '{{steps.smoke.p95Ms}}'}]}, retries: {limit: 1}}
  - {name: stress, test: {templateRef: {name: shop}, worker: {replicas: 3}}}
  finally:
  - {name: report, templateRef: {name: shop}, optional: true}
";
    // In any order: the suite waits for its template.
    kubectl.apply(&suite("nightly", spec))?;
    wait_until("the suite waits", SOON, || {
        let status = status(kubectl, "nightly")?;
        let resolved = condition(&status, "ResolvedRefs");
        ensure!(
            resolved["reason"] == "TemplateNotFound"
                && status["phase"] == "Pending"
                && status["run"].is_null(),
            "{status}"
        );
        Ok(())
    })?;
    kubectl.apply(TEMPLATE)?;
    play(kubectl, "nightly-smoke", &json!({}))?;
    // The first attempt made no request: it counts for nothing.
    play(
        kubectl,
        "nightly-load",
        &json!({"n": 0, "f": 0, "p95": null}),
    )?;
    in_phase(kubectl, "nightly", "load", "Running")?;
    let load = kubectl.get("lotest", "nightly-load")?;
    let smoke = step_of(&status(kubectl, "nightly")?, "smoke");
    let p95 = smoke["outputs"]["p95Ms"].as_str().context("a number")?;
    ensure!(
        load["spec"]["thresholds"][0]["value"] == format!("{p95}ms")
            && load["spec"]["run"]["users"] == 7
            && load["spec"]["templateRef"].is_null()
            && load["metadata"]["annotations"]["locust.io/template"]
                == format!("{}/shop", place.namespace()),
        "{load}"
    );
    // A run keeps to the templates it began with.
    kubectl.apply(&TEMPLATE.replace("metric: p95", "metric: max"))?;
    kubectl.run(&["delete", "lotmpl", "shop"])?;
    play(kubectl, "nightly-load-a2", &json!({"p95": 1}))?;
    play(kubectl, "nightly-stress", &json!({"p95": 1}))?;
    play(kubectl, "nightly-report", &json!({"p95": 1}))?;
    let status = ended(kubectl, "nightly")?;
    ensure!(
        outline(&status)
            == [
                "smoke Passed/AllPassed",
                "load Passed/AllPassed",
                "stress Passed/AllPassed",
                "report Passed/AllPassed"
            ],
        "{status}"
    );
    let stress = kubectl.get("lotest", "nightly-stress")?;
    ensure!(
        stress["spec"]["worker"]["replicas"] == 3
            && stress["spec"]["thresholds"][0]["metric"] == "p95",
        "{stress}"
    );
    let row = kubectl.run(&["get", "losuite", "nightly", "--no-headers"])?;
    let row: Vec<&str> = row.split_whitespace().collect();
    ensure!(
        row[..5] == ["nightly", "Succeeded", "Passed", "4/4", "4"],
        "{row:?}"
    );
    ensure!(
        condition(&status, "Completed")["status"] == "True"
            && condition(&status, "Succeeded")["status"] == "True"
            && status["message"]
                .as_str()
                .is_some_and(|words| words.starts_with("4 of 4 steps passed")),
        "{status}"
    );
    wait_until("all events", SOON, || {
        let told = events(kubectl, "nightly")?;
        let count = |reason: &str| told.iter().filter(|line| line.starts_with(reason)).count();
        ensure!(
            count("Started") == 1
                && count("StepStarted") == 5
                && count("StepFinished") == 4
                && count("Finished") == 1,
            "{told:#?}"
        );
        Ok(())
    })?;
    let made = place.created()?;
    let tests: Vec<&String> = made
        .iter()
        .filter(|it| it.starts_with("locusttests/"))
        .collect();
    ensure!(tests.len() == 5, "{tests:?}");
    let revisions = made
        .iter()
        .filter(|it| it.starts_with("controllerrevisions/"));
    ensure!(revisions.count() == 1, "{made:?}");
    Ok(())
}

pub fn what_follows_a_failed_step(world: &World) -> Result<()> {
    let place = world.main.place("suite-failed")?;
    let kubectl = &place.kubectl;
    let failed = json!({"exit": 1, "f": 9});
    // Stop, the default: nothing but `finally`.
    let spec = format!(
        "  steps:\n{}{}{}  finally:\n{}",
        step("a", ""),
        step("b", ""),
        step("c", ", when: Always"),
        step("z", "")
    );
    kubectl.apply(&suite("stops", &spec))?;
    // Continue: `when` decides.
    let spec = format!(
        "  steps:\n{}{}{}{}",
        step("a", ", onFailure: Continue, optional: true"),
        step("b", ", when: OnFailed"),
        step("c", ", onFailure: Continue"),
        step("d", "")
    );
    kubectl.apply(&suite("continues", &spec))?;
    // Abort: what runs is stopped.
    let spec = format!(
        "  execution: Parallel\n  steps:\n{}{}",
        step("a", ", onFailure: Abort"),
        step("b", "")
    );
    kubectl.apply(&suite("aborts", &spec))?;
    for suite in ["stops", "continues", "aborts"] {
        play(kubectl, &format!("{suite}-a"), &failed)?;
    }
    play(kubectl, "stops-z", &json!({}))?;
    let stops = ended(kubectl, "stops")?;
    ensure!(
        outline(&stops)
            == [
                "a Failed/RequestsFailed",
                "b Skipped/EarlierStepNotPassed",
                "c Skipped/EarlierStepNotPassed",
                "z Passed/AllPassed"
            ]
            && stops["verdict"] == "Failed"
            && stops["reason"] == "StepFailed"
            && stops["phase"] == "Failed",
        "{stops}"
    );
    ensure!(
        [
            &stops["passed"],
            &stops["failed"],
            &stops["skipped"],
            &stops["total"]
        ] == [&json!(1), &json!(1), &json!(2), &json!(4)],
        "{stops}"
    );
    play(kubectl, "continues-b", &json!({}))?;
    play(kubectl, "continues-c", &json!({}))?;
    play(kubectl, "continues-d", &json!({}))?;
    let continues = ended(kubectl, "continues")?;
    ensure!(
        continues["verdict"] == "Passed"
            && condition(&continues, "OptionalStepFailed")["status"] == "True",
        "{continues}"
    );
    wait_until("the other is stopped", SOON, || {
        let other = kubectl.get("lotest", "aborts-b")?;
        ensure!(other["spec"]["stop"] == true, "{}", other["spec"]);
        Ok(())
    })?;
    let aborts = ended(kubectl, "aborts")?;
    ensure!(
        aborts["verdict"] == "Failed" && step_of(&aborts, "b")["verdict"] == "Aborted",
        "{aborts}"
    );
    Ok(())
}

pub fn jobs_graphs_and_waits(world: &World) -> Result<()> {
    let place = world.main.place("suite-graph")?;
    let kubectl = &place.kubectl;
    let job = "{backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}";
    let spec = format!(
        "  execution: Graph\n  maxParallel: 2\n  steps:\n  - {{name: seed, job: {job}}}\n{}{}{}  - {{name: last, job: {job}, dependsOn: [left, right], when: Always}}\n",
        step(
            "left",
            ", dependsOn: [seed], waitFor: {http: {url: 'http://shop/ready'}}"
        ),
        step(
            "right",
            ", dependsOn: [seed], waitFor: {condition: {deployment: shop}}"
        ),
        step("never", ", dependsOn: [left], when: OnFailed"),
    );
    kubectl.apply(&suite("graph", &spec))?;
    in_phase(kubectl, "graph", "seed", "Running")?;
    ensure!(kubectl.get("lotest", "graph-left").is_err(), "too early");
    end_job(kubectl, "graph-seed", 0)?;
    let waits = in_phase(kubectl, "graph", "right", "Waiting")?;
    wait_until("what it waits for is said", SOON, || {
        let status = status(kubectl, "graph")?;
        let words = step_of(&status, "right")["message"].clone();
        ensure!(
            words
                .as_str()
                .is_some_and(|words| words.contains("\"shop\" does not exist")),
            "{status}"
        );
        Ok(())
    })
    .with_context(|| format!("{waits}"))?;
    end_job(kubectl, "graph-left-wait", 0)?;
    play(kubectl, "graph-left", &json!({}))?;
    kubectl.apply(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: shop}, spec: {replicas: 0, selector: {matchLabels: {app: shop}},
           template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: a, image: a}]}}}}",
    )?;
    play(kubectl, "graph-right", &json!({}))?;
    end_job(kubectl, "graph-last", 1)?;
    let status = ended(kubectl, "graph")?;
    ensure!(
        outline(&status)
            == [
                "seed Passed/AllPassed",
                "left Passed/AllPassed",
                "right Passed/AllPassed",
                "never Skipped/WhenNotMet",
                "last Error/JobFailed"
            ]
            && status["verdict"] == "Error",
        "{status}"
    );
    Ok(())
}

pub fn a_suite_is_suspended_and_stopped(world: &World) -> Result<()> {
    let place = world.main.place("suite-stop")?;
    let kubectl = &place.kubectl;
    let spec = format!(
        "  suspend: true\n  concurrencyGroup: shop\n  steps:\n{}{}  finally:\n{}",
        step("a", ""),
        step("b", ""),
        step("z", "")
    );
    kubectl.apply(&suite("first", &spec))?;
    wait_until("it is suspended", SOON, || {
        let status = status(kubectl, "first")?;
        ensure!(
            condition(&status, "Suspended")["status"] == "True",
            "{status}"
        );
        Ok(())
    })?;
    kubectl.patch("losuite", "first", &json!({"spec": {"suspend": false}}))?;
    kubelet::started(kubectl, "first-a")?;
    // Another of the group waits for the whole suite, whose tests do not wait for it.
    kubectl.apply(&suite(
        "second",
        &format!(
            "  concurrencyGroup: shop\n  retention: {{suiteAfterFinished: 12s}}\n  steps:\n{}",
            step("a", "")
        ),
    ))?;
    wait_until("the second waits", SOON, || {
        let status = status(kubectl, "second")?;
        ensure!(
            condition(&status, "Queued")["message"] == "2nd of 2 in group shop, behind suite first",
            "{status}"
        );
        Ok(())
    })?;
    let refused = kubectl.patch("losuite", "first", &json!({"spec": {"maxParallel": 2}}));
    let refused = format!(
        "{:#}",
        refused.err().context("a started suite was changed")?
    );
    ensure!(refused.contains("the suite has started"), "{refused}");
    kubectl.patch("losuite", "first", &json!({"spec": {"stop": true}}))?;
    wait_until("its test is stopped", SOON, || {
        let test = kubectl.get("lotest", "first-a")?;
        ensure!(test["status"]["verdict"] == "Aborted", "{}", test["status"]);
        Ok(())
    })?;
    play(kubectl, "first-z", &json!({}))?;
    let first = ended(kubectl, "first")?;
    ensure!(
        outline(&first)
            == [
                "a Aborted/Stopped",
                "b Skipped/Stopped",
                "z Passed/AllPassed"
            ]
            && first["verdict"] == "Aborted"
            && first["reason"] == "Stopped",
        "{first}"
    );
    play(kubectl, "second-a", &json!({}))?;
    let second = ended(kubectl, "second")?;
    ensure!(second["verdict"] == "Passed", "{second}");
    // Its time is over, and that of its test with it.
    wait_until("the second is gone", SOON, || {
        let left = kubectl.list("losuite,lotest", "")?;
        let left = left.iter().filter(|object| {
            let name = object["metadata"]["name"].as_str();
            name.is_some_and(|name| name.starts_with("second"))
        });
        let left = left.count();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
}

pub fn a_suite_that_cannot_run(world: &World) -> Result<()> {
    let place = world.main.place("suite-wrong")?;
    let kubectl = &place.kubectl;
    kubectl.apply(TEMPLATE)?;
    let spec = format!(
        "  maxParallel: 2\n  steps:\n{}  - {{name: b, templateRef: {{name: shop, parameters: [{{name: limit, value: '{{{{steps.c.p95Ms}}}}'}}]}}}}\n",
        step("a", ", dependsOn: [b]")
    );
    kubectl.apply(&suite("wrong", &spec))?;
    let status = wait_until("all that is wrong is said", SOON, || {
        let status = status(kubectl, "wrong")?;
        ensure!(status["reason"] == "InvalidSpec", "{status}");
        Ok(status)
    })?;
    let words = status["message"].as_str().unwrap_or_default();
    for part in [
        "spec.maxParallel",
        "spec.steps[0].dependsOn",
        "there is no step \"c\"",
    ] {
        ensure!(words.contains(part), "{part} is not in {words}");
    }
    let both = "  steps:\n  - {name: a, job: {}, templateRef: {name: shop}}\n";
    let refused = kubectl.apply(&suite("both", both));
    let refused = format!("{:#}", refused.err().context("two in one were taken")?);
    ensure!(
        refused.contains("one of test, templateRef and job"),
        "{refused}"
    );
    // A name that is somebody else's, parameters that no test can have, a child that somebody deletes.
    let other = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: bad-taken}, spec: {suspend: true, worker: {replicas: 1}}}\n---\n";
    let spec = format!(
        "  execution: Parallel\n  steps:\n{}{}  - {{name: unfit, templateRef: {{name: shop, parameters: [{{name: users, value: 0}}]}}}}\n",
        step("taken", ""),
        step("gone", ""),
    );
    kubectl.apply(&format!("{other}{}", suite("bad", &spec)))?;
    in_phase(kubectl, "bad", "gone", "Running")?;
    kubectl.run(&["delete", "lotest", "bad-gone"])?;
    let status = ended(kubectl, "bad")?;
    ensure!(
        outline(&status)
            == [
                "taken Error/NameConflict",
                "gone Error/ChildDeleted",
                "unfit Error/ParametersInvalid"
            ]
            && status["verdict"] == "Error",
        "{status}"
    );
    let test = kubectl.get("lotest", "bad-taken")?;
    ensure!(test["metadata"]["ownerReferences"].is_null(), "{test}");
    Ok(())
}

/// The ends that the other cases do not come to.
pub fn every_end_of_a_suite(world: &World) -> Result<()> {
    let place = world.main.place("suite-ends")?;
    let kubectl = &place.kubectl;
    kubectl.apply(TEMPLATE)?;
    let one = |name: &str, more: &str| suite(name, &format!("  steps:\n{}", step("a", more)));
    let numbers = "  - {name: b, when: Always, templateRef: {name: shop, parameters: [{name: limit, value: '{{steps.a.p95Ms}}'}]}}\n";
    let numbers = format!("  steps:\n{}{numbers}", step("a", ", onFailure: Continue"));
    kubectl.apply(
        &[
            one("nothing", ", when: OnFailed"),
            one("slow", ", timeout: 1s"),
            one(
                "absent",
                ", waitFor: {condition: {deployment: none}, timeout: 2s}",
            ),
            one("aborted", ""),
            suite("numbers", &numbers),
        ]
        .concat(),
    )?;
    in_phase(kubectl, "aborted", "a", "Running")?;
    kubectl.patch("lotest", "aborted-a", &json!({"spec": {"stop": true}}))?;
    kubelet::started(kubectl, "numbers-a")?;
    kubelet::end_master(kubectl, "numbers-a", 1, "")?;
    for (name, steps, end) in [
        ("nothing", vec!["a Skipped/WhenNotMet"], "Error/NothingRan"),
        (
            "slow",
            vec!["a Inconclusive/StepTimeout"],
            "Inconclusive/StepInconclusive",
        ),
        ("absent", vec!["a Error/WaitForFailed"], "Error/StepError"),
        ("aborted", vec!["a Aborted/Stopped"], "Aborted/StepAborted"),
        (
            "numbers",
            vec!["a Error/NeverStarted", "b Error/OutputUnavailable"],
            "Error/StepError",
        ),
    ] {
        let status = ended(kubectl, name)?;
        let word = |field: &str| status[field].as_str().unwrap_or_default();
        let found = format!("{}/{}", word("verdict"), word("reason"));
        ensure!(
            outline(&status) == steps && found == end,
            "{name}: {found}: {status}"
        );
    }
    Ok(())
}
