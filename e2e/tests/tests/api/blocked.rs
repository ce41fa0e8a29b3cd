//! What keeps a run from starting, and how it starts after all.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e_tests::audit::Filter;
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{self, condition, status};
use crate::world::{SOON, World};

/// Events of the test with this reason.
fn events(kubectl: &Kubectl, test: &str, reason: &str) -> Result<Vec<Value>> {
    let mut events = kubectl.events(test)?;
    events.retain(|event| event["reason"] == reason && event["regarding"]["kind"] == "LocustTest");
    Ok(events)
}

fn check_event_once(kubectl: &Kubectl, reason: &str, words: &str) -> Result<()> {
    let found = wait_until(&format!("the event {reason}"), SOON, || {
        let found = events(kubectl, "demo", reason)?;
        ensure!(!found.is_empty(), "there is none");
        Ok(found)
    })?;
    ensure!(
        found.len() == 1 && found[0]["series"].is_null(),
        "not once: {found:#?}"
    );
    assert_eq!(found[0]["type"], "Warning");
    let note = found[0]["note"].to_string();
    ensure!(note.contains(words), "{words:?} is not in {note}");
    Ok(())
}

pub fn a_config_map_that_comes_late(world: &World) -> Result<()> {
    let place = world.main.place("late")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {testFiles: {configMapRef: files}, worker: {replicas: 1}}}")?;
    let seen = wait_until("ResolvedRefs is False", SOON, || {
        let found = condition(&status(kubectl, "demo")?, "ResolvedRefs");
        ensure!(found["status"] == "False", "it is {found}");
        Ok(found)
    })?;
    assert_eq!(seen["reason"], "ConfigMapNotFound");
    let message = seen["message"].to_string();
    ensure!(
        message.contains("files") && message.contains("late"),
        "{message}"
    );
    // Several looks later it was still said once.
    std::thread::sleep(Duration::from_secs(11));
    check_event_once(kubectl, "ConfigMapNotFound", "files")?;
    assert_eq!(place.created()?, Vec::<String>::new());
    assert_eq!(place.writes()?.len(), 2, "a claim and a condition");

    kubectl.run(&[
        "create",
        "configmap",
        "files",
        "--from-literal=locustfile.py=",
    ])?;
    let begin = Instant::now();
    let status = kubelet::started(kubectl, "demo")?;
    ensure!(
        begin.elapsed() < Duration::from_secs(10),
        "only {:?} later",
        begin.elapsed()
    );
    assert_eq!(condition(&status, "ResolvedRefs")["status"], "True");
    assert_eq!(condition(&status, "Ready")["status"], "True");
    Ok(())
}

pub fn a_config_map_that_never_comes(world: &World) -> Result<()> {
    let place = world.main.place("never")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {startDeadline: 5s, testFiles: {libConfigMapRef: libraries}, worker: {replicas: 1}}}")?;
    let begin = Instant::now();
    let status = kubelet::ended(kubectl, "demo")?;
    ensure!(
        begin.elapsed() > Duration::from_secs(4),
        "the deadline is 5 s, not {:?}",
        begin.elapsed()
    );
    ensure!(
        begin.elapsed() < Duration::from_secs(25),
        "the deadline is 5 s, not {:?}",
        begin.elapsed()
    );
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Error", "ConfigMapNotFound"]
    );
    let message = status["message"].to_string();
    ensure!(
        message.contains("libraries") && message.contains("startDeadline"),
        "{message}"
    );
    assert_eq!(condition(&status, "Completed")["status"], "True");
    assert_eq!(condition(&status, "Succeeded")["status"], "False");
    assert_eq!(condition(&status, "Ready")["reason"], "ResourcesFailed");
    assert_eq!(status["startTime"], Value::Null, "load never began");
    check_event_once(kubectl, "Finished", "Error (ConfigMapNotFound)")?;

    // It is over: the ConfigMap comes too late.
    kubectl.run(&["create", "configmap", "libraries"])?;
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(place.created()?, Vec::<String>::new());
    Ok(())
}

