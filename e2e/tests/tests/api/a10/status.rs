//! What a test's object and status say.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use super::{container, finish, phases, pods, recorded_part, status_patches, test};
use crate::blocked::quota;
use crate::end;
use crate::kubelet;
use crate::script::Script;
use crate::world::{SOON, World};

pub fn a10_01_an_untouched_test_is_not_changed(world: &World) -> Result<()> {
    let place = world.main.place("a10-01")?;
    let sent = recorded_part(1, "sent")?;
    place.kubectl.apply(&sent.to_string())?;
    finish(&place.kubectl, "basic")?;
    place.settled()?;
    let stored = place.kubectl.get("lotest", "basic")?;
    Ok(defects::check(1, &json!({"sent": sent, "stored": stored}))?)
}

pub fn a10_02_zero_and_false_are_kept(world: &World) -> Result<()> {
    let place = world.main.place("a10-02")?;
    let sent = recorded_part(2, "sent")?;
    place.kubectl.apply(&sent.to_string())?;
    kubelet::started(&place.kubectl, "zeros")?;
    // And they are used.
    let locust = container(&place.kubectl, "zeros-master")?;
    let args = locust["args"].to_string();
    ensure!(args.contains(r#""--autoquit","0""#), "{args}");
    let mounts = locust["volumeMounts"].as_array().context("mounts")?;
    let secret = mounts.iter().find(|mount| mount["mountPath"] == "/tls");
    let secret = secret.context("the Secret is mounted")?;
    ensure!(secret["readOnly"] != true, "{secret}");
    place.settled()?;
    let stored = place.kubectl.get("lotest", "zeros")?;
    Ok(defects::check(2, &json!({"sent": sent, "stored": stored}))?)
}

pub fn a10_03_workers_are_counted_by_locust(world: &World) -> Result<()> {
    let place = world.main.place("a10-03")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&end::test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    pods(kubectl, "performance-test-name=demo", 3)?;
    place.settled()?;
    let pods: Vec<Value> = pods(kubectl, "performance-test-name=demo", 3)?
        .iter()
        .map(|pod| json!({"name": pod["metadata"]["name"], "phase": pod["status"]["phase"]}))
        .collect();
    let status = kubelet::status(kubectl, "demo")?;
    let over = finish(kubectl, "demo")?["status"].take();
    Ok(defects::check(
        3,
        &json!({"pods": pods, "status": status, "over": over}),
    )?)
}

pub fn a10_04_a_quota_is_no_hot_loop(world: &World) -> Result<()> {
    let place = world.main.place("a10-04")?;
    let kubectl = &place.kubectl;
    quota(kubectl, "pods")?;
    let begin = Instant::now();
    kubectl.apply(&end::test("demo"))?;
    std::thread::sleep(Duration::from_secs(15));
    let patches = status_patches(&place, "demo")?;
    let seconds = begin.elapsed().as_secs();
    let status = kubelet::status(kubectl, "demo")?;
    let conditions = status["conditions"].as_array().context("conditions")?;
    let conditions = conditions.iter().map(|it| it["message"].clone());
    let events = kubectl.events("demo")?;
    let told: Vec<Value> = conditions
        .chain(events.iter().map(|event| event["note"].clone()))
        .collect();
    Ok(defects::check(
        4,
        &json!({"seconds": seconds, "statusWrites": patches.len(), "phases": phases(&place, "demo")?, "told": told}),
    )?)
}

pub fn a10_05_phases_never_go_back(world: &World) -> Result<()> {
    let place = world.main.place("a10-05")?;
    Script::play(&place.kubectl)?;
    place.settled()?;
    let phases = phases(&place, "demo")?;
    ensure!(phases.len() == 3, "not every phase was seen: {phases:?}");
    Ok(defects::check(5, &json!({ "phases": phases }))?)
}

pub fn a10_11_what_is_refused_is_told(world: &World) -> Result<()> {
    let place = world.main.place("a10-11")?;
    let kubectl = &place.kubectl;
    let cases = recorded_part(11, "cases")?;
    let cases = cases.as_array().context("cases")?;
    for (number, case) in cases.iter().enumerate() {
        kubectl.apply(&test(&format!("case-{number}"), &case["spec"]))?;
    }
    wait_until("all is made or told", SOON, || {
        let seen = cases.iter().enumerate().map(|(number, case)| {
            let (status, jobs) = made_or_told(kubectl, &format!("case-{number}"))?;
            Ok(json!({"what": case["what"], "status": status, "jobs": jobs}))
        });
        let seen: Vec<Value> = seen.collect::<Result<_>>()?;
        Ok(defects::check(11, &json!({ "cases": seen }))?)
    })?;
    // The published operator's own troubles are none here.
    for name in ["case-0", "case-1"] {
        kubelet::started(kubectl, name)?;
    }
    let (status, jobs) = made_or_told(kubectl, "case-2")?;
    let ready = kubelet::condition(&status, "Ready");
    let words = ready["message"].as_str().unwrap_or_default();
    ensure!(
        jobs.is_empty() && words.contains("not a label!"),
        "{ready}: {jobs:?}"
    );
    Ok(())
}

fn made_or_told(kubectl: &Kubectl, name: &str) -> Result<(Value, Vec<Value>)> {
    let jobs = kubectl.list("jobs", &format!("performance-test-name={name}"))?;
    Ok((kubelet::status(kubectl, name)?, super::names(&jobs)))
}

pub fn a10_22_an_edit_is_refused(world: &World) -> Result<()> {
    let place = world.main.place("a10-22")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&end::test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    let applied = kubectl.get("lotest", "demo")?["metadata"]["generation"].take();
    let edit = kubectl.patch("lotest", "demo", &json!({"spec": {"image": "other:1"}}));
    let edit = match edit {
        Ok(_) => json!({"accepted": true}),
        Err(refusal) => json!({"accepted": false, "said": format!("{refusal:#}")}),
    };
    let before = place.created()?;
    kubelet::master_pod(kubectl, "demo")?;
    kubectl.delete("job", "demo-master")?;
    kubelet::ended(kubectl, "demo")?;
    place.settled()?;
    let stored = kubectl.get("lotest", "demo")?;
    let made = place.created()?.split_off(before.len());
    Ok(defects::check(
        22,
        &json!({"edit": edit, "applied": applied, "stored": stored, "madeThen": made}),
    )?)
}
