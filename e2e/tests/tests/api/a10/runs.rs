//! What becomes of runs.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e_tests::wait::stays_so;
use e2e_tests::wait_until;
use serde_json::{Value, json};

use super::{container, names, pods};
use crate::end;
use crate::kubelet::{self, Listener, report};
use crate::script::Script;
use crate::settings::operator_with;
use crate::world::{Place, SOON, World};

pub fn a10_06_no_run_is_made_again(world: &World) -> Result<()> {
    let mut runs = vec![expired_while_away(world)?];
    runs.extend(expired_at_once(world)?);
    Ok(defects::check(6, &json!({ "runs": runs }))?)
}

fn masters_made(place: &Place<'_>, test: &str) -> Result<usize> {
    let job = format!("jobs/{test}-master");
    Ok(place.created()?.iter().filter(|it| **it == job).count())
}

fn expired_while_away(world: &World) -> Result<Value> {
    let place = world.other.place("a10-06-away")?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    let script = Script::start(kubectl)?;
    let loading = script.load()?;
    script.running()?;
    operator.kill()?;
    script.finish(&loading)?;
    kubectl.wait("job/demo-master", "condition=Complete", SOON)?;
    // The published operator writes this when it makes the Job.
    let expires = json!({"spec": {"ttlSecondsAfterFinished": 0}});
    kubectl.patch("job", "demo-master", &expires)?;
    wait_until("the Job has expired", SOON, || {
        ensure!(kubectl.find("job", "demo-master")?.is_none(), "it is there");
        Ok(())
    })?;
    let _operator = place.operator()?;
    let status = kubelet::ended(kubectl, "demo")?;
    place.settled()?;
    let made = masters_made(&place, "demo")?;
    Ok(
        json!({"what": "its Jobs expired while the operator was away", "mastersMade": made, "phase": status["phase"]}),
    )
}

fn expired_at_once(world: &World) -> Result<Vec<Value>> {
    let place = world.other.place("a10-06-ttl")?;
    let kubectl = &place.kubectl;
    let _operator = operator_with(&place, &["--job-ttl-seconds-after-finished=0"])?;
    let tests = ["one", "two", "three", "four", "five"];
    for test in tests {
        end::run(kubectl, test, 0, |id| report(id, &json!({})).to_string())?;
    }
    wait_until("all Jobs have expired", SOON * 3, || {
        let jobs = kubectl.list("jobs", "managed-by=locust-k8s-operator")?;
        ensure!(jobs.is_empty(), "{} Jobs are left", jobs.len());
        Ok(())
    })?;
    place.settled()?;
    let run = |test: &&str| {
        let (made, status) = (masters_made(&place, test)?, kubelet::status(kubectl, test)?);
        Ok(json!({"what": "TTL 0", "mastersMade": made, "phase": status["phase"]}))
    };
    tests.iter().map(run).collect()
}

pub fn a10_07_a_failed_test_makes_no_load(world: &World) -> Result<()> {
    let place = world.main.place("a10-07")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {startDeadline: 15s, worker: {replicas: 1}}}")?;
    kubelet::started(kubectl, "demo")?;
    let of_test = "performance-test-name=demo";
    for pod in pods(kubectl, of_test, 2)? {
        let name = pod["metadata"]["name"].as_str().context("a name")?;
        let unscheduled = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available"});
        kubectl.patch_status(
            "pod",
            name,
            &json!({"status": {"conditions": [unscheduled]}}),
        )?;
    }
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["verdict"], &status["reason"]],
        ["Error", "SchedulingError"]
    );
    wait_until("its Jobs are ended", SOON * 2, || {
        let state = json!({"status": kubelet::status(kubectl, "demo")?, "jobs": kubectl.list("jobs", of_test)?,
            "pods": kubectl.list("pods", of_test)?});
        Ok(defects::check(7, &state)?)
    })
}