pub fn an_invalid_spec_can_be_mended(world: &World) -> Result<()> {
    let place = world.main.place("invalid")?;
    let kubectl = &place.kubectl;
    let apply = |spec: &str| {
        kubectl.apply(&format!(
            "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: demo}}, spec: {spec}}}"
        ))
    };
    let wait_for_message = |words: &[&str]| {
        wait_until("InvalidSpec is said", SOON, || {
            let status = status(kubectl, "demo")?;
            let ready = condition(&status, "Ready");
            let message = ready["message"].to_string();
            ensure!(
                words.iter().all(|word| message.contains(word)),
                "Ready is {ready}"
            );
            Ok(status)
        })
    };
    apply(r#"{worker: {replicas: 1}, master: {command: '-f "locustfile.py'}}"#)?;
    let seen = wait_for_message(&["spec.master.command", "quote"])?;
    assert_eq!(condition(&seen, "Ready")["reason"], "InvalidSpec");
    assert_eq!(condition(&seen, "Stalled")["status"], "True");
    assert_eq!(condition(&seen, "Stalled")["reason"], "InvalidSpec");
    assert_eq!(seen["run"], Value::Null, "it is not claimed");
    check_event_once(kubectl, "InvalidSpec", "quote")?;

    apply("{worker: {replicas: 1}, master: {command: '-f a.py --users 3'}, run: {users: 5}}")?;
    let seen = wait_for_message(&["spec.run.users", "spec.master.command", "--users"])?;
    assert_eq!(seen["observedGeneration"], 2);
    place.settled()?;
    assert_eq!(place.created()?, Vec::<String>::new());
    assert_eq!(place.writes()?.len(), 2, "each mistake is written once");

    apply("{worker: {replicas: 1}, master: {command: '-f a.py'}, run: {users: 5}}")?;
    let status = kubelet::started(kubectl, "demo")?;
    assert_eq!(condition(&status, "Ready")["status"], "True");
    assert_eq!(condition(&status, "Stalled"), Value::Null);
    assert_eq!(
        [&status["reason"], &status["message"]],
        [&Value::Null, &Value::Null]
    );
    Ok(())
}

pub fn a_quota_is_waited_out(world: &World) -> Result<()> {
    let place = world.main.place("quota")?;
    let kubectl = &place.kubectl;
    quota(kubectl, "count/jobs.batch")?;
    let test = |name: &str, deadline: &str| {
        kubectl.apply(&format!("{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{startDeadline: {deadline}, worker: {{replicas: 1}}}}}}"))
    };
    test("demo", "10s")?;
    let begin = Instant::now();
    let seen = wait_until("the quota is said", SOON, || {
        let ready = condition(&status(kubectl, "demo")?, "Ready");
        ensure!(ready["reason"] == "ResourcesFailed", "Ready is {ready}");
        Ok(ready["message"].to_string())
    })?;
    // The API server's own words.
    ensure!(
        seen.contains("exceeded quota: none") && seen.contains("count/jobs.batch"),
        "{seen}"
    );
    check_event_once(kubectl, "ResourcesFailed", "exceeded quota")?;

    let ended = kubelet::ended(kubectl, "demo")?;
    ensure!(
        begin.elapsed() > Duration::from_secs(10),
        "the deadline is 10 s, not {:?}",
        begin.elapsed()
    );
    assert_eq!(
        [&ended["verdict"], &ended["reason"]],
        ["Error", "ResourcesFailed"]
    );
    let message = ended["message"].to_string();
    ensure!(message.contains("exceeded quota"), "{message}");
    let tries = world.main.audit.count(&Filter {
        namespace: "quota",
        resource: "jobs",
        verb: "create",
        ..Filter::default()
    })?;
    ensure!(
        (3..=8).contains(&tries),
        "{tries} tries in {:?}",
        begin.elapsed()
    );
    let requests = place.requests()?.len();
    ensure!(
        requests <= 50,
        "{requests} requests in {:?}",
        begin.elapsed()
    );

    // Another test waits, and starts when there is room.
    test("patient", "5m")?;
    wait_until("the quota is said", SOON, || {
        let ready = condition(&status(kubectl, "patient")?, "Ready");
        ensure!(ready["reason"] == "ResourcesFailed", "Ready is {ready}");
        Ok(())
    })?;
    kubectl.patch(
        "resourcequota",
        "none",
        &json!({"spec": {"hard": {"count/jobs.batch": "2"}}}),
    )?;
    let status = kubelet::started(kubectl, "patient")?;
    assert_eq!(condition(&status, "Ready")["status"], "True");
    Ok(())
}

pub fn refused_pods_are_told_of(world: &World) -> Result<()> {
    let place = world.main.place("no-pods")?;
    let kubectl = &place.kubectl;
    quota(kubectl, "pods")?;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 1}}}")?;
    let healthy = |word: &str| {
        wait_until(&format!("PodsHealthy is {word}"), SOON, || {
            let found = condition(&status(kubectl, "demo")?, "PodsHealthy");
            ensure!(found["reason"] == word, "it is {found}");
            Ok(found["message"].to_string())
        })
    };
    let words = healthy("FailedCreate")?;
    ensure!(words.contains("exceeded quota: none"), "{words}");
    check_event_once(kubectl, "FailedCreate", "exceeded quota")?;
    // The Job controller goes on trying; nobody writes because of it.
    let writes = place.writes()?.len();
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(place.writes()?.len(), writes);
    let asked = place.requests()?;
    let asked = asked
        .iter()
        .filter(|request| request.resource() == "events" && request.verb() == "list");
    let count = asked.count();
    ensure!((1..=8).contains(&count), "asked {count} times");

    kubectl.delete("resourcequota", "none")?;
    healthy("PodsHealthy")?;
    Ok(())
}

/// Allows none of this resource.
pub fn quota(kubectl: &Kubectl, resource: &str) -> Result<()> {
    kubectl.apply(&format!("{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: none}}, spec: {{hard: {{{resource}: '0'}}}}}}"))?;
    wait_until("the quota counts", SOON, || {
        let quota = kubectl.get("resourcequota", "none")?;
        ensure!(quota["status"]["hard"][resource] == "0", "{quota}");
        Ok(())
    })
}
