//! What no ceiling can look into: tests before their template fills them in, and Jobs of suites.

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use super::judged::{RAISED, merge, refused, test, within, words};
use crate::kubelet;
use crate::suites;
use crate::world::SOON;

const TEMPLATED: &str = "spec.templateRef is set, and a test from a template cannot be judged here: use a LocustTestSuite with one step, whose test is judged as it is made, or write the spec out";
const IMAGE: &str = "spec.image is \"other:1\", and only these images are allowed";

fn template(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustTemplate", "metadata": {"name": name},
        "spec": {"overridable": ["run"], "test": spec}})
    .to_string()
}

fn suite(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustTestSuite", "metadata": {"name": name}, "spec": spec})
        .to_string()
}

fn of(template: &str) -> Value {
    json!({"templateRef": {"name": template}})
}

/// A step that could do anything.
fn job(name: &str) -> Value {
    let pod =
        json!({"restartPolicy": "Never", "containers": [{"name": "any", "image": "other:1"}]});
    json!({"name": name, "job": {"template": {"spec": pod}}})
}

fn over() -> Value {
    let mut over = within();
    merge(
        &mut over,
        &json!({"image": "other:1", "run": {"users": 5000}, "worker": {"replicas": 30}}),
    );
    over
}

/// Before there is a ceiling: tests from a template, one that runs and one that waits, and such suites.
pub fn old_ones(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(&template("small", &within()))?;
    kubectl.apply(&template("large", &over()))?;
    kubectl.apply(&test("from-large", &of("large")))?;
    kubelet::started(kubectl, "from-large")?;
    let mut held = of("large");
    merge(&mut held, &json!({"suspend": true}));
    kubectl.apply(&test("held", &held))?;
    let with_job = |suspend: bool| json!({"steps": [job("seed")], "suspend": suspend});
    kubectl.apply(&suite("seeding", &with_job(false)))?;
    wait_until("the suite's Job", SOON, || {
        kubectl.get("job", "seeding-seed")
    })?;
    kubectl.apply(&suite("to-seed", &with_job(true)))?;
    Ok(())
}

/// Nothing else is said of it, and nothing that only the policy's author would understand.
pub fn no_test_from_a_template(kubectl: &Kubectl) -> Result<()> {
    for change in [
        json!({}),
        json!({"suspend": true}),
        json!({"worker": {"replicas": 20}}),
        json!({"run": {"users": 1, "host": "https://shop.example.com", "runTime": "1m"}}),
    ] {
        let mut spec = of("small");
        merge(&mut spec, &change);
        let said = refused(kubectl, &spec)?;
        assert_eq!(said, format!("{TEMPLATED}{RAISED}"), "{change}");
    }
    let mut spec = of("small");
    merge(&mut spec, &json!({"worker": {"replicas": 21}}));
    let workers = "spec.worker.replicas is 21, and at most 20 workers are allowed";
    assert_eq!(
        refused(kubectl, &spec)?,
        format!("{workers}; {TEMPLATED}{RAISED}")
    );
    // Nor by a change of one that passed.
    let mut spec = within();
    merge(&mut spec, &json!({"suspend": true}));
    kubectl.apply(&test("turned", &spec))?;
    let said = not_patched(kubectl, "lotest", "turned", &json!({"spec": of("small")}))?;
    assert_eq!(said, format!("{TEMPLATED}{RAISED}"));
    kubectl.delete("lotest", "turned")
}

/// As they are made, with all that the template gives.
pub fn tests_of_suites_are_judged(kubectl: &Kubectl) -> Result<()> {
    let step = |template: &str| json!({"name": "load", "templateRef": {"name": template}});
    kubectl.apply(&suite("small", &json!({"steps": [step("small")]})))?;
    kubelet::started(kubectl, "small-load")?;
    kubectl.delete("losuite", "small")?;
    let own = json!({"name": "load", "test": of("large")});
    for (name, step) in [("large", step("large")), ("large-test", own)] {
        kubectl.apply(&suite(name, &json!({"steps": [step]})))?;
        let status = suites::ended(kubectl, name)?;
        let step = &status["steps"][0];
        assert_eq!(step["verdict"], "Error", "{status}");
        let said = step["message"].as_str().context("no message")?;
        ensure!(said.contains(IMAGE), "{said}");
        let child = kubectl.find("lotest", &format!("{name}-load"))?;
        assert_eq!(child, None, "it was made");
    }
    Ok(())
}

fn no_jobs(steps: &str) -> String {
    format!(
        "these steps have a job, which may be any pod, past every ceiling: {steps}; use tests. \
         This is the ceiling \"teams\"; to have Jobs allowed (allowJobs), ask the platform team"
    )
}

pub fn no_jobs_in_suites(kubectl: &Kubectl) -> Result<()> {
    let load = json!({"name": "load", "test": within()});
    let create = ["create", "--dry-run=server", "-f", "-"];
    for (spec, steps) in [
        (json!({"steps": [job("seed"), load]}), "seed"),
        (json!({"steps": [load], "finally": [job("clean")]}), "clean"),
        (
            json!({"steps": [job("seed"), load], "finally": [job("clean")], "stop": true}),
            "seed, clean",
        ),
        (json!({"steps": [job("seed")], "suspend": true}), "seed"),
    ] {
        let error = kubectl.feed(&create, &suite("probe", &spec)).err();
        let said = words(&format!("{:#}", error.context("it was accepted")?))?;
        assert_eq!(said, no_jobs(steps), "{spec}");
    }
    // What runs after a stop is no way around.
    kubectl.apply(&suite("turned", &json!({"steps": [load], "suspend": true})))?;
    let patch = json!({"spec": {"stop": true, "finally": [job("clean")]}});
    let said = not_patched(kubectl, "losuite", "turned", &patch)?;
    assert_eq!(said, no_jobs("clean"));
    kubectl.delete("losuite", "turned")
}

