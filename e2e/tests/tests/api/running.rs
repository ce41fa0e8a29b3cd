//! While load runs: the status is what Locust says.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::wait::stays_so;
use e2e_tests::wait_until;
use serde_json::{Value, json};

use crate::end::{cells, test};
use crate::kubelet::{self, Listener, START, condition, report};
use crate::world::{SOON, World};

pub fn running_is_what_locust_says(world: &World) -> Result<()> {
    const ADDRESS: &str = "127.0.96.46";
    let place = world.main.place("running")?;
    let kubectl = &place.kubectl;
    let listener = Listener::start(ADDRESS)?;
    kubectl.apply(&test("demo"))?;
    let status = kubelet::started(kubectl, "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?.to_owned();
    let say = |other: Value| {
        let mut line = report(
            &id,
            &json!({"final": false, "reason": null, "exit": null, "exitBy": null, "end": null}),
        );
        if let (Some(line), Some(other)) = (line.as_object_mut(), other.as_object()) {
            line.extend(other.clone());
        }
        listener.say(&line);
    };
    say(json!({"state": "waiting", "start": null, "users": 0, "workers": 1, "n": 0}));
    kubelet::run_master(kubectl, "demo", ADDRESS)?;
    wait_until("one worker is connected", SOON, || {
        let status = kubelet::status(kubectl, "demo")?;
        ensure!(status["workers"]["text"] == "1/2", "{}", status["workers"]);
        Ok(())
    })?;
    stays_so(
        "a ready master alone is no load",
        Duration::from_secs(2),
        || {
            let phase = kubelet::status(kubectl, "demo")?["phase"].take();
            ensure!(phase == "Pending", "the phase is {phase}");
            Ok(())
        },
    )?;

    say(
        json!({"state": "running", "users": 3, "workers": 2, "n": 50, "f": 1, "cur": {"rps": 12.5, "fps": 0.1, "p95": 88}}),
    );
    let status = wait_until("load is running", SOON, || {
        let status = kubelet::status(kubectl, "demo")?;
        ensure!(status["phase"] == "Running", "{status}");
        Ok(status)
    })?;
    assert_eq!(status["startTime"], START.1);
    assert_eq!(condition(&status, "WorkersConnected")["status"], "True");
    let now = cells(kubectl, "demo")?;
    assert_eq!(
        now[..7],
        ["demo", "Running", "2/2", "3", "12.5", "88ms", "0.0200"]
    );

    // Numbers alone are not written more often than every 30 s.
    let writes = place.writes()?.len();
    say(json!({"state": "running", "users": 4, "workers": 2, "n": 90}));
    stays_so("the status", Duration::from_secs(12), || {
        ensure!(
            place.writes()?.len() == writes,
            "newer numbers were written"
        );
        Ok(())
    })?;
    kubelet::end_master(kubectl, "demo", 0, &report(&id, &json!({})).to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(status["verdict"], "Passed");
    let reasons: Vec<Value> = wait_until("the event Finished", SOON, || {
        let mut events = kubectl.events("demo")?;
        events.retain(|event| event["regarding"]["kind"] == "LocustTest");
        let mut reasons: Vec<Value> = events
            .iter_mut()
            .map(|event| event["reason"].take())
            .collect();
        ensure!(reasons.len() >= 3, "{reasons:?}");
        reasons.sort_by_key(Value::to_string);
        Ok(reasons)
    })?;
    assert_eq!(reasons, ["Finished", "Running", "Started"]);
    place.check_status_writes()
}

/// A node that is low on memory ends a worker; its pod says so and stays.
pub fn an_evicted_worker_is_told_of(world: &World) -> Result<()> {
    let place = world.main.place("evicted")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    let worker = wait_until("a worker's pod", SOON * 2, || {
        let pods = kubectl.list("pods", "performance-test-name=demo,locust.io/role=worker")?;
        pods.into_iter().next().context("no pod")
    })?;
    let name = worker["metadata"]["name"].as_str().context("a name")?;
    let words = "The node was low on resource: memory";
    let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted", "message": words, "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": words,
            "lastTransitionTime": "2026-01-02T03:04:05Z"}]}});
    kubectl.patch_status("pod", name, &evicted)?;
    wait_until("the eviction is told", SOON, || {
        let status = kubelet::status(kubectl, "demo")?;
        let told = condition(&status, "PodsHealthy");
        let said = told["message"].as_str().unwrap_or_default();
        ensure!(
            told["reason"] == "PodDisrupted" && said.contains(name) && said.contains(words),
            "{told}"
        );
        Ok(())
    })
}