pub fn a10_20_a_lost_worker_is_replaced(world: &World) -> Result<()> {
    let place = world.main.place("a10-20")?;
    let kubectl = &place.kubectl;
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 3}}}")?;
    kubelet::started(kubectl, "demo")?;
    let workers = "performance-test-name=demo,locust.io/role=worker";
    let before = pods(kubectl, workers, 3)?;
    let [killed, evicted, other] = &before[..] else {
        anyhow::bail!("not three workers");
    };
    kubelet::end_pod(kubectl, killed, 137, "")?;
    let name = evicted["metadata"]["name"].as_str().context("a name")?;
    let disruption = json!({"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet",
        "lastTransitionTime": "2026-01-02T03:04:05Z"});
    let lost =
        json!({"status": {"phase": "Failed", "reason": "Evicted", "conditions": [disruption]}});
    kubectl.patch_status("pod", name, &lost)?;
    wait_until("both are replaced", SOON * 3, || {
        let mut pods = kubectl.list("pods", workers)?;
        pods.retain(|pod| {
            pod["status"]["phase"] == "Pending" && pod["metadata"]["deletionTimestamp"].is_null()
        });
        let left = names(&pods);
        ensure!(
            left.len() == 3 && !left.contains(&killed["metadata"]["name"]),
            "{left:?}"
        );
        let others = names(std::slice::from_ref(other));
        let job = kubectl.get("job", "demo-worker")?;
        Ok(defects::check(
            20,
            &json!({"job": job, "others": others, "left": left}),
        )?)
    })
}

pub fn a10_21_missing_workers_end_the_run(world: &World) -> Result<()> {
    const ADDRESS: &str = "127.0.97.21";
    let place = world.main.place("a10-21")?;
    let kubectl = &place.kubectl;
    let listener = Listener::start(ADDRESS)?;
    let begin = Instant::now();
    kubectl.apply("{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {startDeadline: 12s, worker: {replicas: 2}}}")?;
    let status = kubelet::started(kubectl, "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?;
    listener.say(&report(
        id,
        &json!({"final": false, "state": "waiting", "reason": null, "exit": null, "exitBy": null, "start": null,
            "end": null, "users": 0, "peakUsers": 0, "workers": 1, "peakWorkers": 1, "n": 0}),
    ));
    kubelet::run_master(kubectl, "demo", ADDRESS)?;
    let status = kubelet::ended(kubectl, "demo")?;
    let args = container(kubectl, "demo-master")?["args"].take();
    let seconds = begin.elapsed().as_secs();
    Ok(defects::check(
        21,
        &json!({"masterArgs": args, "seconds": seconds, "status": status}),
    )?)
}

/// Each test says how long it stays, also after its end; nothing of it outlives it.
pub fn a10_23_nothing_stays_longer_than_it_should(world: &World) -> Result<()> {
    const KINDS: [&str; 5] = [
        "jobs",
        "services",
        "networkpolicies",
        "configmaps",
        "locusttests",
    ];
    let place = world.other.place("a10-23")?;
    let kubectl = &place.kubectl;
    let _operator = operator_with(&place, &["--job-ttl-seconds-after-finished=3600"])?;
    end::run(kubectl, "demo", 0, |id| report(id, &json!({})).to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    let left = || -> Result<Vec<String>> {
        let mut left = Vec::new();
        for kind in KINDS {
            let objects = kubectl.list(kind, "")?;
            let names = objects
                .iter()
                .filter_map(|it| it["metadata"]["name"].as_str());
            let ours = names.filter(|name| name.starts_with("demo"));
            left.extend(ours.map(|name| format!("{kind}/{name}")));
        }
        Ok(left)
    };
    stays_so("without retention all stays", SOON / 5, || {
        ensure!(left()?.len() == 6, "{:?}", left()?);
        Ok(())
    })?;
    assert_eq!(kubelet::status(kubectl, "demo")?, status, "results stay");
    let at_once = json!({"testAfterFailed": "1h", "testAfterPassed": "0s"});
    kubectl.patch("lotest", "demo", &json!({"spec": {"retention": at_once}}))?;
    let left = wait_until("all is gone", SOON * 3, || {
        let left = left()?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(left)
    })?;
    let state = json!({"ownRetention": true, "left": left});
    Ok(defects::check(23, &state)?)
}