fn schedule(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustSchedule", "metadata": {"name": name}, "spec": spec})
        .to_string()
}

/// Schedules of what could never be made, and the runs of others as they are made.
pub fn no_such_schedules(kubectl: &Kubectl) -> Result<()> {
    let create = ["create", "--dry-run=server", "-f", "-"];
    let load = json!({"name": "load", "test": within()});
    let judged = "is set, and a test from a template cannot be judged as it is made: use spec.runTemplate.suite with one step, whose test is judged, or write the spec out";
    let jobs = "these steps of spec.runTemplate.suite have a job, which may be any pod, past every ceiling: seed, clean; use tests";
    for (template, words) in [
        (
            of("small"),
            format!("spec.runTemplate.templateRef {judged}"),
        ),
        (
            json!({"test": of("small")}),
            format!("spec.runTemplate.test.templateRef {judged}"),
        ),
        (
            json!({"suite": {"steps": [job("seed"), load], "finally": [job("clean")]}}),
            jobs.to_owned(),
        ),
    ] {
        let spec = json!({"runTemplate": template});
        let error = kubectl.feed(&create, &schedule("probe", &spec)).err();
        let said = words_of(&error.context("it was accepted")?)?;
        assert_eq!(said, format!("{words}{RAISED}"), "{spec}");
    }
    let mut over = over();
    merge(&mut over, &json!({"run": {"runTime": "1m"}}));
    kubectl.apply(&schedule("often", &json!({"runTemplate": {"test": over}})))?;
    kubectl.run(&["annotate", "losched", "often", "locust.io/run-now=1"])?;
    wait_until("the run is refused", SOON, || {
        let run = kubectl.get("losched", "often")?["status"]["lastRun"].take();
        ensure!(
            run["verdict"] == "Error"
                && run["message"]
                    .as_str()
                    .is_some_and(|said| said.contains(IMAGE)),
            "{run}"
        );
        Ok(())
    })?;
    kubectl.delete("losched", "often")
}

fn words_of(error: &anyhow::Error) -> Result<String> {
    words(&format!("{error:#}"))
}

/// What was written before there was a ceiling.
pub fn old_ones_can_end(kubectl: &Kubectl) -> Result<()> {
    kubectl.run(&["label", "lotest", "from-large", "held", "note=old"])?;
    kubectl.run(&["label", "losuite", "seeding", "to-seed", "note=old"])?;
    // It has no workers of its own.
    let kept = json!({"spec": {"retention": {"podsAfterFinished": "1h"}}});
    kubectl.patch("lotest", "from-large", &kept)?;
    let more = json!({"spec": {"stop": true, "worker": {"replicas": 21}}});
    let said = not_patched(kubectl, "lotest", "held", &more)?;
    let over = "spec.worker.replicas is 21, and at most 20 workers are allowed";
    assert_eq!(said, format!("{over}{RAISED}"));
    kubectl.patch("losuite", "seeding", &json!({"spec": {"suspend": true}}))?;
    kubectl.patch("losuite", "seeding", &json!({"spec": {"suspend": false}}))?;

    let go = json!({"spec": {"suspend": false}});
    let said = not_patched(kubectl, "lotest", "held", &go)?;
    assert_eq!(said, format!("{TEMPLATED}{RAISED}"));
    let said = not_patched(kubectl, "losuite", "to-seed", &go)?;
    assert_eq!(said, no_jobs("seed"));

    let stop = json!({"spec": {"stop": true}});
    for name in ["from-large", "held"] {
        kubectl.patch("lotest", name, &stop)?;
        assert_eq!(kubelet::ended(kubectl, name)?["verdict"], "Aborted");
        kubectl.delete("lotest", name)?;
    }
    for name in ["seeding", "to-seed"] {
        kubectl.patch("losuite", name, &stop)?;
        assert_eq!(suites::ended(kubectl, name)?["verdict"], "Aborted");
        kubectl.delete("losuite", name)?;
    }
    Ok(())
}

/// The ceiling that holds here as well only warns, and allows Jobs.
pub fn others_may_have_jobs(kubectl: &Kubectl) -> Result<()> {
    let spec = json!({"steps": [job("seed")], "suspend": true});
    let warnings = kubectl.warnings(&suite("seeded", &spec))?;
    assert_eq!(warnings, Vec::<String>::new());
    let mut spec = of("small");
    merge(&mut spec, &json!({"suspend": true}));
    let warnings = kubectl.warnings(&test("from-small", &spec))?;
    let one = warnings.iter().filter(|said| said.contains(TEMPLATED));
    ensure!(one.count() == 1, "{warnings:?}");
    Ok(())
}

fn not_patched(kubectl: &Kubectl, kind: &str, name: &str, patch: &Value) -> Result<String> {
    let patch = patch.to_string();
    let error = kubectl.run(&["patch", kind, name, "--type=merge", "-p", &patch]);
    words(&format!("{:#}", error.err().context("it was accepted")?))
}
